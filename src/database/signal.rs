//! What tells whether a database has changed since something was read from it and remembered: a version that differs
//! after every commit, by whichever process it was made. So a cache that is valid for one version is never stale.
//!
//! Only a commit of this process leaves the version as it is, where the transaction [says](Reach) that it has written
//! nothing on which anything depends that may be remembered.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(unix)]
use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, Weak},
};
use std::{fmt, io};

use sea_orm::DbErr;
use tokio::sync::Semaphore;

use super::connection::{Basis, Connection, Reach, Transaction};
use super::postgres;
use super::snapshot::Snapshots;
use super::supposition::Supposition;

#[cfg(unix)]
use super::identity::Identity;

/// A state of a database, as far as something of it may be remembered. Of two that are equal this is the same; it has no
/// order.
#[derive(Clone, Debug, Default)]
pub struct Version {
    state: Vec<u8>,
    /// How many versions there were before it, where that is known.
    age: Option<u64>,
    /// On PostgreSQL, a transaction in which the data has this state.
    ahead: postgres::Ahead,
}

impl Version {
    /// The transaction that was begun with the question for the version, if nobody has taken it yet.
    pub(super) fn take_ahead(&self) -> Option<Transaction> {
        self.ahead.take().map(Transaction::from)
    }

    /// Gives back what is held to read in this state, before anything is written.
    pub fn release(&self) {
        drop(self.ahead.take());
    }

