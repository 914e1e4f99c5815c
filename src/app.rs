//! What all requests of one server share.

use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use entity::res_users;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::auth::master::{Keeping, Master};
use crate::auth::password::Passwords;
use crate::auth::session::{self, Sid};
use crate::auth::{api_key, cooldown};
use crate::clock::Clock;
use crate::config::{Config, Storage};
use crate::database::{DEFAULT_LANG, Database, Databases, NewDatabase, OpenError, Store};
use crate::error::Result;
use crate::series::Series;

/// The state of one server.
pub struct App {
    pub config: Config,
    pub series: Series,
    pub clock: Clock,
    pub databases: Databases,
    pub passwords: Passwords,
    pub master: Master,
}

/// Failed logins are forgotten after this time.
const FAILURES_KEPT: TimeDelta = TimeDelta::days(1);

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("series", &self.series).field("databases", &self.databases).finish_non_exhaustive()
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store is out of reach.
    #[error("{0}")]
    Store(String),
    /// A database cannot be opened or made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: std::io::Error },
}

impl App {
    /// Opens the store and the databases of a configuration; what is missing is made.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Arc<Self>, StartError> {
        let app = Self::connect(config).await?;
        for name in &app.config.databases {
            let database = app.ensure(name).await?;
            app.ensure_api_key(&database).await.map_err(|error| StartError::Store(error.to_string()))?;
        }
        Ok(app)
    }

    /// Opens the store of a configuration, and no database.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn connect(config: Config) -> Result<Arc<Self>, StartError> {
        let store = match &config.storage {
            Storage::Memory => Store::memory(),
            Storage::Directory(path) => Store::directory(path.clone())
                .map_err(|error| StartError::Store(format!("cannot use the folder {}: {error}", path.display())))?,
            Storage::Postgres(url) => {
                Store::postgres(url, &config.databases).await.map_err(|error| StartError::Store(error.to_string()))?
            }
        };
        let keeping = match &config.storage {
            Storage::Memory => Keeping::Process,
            Storage::Directory(folder) => Keeping::Folder(folder.clone()),
            Storage::Postgres(_) => Keeping::Nowhere,
        };
        let clock = Clock::default();
        Ok(Arc::new(Self {
            series: config.series,
            passwords: Passwords::new(config.pbkdf2_rounds),
            databases: Databases::new(store, config.series, clock.clone()),
            master: Master::new(&config.master_password, keeping),
            clock,
            config,
        }))
    }

    /// Opens a database, or makes it with the configured administrator.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn ensure(&self, name: &str) -> Result<Arc<Database>, OpenError> {
        if !self.databases.is_missing(name).await? {
            return self.databases.open(name).await;
        }
        let new = NewDatabase {
            login: self.config.admin_login.clone(),
            password_hash: self.passwords.hash(&self.config.admin_password).await,
            lang: DEFAULT_LANG.to_owned(),
            country_code: None,
            phone: None,
        };
        self.databases.ensure(name, &new).await
    }

    /// Gives the administrator the configured API key, where it is not there yet.
    async fn ensure_api_key(&self, database: &Arc<Database>) -> Result<()> {
        let Some(key) = &self.config.admin_api_key else { return Ok(()) };
        let now = self.clock.now();
        if api_key::check(database, &self.passwords, key, now).await?.is_some() {
            return Ok(());
        }
        let login = res_users::Column::Login.eq(&self.config.admin_login);
        if let Some(user) = res_users::Entity::find().filter(login).one(database.connection()).await? {
            let stored = database.write(|tx| {
                let key = key.clone();
                Box::pin(async move { api_key::store(tx, user.id, "--admin-api-key", &key, None, now).await })
            });
            stored.await?;
        }
        Ok(())
    }

    /// How long a session lives without being used.
    #[must_use]
    pub fn session_lifetime(&self) -> TimeDelta {
        let configured = self.config.session_lifetime.and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
        configured.unwrap_or_else(|| TimeDelta::seconds(self.series.session_lifetime()))
    }

    /// The databases that a host sees.
    ///
    /// # Errors
    /// The store failed.
    pub async fn visible_databases(&self, host: &str) -> Result<Vec<String>> {
        Ok(self.config.db_filter.visible(self.databases.list().await?, host))
    }

    /// The database in which the session of a sid is, if the host sees it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn database_of_sid(&self, sid: &Sid, host: &str) -> Result<Option<Arc<Database>>> {
        let tagged = |name: &str| sid.may_be_of(name);
        let open = self.databases.all_open().into_iter().find(|database| tagged(database.name()));
        let name = match &open {
            Some(database) => Some(database.name().to_owned()),
            None => self.databases.list().await?.into_iter().find(|name| tagged(name)),
        };
        let Some(name) = name.filter(|name| self.config.db_filter.admits(name, host)) else { return Ok(None) };
        // One that cannot be opened has no sessions for anybody.
        Ok(self.databases.open(&name).await.ok())
    }

    /// Removes expired sessions and forgotten failures from all open databases.
    pub async fn sweep(&self) {
        let now = self.clock.now();
        for database in self.databases.all_open() {
            let swept = database
                .write(|tx| {
                    Box::pin(async move {
                        cooldown::sweep(tx, now - FAILURES_KEPT).await?;
                        session::sweep(tx, now).await
                    })
                })
                .await;
            match swept {
                Ok(0) => {}
                Ok(sessions) => tracing::info!(db = database.name(), sessions, "removed expired sessions"),
                Err(error) => tracing::warn!(db = database.name(), %error, "expired sessions could not be removed"),
            }
        }
    }
}
