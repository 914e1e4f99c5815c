//! What all requests of one server share.

use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};

use chrono::TimeDelta;

use crate::auth::api_key::{self, NewKey, RPC_SCOPE};
use crate::auth::cooldown::{self, Tries};
use crate::auth::identity::Identity;
use crate::auth::login::Gate;
use crate::auth::master::{Keeping, Master};
use crate::auth::password::Passwords;
use crate::auth::session::{self, Sid};
use crate::clock::Clock;
use crate::config::{Config, Storage};
use crate::database::{DEFAULT_LANG, Database, Databases, NewDatabase, OpenError, Store};
use crate::error::Result;
use crate::interception::{Intercepting, Interceptor};
use crate::metrics::Metrics;
use crate::models::res_users;
use crate::orm::blobs;
use crate::orm::env::Tools;
use crate::series::Series;

/// The state of one server.
pub struct App {
    pub config: Config,
    pub series: Series,
    pub clock: Clock,
    pub databases: Databases,
    pub passwords: Arc<Passwords>,
    pub master: Master,
    pub tries: Tries,
    /// What is counted, where somebody wants to know.
    pub metrics: Option<Arc<Metrics>>,
    /// Who stands between calls and their answers.
    interceptor: OnceLock<Arc<dyn Interceptor>>,
}

/// Failed logins are forgotten after this time.
const FAILURES_KEPT: TimeDelta = TimeDelta::hours(1);

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
    /// What the server is to have as a test double is wrong.
    #[error("{0}")]
    Double(String),
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
            app.ensure_api_key(&database).await.map_err(|error| StartError::Store(error.reason()))?;
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
            Storage::Postgres(url) => Store::postgres(url, &config.databases, config.store_patience)
                .await
                .map_err(|error| StartError::Store(error.to_string()))?,
        };
        let keeping = match &config.storage {
            Storage::Memory => Keeping::Process(RwLock::default()),
            Storage::Directory(folder) => Keeping::Folder(folder.clone()),
            Storage::Postgres(_) => Keeping::Nowhere,
        };
        let clock = Clock::default();
        Ok(Arc::new(Self {
            series: config.series,
            passwords: Arc::new(Passwords::new(config.rounds())),
            databases: Databases::new(store, config.series, clock.clone(), config.store_patience),
            master: Master::new(&config.master_password, keeping),
            tries: Tries::default(),
            metrics: config.metrics.then(|| Arc::new(Metrics::new())),
            interceptor: OnceLock::new(),
            clock,
            config,
        }))
    }

    /// Opens a database, or makes it with the configured administrator.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn ensure(&self, name: &str) -> Result<Arc<Database>, OpenError> {
        self.databases.ensure(name, self.new_database()).await
    }

    /// A database as the configuration wants it.
    pub fn new_database(&self) -> impl Future<Output = NewDatabase> + Send + use<> {
        let (passwords, login) = (Arc::clone(&self.passwords), self.config.admin_login.clone());
        let password = self.config.admin_password.clone();
        async move {
            let password_hash = passwords.hash(&password).await;
            NewDatabase { login, password_hash, lang: DEFAULT_LANG.to_owned(), country_code: None, phone: None }
        }
    }

    /// Gives the administrator the configured API key, where it is not there yet.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn ensure_api_key(&self, database: &Arc<Database>) -> Result<()> {
        let Some(key) = &self.config.admin_api_key else { return Ok(()) };
        let now = database.clock().now();
        if let Some(user) = res_users::find(database.connection(), &self.config.admin_login).await? {
            for known in api_key::list(database.connection(), user.id).await? {
                if self.passwords.verify_key(key, &known.key).await {
                    return Ok(());
                }
            }
            let new = NewKey { name: "--admin-api-key".to_owned(), scope: Some(RPC_SCOPE.to_owned()), expires: None };
            let stored = database.write(|tx| {
                let (key, new) = (key.clone(), new.clone());
                Box::pin(async move { api_key::store(tx, user.id, &new, &key, now).await })
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

    /// Whether a host sees the database `name`, which may still be made when it is asked for.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sees(&self, host: &str, name: &str) -> Result<bool> {
        Ok(self.config.db_filter.admits(name, host) && self.databases.can_be_opened(name).await?)
    }

    /// The open databases in which the session of a sid can be, of those that the host sees.
    #[must_use]
    pub fn open_databases_of_sid(&self, sid: &Sid, host: &str) -> Vec<Arc<Database>> {
        let can_be = |name: &str| sid.may_be_of(name) && self.config.db_filter.admits(name, host);
        self.databases.all_open().into_iter().filter(|database| can_be(database.name())).collect()
    }

    /// The databases beside the `open` ones in which the session of a sid can be; they are opened for that.
    ///
    /// # Errors
    /// The store failed.
    pub async fn closed_databases_of_sid(
        &self,
        sid: &Sid,
        host: &str,
        open: &[Arc<Database>],
    ) -> Result<Vec<Arc<Database>>> {
        let mut databases = Vec::new();
        for name in self.visible_databases(host).await? {
            if !sid.may_be_of(&name) || open.iter().any(|database| database.name() == name) {
                continue;
            }
            match self.databases.open(&name).await {
                Ok(database) => databases.push(database),
                Err(error @ OpenError::Store { .. }) => return Err(error.into()),
                // One that is not ours has no sessions.
                Err(_) => {}
            }
        }
        Ok(databases)
    }

    /// Removes expired sessions, forgotten failures and contents of deleted files from all open databases, and lets go of
    /// connections that nobody needs.
    pub async fn sweep(&self) {
        for database in self.databases.all_open() {
            database.cool();
            let now = database.clock().now();
            let swept = database
                .write_committed(|tx| {
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
            match database.write(|tx| Box::pin(blobs::sweep(tx))).await {
                Ok(0) => {}
                Ok(contents) => tracing::info!(db = database.name(), contents, "removed contents of deleted files"),
                Err(error) => tracing::warn!(db = database.name(), %error, "old contents could not be removed"),
            }
        }
    }

    /// Lets somebody stand between calls and their answers, from now on. Only the first is let.
    pub fn intercept(&self, interceptor: Arc<dyn Interceptor>) {
        if self.interceptor.set(interceptor).is_err() {
            tracing::warn!("somebody stands between calls and their answers already");
        }
    }

    /// Who stands between calls and their answers.
    #[must_use]
    pub fn interceptor(&self) -> Intercepting {
        self.interceptor.get().cloned()
    }

    /// Forgets what a process remembers and does not need to, as if it had been started just now.
    pub fn forget(&self) {
        self.passwords.forget();
        for database in self.databases.all_open() {
            database.forget();
        }
    }

    /// What calls of models need beside the database.
    #[must_use]
    pub fn tools(&self) -> Tools {
        let passwords = Arc::clone(&self.passwords);
        let (interceptor, metrics) = (self.interceptor(), self.metrics.clone());
        Tools { passwords, interceptor, metrics, identity: Identity::default() }
    }

    /// What logins of a client at `address` need to know.
    #[must_use]
    pub fn gate<'a>(&'a self, address: &'a str) -> Gate<'a> {
        Gate { passwords: &self.passwords, tries: &self.tries, metrics: self.metrics.as_deref(), address }
    }
}
