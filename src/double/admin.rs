//! The double's HTTP surface, `/__wiredoo/…`, and its description as `OpenAPI`, which is made of the same list.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query as Parameters, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, any, on};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;

use super::Double;
use super::error::Refusal;
use super::fixtures::{Loaded, Source};
use super::journal::{Entry, Expectation, Outcome, Query};
use super::rules::{Does, Rule, Rules, read};
use super::selection::Match;
use super::time::Setting;
use crate::routes::Peer;
use crate::wire::rest;

/// Where all of it is.
const ROOT: &str = "/__wiredoo";
/// The longest that a client can wait for a call.
const MAX_PATIENCE: Duration = Duration::from_mins(10);

type Shared = State<Arc<Double>>;
type Answer<T = Response> = Result<T, Refusal>;

/// The routes, and what is said of them.
struct Surface {
    router: Router<Arc<Double>>,
    paths: Map<String, Value>,
}

/// What is said of a route: what it does, its parameters in the query, the schema of its body, and its good answer.
struct Said {
    does: &'static str,
    query: &'static [&'static str],
    body: Option<&'static str>,
    status: u16,
    answer: Option<&'static str>,
}

impl Surface {
    fn at<H, T>(mut self, method: &str, path: &'static str, said: &Said, handler: H) -> Self
    where
        H: Handler<T, Arc<Double>>,
        T: 'static,
    {
        let full = format!("{ROOT}{path}");
        let known = Method::from_str(method).ok().and_then(|method| MethodFilter::try_from(method).ok());
        let filter = known.expect("the methods of the list are known");
        self.router = self.router.route(&full, on(filter, handler));
        let schema =
            |name: &str| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        let segments = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path =
            segments.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
        let in_query = said.query.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}));
        let mut operation = json!({"summary": said.does, "parameters": in_path.chain(in_query).collect::<Vec<_>>()});
        if let Some(body) = said.body {
            operation["requestBody"] = json!({"required": true, "content": schema(body)});
        }
        let mut good = json!({"description": said.answer.map_or("Done.", |_| "The answer.")});
        if let Some(answer) = said.answer {
            good["content"] = schema(answer);
        }
        let refused = json!({"description": "What is wrong, and what to write instead.", "content": schema("Refusal")});
        operation["responses"] = json!({said.status.to_string(): good, "4XX": refused});
        let operations = self.paths.entry(full).or_insert_with(|| json!({}));
        operations[method.to_ascii_lowercase()] = operation;
        self
    }
}

const fn said(does: &'static str) -> Said {
    Said { does, query: &[], body: None, status: 200, answer: None }
}

impl Said {
    const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    const fn body(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }

    const fn answers(self, status: u16, answer: &'static str) -> Self {
        Self { status, answer: Some(answer), ..self }
    }

    const fn nothing(self) -> Self {
        Self { status: 204, answer: None, ..self }
    }
}

const DB: &[&str] = &["db"];
const ENTRIES: &[&str] = &["db", "dialect", "user", "service", "model", "method", "path", "outcome", "since", "limit"];

fn surface() -> Surface {
    let surface = Surface { router: Router::new(), paths: Map::new() };
    let surface = of_rules(of_databases(surface));
    surface
        .at("GET", "/", &said("What is served here.").answers(200, "Server"), server)
        .at("GET", "/openapi.json", &said("This description.").answers(200, "Any"), openapi)
        .at("GET", "/journal", &said("Calls, oldest first.").query(ENTRIES).answers(200, "Entries"), journal)
        .at("DELETE", "/journal", &said("Forgets the calls in a database, or all.").query(DB).nothing(), clear_journal)
        .at("POST", "/journal/search", &said("Calls, by conditions.").body("Query").answers(200, "Entries"), search)
        .at(
            "POST",
            "/journal/verify",
            &said("Whether the calls are as expected.").body("Expectation").answers(200, "Verdict"),
            verify,
        )
        .at(
            "POST",
            "/journal/wait",
            &said("Waits for calls, up to timeout_ms.").body("Wait").answers(200, "Verdict"),
            wait,
        )
        .at(
            "PUT",
            "/journal/settings",
            &said("Whether bodies are kept, and how many calls.").body("JournalSettings").nothing(),
            set_journal,
        )
        .at("GET", "/journal.jsonl", &said("Calls as lines of JSON.").query(ENTRIES).answers(200, "Any"), lines)
        .at("GET", "/journal.har", &said("Calls as an HTTP archive.").query(ENTRIES).answers(200, "Any"), har)
        .at("GET", "/clock", &said("What a clock shows.").query(DB).answers(200, "Clock"), clock)
        .at("PUT", "/clock", &said("Sets a clock.").query(DB).body("ClockSetting").answers(200, "Clock"), set_clock)
        .at(
            "POST",
            "/clock/advance",
            &said("Puts a clock forward.").query(DB).body("Advance").answers(200, "Clock"),
            advance,
        )
}

