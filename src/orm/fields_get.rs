//! `fields_get`: what fields a model has, and what they are like.

use serde_json::{Map, Value, json};

use super::access;
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::Model;
use crate::error::Result;
use crate::models;
use crate::python;

/// Describes the fields named in `fields` (all if there are none), with the attributes named in `attributes` (all if there
/// are none).
///
/// # Errors
/// A failure of the database.
pub async fn fields_get(env: &Env<'_>, model: &Model, fields: &Value, attributes: &Value) -> Result<Value> {
    let names = |value: &Value| -> Option<Vec<String>> {
        let names = value.as_array().filter(|names| !names.is_empty())?;
        Some(names.iter().map(python::text).collect())
    };
    let (wanted, attributes) = (names(fields), names(attributes));
    let mut described = Map::new();
    for field in model.fields.values() {
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&field.name)) || !access::may_see(env, field).await? {
            continue;
        }
        let mut description = describe(env, model, field).await?;
        if let Some(attributes) = &attributes {
            description.retain(|name, _| attributes.contains(name));
        }
        described.insert(field.name.clone(), description.into());
    }
    for (name, description) in models::behaviour(&model.name).described_fields(env).await? {
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(&name)) {
            described.insert(name, description);
        }
    }
    Ok(described.into())
}

/// Everything about a field.
///
/// # Errors
/// A failure of the database.
pub async fn describe(env: &Env<'_>, model: &Model, field: &Field) -> Result<Map<String, Value>> {
    let mut about = Map::new();
    let mut put = |name: &str, value: Value| {
        about.insert(name.to_owned(), value);
    };
    let series = env.series();
    let extra = |name: &str| field.attribute(name).cloned();
    let flag = |name: &str, default: bool| extra(name).unwrap_or_else(|| default.into());
    put("type", field.kind.name().into());
    put("string", field.string.clone().into());
    put("name", field.name.clone().into());
    put("store", field.store.into());
    put("manual", field.manual.into());
    put("readonly", field.readonly.into());
    put("required", field.required.into());
    put("searchable", field.searchable.into());
    let sortable = field.store && !field.kind.is_x2many() || field.inherited && !field.kind.is_x2many();
    put("sortable", flag("sortable", sortable && field.searchable));
    if series.has_groupable() {
        let groupable = sortable && field.searchable || field.kind == Kind::Many2many && field.store;
        put("groupable", flag("groupable", groupable));
    }
    put("exportable", flag("exportable", true));
    put("change_default", flag("change_default", false));
    put("company_dependent", flag("company_dependent", false));
    put("default_export_compatible", flag("default_export_compatible", false));
    put("depends", extra("depends").unwrap_or_else(|| json!([])));
    if let Some(related) = &field.related {
        put("related", related.clone().into());
    }
    if !field.groups.is_empty() {
        put("groups", field.groups.join(",").into());
    }
    if let Some(aggregator) = &field.aggregator {
        put(series.aggregator_attribute(), aggregator.clone().into());
    } else if field.manual && field.kind.is_number() && field.kind != Kind::Many2oneReference && field.store {
        put(series.aggregator_attribute(), "sum".into());
    }
    match field.kind {
        Kind::Many2one | Kind::One2many | Kind::Many2many => {
            put("relation", field.comodel().into());
            put("domain", extra("domain").unwrap_or_else(|| json!([])));
            put("context", extra("context").unwrap_or_else(|| json!({})));
            if series.tells_hierarchy_operators() {
                put("allow_hierachy_operators", true.into());
            }
            if let Some(inverse) = &field.inverse {
                put("relation_field", inverse.clone().into());
            }
        }
        Kind::Selection | Kind::Reference => put("selection", selection(env, model, field).await?),
        Kind::Char | Kind::Text | Kind::Html => {
            put("translate", field.translate.into());
            if field.kind == Kind::Char {
                put("trim", flag("trim", true));
                if let Some(size) = field.size {
                    put("size", size.into());
                }
            }
            if field.kind == Kind::Html {
                for (name, default) in [
                    ("sanitize", true),
                    ("sanitize_tags", true),
                    ("sanitize_attributes", true),
                    ("sanitize_style", false),
                    ("strip_style", false),
                    ("strip_classes", false),
                ] {
                    put(name, flag(name, default));
                }
            }
        }
        Kind::Float => {
            if let Some((size, scale)) = field.digits {
                put("digits", json!([size, scale]));
            }
        }
        Kind::Monetary => put("currency_field", extra("currency_field").unwrap_or_else(|| "currency_id".into())),
        _ => {}
    }
    Ok(about)
}

/// The values of a selection with their labels.
///
/// # Errors
/// A failure of the database.
pub async fn selection(env: &Env<'_>, model: &Model, field: &Field) -> Result<Value> {
    if let Some(values) = models::behaviour(&model.name).selection(env, field).await? {
        return Ok(values);
    }
    if !field.dynamic {
        return Ok(field.selection.iter().map(|(key, label)| json!([key, label])).collect());
    }
    Ok(match field.name.as_str() {
        "lang" => env.langs().await?.iter().map(|(code, name, _)| json!([code, name])).collect(),
        "tz" | "default_timezone" => super::temporal::zones().map(|name| json!([name, name])).collect(),
        _ => json!([]),
    })
}
