//! What is at which path. A route parses, authenticates, calls and renders; what it calls knows no HTTP.

mod body;
mod database;
mod dataset;
mod json_rpc;
mod jsonrpc;
mod pages;
mod session_auth;
mod version;
mod web_session;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use jsonrpsee::RpcModule;

use crate::app::App;
use crate::auth::visit::Visit;
use crate::wire::rpc::Rpc;
pub use json_rpc::Call;

/// The address of the client that a request came from; the listener adds it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// That a handler was reached, and did not refuse the request for its form. 15.0 sends its cookie with such answers.
#[derive(Clone, Copy, Debug)]
pub struct Answered;

/// What the handlers share.
#[derive(Clone, Debug)]
struct Shared {
    app: Arc<App>,
    rpc: Rpc,
}

/// All routes of a server.
pub fn router(app: &Arc<App>) -> Router {
    let mut module = RpcModule::new(());
    let mut router = Router::new();
    for route in json_rpc::routes(app.series) {
        json_rpc::register(&mut module, &route);
        let name = route.name;
        for path in route.paths {
            let handle = move |state, visit, headers, body| json_rpc::handle(name, state, visit, headers, body);
            router = router.route(path, any(handle));
        }
    }
    let shared = Shared { app: Arc::clone(app), rpc: Rpc::new(module.into()) };
    router = router
        .route(session_auth::LOGIN, post(session_auth::handle_login))
        .route(session_auth::LOGOUT, post(session_auth::handle_logout))
        .route("/web/session/logout", get(web_session::logout))
        .route("/web/health", get(version::health))
        .route("/", get(pages::home))
        .route("/web", get(pages::web))
        .route("/odoo", get(pages::web))
        .route("/web/login", get(pages::login));
    if app.series.has_version_pages() {
        router = router.route("/web/version", get(version::page)).route("/json/version", get(version::page));
    }
    router
        .fallback(pages::unknown)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(middleware::from_fn_with_state(shared.clone(), with_visit))
        .with_state(shared)
}

/// Around every request: reads the body within its limits, makes the visit, and sends the session's cookie.
async fn with_visit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match body::read(body, shared.app.config.limits).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let peer = parts.extensions.get::<Peer>().map_or_else(|| "127.0.0.1".to_owned(), |peer| peer.0.to_string());
    let visit = Arc::new(Visit::new(&shared.app, &parts, &peer));
    parts.extensions.insert(Arc::clone(&visit));
    let mut response = next.run(Request::from_parts(parts, body.into())).await;
    let answered = response.extensions().get::<Answered>().is_some();
    if let Some(cookie) = visit.set_cookie(answered).await
        && let Ok(cookie) = HeaderValue::from_str(&cookie)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Marks an answer as one of a handler; see [`Answered`].
fn answered(mut response: Response) -> Response {
    response.extensions_mut().insert(Answered);
    response
}
