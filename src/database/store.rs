//! Where the databases are: a folder of SQLite files, this process's memory, or a PostgreSQL server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, fs, io};

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};
use tokio::sync::Semaphore;

use super::connection::Connection;
use super::identity::Identity;
use super::image::{self, Image};
use super::signal::Signal;
use super::{dialect, postgres, sqlite, stall};

/// The ending of a database's file.
const SUFFIX: &str = ".sqlite3";
/// The files that SQLite keeps beside a database while it is open.
const SIDE_FILES: [&str; 3] = ["", "-wal", "-shm"];
/// How the names of drafts begin.
const DRAFT: &str = "_draft_";
/// How the names of images begin.
const IMAGE: &str = "_image_";
/// A draft of this age has been left behind by a crash.
const DRAFT_AGE: Duration = Duration::from_hours(1);
/// Connections to one SQLite file: readers do not wait for each other or for a writer.
const SQLITE_CONNECTIONS: usize = 8;
/// Connections to a database in memory: each takes room, and readers are soon done.
const MEMORY_CONNECTIONS: usize = 2;
/// How long is waited for one of them.
const MEMORY_PATIENCE: Duration = Duration::from_mins(1);
/// Connections to one PostgreSQL database.
pub(super) const POSTGRES_CONNECTIONS: u32 = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the databases are.
pub enum Store {
    /// SQLite files in a folder.
    Directory(PathBuf),
    /// SQLite databases in memory, gone with the process.
    Memory(Memory),
    /// Databases of a PostgreSQL server.
    Postgres(Postgres),
}

/// Databases in memory. Each lives as long as a connection to it is open, so they are held here.
#[derive(Default)]
pub struct Memory {
    held: Mutex<BTreeMap<String, Held>>,
}

#[derive(Clone)]
struct Held {
    uri: String,
    connection: Connection,
}

/// A PostgreSQL server, with a connection from which its databases are managed.
pub struct Postgres {
    url: url::Url,
    server: DatabaseConnection,
    also: Vec<String>,
    /// How long is waited for what the server says of its databases.
    patience: Duration,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "Directory({})", path.display()),
            Self::Memory(_) => f.write_str("Memory"),
            Self::Postgres(_) => f.write_str("Postgres"),
        }
    }
}

