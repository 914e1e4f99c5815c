//! What statements run on: a connection to a database, or a transaction on one, of either store.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, ProxyDatabaseConnector, ProxyDatabaseTrait, ProxyExecResult,
    ProxyRow, QueryResult, Statement, StatementBuilder, TryGetable, Value,
};
use serde_json::Map;

use super::cells::Cells;
use super::signal::Version;
use super::sqlite::{self, Cell};
use super::supposition::{Outcome, Supposition};
use super::{dialect, postgres};

/// A connection to a database: a pool, from which each statement and each transaction takes one.
#[derive(Clone, Debug)]
pub enum Connection {
    Sqlite(Arc<sqlite::Pool>),
    Postgres(Arc<postgres::Pool>),
}

/// A transaction. What is not committed at its end is rolled back.
#[derive(Debug)]
pub struct Transaction {
    lease: Lease,
    reach: Mutex<Reach>,
}

#[derive(Debug)]
enum Lease {
    Sqlite(sqlite::Lease),
    Postgres(postgres::Lease),
    /// No transaction, but statements that only read and are known to have seen one state.
    Supposed(Supposition),
}

/// What of all that is remembered may be out of date when a transaction is committed.
#[derive(Debug, Default)]
pub(super) enum Reach {
    /// Nothing was written.
    #[default]
    Nothing,
    /// Nothing, for this reason.
    Ordinary(Basis),
    /// Perhaps everything.
    All,
}

/// Of how many records it is noted at most that they are written to.
const WRITTEN: usize = 1_000;

/// Why nothing that is remembered is out of date when records are written: nothing depends on them.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// In states of this version it was so.
    pub version: Version,
    /// And it is so in all versions.
    pub always: bool,
    /// The records that are written to, of those of whom something can be known.
    pub written: BTreeSet<i32>,
    /// Of whom something was known in that version; nothing where that was not asked for. What makes a version and is known to
    /// have written to nobody of these never changes models, so a removal, which depends on them, may have others' here.
    pub known: Arc<Option<BTreeSet<i32>>>,
}

impl Basis {
    /// Whether it is so, too, after others have written to these records, which was on such a basis as well.
    #[must_use]
    pub fn outlives(&self, written: &BTreeSet<i32>) -> bool {
        self.always || self.known.as_ref().as_ref().is_some_and(|known| known.is_disjoint(written))
    }

    fn join(&mut self, other: Self) {
        self.always &= other.always;
        self.written.extend(other.written);
        if self.known.is_none() {
            self.known = other.known;
        }
    }
}

impl From<postgres::Lease> for Transaction {
    fn from(lease: postgres::Lease) -> Self {
        Self { lease: Lease::Postgres(lease), reach: Mutex::default() }
    }
}

impl From<Supposition> for Transaction {
    fn from(supposition: Supposition) -> Self {
        Self { lease: Lease::Supposed(supposition), reach: Mutex::default() }
    }
}

impl From<sqlite::Lease> for Transaction {
    fn from(lease: sqlite::Lease) -> Self {
        Self { lease: Lease::Sqlite(lease), reach: Mutex::default() }
    }
}

/// What a transaction is begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It sees one state of the data and writes nothing.
    Reading,
    /// It sees one state of the data and what it has written itself.
    Writing,
    /// Each of its statements sees what is committed by then, on PostgreSQL.
    WritingCommitted,
}

/// A row without names, whose cells are read by their place.
#[derive(Debug)]
pub enum Row {
    Sqlite(Vec<rusqlite::types::Value>),
    Postgres(QueryResult),
}

impl Row {
    /// The cell at `index`.
    ///
    /// # Errors
    /// It is of another type.
    pub fn get<T: Cell + TryGetable>(&self, index: usize) -> Result<T, DbErr> {
        match self {
            Self::Sqlite(cells) => cells
                .get(index)
                .and_then(T::of)
                .ok_or_else(|| DbErr::Type(format!("column {index} is no {}", std::any::type_name::<T>()))),
            Self::Postgres(row) => row.try_get_by_index(index),
        }
    }

