//! What the double says of what it cannot do.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::fixtures::FixtureError;
use crate::error::Error;
use crate::wire::rest;

/// Why the double does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status that says the same.
    pub status: StatusCode,
    /// For people: what is wrong, and what to write instead.
    pub message: String,
    /// Where in what was sent: `effect.http`.
    pub at: Option<String>,
}

impl Refusal {
    /// Something was asked for that cannot be.
    #[must_use]
    pub fn wrong(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.into(), at: None }
    }

    /// Something that is not there.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into(), at: None }
    }

    /// Something that is there already.
    #[must_use]
    pub fn taken(message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, message: message.into(), at: None }
    }

    /// Says where the mistake is.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = Some(at.into());
        self
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        error.log();
        let status = match &error {
            Error::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self { status, message: error.reason(), at: None }
    }
}

impl From<FixtureError> for Refusal {
    fn from(error: FixtureError) -> Self {
        let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
        Self::wrong(error.to_string()).at(format!("{}{line}", error.file))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.message, "at": self.at}});
        rest::json_response(self.status, body.to_string())
    }
}
