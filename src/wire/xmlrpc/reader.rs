//! A body as a call. quick-xml finds the tags; what it lets pass and expat does not is refused here. Nothing recurses, so
//! depth costs no stack.

use quick_xml::Error as XmlError;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, Value};

use super::{Call, INVALID_TOKEN, MAX_DEPTH, encoding, is_allowed, malformed, response_error, values};
use crate::error::{Error, Result};
use crate::python;

/// Reads a call.
///
/// # Errors
/// What expat or `xmlrpc.client` say of what they do not read, as Python's errors; a `RecursionError` for what is nested
/// deeper than [`MAX_DEPTH`]. Document types are refused, and entities with them.
pub fn read(body: &[u8]) -> Result<Call> {
    let text = encoding::decode(body)?;
    let mut document = Document { text: &text, depth: 0, ended: false, unmarshaller: Unmarshaller::default() };
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    loop {
        let start = position(reader.buffer_position());
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => document.take(event, start)?,
            Err(error) => return Err(document.broken(&error, position(reader.error_position()))),
        }
    }
    if !document.ended {
        return Err(malformed("no element found", &text, text.len()));
    }
    document.unmarshaller.close()
}

/// A position in a text that is in memory.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// What is well-formed.
struct Document<'a> {
    text: &'a str,
    /// Of open elements.
    depth: usize,
    /// Whether the document element has ended.
    ended: bool,
    unmarshaller: Unmarshaller,
}

impl Document<'_> {
    /// Takes an event that begins at `start`.
    fn take(&mut self, event: Event<'_>, start: usize) -> Result<()> {
        match event {
            Event::Start(tag) => {
                self.check_start(&tag, start)?;
                self.depth += 1;
                self.unmarshaller.start(tag.name().0)?;
            }
            Event::End(tag) => {
                self.depth -= 1;
                self.ended = self.depth == 0;
                self.unmarshaller.end(tag.name().0)?;
            }
            Event::Text(text) => {
                self.check_text(&text, start)?;
                if let Some(bracket) = text.find("]]>") {
                    return Err(self.malformed(INVALID_TOKEN, start + bracket + 2));
                }
                self.unmarshaller.data.push_str(&text.xml10_content());
            }
            Event::CData(text) => {
                self.check_text(&text, start)?;
                self.unmarshaller.data.push_str(&text.xml10_content());
            }
            Event::GeneralRef(reference) => {
                let c = self.resolve(&reference, start)?;
                self.unmarshaller.data.push(c);
            }
            Event::Decl(declaration) => {
                if start != 0 {
                    return Err(self.malformed("XML or text declaration not at start of entity", start));
                }
                if declaration.version().is_err() {
                    return Err(self.malformed("XML declaration not well-formed", start));
                }
            }
            Event::DocType(_) => return Err(Error::value_error("document types and entities are refused")),
            Event::Comment(text) => self.check_characters(&text, start + "<!--".len())?,
            Event::PI(instruction) => self.check_characters(&instruction, start + "<?".len())?,
            Event::Empty(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn malformed(&self, what: &str, offset: usize) -> Error {
        malformed(what, self.text, offset)
    }

    fn check_start(&self, tag: &BytesStart<'_>, start: usize) -> Result<()> {
        if self.ended {
            return Err(self.malformed("junk after document element", start));
        }
        let name = tag.name().0;
        if !is_name(name) {
            return Err(self.malformed(INVALID_TOKEN, start + 1));
        }
        let rest = start + 1 + name.len();
        self.check_characters(tag.attributes_raw(), rest)?;
        for attribute in tag.attributes() {
            match attribute {
                Ok(attribute) if is_name(attribute.key.0) && !attribute.value.contains('<') => {}
                Err(AttrError::Duplicated(..)) => return Err(self.malformed("duplicate attribute", rest)),
                _ => return Err(self.malformed(INVALID_TOKEN, rest)),
            }
        }
        Ok(())
    }

    /// Outside of the document element there is only space.
    fn check_text(&self, text: &str, start: usize) -> Result<()> {
        if self.depth == 0
            && let Some(at) = text.find(|c| !matches!(c, ' ' | '\t' | '\r' | '\n'))
        {
            let what = if self.ended { "junk after document element" } else { "syntax error" };
            return Err(self.malformed(what, start + at));
        }
        self.check_characters(text, start)
    }

    fn check_characters(&self, text: &str, start: usize) -> Result<()> {
        text.find(|c| !is_allowed(c)).map_or(Ok(()), |at| Err(self.malformed(INVALID_TOKEN, start + at)))
    }

    fn resolve(&self, reference: &BytesRef<'_>, start: usize) -> Result<char> {
        if self.depth == 0 {
            return Err(self.malformed(if self.ended { "junk after document element" } else { "syntax error" }, start));
        }
        let named = match &**reference {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        };
        if let Some(c) = named {
            return Ok(c);
        }
        let digits = |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        let well_formed = match reference.strip_prefix('#') {
            Some(number) => number.strip_prefix('x').map_or_else(|| digits(number, 10), |number| digits(number, 16)),
            None if is_name(reference) => return Err(self.malformed("undefined entity", start)),
            None => false,
        };
        if !well_formed {
            return Err(self.malformed(INVALID_TOKEN, start + 1));
        }
        let c = reference.resolve_char_ref().ok().flatten().filter(|c| is_allowed(*c));
        c.ok_or_else(|| self.malformed("reference to invalid character number", start))
    }

    /// What quick-xml finds wrong, in expat's words.
    fn broken(&self, error: &XmlError, offset: usize) -> Error {
        match error {
            XmlError::Syntax(SyntaxError::UnclosedCData) => self.malformed("unclosed CDATA section", offset),
            XmlError::Syntax(_) => self.malformed("unclosed token", offset),
            XmlError::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
                self.malformed("mismatched tag", offset + 2)
            }
            XmlError::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
                let what = if self.ended { "junk after document element" } else { INVALID_TOKEN };
                self.malformed(what, offset)
            }
            _ => self.malformed(INVALID_TOKEN, offset + 1),
        }
    }
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| c.is_alphabetic() || c == '_' || c == ':';
    let goes_on = |c: char| starts(c) || c.is_numeric() || matches!(c, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}');
    name.starts_with(starts) && name.chars().all(goes_on)
}

