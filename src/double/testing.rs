//! For tests in Rust: a database of each test's own, on servers that the tests of a process share.
//!
//! ```
//! use serde_json::json;
//! use wiredoo::Series;
//! use wiredoo::double::faults::{Connection, Fault};
//! use wiredoo::double::fixtures::Source;
//! use wiredoo::double::testing;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let shop = Source::new("shop.yaml", "records: {res.partner: [{id: acme, name: Acme}]}");
//! let odoo = testing::with_fixtures(Series::V19, &[shop]).await?;
//! odoo.add_fault(Fault::on("res.partner", "create").connection(Connection::CutAfter).times(1))?;
//! // … let the code under test work with odoo.url(), odoo.name(), odoo.login() and odoo.password() …
//! odoo.assert_called("res.partner", "create", 0);
//! let acme = odoo.id("acme").await?;
//! let names = odoo.execute("res.partner", "read", json!([[acme], ["name"]])).await?;
//! assert_eq!(names, json!([{"id": acme, "name": "Acme"}]));
//! # Ok(())
//! # }
//! ```
//!
//! The database is dropped with the value. The servers end with the process.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::error::Refusal;
use super::faults::Fault;
use super::fixtures::{self, Loaded, Source};
use super::journal::{Entry, Expectation, Query, Verdict};
use super::selection::{Glob, Match};
use super::stubs::Stub;
use super::{Double, Settings};
use crate::clock::Clock;
use crate::series::Series;
use crate::{StartError, Wiredoo};

/// The servers of this process.
static SERVERS: Mutex<Option<HashMap<Series, Arc<Shared>>>> = Mutex::new(None);

/// A server with a runtime of its own: that of a test ends with the test.
struct Shared {
    runtime: Runtime,
    server: Wiredoo,
}

impl Shared {
    /// The server of a series, which is started where there is none yet.
    fn of(series: Series) -> Result<Arc<Self>, StartError> {
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let servers = servers.get_or_insert_default();
        if let Some(server) = servers.get(&series) {
            return Ok(Arc::clone(server));
        }
        // On a thread of its own, since whoever asks may be on a runtime, where none can be waited for.
        let started = thread::spawn(move || {
            let runtime = Runtime::new().map_err(|error| StartError::Double(error.to_string()))?;
            let server = runtime.block_on(Wiredoo::builder().series(series).double(Settings::default()).start())?;
            Ok::<_, StartError>(Arc::new(Self { runtime, server }))
        });
        let server = started.join().map_err(|_| StartError::Double("the server panicked".to_owned()))??;
        servers.insert(series, Arc::clone(&server));
        Ok(server)
    }

    /// Does something on the server's own runtime.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Refusal> {
        self.runtime.spawn(work).await.map_err(|error| Refusal::wrong(error.to_string()))
    }

    /// Makes a database, and loads fixtures into it. Answers with its name.
    async fn make(&self, sources: Vec<Source>) -> Result<String, Refusal> {
        let double = Arc::clone(self.server.double());
        self.run(async move { double.create_database(None, None, None, &sources).await }).await?
    }
}

/// A database of a test's own, as a fresh server has it.
///
/// # Errors
/// The server cannot be started, or the database not be made.
pub async fn database(series: Series) -> Result<TestDatabase, Refusal> {
    with_fixtures(series, &[]).await
}

/// A database of a test's own with fixtures in it. The server loads them once for all tests that want the same;
/// [`TestDatabase::load`] loads more.
///
/// # Errors
/// As [`database`]; what is wrong with a fixture.
pub async fn with_fixtures(series: Series, sources: &[Source]) -> Result<TestDatabase, Refusal> {
    let shared = Shared::of(series).map_err(|error| Refusal::wrong(error.to_string()))?;
    let name = shared.make(sources.to_vec()).await?;
    let administrator = Administrator { shared: Arc::clone(&shared), name: name.clone(), uid: Arc::default() };
    Ok(TestDatabase { shared, name, administrator })
}

