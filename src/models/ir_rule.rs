//! `ir.rule`: which records somebody may do what with. How the rules are applied is in [`access`].

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::orm::{access, read, write};
use crate::python;

/// The behaviour of `ir.rule`.
#[derive(Debug)]
pub struct IrRule;

#[async_trait]
impl Behaviour for IrRule {
    async fn created(&self, env: &Env<'_>, model: &Model, ids: &[i32], _values: &[Values]) -> Result<()> {
        check(env, model, ids).await?;
        store_global(env, model, ids).await
    }

    async fn written(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &Values) -> Result<()> {
        if ["active", "domain_force", "model_id"].iter().any(|name| values.contains_key(*name)) {
            check(env, model, ids).await?;
        }
        if values.contains_key("groups") {
            store_global(env, model, ids).await?;
        }
        Ok(())
    }
}

/// Refuses rules that cannot be applied.
async fn check(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["active", "domain_force", "model_id"]).await?;
    let rules = read::fetch(&sudo, model, ids, &fields).await?;
    let models = env.model("ir.model").await?;
    let Some(name) = models.field("model") else { return Ok(()) };
    for rule in rules.values() {
        let of_model = read::values(&sudo, &models, &read::ids_in(&rule["model_id"]), name).await?;
        let Some(of_model) = of_model.first().and_then(Value::as_str) else { continue };
        if of_model == model.name {
            let message = "Rules can not be applied on the Record Rules model.";
            return Err(Error::ValidationError(message.to_owned()));
        }
        let domain = rule["domain_force"].as_str().filter(|_| python::truth(&rule["active"]));
        let registry = env.registry().await?;
        if let (Some(domain), Some(of_model)) = (domain, registry.get(of_model)) {
            access::check_rule(env, of_model, domain).await?;
        }
    }
    Ok(())
}

/// A rule without groups is for all.
async fn store_global(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["groups"]).await?;
    let rules = read::fetch(&sudo, model, ids, &fields).await?;
    for global in [true, false] {
        let of_kind: Vec<i32> =
            rules.iter().filter(|(_, rule)| python::truth(&rule["groups"]) != global).map(|(id, _)| *id).collect();
        write::write(&sudo, model, &of_kind, Map::from_iter([("global".to_owned(), global.into())])).await?;
    }
    Ok(())
}
