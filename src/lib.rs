//! wiredoo speaks Odoo's wire protocols with a store of its own behind them: an unmodified Odoo client cannot tell it
//! from Odoo. This crate is the server as a library; the binary `wiredoo` is a thin layer over it.
//!
//! # In a test
//!
//! A server starts in milliseconds, on a free port, with an ephemeral database `odoo` whose administrator is `admin`
//! with the password `admin`. It stops when it is dropped.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use wiredoo::{Series, Wiredoo};
//!
//! let odoo = Wiredoo::builder().series(Series::V17).start().await?;
//! println!("point your client at {} and the database {}", odoo.url(), odoo.db());
//! odoo.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Without a socket
//!
//! [`Wiredoo::respond`] answers a request in process, as the server would over its socket:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::body::Body;
//! use axum::http::Request;
//! use wiredoo::Wiredoo;
//!
//! let odoo = Wiredoo::builder().start().await?;
//! let request = Request::post("/session/auth/login")
//!     .header("Content-Type", "application/json")
//!     .body(Body::from(r#"{"login": "admin", "password": "admin"}"#))?;
//! let answer = odoo.respond(request).await;
//! assert_eq!(answer.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Isolation
//!
//! Servers share nothing: each has its own databases in memory, its own clock ([`Wiredoo::clock`]) and its own secrets,
//! so tests can run side by side, each with a server of its own.

#![warn(clippy::unwrap_used)]

mod again;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod database;
pub mod double;
pub mod error;
pub mod generate;
pub mod images;
pub mod interception;
pub mod metrics;
mod mimetypes;
pub mod models;
mod modules;
pub mod orm;
pub mod python;
mod reply;
pub mod routes;
pub mod series;
pub mod server;
pub mod services;
pub mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use app::App;
pub use app::StartError;
use clock::Clock;
use config::{Config, Storage};
use database::threads;
use double::Double;
pub use series::Series;

/// How often expired sessions are removed.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// A running server. It stops when it is dropped; [`shutdown`](Self::shutdown) waits for that.
#[derive(Debug)]
pub struct Wiredoo {
    app: Arc<App>,
    double: Option<Arc<Double>>,
    router: Router,
    address: SocketAddr,
    url: String,
    metrics_url: Option<String>,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<()>>,
}

impl Wiredoo {
    /// Starts an ephemeral 19.0 that is a test double, on a free port of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().double(double::Settings::default()).start().await
    }

    /// A server to be configured and started.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The server's address as a URL without a path: `http://127.0.0.1:34567`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where metrics are told, if they are: `http://127.0.0.1:34568/metrics`.
    #[must_use]
    pub fn metrics_url(&self) -> Option<&str> {
        self.metrics_url.as_deref()
    }

    /// The address at which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of the default database.
    #[must_use]
    pub fn db(&self) -> &str {
        self.app.config.databases.first().map_or("", String::as_str)
    }

    /// The clock by which sessions expire; a test can put it forward.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    /// What the server has as a test double: databases on demand, faults, stubs, the journal.
    ///
    /// # Panics
    /// It is none: it was built without [`Builder::double`].
    #[must_use]
    pub fn double(&self) -> &Arc<Double> {
        self.double.as_ref().expect("the server is a test double")
    }

    /// The state of the server, for whoever needs more than the wire gives.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Answers a request in process.
    pub async fn respond(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => {
                let _: Infallible = never;
                unreachable!("a router answers everything")
            }
        }
    }

    /// Finishes the requests that are under way, closes the databases, and returns when that is done.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Some(running) = self.running.take()
            && let Err(error) = running.await
        {
            tracing::error!(%error, "the server did not stop well");
        }
    }
}

impl Drop for Wiredoo {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// A server to be configured and started. Unless told otherwise it is an ephemeral 19.0 on a free port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Builder {
    config: Config,
    double: Option<double::Settings>,
    host: String,
    port: u16,
    metrics: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { config: Config::default(), double: None, host: "127.0.0.1".to_owned(), port: 0, metrics: None }
    }
}

