//! `ir.config_parameter`: the settings of a database.

use entity::ir_config_parameter::{ActiveModel, Column, Entity};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::error::Result;

/// The key of the secret of a database.
pub const SECRET: &str = "database.secret";

/// The value of `key`, if there is one.
///
/// # Errors
/// A failure of the database.
pub async fn get(db: &impl ConnectionTrait, key: &str) -> Result<Option<String>> {
    let found = Entity::find().filter(Column::Key.eq(key)).one(db).await?;
    Ok(found.map(|parameter| parameter.value))
}

/// The value of `key` as a whole number; `default` where it is missing or none.
///
/// # Errors
/// A failure of the database.
pub async fn get_number(db: &impl ConnectionTrait, key: &str, default: i64) -> Result<i64> {
    let value = get(db, key).await?;
    Ok(value.and_then(|value| value.trim().parse().ok()).unwrap_or(default))
}

/// Sets `key` to `value`.
///
/// # Errors
/// A failure of the database.
pub async fn set(db: &impl ConnectionTrait, key: &str, value: &str) -> Result<()> {
    let known = Entity::find().filter(Column::Key.eq(key)).one(db).await?;
    let mut parameter =
        known.map_or_else(|| ActiveModel { key: Set(key.to_owned()), ..Default::default() }, Into::into);
    parameter.value = Set(value.to_owned());
    parameter.save(db).await?;
    Ok(())
}

/// A random UUID (version 4) as text.
#[must_use]
pub fn new_uuid() -> String {
    let mut bytes: [u8; 16] = crate::auth::random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
