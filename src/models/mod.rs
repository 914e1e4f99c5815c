//! What of Odoo's base models is behaviour and not data; one file a model. All dialects call models through [`call`].

pub mod groups;
pub mod ir_http;
pub mod ir_module_module;
pub mod res_users;

use serde_json::{Map, Value};

use crate::auth::Caller;
use crate::error::{Error, Result};

/// A call of a method of a model.
#[derive(Clone, Debug, Default)]
pub struct MethodCall {
    pub model: String,
    pub method: String,
    /// Arguments by position.
    pub args: Vec<Value>,
    /// Arguments by name.
    pub kwargs: Map<String, Value>,
}

/// Whether there is a model of that name.
#[must_use]
pub fn has(model: &str) -> bool {
    model == "res.users"
}

/// Calls a method of a model that [there is](has).
///
/// # Errors
/// An `AccessError` for a private method, an `AttributeError` for an unknown one, and what the method returns.
pub async fn call(caller: &Caller, call: MethodCall) -> Result<Value> {
    let (model, method) = (call.model.as_str(), call.method.as_str());
    let series = caller.database.series();
    if method.starts_with('_') {
        return Err(Error::AccessError(series.private_method(model, method)));
    }
    match (model, method) {
        ("res.users", "context_get") => res_users::context_get(caller, call).await,
        _ => Err(Error::Python { name: "builtins.AttributeError", message: series.unknown_method(model, method) }),
    }
}