    /// The same without the transaction, to be remembered.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self { state: self.state.clone(), age: self.age, ahead: postgres::Ahead::default() }
    }

    /// The same, when it is known how many versions there were before it.
    pub(super) fn of_age(self, age: u64) -> Self {
        Self { age: Some(age), ..self }
    }

    /// How many versions there were before it, where that is known.
    pub(super) fn age(&self) -> Option<u64> {
        self.age
    }

    fn from_number(number: u64) -> Self {
        Self::from(number.to_le_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Version {
    fn from(state: Vec<u8>) -> Self {
        Self { state, age: None, ahead: postgres::Ahead::default() }
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl Eq for Version {}

/// The header of SQLite's WAL index: it counts commits, and has salts and checksums of the log.
#[cfg(unix)]
type Header = [u8; 48];

/// Where versions come from.
pub enum Signal {
    /// A database of this process only: the number of its commits that may concern what is remembered.
    Process(AtomicU64),
    /// The header of SQLite's WAL index, which every process that commits rewrites. It is read with a system call, not a
    /// statement.
    #[cfg(unix)]
    WalIndex(WalIndex),
    /// PostgreSQL's snapshot: which transactions are visible. There are so many transactions at once at most that are begun
    /// with the question for it.
    Snapshot(Arc<Snapshots>, Arc<Semaphore>),
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
            Self::Snapshot(..) => "Snapshot",
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
    seen: Mutex<Seen>,
}

/// What a WAL index was, when it was last looked at.
#[cfg(unix)]
struct Seen {
    file: Arc<File>,
    header: Header,
    /// The version that it has with this header: the first header of that version.
    version: Version,
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

    /// Commits, and leaves the version as it is where the transaction says so.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), DbErr> {
        let reach = transaction.take_reach();
        match (self, reach) {
            (Self::Process(commits), reach) => {
                let now = Version::from_number(commits.load(Ordering::Acquire));
                let done = transaction.commit().await;
                let leaves = match reach {
                    Reach::Nothing => true,
                    Reach::Ordinary(basis) => basis.always || basis.version == now,
                    Reach::All => false,
                };
                if done.is_err() || !leaves {
                    self.changed();
                }
                done
            }
            #[cfg(unix)]
            (Self::WalIndex(index), Reach::Ordinary(basis)) => {
                // The transaction has the lock, so that nobody else commits in between.
                let before = index.header();
                transaction.commit().await?;
                if let Ok(before) = before {
                    index.committed(&before, &basis);
                }
                Ok(())
            }
            (Self::Snapshot(snapshots, _), Reach::Ordinary(basis)) => {
                // Before others can see it.
                if let Some(number) = transaction.number() {
                    snapshots.committing(number, basis);
                }
                transaction.commit().await
            }
            (Self::Snapshot(snapshots, _), Reach::All) => {
                let done = transaction.commit().await;
                snapshots.outdated();
                done
            }
            _ => transaction.commit().await,
        }
    }

    /// Says that this process has changed something, or that what is remembered is to be forgotten.
    pub fn changed(&self) {
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
            Self::Process(commits) => Ok(Some(Version::from_number(commits.load(Ordering::Acquire)))),
            #[cfg(not(unix))]
            Self::Never(asked) => Ok(Some(Version::from_number(asked.fetch_add(1, Ordering::Relaxed)))),
            #[cfg(unix)]
            Self::WalIndex(index) => index.version().map(Some).map_err(|error| DbErr::Custom(error.to_string())),
            Self::Snapshot(..) => Ok(None),
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
        let (Self::Snapshot(snapshots, places), Connection::Postgres(pool)) = (self, connection) else {
            return Err(DbErr::Custom("only PostgreSQL has snapshots".to_owned()));
        };
        let (snapshot, ahead) = postgres::ahead(pool, places).await?;
        Ok(Version { ahead, ..snapshots.version(snapshot) })
    }

    /// The version that a request may [suppose](super::supposition) to find, where to ask for it is a turn to a server.
    pub fn supposed(&self) -> Option<Version> {
        match self {
            Self::Snapshot(snapshots, _) => snapshots.supposed(),
            _ => None,
        }
    }

    /// Notes whether what was supposed has held.
    pub fn note_supposed(&self, held: bool) {
        if let Self::Snapshot(snapshots, _) = self {
            snapshots.note(held);
        }
    }

    /// What reads as if the database had this version.
    pub fn reading_supposed(&self, connection: &Connection, version: &Version) -> Option<Supposition> {
        match (self, connection) {
            (Self::Snapshot(snapshots, _), Connection::Postgres(pool)) => {
                Some(Supposition::new(pool, snapshots, version))
            }
            _ => None,
        }
    }

    /// Begins a transaction that writes, if the database has this version.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn begin_supposed(
        &self,
        connection: &Connection,
        version: &Version,
    ) -> Result<Option<Transaction>, DbErr> {
        let (Self::Snapshot(snapshots, _), Connection::Postgres(pool)) = (self, connection) else { return Ok(None) };
        let (snapshot, lease) = Box::pin(postgres::Lease::begin_with_snapshot(pool)).await?;
        Ok((snapshots.version(snapshot) == *version).then(|| lease.into()))
    }
}

#[cfg(unix)]
impl WalIndex {
    fn open(path: PathBuf) -> io::Result<Self> {
        let (file, header) = (Self::shared(&path)?, [0; _]);
        let seen = Mutex::new(Seen { file, header, version: Version::default() });
        Ok(Self { path, seen })
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

    fn header(&self) -> io::Result<Header> {
        self.read(&mut self.seen())
    }

    fn version(&self) -> io::Result<Version> {
        let mut seen = self.seen();
        let header = self.read(&mut seen)?;
        if header != seen.header {
            seen.header = header;
            seen.version = header.to_vec().into();
        }
        Ok(seen.version.clone())
    }

    /// Notes that a transaction of this process was committed when the header was this one, which concerns nothing that is
    /// remembered, by this basis.
    fn committed(&self, before: &Header, basis: &Basis) {
        let mut seen = self.seen();
        if seen.header == *before
            && (basis.always || seen.version == basis.version)
            && let Ok(now) = self.read(&mut seen)
            && is_next(before, &now)
        {
            seen.header = now;
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, seen: &mut Seen) -> io::Result<Header> {
        use std::os::unix::fs::{FileExt as _, MetadataExt as _};
        if seen.file.metadata()?.nlink() == 0 {
            // SQLite has made another; what is in this one will never change again.
            seen.file = Self::shared(&self.path)?;
        }
        let mut header: Header = [0; _];
        seen.file.read_exact_at(&mut header, 0)?;
        Ok(header)
    }
}

/// Whether there was one commit between two headers, with which the log goes on.
#[cfg(unix)]
fn is_next(before: &Header, after: &Header) -> bool {
    const CHANGES: usize = 8;
    const FRAMES: usize = 16;
    const SALTS: std::ops::Range<usize> = 32..40;
    let number = |header: &Header, place: usize| {
        let bytes = header[place..].first_chunk().copied().unwrap_or_default();
        u32::from_ne_bytes(bytes)
    };
    number(after, CHANGES) == number(before, CHANGES).wrapping_add(1)
        && number(after, FRAMES) > number(before, FRAMES)
        && before[SALTS] == after[SALTS]
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wal_index_that_was_replaced_is_opened_again() {
        let path = std::env::temp_dir().join(format!("wiredoo-signal-{}", std::process::id()));
        let index = path.with_file_name(format!("wiredoo-signal-{}-shm", std::process::id()));
        let connection = Connection::in_memory().await;
        std::fs::write(&index, [1; size_of::<Header>()]).unwrap();
        let signal = Signal::of_file(&path).unwrap();
        let first = signal.version(&connection).await.unwrap();
        std::fs::remove_file(&index).unwrap();
        std::fs::write(&index, [2; size_of::<Header>()]).unwrap();
        let second = signal.version(&connection).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(second, signal.version(&connection).await.unwrap());
        std::fs::remove_file(&index).unwrap();
    }
}
