//! `/xmlrpc/2/<service>` and `/xmlrpc/<service>`: the services of `/jsonrpc` over XML-RPC.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::{Shared, service_client};
use crate::auth::visit::Visit;
use crate::error::{Error, Result};
use crate::interception;
use crate::python;
use crate::services;
use crate::wire::xmlrpc::{self, Call, Codes};

/// From how many bytes on a body takes milliseconds to read.
const LARGE: usize = 128 * 1024;

/// `/xmlrpc/2/<service>`: codes of faults are numbers.
pub async fn with_numbers(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(service): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    handle(&shared, &visit, &service, &headers, body, Codes::Numbers).await
}

/// `/xmlrpc/<service>`: codes of faults are texts.
pub async fn with_texts(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(service): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    handle(&shared, &visit, &service, &headers, body, Codes::Texts).await
}

/// Calls the service, and answers with its result or a fault, both with status 200 and without a cookie.
async fn handle(
    shared: &Shared,
    visit: &Visit,
    service: &str,
    headers: &HeaderMap,
    body: Bytes,
    codes: Codes,
) -> Response {
    // A form is gone when Odoo looks for the body, since it has been read as one.
    let body = if is_form(headers) { Bytes::new() } else { body };
    let answer = answer(shared, visit, service, body).await;
    let answer = answer.unwrap_or_else(|error| {
        interception::note_failure(&error);
        xmlrpc::fault(&error, codes)
    });
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], answer).into_response()
}

async fn answer(shared: &Shared, visit: &Visit, service: &str, body: Bytes) -> Result<String> {
    let call = read(body).await?;
    let client = service_client(&shared.app, visit);
    let result = services::dispatch(&client, service, &python::text(&call.method), call.params).await?;
    xmlrpc::response(&result.into_value()?)
}

/// Reads a call; one that takes its time on a thread of its own, so that other requests do not wait for it.
async fn read(body: Bytes) -> Result<Call> {
    if body.len() < LARGE {
        return xmlrpc::read(&body);
    }
    let read = tokio::task::spawn_blocking(move || xmlrpc::read(&body)).await;
    read.unwrap_or_else(|error| Err(Error::exception(error.to_string())))
}

/// Whether a request says that its body is a form.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    ["application/x-www-form-urlencoded", "multipart/form-data"].iter().any(|form| essence.eq_ignore_ascii_case(form))
}
