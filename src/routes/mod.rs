//! What is at which path. A route parses, authenticates, calls and renders; what it calls knows no HTTP.

mod bearer;
mod body;
mod content;
mod database;
mod dataset;
mod doc;
mod form;
mod json2;
mod json_rpc;
mod jsonrpc;
pub mod metrics;
mod pages;
mod session_auth;
mod stream;
mod upload;
mod version;
mod web_client;
mod web_session;
mod xmlrpc;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use jsonrpsee::RpcModule;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tracing::Instrument as _;

use crate::app::App;
use crate::auth::visit::Visit;
use crate::database::threads;
use crate::interception::Exchange;
use crate::services;
use crate::wire::page;
use crate::wire::rpc::Rpc;
pub use json_rpc::Call;

/// The largest body, in bytes, at the paths that take only small ones.
const SMALL_BODY: usize = 1024 * 1024;
const SMALL_BODIES: [&str; 4] = ["/session/auth/", "/web/session/", "/web/webclient/", "/web/database/list"];

/// From how many bytes on an answer is worth compressing.
const COMPRESSED_FROM: u16 = 16 * 1024;

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
        route.register(&mut module);
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
        .route("/web/login", get(pages::login))
        .route("/web/binary/upload_attachment", post(upload::upload_attachment))
        .route("/xmlrpc/{service}", post(xmlrpc::with_texts))
        .route("/xmlrpc/2/{service}", post(xmlrpc::with_numbers))
        .merge(database::router())
        .merge(web_client::router(app.series));
    for path in ["/web/content", "/web/content/{*path}"] {
        router = router.route(path, get(content::content));
    }
    for path in ["/web/image", "/web/image/{*path}"] {
        router = router.route(path, get(content::image));
    }
    for path in ["/web/binary/company_logo", "/logo", "/logo.png"] {
        router = router.route(path, get(content::company_logo));
    }
    if app.series.has_version_pages() {
        router = router.route("/web/version", get(version::page)).route("/json/version", get(version::page));
    }
    if app.series.has_json2() {
        router = router
            .route("/json/2", any(json2::unknown))
            .route("/json/2/", any(json2::unknown))
            .route("/json/2/{*call}", any(json2::call))
            .route("/doc-bearer/{file}", get(doc::by_key).post(doc::by_key))
            .route("/doc", get(doc::page))
            .route("/doc/{file}", get(doc::below));
    }
    let router = router
        .fallback(pages::unknown)
        .method_not_allowed_fallback(pages::method_not_allowed)
        // `with_visit` has the limits.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(to_the_end))
        .layer(middleware::from_fn_with_state(shared.clone(), with_visit))
        .layer(compression())
        .with_state(shared);
    match &app.metrics {
        Some(metrics) => metrics::counted(router, metrics),
        None => router,
    }
}

/// Sends large answers of calls with gzip to clients that accept it, which nothing but a proxy does for Odoo.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_of_a_call = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        kind.starts_with(b"application/json") || kind.starts_with(b"text/xml")
    };
    let when = SizeAbove::new(COMPRESSED_FROM).and(is_of_a_call);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(when)
}

/// Around every handler: runs it to its end, even if the client does not wait for it, so that nothing stays half done.
async fn to_the_end(request: Request, next: Next) -> Response {
    let exchange = request.extensions().get::<Exchange>().cloned();
    let handling = next.run(request).in_current_span();
    let handled = match exchange {
        Some(exchange) => threads::movable(exchange.serve(handling)),
        None => threads::movable(handling),
    };
    handled.await.unwrap_or_else(|_| {
        tracing::error!("a request failed unexpectedly");
        page::error(StatusCode::INTERNAL_SERVER_ERROR, "The server encountered an internal error.")
    })
}

/// Around every request: reads the body within its limits, makes the visit, and sends the session's cookie.
async fn with_visit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let limits = shared.app.config.limits;
    // Logins and the like are small, and what leads nowhere need not be large.
    let is_small = |path: &MatchedPath| SMALL_BODIES.iter().any(|prefix| path.as_str().starts_with(prefix));
    let small = parts.extensions.get::<MatchedPath>().is_none_or(is_small);
    let limit = if small { limits.body.min(SMALL_BODY) } else { limits.body };
    let body = match body::read(body, limit, limits.patience).await {
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

/// Who a request is to the services.
fn service_client(app: &Arc<App>, visit: &Visit) -> services::Client {
    let client = visit.client();
    services::Client { app: Arc::clone(app), address: client.address.clone(), host: client.host.clone() }
}

/// Marks an answer as one of a handler; see [`Answered`].
fn answered(mut response: Response) -> Response {
    response.extensions_mut().insert(Answered);
    response
}

/// Whether the value of a field or of the query means yes.
fn is_true(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "0" | "n" | "no" | "f" | "false" | "off" | "none")
}
