//! Sessions as they are stored: in the table `sessions` of the database to which they belong.
//!
//! The sid is a secret that only the client has; the table has its SHA-256. Since a request names a session but not
//! always a database, the first characters of a sid are a digest of the database's name, by which it is found.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{NaiveDateTime, TimeDelta};
use entity::{ir_config_parameter, res_users, sessions};
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryTrait,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::password;
use crate::database::parameter;
use crate::error::{Error, Result};
use crate::series::Series;

/// How many devices a session notes; then it forgets the first.
const MAX_TRACES: usize = 50;
/// How many characters at the start of a sid tell the database.
const TAG_LENGTH: usize = 4;

/// A session id, the secret in the cookie: 40 hex digits, from 18.0 on 84 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct Sid(String);

impl fmt::Debug for Sid {
    /// Never shows the secret, so that no log has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sid(…)")
    }
}

impl Sid {
    /// A new sid for a session of that database, or of none.
    #[must_use]
    pub fn generate(series: Series, database: Option<&str>) -> Self {
        let mut sid = if series.has_long_sids() {
            URL_SAFE_NO_PAD.encode(super::random::<63>())
        } else {
            hex::encode(super::random::<20>())
        };
        if let Some(database) = database {
            sid.replace_range(..TAG_LENGTH, &tag(&sid, database));
        }
        Self(sid)
    }

    /// Reads a sid; nothing where the text cannot be one in any series.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let short = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let long = text.len() == 84 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (short || long).then(|| Self(text.to_owned()))
    }

    /// The text that the client has to send.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a session of this sid can be in that database.
    #[must_use]
    pub fn may_be_of(&self, database: &str) -> bool {
        self.0[..TAG_LENGTH] == tag(&self.0, database)
    }

    /// The SHA-256 of the sid, by which it is stored.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

fn tag(sid: &str, database: &str) -> String {
    let digest = Sha256::digest(database);
    let mut tag = if sid.len() == 40 { hex::encode(digest) } else { URL_SAFE_NO_PAD.encode(digest) };
    tag.truncate(TAG_LENGTH);
    tag
}

/// A session that lives, as the database has it, with the user who is logged in.
#[derive(Clone, Debug)]
pub struct Stored {
    pub row: sessions::Model,
    pub user: Option<Arc<res_users::Model>>,
}

/// What a new session is to remember.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The user who is logged in.
    pub user: Option<Arc<res_users::Model>>,
    /// The user whose second factor is awaited.
    pub awaiting_second_factor: Option<i32>,
}

