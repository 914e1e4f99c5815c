//! What Python says of arguments that do not fit, since clients show and match these words.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The parameters of a function of Odoo that is called by name or by position.
#[derive(Clone, Debug)]
pub struct Signature<'a> {
    /// The function's name as a `TypeError` has it: `Session.authenticate`, `exp_login`.
    pub function: String,
    /// The parameters that must be given.
    pub required: &'a [&'a str],
    /// Those that may be given, after them.
    pub optional: &'a [&'a str],
    /// Whether `TypeError`s count one argument more than the client gave: `self`.
    pub method: bool,
}

/// The `TypeError` for required arguments that are missing.
#[must_use]
pub fn missing_arguments(function: &str, names: &[&str]) -> Error {
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    let list = match quoted.as_slice() {
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
        [] => String::new(),
    };
    let (count, s) = (names.len(), plural(names.len()));
    Error::type_error(format!("{function}() missing {count} required positional argument{s}: {list}"))
}

impl Signature<'_> {
    /// Takes arguments by name, in the order of the parameters; surplus ones are ignored, as Odoo's routes do.
    ///
    /// # Errors
    /// A `TypeError` where required ones are missing.
    pub fn bind_named(&self, mut given: Map<String, Value>) -> Result<Vec<Option<Value>>> {
        let missing: Vec<_> = self.required.iter().copied().filter(|name| !given.contains_key(*name)).collect();
        if !missing.is_empty() {
            return Err(self.missing(&missing));
        }
        Ok(self.required.iter().chain(self.optional).map(|name| given.shift_remove(*name)).collect())
    }

    /// Takes arguments by position.
    ///
    /// # Errors
    /// A `TypeError` where there are too few or too many.
    pub fn bind_positional(&self, given: Vec<Value>) -> Result<Vec<Option<Value>>> {
        let most = self.required.len() + self.optional.len();
        if given.len() > most {
            return Err(self.surplus(given.len()));
        }
        if given.len() < self.required.len() {
            return Err(self.missing(&self.required[given.len()..]));
        }
        let mut values: Vec<_> = given.into_iter().map(Some).collect();
        values.resize(most, None);
        Ok(values)
    }

    fn missing(&self, names: &[&str]) -> Error {
        missing_arguments(&self.function, names)
    }

    fn surplus(&self, given: usize) -> Error {
        let own = usize::from(self.method);
        let (least, most, given) =
            (self.required.len() + own, self.required.len() + self.optional.len() + own, given + own);
        let takes = if least == most { most.to_string() } else { format!("from {least} to {most}") };
        // Python always has the plural where there are defaults.
        let s = if least == most { plural(most) } else { "s" };
        let were = if given == 1 { "was" } else { "were" };
        Error::type_error(format!("{}() takes {takes} positional argument{s} but {given} {were} given", self.function))
    }
}

/// The ending of a noun of which there are that many.
#[must_use]
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The name of a value's type.
#[must_use]
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// `bool(value)`.
#[must_use]
pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// A value as Python would show it in a message.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => repr(other),
    }
}

/// `repr(value)`: a value as Python would write it.
#[must_use]
pub fn repr(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut written = String::from(quote);
            for c in text.chars() {
                match c {
                    '\\' => written.push_str("\\\\"),
                    '\n' => written.push_str("\\n"),
                    '\r' => written.push_str("\\r"),
                    '\t' => written.push_str("\\t"),
                    c if c == quote => written.extend(['\\', c]),
                    c if c.is_control() => {
                        let code = u32::from(c);
                        let hex = if code < 0x100 { format!("x{code:02x}") } else { format!("u{code:04x}") };
                        written.push('\\');
                        written.push_str(&hex);
                    }
                    c => written.push(c),
                }
            }
            written.push(quote);
            written
        }
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", repr(&key.as_str().into()), repr(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if number.is_f64() => float_repr(number.as_f64().unwrap_or_default()),
        Value::Number(number) => number.to_string(),
        other => text(other),
    }
}

/// `repr(float)`: the shortest digits that tell the number, with two digits or more in the exponent.
#[must_use]
pub fn float_repr(number: f64) -> String {
    let shortest = format!("{number:e}");
    match shortest.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((digits, Ok(exponent))) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        // Here Rust agrees.
        _ => format!("{number:?}"),
    }
}

/// `float(value)`.
///
/// # Errors
/// The `TypeError` or `ValueError` that Python raises for what is no number.
pub fn float(value: &Value) -> Result<f64> {
    match value {
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        Value::Number(number) => Ok(number.as_f64().unwrap_or_default()),
        Value::String(text) => {
            let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
            number.ok_or_else(|| Error::value_error(format!("could not convert string to float: {}", repr(value))))
        }
        other => Err(Error::type_error(format!(
            "float() argument must be a string or a real number, not '{}'",
            type_name(other)
        ))),
    }
}

