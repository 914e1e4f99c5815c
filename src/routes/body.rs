//! Reading a request's body within its limits.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::wire::page;

/// The whole body, or the answer to one that is too large, too slow or broken.
pub async fn read(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Response> {
    let too_large =
        || page::error(StatusCode::PAYLOAD_TOO_LARGE, "The data value transmitted exceeds the capacity limit.");
    let declared = http_body::Body::size_hint(&body).lower();
    if declared > limit as u64 {
        return Err(too_large());
    }
    let mut body = body;
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    loop {
        let frame = match timeout(patience, body.frame()).await {
            Err(_) => return Err(page::error(StatusCode::REQUEST_TIMEOUT, "The body came too slowly.")),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(page::error(StatusCode::BAD_REQUEST, "The body broke off.")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(too_large());
        }
        // Most bodies come in one piece, which then needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}
