//! The connections to one SQLite database.
//!
//! To a file there are several, of which readers do not wait for each other or for a writer. To a database in memory
//! there may be several too, but SQLite has no log there: whoever writes must be alone.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{DbErr, ExecResult, QueryResult, Statement};
use serde_json::{Map, Value};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore};

use super::{Connection, Source, Table, failure};
use crate::database::cells::Cells;
use crate::database::threads;

/// The connections to one database.
#[derive(Debug)]
pub struct Pool {
    source: Source,
    /// How long a call waits for a connection, and a statement for another process that has locked the file.
    patience: Duration,
    idle: Mutex<Idle>,
    /// As many as there may be connections.
    places: Arc<Semaphore>,
    /// Held by readers together, and by whoever writes alone, where the database is in memory.
    turn: Option<Arc<RwLock<()>>>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    closed: bool,
}

/// A connection for one transaction or one statement. It goes back to the pool at its end; what is not committed then is
/// rolled back.
#[derive(Debug)]
pub struct Lease {
    pool: Arc<Pool>,
    /// There until it goes back.
    connection: Mutex<Option<Connection>>,
    joined: bool,
    _place: OwnedSemaphorePermit,
    _turn: Turn,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are held, not read")]
enum Turn {
    Free,
    Reading(OwnedRwLockReadGuard<()>),
    Writing(OwnedRwLockWriteGuard<()>),
}

impl Pool {
    /// A pool of at most `connections`, of which one is made at once: with the last one a database in memory is gone, and
    /// the WAL index of a file, from which [`Signal`](crate::database::signal::Signal) reads.
    ///
    /// # Errors
    /// There is no such database, or SQLite failed.
    pub async fn open(source: Source, connections: usize, patience: Duration) -> Result<Arc<Self>, DbErr> {
        threads::may_wait().await;
        let first = source.connect(patience)?;
        let turn = matches!(source, Source::Memory(_)).then(|| Arc::new(RwLock::new(())));
        let idle = Mutex::new(Idle { connections: vec![first], closed: false });
        Ok(Arc::new(Self { source, patience, idle, places: Arc::new(Semaphore::new(connections)), turn }))
    }

    /// A connection to read with, or to write with too.
    ///
    /// # Errors
    /// All connections were in use for too long, the database was closed, or SQLite failed.
    pub async fn lease(self: &Arc<Self>, writes: bool) -> Result<Lease, DbErr> {
        threads::may_wait().await;
        let waiting = async {
            // First the turn: a writer that waits for it must not keep a connection from those who have it.
            let turn = match &self.turn {
                None => Turn::Free,
                Some(turn) if writes => Turn::Writing(Arc::clone(turn).write_owned().await),
                Some(turn) => Turn::Reading(Arc::clone(turn).read_owned().await),
            };
            (turn, Arc::clone(&self.places).acquire_owned().await)
        };
        let waited = tokio::time::timeout(self.patience, waiting).await.map_err(|_| failure::pool_timed_out())?;
        let (turn, place) = waited;
        let place = place.map_err(|_| failure::closed())?;
        let idle = {
            let mut idle = self.idle();
            if idle.closed {
                return Err(failure::closed());
            }
            idle.connections.pop()
        };
        let connection = idle.map_or_else(|| self.source.connect(self.patience), Ok)?;
        Ok(Lease {
            pool: Arc::clone(self),
            connection: Mutex::new(Some(connection)),
            joined: false,
            _place: place,
            _turn: turn,
        })
    }

    /// Closes the connections; those that are in use close when they are given back.
    pub fn close(&self) {
        let connections = {
            let mut idle = self.idle();
            idle.closed = true;
            mem::take(&mut idle.connections)
        };
        self.places.close();
        drop(connections);
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The same, with something in its transaction that another one has written.
    pub fn joined(mut self) -> Self {
        self.joined = true;
        self
    }

    /// Whether another one has written something in its transaction.
    pub fn is_joined(&self) -> bool {
        self.joined
    }

    fn with<T>(&self, act: impl FnOnce(&mut Connection) -> Result<T, DbErr>) -> Result<T, DbErr> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.as_mut().map_or_else(|| Err(failure::closed()), act)
    }

    /// See [`Connection::run`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.with(|connection| connection.run(sql))
    }

    /// See [`Connection::step`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn step(&self, sql: &str) -> Result<(), DbErr> {
        self.with(|connection| connection.step(sql))
    }

    /// See [`Connection::execute`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.with(|connection| connection.execute(statement))
    }

    /// See [`Connection::execute_each`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn execute_each(
        &self,
        statement: Statement,
        columns: &[String],
        rows: &[Map<String, Value>],
    ) -> Result<(), DbErr> {
        self.with(|connection| connection.execute_each(statement, columns, rows))
    }

    /// See [`Connection::query`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.with(|connection| connection.query(statement))
    }

    /// See [`Connection::table`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn table(&self, statement: Statement) -> Result<Table, DbErr> {
        self.with(|connection| connection.table(statement))
    }

    /// See [`Connection::cells`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn cells(&self, statement: Statement) -> Result<Cells, DbErr> {
        self.with(|connection| connection.cells(statement))
    }

    /// See [`Connection::pages`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn pages(&self) -> Result<Vec<u8>, DbErr> {
        self.with(|connection| connection.pages())
    }

    /// See [`Connection::replace`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn replace(&self, pages: &[u8]) -> Result<(), DbErr> {
        self.with(|connection| connection.replace(pages))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(connection) = connection else { return };
        if connection.is_in_transaction()
            && let Err(error) = connection.run("ROLLBACK")
        {
            // It would go on in a transaction that nobody knows of.
            tracing::warn!(%error, "a transaction could not be rolled back; its connection is closed");
            return;
        }
        let mut idle = self.pool.idle();
        if !idle.closed {
            idle.connections.push(connection);
        }
    }
}