/// `int(value)`.
///
/// # Errors
/// The `TypeError` or `ValueError` that Python raises for what is no number.
pub fn int(value: &Value) -> Result<i64> {
    match value {
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().and_then(|float| format!("{:.0}", float.trunc()).parse().ok()))
            .ok_or_else(|| Error::type_error("the number is too large")),
        Value::String(text) => text.trim().parse().map_err(|_| Error::Python {
            name: "builtins.ValueError",
            message: format!("invalid literal for int() with base 10: {}", repr(value)),
        }),
        other => Err(Error::type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            type_name(other)
        ))),
    }
}

/// `list(value)`, as Odoo makes of positional arguments.
///
/// # Errors
/// The `TypeError` that Python raises for what is no sequence.
pub fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        Value::String(text) => Ok(text.chars().map(|c| c.to_string().into()).collect()),
        Value::Object(map) => Ok(map.into_iter().map(|(key, _)| key.into()).collect()),
        other => Err(Error::type_error(format!("'{}' object is not iterable", type_name(&other)))),
    }
}

/// `dict(value)`, as Odoo makes of `params`: an object, or a sequence of pairs.
///
/// # Errors
/// The `TypeError` or `ValueError` that Python raises for what makes no dictionary.
pub fn dict(value: Value) -> Result<Map<String, Value>> {
    let items = match value {
        Value::Object(map) => return Ok(map),
        other => list(other)?,
    };
    let mut map = Map::new();
    for (index, item) in items.into_iter().enumerate() {
        let Ok(pair) = list(item) else {
            let message = format!("cannot convert dictionary update sequence element #{index} to a sequence");
            return Err(Error::type_error(message));
        };
        let length = pair.len();
        match <[Value; 2]>::try_from(pair) {
            Ok([Value::String(key), value]) => {
                map.insert(key, value);
            }
            Ok([Value::Array(_) | Value::Object(_), _]) => return Err(Error::type_error("unhashable type")),
            // A key that is no text names no parameter.
            Ok(_) => {}
            Err(_) => {
                let message = format!("dictionary update sequence element #{index} has length {length}; 2 is required");
                return Err(Error::Python { name: "builtins.ValueError", message });
            }
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signature(required: &'static [&'static str], optional: &'static [&'static str]) -> Signature<'static> {
        Signature { function: "f".to_owned(), required, optional, method: false }
    }

    #[test]
    fn words_for_missing_and_surplus_arguments() {
        let message = |result: Result<Vec<Option<Value>>>| result.unwrap_err().to_string();
        let abc = signature(&["a", "b", "c"], &[]);
        assert_eq!(
            message(abc.bind_named(Map::new())),
            "f() missing 3 required positional arguments: 'a', 'b', and 'c'"
        );
        assert_eq!(
            message(abc.bind_positional(vec![json!(1)])),
            "f() missing 2 required positional arguments: 'b' and 'c'"
        );
        assert_eq!(
            message(abc.bind_positional(vec![json!(1); 4])),
            "f() takes 3 positional arguments but 4 were given"
        );
        let ab = signature(&["a"], &["b"]);
        assert_eq!(message(ab.bind_positional(vec![])), "f() missing 1 required positional argument: 'a'");
        assert_eq!(
            message(ab.bind_positional(vec![json!(1); 3])),
            "f() takes from 1 to 2 positional arguments but 3 were given"
        );
        let none = Signature { method: true, ..signature(&[], &[]) };
        assert_eq!(message(none.bind_positional(vec![json!(1)])), "f() takes 1 positional argument but 2 were given");
        assert_eq!(ab.bind_positional(vec![json!(1)]).unwrap(), [Some(json!(1)), None]);
    }

    #[test]
    fn floats() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.00005, "5e-05"),
            (1.25e-7, "1.25e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(float_repr(number), text);
        }
    }

    #[test]
    fn what_makes_a_dictionary() {
        assert_eq!(Value::from(dict(json!([["a", 1], "bc"])).unwrap()), json!({"a": 1, "b": "c"}));
        for (value, message) in [
            (json!(null), "'NoneType' object is not iterable"),
            (json!(1.5), "'float' object is not iterable"),
            (json!(true), "'bool' object is not iterable"),
            (json!([1]), "cannot convert dictionary update sequence element #0 to a sequence"),
            (json!("abc"), "dictionary update sequence element #0 has length 1; 2 is required"),
        ] {
            assert_eq!(dict(value).unwrap_err().to_string(), message);
        }
    }
}
