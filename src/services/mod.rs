//! The RPC services `common`, `db` and `object`, which `/jsonrpc` and `/xmlrpc` carry: functions called by position, each with the
//! database and the credentials that it needs.

mod common;
mod db;
pub mod management;
mod object;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{Error, Result};
use crate::interception;
use crate::python::{self, Signature};
use crate::reply::Reply;

/// Who calls a service.
#[derive(Clone, Debug)]
pub struct Client {
    pub app: Arc<App>,
    /// The client's address, for the cooldown.
    pub address: String,
    /// The host by which it calls, for the database filter.
    pub host: String,
}

/// Calls a function of a service.
///
/// # Errors
/// Those of the function; for an unknown service a `KeyError`, in 15.0 an `UnboundLocalError`.
pub async fn dispatch(client: &Client, service: &str, method: &str, args: Vec<Value>) -> Result<Reply> {
    let interceptor = client.app.interceptor();
    // Methods of models are seen where all dialects call them.
    if interceptor.is_none() || service == "object" {
        return perform(client, service, method, args).await;
    }
    let seen = interception::Call {
        service,
        database: database_of(service, method, &args),
        user: None,
        model: None,
        method,
        ids: None,
        args: &args,
        kwargs: &Map::new(),
    };
    interception::answer(&interceptor, seen, || Box::pin(perform(client, service, method, args.clone()))).await
}

/// The database that a function of a service is about.
fn database_of<'v>(service: &str, method: &str, args: &'v [Value]) -> Option<&'v str> {
    let index = match (service, method) {
        ("common", "login" | "authenticate") | ("db", "db_exist") => 0,
        ("db", "list" | "list_lang" | "list_countries" | "server_version" | "change_admin_password") => return None,
        ("db", _) => 1,
        _ => return None,
    };
    args.get(index).and_then(Value::as_str)
}

async fn perform(client: &Client, service: &str, method: &str, args: Vec<Value>) -> Result<Reply> {
    match service {
        "common" => common::dispatch(client, method, args).await.map(Reply::from),
        "db" => db::dispatch(client, method, args).await.map(Reply::from),
        "object" => object::dispatch(client, method, args).await,
        _ if client.app.series.unknown_service_is_unbound() => Err(Error::Python {
            name: "builtins.UnboundLocalError",
            message: "local variable 'dispatch' referenced before assignment".to_owned(),
        }),
        other => Err(Error::key_error(other)),
    }
}

/// The arguments of a function, by position.
struct Arguments(Vec<Option<Value>>);

impl Arguments {
    /// # Errors
    /// A `TypeError` where there are too few or too many.
    fn bind(function: &str, required: &[&str], optional: &[&str], args: Vec<Value>) -> Result<Self> {
        let signature = Signature { function: format!("exp_{function}"), required, optional, method: false };
        signature.bind_positional(args).map(Self)
    }

    /// The text at `index`; empty where there is none.
    fn text(&self, index: usize) -> &str {
        self.optional_text(index).unwrap_or_default()
    }

    /// The text at `index`, unless it is empty, false, null or left out.
    fn optional_text(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_ref()?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether the value at `index` is true, as Python sees it.
    fn flag(&self, index: usize) -> bool {
        self.0.get(index).and_then(Option::as_ref).is_some_and(python::truth)
    }
}
