//! Logging in: from a login and a password (or API key) to a user.

use std::sync::Arc;

use chrono::NaiveDateTime;
use entity::{res_users, res_users_log};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder,
};

use super::api_key;
use super::cooldown::{self, Source};
use super::password::{Passwords, Verdict};
use crate::clock::Clock;
use crate::database::Database;
use crate::error::{Error, Result};

/// Who wants to log in, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub login: &'a str,
    pub password: &'a str,
    /// The client's address, for the cooldown.
    pub address: &'a str,
}

/// A user whose password was right.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedIn {
    /// The user, with the password hash that is stored now.
    pub user: res_users::Model,
    /// Whether a second factor is awaited, so that the user is not logged in yet.
    pub second_factor: bool,
}

/// Logs a person in, as the session routes do: only the password counts.
///
/// # Errors
/// `AccessDenied`, with the same words and after the same time, for a wrong, empty or missing password, an unknown
/// login and an inactive user; during the cooldown its own words. A failure of the database.
pub async fn interactively(
    db: &Arc<Database>,
    passwords: &Passwords,
    clock: &Clock,
    attempt: Attempt<'_>,
) -> Result<LoggedIn> {
    let source = Source::new(attempt.address, attempt.login);
    cooldown::check(db.connection(), &source, clock.now()).await?;
    let user = find(db.connection(), attempt.login).await?;
    let stored = user.as_ref().and_then(|user| user.password.as_deref());
    let verdict = passwords.verify(attempt.password, stored).await;
    let (Some(user), true) = (user, verdict != Verdict::Wrong) else {
        return Err(fail(db, &source, clock.now()).await?);
    };
    let second_factor = user.totp_secret.is_some();
    let user = succeed(db, source, user, verdict, clock.now()).await?;
    tracing::info!(db = db.name(), uid = user.id, login = user.login, second_factor, "logged in");
    Ok(LoggedIn { user, second_factor })
}

/// Checks a login and what comes with it in a call, as `/jsonrpc` and XML-RPC do: the password, or an API key of the
/// scope `rpc`. Who has a second factor must use a key.
///
/// # Errors
/// As [`interactively`].
pub async fn by_credentials(
    db: &Arc<Database>,
    passwords: &Passwords,
    clock: &Clock,
    attempt: Attempt<'_>,
) -> Result<res_users::Model> {
    let source = Source::new(attempt.address, attempt.login);
    cooldown::check(db.connection(), &source, clock.now()).await?;
    let user = find(db.connection(), attempt.login).await?;
    authorize(db, passwords, clock, source, user, attempt.password).await
}

/// As [`by_credentials`], for a user who is named by id.
///
/// # Errors
/// As [`interactively`], and a `MissingError` for an id that nobody has.
pub async fn by_uid(
    db: &Arc<Database>,
    passwords: &Passwords,
    clock: &Clock,
    uid: i32,
    password: &str,
    address: &str,
) -> Result<res_users::Model> {
    if uid == 0 || password.is_empty() {
        return Err(Error::access_denied());
    }
    let source = Source::new(address, &uid.to_string());
    cooldown::check(db.connection(), &source, clock.now()).await?;
    let Some(user) = res_users::Entity::find_by_id(uid).one(db.connection()).await? else {
        let record = format!("(Record: res.users({uid},), User: {uid})");
        return Err(Error::MissingError(format!("Record does not exist or has been deleted.\n{record}")));
    };
    authorize(db, passwords, clock, source, Some(user).filter(|user| user.active), password).await
}

async fn authorize(
    db: &Arc<Database>,
    passwords: &Passwords,
    clock: &Clock,
    source: Source,
    user: Option<res_users::Model>,
    password: &str,
) -> Result<res_users::Model> {
    if let Some(user) = &user
        && api_key::check(db, passwords, password, clock.now()).await? == Some(user.id)
    {
        return Ok(user.clone());
    }
    let login = user.as_ref().map(|user| user.login.as_str()).unwrap_or_default();
    let stored = user.as_ref().filter(|user| user.totp_secret.is_none()).and_then(|user| user.password.as_deref());
    let verdict = passwords.verify_again(db.name(), login, password, stored).await;
    match (user, verdict) {
        (Some(user), Verdict::Right) => Ok(user),
        (Some(user), verdict @ Verdict::Rehashed(_)) => succeed(db, source, user, verdict, clock.now()).await,
        _ => Err(fail(db, &source, clock.now()).await?),
    }
}

/// The active user of that login.
async fn find(db: &impl ConnectionTrait, login: &str) -> Result<Option<res_users::Model>> {
    let query = res_users::Entity::find()
        .filter(res_users::Column::Login.eq(login))
        .filter(res_users::Column::Active.eq(true))
        .order_by_asc(res_users::Column::Id);
    Ok(query.one(db).await?)
}

async fn fail(db: &Arc<Database>, source: &Source, now: NaiveDateTime) -> Result<Error> {
    db.write(|tx| {
        let source = source.clone();
        Box::pin(async move { cooldown::count(tx, &source, now).await })
    })
    .await?;
    tracing::info!(db = db.name(), ?source, "login failed");
    Ok(Error::access_denied())
}

/// Stores a stronger hash where there is one, notes the login, and forgets the failures before it.
async fn succeed(
    db: &Arc<Database>,
    source: Source,
    user: res_users::Model,
    verdict: Verdict,
    now: NaiveDateTime,
) -> Result<res_users::Model> {
    db.write(|tx| {
        let (source, user, verdict) = (source.clone(), user.clone(), verdict.clone());
        Box::pin(async move {
            cooldown::forget(tx, &source).await?;
            let log = res_users_log::ActiveModel {
                create_uid: Set(Some(user.id)),
                create_date: Set(Some(now)),
                write_uid: Set(Some(user.id)),
                write_date: Set(Some(now)),
                ..Default::default()
            };
            log.insert(tx).await?;
            match verdict {
                Verdict::Rehashed(hash) => set_password_hash(tx, user.id, hash).await,
                _ => Ok(user),
            }
        })
    })
    .await
}

/// Stores a password hash. All sessions of the user end with it.
///
/// # Errors
/// A failure of the database.
pub async fn set_password_hash(tx: &DatabaseTransaction, user: i32, hash: String) -> Result<res_users::Model> {
    let user = res_users::ActiveModel { id: Set(user), password: Set(Some(hash)), ..Default::default() };
    Ok(user.update(tx).await?)
}
