//! The databases of one server: which are open, and what can be done to them as a whole.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use migration::{Migrator, MigratorTrait};
use regex::Regex;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use tokio::sync::Mutex;

use super::seed::{self, NewDatabase};
use super::store::{Store, is_valid_name};
use super::{Database, Step, parameter};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::series::Series;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no database of that name.
    #[error("database '{0}' does not exist")]
    Missing(String),
    /// The name is none.
    #[error(
        "'{0}' cannot be the name of a database: it takes letters, digits, '_', '.' and '-', and begins with a letter or digit"
    )]
    Name(String),
    /// It was made for another series.
    #[error("database '{name}' was made for series {made}; start with --series {made}, or use another database")]
    OtherSeries { name: String, made: Series },
    /// It holds tables, but not wiredoo's.
    #[error("database '{0}' is not a wiredoo database, so it is left alone")]
    Foreign(String),
    /// The store failed.
    #[error("database '{name}' cannot be opened: {error}")]
    Store { name: String, error: String },
}

impl From<OpenError> for Error {
    /// A client learns of every reason in the way in which Odoo tells of a database that does not exist.
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Missing(name) | OpenError::Name(name) => Self::no_such_database(&name),
            other => Self::Python { name: "psycopg2.OperationalError", message: other.to_string() },
        }
    }
}

/// Which databases a host sees: a regular expression in which `%h` is the host and `%d` its first label (without
/// `www.`), matched from the start as Odoo's `--db-filter` is.
#[derive(Clone, Debug, Default)]
pub struct Filter(Option<String>);

/// Said of a filter that is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("the database filter is no regular expression: {0}")]
pub struct InvalidFilter(Box<regex::Error>);

impl Filter {
    /// A filter of this pattern.
    ///
    /// # Errors
    /// The pattern is no regular expression.
    pub fn new(pattern: &str) -> Result<Self, InvalidFilter> {
        let filter = Self(Some(pattern.to_owned()));
        filter.regex("localhost").map_err(|error| InvalidFilter(Box::new(error)))?;
        Ok(filter)
    }

    fn regex(&self, host: &str) -> Result<Option<Regex>, regex::Error> {
        let Some(pattern) = &self.0 else { return Ok(None) };
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(host, _)| host);
        let bare = host.strip_prefix("www.").unwrap_or(host);
        let label = bare.split('.').next().unwrap_or_default();
        let pattern = pattern.replace("%h", &regex::escape(host)).replace("%d", &regex::escape(label));
        Regex::new(&format!("^(?:{pattern})")).map(Some)
    }

    /// Whether `host` sees the database `name`.
    #[must_use]
    pub fn admits(&self, name: &str, host: &str) -> bool {
        // The pattern was checked when the filter was made, and an escaped host does not break it.
        self.regex(host).is_ok_and(|regex| regex.is_none_or(|regex| regex.is_match(name)))
    }

    /// Of these names, the ones that `host` sees.
    #[must_use]
    pub fn visible(&self, mut names: Vec<String>, host: &str) -> Vec<String> {
        if let Ok(Some(regex)) = self.regex(host) {
            names.retain(|name| regex.is_match(name));
        }
        names
    }
}

/// The databases of one server.
#[derive(Debug)]
pub struct Databases {
    store: Store,
    series: Series,
    clock: Clock,
    open: RwLock<HashMap<String, Arc<Database>>>,
    /// Held while a database is made, opened, moved or removed, so that each happens once.
    changing: Mutex<()>,
}

impl Databases {
    /// The databases in `store`, for `series`.
    #[must_use]
    pub fn new(store: Store, series: Series, clock: Clock) -> Self {
        Self { store, series, clock, open: RwLock::default(), changing: Mutex::default() }
    }