fn of_databases(surface: Surface) -> Surface {
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

fn of_rules(surface: Surface) -> Surface {
    surface
        .at(
            "GET",
            "/faults",
            &said("The faults in force.").query(DB).answers(200, "Rules"),
            async |State(double): Shared, db| json_answer(&double.faults.list(of(&db))),
        )
        .at(
            "POST",
            "/faults",
            &said("Puts a fault in force.").body("Fault").answers(201, "Rule"),
            async |State(double): Shared, body: Bytes| add(&double, &double.faults, &body),
        )
        .at(
            "DELETE",
            "/faults",
            &said("Removes the faults of a database, or all.").query(DB).nothing(),
            async |State(double): Shared, db| {
                double.faults.clear(of(&db));
                StatusCode::NO_CONTENT
            },
        )
        .at(
            "GET",
            "/faults/{id}",
            &said("A fault.").answers(200, "Rule"),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.faults.get(id).map(|rule| json_answer(&rule)).ok_or_else(|| no_rule(id))
            },
        )
        .at(
            "DELETE",
            "/faults/{id}",
            &said("Removes a fault.").nothing(),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.faults.remove(id).then_some(StatusCode::NO_CONTENT).ok_or_else(|| no_rule(id))
            },
        )
        .at(
            "GET",
            "/stubs",
            &said("The stubs in force.").query(DB).answers(200, "Rules"),
            async |State(double): Shared, db| json_answer(&double.stubs.list(of(&db))),
        )
        .at(
            "GET",
            "/stubs/unused",
            &said("The stubs that no call has used.").query(DB).answers(200, "Rules"),
            async |State(double): Shared, db| json_answer(&double.unused_stubs(of(&db))),
        )
        .at(
            "POST",
            "/stubs",
            &said("Puts a stub in force.").body("Stub").answers(201, "Rule"),
            async |State(double): Shared, body: Bytes| add(&double, &double.stubs, &body),
        )
        .at(
            "DELETE",
            "/stubs",
            &said("Removes the stubs of a database, or all.").query(DB).nothing(),
            async |State(double): Shared, db| {
                double.stubs.clear(of(&db));
                StatusCode::NO_CONTENT
            },
        )
        .at(
            "GET",
            "/stubs/{id}",
            &said("A stub.").answers(200, "Rule"),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.stubs.get(id).map(|rule| json_answer(&rule)).ok_or_else(|| no_rule(id))
            },
        )
        .at(
            "DELETE",
            "/stubs/{id}",
            &said("Removes a stub.").nothing(),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.stubs.remove(id).then_some(StatusCode::NO_CONTENT).ok_or_else(|| no_rule(id))
            },
        )
}

/// The routes of a double, guarded.
pub fn routes(double: &Arc<Double>) -> Router {
    surface()
        .router
        .route(&format!("{ROOT}/{{*path}}"), any(unknown))
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(double), guard))
        .with_state(Arc::clone(double))
}

async fn unknown(uri: Uri) -> Refusal {
    Refusal::missing(format!("there is nothing at {}; {ROOT}/openapi.json tells what there is", uri.path()))
}

async fn not_so(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} takes no {method}; {ROOT}/openapi.json tells what it takes", uri.path());
    Refusal { status: StatusCode::METHOD_NOT_ALLOWED, message, at: None }
}

