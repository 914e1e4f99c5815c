//! The texts of elements as values, as Python reads them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use chrono::NaiveDate;
use serde_json::{Number, Value};

use crate::error::{Error, Result};
use crate::python;

/// `<boolean>`.
pub fn boolean(text: &str) -> Result<Value> {
    match text {
        "0" => Ok(false.into()),
        "1" => Ok(true.into()),
        _ => Err(Error::type_error("bad boolean value")),
    }
}

/// `<int>` and its kin. What needs more than 64 bits becomes a float, as in JSON.
pub fn int(text: &str) -> Result<Value> {
    let digits = without_underscores(text.trim());
    if let Ok(number) = digits.parse::<i64>() {
        return Ok(number.into());
    }
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let float = if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse::<f64>().ok().and_then(Number::from_f64)
    } else {
        None
    };
    let wrong =
        || Error::value_error(format!("invalid literal for int() with base 10: {}", python::repr(&text.into())));
    float.map(Value::Number).ok_or_else(wrong)
}

/// `<double>` and its kin. Infinity and what is no number have no place in JSON, so they are refused.
pub fn double(text: &str) -> Result<Value> {
    python::float(&without_underscores(text).into())
        .map(Value::from)
        .map_err(|_| Error::value_error(format!("could not convert string to float: {}", python::repr(&text.into()))))
}

/// `<bigdecimal>`: a float here.
pub fn decimal(text: &str) -> Result<Value> {
    double(text).map_err(|_| Error::Python {
        name: "decimal.InvalidOperation",
        message: "[<class 'decimal.ConversionSyntax'>]".to_owned(),
    })
}

/// Python allows one underscore between two digits.
fn without_underscores(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |index: Option<usize>| index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit);
    let between_digits = |index: usize| digit(index.checked_sub(1)) && digit(Some(index + 1));
    let kept = text.char_indices().filter(|(index, c)| *c != '_' || !between_digits(*index));
    kept.map(|(_, c)| c).collect()
}

/// `<dateTime.iso8601>`: a time as Odoo writes it.
pub fn date_time(text: &str) -> Result<Value> {
    let mut parser = Parser { text, rest: text };
    let (year, month, day) = (parser.year()?, parser.number(12)?, parser.number(31)?);
    parser.expect('T')?;
    let hour = parser.number(23)?;
    parser.expect(':')?;
    let minute = parser.number(59)?;
    parser.expect(':')?;
    // Leap seconds are read, and refused by the calendar.
    let second = parser.number(61)?;
    if !parser.rest.is_empty() {
        return Err(Error::value_error(format!("unconverted data remains: {}", parser.rest)));
    }
    let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| month != 0 && day != 0 && year != 0);
    let date = date.ok_or_else(|| Error::value_error("day is out of range for month"))?;
    let time = date.and_hms_opt(hour, minute, second).ok_or_else(|| Error::value_error("second must be in 0..59"))?;
    Ok(time.format("%Y-%m-%d %H:%M:%S").to_string().into())
}

/// `strptime(text, "%Y%m%dT%H:%M:%S")`.
struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn mismatch(&self) -> Error {
        let text = python::repr(&self.text.into());
        Error::value_error(format!("time data {text} does not match format '%Y%m%dT%H:%M:%S'"))
    }

    fn digits(&mut self, count: usize) -> Result<u32> {
        let digits = self.rest.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| self.mismatch())?;
        self.rest = &self.rest[count..];
        Ok(number)
    }

    fn year(&mut self) -> Result<i32> {
        self.digits(4).map(u32::cast_signed)
    }

    /// One or two digits, as many as make a number up to `most`.
    fn number(&mut self, most: u32) -> Result<u32> {
        let before = self.rest;
        match self.digits(2) {
            Ok(number) if number <= most => Ok(number),
            _ => {
                self.rest = before;
                self.digits(1)
            }
        }
    }

    fn expect(&mut self, c: char) -> Result<()> {
        self.rest = self.rest.strip_prefix(c).ok_or_else(|| self.mismatch())?;
        Ok(())
    }
}