    /// Where they are.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The names of all databases, sorted.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self) -> Result<Vec<String>> {
        Ok(self.store.list().await?)
    }

    /// Whether there is a database of that name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.opened(name).is_some() || self.store.exists(name).await?)
    }

    /// The databases that are open already.
    #[must_use]
    pub fn all_open(&self) -> Vec<Arc<Database>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn opened(&self, name: &str) -> Option<Arc<Database>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn forget(&self, name: &str) -> Option<Arc<Database>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    fn remember(&self, database: Database) -> Arc<Database> {
        let database = Arc::new(database);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(database.name().to_owned(), Arc::clone(&database));
        database
    }

    /// The database `name`, opened where it is not yet.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(&self, name: &str) -> Result<Arc<Database>, OpenError> {
        if let Some(database) = self.opened(name) {
            return Ok(database);
        }
        let _changing = self.changing.lock().await;
        self.open_now(name).await
    }

    async fn open_now(&self, name: &str) -> Result<Arc<Database>, OpenError> {
        if let Some(database) = self.opened(name) {
            return Ok(database);
        }
        if !self.store.exists(name).await.map_err(failed(name))? {
            return Err(OpenError::Missing(name.to_owned()));
        }
        let connection = self.store.connect(name).await.map_err(failed(name))?;
        match self.inspect(name, &connection).await {
            Ok(secret) => {
                let signal = self.store.signal(name).map_err(failed(name))?;
                Ok(self.remember(Database::new(name, self.series, connection, signal, secret)))
            }
            Err(error) => {
                self.release(connection).await.map_err(failed(name))?;
                Err(error)
            }
        }
    }

    /// Brings a database's schema up to date, and returns its secret. One that is not ours, or of another series, is
    /// left as it was.
    async fn inspect(&self, name: &str, connection: &DatabaseConnection) -> Result<String, OpenError> {
        if !migration::is_migrated(connection).await.map_err(failed(name))? {
            return Err(OpenError::Foreign(name.to_owned()));
        }
        let made = seed::series_of(connection).await.map_err(failed(name))?;
        match made {
            Some(made) if made == self.series => {}
            Some(made) => return Err(OpenError::OtherSeries { name: name.to_owned(), made }),
            None => return Err(OpenError::Foreign(name.to_owned())),
        }
        Migrator::up(connection, None).await.map_err(failed(name))?;
        let secret = parameter::get(connection, "database.secret").await.map_err(failed(name))?;
        secret.ok_or_else(|| failed(name)("it has no database.secret"))
    }

    /// Closes a connection; the one to a database in memory stays open, since it is the database.
    async fn release(&self, connection: DatabaseConnection) -> Result<(), DbErr> {
        if self.store.is_ephemeral() { Ok(()) } else { connection.close().await }
    }

    /// Makes the database `name`.
    ///
    /// # Errors
    /// Odoo's `DatabaseExists` where there is one, or a `ValueError` for an impossible name.
    pub async fn create(&self, name: &str, new: &NewDatabase) -> Result<Arc<Database>> {
        let _changing = self.changing.lock().await;
        self.check_free(name).await?;
        self.create_now(name, new).await
    }

    /// Whether a database can be made that is called so.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn check_free(&self, name: &str) -> Result<()> {
        valid(name)?;
        if self.store.exists(name).await? { Err(exists(name)) } else { Ok(()) }
    }

    /// Whether the database `name` is still to be made: it is not there, or has no tables.
    ///
    /// # Errors
    /// The name is none, or the store failed.
    pub async fn is_missing(&self, name: &str) -> Result<bool, OpenError> {
        if !is_valid_name(name) {
            return Err(OpenError::Name(name.to_owned()));
        }
        if self.opened(name).is_some() {
            return Ok(false);
        }
        if !self.store.exists(name).await.map_err(failed(name))? {
            return Ok(true);
        }
        let connection = self.store.connect(name).await.map_err(failed(name))?;
        let empty = migration::is_empty(&connection).await.map_err(failed(name))?;
        self.release(connection).await.map_err(failed(name))?;
        Ok(empty)
    }

    /// The database `name`, made where it is missing or has no tables yet.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn ensure(&self, name: &str, new: &NewDatabase) -> Result<Arc<Database>, OpenError> {
        let _changing = self.changing.lock().await;
        if !self.is_missing(name).await? {
            return self.open_now(name).await;
        }
        self.create_now(name, new).await.map_err(failed(name))
    }

    async fn create_now(&self, name: &str, new: &NewDatabase) -> Result<Arc<Database>> {
        let (series, now, new) = (self.series, self.clock.now(), new.clone());
        self.create_filled(name, move |tx| {
            let new = new.clone();
            Box::pin(async move { seed::fill(tx, series, now, &new).await })
        })
        .await
    }

    /// Makes a database of `series` whose content is what `fill` writes.
    ///
    /// # Errors
    /// As [`create`](Self::create), a `UserError` for another series, and those of `fill`.
    pub async fn create_with<F>(&self, name: &str, series: Series, fill: F) -> Result<()>
    where
        F: for<'a> Fn(&'a DatabaseTransaction) -> Step<'a, ()> + Send,
    {
        if series != self.series {
            return Err(Error::UserError(format!(
                "The database is of series {series}, this server of {}.",
                self.series
            )));
        }
        let _changing = self.changing.lock().await;
        self.check_free(name).await?;
        self.create_filled(name, fill).await.map(drop)
    }

    /// Makes a database that is not there, or fills one that is there and empty.
    async fn create_filled<F>(&self, name: &str, fill: F) -> Result<Arc<Database>>
    where
        F: for<'a> Fn(&'a DatabaseTransaction) -> Step<'a, ()> + Send,
    {
        let made = !self.store.exists(name).await?;
        if made {
            self.store.create(name).await?;
        }
        let filled = match self.store.connect(name).await {
            Ok(connection) => self.fill(name, connection, fill).await,
            Err(error) => Err(error.into()),
        };
        if made && filled.is_err() {
            // Half a database is worse than none.
            self.store.remove(name).await?;
        }
        filled
    }

    async fn fill<F>(&self, name: &str, connection: DatabaseConnection, fill: F) -> Result<Arc<Database>>
    where
        F: for<'a> Fn(&'a DatabaseTransaction) -> Step<'a, ()> + Send,
    {
        Migrator::up(&connection, None).await?;
        let database = Database::new(name, self.series, connection, self.store.signal(name)?, String::new());
        database.write(fill).await?;
        let secret = parameter::get(database.connection(), "database.secret").await?.unwrap_or_default();
        Ok(self.remember(Database { secret, ..database }))
    }

    /// Copies the database `from` to the new name `to`. The copy has a secret and a UUID of its own, and no sessions.
    ///
    /// # Errors
    /// PostgreSQL's `InvalidCatalogName` or `DuplicateDatabase`, as Odoo lets them through.
    pub async fn duplicate(&self, from: &str, to: &str) -> Result<()> {
        let _changing = self.changing.lock().await;
        valid(to)?;
        if !self.store.exists(from).await? {
            return Err(Error::Python {
                name: "psycopg2.errors.InvalidCatalogName",
                message: format!("template database \"{from}\" does not exist\n"),
            });
        }
        if self.store.exists(to).await? {
            return Err(Error::Python {
                name: "psycopg2.errors.DuplicateDatabase",
                message: format!("database \"{to}\" already exists\n"),
            });
        }
        let source = self.open_now(from).await?;
        let copied = self.store.duplicate(from, source.connection(), to).await;
        if matches!(self.store, Store::Postgres(_)) {
            // PostgreSQL copies only what nobody is connected to, so the next call connects anew.
            self.forget(from);
        }
        copied?;
        let copy = self.open_now(to).await?;
        copy.write(|db| Box::pin(seed::make_distinct(db))).await?;
        self.forget(to);
        self.release(copy.connection().clone()).await?;
        Ok(())
    }

    /// Removes the database `name` and answers whether there was one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn drop(&self, name: &str) -> Result<bool> {
        let _changing = self.changing.lock().await;
        if !self.store.exists(name).await? {
            return Ok(false);
        }
        self.close(name).await?;
        self.store.remove(name).await?;
        Ok(true)
    }

    /// Renames the database `from` to `to`. Its sessions end, as in Odoo.
    ///
    /// # Errors
    /// Odoo's `DatabaseExists` where `to` is taken, or a failure as for a database that does not exist.
    pub async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let _changing = self.changing.lock().await;
        valid(to)?;
        if !self.store.exists(from).await? {
            return Err(Error::no_such_database(from));
        }
        if self.store.exists(to).await? {
            return Err(exists(to));
        }
        self.close(from).await?;
        self.store.rename(from, to).await?;
        Ok(())
    }

    async fn close(&self, name: &str) -> Result<()> {
        if let Some(database) = self.forget(name) {
            self.release(database.connection().clone()).await?;
        }
        Ok(())
    }

    /// Closes all databases, those in memory too.
    pub async fn close_all(&self) {
        for database in self.all_open() {
            if let Err(error) = database.close().await {
                tracing::warn!(db = database.name(), %error, "the database did not close well");
            }
        }
    }
}

