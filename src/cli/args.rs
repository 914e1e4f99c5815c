//! What the command line takes. Its `--help` is made of the comments here.

#![expect(clippy::doc_markdown, reason = "the comments are read in a terminal")]

use std::path::PathBuf;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime};
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::double::DoubleArgs;
use crate::auth::{api_key, password};
use crate::config::{Config, Limits, Storage};
use crate::database::Filter;
use crate::series::Series;

/// An Odoo server without Odoo: its wire protocols, with a store of its own.
///
/// Without a command, wiredoo serves. As soon as it accepts connections it writes one line of JSON to standard output,
/// {"ready":true,"url":…,"db":…,"series":…,"pid":…}; its log goes to standard error. SIGTERM and SIGINT finish what is
/// under way and end it with status 0. Wrong arguments end it with status 2, other failures with 1.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve (what wiredoo does without a command)
    Serve(Box<ServeArgs>),
    /// Manage the users of a database
    User {
        #[command(flatten)]
        store: StoreArgs,
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Manage the API keys of a database
    Apikey {
        #[command(flatten)]
        store: StoreArgs,
        #[command(subcommand)]
        command: ApikeyCommand,
    },
    /// Manage databases
    Db {
        #[command(flatten)]
        store: StoreArgs,
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Read a password from standard input and print its hash, as res_users.password has it
    HashPassword {
        /// Rounds of PBKDF2
        #[arg(long, env = "WIREDOO_PBKDF2_ROUNDS", default_value_t = password::ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
        pbkdf2_rounds: u32,
    },
    /// Ask a server whether it lives, and end with status 0 if it does
    Healthcheck {
        /// Its address
        #[arg(long, env = "WIREDOO_URL", default_value = "http://127.0.0.1:8069")]
        url: String,
    },
}

/// Where the databases are, for all commands but `serve`.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// Series of the databases: 15.0, 16.0, 17.0, 18.0 or 19.0
    #[arg(long, env = "WIREDOO_SERIES", default_value_t = Series::DEFAULT, global = true)]
    pub series: Series,
    /// Folder of the SQLite files [default: wiredoo/SERIES in the user's data directory]
    #[arg(long, env = "WIREDOO_DATA_DIR", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL server of the databases, postgres://…
    #[arg(
        long,
        env = "WIREDOO_DATABASE_URL",
        value_name = "URL",
        conflicts_with = "data_dir",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Name of the database
    #[arg(long, env = "WIREDOO_DB", value_name = "NAME", default_value = "odoo", global = true)]
    pub db: String,
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List the users: id, login, name, active or not
    List,
    /// Create a user; without --password it is read from standard input
    Create {
        login: String,
        /// The person's name [default: the login]
        #[arg(long)]
        name: Option<String>,
        #[arg(long, env = "WIREDOO_PASSWORD", hide_env_values = true)]
        password: Option<String>,
        /// External ids of the user's groups [default: those of an internal user]
        #[arg(long = "group", value_name = "XMLID")]
        groups: Vec<String>,
    },
    /// Set a user's password, which ends the user's sessions; without --password it is read from standard input
    Password {
        login: String,
        #[arg(long, env = "WIREDOO_PASSWORD", hide_env_values = true)]
        password: Option<String>,
    },
    /// Deactivate a user, which ends the user's sessions
    Deactivate { login: String },
    /// Activate a user again
    Activate { login: String },
}

#[derive(Debug, Subcommand)]
pub enum ApikeyCommand {
    /// Create an API key of a user and print it; it is shown only now
    Create {
        login: String,
        /// What the key is for
        #[arg(long, default_value = "command line")]
        name: String,
        /// What it can be used for: `rpc` for calls; `any`, as keys have it that are made in the web client, for
        /// everything; Odoo's modules have others, with which no call is possible
        #[arg(long, default_value = api_key::RPC_SCOPE)]
        scope: String,
        /// Days until it expires [default: never]
        #[arg(long, value_name = "DAYS", conflicts_with = "expires")]
        days: Option<u32>,
        /// When it expires: 2030-12-31, or '2030-12-31 23:59:59' in UTC
        #[arg(long, value_name = "TIME", value_parser = moment)]
        expires: Option<NaiveDateTime>,
    },
    /// List the API keys of a user: id, name, scope, expiration
    List { login: String },
    /// Revoke the API key with this id
    Revoke { id: i32 },
}

