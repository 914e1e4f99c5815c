//! `res.users.apikeys` and the wizard that makes keys, `res.users.apikeys.description`.

use async_trait::async_trait;
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use super::{Behaviour, Values, res_users_identitycheck};
use crate::auth::api_key::{self, NewKey};
use crate::error::{Error, Result};
use crate::orm::call::Bound;
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, temporal, write};
use crate::python;

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
        if let Some(question) = res_users_identitycheck::asked(env, model, call).await? {
            return Ok(Some(question));
        }
        if call.ids.is_empty() {
            return Ok(Some(json!({"type": "ir.actions.act_window_close"})));
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
    async fn selection(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        if field.name != "duration" {
            return Ok(None);
        }
        let allowed = durations(env, field).await?;
        Ok(Some(allowed.into_iter().map(|(value, label)| json!([value, label])).collect()))
    }

    async fn prepare_create(&self, env: &Env<'_>, model: &Model, values: &mut Vec<Values>) -> Result<()> {
        let Some(duration) = model.field("duration") else { return Ok(()) };
        let allowed = durations(env, duration).await?;
        for values in values {
            if let Some(days) = values.get("duration").and_then(Value::as_str)
                && !allowed.iter().any(|(known, _)| known == days)
            {
                let days = python::repr(&days.into());
                return Err(Error::value_error(format!("Wrong value for {}.duration: {days}", model.name)));
            }
            expire(env, values);
            let expires = values.get("expiration_date").and_then(Value::as_str).and_then(temporal::read_datetime);
            check_expiration(env, expires).await?;
        }
        Ok(())
    }

    async fn prepare_write(&self, env: &Env<'_>, _: &Model, _: &[i32], values: &mut Values) -> Result<()> {
        expire(env, values);
        Ok(())
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        match call.method.name.as_str() {
            "check_access_make_key" => {
                check_access(env).await?;
                Ok(Some(Value::Null))
            }
            "make_key" => match res_users_identitycheck::asked(env, model, call).await? {
                Some(question) => Ok(Some(question)),
                None => Ok(Some(make_key(env, model, &call.ids).await?)),
            },
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

/// How many days a key of the caller may last at most; nothing where it may last for ever.
async fn longest(env: &Env<'_>) -> Result<Option<f64>> {
    if env.is_superuser() || env.has_group("base.group_system").await? {
        return Ok(None);
    }
    let groups = env.model("res.groups").await?;
    let Some(field) = groups.field("api_key_duration").cloned() else { return Ok(None) };
    let own: Vec<i32> = env.user().await?.groups.iter().copied().collect();
    let days = read::values(&env.sudo(), &groups, &own, &field).await?;
    let most = days.iter().filter_map(Value::as_f64).fold(0.0, f64::max);
    Ok(Some(if most > 0.0 { most } else { 1.0 }))
}

/// The durations that the caller may choose: numbers of days, 0 for ever, -1 until a date.
async fn durations(env: &Env<'_>, field: &Field) -> Result<Vec<(String, String)>> {
    let longest = longest(env).await?;
    let fits = |days: &str| match (longest, days.parse::<f64>()) {
        (Some(longest), Ok(days)) => days < 0.0 || (days > 0.0 && days <= longest),
        _ => true,
    };
    Ok(field.selection.iter().filter(|(days, _)| fits(days)).cloned().collect())
}

/// When a key ends that is to last for a `duration`: false for one that lasts for ever, nothing where a date is to tell.
#[must_use]
pub fn end(env: &Env<'_>, duration: &Value) -> Option<Value> {
    let days = duration.as_str()?.parse::<i64>().ok().filter(|days| *days >= 0)?;
    let end = env.now().date().checked_add_signed(TimeDelta::try_days(days)?).filter(|_| days > 0);
    Some(end.map_or(Value::Bool(false), |end| temporal::datetime_text(end.into()).into()))
}

/// Sets the end that follows from a duration, where none was given with it.
fn expire(env: &Env<'_>, values: &mut Values) {
    let end = values.get("duration").and_then(|duration| end(env, duration));
    if let Some(end) = end.filter(|_| !values.contains_key("expiration_date")) {
        values.insert("expiration_date".to_owned(), end);
    }
}

/// Refuses an end that is later than the caller's groups allow (18.0 on).
async fn check_expiration(env: &Env<'_>, expires: Option<NaiveDateTime>) -> Result<()> {
    let Some(longest) = longest(env).await? else { return Ok(()) };
    let Some(expires) = expires else {
        return Err(Error::UserError("The API key must have an expiration date".to_owned()));
    };
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a number of days")]
    let most = TimeDelta::try_seconds((longest * 86_400.0) as i64).and_then(|most| env.now().checked_add_signed(most));
    if most.is_some_and(|most| expires > most) {
        return Err(Error::UserError(format!("You cannot exceed {longest:?} days.")));
    }
    Ok(())
}

/// Makes a key for the caller, and removes the wizard. The answer is the only place where the key is shown.
async fn make_key(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Value> {
    check_access(env).await?;
    let wanted: Vec<_> =
        ["name", "expiration_date"].into_iter().filter_map(|name| model.field(name).cloned()).collect();
    let described = read::fetch(env, model, ids, &wanted).await?;
    let Some(described) = described.values().next() else {
        return Err(crate::orm::access::missing_error(env, model, ids));
    };
    // Up to 17.0 keys do not expire.
    let expires = described.get("expiration_date").and_then(Value::as_str).and_then(temporal::read_datetime);
    if model.field("expiration_date").is_some() {
        check_expiration(env, expires).await?;
    }
    let name = described["name"].as_str().unwrap_or_default().trim().to_owned();
    // A key that a person makes has no scope: it is good for everything.
    let (key, new) = (api_key::generate(), NewKey { name, scope: None, expires });
    api_key::store(env.db(), env.uid(), &new, &key, env.now()).await?;
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