/// `<base64>`: base64 without line breaks, as Odoo takes binary values. What is none of its characters is passed over,
/// and what comes after the padding too.
pub fn base64(text: &str) -> Result<Value> {
    if let Some((position, c)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii()) {
        let c = python::repr(&c.to_string().into());
        let message =
            format!("'ascii' codec can't encode character {c} in position {position}: ordinal not in range(128)");
        return Err(Error::Python { name: "builtins.UnicodeEncodeError", message });
    }
    let wrong = |message: String| Err(Error::Python { name: "binascii.Error", message });
    let (digits, is_complete) = base64_digits(text);
    if digits.len() % 4 == 1 {
        return wrong(format!(
            "Invalid base64-encoded string: number of data characters ({}) cannot be 1 more than a multiple of 4",
            digits.len()
        ));
    }
    match LENIENT.decode(&digits) {
        Ok(bytes) if is_complete => Ok(STANDARD.encode(bytes).into()),
        _ => wrong("Incorrect padding".to_owned()),
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The digits up to the padding that ends them, and whether they are padded as they must be.
fn base64_digits(text: &str) -> (String, bool) {
    let mut digits = String::with_capacity(text.len());
    let mut padding = 0;
    for c in text.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' => {
                digits.push(c);
                padding = 0;
            }
            '=' if digits.len() % 4 >= 2 => {
                padding += 1;
                if digits.len() % 4 + padding == 4 {
                    return (digits, true);
                }
            }
            _ => {}
        }
    }
    let is_complete = digits.len().is_multiple_of(4);
    (digits, is_complete)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            (" 12 ", json!(12)),
            ("1_0", json!(10)),
            ("+5", json!(5)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("9223372036854775808", json!(9_223_372_036_854_775_808_f64)),
            ("99999999999999999999999", json!(1e23)),
        ] {
            assert_eq!(int(text).unwrap(), value, "{text}");
        }
        for text in ["", "1.0", "x", "1__0", "_1", "1_", "0x1", "- 1", &"9".repeat(400)] {
            assert!(
                int(text).unwrap_err().to_string().starts_with("invalid literal for int() with base 10: '"),
                "{text}"
            );
        }
        for (text, value) in [(" 1e5 ", 1e5), ("1_0.5", 10.5), ("-0", 0.0), (".5", 0.5), ("5.", 5.0)] {
            assert_eq!(double(text).unwrap().as_f64(), Some(value), "{text}");
        }
        for text in ["", "1,5", "x", "inf", "nan", "1e999"] {
            assert!(
                double(text).unwrap_err().to_string().starts_with("could not convert string to float: '"),
                "{text}"
            );
        }
        assert!(boolean("true").is_err());
        assert!(decimal("x").is_err());
    }

    #[test]
    fn times() {
        assert_eq!(date_time("20010203T04:05:06").unwrap(), "2001-02-03 04:05:06");
        assert_eq!(date_time("2001011T1:2:3").unwrap(), "2001-01-01 01:02:03");
        for (text, message) in [
            ("2001-01-01T00:00:00", "time data '2001-01-01T00:00:00' does not match format '%Y%m%dT%H:%M:%S'"),
            ("20010101T00:00:00Z", "unconverted data remains: Z"),
            (" 20010101T00:00:00", "time data ' 20010101T00:00:00' does not match format '%Y%m%dT%H:%M:%S'"),
            ("20010230T00:00:00", "day is out of range for month"),
            ("", "time data '' does not match format '%Y%m%dT%H:%M:%S'"),
            ("2001é101T00:00:00", "time data '2001é101T00:00:00' does not match format '%Y%m%dT%H:%M:%S'"),
        ] {
            assert_eq!(date_time(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn bytes() {
        for (text, value) in [
            ("YWJj", "YWJj"),
            ("YW Jj\n", "YWJj"),
            ("%%YWJj", "YWJj"),
            ("YQ==YQ==", "YQ=="),
            ("", ""),
            ("YQ=a=", "YQY="),
            ("YQ =\n=", "YQ=="),
            ("=YQ==", "YQ=="),
            ("YWI=YWI=", "YWI="),
            ("YWJj====", "YWJj"),
        ] {
            assert_eq!(base64(text).unwrap(), value, "{text}");
        }
        for text in ["YWJ", "Y", "é", "YQ", "YQ="] {
            assert!(base64(text).is_err(), "{text}");
        }
    }
}
