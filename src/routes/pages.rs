//! What a browser gets to see: a login form, who is logged in, and errors.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::{Shared, answered, json_rpc, web_session};
use crate::auth::visit::Visit;
use crate::error::Error;
use crate::wire::envelope::{self, Envelope};
use crate::wire::page::{self, escape};
use crate::wire::{fault, rest};

/// `/`.
pub async fn home(State(shared): State<Shared>) -> Response {
    answered(page::redirect(shared.app.series.web_home()))
}

/// `/web` and `/odoo`: who is logged in; a visitor who is not is sent to the login.
pub async fn web(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>) -> Response {
    match visit.caller().await {
        Ok(caller) => {
            let token = match visit.csrf_token().await {
                Ok(token) => token,
                Err(error) => return page::failure(&error, "/web"),
            };
            let (db, login) = (escape(caller.database.name()), escape(&caller.user.login));
            let body = format!(
                "<h1>wiredoo {}</h1>\n<p>You are logged in to the database <b>{db}</b> as <b>{login}</b>.</p>\n\
                 <p><a href=\"/web/session/logout\">Log out</a></p>\n\
                 <script>var odoo = {{csrf_token: \"{token}\"}};</script>",
                shared.app.series
            );
            answered(page::page(StatusCode::OK, "wiredoo", &body))
        }
        Err(Error::SessionExpired) => answered(page::redirect("/web/login")),
        Err(error) => rest::failure(&error),
    }
}

/// `/web/login`: a form that logs in through `/web/session/authenticate`. Who is logged in already is sent on to the path
/// `redirect`, where there is one.
pub async fn login(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>, uri: Uri) -> Response {
    if let Some(path) = web_session::wanted_path(&uri)
        && visit.caller().await.is_ok()
    {
        return answered(page::redirect(&path));
    }
    let databases = if shared.app.config.list_db {
        shared.app.visible_databases(&visit.client().host).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    let options: Vec<_> = databases.iter().map(|name| format!("<option>{}</option>", escape(name))).collect();
    let body = LOGIN_FORM.replace("{series}", shared.app.series.name()).replace("{databases}", &options.concat());
    answered(page::page(StatusCode::OK, "Log in", &body))
}

const LOGIN_FORM: &str = include_str!("login.html");

/// A path at which there is nothing.
pub async fn unknown(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let series = shared.app.series;
    // In 15.0 the REST service below /session has its own dispatcher, which answers with a page.
    let in_json =
        series.answers_unknown_path_with_json() && json_rpc::is_json(&headers) && !uri.path().starts_with("/session/");
    match Envelope::parse(&body) {
        Ok(envelope) if in_json => {
            let error = fault::object(&Error::NotFound(page::NOT_FOUND.to_owned()), series);
            let mut error = serde_json::to_value(error).unwrap_or_default();
            error["http_status"] = 404.into();
            let body = envelope::failure(envelope.id(), &error.to_string());
            answered(rest::json_response(StatusCode::NOT_FOUND, body))
        }
        _ => page::not_found(),
    }
}

/// A method that a path does not have; `Allow` tells those that it has.
pub async fn method_not_allowed() -> Response {
    page::error(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed for the requested URL.")
}
