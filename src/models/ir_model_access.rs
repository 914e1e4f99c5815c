//! `ir.model.access`: asking for the access rights of any model.

use async_trait::async_trait;
use serde_json::Value;

use super::Behaviour;
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::call::Bound;
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::python;

/// The behaviour of `ir.model.access`.
#[derive(Debug)]
pub struct IrModelAccess;

#[async_trait]
impl Behaviour for IrModelAccess {
    async fn call(&self, env: &Env<'_>, _model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(match call.method.name.as_str() {
            "check" => Some(check(env, call).await?.into()),
            _ => None,
        })
    }
}

/// Whether the caller may do that with a model; nobody has rights on one that there is not.
async fn check(env: &Env<'_>, call: &Bound) -> Result<bool> {
    if env.is_superuser() {
        return Ok(true);
    }
    let Value::String(name) = call.get("model") else {
        let message = format!("Not a model name: {}", python::text(call.get("model")));
        return Err(Error::Python { name: "builtins.AssertionError", message });
    };
    let operation = Operation::parse(call.get("mode"))?;
    let registry = env.registry().await?;
    let may = match registry.get(name) {
        Some(model) => access::may(env, model, operation).await?,
        None => false,
    };
    if !may && python::truth(call.get("raise_exception")) {
        let description = registry.get(name).map_or(name, |model| &model.description);
        return Err(access::refusal(env, name, description, operation).await?);
    }
    Ok(may)
}