impl Store {
    /// A folder of SQLite files; it is made where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn directory(path: PathBuf) -> io::Result<Self> {
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        // Password hashes and secrets are in it.
        folder.recursive(true).create(&path)?;
        remove_old_drafts(&path)?;
        Ok(Self::Directory(path))
    }

    /// An empty store in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Memory::default())
    }

    /// The PostgreSQL server at `url`. Its databases are managed from the database `postgres`, or where that is out of
    /// reach from the one that the URL names. Those called as in `also` are listed whoever owns them.
    ///
    /// # Errors
    /// The URL is none, or the server cannot be reached.
    pub async fn postgres(url: &str, also: &[String], patience: Duration) -> Result<Self, Unreachable> {
        let url = postgres_url(url)?;
        probe(&url).await?;
        let server = match (connect_postgres(&url, "postgres", 2, CONNECT_TIMEOUT).await, database_of(url.as_str())) {
            (Err(_), Some(name)) => connect_postgres(&url, &name, 2, CONNECT_TIMEOUT).await,
            (connected, _) => connected,
        };
        let server = server.map_err(|error| Unreachable::new(&url, &error.to_string()))?;
        Ok(Self::Postgres(Postgres { url, server, also: also.to_vec(), patience: patience.min(CONNECT_TIMEOUT) }))
    }

    /// Whether the databases are gone with the process.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// The names of all databases, sorted.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self) -> Result<Vec<String>, DbErr> {
        let mut names = match self {
            Self::Directory(folder) => names_in(folder).map_err(|error| file_error(&error))?,
            Self::Memory(memory) => memory.lock().keys().filter(|name| is_valid_name(name)).cloned().collect(),
            Self::Postgres(postgres) => {
                let names = postgres.answered(dialect::list_databases(&postgres.server, &postgres.also)).await?;
                names.into_iter().filter(|name| is_valid_name(name)).collect()
            }
        };
        names.sort_unstable();
        Ok(names)
    }

    /// Whether there is a database of that name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn exists(&self, name: &str) -> Result<bool, DbErr> {
        match self {
            _ if !is_valid_name(name) => Ok(false),
            Self::Directory(folder) => file(folder, name).try_exists().map_err(|error| file_error(&error)),
            Self::Memory(memory) => Ok(memory.lock().contains_key(name)),
            Self::Postgres(postgres) => postgres.answered(dialect::has_database(&postgres.server, name)).await,
        }
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn create(&self, name: &str) -> Result<(), DbErr> {
        match self {
            Self::Directory(folder) => {
                fs::File::create_new(file(folder, name)).map(drop).map_err(|error| file_error(&error))
            }
            Self::Memory(memory) => memory.create(name).await.map(drop),
            Self::Postgres(postgres) => dialect::Utility::Create(name).run(&postgres.server).await,
        }
    }

    /// Connects to a database that exists. `patience` is how long a statement waits for a connection, or on SQLite for
    /// another process.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn connect(&self, name: &str, patience: Duration) -> Result<Connection, DbErr> {
        match self {
            Self::Directory(folder) => connect_sqlite(&file(folder, name), patience).await,
            Self::Memory(memory) => Ok(memory.get(name)?.connection),
            Self::Postgres(postgres) => {
                let connected = connect_postgres(&postgres.url, name, POSTGRES_CONNECTIONS, patience).await?;
                let connections = connected.get_postgres_connection_pool().clone();
                let pool = postgres::Pool::new(connections, POSTGRES_CONNECTIONS, patience);
                Ok(Connection::Postgres(Arc::new(pool)))
            }
        }
    }

    /// Which file a database is now, where it is one.
    pub(super) fn identity(&self, name: &str) -> Option<Identity> {
        match self {
            Self::Directory(folder) => Identity::of(&file(folder, name)).ok(),
            _ => None,
        }
    }

    /// A name for a database that is being made, which no client can know or say.
    pub(super) fn draft_name() -> String {
        format!("{DRAFT}{}", hex::encode(crate::auth::random::<12>()))
    }

    /// Gives a draft, to which no connection is open, its name. Answers whether the name was free.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn publish(&self, draft: &str, name: &str) -> Result<bool, DbErr> {
        match self {
            Self::Directory(folder) => {
                let (from, to) = (file(folder, draft), file(folder, name));
                // Unlike a rename, a link does not replace what another process has put there.
                match fs::hard_link(&from, &to) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    linked => linked.and_then(|()| fs::remove_file(from)).map(|()| true).map_err(|e| file_error(&e)),
                }
            }
            Self::Memory(memory) => {
                let mut held = memory.lock();
                if held.contains_key(name) {
                    return Ok(false);
                }
                if let Some(database) = held.remove(draft) {
                    held.insert(name.to_owned(), database);
                }
                Ok(true)
            }
            Self::Postgres(postgres) => {
                dialect::disconnect(&postgres.server, draft).await?;
                match (dialect::Utility::Rename { from: draft, to: name }).run(&postgres.server).await {
                    // The second is what PostgreSQL says where another process renames to that name at the same time.
                    Err(error) if matches!(dialect::code(&error).as_deref(), Some("42P04" | "23505")) => Ok(false),
                    renamed => renamed.map(|()| true),
                }
            }
        }
    }

    /// Whether a copy is made only of a database to which nobody is connected.
    pub(super) fn closes_to_duplicate(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What tells of changes to a database to which a connection is open.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn signal(&self, name: &str) -> Result<Signal, DbErr> {
        match self {
            Self::Directory(folder) => Signal::of_file(&file(folder, name)).map_err(|error| file_error(&error)),
            Self::Memory(_) => Ok(Signal::Process(AtomicU64::default())),
            Self::Postgres(_) => {
                Ok(Signal::Snapshot(Arc::default(), Arc::new(Semaphore::new(POSTGRES_CONNECTIONS as usize / 2))))
            }
        }
    }

    /// Copies the database `from`, to which `connection` is open, to the new name `to`. On PostgreSQL that closes it.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn duplicate(&self, from: &str, connection: &Connection, to: &str) -> Result<(), DbErr> {
        match self {
            Self::Directory(folder) => dialect::vacuum_into(connection, &file(folder, to).to_string_lossy()).await,
            Self::Memory(memory) => dialect::vacuum_into(connection, &memory.create(to).await?.uri).await,
            Self::Postgres(postgres) => {
                connection.close().await;
                dialect::disconnect(&postgres.server, from).await?;
                dialect::Utility::Duplicate { from, to }.run(&postgres.server).await
            }
        }
    }

    /// Keeps aside the state of the database `name`, to which `connection` is open. On PostgreSQL that closes it.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn image(&self, name: &str, connection: &Connection) -> Result<Image, DbErr> {
        if self.is_ephemeral() {
            return image::pages(connection).await;
        }
        let kept = format!("{IMAGE}{}", hex::encode(crate::auth::random::<12>()));
        self.duplicate(name, connection, &kept).await?;
        Ok(Image::Kept(kept))
    }

    /// Makes the new database `name` of an image.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn create_from(&self, image: &Image, name: &str) -> Result<(), DbErr> {
        match (self, image) {
            (Self::Memory(memory), Image::Pages(pages)) => {
                image::replace_pages(&memory.create(name).await?.connection, pages).await.map(drop)
            }
            (Self::Directory(folder), Image::Kept(kept)) => {
                fs::copy(file(folder, kept), file(folder, name)).map(drop).map_err(|error| file_error(&error))
            }
            (Self::Postgres(postgres), Image::Kept(kept)) => {
                dialect::Utility::Duplicate { from: kept, to: name }.run(&postgres.server).await
            }
            (_, image) => Err(DbErr::Custom(format!("{image:?} is of another store"))),
        }
    }

    /// Removes a database.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn remove(&self, name: &str) -> Result<(), DbErr> {
        match self {
            Self::Directory(folder) => each_file(folder, name, |path, _| fs::remove_file(path)),
            Self::Memory(memory) => {
                let held = memory.lock().remove(name);
                if let Some(held) = held {
                    held.connection.close().await;
                }
                Ok(())
            }
            Self::Postgres(postgres) => dialect::Utility::Drop(name).run(&postgres.server).await,
        }
    }

    /// Gives a database another name.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), DbErr> {
        match self {
            Self::Directory(folder) => {
                each_file(folder, from, |path, side| fs::rename(path, folder.join(format!("{to}{SUFFIX}{side}"))))
            }
            Self::Memory(memory) => {
                let mut held = memory.lock();
                if let Some(database) = held.remove(from) {
                    held.insert(to.to_owned(), database);
                }
                Ok(())
            }
            Self::Postgres(postgres) => {
                dialect::disconnect(&postgres.server, from).await?;
                dialect::Utility::Rename { from, to }.run(&postgres.server).await
            }
        }
    }
}