impl From<Config> for Builder {
    fn from(config: Config) -> Self {
        Self { config, ..Self::default() }
    }
}

impl Builder {
    /// The series that is served.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.config.series = series;
        self
    }

    /// The name of the default database.
    #[must_use]
    pub fn db(mut self, name: impl Into<String>) -> Self {
        self.config.databases = vec![name.into()];
        self
    }

    /// A folder for the databases, which then outlive the server.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.storage = Storage::Directory(folder.into());
        self
    }

    /// A PostgreSQL server for the databases: `postgres://user:password@host/`.
    #[must_use]
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.config.storage = Storage::Postgres(url.into());
        self
    }

    /// Login and password of the administrator of a database that is made.
    #[must_use]
    pub fn admin(mut self, login: impl Into<String>, password: impl Into<String>) -> Self {
        self.config.admin_login = login.into();
        self.config.admin_password = password.into();
        self
    }

    /// Where the server listens; port 0 is any free one.
    #[must_use]
    pub fn listen(mut self, host: impl Into<String>, port: u16) -> Self {
        self.host = host.into();
        self.port = port;
        self
    }

    /// Tells metrics for Prometheus at `/metrics` of another address, `127.0.0.1:9090`. Whoever reaches it may read them.
    #[must_use]
    pub fn metrics(mut self, address: impl Into<String>) -> Self {
        self.metrics = Some(address.into());
        self.config.metrics = true;
        self
    }

    /// Changes whatever else a configuration has.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Makes the server a test double; see [`Wiredoo::double`].
    #[must_use]
    pub fn double(mut self, settings: double::Settings) -> Self {
        self.double = Some(settings);
        self
    }

    /// Starts the server on the current tokio runtime. When this returns, it accepts connections.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Wiredoo, StartError> {
        let wanted = format!("{}:{}", self.host, self.port);
        let failed = |error| StartError::Listen { address: wanted.clone(), error };
        // First the address, since another server may be there already, with the same databases.
        let listener = TcpListener::bind((self.host.trim_matches(['[', ']']), self.port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let metrics = match &self.metrics {
            Some(wanted) => Some(listen_for_metrics(wanted).await?),
            None => None,
        };
        let app = elsewhere(App::start(self.config)).await?;
        let mut router = routes::router(&app);
        let double = match self.double {
            Some(settings) => {
                let of = Arc::clone(&app);
                let started = elsewhere(async move { Double::start(&of, settings).await });
                Some(started.await.map_err(|why| StartError::Double(why.message))?)
            }
            None => None,
        };
        if let Some(double) = &double {
            router = double.around(router);
        }
        let (stop, stopped) = watch::channel(false);
        let mut metrics_url = None;
        if let Some((listener, address)) = metrics {
            metrics_url = Some(format!("http://{address}/metrics"));
            let mut stopped = stopped.clone();
            let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
            let (router, limits) = (routes::metrics::router(&app), app.config.limits);
            tokio::spawn(async move { server::serve(listener, router, limits, stopped).await });
        }
        let running = tokio::spawn(run(Arc::clone(&app), listener, router.clone(), stopped));
        let url = format!("http://{address}");
        Ok(Wiredoo { app, double, router, address, url, metrics_url, stop, running: Some(running) })
    }
}

async fn listen_for_metrics(wanted: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address: wanted.to_owned(), error };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Does what may wait for others where that holds up nobody: the runtime may have one thread, and another server on it may
/// have what is waited for.
async fn elsewhere<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    threads::movable(work).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn run(app: Arc<App>, listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let sweeping = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            let mut interval = tokio::time::interval(SWEEP_INTERVAL);
            loop {
                interval.tick().await;
                let app = Arc::clone(&app);
                if threads::movable(async move { app.sweep().await }).await.is_err() {
                    tracing::error!("the sweep of expired sessions failed unexpectedly");
                }
            }
        }
    });
    // A sender that is gone is a reason to stop, too.
    let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
    server::serve(listener, router, app.config.limits, stopped).await;
    sweeping.abort();
    app.databases.close_all().await;
}
