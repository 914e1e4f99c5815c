//! Records: models with fields, found by domains, read, written and deleted by whoever may.
//!
//! | file | what |
//! | --- | --- |
//! | [`call`] | a method of a model, called from outside: which one, with which arguments |
//! | [`methods`] | the signatures of methods, and Python's words for arguments that do not fit |
//! | [`registry`], [`field`] | which models and fields there are; [`manual`]: those that were made over the wire |
//! | [`env`] | who calls, in which context, on which transaction |
//! | [`access`] | access rights, record rules, groups of fields |
//! | [`domain`], [`query`] | conditions, and the SQL that they become |
//! | [`search`], [`read`], [`names`] | finding and reading records; [`rows`]: without a tree of values |
//! | [`write`], [`commands`], [`convert`], [`defaults`] | making, changing, deleting and copying them |
//! | [`group`] | groups of records: `read_group`, `formatted_read_group` |
//! | [`web`] | what the web client asks for: `web_read`, `web_save`, … |
//! | [`onchange`], [`views`] | what forms ask for |
//! | [`transfer`] | `load` and `export_data` |
//! | [`fields_get`], [`translations`], [`attachments`] | what their names say |
//! | [`blobs`] | the contents of attachments |
//! | [`schema`], [`violation`] | the tables, and what is said when a row breaks their rules |

pub mod access;
pub mod answered;
pub mod attachments;
pub mod blobs;
pub mod call;
pub mod commands;
pub mod convert;
pub mod defaults;
pub mod documentation;
pub mod domain;
pub mod env;
pub mod expression;
pub mod field;
pub mod fields_get;
pub mod group;
pub mod html;
pub mod manual;
pub mod methods;
pub mod names;
pub mod onchange;
pub mod query;
pub mod read;
pub mod recordset;
pub mod registry;
pub mod rows;
pub mod schema;
pub mod search;
pub mod temporal;
pub mod transfer;
pub mod translations;
pub mod views;
pub mod violation;
pub mod web;
pub mod write;

use serde_json::{Value, json};

pub use self::call::{Asked, MethodCall, call, call_supposed, has_model};
pub use self::domain::{Domain, Operator};
pub use self::env::{Env, SUPERUSER};
use self::field::Field;
use self::registry::Model;
use crate::error::Result;
use crate::series::Series;

/// A domain as the value of a condition `any`.
#[must_use]
pub fn domain_value(domain: Domain) -> Value {
    fn write(domain: Domain, into: &mut Vec<Value>) {
        match domain {
            Domain::True => into.push(json!([1, "=", 1])),
            Domain::False => into.push(json!([0, "=", 1])),
            Domain::Not(inner) => {
                into.push("!".into());
                write(*inner, into);
            }
            Domain::And(parts) | Domain::Or(parts) if parts.is_empty() => into.push(json!([1, "=", 1])),
            Domain::And(parts) => join("&", parts, into),
            Domain::Or(parts) => join("|", parts, into),
            Domain::Leaf(leaf) => into.push(json!([leaf.path, leaf.operator.text(), leaf.value])),
        }
    }
    fn join(operator: &str, parts: Vec<Domain>, into: &mut Vec<Value>) {
        into.extend(std::iter::repeat_n(Value::from(operator), parts.len() - 1));
        for part in parts {
            write(part, into);
        }
    }
    let mut items = Vec::new();
    write(domain, &mut items);
    items.into()
}

/// Reads the domain in a condition `any`, which the wire or [`domain_value`] wrote.
///
/// # Errors
/// As [`Domain::parse`].
pub fn parse_inner(value: &Value, series: Series) -> Result<Domain> {
    Domain::parse(value, series).or_else(|error| Domain::parse(value, Series::newest()).map_err(|_| error))
}

/// The domain that the definition of a relation's field has.
///
/// # Errors
/// A domain that is malformed.
pub fn field_domain(env: &Env<'_>, field: &Field) -> Result<Domain> {
    match field.attribute("domain") {
        Some(domain @ Value::Array(_)) => Domain::parse(domain, env.series()),
        // A text depends on the record, and is for people's choices only.
        _ => Ok(Domain::True),
    }
}

/// The field that tells of which model the ids of a `many2one_reference` are.
#[must_use]
pub fn reference_model_field<'m>(model: &'m Model, field: &Field) -> Option<&'m str> {
    let named = field.attribute("model_field").and_then(Value::as_str).unwrap_or("res_model");
    [named, "res_model", "model"].into_iter().find_map(|name| model.field(name).map(|field| field.name.as_str()))
}
