//! `/__wiredoo/databases`: databases, snapshots, fixtures.

use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Shared, Surface, json_answer, json_with, parse, said};
use crate::double::error::Refusal;
use crate::double::fixtures::{Loaded, Source};

/// The routes.
pub fn routes(surface: Surface) -> Surface {
    surface
        .at("GET", "/databases", &said("The databases.").answers(200, "Databases"), list_databases)
        .at(
            "POST",
            "/databases",
            &said("Makes a database.").body("NewDatabase").answers(201, "Database"),
            create_database,
        )
        .at("DELETE", "/databases/{db}", &said("Removes a database.").nothing(), drop_database)
        .at("POST", "/databases/{db}/reset", &said("Puts it back to what it was when it was made.").nothing(), reset)
        .at("GET", "/databases/{db}/snapshots", &said("Its snapshots.").answers(200, "Names"), snapshots)
        .at(
            "POST",
            "/databases/{db}/snapshots",
            &said("Keeps aside what it is now.").body("NewSnapshot").answers(201, "NewSnapshot"),
            snapshot,
        )
        .at("DELETE", "/databases/{db}/snapshots/{name}", &said("Removes a snapshot.").nothing(), forget_snapshot)
        .at("POST", "/databases/{db}/snapshots/{name}/restore", &said("Puts it back to a snapshot.").nothing(), restore)
        .at(
            "POST",
            "/databases/{db}/fixtures",
            &said("Loads fixtures.").query(&["name"]).body("Fixtures").answers(200, "Loaded"),
            load,
        )
}

async fn list_databases(State(double): Shared) -> Answer {
    Ok(json_answer(&double.shelf.list(&*double.app()?).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewDatabase {
    name: Option<String>,
    prefix: Option<String>,
    from: Option<String>,
    fixtures: Vec<Value>,
}

async fn create_database(State(double): Shared, body: Bytes) -> Answer {
    let NewDatabase { name, prefix, from, fixtures } = parse(&body)?;
    let sources = if fixtures.is_empty() { Vec::new() } else { Source::from_body(&Value::from(fixtures).to_string())? };
    let made = double.make_database(name.as_deref(), prefix.as_deref(), from.as_deref(), &sources).await?;
    let (name, loaded) = made;
    let config = &double.app()?.config;
    Ok(json_with(
        StatusCode::CREATED,
        &json!({
            "name": name,
            "login": config.admin_login,
            "password": config.admin_password,
            "api_key": config.admin_api_key,
            "ids": loaded.ids,
        }),
    ))
}

async fn drop_database(State(double): Shared, Path(db): Path<String>) -> Answer<StatusCode> {
    double.drop_database(&db).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset(State(double): Shared, Path(db): Path<String>) -> Answer<StatusCode> {
    double.reset(&db).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn snapshots(State(double): Shared, Path(db): Path<String>) -> Answer {
    let listed = double.shelf.list(&*double.app()?).await?.into_iter().find(|listed| listed.name == db);
    let listed = listed.ok_or_else(|| Refusal::missing(format!("there is no database '{db}'")))?;
    Ok(json_answer(&listed.snapshots))
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSnapshot {
    name: String,
}

async fn snapshot(State(double): Shared, Path(db): Path<String>, body: Bytes) -> Answer {
    let new: NewSnapshot = parse(&body)?;
    double.snapshot(&db, &new.name).await?;
    Ok(json_with(StatusCode::CREATED, &new))
}

async fn forget_snapshot(State(double): Shared, Path((db, name)): Path<(String, String)>) -> Answer<StatusCode> {
    double.shelf.forget(&*double.app()?, &db, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore(State(double): Shared, Path((db, name)): Path<(String, String)>) -> Answer<StatusCode> {
    double.restore(&db, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
struct FileName {
    name: Option<String>,
}

async fn load(
    State(double): Shared,
    Path(db): Path<String>,
    Parameters(FileName { name }): Parameters<FileName>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = || String::from_utf8_lossy(&body).into_owned();
    let sources = if kind.starts_with("text/csv") {
        let name = name.ok_or_else(|| Refusal::wrong("say the model: ?name=res.partner.csv").at("name"))?;
        vec![Source { name, text: text() }]
    } else if kind.contains("yaml") {
        vec![Source { name: name.unwrap_or_else(|| "fixture.yaml".to_owned()), text: text() }]
    } else {
        Source::from_body(&text())?
    };
    let loaded: Loaded = double.load(&db, &sources).await?;
    Ok(json_answer(&loaded))
}
