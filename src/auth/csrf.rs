//! Tokens by which a form shows that it comes from a page of the session, and not from one of somebody else.

use chrono::{NaiveDateTime, TimeDelta};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::password;
use super::session::Sid;

/// How long a page may lie open before its form is sent, as in Odoo: a year.
const LIFETIME: TimeDelta = TimeDelta::days(365);

/// A new token for a session, keyed by the secret of its database: a checksum, `o`, and the time at which it ends.
#[must_use]
pub fn token(secret: &str, sid: &Sid, now: NaiveDateTime) -> String {
    let end = (now + LIFETIME).and_utc().timestamp();
    format!("{}o{end}", checksum(secret, sid, end))
}

/// Whether a token is one of this session and has not ended.
#[must_use]
pub fn is_valid(secret: &str, sid: &Sid, now: NaiveDateTime, given: &str) -> bool {
    let Some((given, end)) = given.rsplit_once('o') else { return false };
    let Ok(end) = end.parse::<i64>() else { return false };
    password::same(given, &checksum(secret, sid, end)) && end >= now.and_utc().timestamp()
}

fn checksum(secret: &str, sid: &Sid, end: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(json!(["csrf", sid.expose(), end]).to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_session_and_end() {
        let sid = Sid::parse(&"a".repeat(40)).unwrap();
        let other = Sid::parse(&"b".repeat(40)).unwrap();
        let now = NaiveDateTime::default();
        let made = token("secret", &sid, now);
        assert!(is_valid("secret", &sid, now, &made));
        assert!(!is_valid("secret", &other, now, &made));
        assert!(!is_valid("other", &sid, now, &made));
        assert!(!is_valid("secret", &sid, now + LIFETIME + TimeDelta::seconds(1), &made));
        for wrong in ["", "o", "o1", &made.replace('o', "o1"), &made[1..]] {
            assert!(!is_valid("secret", &sid, now, wrong), "{wrong}");
        }
    }
}
