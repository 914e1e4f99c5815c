//! XML-RPC: calls are read as Python's `xmlrpc.client` reads them, which is lenient about XML-RPC and strict about XML,
//! and answers are written as it writes them, with Odoo's changes.

mod encoding;
mod fault;
mod reader;
mod values;
mod writer;

use serde_json::Value;

use crate::error::Error;
pub use fault::{Codes, fault};
pub use reader::read;
pub use writer::response;

/// How deep arrays and structs can be nested, as JSON can in the other dialects.
pub const MAX_DEPTH: usize = 127;

/// A method call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Null where the body names none.
    pub method: Value,
    pub params: Vec<Value>,
}

/// Expat's error at a byte of a text.
fn malformed(what: &str, text: &str, offset: usize) -> Error {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.split(|byte| *byte == b'\n').count();
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    // Bytes that continue a character have no column.
    let column = last.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    let message = format!("{what}: line {line}, column {column}");
    Error::Python { name: "xml.parsers.expat.ExpatError", message }
}

/// Whether XML can have a character.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

const INVALID_TOKEN: &str = "not well-formed (invalid token)";

/// What Python's XML-RPC says of a document that is none.
fn response_error(detail: &str) -> Error {
    Error::Python { name: "xmlrpc.client.ResponseError", message: format!("ResponseError({detail})") }
}
