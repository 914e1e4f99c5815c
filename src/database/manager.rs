//! The databases of one server: which are open, and what can be done to them as a whole.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex as StdMutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use regex::Regex;
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::Mutex;

use super::image::{self, Image};
use super::seed::{self, Content};
use super::store::{Store, is_valid_name};
use super::{Connection, Database, NewDatabase, Purpose, Step, Transaction};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::orm::registry::Registry;
use crate::orm::schema;
use crate::series::Series;

const DATABASE_EXISTS: &str = "odoo.service.db.DatabaseExists";

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
            OpenError::Store { name, error } => {
                Self::Database(DbErr::Custom(format!("database '{name}' cannot be opened: {error}")))
            }
            other => Self::Python { name: "psycopg2.OperationalError", message: other.to_string() },
        }
    }
}

/// Tells what a database of a name is made of that is asked for and not there; none where it is not made.
pub type Maker = Box<dyn Fn(&str) -> Option<Image> + Send + Sync>;

/// The longest name that a host can have, with its port.
const MAX_HOST: usize = 261;
/// For how many hosts a filter is kept compiled.
const COMPILED_HOSTS: usize = 256;

/// Which databases a host sees: a regular expression in which `%h` is the host (without `www.`) and `%d` its first
/// label, matched from the start as Odoo's `--db-filter` is.
#[derive(Clone, Debug, Default)]
pub struct Filter(Option<Arc<Pattern>>);

#[derive(Debug)]
struct Pattern {
    text: String,
    /// What it came to for the hosts that were asked for, since to compile it takes longer than most requests.
    compiled: RwLock<HashMap<String, Arc<Regex>>>,
}

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
        let pattern = Pattern { text: pattern.to_owned(), compiled: RwLock::default() };
        pattern.regex("localhost").map_err(|error| InvalidFilter(Box::new(error)))?;
        Ok(Self(Some(Arc::new(pattern))))
    }

    /// Whether `host` sees the database `name`.
    #[must_use]
    pub fn admits(&self, name: &str, host: &str) -> bool {
        !self.visible(vec![name.to_owned()], host).is_empty()
    }

    /// Of these names, the ones that `host` sees. A host that is none, or with which the pattern becomes too large, sees
    /// nothing.
    #[must_use]
    pub fn visible(&self, mut names: Vec<String>, host: &str) -> Vec<String> {
        let Some(pattern) = &self.0 else { return names };
        let regex = if host.len() <= MAX_HOST { pattern.regex(host).ok() } else { None };
        names.retain(|name| regex.as_ref().is_some_and(|regex| regex.is_match(name)));
        names
    }
}

impl Pattern {
    fn regex(&self, host: &str) -> Result<Arc<Regex>, regex::Error> {
        if let Some(regex) = self.compiled.read().unwrap_or_else(PoisonError::into_inner).get(host) {
            // Not a clone of the expression itself, which would begin with empty scratch space.
            return Ok(Arc::clone(regex));
        }
        let regex = Arc::new(self.compile(host)?);
        let mut compiled = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= COMPILED_HOSTS {
            compiled.clear();
        }
        compiled.insert(host.to_owned(), Arc::clone(&regex));
        Ok(regex)
    }

    fn compile(&self, host: &str) -> Result<Regex, regex::Error> {
        let port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
        let host = host.rsplit_once(':').filter(|(_, end)| port(end)).map_or(host, |(host, _)| host);
        let host = host.strip_prefix("www.").unwrap_or(host);
        let label = host.split('.').next().unwrap_or_default();
        let pattern = self.text.replace("%h", &regex::escape(host)).replace("%d", &regex::escape(label));
        Regex::new(&format!("^(?:{pattern})"))
    }
}

/// The databases of one server.
pub struct Databases {
    store: Store,
    series: Series,
    clock: Clock,
    /// How long a request waits for the store.
    patience: Duration,
    /// The clocks of databases, which outlive their being closed.
    clocks: StdMutex<HashMap<String, Clock>>,
    /// Names of images that take room in the store.
    images: StdMutex<Vec<String>>,
    /// What a database is made of that is asked for and not there.
    on_demand: OnceLock<Maker>,
    open: RwLock<HashMap<String, Arc<Database>>>,
    /// Held while a database is made, opened, moved or removed, so that each happens once.
    changing: Mutex<()>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").field("store", &self.store).field("series", &self.series).finish_non_exhaustive()
    }
}

