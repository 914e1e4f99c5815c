//! `/web/database/…`: the list of databases, and the forms by which people and scripts manage them.

use std::future::Future;
use std::io::Cursor;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Extension, Router};
use serde_json::{Map, Value, json};

use super::form::{Form, Posted};
use super::{Call, Shared, answered, service_client, stream, web_session};
use crate::auth::visit::Visit;
use crate::clock;
use crate::error::{Error, Result};
use crate::services::{self, Client, management};
use crate::wire::{file, page};

const MANAGER: &str = "/web/database/manager";
/// The forms of the manager. Where they are sent is in them.
const FORMS: &str = include_str!("database.html");

/// `/web/database/list`: the databases that the host sees.
pub async fn list(call: Call) -> Result<Vec<String>> {
    if !call.app.config.list_db {
        return Err(Error::access_denied());
    }
    call.app.visible_databases(&call.visit.client().host).await
}

/// Pages and forms below `/web/database`.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/web/database/selector", any(selector))
        .route(MANAGER, any(manager))
        .route("/web/database/create", post(create))
        .route("/web/database/duplicate", post(duplicate))
        .route("/web/database/drop", post(drop_database))
        .route("/web/database/backup", post(backup))
        .route("/web/database/restore", post(restore))
        .route("/web/database/change_password", post(change_password))
}

/// What a form of the manager brings, and who sends it.
struct Sent {
    form: Form,
    client: Client,
    visit: Arc<Visit>,
}

impl Sent {
    fn text(&self, name: &str) -> Result<String> {
        self.form.required(name).map(str::to_owned)
    }

    fn flag(&self, name: &str) -> bool {
        self.form.optional(name).is_some_and(super::is_true)
    }

    /// Calls a function of the service `db`.
    async fn call(&self, function: &str, args: Vec<Value>) -> Result<Value> {
        services::dispatch(&self.client, "db", function, args).await?.into_value()
    }

    /// Refuses names that the manager does not make, though the service would.
    fn check_name(&self, name: &str) -> Result<()> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if name.len() > 1 && name.as_bytes()[0].is_ascii_alphanumeric() && name.bytes().all(allowed) {
            return Ok(());
        }
        Err(Error::UserError(self.client.app.series.invalid_database_name().to_owned()))
    }
}

/// The databases to choose from.
async fn selector(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>) -> Response {
    answered(shown(&shared, &visit, false, None).await)
}

/// The databases, and the forms that manage them.
async fn manager(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>) -> Response {
    answered(shown(&shared, &visit, true, None).await)
}

async fn shown(shared: &Shared, visit: &Visit, manages: bool, error: Option<&str>) -> Response {
    let is_listed = shared.app.config.list_db;
    let databases = match shared.app.visible_databases(&visit.client().host).await {
        Ok(databases) if is_listed => databases,
        Ok(_) => Vec::new(),
        Err(error) => return page::failure(&error, MANAGER),
    };
    let home = shared.app.series.web_home();
    let name = |name: &String| format!("<li><a href=\"{home}?db={0}\">{0}</a></li>\n", page::escape(name));
    let told = error.map(|error| format!("<p class=\"alert alert-danger\">{}</p>\n", page::escape(error)));
    let rest = match (is_listed, manages) {
        (false, _) => "<p class=\"alert alert-danger\">The database manager has been disabled.</p>",
        (true, true) => FORMS,
        (true, false) => "<p><a href=\"/web/database/manager\">Manage databases</a></p>",
    };
    let listed: String = databases.iter().map(name).collect();
    let body = format!("<h1>Databases</h1>\n{}<ul>\n{listed}</ul>\n{rest}", told.unwrap_or_default());
    page::page(StatusCode::OK, "Databases", &body)
}

/// Reads a form and does what it asks for. What goes wrong is told on the page of the manager, with status 200; a form that
/// lacks one of the fields `required` is refused.
async fn handle<F>(posted: Posted, required: &[&str], what: &str, act: impl FnOnce(Sent) -> F) -> Response
where
    F: Future<Output = Result<Response>>,
{
    let read = posted.form().await;
    let Posted { shared, visit, uri, .. } = posted;
    let form = match read {
        Ok(form) => form,
        Err(error) => return page::failure(&error, uri.path()),
    };
    if let Some(error) = required.iter().find_map(|name| form.required(name).err()) {
        return page::failure(&error, uri.path());
    }
    let client = service_client(&shared.app, &visit);
    match act(Sent { form, client, visit: Arc::clone(&visit) }).await {
        Ok(response) => answered(response),
        Err(error) => {
            error.log();
            let error = format!("{what} error: {error}");
            answered(shown(&shared, &visit, true, Some(&error)).await)
        }
    }
}

