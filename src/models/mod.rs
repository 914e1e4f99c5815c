//! What of Odoo's base models is behaviour and not data; one file a model.

pub mod groups;
pub mod ir_http;
pub mod res_users;

use serde_json::Value;

use crate::auth::visit::Caller;
use crate::error::{Error, Result};

/// Calls a method of a model, `[model, method, args, kwargs]`.
///
/// # Errors
/// A `KeyError` for an unknown model, an `AttributeError` for an unknown method, and what the method returns.
pub async fn call(caller: &Caller, arguments: Vec<Option<Value>>) -> Result<Value> {
    let text = |index: usize| arguments.get(index).and_then(Option::as_ref).and_then(Value::as_str).unwrap_or_default();
    match (text(0), text(1)) {
        ("res.users", "context_get") => res_users::context_get(caller).await,
        (model @ "res.users", method) => Err(Error::Python {
            name: "builtins.AttributeError",
            message: format!("The method '{model}.{method}' does not exist"),
        }),
        (model, _) => Err(Error::key_error(model)),
    }
}