impl Databases {
    /// The databases in `store`, for `series`. `patience` is how long a request waits for the store.
    #[must_use]
    pub fn new(store: Store, series: Series, clock: Clock, patience: Duration) -> Self {
        let (clocks, images, on_demand, open, changing) = Default::default();
        Self { store, series, clock, patience, clocks, images, on_demand, open, changing }
    }

    /// Where they are.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock of a database, which shows the server's time until it is set.
    pub fn clock(&self, name: &str) -> Clock {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.entry(name.to_owned()).or_insert_with(|| self.clock.child()).clone()
    }

    /// Forgets how the clock of a database was set that is gone.
    pub fn forget_clock(&self, name: &str) {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Makes databases from now on that are asked for and not there, if `maker` has an image for their names. Only the
    /// first maker counts.
    pub fn make_on_demand(&self, maker: Maker) {
        if self.on_demand.set(maker).is_err() {
            tracing::warn!("databases are made on demand already");
        }
    }

    /// Whether there is a database of that name, or will be when it is asked for.
    ///
    /// # Errors
    /// The store failed.
    pub async fn can_be_opened(&self, name: &str) -> Result<bool> {
        Ok(self.image_on_demand(name).is_some() || self.store.exists(name).await?)
    }

    fn image_on_demand(&self, name: &str) -> Option<Image> {
        self.on_demand.get().filter(|_| is_valid_name(name)).and_then(|maker| maker(name))
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
        Ok(self.store.exists(name).await?)
    }

    /// The databases that are open already.
    #[must_use]
    pub fn all_open(&self) -> Vec<Arc<Database>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().filter(|database| self.is_still_there(database)).cloned().collect()
    }

    /// The database of that name, if it is open and still there.
    #[must_use]
    pub fn opened(&self, name: &str) -> Option<Arc<Database>> {
        let opened = self.open.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()?;
        if self.is_still_there(&opened) {
            return Some(opened);
        }
        // Another process has removed the file. The calls that still use it fail.
        self.forget(name);
        None
    }

    fn is_still_there(&self, database: &Database) -> bool {
        self.store.identity(database.name()) == database.identity()
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
        match self.open_now(name).await {
            Err(OpenError::Missing(missing)) => match self.image_on_demand(name) {
                Some(image) => self.make_from(name, &image).await.map_err(failed(name)),
                None => Err(OpenError::Missing(missing)),
            },
            opened => opened,
        }
    }

    async fn open_now(&self, name: &str) -> Result<Arc<Database>, OpenError> {
        if let Some(database) = self.opened(name) {
            return Ok(database);
        }
        if !self.store.exists(name).await.map_err(failed(name))? {
            return Err(OpenError::Missing(name.to_owned()));
        }
        let connection = self.store.connect(name, self.patience).await.map_err(failed(name))?;
        if let Err(error) = self.inspect(name, &connection).await {
            self.release(connection).await;
            return Err(error);
        }
        self.opened_as(name, connection)
    }

    fn opened_as(&self, name: &str, connection: Connection) -> Result<Arc<Database>, OpenError> {
        let signal = self.store.signal(name).map_err(failed(name))?;
        let identity = self.store.identity(name);
        Ok(self.remember(Database::new(
            name,
            self.series,
            self.clock(name),
            connection,
            self.patience,
            signal,
            identity,
        )))
    }

    /// Brings a database's schema up to date. One that is not ours, or of another series, is left as it was.
    async fn inspect(&self, name: &str, connection: &Connection) -> Result<(), OpenError> {
        let ours = migration::is_migrated(connection).await.map_err(failed(name))?;
        let made = if ours { seed::series_of(connection).await.map_err(failed(name))? } else { None };
        match made {
            Some(made) if made == self.series => {}
            Some(made) => return Err(OpenError::OtherSeries { name: name.to_owned(), made }),
            None => return Err(OpenError::Foreign(name.to_owned())),
        }
        connection.migrate().await.map_err(failed(name))
    }

    /// Closes a connection; the one to a database in memory stays open, since it is the database.
    async fn release(&self, connection: Connection) {
        if !self.store.is_ephemeral() {
            connection.close().await;
        }
    }