/// Stores a new session.
///
/// # Errors
/// A failure of the database.
pub async fn insert(
    db: &impl ConnectionTrait,
    secret: &str,
    sid: &Sid,
    content: &Content,
    now: NaiveDateTime,
    lifetime: TimeDelta,
) -> Result<()> {
    let user = content.user.as_ref();
    let row = sessions::ActiveModel {
        sid_hash: Set(sid.hash()),
        user_id: Set(user.map(|user| user.id)),
        pre_user_id: Set(content.awaiting_second_factor),
        session_token: Set(user.map(|user| token(secret, sid, user))),
        data: Set(json!({})),
        create_date: Set(now),
        write_date: Set(now),
        expires_at: Set(now + lifetime),
    };
    sessions::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// The session of that sid, if its user is still the same (login, password, active). Whether it has expired is still to
/// be seen.
///
/// # Errors
/// A failure of the database.
pub async fn find(db: &impl ConnectionTrait, secret: &str, sid: &Sid) -> Result<Option<Stored>> {
    let found = sessions::Entity::find_by_id(sid.hash()).find_also_related(res_users::Entity).one(db).await?;
    Ok(found.and_then(|found| alive(found, secret, sid)))
}

/// As [`find`], where it is not known whether `secret` is still the database's: if it is not, nothing is found.
///
/// # Errors
/// A failure of the database.
pub async fn find_under(db: &impl ConnectionTrait, secret: &str, sid: &Sid) -> Result<Option<Stored>> {
    let same_secret = ir_config_parameter::Entity::find()
        .filter(ir_config_parameter::Column::Key.eq(parameter::SECRET))
        .filter(ir_config_parameter::Column::Value.eq(secret))
        .into_query();
    let found = sessions::Entity::find_by_id(sid.hash()).find_also_related(res_users::Entity);
    let found = found.filter(Expr::exists(same_secret)).one(db).await?;
    Ok(found.and_then(|found| alive(found, secret, sid)))
}

fn alive((row, user): (sessions::Model, Option<res_users::Model>), secret: &str, sid: &Sid) -> Option<Stored> {
    let alive = match (&user, &row.session_token) {
        (Some(user), Some(stored)) => user.active && password::same(&token(secret, sid, user), stored),
        (None, None) => true,
        _ => false,
    };
    alive.then(|| Stored { row, user: user.map(Arc::new) })
}

/// What must not change while a session lives, keyed by the database's secret.
fn token(secret: &str, sid: &Sid, user: &res_users::Model) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    let fields = json!([sid.0, user.id, user.login, user.password, user.active]);
    mac.update(fields.to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Moves the end of a session to `now + lifetime`, and stores its data.
///
/// # Errors
/// A failure of the database.
pub async fn renew(
    db: &impl ConnectionTrait,
    row: &sessions::Model,
    now: NaiveDateTime,
    lifetime: TimeDelta,
) -> Result<sessions::Model> {
    let renewed = sessions::Model { write_date: now, expires_at: now + lifetime, ..row.clone() };
    // Not an insert: a session that another request has ended stays ended. Nor where another one has renewed it.
    sessions::Entity::update_many()
        .set(renewed.clone().into_active_model().reset_all())
        .filter(sessions::Column::SidHash.eq(&row.sid_hash))
        .filter(sessions::Column::WriteDate.eq(row.write_date))
        .exec(db)
        .await?;
    Ok(renewed)
}

/// Makes a session one of its user as the user is now.
///
/// # Errors
/// `SessionExpired` where there is no such user; a failure of the database.
pub async fn authorize(db: &impl ConnectionTrait, secret: &str, sid: &Sid, uid: i32) -> Result<()> {
    let user = res_users::Entity::find_by_id(uid).one(db).await?.ok_or(Error::SessionExpired)?;
    sessions::Entity::update_many()
        .col_expr(sessions::Column::SessionToken, Expr::value(token(secret, sid, &user)))
        .filter(sessions::Column::SidHash.eq(sid.hash()))
        .exec(db)
        .await?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// A failure of the database.
pub async fn remove(db: &impl ConnectionTrait, row: &sessions::Model) -> Result<()> {
    sessions::Entity::delete_by_id(row.sid_hash.clone()).exec(db).await?;
    Ok(())
}

/// Removes the sessions that have expired, and answers how many there were.
///
/// # Errors
/// A failure of the database.
pub async fn sweep(db: &impl ConnectionTrait, now: NaiveDateTime) -> Result<u64> {
    let expired = sessions::Entity::delete_many().filter(sessions::Column::ExpiresAt.lte(now));
    Ok(expired.exec(db).await?.rows_affected)
}

/// A device as a session notes it.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    pub platform: &'a str,
    pub browser: &'a str,
    pub address: &'a str,
}

impl Device<'_> {
    /// Whether this is what a session has noted.
    fn is_of(&self, noted: &Value) -> bool {
        noted["platform"] == self.platform && noted["browser"] == self.browser && noted["ip_address"] == self.address
    }
}

/// Whether a session's data says that a device has used it in the last hour, or cannot say such things.
#[must_use]
pub fn is_traced(data: &Value, device: Device<'_>, now: NaiveDateTime) -> bool {
    let oldest = now.and_utc().timestamp() - 3600;
    let traces = match (data, &data["_trace"]) {
        (Value::Object(_), Value::Array(traces)) => traces.as_slice(),
        (Value::Object(_), Value::Null) => &[],
        _ => return true,
    };
    let known = traces.iter().find(|known| device.is_of(known));
    known.is_some_and(|known| known["last_activity"].as_i64().is_some_and(|last| last > oldest))
}

/// Notes in a session's data that a device uses it.
pub fn trace(data: &mut Value, device: Device<'_>, now: NaiveDateTime) {
    let seconds = now.and_utc().timestamp();
    let entry = json!({
        "platform": device.platform,
        "browser": device.browser,
        "ip_address": device.address,
        "first_activity": seconds,
        "last_activity": seconds,
    });
    let Some(data) = data.as_object_mut() else { return };
    let traces = data.entry("_trace").or_insert_with(|| json!([]));
    let Some(traces) = traces.as_array_mut() else { return };
    if let Some(known) = traces.iter_mut().find(|known| device.is_of(known)) {
        known["last_activity"] = seconds.into();
        return;
    }
    if traces.len() >= MAX_TRACES {
        traces.remove(0);
    }
    traces.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_tell_their_database() {
        for (series, length) in [(Series::V15, 40), (Series::V17, 40), (Series::V18, 84), (Series::V19, 84)] {
            let sid = Sid::generate(series, Some("odoo"));
            assert_eq!(sid.expose().len(), length);
            assert_eq!(Sid::parse(sid.expose()), Some(sid.clone()));
            assert!(sid.may_be_of("odoo"));
            assert!(!sid.may_be_of("other"));
            assert_ne!(sid, Sid::generate(series, Some("odoo")));
            assert_eq!(format!("{sid:?}"), "Sid(…)");
        }
        for text in ["", "../../etc/passwd", "0123", &"g".repeat(40), &"ä".repeat(20), &"+".repeat(84)] {
            assert_eq!(Sid::parse(text), None);
        }
    }

    #[test]
    fn devices_are_noted_once_an_hour() {
        let start = NaiveDateTime::default();
        let device = Device { platform: "linux", browser: "firefox", address: "127.0.0.1" };
        let mut data = json!({});
        assert!(!is_traced(&data, device, start));
        assert!([json!(1), json!({"_trace": 1})].iter().all(|odd| is_traced(odd, device, start)));
        trace(&mut data, device, start);
        assert!(is_traced(&data, device, start + TimeDelta::seconds(3599)));
        assert!(!is_traced(&data, device, start + TimeDelta::seconds(3600)));
        trace(&mut data, device, start + TimeDelta::seconds(3600));
        assert!(is_traced(&data, device, start + TimeDelta::seconds(3601)));
        let other = Device { browser: "chrome", ..device };
        assert!(!is_traced(&data, other, start));
        trace(&mut data, other, start);
        assert!(is_traced(&data, other, start));
        assert_eq!(data["_trace"].as_array().map(Vec::len), Some(2));
    }
}
