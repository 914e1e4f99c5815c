//! `/web/dataset/…`: calls of models by browsers.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Call;
use crate::error::{Error, Result};
use crate::orm::env::Tools;
use crate::orm::{self, Asked, MethodCall};
use crate::python::{self, Signature};
use crate::reply::Reply;
use crate::series::Series;
use crate::wire::page;

/// `/web/dataset/call_kw[/<model>/<method>]`.
pub async fn call_kw(call: Call) -> Result<Reply> {
    call_method(call, "call_kw").await
}

/// `/web/dataset/call_button[/<path>]`: an action, or false where the method answers with something else.
pub async fn call_button(call: Call) -> Result<Value> {
    let answer = call_method(call, "call_button").await?.into_value()?;
    let is_action = answer.get("type").is_some_and(|kind| *kind != "");
    Ok(if is_action { answer } else { Value::Bool(false) })
}

async fn call_method(call: Call, function: &str) -> Result<Reply> {
    let Call { app, visit, params } = call;
    let series = app.series;
    let asked = asked(series, function, params);
    if let Ok((_, Ok(named))) = &asked
        && let Some((caller, identity)) = visit.supposed_caller()
    {
        let tools = Tools { identity, ..app.tools() };
        if let Some(answer) = orm::call_supposed(&caller, &tools, named).await {
            caller.record();
            let answer = answer?;
            visit.remember(&tools.identity).await?;
            return Ok(answer);
        }
    }
    let caller = visit.caller().await?;
    let (model, named) = asked?;
    let tools = Tools { identity: visit.identity().await?, ..app.tools() };
    if !orm::has_model(&caller, &model, &tools).await? {
        return Err(if series.finds_no_path_for_unknown_model() {
            Error::NotFound(page::NOT_FOUND.to_owned())
        } else {
            Error::key_error(model)
        });
    }
    let answer = Box::pin(orm::call(&caller, &tools, named?)).await?;
    visit.remember(&tools.identity).await?;
    Ok(answer)
}

/// What `call_kw` or `call_button` is asked for: the model, and the call, unless its arguments are wrong, which is said of
/// models that there are.
fn asked(series: Series, function: &str, params: Map<String, Value>) -> Asked {
    if series.finds_no_path_for_unknown_model() && !params.contains_key("model") {
        return Err(Error::NotFound(page::NOT_FOUND.to_owned()));
    }
    let signature = Signature {
        function: series.route_function("DataSet", function),
        required: &["model", "method", "args", "kwargs"],
        optional: &[],
        method: true,
    };
    let mut arguments = signature.bind_named(params)?.into_iter().map(Option::unwrap_or_default);
    let mut next = || arguments.next().unwrap_or_default();
    let (model, method, args, kwargs) = (python::text(&next()), python::text(&next()), next(), next());
    if !kwargs.is_object() && series.wants_mapping_of_arguments() {
        let kind = python::type_name(&kwargs);
        let error = Error::type_error(format!("call_kw() argument after ** must be a mapping, not {kind}"));
        return Ok((model, Err(error)));
    }
    let named = python::list(args).and_then(|args| {
        let (model, kwargs) = (model.clone(), python::dict(kwargs)?);
        Ok(Arc::new(MethodCall { model, method, args, kwargs, ids: None }))
    });
    Ok((model, named))
}