/// Makes values of elements as `xmlrpc.client` does: a stack of values, and marks on it where arrays and structs
/// begin. Which elements are in which is hardly looked at.
#[derive(Default)]
struct Unmarshaller {
    stack: Vec<Value>,
    marks: Vec<usize>,
    /// The text since the last start tag.
    data: String,
    /// Whether the last start tag was that of a value, which is text then.
    in_value: bool,
    method: Value,
    /// Whether there was a name of a method, or parameters.
    is_call: bool,
    is_fault: bool,
}

/// The elements that have a meaning.
const KNOWN: [&str; 21] = [
    "nil",
    "boolean",
    "i1",
    "i2",
    "i4",
    "i8",
    "int",
    "biginteger",
    "double",
    "float",
    "bigdecimal",
    "string",
    "name",
    "array",
    "struct",
    "base64",
    "dateTime.iso8601",
    "value",
    "params",
    "fault",
    "methodName",
];

impl Unmarshaller {
    fn start(&mut self, tag: &str) -> Result<()> {
        let tag = local(tag);
        if matches!(tag, "array" | "struct") {
            if self.marks.len() >= MAX_DEPTH {
                return Err(Error::recursion());
            }
            self.marks.push(self.stack.len());
        }
        self.data.clear();
        if self.in_value && !KNOWN.contains(&tag) {
            let detail = python::repr(&format!("unknown tag {}", python::repr(&tag.into())).into());
            return Err(response_error(&detail));
        }
        self.in_value = tag == "value";
        Ok(())
    }

    fn end(&mut self, tag: &str) -> Result<()> {
        let value = match local(tag) {
            "nil" => Value::Null,
            "boolean" => values::boolean(&self.data)?,
            "i1" | "i2" | "i4" | "i8" | "int" | "biginteger" => values::int(&self.data)?,
            "double" | "float" => values::double(&self.data)?,
            "bigdecimal" => values::decimal(&self.data)?,
            "string" | "name" => self.data.as_str().into(),
            "value" if self.in_value => self.data.as_str().into(),
            "dateTime.iso8601" => values::date_time(&self.data)?,
            "base64" => values::base64(&self.data)?,
            "array" => Value::Array(self.since_mark()),
            "struct" => structure(self.since_mark())?,
            "params" => {
                (self.is_call, self.is_fault) = (true, false);
                return Ok(());
            }
            "fault" => {
                self.is_fault = true;
                return Ok(());
            }
            "methodName" => {
                (self.is_call, self.is_fault) = (true, false);
                self.method = self.data.as_str().into();
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.in_value = false;
        self.stack.push(value);
        Ok(())
    }

    /// What came since the array or struct began that ends now.
    fn since_mark(&mut self) -> Vec<Value> {
        let mark = self.marks.pop().expect("each end tag has its start tag");
        self.stack.split_off(mark)
    }

    fn close(self) -> Result<Call> {
        if self.is_fault {
            // Python raises what it reads.
            return Err(Error::Python { name: "xmlrpc.client.Fault", message: "a fault is no call".to_owned() });
        }
        if !self.is_call {
            return Err(response_error(""));
        }
        Ok(Call { method: self.method, params: self.stack })
    }
}

/// The name of an element without its prefix.
fn local(tag: &str) -> &str {
    tag.rsplit_once(':').map_or(tag, |(_, local)| local)
}

/// Names and values in turn. A name that is no text becomes one.
fn structure(items: Vec<Value>) -> Result<Value> {
    let mut members = Map::new();
    let mut items = items.into_iter();
    while let Some(name) = items.next() {
        let value = items.next().ok_or_else(|| Error::Python {
            name: "builtins.IndexError",
            message: "list index out of range".to_owned(),
        })?;
        if let Value::Array(_) | Value::Object(_) = name {
            return Err(Error::type_error(format!("unhashable type: '{}'", python::type_name(&name))));
        }
        members.insert(python::text(&name), value);
    }
    Ok(members.into())
}
