//! `POST /session/auth/login` and `/session/auth/logout`: the session login service.
//!
//! A plain body (JSON, form, multipart, or the query string) gets a plain answer; a JSON-RPC envelope goes through the
//! `RpcModule` like every other, and gets an envelope.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::form::{self, Form};
use super::{Call, Shared, answered, json_rpc, web_session};
use crate::auth::visit::Visit;
use crate::clock;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::wire::envelope::{Envelope, Malformed};
use crate::wire::{page, rest};

pub const LOGIN: &str = "/session/auth/login";
pub const LOGOUT: &str = "/session/auth/logout";

/// Logs in: `login`, `password`, and `db` where it is not unequivocal. Answers with the session info, and last with
/// `"session": {"sid", "expires_at"}`.
pub async fn login(call: Call) -> Result<Value> {
    let login = required_text(&call.params, "login")?;
    let password = match call.params.get("password") {
        // No password is a wrong password.
        Some(Value::Null) => String::new(),
        _ => required_text(&call.params, "password")?,
    };
    let database = database(&call).await?;
    let (mut info, begun) = web_session::log_in(&call, &database, &login, &password).await?;
    info["session"] = json!({"sid": begun.sid.expose(), "expires_at": clock::to_string(begun.session.expires_at)});
    Ok(info)
}

fn required_text(params: &Map<String, Value>, name: &str) -> Result<String> {
    match params.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Error::BadRequest(format!("'{name}' must be a string"))),
        None => Err(Error::BadRequest(format!("'{name}' is missing"))),
    }
}

async fn database(call: &Call) -> Result<Arc<Database>> {
    if let None | Some(Value::Null) = call.params.get("db") {
        let unequivocal = call.visit.database().await.map_err(|error| match error {
            Error::Database(error) => Error::Database(error),
            other => Error::BadRequest(other.to_string()),
        })?;
        return unequivocal
            .ok_or_else(|| Error::BadRequest("there are several databases, choose one with 'db'".to_owned()));
    }
    let name = required_text(&call.params, "db")?;
    let visible = call.app.visible_databases(&call.visit.client().host).await?;
    if !visible.contains(&name) {
        return Err(Error::BadRequest(format!("database '{name}' does not exist")));
    }
    Ok(call.app.databases.open(&name).await?)
}

/// Logs out. Answers with a message; the client gets a new, anonymous session.
pub async fn logout(call: Call) -> Result<Value> {
    call.visit.caller().await?;
    call.visit.log_out(true).await?;
    Ok(json!({"message": "Successful logout"}))
}

/// `POST /session/auth/login`.
pub async fn handle_login(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut params: Map<String, Value> = pairs(uri.query().unwrap_or_default().as_bytes()).collect();
    match fields(&headers, body).await {
        Fields::Plain(fields) => params.extend(fields),
        Fields::Envelope(body) => return enveloped(&shared, visit, LOGIN, &body).await,
        Fields::Malformed => return page::bad_request(&Malformed::NotJson.to_string()),
        Fields::Wrong(why) => return rest::failure(&Error::BadRequest(why)),
    }
    plain(login(Call { app: shared.app, visit, params }).await)
}

/// `POST /session/auth/logout`. Whatever the body is, it does not matter.
pub async fn handle_logout(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match fields(&headers, body).await {
        Fields::Envelope(body) => enveloped(&shared, visit, LOGOUT, &body).await,
        _ => plain(logout(Call { app: shared.app, visit, params: Map::new() }).await),
    }
}

fn plain(answer: Result<Value>) -> Response {
    match answer {
        Ok(body) => answered(rest::success(&body)),
        Err(error) => rest::failure(&error),
    }
}

async fn enveloped(shared: &Shared, visit: Arc<Visit>, name: &'static str, body: &[u8]) -> Response {
    match Envelope::parse(body) {
        Ok(envelope) => json_rpc::call(shared, visit, name, &envelope).await,
        Err(malformed) => page::bad_request(&malformed.to_string()),
    }
}

/// What a body is.
enum Fields {
    Plain(Map<String, Value>),
    /// A JSON-RPC envelope, still to be parsed.
    Envelope(Bytes),
    /// Declared as JSON and none.
    Malformed,
    /// Something else that is no set of fields.
    Wrong(String),
}

async fn fields(headers: &HeaderMap, body: Bytes) -> Fields {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = form::essence(kind);
    // `curl -d '{…}'` declares JSON as a form.
    let looks_like_json = body.trim_ascii_start().starts_with(b"{") && essence != "multipart/form-data";
    if body.is_empty() {
        Fields::Plain(Map::new())
    } else if json_rpc::is_json(headers) || looks_like_json {
        json_fields(body)
    } else if essence == "multipart/form-data" {
        multipart_fields(kind, body).await
    } else if essence == "application/x-www-form-urlencoded" {
        Fields::Plain(pairs(&body).collect())
    } else {
        Fields::Plain(Map::new())
    }
}

fn json_fields(body: Bytes) -> Fields {
    match serde_json::from_slice(&body) {
        Ok(Value::Object(fields))
            if fields.contains_key("jsonrpc") || fields.get("params").is_some_and(Value::is_object) =>
        {
            Fields::Envelope(body)
        }
        Ok(Value::Object(fields)) => Fields::Plain(fields),
        Ok(_) => Fields::Wrong("the body must be a JSON object".to_owned()),
        Err(_) => Fields::Malformed,
    }
}

async fn multipart_fields(kind: &str, body: Bytes) -> Fields {
    match Form::multipart(kind, body).await {
        Ok(form) => Fields::Plain(form.into_fields().into_iter().map(|(name, text)| (name, text.into())).collect()),
        Err(error) => Fields::Wrong(error.to_string()),
    }
}

fn pairs(encoded: &[u8]) -> impl Iterator<Item = (String, Value)> {
    form_urlencoded::parse(encoded).map(|(name, value)| (name.into_owned(), value.into_owned().into()))
}
