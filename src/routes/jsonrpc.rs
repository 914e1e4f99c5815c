//! `/jsonrpc`: `{"service", "method", "args"}` for the services `common`, `db` and `object`.

use serde_json::Value;

use super::{Call, service_client};
use crate::error::{Error, Result};
use crate::python::{self, Signature, type_name};
use crate::reply::Reply;
use crate::services;

/// `/jsonrpc`.
pub async fn jsonrpc(call: Call) -> Result<Reply> {
    let series = call.app.series;
    let signature = Signature {
        function: series.route_function(series.jsonrpc_class(), "jsonrpc"),
        required: &["service", "method", "args"],
        optional: &[],
        method: true,
    };
    let mut arguments = signature.bind_named(call.params)?.into_iter().map(Option::unwrap_or_default);
    let mut next = || arguments.next().unwrap_or_default();
    let (service, method, args) = (next(), next(), next());
    let Value::Array(args) = args else {
        return Err(Error::type_error(format!(
            "dispatch_rpc() argument after * must be an iterable, not {}",
            type_name(&args)
        )));
    };
    let caller = service_client(&call.app, &call.visit);
    services::dispatch(&caller, &python::text(&service), &python::text(&method), args).await
}
