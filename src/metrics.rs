//! What a server tells of itself in the text form of Prometheus, where that is asked for: requests, calls, logins, what is
//! remembered, connections and memory.
//!
//! Labels have few values: a request has the pattern of its route and not its path, a call has a model and a method that
//! there are, and beyond a number of them all are counted as `other`.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::database::Databases;
use crate::error::{Error, Result};

/// How many pairs of model and method are told apart.
const PAIRS: usize = 500;
/// What stands for all that is not told apart.
const OTHER: &str = "other";
/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Method {
    model: String,
    method: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    model: String,
    method: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The password was right.
    Ok,
    /// It was wrong, or there was none.
    Failed,
    /// Nobody looked at it, because there were too many wrong ones before.
    Refused,
}

/// The counters of one server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Family<Route, Histogram, fn() -> Histogram>,
    under_way: Gauge,
    calls: Family<Call, Counter>,
    call_seconds: Family<Method, Histogram, fn() -> Histogram>,
    /// The pairs of model and method that are told apart.
    pairs: Mutex<HashSet<(String, String)>>,
    logins: Family<Outcome, Counter>,
    lookups: Family<Outcome, Counter>,
    databases: Gauge,
    connections: Family<State, Gauge>,
    resident: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn durations() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// Counters that are all at zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("wiredoo"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(durations),
            under_way: Gauge::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(durations),
            pairs: Mutex::default(),
            logins: Family::default(),
            lookups: Family::default(),
            databases: Gauge::default(),
            connections: Family::default(),
            resident: Gauge::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("requests", "Requests by route, HTTP method and status", self.requests.clone());
        let help = "How long requests took";
        registry.register_with_unit("request_duration", help, Unit::Seconds, self.request_seconds.clone());
        registry.register("requests_under_way", "Requests that are being answered", self.under_way.clone());
        registry.register("calls", "Calls of methods of models by their outcome", self.calls.clone());
        let help = "How long calls of methods of models took";
        registry.register_with_unit("call_duration", help, Unit::Seconds, self.call_seconds.clone());
        registry.register("logins", "Passwords that were checked, and those that were not", self.logins.clone());
        let help = "Lookups of what is remembered of open databases";
        registry.register("cache_lookups", help, self.lookups.clone());
        registry.register("databases_open", "Open databases", self.databases.clone());
        let help = "Connections to databases on PostgreSQL";
        registry.register("pool_connections", help, self.connections.clone());
        let help = "Memory that the process has in use";
        registry.register_with_unit("resident_memory", help, Unit::Bytes, self.resident.clone());
        self
    }

    /// Counts a request as under way until the value is dropped.
    #[must_use]
    pub fn begin_request(&self) -> UnderWay<'_> {
        self.under_way.inc();
        UnderWay(&self.under_way)
    }

    /// Counts a request that was answered; `route` is the pattern of its path, where it has led somewhere.
    pub fn end_request(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        let route = route.unwrap_or(OTHER).to_owned();
        let known = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"].contains(&method);
        let method = if known { method } else { OTHER }.to_owned();
        self.request_seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { route, method, status }).inc();
    }

    /// Counts a call of a method of a model that there is.
    pub fn called<T>(&self, model: &str, method: &str, done: &Result<T>, took: Duration) {
        let outcome = match done {
            Ok(_) => "ok",
            Err(Error::Database(_)) => "failed",
            Err(_) => "refused",
        };
        let (model, method) = self.pair(model, method, done.is_ok());
        let labels = Method { model: model.clone(), method: method.clone() };
        self.call_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        self.calls.get_or_create(&Call { model, method, outcome }).inc();
    }

    /// Model and method as they are told. A pair is told apart once a call of it has gone well: names that somebody makes up
    /// do not.
    fn pair(&self, model: &str, method: &str, went_well: bool) -> (String, String) {
        let pair = (model.to_owned(), method.to_owned());
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.contains(&pair) {
            return pair;
        }
        if went_well && pairs.len() < PAIRS {
            pairs.insert(pair.clone());
            return pair;
        }
        (OTHER.to_owned(), OTHER.to_owned())
    }

    /// Counts a login.
    pub fn logged_in(&self, login: Login) {
        let outcome = match login {
            Login::Ok => "ok",
            Login::Failed => "failed",
            Login::Refused => "refused",
        };
        self.logins.get_or_create(&Outcome { outcome }).inc();
    }

    /// All of it as text, with what can be seen of `databases` now.
    #[must_use]
    pub fn text(&self, databases: &Databases) -> String {
        let open = databases.all_open();
        let (mut hits, mut misses, mut connections) = (0, 0, None);
        for database in &open {
            let (found, read) = database.lookups();
            hits += found;
            misses += read;
            if let Some((size, idle)) = database.connections() {
                let (all, free) = connections.unwrap_or((0, 0));
                connections = Some((all + size, free + idle));
            }
        }
        for (outcome, count) in [("hit", hits), ("miss", misses)] {
            self.lookups.get_or_create(&Outcome { outcome }).inner().store(count, Ordering::Relaxed);
        }
        self.databases.set(count(open.len()));
        if let Some((size, idle)) = connections {
            self.connections.get_or_create(&State { state: "idle" }).set(count(idle));
            self.connections.get_or_create(&State { state: "used" }).set(count(size.saturating_sub(idle)));
        }
        self.resident.set(resident().unwrap_or_default());
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "the metrics cannot be written");
        }
        text
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The bytes of memory that the process has in use, where the system tells.
fn resident() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// A request that is under way.
#[derive(Debug)]
pub struct UnderWay<'a>(&'a Gauge);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