impl Postgres {
    /// What the server says of its databases, unless it says nothing.
    async fn answered<T>(&self, question: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        stall::within(self.patience, question).await
    }
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Result<Held, DbErr> {
        let held = self.lock().get(name).cloned();
        held.ok_or_else(|| DbErr::RecordNotFound(format!("database '{name}'")))
    }

    async fn create(&self, name: &str) -> Result<Held, DbErr> {
        // The number keeps apart the databases of several servers in one process.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let uri = format!("file:/wiredoo-{}?vfs=memdb", NUMBER.fetch_add(1, Ordering::Relaxed));
        let pool = sqlite::Pool::open(sqlite::Source::Memory(uri.clone()), MEMORY_CONNECTIONS, MEMORY_PATIENCE).await?;
        let held = Held { uri, connection: Connection::Sqlite(pool) };
        self.lock().insert(name.to_owned(), held.clone());
        Ok(held)
    }
}

/// Whether a database may be called so, by Odoo's rule: a letter or digit, then letters, digits, `_`, `.` and `-`.
/// So no name can leave the folder of the databases.
pub fn is_valid_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(inner)
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{SUFFIX}"))
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(SUFFIX))
            && is_valid_name(name)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn remove_old_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if ![DRAFT, IMAGE].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            continue;
        }
        let remove = || -> io::Result<()> {
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > DRAFT_AGE { fs::remove_file(entry.path()) } else { Ok(()) }
        };
        ignore_missing(remove())?;
    }
    Ok(())
}