    /// Makes the database `name`.
    ///
    /// # Errors
    /// Odoo's `DatabaseExists` where there is one, or a `ValueError` for an impossible name.
    pub async fn create(&self, name: &str, new: &NewDatabase) -> Result<Arc<Database>> {
        let _changing = self.changing.lock().await;
        self.check_free(name).await?;
        self.create_filled(name, self.base_content(ready(new.clone()))).await
    }

    /// Whether a database can be made that is called so.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn check_free(&self, name: &str) -> Result<()> {
        valid(name)?;
        if self.store.exists(name).await? { Err(exists(name)) } else { Ok(()) }
    }

    /// Whether the database `name` is still to be made: it is not there, or nothing is in it.
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
        let connection = self.store.connect(name, self.patience).await.map_err(failed(name))?;
        let empty = is_unfilled(&connection).await.map_err(failed(name))?;
        self.release(connection).await;
        Ok(empty)
    }

    /// The database `name`, made as `new` says where it is missing. `new` is begun only then, beside the making of tables.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn ensure<F>(&self, name: &str, new: F) -> Result<Arc<Database>, OpenError>
    where
        F: Future<Output = NewDatabase> + Send + 'static,
    {
        let _changing = self.changing.lock().await;
        if !self.is_missing(name).await? {
            return self.open_now(name).await;
        }
        let fill = self.base_content(new);
        if self.store.exists(name).await.map_err(failed(name))? {
            // Somebody who may make databases has made it for us, with nothing in it.
            let connection = self.store.connect(name, self.patience).await.map_err(failed(name))?;
            let filled = self.fill_in_place(&connection, fill).await;
            self.release(connection).await;
            filled.map_err(failed(name))?;
            return self.open_now(name).await;
        }
        match self.create_filled(name, fill).await {
            // Another process was faster.
            Err(error) if error.name() == DATABASE_EXISTS => self.open_now(name).await,
            made => made.map_err(failed(name)),
        }
    }

    /// Writes what a fresh database contains.
    fn base_content<F>(&self, new: F) -> impl for<'a> Fn(&'a Transaction) -> Step<'a, ()> + Send
    where
        F: Future<Output = NewDatabase> + Send + 'static,
    {
        let (series, now) = (self.series, self.clock.now());
        // Both are put together while the tables are made.
        let new = tokio::spawn(new).map(|new| new.map_err(|error| DbErr::Custom(error.to_string()))).shared();
        let content = Arc::new(OnceLock::new());
        let of_series = move |content: Arc<OnceLock<Content>>| {
            tokio::task::spawn_blocking(move || {
                content.get_or_init(|| Content::of(series));
                content
            })
        };
        drop(of_series(Arc::clone(&content)));
        move |tx| {
            let (new, content) = (new.clone(), of_series(Arc::clone(&content)));
            Box::pin(async move {
                let content = content.await.map_err(|error| DbErr::Custom(error.to_string()))?;
                let content = content.get().expect("it was just put together");
                seed::fill(tx, series, content, now, &new.await?).await
            })
        }
    }

    /// Makes a database of `series` whose content is what `fill` writes.
    ///
    /// # Errors
    /// As [`create`](Self::create), a `UserError` for another series, and those of `fill`.
    pub async fn create_with<F>(&self, name: &str, series: Series, fill: F) -> Result<()>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, ()> + Send,
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

    /// Makes a database under a name that nobody knows, and gives it its own when all is in it: neither a crash nor
    /// another process can leave half a database.
    async fn create_filled<F>(&self, name: &str, fill: F) -> Result<Arc<Database>>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, ()> + Send,
    {
        let draft = Store::draft_name();
        self.store.create(&draft).await?;
        let filled = match self.store.connect(&draft, self.patience).await {
            Ok(connection) => self.fill(connection, fill).await,
            Err(error) => Err(error.into()),
        };
        self.publish(&draft, name, filled).await?;
        Ok(self.open_now(name).await?)
    }

    /// Makes the tables of an empty database and fills them, and closes the connection to it.
    async fn fill<F>(&self, connection: Connection, fill: F) -> Result<()>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, ()> + Send,
    {
        let filled = async { self.fill_in(connection.begin(Purpose::Writing).await?, fill).await };
        let filled = filled.await;
        self.release(connection).await;
        filled
    }

    /// As [`fill`](Self::fill), in a transaction, which is committed.
    async fn fill_in<F>(&self, transaction: Transaction, fill: F) -> Result<()>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, ()> + Send,
    {
        let registry = Registry::base(self.series);
        schema::create(&transaction, &registry, self.series).await?;
        let transaction = transaction.migrate().await?;
        fill(&transaction).await?;
        schema::add_foreign_keys(&transaction, &registry).await?;
        schema::add_trigrams(&transaction, &registry, self.series).await?;
        Ok(transaction.commit().await?)
    }

    /// As [`fill`](Self::fill), for a database that has its name already, so that other processes know of it: only if none of
    /// them has been faster.
    async fn fill_in_place<F>(&self, connection: &Connection, fill: F) -> Result<()>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, ()> + Send,
    {
        let transaction = connection.begin_making().await?;
        if is_unfilled(&transaction).await? { self.fill_in(transaction, fill).await } else { Ok(()) }
    }

    /// Gives a draft its name, if it is `finished`; else, or where the name is taken meanwhile, removes it.
    async fn publish(&self, draft: &str, name: &str, finished: Result<()>) -> Result<()> {
        let published = match finished {
            Ok(()) => self.store.publish(draft, name).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if !matches!(published, Ok(true)) {
            self.store.remove(draft).await?;
        }
        if published? { Ok(()) } else { Err(exists(name)) }
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
        if self.store.closes_to_duplicate() {
            self.forget(from);
        }
        let draft = Store::draft_name();
        let copied = async {
            self.store.duplicate(from, source.connection(), &draft).await?;
            self.make_distinct(&draft).await
        };
        let copied = copied.await;
        self.publish(&draft, to, copied).await
    }

    /// Keeps aside the state of the database `name`.
    ///
    /// # Errors
    /// A failure as for a database that does not exist, or of the store.
    pub async fn image(&self, name: &str) -> Result<Image> {
        let _changing = self.changing.lock().await;
        let source = self.open_now(name).await?;
        if self.store.closes_to_duplicate() {
            self.forget(name);
        }
        let image = self.store.image(name, source.connection()).await?;
        self.note_image(&image);
        Ok(image)
    }

    /// Makes the database `name` of an image. It has a secret and a UUID of its own, and no sessions.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_from(&self, name: &str, image: &Image) -> Result<Arc<Database>> {
        // Side by side with others: until it is published, nobody knows of it, and of two with one name one is refused then.
        self.check_free(name).await?;
        self.make_from(name, image).await
    }

    async fn make_from(&self, name: &str, image: &Image) -> Result<Arc<Database>> {
        let draft = Store::draft_name();
        let made = async {
            self.store.create_from(image, &draft).await?;
            self.make_distinct(&draft).await
        };
        let made = made.await;
        self.publish(&draft, name, made).await?;
        // It is known to be ours, so it needs no inspection.
        let connection = self.store.connect(name, self.patience).await?;
        Ok(self.opened_as(name, connection)?)
    }

    /// Gives a copy, to which no connection is open, a secret and a UUID of its own, and no sessions.
    async fn make_distinct(&self, copy: &str) -> Result<()> {
        let connection = self.store.connect(copy, self.patience).await?;
        let distinct = super::attempt(&connection, &make_distinct, Purpose::Writing).await;
        self.release(connection).await;
        distinct
    }

    /// Puts the database `name` back to the state of an image, with the sessions that there were then.
    ///
    /// # Errors
    /// A failure as for a database that does not exist, or of the store.
    pub async fn restore(&self, name: &str, image: &Image) -> Result<()> {
        let _changing = self.changing.lock().await;
        let database = self.open_now(name).await?;
        if let Image::Pages(pages) = image {
            let _turn = database.writers.turn(self.patience).await?;
            let connection = image::replace_pages(database.connection(), pages).await?;
            // Before anybody reads the new content.
            database.forget_content();
            drop(connection);
            return Ok(());
        }
        self.close(name).await;
        self.store.remove(name).await?;
        self.store.create_from(image, name).await?;
        Ok(())
    }

    /// An image of a fresh database.
    ///
    /// # Errors
    /// The store failed.
    pub async fn base_image(&self, new: &NewDatabase) -> Result<Image> {
        let draft = Store::draft_name();
        self.store.create(&draft).await?;
        let imaged = async {
            self.fill(self.store.connect(&draft, self.patience).await?, self.base_content(ready(new.clone()))).await?;
            let connection = self.store.connect(&draft, self.patience).await?;
            let image = self.store.image(&draft, &connection).await?;
            self.release(connection).await;
            Ok(image)
        };
        let image = imaged.await;
        self.store.remove(&draft).await?;
        image.inspect(|image| self.note_image(image))
    }

    /// Gives back the room of an image.
    ///
    /// # Errors
    /// The store failed.
    pub async fn forget_image(&self, image: Image) -> Result<()> {
        if let Image::Kept(kept) = image {
            self.images.lock().unwrap_or_else(PoisonError::into_inner).retain(|name| *name != kept);
            self.store.remove(&kept).await?;
        }
        Ok(())
    }

    fn note_image(&self, image: &Image) {
        if let Image::Kept(kept) = image {
            self.images.lock().unwrap_or_else(PoisonError::into_inner).push(kept.clone());
        }
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
        self.refuse_foreign(name).await?;
        self.close(name).await;
        self.store.remove(name).await?;
        Ok(true)
    }

    /// Renames the database `from` to `to`. Its sessions end, as in Odoo.
    ///
    /// # Errors
    /// Odoo's `Exception` where there is no `from`, or `to` is taken.
    pub async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let _changing = self.changing.lock().await;
        valid(to)?;
        let refused = |why: &str| Error::exception(format!("Couldn't rename database {from} to {to}: {why}\n"));
        if !self.store.exists(from).await? {
            return Err(refused(&format!("database \"{from}\" does not exist")));
        }
        if self.store.exists(to).await? {
            return Err(refused(&format!("database \"{to}\" already exists")));
        }
        self.refuse_foreign(from).await?;
        self.close(from).await;
        self.store.rename(from, to).await?;
        Ok(())
    }

    /// Whoever knows the master password may do anything to our databases, and nothing to others.
    async fn refuse_foreign(&self, name: &str) -> Result<()> {
        match self.open_now(name).await {
            Ok(_) | Err(OpenError::OtherSeries { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn close(&self, name: &str) {
        if let Some(database) = self.forget(name) {
            self.release(database.connection().clone()).await;
        }
    }

    /// Closes all databases, those in memory too, and gives back the room of images.
    pub async fn close_all(&self) {
        let images = std::mem::take(&mut *self.images.lock().unwrap_or_else(PoisonError::into_inner));
        for image in images {
            if let Err(error) = self.store.remove(&image).await {
                tracing::warn!(image, %error, "what was kept of a database could not be removed");
            }
        }
        for database in self.all_open() {
            database.close().await;
        }
    }
}

/// Turns whatever went wrong with a database into the reason why it cannot be opened.
fn failed<E: Into<Error>>(name: &str) -> impl Fn(E) -> OpenError {
    move |error| OpenError::Store { name: name.to_owned(), error: error.into().reason() }
}

/// Whether a database has nothing in it: no tables, or those of the migrations alone.
async fn is_unfilled(connection: &impl ConnectionTrait) -> Result<bool> {
    let migrated = migration::is_migrated(connection).await?;
    Ok(if migrated { seed::series_of(connection).await?.is_none() } else { migration::is_empty(connection).await? })
}

fn make_distinct(tx: &Transaction) -> Step<'_, ()> {
    Box::pin(seed::make_distinct(tx))
}

fn valid(name: &str) -> Result<()> {
    if is_valid_name(name) {
        return Ok(());
    }
    Err(Error::Python { name: "builtins.ValueError", message: OpenError::Name(name.to_owned()).to_string() })
}

fn exists(name: &str) -> Error {
    Error::Python { name: DATABASE_EXISTS, message: format!("database '{name}' already exists!") }
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
        assert_eq!(visible("%h", &"acme".repeat(100)), Vec::<String>::new());
        let long = "k".repeat(60_000);
        assert!(Filter::new("(?i)^%d$").unwrap().visible(names(), &long).is_empty());
    }
}