    /// The text in the first cell, which may be large.
    ///
    /// # Errors
    /// It is of another type.
    pub fn into_text(self) -> Result<Option<String>, DbErr> {
        match self {
            Self::Sqlite(mut cells) if matches!(cells.first(), Some(rusqlite::types::Value::Text(_))) => {
                let rusqlite::types::Value::Text(text) = cells.swap_remove(0) else { return Ok(None) };
                Ok(Some(text))
            }
            row => row.get(0),
        }
    }
}

// What is asked of PostgreSQL is in boxes: futures are as large as the largest of what they may come to, and are moved.

impl Connection {
    /// Begins a transaction.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn begin(&self, purpose: Purpose) -> Result<Transaction, DbErr> {
        match self {
            Self::Sqlite(pool) => {
                let writes = purpose != Purpose::Reading;
                let lease = pool.lease(writes).await?;
                lease.step(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
                Ok(lease.into())
            }
            Self::Postgres(pool) => Box::pin(postgres::Lease::begin(pool, purpose)).await.map(Into::into),
        }
    }

    /// Brings the tables that are no models up to date, unless another process does.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        if migration::is_current(self).await? {
            return Ok(());
        }
        self.begin_making().await?.migrate().await?.commit().await
    }

    /// Begins to make or change tables; other processes wait until it is done.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn begin_making(&self) -> Result<Transaction, DbErr> {
        // What was committed while it waited is to be seen.
        let transaction = self.begin(Purpose::WritingCommitted).await?;
        dialect::lock_tables(&transaction).await?;
        Ok(transaction)
    }

    /// Closes it; statements that are under way may fail.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close(),
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// The pool of a SQLite database.
    ///
    /// # Errors
    /// It is none.
    pub fn sqlite(&self) -> Result<&Arc<sqlite::Pool>, DbErr> {
        match self {
            Self::Sqlite(pool) => Ok(pool),
            Self::Postgres(_) => Err(not_sqlite()),
        }
    }
}

#[cfg(test)]
impl Connection {
    /// A connection to an empty database, for tests.
    ///
    /// # Panics
    /// SQLite failed.
    pub async fn in_memory() -> Self {
        let source = sqlite::Source::Memory("file::memory:".to_owned());
        Self::Sqlite(sqlite::Pool::open(source, 1, std::time::Duration::from_secs(1)).await.unwrap())
    }
}

impl Transaction {
    /// Commits.
    ///
    /// # Errors
    /// A failure of the database; nothing is written then.
    pub async fn commit(self) -> Result<(), DbErr> {
        match self.lease {
            Lease::Sqlite(lease) => lease.step("COMMIT"),
            Lease::Postgres(lease) => Box::pin(lease.commit()).await,
            Lease::Supposed(reader) => Err(reader.refuse()),
        }
    }

