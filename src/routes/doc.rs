//! What there is to call (19.0), for machines: `/doc-bearer/index.json` and `/doc-bearer/<model>.json` with an API key, the
//! same files below `/doc` for a browser with a session; and for people, a page at `/doc` and `/doc/<model>`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Shared, answered, bearer};
use crate::auth::visit::Visit;
use crate::error::Error;
use crate::orm::documentation::{self, Subject};
use crate::wire::page::{self, escape};
use crate::wire::{json2, rest};

/// `/doc-bearer/index.json` and `/doc-bearer/<model>.json`.
pub async fn by_key(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    file: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Some(subject) = file.ok().and_then(|Path(file)| subject(&file)) else { return page::not_found() };
    let caller = match bearer::caller(&shared, &visit, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    match documentation::describe(&caller, &shared.app.tools(), subject).await {
        Ok(described) => cached(&headers, &described),
        Err(error) => json2::failure(&error, shared.app.series),
    }
}

/// `/doc`.
pub async fn page(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>) -> Response {
    match by_session(&shared, &visit, Subject::Index).await {
        Ok(index) => listing(&index, ""),
        Err(error) => refusal(&error),
    }
}

/// `/doc/index.json` and `/doc/<model>.json`; `/doc/index.html` and `/doc/<model>`, the page with the model opened.
pub async fn below(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    file: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(file)) = file else { return page::not_found() };
    let Some(wanted) = subject(&file) else {
        return match by_session(&shared, &visit, Subject::Index).await {
            Ok(index) => listing(&index, &file),
            Err(error) => refusal(&error),
        };
    };
    answered(match by_session(&shared, &visit, wanted).await {
        Ok(described) => cached(&headers, &described),
        Err(error) => json2::failure(&error, shared.app.series),
    })
}

/// What a file of that name describes.
fn subject(file: &str) -> Option<Subject> {
    let name = file.strip_suffix(".json")?;
    Some(if name == "index" { Subject::Index } else { Subject::Model(name.to_owned()) })
}

/// A description for whoever is logged in.
async fn by_session(shared: &Shared, visit: &Visit, subject: Subject) -> crate::error::Result<Value> {
    let caller = visit.caller().await?;
    documentation::describe(&caller, &shared.app.tools(), subject).await
}

/// The answer to a visitor who gets no page: who is not logged in is sent to the login.
fn refusal(error: &Error) -> Response {
    match error {
        Error::SessionExpired => answered(page::redirect("/web/login")),
        Error::AccessError(why) => answered(page::error(StatusCode::FORBIDDEN, why)),
        error => rest::failure(error),
    }
}

/// The answer, or that the client's copy is still good; a client that says `no-cache` gets it anew, not to be kept.
fn cached(headers: &HeaderMap, described: &Value) -> Response {
    let texts = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let body = described.to_string();
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&body)[..16]));
    if texts(header::CACHE_CONTROL).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache")) {
        let mut response = rest::json_response(StatusCode::OK, body);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return response;
    }
    let known = texts(header::IF_NONE_MATCH).any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { rest::json_response(StatusCode::OK, body) };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    // Each user sees something else, and rights change at any time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// The page of all models, one of them opened.
fn listing(index: &Value, opened: &str) -> Response {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let about = |model: &Value| {
        let open = if model["model"] == opened { " open" } else { "" };
        let fields: Vec<String> =
            model["fields"].as_object().into_iter().flatten().map(|(name, _)| escape(name)).collect();
        let methods: Vec<String> = model["methods"].as_array().into_iter().flatten().map(text).collect();
        format!(
            "<details{open}><summary><b>{}</b> {}</summary>\n<p>Fields: {}</p>\n<p>Methods: {}</p></details>\n",
            text(&model["model"]),
            text(&model["name"]),
            fields.join(", "),
            methods.join(", ")
        )
    };
    let models: Vec<String> = index["models"].as_array().into_iter().flatten().map(about).collect();
    let mut response = page::page(StatusCode::OK, "Models and methods", &[INTRODUCTION, &models.concat()].concat());
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("deny"));
    answered(response)
}

const INTRODUCTION: &str = "<h1>Models and methods</h1>\n\
    <p>Each method is called by <code>POST /json/2/&lt;model&gt;/&lt;method&gt;</code> with an API key as bearer token and \
    the arguments, by name, as JSON. Fields and parameters: <code>GET /doc-bearer/&lt;model&gt;.json</code>.</p>\n";
