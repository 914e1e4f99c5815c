//! The cooldown of failed logins, as Odoo has it: after `base.login_cooldown_after` failures (10; 0 is never) from one
//! address for one login, that pair waits until `base.login_cooldown_duration` seconds (60) have gone by without
//! another try. The count is in the database, so that all processes share it and a restart does not reset it.

use chrono::{NaiveDateTime, TimeDelta};
use entity::login_failures::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter};

use crate::database::parameter;
use crate::error::{Error, Result};

/// Longer logins are cut, so that a failure costs little to keep.
const MAX_LENGTH: usize = 200;

/// Whom the failures are counted for.
#[derive(Clone, Debug)]
pub struct Source {
    address: String,
    login: String,
}

impl Source {
    /// A client address and the login that it tries.
    #[must_use]
    pub fn new(address: &str, login: &str) -> Self {
        Self { address: address.to_owned(), login: login.chars().take(MAX_LENGTH).collect() }
    }
}

/// Refuses a source that has failed too often.
///
/// # Errors
/// `AccessDenied` during the cooldown; a failure of the database.
pub async fn check(db: &impl ConnectionTrait, source: &Source, now: NaiveDateTime) -> Result<()> {
    let Some(failures) = find(db, source).await? else { return Ok(()) };
    let after = parameter::get_number(db, "base.login_cooldown_after", 5).await?;
    if after == 0 || i64::from(failures.failures) < after {
        return Ok(());
    }
    let seconds = parameter::get_number(db, "base.login_cooldown_duration", 60).await?;
    if now - failures.last_failure >= TimeDelta::seconds(seconds) {
        return Ok(());
    }
    tracing::warn!(address = source.address, login = source.login, "login refused during the cooldown");
    Err(Error::AccessDenied("Too many login failures, please wait a bit before trying again.".to_owned()))
}

async fn find(db: &impl ConnectionTrait, source: &Source) -> Result<Option<Model>> {
    Ok(Entity::find_by_id((source.address.clone(), source.login.clone())).one(db).await?)
}

/// Counts a failure.
///
/// # Errors
/// A failure of the database.
pub async fn count(db: &impl ConnectionTrait, source: &Source, now: NaiveDateTime) -> Result<()> {
    let row = ActiveModel {
        address: Set(source.address.clone()),
        login: Set(source.login.clone()),
        failures: Set(1),
        last_failure: Set(now),
    };
    let again = OnConflict::columns([Column::Address, Column::Login])
        .value(Column::Failures, Expr::col((Entity, Column::Failures)).add(1))
        .update_column(Column::LastFailure)
        .to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(db).await?;
    Ok(())
}

/// Forgets the failures of a source that has logged in.
///
/// # Errors
/// A failure of the database.
pub async fn forget(db: &impl ConnectionTrait, source: &Source) -> Result<()> {
    Entity::delete_by_id((source.address.clone(), source.login.clone())).exec(db).await?;
    Ok(())
}

/// Forgets the failures that were before `time`.
///
/// # Errors
/// A failure of the database.
pub async fn sweep(db: &impl ConnectionTrait, time: NaiveDateTime) -> Result<()> {
    Entity::delete_many().filter(Column::LastFailure.lt(time)).exec(db).await?;
    Ok(())
}
