//! `/__wiredoo/journal`: which calls there were.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, DB, OfDatabase, Shared, Surface, json_answer, of, parse, parse_json, read, said};
use crate::double::error::Refusal;
use crate::double::journal::{Entry, Expectation, Outcome, Query};
use crate::double::selection::Match;

/// The longest that a client can wait for a call.
const MAX_PATIENCE: Duration = Duration::from_mins(10);
const ENTRIES: &[&str] = &["db", "dialect", "user", "service", "model", "method", "path", "outcome", "since", "limit"];

/// The routes.
pub fn routes(surface: Surface) -> Surface {
    surface
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
