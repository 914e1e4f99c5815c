//! The plain REST dialect of `/session/auth`: a bare body, and errors with a status and `{"code", "name"}`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::Error;

/// A body of JSON with status 200.
#[must_use]
pub fn success(body: &Value) -> Response {
    json_response(StatusCode::OK, body.to_string())
}

/// The one place where an [`Error`] becomes a REST answer.
#[must_use]
pub fn failure(error: &Error) -> Response {
    error.log();
    let status = match error {
        Error::AccessDenied(_) | Error::AccessError(_) | Error::AccessDeniedTo { .. } => StatusCode::FORBIDDEN,
        Error::SessionExpired | Error::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        Error::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotFound(_) | Error::MissingError(_) => StatusCode::NOT_FOUND,
        Error::BadRequest(_) | Error::UserError(_) | Error::ValidationError(_) | Error::RedirectWarning(_) => {
            StatusCode::BAD_REQUEST
        }
        Error::Python { .. } | Error::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut body = json!({"code": status.as_u16(), "name": status.canonical_reason()});
    if let Error::BadRequest(description) | Error::UserError(description) = error {
        body["description"] = description.as_str().into();
    }
    json_response(status, body.to_string())
}

/// An answer whose body is this JSON.
#[must_use]
pub fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
