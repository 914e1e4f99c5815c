//! Databases: opening, creating, copying and dropping them, and the transactions in which calls run.
//!
//! A database is one SQLite file, one SQLite database in memory, or one database of a PostgreSQL server; which of
//! the three, [`Store`] knows. Everything above works on a [`Database`] and does not care.

mod cache;
pub(crate) mod cells;
mod connection;
pub(crate) mod dialect;
pub mod dump;
mod identity;
mod image;
mod manager;
pub mod parameter;
mod postgres;
mod seed;
mod signal;
mod snapshot;
mod sqlite;
mod stall;
mod store;
mod supposition;
pub(crate) mod threads;
mod wanted;
mod writers;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use sea_orm::DbErr;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use self::connection::Purpose;
pub use self::connection::{Basis, Connection, Row, Transaction};
pub use image::Image;
pub use manager::{Databases, Filter, InvalidFilter, Maker, OpenError};
pub use seed::{DEFAULT_LANG, countries, languages};
pub use store::{Store, database_of};
pub use wanted::NewDatabase;

use self::cache::Cache;
use self::identity::Identity;
use self::signal::Signal;
pub use self::signal::Version;
use self::supposition::Outcome;
use self::writers::Writers;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::series::Series;

/// What a closure that runs in a transaction returns.
pub type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What the secret is remembered as.
const SECRET: &str = "secret";

/// How often a transaction is tried that PostgreSQL could not serialise, as Odoo does.
const TRIES: u32 = 5;

/// An open database.
pub struct Database {
    name: String,
    series: Series,
    clock: Clock,
    connection: Connection,
    /// How long is waited for a writer before, and for the answer to a statement.
    patience: Duration,
    /// Writers of one SQLite database queue here, which is fair, instead of polling for the file's lock.
    writers: Writers,
    signal: Signal,
    cache: Cache,
    identity: Option<Identity>,
    /// What is remembered of the database with the count of its changes: the registry, the rights.
    remembered: StdMutex<HashMap<&'static str, (Changes, Remembered)>>,
    /// The last ids that were given to rows of tables, also of rows that did not stay.
    last_ids: StdMutex<HashMap<String, i64>>,
    statements: AtomicU64,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).field("series", &self.series).finish_non_exhaustive()
    }
}

type Remembered = Arc<dyn Any + Send + Sync>;

/// How often something of a database has been changed. On PostgreSQL a database can be dropped and another one made under
/// its name while it is open here, which begins to count anew: so it is told, too, which one was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The number by which PostgreSQL knows the database.
    pub database: i64,
    pub count: i64,
}

impl Database {
    fn new(
        name: &str,
        series: Series,
        clock: Clock,
        connection: Connection,
        patience: Duration,
        signal: Signal,
        identity: Option<Identity>,
    ) -> Self {
        let (writers, cache) = (Writers::default(), Cache::default());
        let (remembered, last_ids, statements) = Default::default();
        let name = name.to_owned();
        Self {
            name,
            series,
            clock,
            connection,
            patience,
            writers,
            signal,
            cache,
            identity,
            remembered,
            last_ids,
            statements,
        }
    }

