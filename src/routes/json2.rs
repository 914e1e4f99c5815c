//! `/json/2/<model>/<method>` (19.0): calls of models with arguments by name, an API key, and bare JSON as the answer.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value};

use super::{Shared, bearer};
use crate::auth::Caller;
use crate::auth::visit::Visit;
use crate::error::{Error, Result};
use crate::interception;
use crate::orm::env::Tools;
use crate::orm::{self, Asked, MethodCall};
use crate::python;
use crate::reply::Reply;
use crate::wire::{json_text, json2, page};

const WRONG_PATH: &str = "Did you mean POST /json/2/<model>/<method>?";
const JSON: &str = "application/json";

/// `/json/2/<call>`, where `<model>/<method>` are a call and anything else is nothing.
pub async fn call(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    method: Method,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // OPTIONS is a call as well, since there is no CORS here that would answer it.
    let calls = method == Method::POST || method == Method::OPTIONS;
    // A path that is no text leads nowhere.
    let path = path.map_or_else(|_| String::new(), |Path(path)| path);
    let named = path.split_once('/').filter(|(model, name)| !model.is_empty() && !name.is_empty());
    let Some((model, name)) = named.filter(|(_, name)| calls && !name.contains('/')) else {
        return unknown(State(shared), headers, body).await;
    };
    if let Some(refusal) = wrong_content_type(&headers, &body) {
        return refusal;
    }
    let tools = shared.app.tools();
    let mut read = None;
    if let Some(caller) = bearer::supposed_caller(&shared, &visit, &headers) {
        let asked = asked(model, name, &body);
        if let Ok((_, Ok(named))) = &asked
            && let Some(answer) = orm::call_supposed(&caller, &tools, named).await
        {
            caller.record();
            return respond(&shared, answer);
        }
        read = Some(asked);
    }
    let caller = match bearer::caller(&shared, &visit, &headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    // What nobody may ask for is not read.
    let asked = read.unwrap_or_else(|| asked(model, name, &body));
    respond(&shared, run(&caller, &tools, asked).await)
}

fn respond(shared: &Shared, answer: Result<Reply>) -> Response {
    match answer {
        Ok(result) => json2::success(result),
        Err(error) => {
            interception::note_failure(&error);
            json2::failure(&error, shared.app.series)
        }
    }
}

/// Whatever else is below `/json/2`.
pub async fn unknown(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    wrong_content_type(&headers, &body)
        .unwrap_or_else(|| json2::failure(&Error::NotFound(WRONG_PATH.to_owned()), shared.app.series))
}

/// The answer to a body that is not declared as JSON. Of no body nothing has to be declared.
fn wrong_content_type(headers: &HeaderMap, body: &Bytes) -> Option<Response> {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if body.is_empty() || essence.eq_ignore_ascii_case(JSON) {
        return None;
    }
    let mut refusal = page::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be declared as application/json.");
    refusal.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(JSON));
    Some(refusal)
}

/// What a path and a body ask for.
fn asked(model: &str, method: &str, body: &[u8]) -> Asked {
    let mut kwargs = arguments(body)?;
    // The path has these two, whatever the body says.
    kwargs.retain(|name, _| name != "__model__" && name != "__method__");
    let ids = Some(kwargs.shift_remove("ids").unwrap_or_default());
    if let Some(context) = kwargs.get_mut("context") {
        match python::dict(context.take()) {
            Ok(given) => *context = given.into(),
            Err(error) => return Ok((model.to_owned(), Err(error))),
        }
    }
    let call = MethodCall { model: model.to_owned(), method: method.to_owned(), args: Vec::new(), kwargs, ids };
    Ok((model.to_owned(), Ok(Arc::new(call))))
}

async fn run(caller: &Caller, tools: &Tools, asked: Asked) -> Result<Reply> {
    let (model, named) = asked?;
    if !orm::has_model(caller, &model, tools).await? {
        let model = python::repr(&model.into());
        return Err(Error::NotFound(format!("the model {model} does not exist")));
    }
    orm::call(caller, tools, named?).await
}

/// The members of a body; none where it is JSON but no object, or where there is no body.
fn arguments(body: &[u8]) -> Result<Map<String, Value>> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(match json_text::fault(&text) {
            Some(fault) => Error::BadRequest(format!("could not parse the body as json: {fault}")),
            // Python takes it, up to a depth; here it is too deep, or a number or a text that there cannot be.
            None if error.to_string().starts_with("recursion limit") => Error::recursion(),
            None => Error::BadRequest(format!("could not parse the body as json: {error}")),
        }),
    }
}
