//! Values of columns as JSON, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{NaiveDate, NaiveDateTime};
use sea_orm::sea_query::{Keyword, SimpleExpr};
use sea_orm::{DbErr, QueryResult};
use serde_json::Value;

use super::unreadable;
use crate::database::dialect::{Column, Kind};
use crate::error::Result;

const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.f";

/// The value of a row in a column.
pub fn cell(row: &QueryResult, column: &Column) -> Result<Value, DbErr> {
    let name = column.name.as_str();
    Ok(match column.kind {
        Kind::Boolean => row.try_get_by::<Option<bool>, _>(name)?.into(),
        Kind::Integer => row.try_get_by::<Option<i32>, _>(name)?.into(),
        Kind::BigInteger => row.try_get_by::<Option<i64>, _>(name)?.into(),
        Kind::Float => row.try_get_by::<Option<f64>, _>(name)?.into(),
        Kind::Text => row.try_get_by::<Option<String>, _>(name)?.into(),
        Kind::Json => row.try_get_by::<Option<Value>, _>(name)?.unwrap_or_default(),
        Kind::Timestamp => {
            row.try_get_by::<Option<NaiveDateTime>, _>(name)?.map(|time| time.format(TIMESTAMP).to_string()).into()
        }
        Kind::Date => row.try_get_by::<Option<NaiveDate>, _>(name)?.map(|date| date.to_string()).into(),
        Kind::Bytes => row.try_get_by::<Option<Vec<u8>>, _>(name)?.map(|bytes| BASE64.encode(bytes)).into(),
    })
}

/// What a dumped value is in a statement.
///
/// # Errors
/// A `UserError` for a value that a column of this kind cannot have.
pub fn expression(column: &Column, value: &Value) -> Result<SimpleExpr> {
    let wrong = || unreadable(&format!("{value} is no value of a column '{}'", column.name));
    let text = || value.as_str().ok_or_else(wrong);
    Ok(match column.kind {
        _ if value.is_null() => SimpleExpr::Keyword(Keyword::Null),
        Kind::Boolean => value.as_bool().ok_or_else(wrong)?.into(),
        Kind::Integer | Kind::BigInteger => value.as_i64().ok_or_else(wrong)?.into(),
        Kind::Float => value.as_f64().ok_or_else(wrong)?.into(),
        Kind::Text => text()?.into(),
        Kind::Json => value.clone().into(),
        Kind::Timestamp => NaiveDateTime::parse_from_str(text()?, TIMESTAMP).map_err(|_| wrong())?.into(),
        Kind::Date => text()?.parse::<NaiveDate>().map_err(|_| wrong())?.into(),
        Kind::Bytes => BASE64.decode(text()?).map_err(|_| wrong())?.into(),
    })
}
