//! `ir.config_parameter`: the settings of a database, as the wire has them. The server's own access to them is in
//! [`database::parameter`](crate::database::parameter).

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::call::Bound;
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::orm::{read, search, write};
use crate::python;

/// The settings that a database cannot do without.
const NEEDED: [&str; 6] = [
    "database.secret",
    "database.uuid",
    "database.create_date",
    "web.base.url",
    "base.login_cooldown_after",
    "base.login_cooldown_duration",
];

/// The behaviour of `ir.config_parameter`.
#[derive(Debug)]
pub struct IrConfigParameter;

#[async_trait]
impl Behaviour for IrConfigParameter {
    async fn prepare_write(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &mut Values) -> Result<()> {
        if !values.contains_key("key") {
            return Ok(());
        }
        let needed = needed(env, model, ids).await?;
        if needed.is_empty() {
            return Ok(());
        }
        let keys = needed.join(", ");
        Err(Error::ValidationError(format!("You cannot rename config parameters with keys {keys}")))
    }

    async fn prepare_unlink(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
        keep_needed(env, model, ids).await
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "get_param" => get(env, model, call).await?,
            "set_param" => set(env, model, call).await?,
            "unlink_default_parameters" => {
                keep_needed(env, model, &call.ids).await?;
                Value::Null
            }
            _ => return Ok(None),
        }))
    }
}

/// The keys of those records that a database cannot do without.
async fn needed(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Vec<String>> {
    let Some(key) = model.field("key") else { return Ok(Vec::new()) };
    let keys = read::values(&env.sudo(), model, ids, key).await?;
    Ok(keys.iter().filter_map(Value::as_str).filter(|key| NEEDED.contains(key)).map(str::to_owned).collect())
}

async fn keep_needed(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    match needed(env, model, ids).await?.first() {
        Some(key) => Err(Error::ValidationError(format!("You cannot delete the {key} record."))),
        None => Ok(()),
    }
}

/// The record of a key with its value.
async fn find(env: &Env<'_>, model: &Model, key: &Value) -> Result<Option<(i32, Value)>> {
    let found = search::ids(env, model, &Domain::leaf("key", Operator::Eq, key.clone())).await?;
    let (Some(id), Some(value)) = (found.first(), model.field("value")) else { return Ok(None) };
    Ok(read::values(env, model, &[*id], value).await?.pop().map(|value| (*id, value)))
}

/// The value of a key, whoever asks; false where there is none.
///
/// # Errors
/// A failure of the database.
pub async fn value(env: &Env<'_>, key: &str) -> Result<Value> {
    let (sudo, model) = (env.sudo(), env.model("ir.config_parameter").await?);
    Ok(find(&sudo, &model, &key.into()).await?.map_or(Value::Bool(false), |(_, value)| value))
}

/// `get_param`: the value of a key, or what the caller has for one that there is not.
async fn get(env: &Env<'_>, model: &Model, call: &Bound) -> Result<Value> {
    access::check_model(env, model, Operation::Read).await?;
    // Whoever may read one may read all: there are no rules for them.
    let value = find(&env.sudo(), model, call.get("key")).await?.map(|(_, value)| value).filter(python::truth);
    Ok(value.unwrap_or_else(|| call.get("default").clone()))
}

/// `set_param`: gives a key a value, or takes it away, and answers what it had before.
async fn set(env: &Env<'_>, model: &Model, call: &Bound) -> Result<Value> {
    let (key, value) = (call.get("key"), call.get("value"));
    let nothing = value.is_null() || *value == false;
    let Some((id, old)) = find(env, model, key).await? else {
        if !nothing {
            let values = Map::from_iter([("key".to_owned(), key.clone()), ("value".to_owned(), value.clone())]);
            write::create(env, model, vec![values]).await?;
        }
        return Ok(Value::Bool(false));
    };
    if nothing {
        write::unlink(env, model, &[id]).await?;
    } else if old != python::text(value) {
        write::write(env, model, &[id], Map::from_iter([("value".to_owned(), value.clone())])).await?;
    }
    Ok(old)
}
