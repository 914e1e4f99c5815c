//! The cooldown of failed logins, by Odoo's parameters: after `base.login_cooldown_after` failures (10; 0 is never) of
//! one address for one login, that pair waits until `base.login_cooldown_duration` seconds (60) have gone by without
//! another try. The count is in the database, so that all processes share it and a restart does not reset it.
//!
//! No more tries are under way at once than may still fail: so many tries at once are no way around it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{NaiveDateTime, TimeDelta};
use entity::login_failures::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter};
use tokio::sync::Notify;

use crate::database::parameter;
use crate::error::{Error, Result};

/// Longer logins are cut, so that a failure costs little to keep.
const MAX_LENGTH: usize = 200;

/// Whom the failures are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// The tries that are under way in this process.
#[derive(Debug, Default)]
pub struct Tries {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    under_way: HashMap<Source, i64>,
    /// How many have ended; what was read of the failures before one ended is out of date.
    ended: u64,
}

enum Entry {
    Begun,
    OutOfDate,
    Full,
}

/// A try that is under way, until it is dropped.
#[derive(Debug)]
pub struct Try<'a> {
    tries: &'a Tries,
    pub source: Source,
}

impl Tries {
    /// Begins a try, once there are few enough under way.
    ///
    /// # Errors
    /// `AccessDenied` during the cooldown; a failure of the database.
    pub async fn begin(&self, db: &impl ConnectionTrait, source: Source, now: NaiveDateTime) -> Result<Try<'_>> {
        loop {
            let mut waited = pin!(self.ended.notified());
            waited.as_mut().enable();
            let ended = self.lock().ended;
            let left = left(db, &source, now).await?;
            match self.enter(&source, left, ended) {
                Entry::Begun => return Ok(Try { tries: self, source }),
                Entry::OutOfDate => {}
                Entry::Full => waited.await,
            }
        }
    }

    /// Counts a try, if fewer than `left` are under way and none has ended since the count was `ended`.
    fn enter(&self, source: &Source, left: i64, ended: u64) -> Entry {
        let mut state = self.lock();
        if state.ended != ended {
            return Entry::OutOfDate;
        }
        let count = state.under_way.get(source).copied().unwrap_or_default();
        if count >= left {
            return Entry::Full;
        }
        state.under_way.insert(source.clone(), count + 1);
        Entry::Begun
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().under_way.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let mut state = self.tries.lock();
        state.ended += 1;
        if let Some(count) = state.under_way.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                state.under_way.remove(&self.source);
            }
        }
        drop(state);
        self.tries.ended.notify_waiters();
    }
}

/// How many tries of a source may still fail before the cooldown begins.
async fn left(db: &impl ConnectionTrait, source: &Source, now: NaiveDateTime) -> Result<i64> {
    let after = parameter::get_number(db, "base.login_cooldown_after", 5).await?;
    if after <= 0 {
        return Ok(i64::MAX);
    }
    let Some(known) = find(db, source).await? else { return Ok(after) };
    let left = after - i64::from(known.failures);
    if left > 0 {
        return Ok(left);
    }
    if waits(db, &known, now).await? {
        tracing::warn!(address = source.address, login = source.login, "login refused during the cooldown");
        let why = "Too many login failures, please wait a bit before trying again.";
        return Err(Error::AccessDenied(why.to_owned()));
    }
    // After the wait each failure begins another.
    Ok(1)
}

/// Whether the last failure is not long enough ago, where there were too many.
async fn waits(db: &impl ConnectionTrait, known: &Model, now: NaiveDateTime) -> Result<bool> {
    let seconds = parameter::get_number(db, "base.login_cooldown_duration", 60).await?;
    Ok(now - known.last_failure < TimeDelta::seconds(seconds))
}

/// Whether there are failures of a source that a login without a try ends: all but those that it waits for.
///
/// # Errors
/// A failure of the database.
pub async fn is_forgivable(db: &impl ConnectionTrait, source: &Source, now: NaiveDateTime) -> Result<bool> {
    let Some(known) = find(db, source).await? else { return Ok(false) };
    let after = parameter::get_number(db, "base.login_cooldown_after", 5).await?;
    Ok(i64::from(known.failures) < after || !waits(db, &known, now).await?)
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
