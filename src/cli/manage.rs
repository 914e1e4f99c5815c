//! The commands that work on databases without serving them. They may run beside a server.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Failure;
use super::args::{ApikeyCommand, DbCommand, StoreArgs, UserCommand};
use super::bar::Bar;
use crate::app::App;
use crate::auth::api_key::{self, NewKey};
use crate::auth::password::{MAX_LENGTH, Passwords};
use crate::clock;
use crate::database::{DEFAULT_LANG, Database, NewDatabase};
use crate::error::{Error, Result as Outcome};
use crate::generate::{self, Amounts};
use crate::models::res_users::{self, NewUser};

const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// `wiredoo user …`.
pub async fn user(store: StoreArgs, command: UserCommand) -> Result<(), Failure> {
    let (app, database) = open(&store).await?;
    match command {
        UserCommand::List => {
            for (user, partner) in res_users::all(database.connection()).await? {
                let name = partner.and_then(|partner| partner.name).unwrap_or_default();
                println!("{}\t{}\t{name}\t{}", user.id, user.login, if user.active { "active" } else { "inactive" });
            }
        }
        UserCommand::Create { login, name, password, groups } => {
            let password_hash = app.passwords.hash(&given_or_read(password)?).await;
            let new = NewUser { name: name.unwrap_or_else(|| login.clone()), login, password_hash, groups };
            let now = app.clock.now();
            let user = database
                .write(|tx| {
                    let new = new.clone();
                    Box::pin(async move { res_users::create(tx, &new, now).await })
                })
                .await?;
            println!("{}", user.id);
        }
        UserCommand::Password { login, password } => {
            let user = find(&database, &login).await?;
            let hash = app.passwords.hash(&given_or_read(password)?).await;
            database
                .write(|tx| {
                    let hash = hash.clone();
                    Box::pin(async move { res_users::set_password(tx, user.id, hash).await })
                })
                .await?;
        }
        UserCommand::Deactivate { login } => set_active(&database, &login, false).await?,
        UserCommand::Activate { login } => set_active(&database, &login, true).await?,
    }
    database.close().await;
    Ok(())
}

/// `wiredoo apikey …`.
pub async fn api_key(store: StoreArgs, command: ApikeyCommand) -> Result<(), Failure> {
    let (app, database) = open(&store).await?;
    let now = app.clock.now();
    match command {
        ApikeyCommand::Create { login, name, scope, days, expires } => {
            let user = find(&database, &login).await?;
            let in_days = |days: u32| now.checked_add_signed(TimeDelta::days(days.into()));
            let expires = match days.map(in_days) {
                Some(None) => return Err(Failure("the key would expire too late".to_owned())),
                days => days.flatten().or(expires),
            };
            if expires.is_some_and(|expires| expires <= now) {
                return Err(Failure("the key would have expired already".to_owned()));
            }
            let new = NewKey { name, scope: Some(scope).filter(|scope| scope != "any"), expires };
            let key = api_key::generate();
            let stored: Outcome<()> = database
                .write(|tx| {
                    let (key, new) = (key.clone(), new.clone());
                    Box::pin(async move { api_key::store(tx, user.id, &new, &key, now).await.map(drop) })
                })
                .await;
            stored?;
            println!("{key}");
        }
        ApikeyCommand::List { login } => {
            let user = find(&database, &login).await?;
            for key in api_key::list(database.connection(), user.id).await? {
                let expires = key.expiration_date.map_or_else(|| "never".to_owned(), clock::to_string);
                println!("{}\t{}\t{}\t{expires}", key.id, key.name, key.scope.as_deref().unwrap_or("any"));
            }
        }
        ApikeyCommand::Revoke { id } => {
            let revoked = database.write(|tx| Box::pin(async move { api_key::revoke(tx, id).await })).await?;
            if !revoked {
                return Err(Failure(format!("there is no API key with the id {id}")));
            }
        }
    }
    database.close().await;
    Ok(())
}

/// `wiredoo db …`.
pub async fn db(store: StoreArgs, command: DbCommand) -> Result<(), Failure> {
    let app = App::connect(store.config()).await?;
    match command {
        DbCommand::List => {
            for name in app.databases.list().await? {
                println!("{name}");
            }
        }
        DbCommand::Create { name, admin_login, admin_password } => {
            app.databases.check_free(&name).await?;
            let new = NewDatabase {
                login: admin_login,
                password_hash: app.passwords.hash(&admin_password).await,
                lang: DEFAULT_LANG.to_owned(),
                country_code: None,
                phone: None,
            };
            app.databases.create(&name, &new).await?;
        }
        DbCommand::Duplicate { from, to } => app.databases.duplicate(&from, &to).await?,
        DbCommand::Drop { name } => {
            if !app.databases.drop(&name).await? {
                return Err(Failure(format!("database '{name}' does not exist")));
            }
        }
        DbCommand::Generate { name, partners, users, categories, seed } => {
            let amounts = Amounts { partners, users, categories, seed };
            let database = app.ensure(&name).await?;
            let mut bar = Bar::default();
            generate::fill(&database, &app.tools(), amounts, |progress| bar.show(progress)).await?;
        }
    }
    app.databases.close_all().await;
    Ok(())
}

/// `wiredoo hash-password`.
pub async fn hash_password(rounds: u32) -> Result<(), Failure> {
    let password = given_or_read(None)?;
    println!("{}", Passwords::new(rounds).hash(&password).await);
    Ok(())
}

/// `wiredoo healthcheck`.
pub async fn healthcheck(url: &str) -> Result<(), Failure> {
    let sick = |why: String| Failure(format!("{url} is not healthy: {why}"));
    let parsed = url::Url::parse(url).map_err(|error| sick(error.to_string()))?;
    let (Some(host), Some(port), "http") = (parsed.host_str(), parsed.port_or_known_default(), parsed.scheme()) else {
        return Err(sick("the address must be http://host:port".to_owned()));
    };
    let request = format!("GET /web/health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    let ask = async {
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = timeout(HEALTH_TIMEOUT, ask).await.map_err(|_| sick("it does not answer".to_owned()))?;
    let answer = answer.map_err(|error| sick(error.to_string()))?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let status = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Err(sick(String::from_utf8_lossy(status).into_owned()))
}

async fn open(store: &StoreArgs) -> Result<(Arc<App>, Arc<Database>), Failure> {
    let app = App::connect(store.config()).await?;
    let database = app.databases.open(&store.db).await?;
    Ok((app, database))
}

async fn find(database: &Database, login: &str) -> Result<entity::res_users::Model, Failure> {
    let user = res_users::find(database.connection(), login).await?;
    user.ok_or_else(|| Failure(format!("there is no user with the login '{login}'")))
}

async fn set_active(database: &Database, login: &str, active: bool) -> Result<(), Failure> {
    let user = find(database, login).await?;
    let changed: Outcome<()> =
        database.write(|tx| Box::pin(async move { res_users::set_active(tx, user.id, active).await })).await;
    Ok(changed?)
}

/// A password from the command line, or else the first line of standard input.
fn given_or_read(given: Option<String>) -> Result<String, Failure> {
    let password = if let Some(password) = given {
        password
    } else {
        let input = io::stdin();
        if input.is_terminal() {
            eprint!("Password: ");
        }
        let mut line = String::new();
        input.lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    match password.len() {
        0 => Err(Failure("the password is empty".to_owned())),
        1..=MAX_LENGTH => Ok(password),
        _ => Err(Error::BadRequest(format!("a password has at most {MAX_LENGTH} bytes")).into()),
    }
}
