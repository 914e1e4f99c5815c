//! From bytes to text: the encodings that expat knows (UTF-8, UTF-16, ISO-8859-1, US-ASCII), and those of one byte a
//! character, which Python adds to them.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::{INVALID_TOKEN, malformed};
use crate::error::{Error, Result};

/// The longest XML declaration, in bytes.
const MAX_DECLARATION: usize = 256;
const LATIN1: [&str; 6] = ["iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1"];
const ASCII: [&str; 2] = ["us-ascii", "ascii"];
const UTF16: [&str; 3] = ["utf-16", "utf-16le", "utf-16be"];

/// A body as text, without byte order mark.
///
/// # Errors
/// Expat's for bytes that the encoding does not have, or an encoding that cannot be that of the declaration; Python's
/// `LookupError` for an unknown encoding, its `ValueError` for one of several bytes a character.
pub fn decode(body: &[u8]) -> Result<Cow<'_, str>> {
    match body {
        [0xff, 0xfe, rest @ ..] | rest @ [b'<', 0, ..] => from_utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] | rest @ [0, b'<', ..] => from_utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => from_bytes(rest),
    }
}

fn from_utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>> {
    let units = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(body.len() / 2);
    for c in char::decode_utf16(units) {
        match c {
            Ok(c) => text.push(c),
            Err(_) => return Err(malformed(INVALID_TOKEN, &text, text.len())),
        }
    }
    if !body.len().is_multiple_of(2) {
        return Err(malformed("unclosed token", &text, text.len()));
    }
    let end = text.len().min(MAX_DECLARATION);
    match declared(&text.as_bytes()[..end]) {
        Some(encoding) if !UTF16.contains(&encoding.as_str()) => Err(incorrect(&text)),
        _ => Ok(text.into()),
    }
}

fn from_bytes(body: &[u8]) -> Result<Cow<'_, str>> {
    let Some(encoding) = declared(&body[..body.len().min(MAX_DECLARATION)]) else { return from_utf8(body) };
    let name = encoding.as_str();
    if LATIN1.contains(&name) {
        return Ok(encoding_rs::mem::decode_latin1(body));
    }
    if ASCII.contains(&name) {
        return if body.is_ascii() { from_utf8(body) } else { Err(invalid(body, Encoding::ascii_valid_up_to(body))) };
    }
    if UTF16.contains(&name) {
        return Err(incorrect(&String::from_utf8_lossy(body)));
    }
    let encoding = Encoding::for_label_no_replacement(name.as_bytes())
        .ok_or_else(|| Error::Python { name: "builtins.LookupError", message: format!("unknown encoding: {name}") })?;
    if encoding == UTF_8 {
        return from_utf8(body);
    }
    if !encoding.is_single_byte() {
        return Err(Error::value_error("multi-byte encodings are not supported"));
    }
    encoding.decode_without_bom_handling_and_without_replacement(body).ok_or_else(|| invalid(body, 0))
}

fn from_utf8(body: &[u8]) -> Result<Cow<'_, str>> {
    std::str::from_utf8(body).map(Cow::Borrowed).map_err(|error| invalid(body, error.valid_up_to()))
}

fn invalid(body: &[u8], offset: usize) -> Error {
    malformed(INVALID_TOKEN, &String::from_utf8_lossy(&body[..offset]), offset)
}

/// The declaration is read already, so the error is where it names the encoding.
fn incorrect(text: &str) -> Error {
    let offset = text.find("encoding").map_or(0, |at| at + "encoding='".len());
    malformed("encoding specified in XML declaration is incorrect", text, offset)
}

/// The encoding that the XML declaration at the start of a document names, in lower case.
fn declared(start: &[u8]) -> Option<String> {
    if !start.starts_with(b"<?xml") {
        return None;
    }
    let end = start.windows(2).position(|pair| pair == b"?>")? + 2;
    match Reader::from_str(std::str::from_utf8(&start[..end]).ok()?).read_event() {
        Ok(Event::Decl(declaration)) => Some(declaration.encoding()?.ok()?.to_ascii_lowercase()),
        _ => None,
    }
}
