//! What server this is, and whether it lives.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Call, Shared, answered};
use crate::error::Result;
use crate::wire::rest;

/// `/web/webclient/version_info`.
pub async fn version_info(call: Call) -> Result<Value> {
    Ok(call.app.series.version())
}

/// `/web/version` and `/json/version` (19.0).
pub async fn page(State(shared): State<Shared>) -> Response {
    let series = shared.app.series;
    answered(rest::success(&json!({"version_info": series.version_info(), "version": series.name()})))
}

/// `/web/health`.
pub async fn health() -> Response {
    answered(rest::json_response(StatusCode::OK, r#"{"status": "pass"}"#.to_owned()))
}
