//! What Odoo's callers can be told went wrong. Each protocol renders [`Error`] in exactly one place: JSON-RPC in
//! [`wire::fault`](crate::wire::fault), the REST service in [`wire::rest`](crate::wire::rest), JSON-2 in
//! [`wire::json2`](crate::wire::json2), XML-RPC in [`wire::xmlrpc`](crate::wire::xmlrpc), pages in
//! [`wire::page`](crate::wire::page).

use sea_orm::DbErr;
use serde_json::{Map, Value};

use crate::database::dialect;
use crate::python;

/// A failed call, as the caller sees it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong credentials, or a missing master password.
    #[error("{0}")]
    AccessDenied(String),
    /// The caller may not do that with these records.
    #[error("{0}")]
    AccessError(String),
    /// As `AccessError`, for records that rules keep from the caller, with what may help.
    #[error("{message}")]
    AccessDeniedTo { message: String, context: Map<String, Value> },
    /// The values break a rule.
    #[error("{0}")]
    ValidationError(String),
    /// The caller's mistake, and where it can be set right.
    #[error("{}", .0.message)]
    RedirectWarning(Box<Redirect>),
    /// The caller's mistake, told to a person.
    #[error("{0}")]
    UserError(String),
    /// The record is not there, or not any more.
    #[error("{0}")]
    MissingError(String),
    /// There is no live session.
    #[error("Session expired")]
    SessionExpired,
    /// There is nothing at that path.
    #[error("404 Not Found: {0}")]
    NotFound(String),
    /// What Python raises by itself or a library raises: its name (`builtins.TypeError`) and message.
    #[error("{message}")]
    Python { name: &'static str, message: String },
    /// A request that says too little or something wrong, outside of what Odoo has an exception for.
    #[error("400 Bad Request: {0}")]
    BadRequest(String),
    /// A request that needs an API key and brings none that is good (JSON-2).
    #[error("401 Unauthorized: {0}")]
    Unauthorized(String),
    /// Arguments by name that do not fit a method (JSON-2).
    #[error("422 Unprocessable Entity: {0}")]
    Unprocessable(String),
    /// The store failed. The caller learns that it did, the log why.
    #[error("the database failed")]
    Database(DbErr),
}

/// Where a mistake can be set right.
#[derive(Clone, Debug)]
pub struct Redirect {
    pub message: String,
    /// The action that leads there.
    pub action: Value,
    /// The label of its button.
    pub button: String,
    /// What the action gets in its context, or null.
    pub context: Value,
}

/// The result of whatever can fail before a caller.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Odoo's `AccessDenied` with its usual message.
    #[must_use]
    pub fn access_denied() -> Self {
        Self::AccessDenied("Access Denied".to_owned())
    }

    /// A `TypeError` of Python.
    #[must_use]
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::Python { name: "builtins.TypeError", message: message.into() }
    }

    /// A `ValueError` of Python.
    #[must_use]
    pub fn value_error(message: impl Into<String>) -> Self {
        Self::Python { name: "builtins.ValueError", message: message.into() }
    }

    /// A plain `Exception` of Python.
    #[must_use]
    pub fn exception(message: impl Into<String>) -> Self {
        Self::Python { name: "builtins.Exception", message: message.into() }
    }

    /// A `KeyError` of Python.
    #[must_use]
    pub fn key_error(message: impl Into<String>) -> Self {
        Self::Python { name: "builtins.KeyError", message: message.into() }
    }

    /// What Python says of what is nested too deep.
    #[must_use]
    pub fn recursion() -> Self {
        Self::Python { name: "builtins.RecursionError", message: "maximum recursion depth exceeded".to_owned() }
    }

    /// What a connection that PostgreSQL refuses comes to, in the words of its driver.
    fn refused_connection(why: &str) -> Self {
        Self::Python {
            name: "psycopg2.OperationalError",
            message: format!("connection to server at \"127.0.0.1\", port 5440 failed: FATAL:  {why}\n"),
        }
    }

    /// What a call for a database that does not exist answers: the PostgreSQL driver's error, whatever the store is.
    /// The address is that of the recorded servers, since there may be no PostgreSQL here.
    #[must_use]
    pub fn no_such_database(name: &str) -> Self {
        Self::refused_connection(&format!("database \"{name}\" does not exist"))
    }

    /// What went wrong, for the log and for whoever runs the server.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Database(error) => error.to_string(),
            other => other.to_string(),
        }
    }

    /// Writes to the log what the caller does not get to know.
    pub fn log(&self) {
        if let Self::Database(error) = self {
            tracing::error!(%error, "the database failed");
        }
    }

    /// A traceback as Python ends it, with the exception's name and message, but without calls.
    #[must_use]
    pub fn traceback(&self) -> String {
        let (name, message) = (self.name(), self.to_string());
        let name = name.strip_prefix("builtins.").unwrap_or(name);
        let message = if name == "KeyError" { python::repr(&message.into()) } else { message };
        format!("Traceback (most recent call last):\n{name}: {message}\n")
    }

    /// The qualified name of the exception: `odoo.exceptions.AccessDenied`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::AccessDenied(_) => "odoo.exceptions.AccessDenied",
            Self::AccessError(_) | Self::AccessDeniedTo { .. } => "odoo.exceptions.AccessError",
            Self::ValidationError(_) => "odoo.exceptions.ValidationError",
            Self::RedirectWarning(_) => "odoo.exceptions.RedirectWarning",
            Self::UserError(_) => "odoo.exceptions.UserError",
            Self::MissingError(_) => "odoo.exceptions.MissingError",
            Self::SessionExpired => "odoo.http.SessionExpiredException",
            Self::NotFound(_) => "werkzeug.exceptions.NotFound",
            Self::Python { name, .. } => name,
            Self::BadRequest(_) => "werkzeug.exceptions.BadRequest",
            Self::Unauthorized(_) => "werkzeug.exceptions.Unauthorized",
            Self::Unprocessable(_) => "werkzeug.exceptions.UnprocessableEntity",
            Self::Database(_) => "psycopg2.DatabaseError",
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match dialect::missing_database(&error) {
            // Another process has dropped or renamed it.
            Some(why) => Self::refused_connection(&why),
            None => Self::Database(error),
        }
    }
}
