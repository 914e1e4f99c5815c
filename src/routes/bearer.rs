//! Requests that bring an API key: `Authorization: bearer <key>` (19.0).

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::Shared;
use crate::app::App;
use crate::auth::visit::Visit;
use crate::auth::{Caller, api_key};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::models::res_users;
use crate::wire::{json2, page};

/// Who makes a request: the user of the API key, or of the session where a browser itself went there.
///
/// # Errors
/// The answer to a request without a key that is good, or without a database that is unequivocal.
pub async fn caller(shared: &Shared, visit: &Visit, headers: &HeaderMap) -> Result<Caller, Response> {
    // Where there is no database there are no such paths.
    let database = match visit.stateless_database().await {
        Ok(Some(database)) => database,
        Ok(None) => return Err(page::not_found()),
        Err(Error::AccessError(why)) => return Err(page::error(StatusCode::FORBIDDEN, &why)),
        // That there is no such path would be understood as something else.
        Err(error @ Error::Database(_)) => return Err(json2::failure(&error, shared.app.series)),
        Err(error) => {
            error.log();
            return Err(page::not_found());
        }
    };
    let found = match key(headers) {
        Some(key) => by_key(&shared.app, visit, &database, &key).await,
        None => by_session(visit, headers).await,
    };
    found.map_err(|error| json2::failure(&error, shared.app.series))
}

/// Who makes a request that brings a key, names its database and has no session, by what is remembered of a version that the
/// database is [supposed](Database::supposed_version) to have.
pub fn supposed_caller(shared: &Shared, visit: &Visit, headers: &HeaderMap) -> Option<Caller> {
    let database = visit.named_and_open()?;
    let version = database.supposed_version()?;
    let uid = api_key::recall(&database, &version, &shared.app.passwords, &key(headers)?)?;
    let user = res_users::recall(&database, &version, uid)?;
    Some(Caller { database, version, user })
}

/// The key of a request, if it has one.
fn key(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(header::AUTHORIZATION)?.as_bytes());
    let (scheme, key) = text.split_once(char::is_whitespace)?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then(|| key.to_owned())
}

async fn by_key(app: &App, visit: &Visit, database: &Arc<Database>, key: &str) -> Result<Caller> {
    let version = database.version().await?;
    let Some(uid) = api_key::check(database, Some(&version), &app.passwords, key).await? else {
        return Err(Error::Unauthorized("Invalid apikey".to_owned()));
    };
    match visit.caller().await {
        Ok(caller) if caller.user.id != uid => {
            return Err(Error::AccessDenied("Session user does not match the used apikey".to_owned()));
        }
        Ok(_) | Err(Error::SessionExpired) => {}
        Err(error) => return Err(error),
    }
    let user = res_users::known(database, &version, uid).await?.ok_or_else(Error::access_denied)?;
    let caller = Caller { database: Arc::clone(database), version, user };
    caller.record();
    Ok(caller)
}

/// A session is enough where a person has typed the address: a page of another site cannot make a browser say so.
async fn by_session(visit: &Visit, headers: &HeaderMap) -> Result<Caller> {
    let caller = match visit.caller().await {
        Err(Error::SessionExpired) => {
            let why = "User not authenticated, use an API Key with a Bearer Authorization header.";
            return Err(Error::Unauthorized(why.to_owned()));
        }
        found => found?,
    };
    let says = |name: &str, wanted: &[&str]| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| wanted.contains(&value))
    };
    let by_hand = says("sec-fetch-dest", &["document"])
        && says("sec-fetch-mode", &["navigate"])
        && says("sec-fetch-site", &["none", "same-origin"])
        && says("sec-fetch-user", &["?1"]);
    if by_hand {
        return Ok(caller);
    }
    let why = "Missing \"Authorization\" or Sec-headers for interactive usage.";
    Err(Error::Unauthorized(why.to_owned()))
}
