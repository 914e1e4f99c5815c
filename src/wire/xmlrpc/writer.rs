//! Values as Python's `xmlrpc.client` writes them, byte for byte.

use serde_json::{Number, Value};

use crate::error::{Error, Result};
use crate::python;

const DECLARATION: &str = "<?xml version='1.0'?>\n";

/// A result as the body of an answer.
///
/// # Errors
/// Anywhere in the result: a `TypeError` for null and for structs whose names are ids, an `OverflowError` for integers of
/// more than 32 bits.
pub fn response(result: &Value) -> Result<String> {
    let mut written = String::from(DECLARATION);
    written.push_str("<methodResponse>\n<params>\n<param>\n");
    write(result, &mut written)?;
    written.push_str("</param>\n</params>\n</methodResponse>\n");
    Ok(written)
}

/// A fault with this code (a number or a text) as the body of an answer.
pub fn fault_response(code: &Value, string: &str) -> String {
    let mut written = String::from(DECLARATION);
    written.push_str("<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n");
    match code {
        Value::Number(code) => write_tagged("int", &code.to_string(), &mut written),
        code => write_text(&python::text(code), &mut written),
    }
    written.push_str("</member>\n<member>\n<name>faultString</name>\n");
    write_text(string, &mut written);
    written.push_str("</member>\n</struct></value>\n</fault>\n</methodResponse>\n");
    written
}

fn write(value: &Value, written: &mut String) -> Result<()> {
    match value {
        // Odoo's server never allows it, whatever the client does.
        Value::Null => return Err(Error::type_error("cannot marshal None unless allow_none is enabled")),
        Value::Bool(flag) => write_tagged("boolean", if *flag { "1" } else { "0" }, written),
        Value::Number(number) => write_number(number, written)?,
        Value::String(text) => write_text(text, written),
        Value::Array(items) => {
            written.push_str("<value><array><data>\n");
            for item in items {
                write(item, written)?;
            }
            written.push_str("</data></array></value>\n");
        }
        Value::Object(members) => {
            written.push_str("<value><struct>\n");
            for (name, value) in members {
                if is_id(name) {
                    return Err(Error::type_error("dictionary key must be string"));
                }
                written.push_str("<member>\n<name>");
                escape(name, written);
                written.push_str("</name>\n");
                write(value, written)?;
                written.push_str("</member>\n");
            }
            written.push_str("</struct></value>\n");
        }
    }
    Ok(())
}

/// Whether a name is an id. Odoo has numbers there, which JSON cannot have and XML-RPC refuses.
fn is_id(name: &str) -> bool {
    !name.starts_with('0') && (1..=10).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn write_number(number: &Number, written: &mut String) -> Result<()> {
    match number.as_i64() {
        Some(int) if i32::try_from(int).is_ok() => write_tagged("int", &int.to_string(), written),
        None if number.is_f64() => {
            write_tagged("double", &python::float_repr(number.as_f64().unwrap_or_default()), written);
        }
        _ => {
            let message = "int exceeds XML-RPC limits".to_owned();
            return Err(Error::Python { name: "builtins.OverflowError", message });
        }
    }
    Ok(())
}

fn write_tagged(tag: &str, text: &str, written: &mut String) {
    for part in ["<value><", tag, ">", text, "</", tag, "></value>\n"] {
        written.push_str(part);
    }
}

/// Odoo leaves out control characters, which XML cannot have.
fn write_text(text: &str, written: &mut String) {
    written.push_str("<value><string>");
    let is_dropped = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    for part in text.split(is_dropped) {
        escape(part, written);
    }
    written.push_str("</string></value>\n");
}

fn escape(text: &str, written: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        written.push_str(&rest[..at]);
        written.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            _ => "&gt;",
        });
        rest = &rest[at + 1..];
    }
    written.push_str(rest);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(result: &Value) -> Result<String> {
        let whole = response(result)?;
        let value = whole.strip_prefix("<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n").unwrap();
        Ok(value.strip_suffix("\n</param>\n</params>\n</methodResponse>\n").unwrap().to_owned())
    }

    #[test]
    fn values() {
        for (result, written) in [
            (json!(true), "<value><boolean>1</boolean></value>"),
            (json!(-5), "<value><int>-5</int></value>"),
            (json!(i32::MAX), "<value><int>2147483647</int></value>"),
            (json!(1.0), "<value><double>1.0</double></value>"),
            (json!(0.1), "<value><double>0.1</double></value>"),
            (json!(1e16), "<value><double>1e+16</double></value>"),
            (json!(1e-7), "<value><double>1e-07</double></value>"),
            (json!(123_456_789_012.5), "<value><double>123456789012.5</double></value>"),
            (json!("a<b>&\"'é\u{0}\u{8}\t\r\n"), "<value><string>a&lt;b&gt;&amp;\"'é\t\r\n</string></value>"),
            (json!([]), "<value><array><data>\n</data></array></value>"),
            (json!({}), "<value><struct>\n</struct></value>"),
            (
                json!({"a&": [1]}),
                "<value><struct>\n<member>\n<name>a&amp;</name>\n<value><array><data>\n<value><int>1</int></value>\n\
                 </data></array></value>\n</member>\n</struct></value>",
            ),
        ] {
            assert_eq!(value(&result).unwrap(), written, "{result}");
        }
    }

    #[test]
    fn what_cannot_be_told() {
        for (result, name, message) in [
            (json!(null), "builtins.TypeError", "cannot marshal None unless allow_none is enabled"),
            (json!([{"a": null}]), "builtins.TypeError", "cannot marshal None unless allow_none is enabled"),
            (json!({"3": "x"}), "builtins.TypeError", "dictionary key must be string"),
            (json!(2_147_483_648_i64), "builtins.OverflowError", "int exceeds XML-RPC limits"),
            (json!(-2_147_483_649_i64), "builtins.OverflowError", "int exceeds XML-RPC limits"),
            (json!(u64::MAX), "builtins.OverflowError", "int exceeds XML-RPC limits"),
        ] {
            let error = value(&result).unwrap_err();
            assert_eq!((error.name(), error.to_string().as_str()), (name, message), "{result}");
        }
        for fine in [json!({"": 1}), json!({"03": 1}), json!({"3a": 1}), json!({"12345678901": 1})] {
            value(&fine).unwrap();
        }
    }
}
