//! What a server is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::password;
use crate::database::Filter;
use crate::series::Series;

/// Where the databases are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the memory of the process.
    Memory,
    /// SQLite files in this folder.
    Directory(PathBuf),
    /// The PostgreSQL server at this URL.
    Postgres(String),
}

/// A server's configuration. [`Config::default`] is an ephemeral 19.0 with the database `odoo`.
#[derive(Clone, Debug)]
pub struct Config {
    pub series: Series,
    pub storage: Storage,
    /// The databases that are made at the start where they are missing. The first is the default one.
    pub databases: Vec<String>,
    /// Which databases a host sees.
    pub db_filter: Filter,
    /// Whether the list of databases is told to whoever asks.
    pub list_db: bool,
    pub admin_login: String,
    pub admin_password: String,
    /// An API key that the administrator of a database made at the start has.
    pub admin_api_key: Option<String>,
    /// What clients send to create, copy, rename or drop databases.
    pub master_password: String,
    /// How long a session lives without being used; the series' own where it is not set.
    pub session_lifetime: Option<Duration>,
    /// The rounds of new password hashes; where not set, 600,000, or 1,000 where all is gone with the process.
    pub pbkdf2_rounds: Option<u32>,
    /// How long a request waits for the store: for a connection, for other writers, on PostgreSQL for the answer to a
    /// statement.
    pub store_patience: Duration,
    /// Whether requests, calls and logins are counted.
    pub metrics: bool,
    /// Whether `X-Forwarded-For`, `-Host` and `-Proto` are believed.
    pub proxy_mode: bool,
    pub limits: Limits,
}

/// What a client may not exceed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size of a body, in bytes; also `max_file_upload_size` of the session info.
    pub body: usize,
    /// How long a client may take for its headers, and between two parts of its body.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 128 * 1024 * 1024, patience: Duration::from_secs(30) }
    }
}

impl Config {
    /// The rounds of new password hashes.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        let ephemeral = self.storage == Storage::Memory;
        self.pbkdf2_rounds.unwrap_or(if ephemeral { password::EPHEMERAL_ROUNDS } else { password::ROUNDS })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            series: Series::DEFAULT,
            storage: Storage::Memory,
            databases: vec!["odoo".to_owned()],
            db_filter: Filter::default(),
            list_db: true,
            admin_login: "admin".to_owned(),
            admin_password: "admin".to_owned(),
            admin_api_key: None,
            master_password: "admin".to_owned(),
            session_lifetime: None,
            pbkdf2_rounds: None,
            store_patience: Duration::from_secs(30),
            metrics: false,
            proxy_mode: false,
            limits: Limits::default(),
        }
    }
}