    /// What was remembered as `kind` when there had been these `changes` to it.
    #[must_use]
    pub fn remembered<T: Send + Sync + 'static>(&self, kind: &'static str, changes: Changes) -> Option<Arc<T>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, value) = remembered.get(kind)?;
        (*known == changes).then(|| Arc::clone(value).downcast().ok()).flatten()
    }

    /// Remembers what was read as `kind`, until there are more `changes` to it.
    pub fn remember<T: Send + Sync + 'static>(&self, kind: &'static str, changes: Changes, value: &Arc<T>) {
        let value: Remembered = Arc::<T>::clone(value);
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, (changes, value));
    }

    /// The first of `count` ids that no row of `table` has had, whose last known one is `last`.
    fn take_ids(&self, table: &str, last: i64, count: i64) -> i64 {
        let mut last_ids = self.last_ids.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last_ids.entry(table.to_owned()).or_default();
        let first = last.max(*known) + 1;
        *known = first + count - 1;
        first
    }

    /// Forgets what was read and remembered; it will be read again.
    pub fn forget(&self) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.signal.changed();
    }

    /// Forgets what was remembered of a content that is no more.
    fn forget_content(&self) {
        self.last_ids.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.forget();
    }

    /// The clock by which sessions and keys expire, and that records are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Forgets the ids that rows of `table` have had, which is gone.
    pub(crate) fn forget_ids(&self, table: &str) {
        self.last_ids.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
    }

    /// Counts a statement that a call of a model sends.
    pub fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// How many statements calls of models have sent so far.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How often something was asked for that was remembered, and how often it was not.
    #[must_use]
    pub fn lookups(&self) -> (u64, u64) {
        self.cache.lookups()
    }

    /// How many connections there are on PostgreSQL, and how many of them nobody uses.
    #[must_use]
    pub fn connections(&self) -> Option<(usize, usize)> {
        let Connection::Postgres(pool) = &self.connection else { return None };
        Some(pool.connections())
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The series whose base data it was made with.
    #[must_use]
    pub fn series(&self) -> Series {
        self.series
    }

    /// Which file it is, where it is one.
    fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// `database.secret`, which keys its session tokens, in this `version`.
    ///
    /// # Errors
    /// A failure of the database, or there is no secret.
    pub async fn secret(&self, version: &Version) -> Result<Arc<String>> {
        let read = || async {
            let secret = parameter::get(&self.connection, parameter::SECRET).await?;
            secret
                .filter(|secret| !secret.is_empty())
                .ok_or_else(|| DbErr::Custom("no database.secret".to_owned()).into())
        };
        let secret = self.cached(version, SECRET, "", read).await?;
        self.remember(SECRET, Changes::default(), &secret);
        Ok(secret)
    }

    /// The secret that was read last. It is the same in most versions; whether it is in this one is to be asked for.
    #[must_use]
    pub fn last_secret(&self) -> Option<Arc<String>> {
        self.remembered(SECRET, Changes::default())
    }

    /// Notes that this is the secret in this `version`, too.
    pub fn keep_secret(&self, version: &Version, secret: &Arc<String>) {
        self.keep(version, SECRET, "", secret);
    }

    /// The connection, for statements that only read. Never hold one while waiting for another: an ephemeral
    /// database has only one.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs `step` in a transaction that sees one state of the data and writes nothing.
    ///
    /// # Errors
    /// Whatever `step` returns, or a failure of the database.
    pub async fn read<T, F>(&self, step: F) -> Result<T>
    where
        F: for<'a> FnOnce(&'a Transaction) -> Step<'a, T> + Send,
    {
        let transaction = self.first(|| self.connection.begin(Purpose::Reading)).await?;
        // There is nothing to commit.
        step(&transaction).await
    }

    /// As [`read`](Self::read), in the state of the data that had this `version`, or a newer one.
    ///
    /// # Errors
    /// Whatever `step` returns, or a failure of the database.
    pub async fn read_at<T, F>(&self, version: &Version, step: F) -> Result<T>
    where
        F: for<'a> FnOnce(&'a Transaction) -> Step<'a, T> + Send,
    {
        match version.take_ahead() {
            Some(transaction) => step(&transaction).await,
            None => self.read(step).await,
        }
    }

    /// The version that a request may suppose to find, where it would take a turn to a server to ask for it. What is found
    /// under it in what is [remembered](Self::known) counts only if [`read_supposed`](Self::read_supposed) or
    /// [`write_supposed`](Self::write_supposed) answers.
    #[must_use]
    pub fn supposed_version(&self) -> Option<Version> {
        self.signal.supposed()
    }

    /// As [`read_at`](Self::read_at), in a state that has the supposed `version`; nothing where the database has another one
    /// by now.
    pub async fn read_supposed<T, F>(&self, version: &Version, step: F) -> Option<Result<T>>
    where
        F: for<'a> FnOnce(&'a Transaction) -> Step<'a, T> + Send,
    {
        let transaction = Transaction::from(self.signal.reading_supposed(&self.connection, version)?);
        let value = step(&transaction).await;
        let outcome = match self.within(transaction.outcome()).await {
            Ok(outcome) => outcome?,
            Err(error) => return given_up(error),
        };
        match outcome {
            Outcome::Held => {
                self.signal.note_supposed(true);
                Some(value)
            }
            Outcome::Wrong => {
                self.signal.note_supposed(false);
                None
            }
            // It has been waited for long enough.
            Outcome::Stalled => value.is_err().then_some(value),
            Outcome::Failed => None,
        }
    }

    /// As [`write`](Self::write), in a state that has the supposed `version`; nothing where the database has another one by
    /// now, or where the transaction is to be tried again.
    pub async fn write_supposed<T, F>(&self, version: &Version, step: F) -> Option<Result<T>>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T> + Send,
    {
        let transaction = match self.within(self.signal.begin_supposed(&self.connection, version)).await {
            Ok(transaction) => transaction,
            Err(error) => return given_up(error),
        };
        self.signal.note_supposed(transaction.is_some());
        match self.finish(transaction?, Purpose::Writing, &step).await {
            Err(failed) if failed.can_be_repeated() => None,
            done => Some(done.map_err(|failed| failed.error)),
        }
    }

    /// Runs `step` in one transaction: all that it writes is there afterwards, or nothing where it fails. On
    /// PostgreSQL, what cannot be serialised is run again, so `step` must have no effect outside the database.
    ///
    /// # Errors
    /// Whatever `step` returns, or a failure of the database.
    pub async fn write<T, F>(&self, step: F) -> Result<T>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T> + Send,
    {
        self.write_for(Purpose::Writing, step).await
    }

    /// As [`write`](Self::write), for a `step` that needs no single state of the data: on PostgreSQL each of its
    /// statements sees what is committed by then, and waits for other writers of a row instead of failing.
    ///
    /// # Errors
    /// Whatever `step` returns, or a failure of the database.
    pub async fn write_committed<T, F>(&self, step: F) -> Result<T>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T> + Send,
    {
        self.write_for(Purpose::WritingCommitted, step).await
    }

    async fn write_for<T, F>(&self, purpose: Purpose, step: F) -> Result<T>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T> + Send,
    {
        if dialect::is_sqlite(&self.connection) {
            return self.writers.run(&self.connection, &self.signal, self.patience, &step).await;
        }
        let mut tries = 1;
        loop {
            match self.attempt(&step, purpose).await {
                Err(error) if tries < TRIES && error.can_be_repeated() => {
                    tracing::debug!(db = self.name, tries, "the transaction failed, trying again");
                    let pause = u64::from(crate::auth::random::<1>()[0]) * u64::from(tries);
                    tokio::time::sleep(Duration::from_micros(100 * pause)).await;
                    tries += 1;
                }
                done => return done.map_err(|failed| failed.error),
            }
        }
    }

    /// Runs `step` in one transaction, once.
    async fn attempt<T, F>(&self, step: &F, purpose: Purpose) -> Result<T, Failed>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T>,
    {
        let begun = self.first(|| self.connection.begin(purpose)).await;
        let transaction = begun.map_err(|error: DbErr| Failed { error: error.into(), committing: false })?;
        self.finish(transaction, purpose, step).await
    }

    /// Runs `step` in a transaction that has begun, and commits.
    async fn finish<T, F>(&self, transaction: Transaction, purpose: Purpose, step: &F) -> Result<T, Failed>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T>,
    {
        // What needs no single state is done with a few statements.
        let small = purpose == Purpose::WritingCommitted;
        let value = if small { self.within(step(&transaction)).await } else { step(&transaction).await };
        let value = value.map_err(|error| Failed { error, committing: false })?;
        let committed = self.within(self.signal.commit(transaction)).await;
        committed.map_err(|error: DbErr| Failed { error: error.into(), committing: true })?;
        Ok(value)
    }

    /// What a statement answers, unless PostgreSQL takes too long for it: then the connection is given up.
    ///
    /// # Errors
    /// Those of the statement, or that there was no answer.
    pub async fn within<T, E: From<DbErr>>(&self, statement: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if dialect::is_sqlite(&self.connection) {
            return statement.await;
        }
        stall::within(self.patience, statement).await
    }

    /// What comes first of a request or transaction, so that it can be asked again on another connection where one was lost
    /// meanwhile: the server was started anew, or somebody has ended it.
    ///
    /// # Errors
    /// Those of `ask`, or that there was no answer.
    pub async fn first<T, E, F>(&self, ask: impl Fn() -> F) -> Result<T, E>
    where
        E: From<DbErr> + LostConnection,
        F: Future<Output = Result<T, E>>,
    {
        let mut lost = 0;
        loop {
            match self.within(ask()).await {
                Err(error) if lost < store::POSTGRES_CONNECTIONS && error.is_connection_lost() => lost += 1,
                answered => return answered,
            }
        }
    }

    /// The version of the content now; see [`Version`]. It is what a request reads first.
    ///
    /// # Errors
    /// A failure of the database, or it is not there any more.
    pub async fn version(&self) -> Result<Version> {
        match self.signal.version_here()? {
            Some(version) => Ok(version),
            None => Ok(Box::pin(self.first(|| self.signal.version(&self.connection))).await?),
        }
    }

    /// What `load` reads, or what it read before if the database had the same `version` then. `kind` and `key` together
    /// name it. One request asks for the version once, before it reads anything.
    ///
    /// # Errors
    /// Those of `load`, which are not remembered.
    pub async fn cached<T, F>(
        &self,
        version: &Version,
        kind: &'static str,
        key: &str,
        load: impl FnOnce() -> F,
    ) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        if let Some(value) = self.cache.get(version, kind, key) {
            return Ok(value);
        }
        let value = Arc::new(Box::pin(self.within(load())).await?);
        self.cache.put(version.alone(), kind, key, &value);
        Ok(value)
    }

    /// As [`cached`](Self::cached), of what need not be there. That it is not is not remembered: clients may ask for anything.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn found<T, F>(
        &self,
        version: &Version,
        kind: &'static str,
        key: &str,
        load: impl FnOnce() -> F,
    ) -> Result<Option<Arc<T>>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<Option<T>>> + Send,
    {
        if let Some(value) = self.cache.get(version, kind, key) {
            return Ok(Some(value));
        }
        let value = Box::pin(self.within(load())).await?.map(Arc::new);
        if let Some(value) = &value {
            self.cache.put(version.alone(), kind, key, value);
        }
        Ok(value)
    }

    /// What was remembered of that kind and key, if the database had the same `version` then.
    #[must_use]
    pub fn known<T: Send + Sync + 'static>(&self, version: &Version, kind: &'static str, key: &str) -> Option<Arc<T>> {
        self.cache.get(version, kind, key)
    }

    /// Remembers what was read in a state of this `version`.
    pub fn keep<T: Send + Sync + 'static>(&self, version: &Version, kind: &'static str, key: &str, value: &Arc<T>) {
        self.cache.put(version.alone(), kind, key, value);
    }

    /// As [`cached`](Self::cached), of a value as JSON.
    ///
    /// # Errors
    /// Those of `load`, which are not remembered.
    pub async fn cached_text<F>(
        &self,
        version: &Version,
        kind: &'static str,
        key: &str,
        load: impl FnOnce() -> F,
    ) -> Result<Arc<RawValue>>
    where
        F: Future<Output = Result<Value>> + Send,
    {
        if let Some(text) = self.cache.get::<Arc<RawValue>>(version, kind, key) {
            return Ok(Arc::clone(&text));
        }
        let text = to_raw_value(&Box::pin(load()).await?).map_err(|error| Error::exception(error.to_string()))?;
        let text: Arc<RawValue> = text.into();
        let size = key.len() + text.get().len();
        self.cache.put_sized(version.alone(), kind, key, &Arc::new(Arc::clone(&text)), size);
        Ok(text)
    }

    /// Lets connections to PostgreSQL be closed that nobody needs any more.
    pub fn cool(&self) {
        if let Connection::Postgres(pool) = &self.connection {
            pool.cool();
        }
    }

    /// Closes the connections; statements that are under way fail.
    pub async fn close(&self) {
        self.connection.close().await;
    }
}

