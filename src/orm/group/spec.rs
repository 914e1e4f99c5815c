//! What groups are asked for: `date:month`, `color:sum`, `ids:array_agg(id)`.

use crate::error::{Error, Result};
use crate::orm::temporal::{Granularity, NumberPart, UnknownGranularity};
use crate::python;
use crate::series::Series;

/// How many records there are in a group.
pub const COUNT: &str = "__count";

/// A field or a path of them, and what is to be done with it: `date:month`, `color:sum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub path: String,
    pub suffix: Option<String>,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A text as Python shows it in messages.
pub fn quoted(text: &str) -> String {
    python::repr(&text.into())
}

impl Spec {
    /// Reads one.
    ///
    /// # Errors
    /// Odoo's `ValueError` for one that is malformed.
    pub fn parse(text: &str) -> Result<Self> {
        let (path, suffix) = text.split_once(':').map_or((text, None), |(path, suffix)| (path, Some(suffix)));
        let is_name = |name: &str| !name.is_empty() && name.chars().all(is_word);
        if !path.split('.').all(is_name) || !suffix.is_none_or(is_name) {
            return Err(Error::value_error(format!(
                "Invalid aggregate/groupby specification {}.\n- Valid aggregate specification looks like \
                 '<field_name>:<agg>' example: 'quantity:sum'.\n- Valid groupby specification looks like \
                 '<no_datish_field_name>' or '<datish_field_name>:<granularity>' example: 'date:month' or \
                 '<properties_field_name>.<property_name>:<granularity>'.",
                quoted(text)
            )));
        }
        Ok(Self { path: path.to_owned(), suffix: suffix.map(str::to_owned) })
    }

    /// The field that the path begins with.
    #[must_use]
    pub fn field(&self) -> &str {
        self.path.split('.').next().unwrap_or_default()
    }
}

/// The field that a specification begins with.
#[must_use]
pub fn field_of(text: &str) -> &str {
    text.split([':', '.']).next().unwrap_or_default()
}

/// What dates are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Period(Granularity),
    Number(NumberPart),
}

impl Unit {
    /// Reads the name of one.
    ///
    /// # Errors
    /// Odoo's `ValueError` for what is none.
    pub fn parse(name: &str, series: Series) -> Result<Self> {
        if let Ok(granularity) = name.parse() {
            return Ok(Self::Period(granularity));
        }
        let part = name.parse().ok().filter(|_| series.has_date_parts());
        part.map(Self::Number).ok_or_else(|| Error::value_error(UnknownGranularity(name.to_owned()).to_string()))
    }
}

/// What values of a group come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    CountDistinct,
    ArrayAgg,
    ArrayAggDistinct,
    BoolAnd,
    BoolOr,
    Recordset,
}

impl Function {
    /// Reads the name of one; nothing where it is none.
    #[must_use]
    pub fn parse(name: &str, series: Series) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "count" => Self::Count,
            "count_distinct" => Self::CountDistinct,
            "array_agg" => Self::ArrayAgg,
            "array_agg_distinct" if series.has_distinct_arrays() => Self::ArrayAggDistinct,
            "bool_and" => Self::BoolAnd,
            "bool_or" => Self::BoolOr,
            "recordset" => Self::Recordset,
            _ => return None,
        })
    }
}

/// An item of `fields` of `read_group`: `color`, `color:sum`, or `ids:array_agg(id)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// The key in the answer.
    pub name: String,
    pub function: Option<String>,
    /// The field, where it is not the one that the key names.
    pub field: Option<String>,
}

impl FieldSpec {
    /// Reads as much of a text as makes sense, as Odoo does.
    ///
    /// # Errors
    /// Odoo's `ValueError` for a text that begins with something else.
    pub fn parse(text: &str) -> Result<Self> {
        let word = |text: &str| -> (String, String) {
            let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
            (text[..end].to_owned(), text[end..].to_owned())
        };
        let (name, rest) = word(text);
        if name.is_empty() {
            return Err(Error::value_error(format!("Invalid field specification {}.", quoted(text))));
        }
        let mut spec = Self { name, function: None, field: None };
        if let Some(rest) = rest.strip_prefix(':') {
            let (function, rest) = word(rest);
            spec.function = Some(function).filter(|function| !function.is_empty());
            if let Some(rest) = rest.strip_prefix('(').filter(|_| spec.function.is_some()) {
                let (field, rest) = word(rest);
                spec.field = Some(field).filter(|field| !field.is_empty() && rest.starts_with(')'));
            }
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(name: &str) -> Series {
        name.parse().unwrap()
    }

    #[test]
    fn fields_have_suffixes() {
        let spec = |path: &str, suffix: Option<&str>| Spec { path: path.to_owned(), suffix: suffix.map(str::to_owned) };
        assert_eq!(Spec::parse("city").unwrap(), spec("city", None));
        assert_eq!(Spec::parse("date:month").unwrap(), spec("date", Some("month")));
        assert_eq!(Spec::parse("country_id.code").unwrap(), spec("country_id.code", None));
        assert_eq!(Spec::parse("a.date:day").unwrap().field(), "a");
        assert_eq!(field_of("date:month"), "date");
        for wrong in ["", "a:", ":sum", "a b", "a..b", "a:sum(b)", "a-b", "a:sum:max"] {
            assert!(Spec::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fields_to_aggregate_may_be_renamed() {
        let spec = |name: &str, function: Option<&str>, field: Option<&str>| FieldSpec {
            name: name.to_owned(),
            function: function.map(str::to_owned),
            field: field.map(str::to_owned),
        };
        assert_eq!(FieldSpec::parse("color").unwrap(), spec("color", None, None));
        assert_eq!(FieldSpec::parse("color:sum").unwrap(), spec("color", Some("sum"), None));
        assert_eq!(FieldSpec::parse("ids:array_agg(id)").unwrap(), spec("ids", Some("array_agg"), Some("id")));
        assert_eq!(FieldSpec::parse("a.b").unwrap(), spec("a", None, None));
        assert_eq!(FieldSpec::parse("a:").unwrap(), spec("a", None, None));
        assert_eq!(FieldSpec::parse("a:sum(").unwrap(), spec("a", Some("sum"), None));
        assert!(FieldSpec::parse(":sum").is_err());
        assert!(FieldSpec::parse("").is_err());
    }

    #[test]
    fn dates_have_units() {
        assert_eq!(Unit::parse("month", series("17.0")).unwrap(), Unit::Period(Granularity::Month));
        assert_eq!(Unit::parse("month_number", series("18.0")).unwrap(), Unit::Number(NumberPart::Month));
        for (name, series) in [("month_number", series("17.0")), ("fortnight", series("19.0"))] {
            let message = Unit::parse(name, series).unwrap_err().to_string();
            assert_eq!(message, format!("Granularity specification isn't correct: '{name}'"));
        }
        assert_eq!(Function::parse("array_agg_distinct", series("17.0")), None);
        assert_eq!(Function::parse("median", series("19.0")), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_them_panic(text in ".*") {
            let _ = (Spec::parse(&text), FieldSpec::parse(&text), Unit::parse(&text, series("19.0")));
        }
    }
}
