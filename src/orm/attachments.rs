//! Binary fields whose content is a row of `ir_attachment`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query as Sql};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use super::env::Env;
use super::field::Field;
use super::query::{self, column};
use super::registry::Model;
use super::write;
use crate::error::{Error, Result};

const TABLE: &str = "ir_attachment";

/// The contents of a binary field as base64, or as a size that people read where the context has `bin_size`.
///
/// # Errors
/// A failure of the database.
pub async fn contents(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field) -> Result<HashMap<i32, Value>> {
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let sizes = env.flag("bin_size") || env.flag(&format!("bin_size_{}", field.name));
    let content = if sizes { "file_size" } else { "db_datas" };
    let select = Sql::select()
        .expr(column(TABLE, "res_id"))
        .expr(column(TABLE, content))
        .from(Alias::new(TABLE))
        .and_where(column(TABLE, "res_model").eq(model.name.as_str()))
        .and_where(column(TABLE, "res_field").eq(field.name.as_str()))
        .and_where(query::one_of(column(TABLE, "res_id"), &wanted, env.is_sqlite()))
        .take();
    let mut contents = HashMap::new();
    for row in env.rows(&select).await? {
        let id: i32 = row.try_get_by_index(0)?;
        let value = if sizes {
            let size: Option<i32> = row.try_get_by_index(1)?;
            Value::from(human_size(i64::from(size.unwrap_or_default())))
        } else {
            let bytes: Option<Vec<u8>> = row.try_get_by_index(1)?;
            Value::from(BASE64.encode(bytes.unwrap_or_default()))
        };
        contents.insert(id, value);
    }
    Ok(contents)
}

/// A size as Odoo shows it: `12.00 bytes`, `1.50 Kb`.
#[must_use]
pub fn human_size(size: i64) -> String {
    let units = ["bytes", "Kb", "Mb", "Gb", "Tb"];
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    let mut number = size as f64;
    let mut unit = 0;
    while number >= 1024.0 && unit + 1 < units.len() {
        number /= 1024.0;
        unit += 1;
    }
    format!("{number:.2} {}", units[unit])
}

/// Keeps a content (base64, or null for none) of a binary field of records.
///
/// # Errors
/// The `binascii.Error` of Python for what is no base64; a failure of the database.
pub async fn store(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, content: &Value) -> Result<()> {
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let delete = Sql::delete()
        .from_table(Alias::new(TABLE))
        .and_where(Expr::col(Alias::new("res_model")).eq(model.name.as_str()))
        .and_where(Expr::col(Alias::new("res_field")).eq(field.name.as_str()))
        .and_where(query::one_of(Expr::col(Alias::new("res_id")), &wanted, env.is_sqlite()))
        .take();
    env.execute(&delete).await?;
    let Some(text) = content.as_str() else { return Ok(()) };
    let attachments = env.model("ir.attachment").await?;
    let records = ids
        .iter()
        .map(|id| {
            Map::from_iter([
                ("name".to_owned(), field.name.clone().into()),
                ("res_model".to_owned(), model.name.clone().into()),
                ("res_field".to_owned(), field.name.clone().into()),
                ("res_id".to_owned(), (*id).into()),
                ("type".to_owned(), "binary".into()),
                ("datas".to_owned(), text.into()),
            ])
        })
        .collect();
    write::create(&env.sudo().without_defaults(), &attachments, records).await?;
    Ok(())
}

/// What base64 text means. As Python does, passes over what is not of its alphabet.
///
/// # Errors
/// The `binascii.Error` of Python for what is none.
pub fn decode(text: &str) -> Result<Vec<u8>> {
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let packed: Vec<u8> = text.bytes().filter(alphabet).collect();
    BASE64.decode(packed).map_err(|_| Error::Python { name: "binascii.Error", message: "Incorrect padding".to_owned() })
}

/// The checksum that Odoo keeps of a content: SHA-1 in hexadecimal.
#[must_use]
pub fn checksum(content: &[u8]) -> String {
    hex::encode(Sha1::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (size, shown) in [(0, "0.00 bytes"), (1023, "1023.00 bytes"), (1536, "1.50 Kb"), (5 << 30, "5.00 Gb")] {
            assert_eq!(human_size(size), shown);
        }
    }
}
