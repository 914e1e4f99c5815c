//! Groups of records: `read_group`, `formatted_read_group`, and what the web client asks for of them.
//!
//! | file | what |
//! | --- | --- |
//! | `spec` | how fields, functions and periods are written |
//! | `grouping` | the statement, and what it answers |
//! | `time` | periods and time zones in SQL |
//! | `format` | groups as `read_group` and `formatted_read_group` have them |
//! | `web` | `web_read_group`, `read_progress_bar` |

mod format;
mod grouping;
mod spec;
mod time;
mod web;

use std::sync::Arc;

use serde_json::Value;

use self::format::{Formatted, ReadGroup};
pub use self::time::local_time;
use super::call::Bound;
use super::domain::Domain;
use super::env::Env;
use super::registry::Model;
use super::search::Page;
use crate::error::Result;
use crate::python;

/// Runs a method that groups records; nothing where there is none of that name.
///
/// # Errors
/// What the method returns.
pub async fn run(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Option<Value>> {
    Ok(Some(match call.method.name.as_str() {
        "read_group" => format::read_group(env, model, &asked(call)?).await?.into(),
        "web_read_group" if env.series().formats_groups() => web::unfolded(env, model, call).await?,
        "web_read_group" => web::classic(env, model, &asked(call)?).await?,
        "formatted_read_group" => {
            let page = Page::parse(call.get("offset"), call.get("limit"), call.get("order"))?;
            let asked = Formatted {
                domain: &Domain::parse(call.get("domain"), env.series())?,
                groupby: &texts(call.get("groupby"))?,
                aggregates: &texts(call.get("aggregates"))?,
                having: call.get("having"),
                page: &page,
            };
            let groups = format::formatted_read_group(env, model, &asked).await?;
            groups.into_iter().map(Value::from).collect()
        }
        "formatted_read_grouping_sets" => grouping_sets(env, model, call).await?,
        "read_progress_bar" => web::progress_bar(env, model, call).await?,
        _ => return Ok(None),
    }))
}

/// The arguments of `read_group`.
fn asked(call: &Bound) -> Result<ReadGroup> {
    Ok(ReadGroup {
        domain: call.get("domain").clone(),
        fields: texts(call.get("fields"))?,
        groupby: texts(call.get("groupby"))?,
        page: Page::parse(call.get("offset"), call.get("limit"), call.get("orderby"))?,
        lazy: python::truth(call.get("lazy")),
    })
}

/// A list of texts; one text stands for a list of it.
fn texts(value: &Value) -> Result<Vec<String>> {
    match value {
        Value::Null | Value::Bool(false) => Ok(Vec::new()),
        Value::String(one) => Ok(vec![one.clone()]),
        other => Ok(python::list(other.clone())?.iter().map(python::text).collect()),
    }
}

/// The groups of each of several lists of fields (19.0).
async fn grouping_sets(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Value> {
    let domain = Domain::parse(call.get("domain"), env.series())?;
    let aggregates = texts(call.get("aggregates"))?;
    let sets = python::list(call.get("grouping_sets").clone())?;
    let sets: Vec<Vec<String>> = sets.iter().map(texts).collect::<Result<_>>()?;
    let order = python::text(call.get("order"));
    let order = if python::truth(call.get("order")) { order.as_str() } else { "" };
    let name = |term: &str| term.split_whitespace().next().unwrap_or_default().to_owned();
    let mut answer = Vec::new();
    for set in &sets {
        // What only other sets are grouped by is nothing to sort this one by.
        let terms = order.split(',').map(str::trim).filter(|term| {
            let name = name(term);
            !term.is_empty() && (set.contains(&name) || !sets.iter().flatten().any(|other| *other == name))
        });
        let order = terms.collect::<Vec<_>>().join(", ");
        let page = Page { order: Some(order).filter(|order| !order.is_empty()), ..Page::default() };
        let having = &Value::Null;
        let asked = Formatted { domain: &domain, groupby: set, aggregates: &aggregates, having, page: &page };
        let groups = format::formatted_read_group(env, model, &asked).await?;
        answer.push(groups.into_iter().map(Value::from).collect::<Value>());
    }
    Ok(answer.into())
}