/// Does `act` to the database's file and to the files that SQLite may have left beside it.
fn each_file(folder: &Path, name: &str, act: impl Fn(&Path, &str) -> io::Result<()>) -> Result<(), DbErr> {
    for side in SIDE_FILES {
        let done = act(&folder.join(format!("{name}{SUFFIX}{side}")), side);
        ignore_missing(done).map_err(|error| file_error(&error))?;
    }
    Ok(())
}

/// What is not there, or what another process has removed meanwhile, needs nothing done to it.
fn ignore_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn file_error(error: &io::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}

async fn connect_sqlite(path: &Path, patience: Duration) -> Result<Connection, DbErr> {
    let source = sqlite::Source::File(path.to_owned());
    sqlite::Pool::open(source, SQLITE_CONNECTIONS, patience).await.map(Connection::Sqlite)
}

/// Why a PostgreSQL server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(String);

impl Unreachable {
    fn new(url: &url::Url, why: &str) -> Self {
        let host = url.host_str().unwrap_or("localhost");
        Self(format!("cannot connect to the PostgreSQL server at {host}: {why}"))
    }
}

fn postgres_url(text: &str) -> Result<url::Url, Unreachable> {
    let wrong = |why: &str| Unreachable(format!("the database URL is wrong: {why}"));
    // sqlx knows the scheme by its short name only.
    let text = text.strip_prefix("postgresql://").map_or_else(|| text.to_owned(), |rest| format!("postgres://{rest}"));
    let url = url::Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
    if url.scheme() == "postgres" { Ok(url) } else { Err(wrong("it must begin with postgres://")) }
}

/// The database that a PostgreSQL URL names in its path.
#[must_use]
pub fn database_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    Some(url.path().trim_matches('/').to_owned()).filter(|name| !name.is_empty())
}

/// Connects once, since a pool tries again and again and cannot say in the end why it failed.
async fn probe(url: &url::Url) -> Result<(), Unreachable> {
    let options = url.as_str().parse::<PgConnectOptions>();
    let options = options.map_err(|error| Unreachable::new(url, &error.to_string()))?;
    // Which database it is does not matter here; the one that is named may still be missing.
    let options = options.database("postgres");
    let Ok(connected) = tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await else {
        return Err(Unreachable::new(url, "it does not answer"));
    };
    match connected {
        Ok(connection) => connection.close().await.map_err(|error| Unreachable::new(url, &error.to_string())),
        // It has spoken; and what it says of this database need not hold for another, but for a role it does.
        Err(sqlx::Error::Database(error)) if !error.code().is_some_and(|code| code.starts_with("28")) => Ok(()),
        Err(error) => Err(Unreachable::new(url, &error.to_string())),
    }
}

async fn connect_postgres(
    url: &url::Url,
    name: &str,
    connections: u32,
    patience: Duration,
) -> Result<DatabaseConnection, DbErr> {
    let mut url = url.clone();
    url.set_path(name);
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(patience)
        .test_before_acquire(false)
        .map_sqlx_postgres_pool_opts(stall::watched)
        .sqlx_logging(false)
        .set_application_name("wiredoo");
    sea_orm::Database::connect(options).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["odoo", "test_1", "a.b-c", "9"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", ".", "../x", "a/b", "a\\b", "a b", "ä", "_a", "a\"b", "a\0"] {
            assert!(!is_valid_name(name), "{name:?}");
        }
    }

    #[tokio::test]
    async fn names_come_and_go() {
        for store in [Store::memory(), Store::directory(folder()).unwrap()] {
            store.create("one").await.unwrap();
            let one = store.connect("one", CONNECT_TIMEOUT).await.unwrap();
            store.duplicate("one", &one, "two").await.unwrap();
            if !store.is_ephemeral() {
                one.close().await;
            }
            store.rename("two", "three").await.unwrap();
            assert_eq!(store.list().await.unwrap(), ["one", "three"]);
            assert!(store.exists("three").await.unwrap());
            assert!(!store.exists("two").await.unwrap());
            store.remove("one").await.unwrap();
            assert_eq!(store.list().await.unwrap(), ["three"]);
            if let Store::Directory(folder) = store {
                fs::remove_dir_all(folder).unwrap();
            }
        }
    }

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("wiredoo-store-{}", std::process::id()))
    }
}
