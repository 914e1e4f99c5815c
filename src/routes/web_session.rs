//! `/web/session/…`: the session of a browser, and of the clients that act like one.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{Call, Shared, answered};
use crate::auth::Caller;
use crate::auth::visit::{Begun, Visit};
use crate::database::{self, Database, parameter};
use crate::error::{Error, Result};
use crate::interception;
use crate::models::{ir_http, ir_module_module, res_users};
use crate::python::Signature;
use crate::wire::{page, rest};

/// `/web/session/authenticate`: logs in and answers with the session info; with `uid: null` where a second factor is
/// awaited.
pub async fn authenticate(call: Call) -> Result<Value> {
    let series = call.app.series;
    let signature = Signature {
        function: series.route_function("Session", "authenticate"),
        required: &["db", "login", "password"],
        optional: &["base_location"],
        method: true,
    };
    let arguments = signature.bind_named(call.params.clone())?;
    let text = |index: usize| arguments[index].as_ref().and_then(Value::as_str).unwrap_or_default();
    let name = text(0);
    if !call.app.sees(&call.visit.client().host, name).await? {
        return Err(if series.authenticate_hides_missing_database() {
            Error::AccessError("Database not found.".to_owned())
        } else {
            Error::no_such_database(name)
        });
    }
    let database = call.app.databases.open(name).await?;
    Ok(log_in(&call, &database, text(1), text(2)).await?.0)
}

/// Logs in, begins a session, and answers with its session info.
pub async fn log_in(call: &Call, database: &Arc<Database>, login: &str, password: &str) -> Result<(Value, Begun)> {
    let begun = Mutex::new(None);
    let kwargs = Map::from_iter([("login", login), ("password", password)].map(|(k, v)| (k.to_owned(), v.into())));
    let seen = interception::Call {
        service: "session",
        database: Some(database.name()),
        user: None,
        model: None,
        method: "authenticate",
        ids: None,
        args: &[],
        kwargs: &kwargs,
    };
    let run = || -> interception::Running<'_> {
        Box::pin(async {
            let (info, session) = begin(call, database, login, password).await?;
            *begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
            Ok(info.into())
        })
    };
    let info = interception::answer(&call.app.interceptor(), seen, run).await?;
    match begun.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(session) => Ok((info.into_value()?, session)),
        None => begin(call, database, login, password).await,
    }
}

async fn begin(call: &Call, database: &Arc<Database>, login: &str, password: &str) -> Result<(Value, Begun)> {
    let logged_in = call.app.gate(&call.visit.client().address).interactively(database, login, password).await?;
    let begun = call.visit.log_in(database, &logged_in).await?;
    if logged_in.second_factor {
        return Ok((json!({"uid": null}), begun));
    }
    let mut caller = call.visit.caller().await?;
    if ir_http::note_base_url(&caller, &call.visit.client().base_url()).await? {
        caller.version = caller.database.version().await?;
    }
    Ok((Value::clone(&*session_info(call, &caller).await?), begun))
}

async fn session_info(call: &Call, caller: &Caller) -> Result<Arc<Value>> {
    ir_http::session_info(caller, call.app.config.limits.body).await
}

/// `/web/session/get_session_info`.
pub async fn get_session_info(call: Call) -> Result<Arc<Value>> {
    let caller = call.visit.caller().await?;
    call.visit.touch().await?;
    session_info(&call, &caller).await
}

/// `/web/session/check`: nothing, or an expired session.
pub async fn check(call: Call) -> Result<()> {
    call.visit.caller().await.map(drop)
}

/// `/web/session/destroy`: logs out.
pub async fn destroy(call: Call) -> Result<()> {
    call.visit.caller().await?;
    call.visit.log_out(false).await
}

/// `/web/session/modules`: the names of the installed modules.
pub async fn modules(call: Call) -> Result<Vec<String>> {
    let caller = call.visit.caller().await?;
    let installed = ir_module_module::installed(caller.database.connection()).await?;
    Ok(installed.into_iter().map(|module| module.name).collect())
}

/// `/web/session/get_lang_list`: `[code, name]` of all languages.
pub async fn get_lang_list(call: Call) -> Result<Vec<[String; 2]>> {
    Ok(database::languages(call.app.series))
}

/// `/web/session/account`: where the user's account at odoo.com would be linked.
pub async fn account(call: Call) -> Result<String> {
    let caller = call.visit.caller().await?;
    let uuid = parameter::get(caller.database.connection(), "database.uuid").await?.unwrap_or_default();
    let state = json!({"d": caller.database.name(), "u": call.visit.client().base_url()}).to_string();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "token")
        .append_pair("client_id", &uuid)
        .append_pair("state", &state)
        .append_pair("scope", "userinfo")
        .finish();
    Ok(format!("https://accounts.odoo.com/oauth2/auth?{query}"))
}

/// `/web/session/change_password` (15.0): `fields` is a list of `{"name", "value"}` with `old_pwd`, `new_password` and
/// `confirm_pwd`. What is wrong is told in the result, not as an error.
pub async fn change_password(call: Call) -> Result<Value> {
    let caller = call.visit.caller().await?;
    let signature = Signature {
        function: call.app.series.route_function("Session", "change_password"),
        required: &["fields"],
        optional: &[],
        method: true,
    };
    let fields = signature.bind_named(call.params.clone())?.swap_remove(0).unwrap_or_default();
    let field = |name: &str| {
        let found = fields.as_array().into_iter().flatten().find(|field| field["name"] == name);
        found.and_then(|field| field["value"].as_str()).unwrap_or_default().trim()
    };
    let (old, new, confirmed) = (field("old_pwd"), field("new_password"), field("confirm_pwd"));
    let refused = |why: &str| Ok(json!({"error": why, "title": "Change Password"}));
    if [old, new, confirmed].iter().any(|value| value.is_empty()) {
        return refused("You cannot leave any password empty.");
    }
    if new != confirmed {
        return refused("The new password and its confirmation must be identical.");
    }
    match call.app.gate(&call.visit.client().address).interactively(&caller.database, &caller.user.login, old).await {
        Ok(_) => {}
        Err(Error::AccessDenied(_)) => {
            return refused("The old password you provided is incorrect, your password was not changed.");
        }
        Err(error) => return Err(error),
    }
    let hash = call.app.passwords.hash(new).await;
    let changed: Result<()> = caller
        .database
        .write(|tx| {
            let (uid, hash) = (caller.user.id, hash.clone());
            Box::pin(async move { res_users::set_password(tx, uid, hash).await })
        })
        .await;
    changed?;
    // Whoever changes the password stays logged in, all other sessions end.
    call.visit.keep(&caller).await?;
    Ok(json!({"new_password": new}))
}

/// `/web/session/logout`: logs a browser out and sends it home, or to the path `redirect`.
pub async fn logout(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>, uri: Uri) -> Response {
    if let Err(error) = visit.log_out(true).await {
        return rest::failure(&error);
    }
    answered(page::redirect(wanted_path(&uri).as_deref().unwrap_or_else(|| shared.app.series.web_home())))
}

/// Where a browser wants to be sent to, by `redirect` in the query; a path on this server.
pub fn wanted_path(uri: &Uri) -> Option<String> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(key, _)| key == "redirect")
        .map(|(_, path)| path.into_owned())
        .filter(|path| is_local(path))
}

/// Whether a browser stays on this server when it is sent there, so that a link cannot send people elsewhere.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
}
