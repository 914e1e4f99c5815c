//! Routes of JSON-RPC: an envelope comes in, the path decides which method of the `RpcModule` is called, an envelope
//! goes out with status 200.

use std::future::Future;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use jsonrpsee::RpcModule;
use jsonrpsee::types::{ErrorObjectOwned, Extensions, Params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Shared, answered, database, dataset, jsonrpc, session_auth, version, web_client, web_session};
use crate::app::App;
use crate::auth::visit::Visit;
use crate::error::{Error, Result};
use crate::interception;
use crate::python;
use crate::series::Series;
use crate::wire::envelope::{self, Envelope};
use crate::wire::{fault, page, rest};

/// A call of a JSON-RPC route.
#[derive(Clone, Debug)]
pub struct Call {
    pub app: Arc<App>,
    pub visit: Arc<Visit>,
    pub params: Map<String, Value>,
}

/// A JSON-RPC route.
#[derive(Clone)]
pub struct Route {
    /// Its name in the `RpcModule`: its path without what varies.
    pub name: &'static str,
    /// The paths at which it is; none where another handler is in front of it.
    pub paths: &'static [&'static str],
    register: Arc<Register>,
}

/// Makes a route a method of a module.
type Register = dyn Fn(&mut RpcModule<()>) + Send + Sync;

impl Route {
    /// A route at its name and at further paths.
    fn new<F, T>(name: &'static str, paths: &'static [&'static str], call: fn(Call) -> F) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Serialize + Clone + Send + 'static,
    {
        let method = move |params: Params<'static>, _: Arc<()>, extensions: Extensions| async move {
            let (app, visit) = context(&extensions);
            let series = app.series;
            let answer = match parse(&params) {
                Ok(params) => Box::pin(call(Call { app, visit, params })).await,
                Err(error) => Err(error),
            };
            answer.map_err(|error| -> ErrorObjectOwned {
                interception::note_failure(&error);
                fault::object(&error, series)
            })
        };
        let register = move |module: &mut RpcModule<()>| {
            module.register_async_method(name, method).expect("a path is registered once");
        };
        Self { name, paths, register: Arc::new(register) }
    }

    /// Makes it a method of `module`.
    pub fn register(&self, module: &mut RpcModule<()>) {
        (self.register)(module);
    }
}

/// The JSON-RPC routes of a series.
pub fn routes(series: Series) -> Vec<Route> {
    macro_rules! at {
        ($path:literal, $call:path) => {
            Route::new($path, &[$path], $call)
        };
        ($path:literal and $other:literal, $call:path) => {
            Route::new($path, &[$path, $other], $call)
        };
    }
    let mut routes = vec![
        Route::new(session_auth::LOGIN, &[], session_auth::login),
        Route::new(session_auth::LOGOUT, &[], session_auth::logout),
        at!("/web/session/authenticate", web_session::authenticate),
        at!("/web/session/get_session_info", web_session::get_session_info),
        at!("/web/session/check", web_session::check),
        at!("/web/session/destroy", web_session::destroy),
        at!("/web/session/modules", web_session::modules),
        at!("/web/session/get_lang_list", web_session::get_lang_list),
        at!("/web/session/account", web_session::account),
        at!("/web/webclient/version_info", version::version_info),
        at!("/web/database/list", database::list),
        at!("/web/dataset/call_kw" and "/web/dataset/call_kw/{*path}", dataset::call_kw),
        at!("/web/dataset/call_button" and "/web/dataset/call_button/{*path}", dataset::call_button),
        at!("/jsonrpc", jsonrpc::jsonrpc),
    ];
    if series.has_resequence_route() {
        routes.push(at!("/web/dataset/resequence", dataset::resequence));
    }
    if series.has_old_dataset_routes() {
        routes.push(at!("/web/dataset/search_read", dataset::search_read));
        routes.push(at!("/web/dataset/load", dataset::load));
        routes.push(at!("/web/dataset/call", dataset::call_by_position));
    }
    if !series.has_websocket() {
        routes.push(at!("/longpolling/poll", web_client::poll));
    }
    if series.has_change_password_route() {
        routes.push(at!("/web/session/change_password", web_session::change_password));
    }
    routes
}

fn context(extensions: &Extensions) -> (Arc<App>, Arc<Visit>) {
    let app = extensions.get::<Arc<App>>().expect("`call` adds the app");
    let visit = extensions.get::<Arc<Visit>>().expect("`call` adds the visit");
    (Arc::clone(app), Arc::clone(visit))
}

fn parse(params: &Params<'static>) -> Result<Map<String, Value>> {
    let Some(params) = params.as_str() else { return Ok(Map::new()) };
    // The envelope is JSON, so what fails here is nested too deeply, or a lone surrogate.
    let value = serde_json::from_str(params).map_err(|error| Error::BadRequest(format!("params: {error}")))?;
    python::dict(value)
}

/// The handler of the route `name`: checks that the body is an envelope, calls the method, and puts the answer in an
/// envelope.
pub async fn handle(
    name: &'static str,
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_json(&headers) {
        let status = StatusCode::from_u16(shared.app.series.wrong_content_type_status());
        let why = "The body must be declared as application/json.";
        return page::error(status.unwrap_or(StatusCode::BAD_REQUEST), why);
    }
    match Envelope::parse(&body) {
        Ok(envelope) => call(&shared, visit, name, &envelope).await,
        Err(malformed) => page::bad_request(&malformed.to_string()),
    }
}

/// Whether a request says that its body is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/json-rpc"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// Calls the method `name` and answers in an envelope.
pub async fn call(shared: &Shared, visit: Arc<Visit>, name: &'static str, envelope: &Envelope<'_>) -> Response {
    let mut extensions = Extensions::new();
    extensions.insert(Arc::clone(&shared.app));
    extensions.insert(visit);
    let answer = shared.rpc.call(name, envelope.params, extensions).await;
    let body = match answer.outcome() {
        Ok(result) => envelope::success(envelope.id(), result),
        Err(error) => envelope::failure(id_of_failure(error, envelope, shared.app.series), error),
    };
    answered(rest::json_response(StatusCode::OK, body))
}

/// From 16.0 on an expired session, or that there is nothing at a path, is found out before the envelope is read, so
/// the id is not known.
fn id_of_failure<'a>(error: &str, envelope: &Envelope<'a>, series: Series) -> &'a str {
    #[derive(Deserialize)]
    struct Code {
        code: i32,
    }
    let unread = [fault::SESSION_EXPIRED, fault::NOT_FOUND];
    let early = serde_json::from_str(error).is_ok_and(|Code { code }| unread.contains(&code));
    if early && !series.echoes_id_of_unread_envelope() { "null" } else { envelope.id() }
}
