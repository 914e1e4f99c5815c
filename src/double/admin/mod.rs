//! The double's HTTP surface, `/__wiredoo/…`, and its description as `OpenAPI`, which is made of the same list.

mod clock;
mod databases;
mod journal;
mod rules;

use std::str::FromStr as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query as Parameters, Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, any, on};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;

use super::Double;
use super::error::Refusal;
use super::rules::read;
use crate::routes::Peer;
use crate::wire::rest;

/// Where all of it is.
const ROOT: &str = "/__wiredoo";

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

fn surface() -> Surface {
    let surface = Surface { router: Router::new(), paths: Map::new() };
    let surface = surface.at("GET", "/", &said("What is served here.").answers(200, "Server"), server).at(
        "GET",
        "/openapi.json",
        &said("This description.").answers(200, "Any"),
        openapi,
    );
    clock::routes(journal::routes(rules::routes(databases::routes(surface))))
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
