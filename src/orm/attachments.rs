//! Binary fields whose content is a row of `ir_attachment`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query as Sql, SelectStatement};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use super::env::Env;
use super::field::Field;
use super::query::{self, column};
use super::registry::Model;
use super::{blobs, write};
use crate::error::{Error, Result};
use crate::images;

const TABLE: &str = "ir_attachment";

/// The contents of a binary field as base64, or as a size that people read where the context has `bin_size`.
///
/// # Errors
/// A failure of the database.
pub async fn contents(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field) -> Result<HashMap<i32, Value>> {
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let sizes = env.flag("bin_size") || env.flag(&format!("bin_size_{}", field.name));
    let id = column(TABLE, "res_id");
    let mut select = if sizes {
        Sql::select().expr(id).expr(column(TABLE, "file_size")).from(Alias::new(TABLE)).take()
    } else {
        with_contents(id)
    };
    select
        .and_where(column(TABLE, "res_model").eq(model.name.as_str()))
        .and_where(column(TABLE, "res_field").eq(field.name.as_str()))
        .and_where(query::one_of(column(TABLE, "res_id"), &wanted, env.is_sqlite()));
    let mut contents = HashMap::new();
    for row in env.rows(&select).await? {
        let id: i32 = row.get(0)?;
        let value = if sizes {
            let size: Option<i32> = row.get(1)?;
            Value::from(human_size(i64::from(size.unwrap_or_default())))
        } else {
            let bytes: Option<Vec<u8>> = row.get(1)?;
            Value::from(BASE64.encode(bytes.unwrap_or_default()))
        };
        contents.insert(id, value);
    }
    Ok(contents)
}

/// Asks for `id` and the content of attachments. Contents that were kept in the row itself count as well.
#[must_use]
pub fn with_contents(id: Expr) -> SelectStatement {
    let same = column(blobs::TABLE, blobs::NAME).eq(column(TABLE, blobs::NAME));
    let content = Func::coalesce([column(blobs::TABLE, "content"), column(TABLE, "db_datas")]);
    Sql::select().expr(id).expr(content).from(Alias::new(TABLE)).left_join(Alias::new(blobs::TABLE), same).take()
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

/// Keeps a content (base64, or null for none) of a binary field of records. An image comes into its other sizes, too.
///
/// # Errors
/// The `binascii.Error` of Python for what is no base64; what the series says of what is no image; a failure of the
/// database.
pub async fn store(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, content: &Value) -> Result<()> {
    let smaller = model.fields.values().filter(|other| other.original() == Some(&field.name));
    let fields: Vec<&Field> = std::iter::once(field).chain(smaller.map(|field| &**field)).collect();
    remove(env, model, ids, &fields).await?;
    let Some(text) = content.as_str() else { return Ok(()) };
    let contents = match field.image_size() {
        Some(_) => of_image(env, &fields, text).await?,
        None => vec![text.to_owned()],
    };
    let attachments = env.model("ir.attachment").await?;
    let record = |id: i32, field: &Field, content: &str| {
        Map::from_iter([
            ("name".to_owned(), field.name.clone().into()),
            ("res_model".to_owned(), model.name.clone().into()),
            ("res_field".to_owned(), field.name.clone().into()),
            ("res_id".to_owned(), id.into()),
            ("type".to_owned(), "binary".into()),
            ("datas".to_owned(), content.into()),
        ])
    };
    let files: Vec<(&&Field, &String)> = fields.iter().zip(&contents).collect();
    let records = ids.iter().flat_map(|id| files.iter().map(|(field, content)| record(*id, field, content))).collect();
    write::create(&env.sudo().without_defaults(), &attachments, records).await?;
    Ok(())
}

/// Removes the contents of these fields of records.
async fn remove(env: &Env<'_>, model: &Model, ids: &[i32], fields: &[&Field]) -> Result<()> {
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let delete = Sql::delete()
        .from_table(Alias::new(TABLE))
        .and_where(Expr::col(Alias::new("res_model")).eq(model.name.as_str()))
        .and_where(Expr::col(Alias::new("res_field")).is_in(fields.iter().map(|field| field.name.as_str())))
        .and_where(query::one_of(Expr::col(Alias::new("res_id")), &wanted, env.is_sqlite()))
        .take();
    env.execute(&delete).await?;
    Ok(())
}

/// An image in the sizes of these fields, as base64; nothing where there is none.
async fn of_image(env: &Env<'_>, fields: &[&Field], text: &str) -> Result<Vec<String>> {
    let series = env.series();
    let content = decode(text).map_err(|_| series.image_is_no_base64())?;
    if content.is_empty() {
        return Ok(Vec::new());
    }
    let sizes = fields.iter().map(|field| field.image_size().unwrap_or_default()).collect();
    let images = images::in_sizes(content, sizes).await.map_err(|why| series.unusable_image(why))?;
    Ok(images.into_iter().map(|content| BASE64.encode(content)).collect())
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
