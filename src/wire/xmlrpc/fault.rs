//! The one place where an [`Error`] becomes an XML-RPC fault.

use serde_json::Value;

use super::writer::fault_response;
use crate::error::Error;

/// What the codes of faults are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// `/xmlrpc/2/…`: 1 for a failure of the server, 2 for a mistake of the caller, 3 for wrong credentials, 4 for missing
    /// rights.
    Numbers,
    /// `/xmlrpc/…`: the kind of the error and its message.
    Texts,
}

/// The fault of an error, as the body of an answer.
#[must_use]
pub fn fault(error: &Error, codes: Codes) -> String {
    error.log();
    let message = error.to_string();
    let (number, kind) = match error {
        Error::AccessDenied(_) => {
            return fault_response(&if codes == Codes::Numbers { 3.into() } else { "AccessDenied".into() }, &message);
        }
        Error::AccessError(_) | Error::AccessDeniedTo { .. } => (4, "AccessError"),
        Error::RedirectWarning(_) => (2, "Warning"),
        Error::MissingError(_) => (2, "MissingError"),
        Error::UserError(_) | Error::ValidationError(_) => (2, "UserError"),
        _ => {
            let code: Value = if codes == Codes::Numbers { 1.into() } else { message.into() };
            return fault_response(&code, &error.traceback());
        }
    };
    match codes {
        Codes::Numbers => fault_response(&number.into(), &message),
        Codes::Texts => fault_response(&format!("warning -- {kind}\n\n{message}").into(), ""),
    }
}
