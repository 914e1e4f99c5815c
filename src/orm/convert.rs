//! Values from the wire, as fields take them: Python's coercions and refusals.

use sea_orm::sea_query::{Expr, Keyword};
use serde_json::{Value, json};

use super::env::Env;
use super::field::{Field, Kind};
use super::{html, temporal};
use crate::error::{Error, Result};
use crate::python;

/// A value as the field keeps it: null for nothing, an id for a many2one, a text in the wire's form for a date.
///
/// # Errors
/// The `ValueError` or `TypeError` that Odoo raises for a value of the wrong kind; PostgreSQL's refusal of numbers that are
/// too large; a failure of the database.
pub async fn to_cache(env: &Env<'_>, field: &Field, value: &Value) -> Result<Value> {
    let nothing = value.is_null() || *value == false;
    let empty = !python::truth(value);
    Ok(match field.kind {
        kind if nothing && (kind.is_text() || kind.is_json()) || empty && is_document(kind) => Value::Null,
        Kind::Char => {
            let text = text(value)?;
            match field.size {
                Some(size) => text.chars().take(size).collect::<String>().into(),
                None => text.into(),
            }
        }
        Kind::Text | Kind::Binary => text(value)?.into(),
        Kind::Html => sanitized(env, field, &text(value)?).into(),
        Kind::Integer | Kind::Many2oneReference => {
            let number = if python::truth(value) { python::int(value)? } else { 0 };
            integer(number)?.into()
        }
        Kind::Float | Kind::Monetary => {
            let number = if python::truth(value) { python::float(value)? } else { 0.0 };
            let number = field.digits.map_or(number, |(_, scale)| round(number, scale));
            json!(number)
        }
        Kind::Boolean => python::truth(value).into(),
        Kind::Date => temporal::parse_date(value)?.map_or(Value::Null, |date| temporal::date_text(date).into()),
        Kind::Datetime => {
            temporal::parse_datetime(value)?.map_or(Value::Null, |time| temporal::datetime_text(time).into())
        }
        Kind::Selection => selection(env, field, value).await?,
        Kind::Many2one => match value {
            Value::Number(_) => match python::int(value)? {
                0 => Value::Null,
                id => integer(id)?.into(),
            },
            _ => Value::Null,
        },
        Kind::Reference => reference(env, field, value).await?,
        _ => value.clone(),
    })
}

/// Whether an empty text is no value.
fn is_document(kind: Kind) -> bool {
    matches!(kind, Kind::Reference | Kind::Binary)
}

/// A value as a text that PostgreSQL can hold.
///
/// # Errors
/// What its driver says of a text with a zero character.
pub fn text(value: &Value) -> Result<String> {
    let text = python::text(value);
    if text.contains('\0') {
        return Err(Error::value_error("A string literal cannot contain NUL (0x00) characters."));
    }
    Ok(text)
}

/// PostgreSQL's integers have 32 bits.
fn integer(number: i64) -> Result<i32> {
    i32::try_from(number).map_err(|_| Error::Python {
        name: "psycopg2.errors.NumericValueOutOfRange",
        message: "integer out of range\n".to_owned(),
    })
}

/// Rounds half away from zero, after the digits that a float has by accident.
fn round(number: f64, scale: u32) -> f64 {
    let factor = 10_f64.powi(i32::try_from(scale).unwrap_or(i32::MAX));
    let scaled = number * factor;
    if scaled.abs() >= 2_f64.powi(52) {
        // It has no digits to round.
        return number;
    }
    let epsilon = scaled.abs() * f64::EPSILON;
    (scaled.abs() + epsilon + 0.5).floor().copysign(scaled) / factor
}

fn sanitized(env: &Env<'_>, field: &Field, text: &str) -> String {
    let option = |name: &str, default: bool| field.attribute(name).map_or(default, python::truth);
    if !option("sanitize", true) {
        return text.to_owned();
    }
    html::sanitize(
        text,
        html::Sanitize {
            tags: option("sanitize_tags", true),
            attributes: option("sanitize_attributes", true),
            style: option("sanitize_style", false),
            form: option("sanitize_form", true),
            strip_style: option("strip_style", false),
            strip_classes: option("strip_classes", false),
            wrapper: env.series().html_wrapper(),
        },
    )
}

async fn selection(env: &Env<'_>, field: &Field, value: &Value) -> Result<Value> {
    if !python::truth(value) {
        return Ok(Value::Null);
    }
    let known = match value.as_str() {
        Some(text) if field.dynamic => dynamic(env, field, text).await?,
        Some(text) => field.selection.iter().any(|(key, _)| key == text),
        None => false,
    };
    if known {
        return Ok(value.clone());
    }
    Err(Error::value_error(format!("Wrong value for {}.{}: {}", field.model, field.name, python::repr(value))))
}

/// Whether a selection that is computed has the value.
async fn dynamic(env: &Env<'_>, field: &Field, value: &str) -> Result<bool> {
    Ok(match field.name.as_str() {
        "tz" | "default_timezone" => temporal::zone(value).is_some(),
        "lang" if env.series().refuses_unknown_lang() => env.langs().await?.iter().any(|(code, _, _)| code == value),
        _ => true,
    })
}

/// `model,id`
async fn reference(env: &Env<'_>, field: &Field, value: &Value) -> Result<Value> {
    let wrong =
        || Error::value_error(format!("Wrong value for {}.{}: {}", field.model, field.name, python::repr(value)));
    let text = value.as_str().ok_or_else(wrong)?;
    let (model, id) = text.split_once(',').ok_or_else(wrong)?;
    let registry = env.registry().await?;
    let id: i32 = id.trim().parse().map_err(|_| wrong())?;
    if registry.get(model).is_none() {
        return Err(wrong());
    }
    Ok(if id == 0 { Value::Null } else { format!("{model},{id}").into() })
}

/// A kept value as a parameter of the column's type.
///
/// # Errors
/// What is no date.
pub fn to_column(field: &Field, value: &Value) -> Result<Expr> {
    if value.is_null() {
        return Ok(Expr::Keyword(Keyword::Null));
    }
    Ok(match field.kind {
        kind if field.translate || kind.is_json() => Expr::val(value.clone()),
        Kind::Boolean => Expr::val(python::truth(value)),
        Kind::Integer | Kind::Many2one | Kind::Many2oneReference => Expr::val(integer(python::int(value)?)?),
        Kind::Float | Kind::Monetary => Expr::val(python::float(value)?),
        Kind::Date => temporal::parse_date(value)?.map_or_else(Expr::null, Expr::val),
        Kind::Datetime => temporal::parse_datetime(value)?.map_or_else(Expr::null, Expr::val),
        Kind::Binary => {
            use base64::Engine as _;
            let text: String = python::text(value).chars().filter(|c| !c.is_whitespace()).collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            Expr::val(
                bytes.map_err(|_| Error::Python { name: "binascii.Error", message: "Incorrect padding".to_owned() })?,
            )
        }
        _ => Expr::val(text(value)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_half_away_from_zero() {
        for (number, scale, rounded) in
            [(2.675, 2, 2.68), (-2.675, 2, -2.68), (0.5, 0, 1.0), (1.005, 2, 1.01), (1e15, 2, 1e15)]
        {
            assert_eq!(round(number, scale).to_string(), f64::to_string(&rounded), "{number}");
        }
    }
}
