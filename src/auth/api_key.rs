//! API keys: 40 hex digits that stand for a user in RPC calls. A row of `res_users_apikeys` has the first 8 digits as
//! `index` and the passlib hash (6,000 rounds) of the whole, so a row of a real database works here.

use std::sync::Arc;

use chrono::NaiveDateTime;
use entity::{res_users, res_users_apikeys};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use super::password::{Hash, Passwords};
use crate::database::{Database, Version};
use crate::error::{Error, Result};

/// What keys are remembered as.
const REMEMBERED: &str = "res.users.apikeys";
/// The rounds of a key's hash: a key has 160 random bits, so it needs no stretching.
const ROUNDS: u32 = 6_000;
const LENGTH: usize = 20;
const INDEX_LENGTH: usize = 8;
/// The scope of keys that RPC accepts; a key without one has all.
pub const RPC_SCOPE: &str = "rpc";

/// What is known of a key that is to be stored.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it may be used for; everything where there is none.
    pub scope: Option<String>,
    /// When it ends.
    pub expires: Option<NaiveDateTime>,
}

/// Whether a text can be a key: 40 hex digits.
#[must_use]
pub fn is_key(text: &str) -> bool {
    text.len() == 2 * LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A new key.
#[must_use]
pub fn generate() -> String {
    hex::encode(super::random::<LENGTH>())
}

/// Stores `key` for a user.
///
/// # Errors
/// A `BadRequest` for a key that is not 40 hex digits; a failure of the database.
pub async fn store(
    db: &impl ConnectionTrait,
    user: i32,
    new: &NewKey,
    key: &str,
    now: NaiveDateTime,
) -> Result<res_users_apikeys::Model> {
    if !is_key(key) {
        return Err(Error::BadRequest("an API key has 40 hex digits".to_owned()));
    }
    let row = res_users_apikeys::ActiveModel {
        name: Set(new.name.clone()),
        user_id: Set(user),
        scope: Set(new.scope.clone()),
        expiration_date: Set(new.expires),
        index: Set(key[..INDEX_LENGTH].to_owned()),
        key: Set(Hash::new(key, ROUNDS).to_string()),
        create_date: Set(Some(now)),
        ..Default::default()
    };
    Ok(row.insert(db).await?)
}

/// The keys of a user, the oldest first.
///
/// # Errors
/// A failure of the database.
pub async fn list(db: &impl ConnectionTrait, user: i32) -> Result<Vec<res_users_apikeys::Model>> {
    let query = res_users_apikeys::Entity::find()
        .filter(res_users_apikeys::Column::UserId.eq(user))
        .order_by_asc(res_users_apikeys::Column::Id);
    Ok(query.all(db).await?)
}

/// Removes a key and answers whether there was one.
///
/// # Errors
/// A failure of the database.
pub async fn revoke(db: &impl ConnectionTrait, id: i32) -> Result<bool> {
    Ok(res_users_apikeys::Entity::delete_by_id(id).exec(db).await?.rows_affected > 0)
}

/// The active user for whom `key` stands in RPC calls, if it is a key that has not expired. What there is in a `version` of the
/// database is remembered.
///
/// # Errors
/// A failure of the database.
pub async fn check(
    db: &Arc<Database>,
    version: Option<&Version>,
    passwords: &Passwords,
    key: &str,
) -> Result<Option<i32>> {
    let Some(index) = index_of(key) else { return Ok(None) };
    let candidates = match version {
        Some(version) => db.found(version, REMEMBERED, index, || beginning(db, index)).await?,
        None => db.within(beginning(db, index)).await?.map(Arc::new),
    };
    let now = db.clock().now();
    for row in candidates.iter().flat_map(|rows| rows.iter()) {
        if lives(row, now) && passwords.verify_key(key, &row.key).await {
            return Ok(Some(row.user_id));
        }
    }
    Ok(None)
}

/// As [`check`], by nothing but what is remembered of this version: that the key was right before.
#[must_use]
pub fn recall(db: &Database, version: &Version, passwords: &Passwords, key: &str) -> Option<i32> {
    let index = index_of(key)?;
    let candidates = db.known::<Vec<res_users_apikeys::Model>>(version, REMEMBERED, index)?;
    let now = db.clock().now();
    let found = candidates.iter().find(|row| lives(row, now) && passwords.knows_key(key, &row.key))?;
    Some(found.user_id)
}

fn lives(row: &res_users_apikeys::Model, now: NaiveDateTime) -> bool {
    row.expiration_date.is_none_or(|expires| expires > now)
}

/// The part of a key by which it is found, if it can be one.
fn index_of(key: &str) -> Option<&str> {
    (key.len() == 2 * LENGTH && key.is_ascii()).then(|| &key[..INDEX_LENGTH])
}

/// The keys of active users for RPC calls that begin so, if there are any.
async fn beginning(db: &Database, index: &str) -> Result<Option<Vec<res_users_apikeys::Model>>> {
    let scope = res_users_apikeys::Column::Scope;
    let rows = res_users_apikeys::Entity::find()
        .inner_join(res_users::Entity)
        .filter(res_users_apikeys::Column::Index.eq(index))
        .filter(res_users::Column::Active.eq(true))
        .filter(Condition::any().add(scope.is_null()).add(scope.eq(RPC_SCOPE)))
        .all(db.connection())
        .await?;
    Ok((!rows.is_empty()).then_some(rows))
}