#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// List the databases
    List,
    /// Create a database with the administrator `admin`
    Create {
        name: String,
        #[arg(long, env = "WIREDOO_ADMIN_LOGIN", default_value = "admin")]
        admin_login: String,
        #[arg(long, env = "WIREDOO_ADMIN_PASSWORD", default_value = "admin", hide_env_values = true)]
        admin_password: String,
    },
    /// Copy a database
    Duplicate { from: String, to: String },
    /// Remove a database with all that is in it
    Drop { name: String },
    /// Fill a database, which is made if it is not there, with partners, users and tags, to measure with.
    ///
    /// The same seed gives the same records. The users are user1, user2, … with the password `generated`; each has a partner,
    /// beside the partners that are asked for. A new database has the administrator `admin` with the password `admin`.
    Generate {
        name: String,
        /// Partners: companies, their contacts and delivery addresses, and others
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
        partners: u32,
        /// Internal users
        #[arg(long, value_name = "NUMBER", default_value_t = 10)]
        users: u32,
        /// Tags of partners
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        categories: u32,
        /// What the records depend on
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        seed: u64,
    },
}

/// The form of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on. On one that is not loopback, wiredoo refuses to start with the default passwords
    #[arg(long, env = "WIREDOO_HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on; 0 is any that is free
    #[arg(long, env = "WIREDOO_PORT", default_value_t = 8069)]
    pub port: u16,
    /// Series of Odoo to be: 15.0, 16.0, 17.0, 18.0 or 19.0
    #[arg(long, env = "WIREDOO_SERIES", default_value_t = Series::DEFAULT)]
    pub series: Series,
    /// Folder of the SQLite files [default: wiredoo/SERIES in the user's data directory]
    #[arg(long, env = "WIREDOO_DATA_DIR", value_name = "DIR", group = "storage")]
    pub data_dir: Option<PathBuf>,
    /// Keep all databases in memory, gone at the end. Passwords are hashed with 1,000 rounds then, unless
    /// --pbkdf2-rounds says otherwise, so that the server is ready at once and logins take no time
    #[arg(long, env = "WIREDOO_EPHEMERAL", group = "storage", value_parser = FalseyValueParser::new())]
    pub ephemeral: bool,
    /// Keep the databases on a PostgreSQL server, postgres://user:password@host:port/. Where --db is not given, the
    /// database in the URL's path is the default one
    #[arg(long, env = "WIREDOO_DATABASE_URL", value_name = "URL", group = "storage", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Database that is made if it is not there; can be given several times, the first is the default one
    #[arg(long, env = "WIREDOO_DB", value_name = "NAME", value_delimiter = ',')]
    pub db: Vec<String>,
    /// Regular expression that tells which databases a host sees; %h is the host, %d its first label
    #[arg(long, env = "WIREDOO_DB_FILTER", value_name = "REGEX", value_parser = Filter::new)]
    pub db_filter: Option<Filter>,
    /// Do not tell the list of databases, nor let clients create, copy, rename, drop, dump or restore them
    #[arg(long, env = "WIREDOO_NO_LIST_DB", value_parser = FalseyValueParser::new())]
    pub no_list_db: bool,
    /// Login of the administrator of databases that are made
    #[arg(long, env = "WIREDOO_ADMIN_LOGIN", default_value = "admin", value_name = "LOGIN")]
    pub admin_login: String,
    /// Password of the administrator of databases that are made
    #[arg(
        long,
        env = "WIREDOO_ADMIN_PASSWORD",
        default_value = "admin",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub admin_password: String,
    /// API key of the administrator, 40 hex digits, which each database that is made or opened at the start gets; it
    /// never expires. `openssl rand -hex 20` makes one
    #[arg(long, env = "WIREDOO_ADMIN_API_KEY", value_name = "KEY", hide_env_values = true, value_parser = key)]
    pub admin_api_key: Option<String>,
    /// Password that clients send to create, copy, rename and drop databases
    #[arg(
        long,
        env = "WIREDOO_MASTER_PASSWORD",
        default_value = "admin",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub master_password: String,
    /// How long a session lives without being used: 90s, 15m, 12h, 7d, or seconds [default: 90d in 15.0, else 7d]
    #[arg(long, env = "WIREDOO_SESSION_LIFETIME", value_name = "TIME", value_parser = time)]
    pub session_lifetime: Option<Duration>,
    /// Rounds of PBKDF2 for new password hashes [default: 600000; 1000 with --ephemeral]
    #[arg(long, env = "WIREDOO_PBKDF2_ROUNDS", value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub pbkdf2_rounds: Option<u32>,
    /// How long a request waits for the store: for a connection, for other writers, on PostgreSQL for the answer to a
    /// statement: 30s, 2m, or seconds
    #[arg(long, env = "WIREDOO_STORE_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub store_timeout: Duration,
    /// Tell metrics for Prometheus at http://HOST:PORT/metrics. Whoever reaches that address may read them, so it
    /// should not be that of the server's clients
    #[arg(long, env = "WIREDOO_METRICS", value_name = "HOST:PORT")]
    pub metrics: Option<String>,
    /// Largest body of a request, in bytes
    #[arg(long, env = "WIREDOO_MAX_BODY", value_name = "BYTES", default_value_t = Limits::default().body)]
    pub max_body: usize,
    /// Believe X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto; only behind a proxy that sets them
    #[arg(long, env = "WIREDOO_PROXY_MODE", value_parser = FalseyValueParser::new())]
    pub proxy_mode: bool,
    /// What is logged, such as `info`, `debug` or `wiredoo=debug,warn`
    #[arg(long, env = "WIREDOO_LOG", value_name = "FILTER", default_value = "info,sea_orm_migration=warn")]
    pub log: String,
    /// Form of the log
    #[arg(long, env = "WIREDOO_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    #[command(flatten)]
    pub double: DoubleArgs,
}

