//! What is counted of requests, and where it is told: at an address of its own, since everybody who can reach it may read.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::app::App;
use crate::metrics::Metrics;

/// The type of what Prometheus and others read.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/metrics`, for the address at which they are told.
pub fn router(app: &Arc<App>) -> Router {
    Router::new().route("/metrics", get(tell)).with_state(Arc::clone(app))
}

async fn tell(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.as_ref().map(|metrics| metrics.text(&app.databases));
    ([(header::CONTENT_TYPE, TEXT)], text.unwrap_or_default()).into_response()
}

/// Counts the requests to a router.
pub fn counted(router: Router, metrics: &Arc<Metrics>) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::clone(metrics), count))
}

async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let _under_way = metrics.begin_request();
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    metrics.end_request(route, method.as_str(), response.status().as_u16(), started.elapsed());
    response
}
