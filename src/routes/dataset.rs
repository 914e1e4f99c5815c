//! `/web/dataset/…`: calls of models by browsers.

use serde_json::Value;

use super::Call;
use crate::error::{Error, Result};
use crate::orm::{self, MethodCall};
use crate::python::{self, Signature};
use crate::wire::page;

/// `/web/dataset/call_kw[/<model>/<method>]`.
pub async fn call_kw(call: Call) -> Result<Value> {
    let caller = call.visit.caller().await?;
    let series = call.app.series;
    if series.finds_no_path_for_unknown_model() && !call.params.contains_key("model") {
        return Err(Error::NotFound(page::NOT_FOUND.to_owned()));
    }
    let signature = Signature {
        function: series.route_function("DataSet", "call_kw"),
        required: &["model", "method", "args", "kwargs"],
        optional: &[],
        method: true,
    };
    let mut arguments = signature.bind_named(call.params)?.into_iter().map(Option::unwrap_or_default);
    let mut next = || arguments.next().unwrap_or_default();
    let (model, method, args, kwargs) = (python::text(&next()), python::text(&next()), next(), next());
    let tools = call.app.tools();
    if !orm::has_model(&caller, &model, &tools).await? {
        return Err(if series.finds_no_path_for_unknown_model() {
            Error::NotFound(page::NOT_FOUND.to_owned())
        } else {
            Error::key_error(model)
        });
    }
    let (args, kwargs) = (python::list(args)?, python::dict(kwargs)?);
    orm::call(&caller, &tools, MethodCall { model, method, args, kwargs }).await
}
