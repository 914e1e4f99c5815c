//! PostgreSQL: transactions with as few turns to the server as they can have.
//!
//! sea-orm begins a transaction with a turn for each of its properties and ends it with another one; here it begins with one
//! and one that only reads is ended behind the caller's back. The first statement of most requests asks for the
//! version of the content; [`ahead`] has it begin the transaction, too, in which the request will read.

use std::mem;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, Postgres, Row as _};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::connection::Purpose;

/// How long the end of a transaction may take that is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Begins a transaction that reads, and asks for its snapshot.
const READ_AHEAD: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot()::text AS snapshot";

/// Begins a transaction that writes, and asks for its snapshot.
const BEGIN_WITH_SNAPSHOT: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()::text AS snapshot";

/// The number of the transaction, as a column.
const NUMBER: &str = "pg_current_xact_id()::text::bigint AS \"wiredoo_number\"";
const NUMBER_NAME: &str = "wiredoo_number";

/// For how long a connection that was used waits to be used again.
const WARM: Duration = Duration::from_secs(1);

/// The connections to a database. Those that have just been used are kept ready here, since sqlx's pool asks each that it
/// gets back whether it is well, which takes the server as long as a small statement.
#[derive(Debug)]
pub struct Pool {
    connections: PgPool,
    /// How long somebody waits for a connection.
    patience: Duration,
    /// As many as there may be connections: who has a place finds a connection ready, or gets one of sqlx's pool. So nobody
    /// waits there for one that is ready here.
    places: Arc<Semaphore>,
    ready: std::sync::Mutex<AtHand>,
}

/// The connections that nobody uses, and whether there will be others.
#[derive(Debug, Default)]
struct AtHand {
    connections: Vec<Ready>,
    /// What comes back is for sqlx's pool, which waits for all of its connections to close.
    closed: bool,
}

/// A connection that nobody uses, and since when.
#[derive(Debug)]
struct Ready {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

/// A connection that somebody uses. What is not [given back](Pool::give_back) goes to sqlx's pool, which looks at it first.
#[derive(Debug)]
struct Taken {
    // First, since fields are dropped in order: its place is free when it is.
    connection: PoolConnection<Postgres>,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    /// Of sqlx's pool of `size` connections, for one of which somebody waits no longer than `patience`.
    #[must_use]
    pub fn new(connections: PgPool, size: u32, patience: Duration) -> Self {
        let places = Arc::new(Semaphore::new(size as usize));
        Self { connections, patience, places, ready: std::sync::Mutex::default() }
    }

    /// How many connections there are, and how many of them nobody uses.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        let all = usize::try_from(self.connections.size()).unwrap_or_default();
        (all, self.connections.num_idle() + self.ready().connections.len())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.places.close();
        drop(mem::replace(&mut *self.ready(), AtHand { connections: Vec::new(), closed: true }));
        self.connections.close().await;
    }

    /// Gives the connections to sqlx's pool that nobody has used of late, which closes those that nobody needs.
    pub fn cool(&self) {
        let is_cold = |ready: &mut Ready| ready.since.elapsed() >= WARM;
        let cold: Vec<Ready> = self.ready().connections.extract_if(.., is_cold).collect();
        drop(cold);
    }

    fn ready(&self) -> MutexGuard<'_, AtHand> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Result<Taken, DbErr> {
        let refused = |error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
        let waiting = tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned());
        let place = waiting.await.map_err(|_| refused(sqlx::Error::PoolTimedOut))?;
        let place = place.map_err(|_| refused(sqlx::Error::PoolClosed))?;
        let ready = self.ready().connections.pop();
        let connection = match ready {
            Some(Ready { connection, since }) if since.elapsed() < WARM => connection,
            cold => {
                drop(cold);
                self.connections.acquire().await.map_err(refused)?
            }
        };
        Ok(Taken { connection, _place: place })
    }

    fn give_back(&self, taken: Taken) {
        let mut ready = self.ready();
        if !ready.closed {
            ready.connections.push(Ready { connection: taken.connection, since: Instant::now() });
        }
    }

    /// Runs a statement for what it does, outside of transactions.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut taken = self.take().await?;
        let done = execute(&mut taken.connection, statement).await?;
        self.give_back(taken);
        Ok(done)
    }

    /// Runs statements without parameters, one after the other, outside of transactions.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn run(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut taken = self.take().await?;
        let done = run(&mut taken.connection, sql).await?;
        self.give_back(taken);
        Ok(done)
    }

    /// The current snapshot.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn snapshot(&self) -> Result<String, DbErr> {
        let mut taken = self.take().await?;
        let row = taken.connection.fetch_one("SELECT pg_current_snapshot()::text AS snapshot").await.map_err(failed)?;
        self.give_back(taken);
        row.try_get(0).map_err(failed)
    }

    /// The rows that a statement answers, outside of transactions.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut taken = self.take().await?;
        let rows = query(&mut taken.connection, statement).await?;
        self.give_back(taken);
        Ok(rows)
    }
}

async fn execute(connection: &mut PgConnection, statement: Statement) -> Result<ExecResult, DbErr> {
    let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
    connection.execute(query).await.map(Into::into).map_err(failed)
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<ExecResult, DbErr> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(Into::into).map_err(failed)
}

async fn query(connection: &mut PgConnection, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
    let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
    let rows = connection.fetch_all(query).await.map_err(failed)?;
    Ok(rows.into_iter().map(QueryResult::from).collect())
}

fn values(values: Option<Values>) -> SqlxValues {
    SqlxValues(values.unwrap_or(Values(Vec::new())))
}

