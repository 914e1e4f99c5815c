//! What tells whether a database has changed since something was read from it and remembered: a version that differs
//! after every commit, by whichever process it was made. So a cache that is valid for one version is never stale.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(unix)]
use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    sync::{Mutex, PoisonError, Weak},
};
use std::{fmt, io};

use sea_orm::DbErr;
use tokio::sync::Semaphore;

use super::connection::{Connection, Transaction};
use super::postgres;

#[cfg(unix)]
use super::identity::Identity;

/// A state of a database. Two that are equal have the same content; it has no order.
#[derive(Clone, Debug, Default)]
pub struct Version {
    state: Vec<u8>,
    /// On PostgreSQL, a transaction in which the data has this state.
    ahead: postgres::Ahead,
}

impl Version {
    /// The transaction that was begun with the question for the version, if nobody has taken it yet.
    pub(super) fn take_ahead(&self) -> Option<Transaction> {
        self.ahead.take().map(Transaction::Postgres)
    }

    /// Gives back what is held to read in this state, before anything is written.
    pub fn release(&self) {
        drop(self.ahead.take());
    }

    /// The same without the transaction, to be remembered.
    pub(super) fn alone(&self) -> Self {
        Self::from(self.state.clone())
    }
}

impl From<Vec<u8>> for Version {
    fn from(state: Vec<u8>) -> Self {
        Self { state, ahead: postgres::Ahead::default() }
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl Eq for Version {}

/// The size of the header of SQLite's WAL index: it counts commits, and has salts and checksums of the log.
#[cfg(unix)]
const WAL_INDEX_HEADER: usize = 48;

/// Where versions come from.
pub enum Signal {
    /// A database of this process only: the number of its commits.
    Process(AtomicU64),
    /// The header of SQLite's WAL index, which every process that commits rewrites. It is read with a system call, not a
    /// statement.
    #[cfg(unix)]
    WalIndex(WalIndex),
    /// PostgreSQL's snapshot: which transactions are visible. There are so many transactions at once at most that are begun
    /// with the question for it.
    Snapshot(Arc<Semaphore>),
    /// None, where files cannot be read so: nothing is remembered.
    #[cfg(not(unix))]
    Never(AtomicU64),
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process(_) => "Process",
            #[cfg(unix)]
            Self::WalIndex(_) => "WalIndex",
            Self::Snapshot(_) => "Snapshot",
            #[cfg(not(unix))]
            Self::Never(_) => "Never",
        })
    }
}

/// The file of a WAL index. It stays open as long as the connections: to close it would drop the POSIX locks that this
/// process has on it, whichever of its connections they belong to. So all servers of a process share one.
#[cfg(unix)]
pub struct WalIndex {
    path: PathBuf,
    file: Mutex<Arc<File>>,
}

/// The WAL indexes that are open in this process.
#[cfg(unix)]
static OPEN: Mutex<BTreeMap<Identity, Weak<File>>> = Mutex::new(BTreeMap::new());

impl Signal {
    /// The signal of the SQLite file at `path`, to which a connection is open.
    ///
    /// # Errors
    /// The WAL index cannot be opened.
    #[cfg(unix)]
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut index = path.as_os_str().to_owned();
        index.push("-shm");
        WalIndex::open(PathBuf::from(index)).map(Self::WalIndex)
    }

    /// The signal of a SQLite file, where there is no system call to read it so.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn of_file(_: &Path) -> io::Result<Self> {
        Ok(Self::Never(AtomicU64::default()))
    }

    /// Says that this process has committed something.
    pub fn committed(&self) {
        if let Self::Process(commits) = self {
            commits.fetch_add(1, Ordering::Release);
        }
    }

    /// The version now, where nobody has to be asked for it. What is read after this call is at least as new.
    ///
    /// # Errors
    /// The WAL index cannot be read.
    pub fn version_here(&self) -> Result<Option<Version>, DbErr> {
        match self {
            Self::Process(commits) => Ok(Some(commits.load(Ordering::Acquire).to_le_bytes().to_vec().into())),
            #[cfg(not(unix))]
            Self::Never(asked) => Ok(Some(asked.fetch_add(1, Ordering::Relaxed).to_le_bytes().to_vec().into())),
            #[cfg(unix)]
            Self::WalIndex(index) => index.header().map(Some).map_err(|error| DbErr::Custom(error.to_string())),
            Self::Snapshot(_) => Ok(None),
        }
    }

    /// The version now. What is read after this call is at least as new.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn version(&self, connection: &Connection) -> Result<Version, DbErr> {
        if let Some(version) = self.version_here()? {
            return Ok(version);
        }
        let (Self::Snapshot(places), Connection::Postgres(pool)) = (self, connection) else {
            return Err(DbErr::Custom("only PostgreSQL has snapshots".to_owned()));
        };
        let (snapshot, ahead) = postgres::ahead(pool, places).await?;
        Ok(Version { state: snapshot.into_bytes(), ahead })
    }
}

#[cfg(unix)]
impl WalIndex {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = Mutex::new(Self::shared(&path)?);
        Ok(Self { path, file })
    }

    /// The file, opened only where this process has not opened it yet.
    fn shared(path: &Path) -> io::Result<Arc<File>> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, file| file.strong_count() > 0);
        if let Some(file) = open.get(&Identity::of(path)?).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = Arc::new(File::open(path)?);
        open.insert(Identity::from(&file.metadata()?), Arc::downgrade(&file));
        Ok(file)
    }

    fn header(&self) -> io::Result<Version> {
        use std::os::unix::fs::{FileExt as _, MetadataExt as _};
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.nlink() == 0 {
            // SQLite has made another; what is in this one will never change again.
            *file = Self::shared(&self.path)?;
        }
        let mut header = vec![0; WAL_INDEX_HEADER];
        file.read_exact_at(&mut header, 0)?;
        Ok(header.into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wal_index_that_was_replaced_is_opened_again() {
        let path = std::env::temp_dir().join(format!("wiredoo-signal-{}", std::process::id()));
        let index = path.with_file_name(format!("wiredoo-signal-{}-shm", std::process::id()));
        let connection = Connection::in_memory().await;
        std::fs::write(&index, [1; WAL_INDEX_HEADER]).unwrap();
        let signal = Signal::of_file(&path).unwrap();
        let first = signal.version(&connection).await.unwrap();
        std::fs::remove_file(&index).unwrap();
        std::fs::write(&index, [2; WAL_INDEX_HEADER]).unwrap();
        let second = signal.version(&connection).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(second, signal.version(&connection).await.unwrap());
        std::fs::remove_file(&index).unwrap();
    }
}
