//! What there is to call (19.0): `/doc-bearer/index.json` and `/doc-bearer/<model>.json` for machines, with an API key;
//! `/doc` for people.

use std::sync::Arc;

use axum::Extension;
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
pub async fn describe(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(name) = file.strip_suffix(".json") else { return page::not_found() };
    let caller = match bearer::caller(&shared, &visit, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let subject = if name == "index" { Subject::Index } else { Subject::Model(name.to_owned()) };
    match documentation::describe(&caller, &shared.app.tools(), subject).await {
        Ok(described) => cached(&headers, &described),
        Err(error) => json2::failure(&error, shared.app.series),
    }
}

/// The answer, or that the client's copy is still good.
fn cached(headers: &HeaderMap, described: &Value) -> Response {
    let body = described.to_string();
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&body)[..16]));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let fresh = known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response =
        if fresh { StatusCode::NOT_MODIFIED.into_response() } else { rest::json_response(StatusCode::OK, body) };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    // Each user sees something else, and rights change at any time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// `/doc`: the models that the user may read, with their methods. A visitor who is not logged in is sent to the login.
pub async fn page(State(shared): State<Shared>, Extension(visit): Extension<Arc<Visit>>) -> Response {
    let found = async {
        let caller = visit.caller().await?;
        documentation::describe(&caller, &shared.app.tools(), Subject::Index).await
    };
    match found.await {
        Ok(index) => answered(page::page(StatusCode::OK, "Models and methods", &listing(&index))),
        Err(Error::SessionExpired) => answered(page::redirect("/web/login")),
        Err(Error::AccessError(why)) => page::error(StatusCode::FORBIDDEN, &why),
        Err(error) => rest::failure(&error),
    }
}

fn listing(index: &Value) -> String {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let mut body = "<h1>Models and methods</h1>\n\
        <p>Each method is called by <code>POST /json/2/&lt;model&gt;/&lt;method&gt;</code> with an API key as bearer token \
        and the arguments, by name, as JSON. Fields and parameters: \
        <code>GET /doc-bearer/&lt;model&gt;.json</code>.</p>\n"
        .to_owned();
    for model in index["models"].as_array().into_iter().flatten() {
        let methods: Vec<String> = model["methods"].as_array().into_iter().flatten().map(text).collect();
        let fields: Vec<String> =
            model["fields"].as_object().into_iter().flatten().map(|(name, _)| escape(name)).collect();
        let (name, label) = (text(&model["model"]), text(&model["name"]));
        body.push_str(
            &[
                "<details><summary><b>",
                &name,
                "</b> ",
                &label,
                "</summary>\n<p>Fields: ",
                &fields.join(", "),
                "</p>\n<p>Methods: ",
                &methods.join(", "),
                "</p></details>\n",
            ]
            .concat(),
        );
    }
    body
}
