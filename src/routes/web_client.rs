//! What the web client fetches when it starts, and the channels of its live updates, which there are none of.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Call, Shared, answered};
use crate::auth::Caller;
use crate::auth::visit::Visit;
use crate::error::{Error, Result};
use crate::models::web_client;
use crate::orm::Env;
use crate::series::Series;
use crate::wire::{page, rest};

type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// What the handshake of a websocket needs.
const HANDSHAKE: [&str; 6] = ["connection", "host", "sec-websocket-key", "sec-websocket-version", "upgrade", "origin"];

/// The routes of the web client that a series has.
pub fn router(series: Series) -> Router<Shared> {
    let mut router = Router::new();
    // Up to 18.0 the path has a hash in it, so that what is at it stays as it is.
    for (name, handler) in [("translations", get(translations)), ("load_menus", get(load_menus))] {
        let end = if series.has_hashes_in_paths() { "/{unique}" } else { "" };
        router = router.route(&format!("/web/webclient/{name}{end}"), handler);
    }
    if series.has_websocket() { router.route("/websocket", get(websocket)) } else { router }
}

/// `/web/webclient/translations[/<hash>]`: the texts of modules, and how the language is written; for everybody.
async fn translations(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>, uri: Uri) -> Response {
    let query: HashMap<String, String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let given = |name: &str| query.get(name).filter(|value| !value.is_empty()).cloned();
    let modules = given("mods").map(|modules| modules.split(',').map(str::to_owned).collect::<Vec<_>>());
    let lang = given("lang");
    let told = async {
        let caller = visit.visitor().await?;
        let (modules, lang) = (modules.clone(), lang.clone());
        let told = read(&shared, caller, move |env| {
            Box::pin(async move { web_client::translations(env, modules, lang.as_deref()).await })
        });
        Ok(if shared.app.series.has_hashes_in_paths() { told.await? } else { hashed(told.await?, given("hash")) })
    };
    let mut response = match told.await {
        Ok(told) => lasting(&shared, &Value::Object(told)),
        Err(error) => return page::failure(&error, uri.path()),
    };
    for (name, value) in [("access-control-allow-origin", "*"), ("access-control-allow-methods", "GET, POST")] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answered(response)
}

/// With the hash of what is told, and without what the client has already, if it says so by that hash.
fn hashed(mut told: Map<String, Value>, known: Option<String>) -> Map<String, Value> {
    let hash = hex::encode(Sha256::digest(Value::Object(told.clone()).to_string()));
    if known.is_some_and(|known| known == hash) {
        told.retain(|name, _| name == "lang");
    }
    told.insert("hash".to_owned(), hash.into());
    told
}

/// `/web/webclient/load_menus[/<hash>]`: the menus of who is logged in.
async fn load_menus(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>, uri: Uri) -> Response {
    let told = async {
        let caller = visit.caller().await?;
        read(&shared, caller, |env| Box::pin(web_client::menus(env))).await
    };
    answered(match told.await {
        Ok(menus) => lasting(&shared, &Value::Object(menus)),
        Err(error) => page::failure(&error, uri.path()),
    })
}

async fn read<T, F>(shared: &Shared, caller: Caller, step: F) -> Result<T>
where
    T: Send + 'static,
    F: for<'e> FnOnce(&'e Env<'_>) -> Step<'e, T> + Send + 'static,
{
    let tools = shared.app.tools();
    let database = Arc::clone(&caller.database);
    let answer = database.read(move |tx| {
        Box::pin(async move {
            let env = Env::new(tx, &caller, &tools, Map::new()).await?;
            step(&env).await
        })
    });
    answer.await
}

/// JSON that may be kept where its path has its hash.
fn lasting(shared: &Shared, body: &Value) -> Response {
    let mut response = rest::success(body);
    if shared.app.series.has_hashes_in_paths() {
        let kept = HeaderValue::from_static("public, max-age=31536000");
        response.headers_mut().insert(header::CACHE_CONTROL, kept);
    }
    response
}

/// `/websocket` (16.0 on): refused as by a server whose live updates are at a port of their own.
async fn websocket(headers: HeaderMap) -> Response {
    let missing: Vec<_> =
        HANDSHAKE.into_iter().filter(|name| headers.get(*name).is_none_or(HeaderValue::is_empty)).collect();
    if missing.is_empty() {
        return page::error(StatusCode::INTERNAL_SERVER_ERROR, "Live updates are not served here.");
    }
    page::error(StatusCode::BAD_REQUEST, &format!("Empty or missing header(s): {}", missing.join(", ")))
}

/// `/longpolling/poll` (15.0): refused in the words of a server that has no live updates.
pub async fn poll(_: Call) -> Result<Value> {
    Err(Error::Python { name: "builtins.Exception", message: "bus.Bus unavailable".to_owned() })
}