/// Makes a database, and logs its administrator in.
async fn create(posted: Posted) -> Response {
    let required = ["master_pwd", "name", "lang", "password"];
    handle(posted, &required, "Database creation", async |sent: Sent| {
        let (name, login, password) = (sent.text("name")?, sent.text("login")?, sent.text("password")?);
        sent.check_name(&name)?;
        let optional = |name: &str| sent.form.optional(name).filter(|value| !value.is_empty());
        let args = json!([
            sent.text("master_pwd")?,
            name,
            optional("demo").is_some(),
            sent.text("lang")?,
            password,
            login,
            optional("country_code"),
            optional("phone")
        ]);
        sent.call("create_database", args.as_array().cloned().unwrap_or_default()).await?;
        let app = Arc::clone(&sent.client.app);
        let database = app.databases.open(&name).await?;
        let home = app.series.web_home();
        let call = Call { app, visit: Arc::clone(&sent.visit), params: Map::new() };
        web_session::log_in(&call, &database, &login, &password).await?;
        Ok(page::redirect(home))
    })
    .await
}

/// Copies a database.
async fn duplicate(posted: Posted) -> Response {
    let required = ["master_pwd", "name", "new_name"];
    handle(posted, &required, "Database duplication", async |sent: Sent| {
        let new_name = sent.text("new_name")?;
        sent.check_name(&new_name)?;
        let args = vec![sent.text("master_pwd")?.into(), sent.text("name")?.into(), new_name.into()];
        sent.call("duplicate_database", args).await?;
        Ok(page::redirect(MANAGER))
    })
    .await
}

/// Removes a database.
async fn drop_database(posted: Posted) -> Response {
    handle(posted, &["master_pwd", "name"], "Database deletion", async |sent: Sent| {
        sent.call("drop", vec![sent.text("master_pwd")?.into(), sent.text("name")?.into()]).await?;
        Ok(page::redirect(MANAGER))
    })
    .await
}

/// Sends a dump of a database.
async fn backup(posted: Posted) -> Response {
    handle(posted, &["master_pwd", "name"], "Database backup", async |sent: Sent| {
        let (master, name) = (sent.text("master_pwd")?, sent.text("name")?);
        let format = sent.form.optional("backup_format").unwrap_or("zip");
        management::authorize(&sent.client.app, &master).await?;
        if format != "zip" {
            return Err(Error::UserError("Backups are made in the format 'zip' only.".to_owned()));
        }
        let failed = |error: std::io::Error| Error::UserError(format!("The backup cannot be written: {error}"));
        let dump = management::dump(&sent.client.app, &name, tempfile::tempfile().map_err(failed)?).await?;
        let time = clock::to_string(sent.client.app.clock.now()).replace(' ', "_").replace(':', "-");
        let mut response = stream::body(dump).map_err(failed)?.into_response();
        let kind = HeaderValue::from_static("application/octet-stream; charset=binary");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Ok(named) = HeaderValue::from_str(&file::attachment(&format!("{name}_{time}.{format}"))) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
        }
        Ok(response)
    })
    .await
}

/// Makes a database of a dump.
async fn restore(posted: Posted) -> Response {
    handle(posted, &["master_pwd", "name"], "Database restore", async |sent: Sent| {
        let (master, name) = (sent.text("master_pwd")?, sent.text("name")?);
        management::authorize(&sent.client.app, &master).await?;
        let dump = Cursor::new(sent.form.file("backup_file")?.content.clone());
        management::restore(&sent.client.app, &name, dump, sent.flag("copy")).await?;
        Ok(page::redirect(MANAGER))
    })
    .await
}

/// Changes the master password.
async fn change_password(posted: Posted) -> Response {
    let required = ["master_pwd", "master_pwd_new"];
    handle(posted, &required, "Master password update", async |sent: Sent| {
        let args = vec![sent.text("master_pwd")?.into(), sent.text("master_pwd_new")?.into()];
        sent.call("change_admin_password", args).await?;
        Ok(page::redirect(MANAGER))
    })
    .await
}