impl ServeArgs {
    /// The configuration that these arguments make.
    pub fn config(&self) -> Config {
        let storage = storage(self.ephemeral, self.data_dir.as_ref(), self.database_url.as_ref(), self.series);
        let in_url = || self.database_url.as_deref().and_then(crate::database::database_of);
        let databases =
            if self.db.is_empty() { vec![in_url().unwrap_or_else(|| "odoo".to_owned())] } else { self.db.clone() };
        Config {
            series: self.series,
            storage,
            databases,
            db_filter: self.db_filter.clone().unwrap_or_default(),
            list_db: !self.no_list_db,
            admin_login: self.admin_login.clone(),
            admin_password: self.admin_password.clone(),
            admin_api_key: self.admin_api_key.clone(),
            master_password: self.master_password.clone(),
            session_lifetime: self.session_lifetime,
            pbkdf2_rounds: self.pbkdf2_rounds,
            store_patience: self.store_timeout,
            metrics: self.metrics.is_some(),
            proxy_mode: self.proxy_mode,
            limits: Limits { body: self.max_body, ..Limits::default() },
        }
    }
}

impl StoreArgs {
    /// The configuration that these arguments make, which makes no database.
    pub fn config(&self) -> Config {
        Config {
            series: self.series,
            storage: storage(false, self.data_dir.as_ref(), self.database_url.as_ref(), self.series),
            databases: Vec::new(),
            ..Config::default()
        }
    }
}

fn storage(ephemeral: bool, data_dir: Option<&PathBuf>, database_url: Option<&String>, series: Series) -> Storage {
    let default = || {
        // Databases of different series do not mix, so each has a folder.
        let data = dirs::data_local_dir().unwrap_or_else(|| PathBuf::from("."));
        data.join("wiredoo").join(series.name())
    };
    match database_url {
        _ if ephemeral => Storage::Memory,
        Some(url) => Storage::Postgres(url.clone()),
        None => Storage::Directory(data_dir.cloned().unwrap_or_else(default)),
    }
}

/// Reads a date, or a time of UTC, that is still to come for a key.
fn moment(text: &str) -> Result<NaiveDateTime, String> {
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let time = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
    let time = time.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    time.or_else(day).ok_or_else(|| "a time is written as 2030-12-31 or '2030-12-31 23:59:59', in UTC".to_owned())
}

fn key(text: &str) -> Result<String, String> {
    if api_key::is_key(text) { Ok(text.to_owned()) } else { Err("an API key has 40 hex digits".to_owned()) }
}

/// Reads `90`, `90s`, `15m`, `12h` or `7d`.
fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a time is a number with s, m, h or d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a time begins with a number".to_owned())?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=315_360_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("a time is between a second and ten years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times() {
        assert_eq!(time("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        for wrong in ["", "m", "0", "1w", "-1", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_database_in_the_url_is_the_default_one() {
        let config = |args: &[&str]| Cli::try_parse_from(args).unwrap().serve.config();
        assert_eq!(config(&["wiredoo"]).databases, ["odoo"]);
        assert_eq!(config(&["wiredoo", "--database-url", "postgres://h/login"]).databases, ["login"]);
        assert_eq!(config(&["wiredoo", "--db", "a", "--db", "b"]).databases, ["a", "b"]);
        assert!(Cli::try_parse_from(["wiredoo", "--series", "12.0"]).is_err());
        assert!(Cli::try_parse_from(["wiredoo", "--ephemeral", "--data-dir", "x"]).is_err());
    }
}
