//! Logging in: from a login and a password (or API key) to a user.

use std::sync::Arc;

use entity::{res_users, res_users_log};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::api_key;
use super::cooldown::{self, Source, Tries, Try};
use super::password::{Passwords, Verdict};
use crate::database::{Database, Version};
use crate::error::{Error, Result};
use crate::metrics::{Login, Metrics};
use crate::models;

/// What logins need to know of a server.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    pub passwords: &'a Passwords,
    pub tries: &'a Tries,
    /// What counts logins, where somebody wants to know.
    pub metrics: Option<&'a Metrics>,
    /// The client's address, for the cooldown.
    pub address: &'a str,
}

/// A user whose password was right.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedIn {
    pub user: Arc<res_users::Model>,
    /// Whether a second factor is awaited, so that the user is not logged in yet.
    pub second_factor: bool,
}

impl Gate<'_> {
    /// Logs a person in, as the session routes do: only the password counts.
    ///
    /// # Errors
    /// `AccessDenied`, with the same words and after the same time, for a wrong, empty or missing password, an unknown
    /// login and an inactive user; during the cooldown its own words. A failure of the database.
    pub async fn interactively(&self, db: &Arc<Database>, login: &str, password: &str) -> Result<LoggedIn> {
        let begun = self.begin(db, login, password).await?;
        let user = db.first(|| find(db.connection(), login)).await?;
        let stored = user.as_ref().and_then(|user| user.password.as_deref());
        let verdict = self.passwords.verify(password, stored).await;
        let user = self.end(db, begun, user, verdict).await?;
        let second_factor = user.totp_secret.is_some();
        tracing::info!(db = db.name(), uid = user.id, login = user.login, second_factor, "logged in");
        Ok(LoggedIn { user, second_factor })
    }

    /// Checks a login and what comes with it in a call, as `/jsonrpc` and XML-RPC do: the password, or an API key of the
    /// scope `rpc`. Who has a second factor must use a key.
    ///
    /// # Errors
    /// As [`interactively`](Self::interactively).
    pub async fn by_credentials(
        &self,
        db: &Arc<Database>,
        login: &str,
        password: &str,
    ) -> Result<Arc<res_users::Model>> {
        let user = if can_be_text(login) { db.first(|| find(db.connection(), login)).await? } else { None };
        let user = self.authorize(db, None, login, user, password).await?;
        let source = Source::new(self.address, login);
        if db.within(cooldown::is_forgivable(db.connection(), &source, db.clock().now())).await? {
            db.write_committed(|tx| {
                let source = source.clone();
                Box::pin(async move { cooldown::forget(tx, &source).await })
            })
            .await?;
        }
        Ok(user)
    }

    /// As [`by_credentials`](Self::by_credentials), for a user who is named by id, in this version of the database.
    ///
    /// # Errors
    /// As [`interactively`](Self::interactively), and a `MissingError` for an id that nobody has.
    pub async fn by_uid(
        &self,
        db: &Arc<Database>,
        version: &Version,
        uid: i32,
        password: &str,
    ) -> Result<Arc<res_users::Model>> {
        if uid == 0 || password.is_empty() {
            return Err(Error::access_denied());
        }
        let Some(user) = models::res_users::known(db, version, uid).await? else {
            let record = format!("(Record: res.users({uid},), User: {uid})");
            return Err(Error::MissingError(format!("Record does not exist or has been deleted.\n{record}")));
        };
        let login = user.login.clone();
        self.authorize(db, Some(version), &login, Some(user).filter(|user| user.active), password).await
    }

    /// As [`by_uid`](Self::by_uid), by nothing but what is remembered of this version: that it has let the same in before.
    #[must_use]
    pub fn recall_by_uid(
        &self,
        db: &Database,
        version: &Version,
        uid: i32,
        password: &str,
    ) -> Option<Arc<res_users::Model>> {
        let user = models::res_users::recall(db, version, uid).filter(|user| user.active && !password.is_empty())?;
        let is_known =
            self.knows(&user, password) || api_key::recall(db, version, self.passwords, password) == Some(uid);
        is_known.then_some(user)
    }

    /// Whether this password of the user, which counts in calls, was found right lately.
    fn knows(&self, user: &res_users::Model, password: &str) -> bool {
        let stored = counting(user);
        stored.is_some() && self.passwords.knows(password, stored)
    }

    async fn authorize(
        &self,
        db: &Arc<Database>,
        version: Option<&Version>,
        login: &str,
        user: Option<Arc<res_users::Model>>,
        password: &str,
    ) -> Result<Arc<res_users::Model>> {
        if let Some(user) = &user {
            // A key cannot be guessed, and what is known costs nothing, so neither counts as a try.
            if self.knows(user, password)
                || api_key::check(db, version, self.passwords, password).await? == Some(user.id)
            {
                return Ok(Arc::clone(user));
            }
        }
        let begun = self.begin(db, login, password).await?;
        let stored = user.as_deref().and_then(counting);
        let verdict = self.passwords.verify_again(password, stored).await;
        self.end(db, begun, user, verdict).await
    }

    /// Begins a try. Texts that nobody can have are refused at once.
    async fn begin(&self, db: &Arc<Database>, login: &str, password: &str) -> Result<Try<'_>> {
        if password.is_empty() || !can_be_text(login) {
            return Err(Error::access_denied());
        }
        let begun = self.tries.begin(db.connection(), Source::new(self.address, login), db.clock().now()).await;
        if let Err(Error::AccessDenied(_)) = begun {
            self.count(Login::Refused);
        }
        begun
    }

    fn count(&self, login: Login) {
        if let Some(metrics) = self.metrics {
            metrics.logged_in(login);
        }
    }

    /// Where the password was wrong: counts a failure. Where it was right: forgets the failures before it, notes the
    /// login, and puts a stronger hash in the place of the one that was checked, if that is still there. Answers with
    /// the user as it is now.
    async fn end(
        &self,
        db: &Arc<Database>,
        begun: Try<'_>,
        user: Option<Arc<res_users::Model>>,
        verdict: Verdict,
    ) -> Result<Arc<res_users::Model>> {
        let source = begun.source.clone();
        let (Some(user), true) = (user, verdict != Verdict::Wrong) else {
            tracing::info!(db = db.name(), ?source, "login failed");
            self.count(Login::Failed);
            let now = db.clock().now();
            let counted: Result<()> = db
                .write_committed(|tx| {
                    let source = source.clone();
                    Box::pin(async move { cooldown::count(tx, &source, now).await })
                })
                .await;
            return Err(counted.err().unwrap_or_else(Error::access_denied));
        };
        self.count(Login::Ok);
        let now = db.clock().now();
        db.write_committed(|tx| {
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
                if let Verdict::Rehashed(hash) = verdict {
                    models::res_users::replace_password(tx, &user, hash).await?;
                }
                let now = res_users::Entity::find_by_id(user.id).one(tx).await?;
                now.filter(|now| now.active).map(Arc::new).ok_or_else(Error::access_denied)
            })
        })
        .await
    }
}

/// The hash of the password that counts in calls: who has a second factor must use a key.
fn counting(user: &res_users::Model) -> Option<&str> {
    user.password.as_deref().filter(|_| user.totp_secret.is_none())
}

/// Whether a text can be in the database: PostgreSQL has no NUL.
fn can_be_text(text: &str) -> bool {
    !text.contains('\0')
}

/// The active user of that login.
async fn find(db: &impl ConnectionTrait, login: &str) -> Result<Option<Arc<res_users::Model>>> {
    let query = res_users::Entity::find()
        .filter(res_users::Column::Login.eq(login))
        .filter(res_users::Column::Active.eq(true))
        .order_by_asc(res_users::Column::Id);
    Ok(query.one(db).await?.map(Arc::new))
}