/// `/web/dataset/resequence` (up to 18.0): numbers records in the order of their ids. Answers whether there is a field for
/// that.
pub async fn resequence(call: Call) -> Result<Value> {
    let caller = call.visit.caller().await?;
    let signature = Signature {
        function: call.app.series.route_function("DataSet", "resequence"),
        required: &["model", "ids"],
        optional: &["field", "offset", "context"],
        method: true,
    };
    let mut arguments = signature.bind_named(call.params)?.into_iter();
    let mut next = || arguments.next().flatten();
    let model = python::text(&next().unwrap_or_default());
    let ids = python::list(next().unwrap_or_default())?;
    let field = next().map_or_else(|| "sequence".to_owned(), |field| python::text(&field));
    let offset = next().map_or(Ok(0), |offset| python::int(&offset))?;
    let kwargs: Map<String, Value> = next().map(|context| ("context".to_owned(), context)).into_iter().collect();
    let tools = call.app.tools();
    if !orm::has_model(&caller, &model, &tools).await? {
        return Err(Error::key_error(model));
    }
    let args = vec![json!([field])];
    let named = MethodCall { model: model.clone(), method: "fields_get".to_owned(), args, kwargs, ids: None };
    if orm::call(&caller, &tools, named.clone()).await?.into_value()? == json!({}) {
        return Ok(false.into());
    }
    for (number, id) in (offset..).zip(ids) {
        let args = vec![json!([id]), json!({field.as_str(): number})];
        orm::call(&caller, &tools, MethodCall { method: "write".to_owned(), args, ..named.clone() }).await?;
    }
    Ok(true.into())
}

/// `/web/dataset/search_read` (15.0 and 16.0): a page of records, and how many there are.
pub async fn search_read(call: Call) -> Result<Value> {
    call.visit.caller().await?;
    let signature = Signature {
        function: call.app.series.route_function("DataSet", "search_read"),
        required: &["model"],
        optional: &["fields", "offset", "limit", "domain", "sort"],
        method: true,
    };
    let mut arguments = signature.bind_named(call.params.clone())?.into_iter();
    let mut next = || arguments.next().flatten();
    let model = python::text(&next().unwrap_or_default());
    let (fields, offset, limit) = (next(), next(), next());
    let (domain, sort) = (next(), next());
    let kwargs = json!({
        "domain": domain.filter(python::truth).unwrap_or_else(|| json!([])),
        "fields": fields.filter(python::truth).unwrap_or_default(),
        "offset": offset.filter(python::truth).unwrap_or_else(|| 0.into()),
        "limit": limit.filter(python::truth).unwrap_or_default(),
        "order": sort.filter(python::truth).unwrap_or_default(),
    });
    on_model(&call, model, "web_search_read", Vec::new(), python::dict(kwargs)?).await
}

/// `/web/dataset/load` (15.0 and 16.0): the values of one record, or none.
pub async fn load(call: Call) -> Result<Value> {
    call.visit.caller().await?;
    let signature = Signature {
        function: call.app.series.route_function("DataSet", "load"),
        required: &["model", "id", "fields"],
        optional: &[],
        method: true,
    };
    let mut arguments = signature.bind_named(call.params.clone())?.into_iter().map(Option::unwrap_or_default);
    let model = python::text(&arguments.next().unwrap_or_default());
    let ids = json!([arguments.next().unwrap_or_default()]);
    let mut rows = on_model(&call, model, "read", vec![ids], Map::new()).await?;
    let row = rows.get_mut(0).map_or_else(|| json!({}), Value::take);
    Ok(json!({"value": row}))
}

/// `/web/dataset/call` (15.0 and 16.0): a method with arguments by position only.
pub async fn call_by_position(call: Call) -> Result<Value> {
    call.visit.caller().await?;
    let signature = Signature {
        function: call.app.series.route_function("DataSet", "call"),
        required: &["model", "method", "args"],
        optional: &["domain_id", "context_id"],
        method: true,
    };
    let mut arguments = signature.bind_named(call.params.clone())?.into_iter().map(Option::unwrap_or_default);
    let mut next = || arguments.next().unwrap_or_default();
    let (model, method, args) = (python::text(&next()), python::text(&next()), python::list(next())?);
    on_model(&call, model, &method, args, Map::new()).await
}

/// Calls a method of a model, as who is logged in.
async fn on_model(
    call: &Call,
    model: String,
    method: &str,
    args: Vec<Value>,
    kwargs: Map<String, Value>,
) -> Result<Value> {
    let caller = call.visit.caller().await?;
    let tools = call.app.tools();
    if !orm::has_model(&caller, &model, &tools).await? {
        return Err(Error::key_error(model));
    }
    let named = MethodCall { model, method: method.to_owned(), args, kwargs, ids: None };
    orm::call(&caller, &tools, named).await?.into_value()
}