/// What comes of a failure before anything is known: nothing where another connection may do better, so that it is tried
/// again.
fn given_up<T>(error: DbErr) -> Option<Result<T>> {
    (!error.is_connection_lost()).then(|| Err(error.into()))
}

/// Why a transaction failed, and whether that was at its end, so that it may have been committed all the same.
struct Failed {
    error: Error,
    committing: bool,
}

impl Failed {
    /// Whether nothing was committed and another try may do better.
    fn can_be_repeated(&self) -> bool {
        dialect::is_serialization_failure(&self.error) || !self.committing && self.error.is_connection_lost()
    }
}

/// Errors that may say that the connection to the server was lost, so that another may do.
pub trait LostConnection {
    /// Whether this is what the error says.
    fn is_connection_lost(&self) -> bool;
}

impl LostConnection for DbErr {
    fn is_connection_lost(&self) -> bool {
        dialect::is_connection_lost(self)
    }
}

impl LostConnection for Error {
    fn is_connection_lost(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_connection_lost())
    }
}

/// Runs `step` in one transaction, once.
async fn attempt<T, F>(connection: &Connection, step: &F, purpose: Purpose) -> Result<T>
where
    F: for<'a> Fn(&'a Transaction) -> Step<'a, T>,
{
    let transaction = connection.begin(purpose).await?;
    let value = step(&transaction).await?;
    transaction.commit().await?;
    Ok(value)
}