    /// PostgreSQL's number of the transaction, if it is known.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.lease {
            Lease::Postgres(lease) => lease.number(),
            Lease::Sqlite(_) | Lease::Supposed(_) => None,
        }
    }

    /// What has come of what was supposed; nothing where nothing was.
    ///
    /// # Errors
    /// A failure of the database.
    pub(super) async fn outcome(&self) -> Result<Option<Outcome>, DbErr> {
        match &self.lease {
            Lease::Supposed(supposition) => supposition.outcome().await.map(Some),
            _ => Ok(None),
        }
    }

    /// Takes what may be out of date when it is committed, which is about to be.
    pub(super) fn take_reach(&self) -> Reach {
        std::mem::take(&mut *self.reach.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that something is written, on which nothing depends that is remembered; without a basis for that perhaps something.
    fn note(&self, basis: Option<Basis>) {
        let mut reach = self.reach.lock().unwrap_or_else(PoisonError::into_inner);
        *reach = match (std::mem::replace(&mut *reach, Reach::All), basis) {
            (Reach::Nothing, Some(basis)) => Reach::Ordinary(basis),
            (Reach::Ordinary(mut before), Some(basis)) if before.version == basis.version => {
                before.join(basis);
                if before.written.len() > WRITTEN { Reach::All } else { Reach::Ordinary(before) }
            }
            _ => Reach::All,
        };
    }

    /// Runs a statement on whose effect nothing depends that is remembered, by this basis; without one as any other.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute_from<S: StatementBuilder>(&self, statement: &S, basis: Option<Basis>) -> Result<(), DbErr> {
        let is_ordinary = basis.is_some();
        self.note(basis);
        let statement = self.get_database_backend().build(statement);
        match &self.lease {
            Lease::Postgres(lease) if is_ordinary => Box::pin(lease.execute_numbered(statement)).await,
            _ => self.executed(statement).await.map(drop),
        }
    }

    async fn executed(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.lease {
            Lease::Sqlite(lease) => lease.execute(statement),
            Lease::Postgres(lease) => Box::pin(lease.execute(statement)).await,
            Lease::Supposed(reader) => Err(reader.refuse()),
        }
    }

    /// As [`execute_from`](Self::execute_from), for the rows that the statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn rows_from<S: StatementBuilder>(&self, statement: &S, basis: Option<Basis>) -> Result<Vec<Row>, DbErr> {
        let is_ordinary = basis.is_some();
        self.note(basis);
        let statement = self.get_database_backend().build(statement);
        match &self.lease {
            Lease::Postgres(lease) if is_ordinary => {
                let rows = Box::pin(lease.query_numbered(statement)).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            _ => self.answered(statement).await,
        }
    }

    /// Brings the tables that are no models up to date.
    ///
    /// # Errors
    /// A failure of the database; the transaction is rolled back then.
    pub async fn migrate(self) -> Result<Self, DbErr> {
        let (backend, transaction) = (self.get_database_backend(), Arc::new(self));
        let proxy: Box<dyn ProxyDatabaseTrait> = Box::new(Proxy(Arc::clone(&transaction)));
        let connection = ProxyDatabaseConnector::connect(backend, Arc::new(proxy))?;
        Migrator::up(&connection, None).await?;
        drop(connection);
        Arc::into_inner(transaction).ok_or_else(|| DbErr::Custom("the transaction is still in use".to_owned()))
    }

    /// The rows that a statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn rows<S: StatementBuilder>(&self, statement: &S) -> Result<Vec<Row>, DbErr> {
        let statement = self.get_database_backend().build(statement);
        if writes(&statement) {
            self.note(None);
        }
        self.answered(statement).await
    }

    async fn answered(&self, statement: Statement) -> Result<Vec<Row>, DbErr> {
        match &self.lease {
            Lease::Sqlite(lease) => Ok(lease.table(statement)?.into_iter().map(Row::Sqlite).collect()),
            Lease::Postgres(lease) => {
                Ok(Box::pin(lease.query(statement)).await?.into_iter().map(Row::Postgres).collect())
            }
            Lease::Supposed(reader) => {
                Ok(Box::pin(reader.query(statement)).await?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// The cells of the rows that a statement answers which only reads, on SQLite.
    ///
    /// # Errors
    /// A failure of the database, or it is not SQLite.
    pub fn cells<S: StatementBuilder>(&self, statement: &S) -> Result<Cells, DbErr> {
        match &self.lease {
            Lease::Sqlite(lease) => lease.cells(self.get_database_backend().build(statement)),
            Lease::Postgres(_) | Lease::Supposed(_) => Err(not_sqlite()),
        }
    }

    /// The first row that a statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn row<S: StatementBuilder>(&self, statement: &S) -> Result<Option<Row>, DbErr> {
        // All of them, since a statement that is not run to its end may not have done all that it does.
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// On SQLite, runs a statement for each of `rows`, whose values of `columns` are its first parameters.
    ///
    /// # Errors
    /// A failure of the database, or it is not SQLite.
    pub fn execute_each<S: StatementBuilder>(
        &self,
        statement: &S,
        columns: &[String],
        rows: &[Map<String, serde_json::Value>],
    ) -> Result<(), DbErr> {
        self.note(None);
        let statement = self.get_database_backend().build(statement);
        match &self.lease {
            Lease::Sqlite(lease) => lease.execute_each(statement, columns, rows),
            Lease::Postgres(_) | Lease::Supposed(_) => Err(not_sqlite()),
        }
    }

    /// Begins a part of the transaction that can be taken back, under a name.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn savepoint(&self) -> Result<(), DbErr> {
        self.step("SAVEPOINT part").await
    }

    /// Ends the last part that was begun, which stays or is taken back.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn end_savepoint(&self, stays: bool) -> Result<(), DbErr> {
        if !stays {
            self.step("ROLLBACK TO SAVEPOINT part").await?;
        }
        self.step("RELEASE SAVEPOINT part").await
    }

    async fn step(&self, sql: &str) -> Result<(), DbErr> {
        match &self.lease {
            Lease::Sqlite(lease) => lease.step(sql),
            Lease::Postgres(lease) => Box::pin(lease.run(sql)).await.map(drop),
            Lease::Supposed(reader) => Err(reader.refuse()),
        }
    }

    /// The same, for another writer than the one who began it.
    #[must_use]
    pub fn joined(self) -> Self {
        let lease = match self.lease {
            Lease::Sqlite(lease) => Lease::Sqlite(lease.joined()),
            other => other,
        };
        Self { lease, ..self }
    }

    /// Whether something is written in it that is not committed and not the caller's own.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        matches!(&self.lease, Lease::Sqlite(lease) if lease.is_joined())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(_) => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(pool) => pool.lease(true).await?.execute(statement),
            Self::Postgres(pool) => pool.execute(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(_) => self.execute_raw(Statement::from_string(DbBackend::Sqlite, sql)).await,
            Self::Postgres(pool) => pool.run(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(_) => Ok(self.query_all_raw(statement).await?.into_iter().next()),
            Self::Postgres(pool) => Ok(pool.query(statement).await?.into_iter().next()),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(pool) => pool.lease(writes(&statement)).await?.query(statement),
            Self::Postgres(pool) => pool.query(statement).await,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self.lease {
            Lease::Sqlite(_) => DbBackend::Sqlite,
            Lease::Postgres(_) | Lease::Supposed(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.note(None);
        self.executed(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.lease {
            Lease::Sqlite(_) => self.execute_raw(Statement::from_string(DbBackend::Sqlite, sql)).await,
            Lease::Postgres(lease) => {
                self.note(None);
                lease.run(sql).await
            }
            Lease::Supposed(reader) => Err(reader.refuse()),
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if writes(&statement) {
            self.note(None);
        }
        match &self.lease {
            Lease::Sqlite(lease) => lease.query(statement),
            Lease::Postgres(lease) => lease.query(statement).await,
            Lease::Supposed(reader) => reader.query(statement).await,
        }
    }
}

fn not_sqlite() -> DbErr {
    DbErr::Custom("this is no SQLite database".to_owned())
}

/// Whether a statement that answers rows writes too, as an `INSERT … RETURNING` does.
fn writes(statement: &Statement) -> bool {
    !statement.sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

/// A transaction for sea-orm's migrations, which take connections of its own kinds only. That a migration begins and ends one
/// of its own does nothing here.
#[derive(Debug)]
struct Proxy(Arc<Transaction>);

#[async_trait::async_trait]
impl ProxyDatabaseTrait for Proxy {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let rows = self.0.query_all_raw(statement).await?;
        let mut rows: Vec<ProxyRow> = rows.iter().map(sea_orm::from_query_result_to_proxy_row).collect();
        for value in rows.iter_mut().flat_map(|row| row.values.values_mut()) {
            // SQLite declares both kinds of whole numbers alike, and what migrations note are the large ones.
            if let Value::Int(number) = value {
                *value = Value::BigInt(number.map(i64::from));
            }
        }
        Ok(rows)
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        match statement.values {
            None => self.0.execute_unprepared(&statement.sql).await.map(Into::into),
            Some(_) => self.0.execute_raw(statement).await.map(Into::into),
        }
    }
}
