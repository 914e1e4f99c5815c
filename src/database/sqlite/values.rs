//! Values of SQLite: parameters as sea-query has them, and cells of rows.

use chrono::{NaiveDate, NaiveDateTime};
use rusqlite::types::{Value as Stored, ValueRef};
use sea_orm::{DbErr, Value};

use crate::database::cells;
use crate::database::dialect::Kind;

/// How moments are stored, to the microsecond where it is not a full second.
const MOMENT: &str = "%F %T%.f";

/// A parameter, as SQLite stores it.
///
/// # Errors
/// There is no such value in SQLite.
pub fn parameter(value: Value) -> Result<Stored, DbErr> {
    let stored = match value {
        Value::Bool(value) => value.map(|value| Stored::Integer(value.into())),
        Value::TinyInt(value) => value.map(|value| Stored::Integer(value.into())),
        Value::SmallInt(value) => value.map(|value| Stored::Integer(value.into())),
        Value::Int(value) => value.map(|value| Stored::Integer(value.into())),
        Value::BigInt(value) => value.map(Stored::Integer),
        Value::TinyUnsigned(value) => value.map(|value| Stored::Integer(value.into())),
        Value::SmallUnsigned(value) => value.map(|value| Stored::Integer(value.into())),
        Value::Unsigned(value) => value.map(|value| Stored::Integer(value.into())),
        Value::BigUnsigned(value) => {
            let number = |value| i64::try_from(value).map_err(|_| DbErr::Custom(format!("{value} is too large")));
            value.map(number).transpose()?.map(Stored::Integer)
        }
        Value::Float(value) => value.map(|value| Stored::Real(value.into())),
        Value::Double(value) => value.map(Stored::Real),
        Value::String(value) => value.map(Stored::Text),
        Value::Char(value) => value.map(|value| Stored::Text(value.into())),
        Value::Bytes(value) => value.map(Stored::Blob),
        Value::Json(value) => value.map(|value| Stored::Text(value.to_string())),
        Value::ChronoDate(value) => value.map(|value| Stored::Text(value.format("%F").to_string())),
        Value::ChronoTime(value) => value.map(|value| Stored::Text(value.format("%T%.f").to_string())),
        Value::ChronoDateTime(value) => value.map(|value| Stored::Text(value.format(MOMENT).to_string())),
        other => return Err(DbErr::Custom(format!("SQLite has no type for {other:?}"))),
    };
    Ok(stored.unwrap_or(Stored::Null))
}

/// A value of JSON, as SQLite stores it: lists and objects as texts.
pub fn of_json(value: &serde_json::Value) -> Stored {
    match value {
        serde_json::Value::Null => Stored::Null,
        serde_json::Value::Bool(value) => Stored::Integer((*value).into()),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| number.as_f64().map_or(Stored::Null, Stored::Real), Stored::Integer)
        }
        serde_json::Value::String(text) => Stored::Text(text.clone()),
        list_or_object => Stored::Text(list_or_object.to_string()),
    }
}

/// A cell as the value that sea-orm expects of a column that was declared as `kind`; one of an expression, which has no
/// kind, as what it is.
pub fn value(stored: Stored, kind: Option<Kind>) -> Value {
    match (stored, kind) {
        (Stored::Null, kind) => null(kind),
        (Stored::Integer(number), Some(Kind::Boolean)) => Value::Bool(Some(number != 0)),
        (Stored::Integer(number), Some(Kind::Integer)) => {
            i32::try_from(number).map_or(Value::BigInt(Some(number)), |number| Value::Int(Some(number)))
        }
        #[expect(clippy::cast_precision_loss, reason = "what is a whole number in a column of floats was one")]
        (Stored::Integer(number), Some(Kind::Float)) => Value::Double(Some(number as f64)),
        (Stored::Integer(number), _) => Value::BigInt(Some(number)),
        (Stored::Real(number), _) => Value::Double(Some(number)),
        (Stored::Text(text), Some(Kind::Json)) => match serde_json::from_str(&text) {
            Ok(json) => Value::Json(Some(Box::new(json))),
            Err(_) => Value::String(Some(text)),
        },
        (Stored::Text(text), Some(Kind::Timestamp)) => {
            moment(&text).map_or(Value::String(Some(text)), |moment| Value::ChronoDateTime(Some(moment)))
        }
        (Stored::Text(text), Some(Kind::Date)) => {
            day(&text).map_or(Value::String(Some(text)), |day| Value::ChronoDate(Some(day)))
        }
        (Stored::Text(text), _) => Value::String(Some(text)),
        (Stored::Blob(bytes), _) => Value::Bytes(Some(bytes)),
    }
}

fn null(kind: Option<Kind>) -> Value {
    match kind {
        Some(Kind::Boolean) => Value::Bool(None),
        Some(Kind::Integer) => Value::Int(None),
        Some(Kind::BigInteger) => Value::BigInt(None),
        Some(Kind::Float) => Value::Double(None),
        Some(Kind::Json) => Value::Json(None),
        Some(Kind::Timestamp) => Value::ChronoDateTime(None),
        Some(Kind::Date) => Value::ChronoDate(None),
        Some(Kind::Bytes) => Value::Bytes(None),
        Some(Kind::Text) | None => Value::String(None),
    }
}

fn moment(text: &str) -> Option<NaiveDateTime> {
    let formats = [MOMENT, "%FT%T%.f", "%F %H:%M"];
    formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.get(..10)?, "%F").ok()
}

/// A cell as it is, where it is.
///
/// # Errors
/// It has bytes, or a text that is none.
pub fn cell(stored: ValueRef<'_>) -> Result<cells::Cell<'_>, DbErr> {
    match stored {
        ValueRef::Null => Ok(cells::Cell::Null),
        ValueRef::Integer(number) => Ok(cells::Cell::Integer(number)),
        ValueRef::Real(number) => Ok(cells::Cell::Real(number)),
        ValueRef::Text(text) => str::from_utf8(text)
            .map(cells::Cell::Text)
            .map_err(|error| DbErr::Type(format!("a text is not written in UTF-8: {error}"))),
        ValueRef::Blob(_) => Err(DbErr::Type("a cell has bytes".to_owned())),
    }
}

/// What a cell of a row can be read as.
pub trait Cell: Sized {
    /// The value of a cell; none where it is of another type.
    fn of(stored: &Stored) -> Option<Self>;
}

impl Cell for i64 {
    fn of(stored: &Stored) -> Option<Self> {
        if let Stored::Integer(number) = stored { Some(*number) } else { None }
    }
}

impl Cell for i32 {
    fn of(stored: &Stored) -> Option<Self> {
        i64::of(stored).and_then(|number| number.try_into().ok())
    }
}

impl Cell for bool {
    fn of(stored: &Stored) -> Option<Self> {
        i64::of(stored).map(|number| number != 0)
    }
}

impl Cell for String {
    fn of(stored: &Stored) -> Option<Self> {
        if let Stored::Text(text) = stored { Some(text.clone()) } else { None }
    }
}

impl Cell for Vec<u8> {
    fn of(stored: &Stored) -> Option<Self> {
        match stored {
            Stored::Blob(bytes) => Some(bytes.clone()),
            Stored::Text(text) => Some(text.clone().into_bytes()),
            _ => None,
        }
    }
}

impl<T: Cell> Cell for Option<T> {
    fn of(stored: &Stored) -> Option<Self> {
        if matches!(stored, Stored::Null) { Some(None) } else { T::of(stored).map(Some) }
    }
}
