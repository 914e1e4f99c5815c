//! What records are called, and finding them by that: `name_search`, `name_create`.

use serde_json::Value;

use super::domain::{Domain, Leaf, Operator};
use super::env::Env;
use super::registry::Model;
use super::search::{self, Page};
use super::{read, write};
use crate::error::{Error, Result};
use crate::models;

/// The records whose name compares to `value` that way.
///
/// # Errors
/// A failure of the database.
pub async fn domain(env: &Env<'_>, model: &Model, operator: Operator, value: &Value) -> Result<Domain> {
    let behaviour = models::behaviour(&model.name);
    if let Some(domain) = behaviour.search_by_name(env, model, operator, value).await? {
        return Ok(domain);
    }
    let mut fields = behaviour.names_searched(env.series()).to_vec();
    if fields.is_empty() {
        fields.extend(model.rec_name.as_deref());
    }
    let leaves: Vec<Domain> = fields
        .into_iter()
        .filter(|name| model.field(name).is_some_and(|field| field.is_column() || field.related.is_some()))
        .map(|field| leaf(field, operator, value))
        .collect();
    if leaves.is_empty() {
        // No record has a name.
        return Ok(if operator.is_negative() { Domain::True } else { Domain::False });
    }
    Ok(if operator.is_negative() { Domain::and(leaves) } else { Domain::or(leaves) })
}

fn leaf(field: &str, operator: Operator, value: &Value) -> Domain {
    Domain::Leaf(Leaf { path: field.to_owned(), operator, value: value.clone(), written: String::new() })
}

/// `name_search`: the records of `domain` whose name is like `name`, as `[id, name]`.
///
/// # Errors
/// Those of [`search`](search::search).
pub async fn name_search(
    env: &Env<'_>,
    model: &Model,
    name: &Value,
    domain: &Domain,
    operator: Operator,
    limit: Option<u64>,
) -> Result<Vec<i32>> {
    let nothing = !crate::python::truth(name) && operator == Operator::Ilike;
    let by_name = if nothing { Domain::True } else { self::domain(env, model, operator, name).await? };
    let page = Page { limit, ..Page::default() };
    search::search(env, model, &Domain::and(vec![domain.clone(), by_name]), &page).await
}

/// `[[id, name], …]` of records.
///
/// # Errors
/// A failure of the database.
pub async fn pairs(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Value> {
    let names = read::display_names(&env.sudo(), model, ids).await?;
    let pair = |id: &i32| Value::from(vec![Value::from(*id), names.get(id).cloned().unwrap_or_default().into()]);
    Ok(ids.iter().map(pair).collect())
}

/// `name_create`: a record that has a name and else what is the default.
///
/// # Errors
/// A `UserError` for a model whose records have no name; those of [`create`](write::create).
pub async fn name_create(env: &Env<'_>, model: &Model, name: &Value) -> Result<Value> {
    let Some(rec_name) = &model.rec_name else {
        return Err(Error::UserError(format!("Cannot execute name_create, no _rec_name defined on {}", model.name)));
    };
    let values = serde_json::Map::from_iter([(rec_name.clone(), name.clone())]);
    let ids = write::create(env, model, vec![values]).await?;
    let Value::Array(mut pairs) = pairs(env, model, &ids).await? else { return Ok(Value::Bool(false)) };
    Ok(pairs.pop().unwrap_or(Value::Bool(false)))
}