/// Odoo has answered a call with an error, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct CallError {
    /// The name of the exception: `odoo.exceptions.AccessError`.
    pub name: String,
    pub message: String,
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self { name: "wiredoo".to_owned(), message: refusal.to_string() }
    }
}

/// Calls methods as a database's administrator, to see or to change what is in it. Its calls are like all others: the
/// journal has them, faults and stubs apply. It does not keep the database alive, so a stub can have it.
#[derive(Clone)]
pub struct Administrator {
    shared: Arc<Shared>,
    name: String,
    uid: Arc<OnceCell<Value>>,
}

impl Administrator {
    /// Calls a method with arguments by position, a list: `execute("res.partner", "read", json!([[7], ["name"]]))`.
    ///
    /// # Errors
    /// What Odoo answers instead.
    pub async fn execute(&self, model: &str, method: &str, args: Value) -> Result<Value, CallError> {
        self.execute_kw(model, method, args, json!({})).await
    }

    /// Calls a method with arguments by position, a list, and by name, an object.
    ///
    /// # Errors
    /// What Odoo answers instead.
    pub async fn execute_kw(&self, model: &str, method: &str, args: Value, kwargs: Value) -> Result<Value, CallError> {
        let config = &self.shared.server.app().config;
        let login =
            async || self.call("common", "login", json!([self.name, config.admin_login, config.admin_password])).await;
        let uid = self.uid.get_or_try_init(login).await?;
        let args = json!([self.name, uid, config.admin_password, model, method, args, kwargs]);
        self.call("object", "execute_kw", args).await
    }

    async fn call(&self, service: &str, method: &str, args: Value) -> Result<Value, CallError> {
        let params = json!({"service": service, "method": method, "args": args});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "call", "params": params}).to_string();
        let lost = |why: String| CallError { name: "no answer".to_owned(), message: why };
        let request = Request::post("/jsonrpc").header("Content-Type", "application/json").body(Body::from(body));
        let request = request.map_err(|error| lost(error.to_string()))?;
        let shared = Arc::clone(&self.shared);
        let answer =
            self.shared.run(async move { shared.server.respond(request).await.into_body().collect().await }).await?;
        let answer = answer.map_err(|error| lost(error.to_string()))?.to_bytes();
        let Ok(mut answer) = serde_json::from_slice::<Value>(&answer) else {
            return Err(lost(String::from_utf8_lossy(&answer).into_owned()));
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match &answer["error"] {
            Value::Null => Ok(answer["result"].take()),
            error => Err(CallError { name: text(&error["data"]["name"]), message: text(&error["data"]["message"]) }),
        }
    }
}

impl std::fmt::Debug for Administrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administrator").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A database of a test's own. It is dropped with the value.
pub struct TestDatabase {
    shared: Arc<Shared>,
    name: String,
    administrator: Administrator,
}

