//! `/web/dataset/…`: calls of models by browsers.

use serde_json::Value;

use super::Call;
use crate::error::Result;
use crate::wire::python::Signature;

/// `/web/dataset/call_kw[/<model>/<method>]`.
pub async fn call_kw(call: Call) -> Result<Value> {
    let caller = call.visit.caller().await?;
    let signature = Signature {
        function: call.app.series.route_function("DataSet", "call_kw"),
        required: &["model", "method", "args", "kwargs"],
        optional: &[],
        method: true,
    };
    let arguments = signature.bind_named(call.params)?;
    crate::models::call(&caller, arguments).await
}
