//! PostgreSQL: transactions with as few turns to the server as they can have.
//!
//! sea-orm begins a transaction with a turn for each of its properties and ends it with another one; here it begins with one
//! and one that only reads is ended behind the caller's back. The first statement of most requests asks for the
//! version of the content; [`ahead`] has it begin the transaction, too, in which the request will read.

use std::mem;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgPool, Postgres, Row as _};
use sea_orm::{DatabaseConnection, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::connection::Purpose;

/// How long the end of a transaction may take that is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Begins a transaction that reads, and asks for its snapshot.
const READ_AHEAD: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot()::text AS snapshot";

/// For how long a connection that has ended a transaction waits for the next one.
const WARM: Duration = Duration::from_secs(1);

/// A database: its pool of connections, and those that have just ended a transaction. The pool asks each that it gets back
/// whether it is well, which takes the server as long as a small statement.
#[derive(Debug)]
pub struct Pool {
    connection: DatabaseConnection,
    warm: std::sync::Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
    /// How many may be warm. The others are for statements outside of transactions.
    most: usize,
}

impl Pool {
    /// Of a connection that is a pool of `size`.
    #[must_use]
    pub fn new(connection: DatabaseConnection, size: u32) -> Self {
        Self { connection, warm: std::sync::Mutex::default(), most: size as usize / 2 }
    }

    /// sea-orm's pool, for statements outside of transactions.
    #[must_use]
    pub fn plain(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// sqlx's pool.
    #[must_use]
    pub fn inner(&self) -> &PgPool {
        self.connection.get_postgres_connection_pool()
    }

    /// How many connections there are, and how many of them nobody uses.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        let all = self.inner();
        (usize::try_from(all.size()).unwrap_or_default(), all.num_idle() + self.warm().len())
    }

    /// Closes all connections.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.cool();
        self.connection.close_by_ref().await
    }

    /// Gives all connections to the pool that wait for a transaction.
    fn cool(&self) {
        drop(mem::take(&mut *self.warm()));
    }

    fn warm(&self) -> MutexGuard<'_, Vec<(PoolConnection<Postgres>, Instant)>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn acquire(&self) -> Result<PoolConnection<Postgres>, DbErr> {
        match self.warm().pop() {
            Some((connection, since)) if since.elapsed() < WARM => return Ok(connection),
            Some(cold) => drop(cold),
            None => {}
        }
        let acquired = self.inner().acquire().await;
        acquired.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
    }

    fn give_back(&self, connection: PoolConnection<Postgres>) {
        let mut warm = self.warm();
        if warm.len() < self.most && !self.inner().is_closed() {
            warm.push((connection, Instant::now()));
        }
    }
}

/// The transaction of one call.
#[derive(Debug)]
pub struct Lease {
    /// There until the end.
    connection: Mutex<Option<PoolConnection<Postgres>>>,
    /// Where it comes from.
    pool: Arc<Pool>,
    /// Given back when the transaction has ended.
    place: Option<OwnedSemaphorePermit>,
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
        let row = pool.inner().fetch_one("SELECT pg_current_snapshot()::text AS snapshot").await.map_err(failed)?;
        return Ok((row.try_get(0).map_err(failed)?, Ahead::default()));
    };
    let mut lease = Lease::of(pool, Some(place)).await?;
    let row = match lease.connection.get_mut() {
        Some(connection) => connection.fetch_one(sqlx::raw_sql(READ_AHEAD)).await.map_err(failed)?,
        None => return Err(lost()),
    };
    let snapshot = row.try_get(0).map_err(failed)?;
    Ok((snapshot, Ahead(Arc::new(std::sync::Mutex::new(Some(lease))))))
}

fn lost() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the transaction has ended".to_owned()))
}

impl Lease {
    async fn of(pool: &Arc<Pool>, place: Option<OwnedSemaphorePermit>) -> Result<Self, DbErr> {
        let connection = Mutex::new(Some(pool.acquire().await?));
        Ok(Self { connection, pool: Arc::clone(pool), place })
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
        lease
            .connection
            .get_mut()
            .as_mut()
            .ok_or_else(lost)?
            .execute(sqlx::raw_sql(statement))
            .await
            .map_err(failed)?;
        Ok(lease)
    }

    /// Commits.
    ///
    /// # Errors
    /// A failure of the database; nothing is written then.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        let connection = self.connection.get_mut();
        let committing = connection.as_mut().ok_or_else(lost)?;
        committing.execute(sqlx::raw_sql("COMMIT")).await.map_err(failed)?;
        if let Some(connection) = connection.take() {
            self.pool.give_back(connection);
        }
        Ok(())
    }

    /// Runs a statement for what it does.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let connection = connection.as_mut().ok_or_else(lost)?;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
        connection.execute(query).await.map(Into::into).map_err(failed)
    }

    /// Runs statements without parameters, one after the other.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn run(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let connection = connection.as_mut().ok_or_else(lost)?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(Into::into).map_err(failed)
    }

    /// The rows that a statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connection = self.connection.lock().await;
        let connection = connection.as_mut().ok_or_else(lost)?;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
        let rows = connection.fetch_all(query).await.map_err(failed)?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

fn values(values: Option<Values>) -> SqlxValues {
    SqlxValues(values.unwrap_or(Values(Vec::new())))
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(mut connection), place) = (self.connection.get_mut().take(), mem::take(&mut self.place)) else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            // It cannot be ended here, and must not be used in this state.
            drop(connection.detach());
            return;
        };
        let pool = Arc::clone(&self.pool);
        runtime.spawn(async move {
            match tokio::time::timeout(PATIENCE, connection.execute(sqlx::raw_sql("ROLLBACK"))).await {
                Ok(Ok(_)) => pool.give_back(connection),
                // The server has ended it with the connection, or does not answer.
                _ => drop(connection.detach().close_hard().await),
            }
            drop(place);
        });
    }
}
