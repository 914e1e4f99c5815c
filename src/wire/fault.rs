//! The one place where an [`Error`] becomes a JSON-RPC error:
//! `{"code", "message", "data": {"name", "message", "arguments", "context", "debug"}}`.

use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::series::Series;

/// The code of an expired session, in all series.
pub const SESSION_EXPIRED: i32 = 100;
/// The code of a path at which there is nothing.
pub const NOT_FOUND: i32 = 404;

/// The error object for a series.
#[must_use]
pub fn object(error: &Error, series: Series) -> ErrorObjectOwned {
    error.log();
    let (code, message) = match error {
        Error::SessionExpired => (SESSION_EXPIRED, "Odoo Session Expired"),
        Error::NotFound(_) => (NOT_FOUND, "404: Not Found"),
        _ => (series.error_code(), "Odoo Server Error"),
    };
    ErrorObjectOwned::owned(code, message, Some(data(error, series)))
}

/// What an error says of the exception, which `data` of the error object has.
pub(super) fn data(error: &Error, series: Series) -> Value {
    let message = error.to_string();
    let debug = error.traceback();
    let arguments = match error {
        Error::NotFound(_) | Error::BadRequest(_) | Error::Unauthorized(_) | Error::Unprocessable(_) => json!([]),
        Error::RedirectWarning(redirect) => json!([message, redirect.action, redirect.button, redirect.context]),
        _ => json!([message]),
    };
    let mut data = Map::new();
    data.insert("name".to_owned(), error.name().into());
    if !series.debug_comes_last() {
        data.insert("debug".to_owned(), debug.clone().into());
    }
    data.insert("message".to_owned(), message.into());
    data.insert("arguments".to_owned(), arguments);
    let context = match error {
        Error::AccessDeniedTo { context, .. } => context.clone(),
        _ => Map::new(),
    };
    data.insert("context".to_owned(), context.into());
    if series.debug_comes_last() {
        data.insert("debug".to_owned(), debug.into());
    }
    data.into()
}