/// Lets in who has the token, or where there is none who is on this machine.
async fn guard(State(double): Shared, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let local = request.extensions().get::<Peer>().is_none_or(|peer| peer.0.is_loopback());
    let refusal = match &double.token {
        Some(token) if !bool::from(token.as_bytes().ct_eq(given.as_bytes())) => {
            "send the token of --double-token as Authorization: Bearer …"
        }
        None if !local => "start with --double-token to use this from another machine",
        _ => return next.run(request).await,
    };
    Refusal { status: StatusCode::UNAUTHORIZED, message: refusal.to_owned(), at: None }.into_response()
}

fn json_answer(value: &impl Serialize) -> Response {
    json_with(StatusCode::OK, value)
}

fn json_with(status: StatusCode, value: &impl Serialize) -> Response {
    rest::json_response(status, serde_json::to_string(value).expect("answers have text keys"))
}

/// Reads a body, which is empty where nothing is to be said.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    read(parse_json(body)?, "")
}

fn parse_json(body: &[u8]) -> Answer<Value> {
    if body.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| Refusal {
        status: StatusCode::BAD_REQUEST,
        message: format!("the body is no JSON: {error}"),
        at: None,
    })
}

/// Of which database, where one is said.
#[derive(Debug, Deserialize)]
struct OfDatabase {
    db: Option<String>,
}

fn of(Parameters(query): &Parameters<OfDatabase>) -> Option<&str> {
    query.db.as_deref().filter(|db| !db.is_empty())
}

fn no_rule(id: u64) -> Refusal {
    Refusal::missing(format!("there is no rule {id}"))
}

fn add<T: Does + DeserializeOwned + Serialize>(double: &Double, rules: &Rules<T>, body: &[u8]) -> Answer {
    let rule = rules.add(double.next_rule(), Rule::parse(parse_json(body)?)?)?;
    Ok(json_with(StatusCode::CREATED, &rule))
}

async fn server(State(double): Shared) -> Answer {
    let app = double.app()?;
    Ok(json_answer(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "series": app.series.to_string(),
        "default_db": app.config.databases.first(),
        "databases": app.databases.list().await?,
        "login": app.config.admin_login,
    })))
}

async fn openapi() -> Response {
    json_answer(&description())
}