/// The transaction of one call.
#[derive(Debug)]
pub struct Lease {
    /// There until the end.
    taken: Mutex<Option<Taken>>,
    /// Where it comes from.
    pool: Arc<Pool>,
    /// By which number others know the transaction, when a statement has told.
    number: OnceLock<u64>,
    /// Given back when the transaction has ended.
    ahead: Option<OwnedSemaphorePermit>,
}

/// A transaction that was begun ahead, for whoever reads first.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<std::sync::Mutex<Option<Lease>>>);

impl Ahead {
    /// The transaction, if nobody has taken it.
    pub fn take(&self) -> Option<Lease> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// The current snapshot, and a transaction in which it is read, if one of `places` is free: whoever has such a transaction
/// may come to need another connection, so they must not have all.
///
/// # Errors
/// A failure of the database.
pub async fn ahead(pool: &Arc<Pool>, places: &Arc<Semaphore>) -> Result<(String, Ahead), DbErr> {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        return Ok((pool.snapshot().await?, Ahead::default()));
    };
    let mut lease = Lease::of(pool, Some(place)).await?;
    let snapshot = lease.begin_with(READ_AHEAD).await?;
    Ok((snapshot, Ahead(Arc::new(std::sync::Mutex::new(Some(lease))))))
}

fn lost() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the transaction has ended".to_owned()))
}

impl Lease {
    async fn of(pool: &Arc<Pool>, ahead: Option<OwnedSemaphorePermit>) -> Result<Self, DbErr> {
        let taken = Mutex::new(Some(pool.take().await?));
        Ok(Self { taken, pool: Arc::clone(pool), ahead, number: OnceLock::new() })
    }

    fn connection(&mut self) -> Result<&mut PgConnection, DbErr> {
        self.taken.get_mut().as_mut().map(|taken| &mut *taken.connection).ok_or_else(lost)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn begin(pool: &Arc<Pool>, purpose: Purpose) -> Result<Self, DbErr> {
        let statement = match purpose {
            Purpose::Reading => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Purpose::Writing => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            Purpose::WritingCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        let mut lease = Self::of(pool, None).await?;
        run(lease.connection()?, statement).await?;
        Ok(lease)
    }

    /// Begins a transaction that writes in one state of the data, and tells the snapshot of that.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn begin_with_snapshot(pool: &Arc<Pool>) -> Result<(String, Self), DbErr> {
        let mut lease = Self::of(pool, None).await?;
        let snapshot = lease.begin_with(BEGIN_WITH_SNAPSHOT).await?;
        Ok((snapshot, lease))
    }

    async fn begin_with(&mut self, begin: &str) -> Result<String, DbErr> {
        let row = self.connection()?.fetch_one(sqlx::raw_sql(AssertSqlSafe(begin))).await.map_err(failed)?;
        row.try_get(0).map_err(failed)
    }

    /// Commits.
    ///
    /// # Errors
    /// A failure of the database; nothing is written then.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        run(self.connection()?, "COMMIT").await?;
        self.give_back();
        Ok(())
    }

    /// The number of the transaction, if a statement has told it.
    pub fn number(&self) -> Option<u64> {
        self.number.get().copied()
    }

    /// As [`execute`](Self::execute), of a statement that answers no rows; the number of the transaction is known afterwards.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute_numbered(&self, statement: Statement) -> Result<(), DbErr> {
        if self.number.get().is_some() {
            return self.execute(statement).await.map(drop);
        }
        let sql = format!("WITH \"done\" AS ({}) SELECT {NUMBER}", statement.sql);
        self.note_number(&self.query(Statement { sql, ..statement }).await?)
    }

    /// As [`query`](Self::query), of a statement that writes; the number of the transaction is known afterwards, and may be
    /// a column more at the end of the rows.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn query_numbered(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if self.number.get().is_some() {
            return self.query(statement).await;
        }
        let sql = format!("WITH \"done\" AS ({}) SELECT \"done\".*, {NUMBER} FROM \"done\"", statement.sql);
        let rows = self.query(Statement { sql, ..statement }).await?;
        self.note_number(&rows)?;
        Ok(rows)
    }

    fn note_number(&self, rows: &[QueryResult]) -> Result<(), DbErr> {
        let Some(row) = rows.first() else { return Ok(()) };
        let number: i64 = row.try_get("", NUMBER_NAME)?;
        self.number.get_or_init(|| number.unsigned_abs());
        Ok(())
    }

    fn give_back(&mut self) {
        if let Some(taken) = self.taken.get_mut().take() {
            self.pool.give_back(taken);
        }
    }

    /// Runs a statement for what it does.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut taken = self.taken.lock().await;
        execute(&mut taken.as_mut().ok_or_else(lost)?.connection, statement).await
    }

    /// Runs statements without parameters, one after the other.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn run(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut taken = self.taken.lock().await;
        run(&mut taken.as_mut().ok_or_else(lost)?.connection, sql).await
    }

    /// The rows that a statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut taken = self.taken.lock().await;
        query(&mut taken.as_mut().ok_or_else(lost)?.connection, statement).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(mut taken), ahead) = (self.taken.get_mut().take(), mem::take(&mut self.ahead)) else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            // It cannot be ended here, and must not be used in this state.
            drop(taken.connection.detach());
            return;
        };
        let pool = Arc::clone(&self.pool);
        runtime.spawn(async move {
            match tokio::time::timeout(PATIENCE, run(&mut taken.connection, "ROLLBACK")).await {
                Ok(Ok(_)) => pool.give_back(taken),
                // The server has ended it with the connection, or does not answer.
                _ => drop(taken.connection.detach().close_hard().await),
            }
            drop(ahead);
        });
    }
}
