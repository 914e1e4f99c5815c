//! What fields have that are given no value: `default_get`.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{Alias, ExprTrait, Query as Sql};
use serde_json::{Map, Value};

use super::convert;
use super::env::Env;
use super::field::Field;
use super::query::column;
use super::registry::Model;
use crate::error::Result;
use crate::models;
use crate::python;

/// The defaults of `fields`, as far as they have one: from the context (`default_…`), from `ir.default`, from the
/// definition, from the model's behaviour.
///
/// # Errors
/// A value in the context that the field does not take; a failure of the database.
pub async fn of(env: &Env<'_>, model: &Model, fields: &[Arc<Field>]) -> Result<Map<String, Value>> {
    let mut defaults = Map::new();
    let own = user_defaults(env, model).await?;
    let behaviour = models::behaviour(&model.name);
    for field in fields {
        let name = &field.name;
        if let Some(value) = env.context().get(&format!("default_{name}")) {
            defaults.insert(name.clone(), shown(env, field, value).await?);
            continue;
        }
        if let Some(value) = own.get(name) {
            defaults.insert(name.clone(), value.clone());
            continue;
        }
        if let Some(value) = behaviour.default(env, field).await? {
            defaults.insert(name.clone(), value);
            continue;
        }
        match field.attribute("default_of").and_then(Value::as_str) {
            Some("company") => {
                defaults.insert(name.clone(), env.company().await?.into());
                continue;
            }
            Some("user") => {
                defaults.insert(name.clone(), env.uid().into());
                continue;
            }
            _ => {}
        }
        if let Some(value) = &field.default {
            defaults.insert(name.clone(), value.clone());
            continue;
        }
        if field.inherited
            && let Some(value) = Box::pin(of_parent(env, model, field)).await?
        {
            defaults.insert(name.clone(), value);
        }
    }
    Ok(defaults)
}

/// A field of a parent by `_inherits` has the default that it has there.
async fn of_parent(env: &Env<'_>, model: &Model, field: &Field) -> Result<Option<Value>> {
    let link = field.related.as_deref().and_then(|path| path.split_once('.')).map(|(link, _)| link);
    let parent = model.inherits.iter().find(|(_, name)| link == Some(name.as_str())).map(|(parent, _)| parent);
    let Some(parent) = parent else { return Ok(None) };
    let parent = env.model(parent).await?;
    let Some(original) = parent.field(&field.name).cloned() else { return Ok(None) };
    Ok(of(env, &parent, &[original]).await?.shift_remove(&field.name))
}

async fn shown(env: &Env<'_>, field: &Field, value: &Value) -> Result<Value> {
    if field.kind.is_x2many() || field.kind.is_json() {
        return Ok(value.clone());
    }
    Ok(match convert::to_cache(env, field, value).await? {
        Value::Null => Value::Bool(false),
        value => value,
    })
}

/// What `ir.default` has for a model and the caller, the most particular first.
async fn user_defaults(env: &Env<'_>, model: &Model) -> Result<Map<String, Value>> {
    let key = format!("{} {} {}", model.name, env.uid(), env.company().await.unwrap_or_default());
    let load = || async {
        let (defaults, fields) = ("ir_default", "ir_model_fields");
        let select = Sql::select()
            .from(Alias::new(defaults))
            .inner_join(Alias::new(fields), column(defaults, "field_id").eq(column(fields, "id")))
            .and_where(column(fields, "model").eq(model.name.as_str()))
            .and_where(column(defaults, "user_id").is_null().or(column(defaults, "user_id").eq(env.uid())))
            .and_where(column(defaults, "condition").is_null())
            .take();
        let columns = vec![
            column(fields, "name"),
            column(defaults, "json_value"),
            column(defaults, "user_id"),
            column(defaults, "company_id"),
        ];
        let company = env.company().await.unwrap_or_default();
        let mut found: HashMap<String, (u8, Value)> = HashMap::new();
        for row in env.json_rows(select, columns).await? {
            let [Value::String(name), Value::String(json), user, of_company] = row.as_slice() else { continue };
            if !of_company.is_null() && *of_company != company {
                continue;
            }
            let rank = 2 * u8::from(!user.is_null()) + u8::from(!of_company.is_null());
            let Ok(value) = serde_json::from_str(json) else { continue };
            if found.get(name).is_none_or(|(known, _)| *known < rank) {
                found.insert(name.clone(), (rank, value));
            }
        }
        Ok(found.into_iter().map(|(name, (_, value))| (name, value)).collect())
    };
    Ok(Map::clone(&*env.remembered("defaults", &key, load).await?))
}

/// Puts the defaults of all fields that have no value into the values of a record that is to be made. The context's
/// are for fields of the model, not of what is made beside it.
///
/// # Errors
/// As [`of`].
pub async fn complete(env: &Env<'_>, model: &Model, values: &mut Map<String, Value>) -> Result<()> {
    let given_parents: Vec<&String> =
        model.inherits.values().filter(|link| values.get(*link).is_some_and(python::truth)).collect();
    let mut missing = Vec::new();
    for field in model.fields.values() {
        let inherited_from_given = field.inherited
            && field.related.as_deref().is_some_and(|path| {
                given_parents.iter().any(|link| path.split_once('.').is_some_and(|(first, _)| first == *link))
            });
        if !values.contains_key(&field.name) && !inherited_from_given && field.name != "id" {
            missing.push(Arc::clone(field));
        }
    }
    for (name, value) in of(env, model, &missing).await? {
        values.insert(name, value);
    }
    Ok(())
}