impl TestDatabase {
    /// The server's address: `http://127.0.0.1:34567`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.shared.server.url()
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The administrator's login.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.shared.server.app().config.admin_login
    }

    /// The administrator's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.shared.server.app().config.admin_password
    }

    /// The clock of this database.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.server.app().databases.clock(&self.name)
    }

    /// The double, for what concerns more than this database.
    #[must_use]
    pub fn double(&self) -> &Double {
        self.shared.server.double()
    }

    /// Loads fixtures.
    ///
    /// # Errors
    /// What is wrong with them; then nothing is loaded.
    pub async fn load(&self, fixtures: &[Source]) -> Result<Loaded, Refusal> {
        let (double, name, fixtures) = (Arc::clone(self.shared.server.double()), self.name.clone(), fixtures.to_vec());
        self.shared.run(async move { double.load(&name, &fixtures).await }).await?
    }

    /// Puts the database back to what it was when it was made: without what was loaded.
    ///
    /// # Errors
    /// The store failed.
    pub async fn reset(&self) -> Result<(), Refusal> {
        let (double, name) = (Arc::clone(self.shared.server.double()), self.name.clone());
        self.shared.run(async move { double.reset(&name).await }).await?
    }

    /// Keeps aside, under a name, what is in the database now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn snapshot(&self, snapshot: &str) -> Result<(), Refusal> {
        let (double, name) = (Arc::clone(self.shared.server.double()), self.name.clone());
        let snapshot = snapshot.to_owned();
        self.shared.run(async move { double.snapshot(&name, &snapshot).await }).await?
    }

    /// Puts the database back to a snapshot, which stays.
    ///
    /// # Errors
    /// There is no such snapshot, or the store failed.
    pub async fn restore(&self, snapshot: &str) -> Result<(), Refusal> {
        let (double, name) = (Arc::clone(self.shared.server.double()), self.name.clone());
        let snapshot = snapshot.to_owned();
        self.shared.run(async move { double.restore(&name, &snapshot).await }).await?
    }

    /// The administrator, for a stub or a task that makes calls by itself.
    #[must_use]
    pub fn administrator(&self) -> &Administrator {
        &self.administrator
    }

    /// Calls a method as the administrator; see [`Administrator::execute`].
    ///
    /// # Errors
    /// What Odoo answers instead.
    pub async fn execute(&self, model: &str, method: &str, args: Value) -> Result<Value, CallError> {
        self.administrator.execute(model, method, args).await
    }

    /// The id of a record by its external id: of a fixture without its module, of others as `base.be`.
    ///
    /// # Errors
    /// There is no such record, or what Odoo answers instead.
    pub async fn id(&self, external_id: &str) -> Result<i64, CallError> {
        let (module, name) = external_id.split_once('.').unwrap_or((fixtures::MODULE, external_id));
        let domain = json!([["module", "=", module], ["name", "=", name]]);
        let found = self.execute("ir.model.data", "search_read", json!([domain, ["res_id"]])).await?;
        found[0]["res_id"].as_i64().ok_or_else(|| {
            let message = format!("there is no record '{external_id}' in {}", self.name);
            CallError { name: "wiredoo".to_owned(), message }
        })
    }

    /// Puts a fault in force for this database. Answers with its id.
    ///
    /// # Errors
    /// It contradicts itself.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, Refusal> {
        self.double().add_fault(fault.db(&self.name))
    }

    /// Puts a stub in force for this database. Answers with its id.
    ///
    /// # Errors
    /// It contradicts itself.
    pub fn add_stub(&self, stub: Stub) -> Result<u64, Refusal> {
        self.double().add_stub(stub.db(&self.name))
    }

    /// The calls in this database so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Entry> {
        self.double().calls(&Query { db: Some(self.name.clone()), ..Query::default() })
    }

    /// Fails, with what came nearest, unless there were exactly so many calls of a method of a model; `*` stands for any.
    ///
    /// # Panics
    /// There were fewer or more.
    #[track_caller]
    pub fn assert_called(&self, model: &str, method: &str, times: usize) {
        let db = Some(Glob::from(self.name.as_str()));
        self.double().assert_called(Match { db, ..Match::of(model, method) }, times);
    }

    /// Waits for calls, as [`Double::wait_for`] does, in this database.
    ///
    /// # Errors
    /// The expectation contradicts itself.
    pub async fn wait_for(&self, expected: Expectation, patience: Duration) -> Result<Verdict, Refusal> {
        self.double().wait_for(&Expectation { db: Some(self.name.clone()), ..expected }, patience).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (double, name) = (Arc::clone(self.shared.server.double()), self.name.clone());
        self.shared.runtime.spawn(async move {
            if let Err(refusal) = double.drop_database(&name).await {
                tracing::warn!(db = name, %refusal, "the database of a test could not be dropped");
            }
        });
    }
}

impl std::fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestDatabase").field("url", &self.url()).field("name", &self.name).finish_non_exhaustive()
    }
}
