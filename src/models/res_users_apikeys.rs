//! `res.users.apikeys` and the wizard that makes keys, `res.users.apikeys.description`.

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Behaviour;
use crate::auth::api_key;
use crate::error::{Error, Result};
use crate::orm::call::Bound;
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::orm::{read, temporal, write};

/// `res.users.apikeys`
pub struct ResUsersApikeys;
/// `res.users.apikeys.description`
pub struct ResUsersApikeysDescription;

/// The action that opens the wizard, as `res.users.api_key_wizard` answers.
#[must_use]
pub fn wizard() -> Value {
    json!({
        "type": "ir.actions.act_window",
        "res_model": "res.users.apikeys.description",
        "name": "New API Key",
        "target": "new",
        "views": [[false, "form"]],
    })
}

#[async_trait]
impl Behaviour for ResUsersApikeys {
    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        if call.method.name != "remove" {
            return Ok(None);
        }
        let owner = read::named_fields(env, model, ["user_id"]).await?;
        let keys = read::fetch(&env.sudo(), model, &call.ids, &owner).await?;
        let own = keys.values().all(|key| read::ids_in(&key["user_id"]) == [env.uid()]);
        if !own && !env.has_group("base.group_system").await? {
            return Err(Error::AccessError(
                "You can not remove API keys unless they're yours or you are a system user".to_owned(),
            ));
        }
        write::unlink(&env.sudo(), model, &call.ids).await?;
        Ok(Some(json!({"type": "ir.actions.act_window_close"})))
    }
}

#[async_trait]
impl Behaviour for ResUsersApikeysDescription {
    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        match call.method.name.as_str() {
            "check_access_make_key" => {
                check_access(env).await?;
                Ok(Some(Value::Null))
            }
            "make_key" => Ok(Some(make_key(env, model, &call.ids).await?)),
            _ => Ok(None),
        }
    }
}

async fn check_access(env: &Env<'_>) -> Result<()> {
    if env.has_group("base.group_user").await? {
        return Ok(());
    }
    Err(Error::AccessError("Only internal users can create API keys".to_owned()))
}

/// Makes a key for the caller, and removes the wizard. The answer is the only place where the key is shown.
async fn make_key(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Value> {
    check_access(env).await?;
    let wanted: Vec<_> =
        ["name", "duration", "expiration_date"].into_iter().filter_map(|name| model.field(name).cloned()).collect();
    let described = read::fetch(env, model, ids, &wanted).await?;
    let Some(described) = described.values().next() else {
        return Err(crate::orm::access::missing_error(env, model, ids));
    };
    let days = described.get("duration").and_then(Value::as_str).and_then(|days| days.parse::<i64>().ok());
    let expires = match days {
        // Up to 17.0 keys last, and later those that are asked to.
        None | Some(0) => None,
        Some(days) if days > 0 => env.now().checked_add_signed(TimeDelta::days(days)),
        Some(_) => described.get("expiration_date").and_then(Value::as_str).and_then(temporal::read_datetime),
    };
    let name = described["name"].as_str().unwrap_or_default().trim().to_owned();
    let key = api_key::generate();
    api_key::store(env.db(), env.uid(), &name, &key, expires, env.now()).await?;
    write::unlink(&env.sudo(), model, ids).await?;
    Ok(json!({
        "type": "ir.actions.act_window",
        "res_model": "res.users.apikeys.show",
        "name": "API Key Ready",
        "views": [[false, "form"]],
        "target": "new",
        "context": {"default_key": key},
    }))
}