/// The description of all routes.
fn description() -> Value {
    let schemas: Value = serde_json::from_str(include_str!("schemas.json")).expect("the file is JSON");
    json!({
        "openapi": "3.1.0",
        "info": {"title": "wiredoo's test double", "version": env!("CARGO_PKG_VERSION")},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
        "paths": surface().paths,
    })
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

/// What of the journal is asked for in a query: all texts.
fn journal_query(parameters: &Map<String, Value>) -> Answer<Query> {
    let mut query = Query::default();
    let mut matching = Map::new();
    for (name, value) in parameters {
        let text = value.as_str().unwrap_or_default();
        let number = || text.parse().map_err(|_| Refusal::wrong(format!("'{text}' is no number")).at(name.as_str()));
        match name.as_str() {
            "db" => query.db = Some(text.to_owned()),
            "outcome" => query.outcome = Some(read::<Outcome>(value.clone(), "outcome")?),
            "since" => query.since = Some(number()?),
            "limit" => query.limit = Some(usize::try_from(number()?).unwrap_or(usize::MAX)),
            "user" => {
                let user = text.parse::<i32>().map_or_else(|_| value.clone(), Value::from);
                matching.insert(name.clone(), user);
            }
            _ => {
                matching.insert(name.clone(), value.clone());
            }
        }
    }
    query.matching = read::<Match>(Value::Object(matching), "")?;
    Ok(query)
}

type Texts = Parameters<Map<String, Value>>;

async fn journal(State(double): Shared, Parameters(parameters): Texts) -> Answer {
    Ok(json_answer(&double.calls(&journal_query(&parameters)?)))
}

async fn search(State(double): Shared, body: Bytes) -> Answer {
    Ok(json_answer(&double.calls(&parse(&body)?)))
}

async fn clear_journal(State(double): Shared, db: Parameters<OfDatabase>) -> StatusCode {
    double.journal.clear(of(&db));
    StatusCode::NO_CONTENT
}

async fn verify(State(double): Shared, body: Bytes) -> Answer {
    let expected: Expectation = parse(&body)?;
    Ok(json_answer(&double.verify(&expected)?))
}

async fn wait(State(double): Shared, body: Bytes) -> Answer {
    let Value::Object(mut body) = parse_json(&body)? else {
        return Err(Refusal::wrong("write {\"match\": {…}, \"timeout_ms\": 1000}"));
    };
    let patience = body.shift_remove("timeout_ms").map(|time| read::<u64>(time, "timeout_ms")).transpose()?;
    let count = body.shift_remove("count").map(|count| read::<usize>(count, "count")).transpose()?;
    let mut expected: Expectation = read(Value::Object(body), "")?;
    expected.at_least = expected.at_least.or(count);
    let patience = Duration::from_millis(patience.unwrap_or(1000)).min(MAX_PATIENCE);
    Ok(json_answer(&double.journal.wait_for(&expected, patience).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct JournalSettings {
    bodies: Option<bool>,
    size: Option<usize>,
}

async fn set_journal(State(double): Shared, body: Bytes) -> Answer<StatusCode> {
    let JournalSettings { bodies, size } = parse(&body)?;
    double.journal.set(bodies, size);
    Ok(StatusCode::NO_CONTENT)
}

async fn lines(State(double): Shared, Parameters(parameters): Texts) -> Answer {
    let mut text = String::new();
    for entry in double.calls(&journal_query(&parameters)?) {
        text.push_str(&serde_json::to_string(&entry).expect("entries have text keys"));
        text.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

async fn har(State(double): Shared, Parameters(parameters): Texts) -> Answer {
    let entries = double.calls(&journal_query(&parameters)?);
    let entries: Vec<Value> = entries.iter().map(archived).collect();
    let creator = json!({"name": "wiredoo", "version": env!("CARGO_PKG_VERSION")});
    Ok(json_answer(&json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})))
}

/// An entry as HTTP archives have them; what was not kept is made of what was.
fn archived(entry: &Entry) -> Value {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let sent = entry.request.clone().unwrap_or_else(|| {
        json!({"model": entry.seen.model, "method": entry.seen.method, "ids": entry.seen.ids, "args": entry.seen.args,
            "context": entry.seen.context})
    });
    let received = entry.response.as_ref().map(text).unwrap_or_default();
    let version = "HTTP/1.1";
    json!({
        "startedDateTime": entry.time,
        "time": entry.duration_ms,
        "request": {
            "method": "POST", "url": format!("http://localhost{}", entry.seen.path), "httpVersion": version,
            "cookies": [], "headers": [], "queryString": [], "headersSize": -1, "bodySize": -1,
            "postData": {"mimeType": "application/json", "text": text(&sent)},
        },
        "response": {
            "status": entry.status.unwrap_or_default(), "statusText": "", "httpVersion": version, "cookies": [],
            "headers": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "content": {"size": received.len(), "mimeType": "application/json", "text": received},
        },
        "cache": {},
        "timings": {"send": 0, "wait": entry.duration_ms, "receive": 0},
        "comment": entry.headline(),
    })
}

async fn clock(State(double): Shared, db: Parameters<OfDatabase>) -> Answer {
    Ok(json_answer(&double.ticks.show(&*double.app()?, of(&db))))
}

async fn set_clock(State(double): Shared, db: Parameters<OfDatabase>, body: Bytes) -> Answer {
    let (app, setting) = (double.app()?, parse::<Setting>(&body)?);
    double.ticks.set(&app, of(&db), &setting)?;
    Ok(json_answer(&double.ticks.show(&app, of(&db))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

async fn advance(State(double): Shared, db: Parameters<OfDatabase>, body: Bytes) -> Answer {
    let Advance { seconds } = parse(&body)?;
    let time = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Refusal::wrong("a clock goes forward only; to set it back, PUT /__wiredoo/clock").at("seconds"))?;
    let app = double.app()?;
    double.ticks.advance(&app, of(&db), time);
    Ok(json_answer(&double.ticks.show(&app, of(&db))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_that_is_named_is_there() {
        let description = description();
        let schemas = description["components"]["schemas"].as_object().unwrap();
        let mut todo = vec![&description];
        while let Some(value) = todo.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(name)) = object.get("$ref") {
                        let name = name.strip_prefix("#/components/schemas/").unwrap();
                        assert!(schemas.contains_key(name), "{name}");
                    }
                    todo.extend(object.values());
                }
                Value::Array(items) => todo.extend(items),
                _ => {}
            }
        }
    }
}