/// Turns whatever went wrong with a database into the reason why it cannot be opened.
fn failed<E: std::fmt::Display>(name: &str) -> impl Fn(E) -> OpenError {
    move |error| OpenError::Store { name: name.to_owned(), error: error.to_string() }
}

fn valid(name: &str) -> Result<()> {
    if is_valid_name(name) {
        return Ok(());
    }
    Err(Error::Python { name: "builtins.ValueError", message: OpenError::Name(name.to_owned()).to_string() })
}

fn exists(name: &str) -> Error {
    Error::Python { name: "odoo.service.db.DatabaseExists", message: format!("database '{name}' already exists!") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_knows_host_and_label() {
        let names = || ["acme", "acme_test", "other"].map(str::to_owned).to_vec();
        let visible = |pattern: &str, host: &str| Filter::new(pattern).unwrap().visible(names(), host);
        assert_eq!(visible("%d$", "www.acme.example.com:8069"), ["acme"]);
        assert_eq!(visible("%d", "acme.example.com"), ["acme", "acme_test"]);
        assert_eq!(visible("cme", "localhost"), Vec::<String>::new(), "matched from the start");
        assert_eq!(visible("^other|acme$", "localhost"), ["acme", "other"]);
        assert_eq!(Filter::default().visible(names(), "x").len(), 3);
        assert!(Filter::new("(").is_err());
    }
}
