//! Methods of recordsets that up to 18.0 anybody may call, although they are meant for Odoo's own code: `mapped`,
//! `filtered`, `sudo`, `with_context`, … A recordset is no JSON, so the answer is what Python's `repr` shows of it,
//! `res.partner(3, 4)`. 19.0 refuses them.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::access::{self, Operation};
use super::call::{Bound, parse_ids};
use super::domain::{Domain, Operator};
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::Model;
use super::search::{self, Page};
use super::{read, write};
use crate::error::{Error, Result};
use crate::python;

/// Methods of recordsets that write nothing.
pub const READING: [&str; 13] = [
    "browse",
    "concat",
    "ensure_one",
    "fetch",
    "filtered",
    "filtered_domain",
    "grouped",
    "mapped",
    "sorted",
    "sudo",
    "union",
    "with_context",
    "with_user",
];

/// Records of a model, written as Python shows them.
struct Shown<'a>(&'a str, &'a [i32]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.1.iter().map(ToString::to_string).collect();
        let comma = if ids.len() == 1 { "," } else { "" };
        write!(f, "{}({}{comma})", self.0, ids.join(", "))
    }
}

fn shown(model: &str, ids: &[i32]) -> Value {
    Shown(model, ids).to_string().into()
}

/// Runs a method of recordsets; nothing where there is none of that name.
///
/// # Errors
/// What the method returns.
pub async fn run(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Option<Value>> {
    let (name, ids) = (model.name.as_str(), call.ids.as_slice());
    Ok(Some(match call.method.name.as_str() {
        "browse" => shown(name, &parse_ids(call.get("ids"))?),
        "sudo" if !call.get("flag").is_boolean() => {
            return Err(Error::Python { name: "builtins.AssertionError", message: String::new() });
        }
        "sudo" | "with_env" | "with_prefetch" => shown(name, ids),
        "with_context" => {
            if let Some(context) = call.arguments.rest.first() {
                python::dict(context.clone())?;
            }
            shown(name, ids)
        }
        "with_user" => with(name, ids, call.get("user"))?,
        "with_company" => with(name, ids, call.get("company"))?,
        "ensure_one" if ids.len() == 1 => shown(name, ids),
        "ensure_one" => return Err(Error::value_error(format!("Expected singleton: {}", Shown(name, ids)))),
        "union" => shown(name, &distinct(together(name, ids, &call.arguments.rest, '|')?)),
        "concat" => shown(name, &together(name, ids, &call.arguments.rest, '+')?),
        "new" => new(model, call)?,
        "mapped" => match call.get("func") {
            nothing if !python::truth(nothing) => shown(name, ids),
            path => mapped(env, model, ids, &path_of(path)?).await?.into_json(),
        },
        "filtered" => filtered(env, model, ids, call.get("func")).await?,
        "filtered_domain" => filtered_domain(env, model, ids, call.get("domain")).await?,
        "sorted" => sorted(env, model, ids, call.get("key"), python::truth(call.get("reverse"))).await?,
        "grouped" => grouped(env, model, ids, &path_of(call.get("key"))?).await?,
        "fetch" => {
            access::check_model(env, model, Operation::Read).await?;
            let fields = read::named_fields(env, model, &fields_of(call.get("field_names"))?).await?;
            read::fetch(env, model, ids, &fields).await?;
            Value::Null
        }
        "update" => {
            let values = python::dict(call.get("values").clone())?;
            if let Some(unknown) = values.keys().find(|field| model.field(field).is_none()) {
                return Err(Error::key_error(unknown));
            }
            if !ids.is_empty() {
                write::write(env, model, ids, values).await?;
            }
            Value::Null
        }
        // There is no cache that outlives a call.
        "flush_model" | "flush_recordset" | "invalidate_model" | "invalidate_recordset" | "modified" => Value::Null,
        _ => return Ok(None),
    }))
}

/// The records for another user or company, which does not show.
fn with(model: &str, ids: &[i32], other: &Value) -> Result<Value> {
    if python::truth(other) {
        python::int(other)?;
    }
    Ok(shown(model, ids))
}

/// The records of several recordsets; nothing that comes over the wire is one.
fn together(model: &str, ids: &[i32], others: &[Value], operator: char) -> Result<Vec<i32>> {
    match others.first() {
        None => Ok(ids.to_vec()),
        Some(other) => {
            let (one, other) = (Shown(model, ids), python::repr(other));
            Err(Error::type_error(format!("unsupported operand types in: {one} {operator} {other}")))
        }
    }
}

fn distinct(ids: Vec<i32>) -> Vec<i32> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

/// A record that is not stored. Python shows the address of its id.
fn new(model: &Model, call: &Bound) -> Result<Value> {
    let values = match call.get("values") {
        nothing if !python::truth(nothing) => Map::new(),
        values => python::dict(values.clone())?,
    };
    if let Some(unknown) = values.keys().find(|field| *field != "id" && model.field(field).is_none()) {
        let unknown = python::repr(&unknown.as_str().into());
        return Err(Error::value_error(format!("Invalid field {unknown} on model '{}'", model.name)));
    }
    let origin = call.get("origin");
    if !origin.is_null() {
        let message = format!("'{}' object has no attribute 'id'", python::type_name(origin));
        return Err(Error::Python { name: "builtins.AttributeError", message });
    }
    let id = match call.get("ref") {
        nothing if !python::truth(nothing) => "0x7f0000000000".to_owned(),
        reference => format!("ref={}", python::repr(reference)),
    };
    Ok(format!("{}(<NewId {id}>,)", model.name).into())
}

/// The path of fields that stands for a function.
fn path_of(function: &Value) -> Result<String> {
    match function {
        Value::String(path) => Ok(path.clone()),
        other => Err(Error::type_error(format!("'{}' object is not callable", python::type_name(other)))),
    }
}

fn fields_of(names: &Value) -> Result<Vec<String>> {
    Ok(python::list(names.clone())?.iter().map(python::text).collect())
}

/// What a path of fields leads to.
enum Mapped {
    Records(Arc<Model>, Vec<i32>),
    Values(Vec<Value>),
}

impl Mapped {
    fn into_json(self) -> Value {
        match self {
            Self::Records(model, ids) => shown(&model.name, &ids),
            Self::Values(values) => values.into(),
        }
    }
}

/// The values of a field of each record, as code sees them.
async fn values(env: &Env<'_>, model: &Model, ids: &[i32], field: &Arc<Field>) -> Result<Vec<Value>> {
    access::check_model(env, model, Operation::Read).await?;
    access::check_field(env, model, field, Operation::Read).await?;
    if field.name == "id" {
        return Ok(ids.iter().map(|id| Value::from(*id)).collect());
    }
    let fields = [Arc::clone(field)];
    let records = read::fetch(env, model, ids, &fields).await?;
    let value = |id: &i32| {
        let record = records.get(id).ok_or_else(|| access::missing_error(env, model, &[*id]))?;
        let value = record.get(&field.name).cloned().unwrap_or_else(|| read::empty(field.kind));
        let Some((model, id)) =
            value.as_str().filter(|_| field.kind == Kind::Reference).and_then(|v| v.split_once(','))
        else {
            return Ok(value);
        };
        Ok(shown(model, &id.parse().into_iter().collect::<Vec<i32>>()))
    };
    ids.iter().map(value).collect()
}

fn field_of<'m>(model: &'m Model, name: &str) -> Result<&'m Arc<Field>> {
    model.field(name).ok_or_else(|| Error::key_error(name))
}

/// Follows a path of fields from records.
async fn mapped(env: &Env<'_>, model: &Arc<Model>, ids: &[i32], path: &str) -> Result<Mapped> {
    let (mut model, mut ids) = (Arc::clone(model), ids.to_vec());
    let mut names = path.split('.');
    while let Some(name) = names.next() {
        let field = Arc::clone(field_of(&model, name)?);
        let found = values(env, &model, &ids, &field).await?;
        if !field.kind.is_relational() {
            if names.next().is_none() {
                return Ok(Mapped::Values(found));
            }
            let message = "'list' object has no attribute '_fields'".to_owned();
            return Err(Error::Python { name: "builtins.AttributeError", message });
        }
        ids = distinct(found.iter().flat_map(read::ids_in).collect());
        model = env.model(field.comodel()).await?;
    }
    Ok(Mapped::Records(model, ids))
}

/// The records from which a path leads to something true.
async fn filtered(env: &Env<'_>, model: &Arc<Model>, ids: &[i32], function: &Value) -> Result<Value> {
    if !python::truth(function) {
        return Ok(shown(&model.name, ids));
    }
    let path = path_of(function)?;
    let mut kept = Vec::new();
    if path.contains('.') {
        for id in ids {
            let some = match mapped(env, model, &[*id], &path).await? {
                Mapped::Records(_, ids) => !ids.is_empty(),
                Mapped::Values(values) => values.iter().any(python::truth),
            };
            kept.extend(some.then_some(*id));
        }
    } else {
        let found = values(env, model, ids, field_of(model, &path)?).await?;
        kept = ids.iter().zip(found).filter(|(_, value)| python::truth(value)).map(|(id, _)| *id).collect();
    }
    Ok(shown(&model.name, &kept))
}

/// The records that meet a domain, in their order.
async fn filtered_domain(env: &Env<'_>, model: &Arc<Model>, ids: &[i32], domain: &Value) -> Result<Value> {
    if ids.is_empty() || !python::truth(domain) {
        return Ok(shown(&model.name, ids));
    }
    access::check_model(env, model, Operation::Read).await?;
    access::check_records(env, model, ids, Operation::Read).await?;
    let domain = Domain::parse(domain, env.series())?;
    let domain = Domain::and(vec![domain, Domain::leaf("id", Operator::In, ids.to_vec())]);
    let found: HashSet<i32> = search::ids(&env.with("active_test", false), model, &domain).await?.into_iter().collect();
    let kept: Vec<i32> = ids.iter().copied().filter(|id| found.contains(id)).collect();
    Ok(shown(&model.name, &kept))
}

/// The records in the model's order, or by a field.
async fn sorted(env: &Env<'_>, model: &Arc<Model>, ids: &[i32], key: &Value, reverse: bool) -> Result<Value> {
    if key.is_null() {
        let domain = Domain::leaf("id", Operator::In, ids.to_vec());
        let mut found = search::search(env, model, &domain, &Page::default()).await?;
        if reverse {
            found.reverse();
        }
        return Ok(shown(&model.name, &found));
    }
    let field = field_of(model, &path_of(key)?)?;
    let found = values(env, model, ids, field).await?;
    let type_of = |value: &Value| match (field.kind, value) {
        (Kind::Date, Value::String(_)) => "datetime.date",
        (Kind::Datetime, Value::String(_)) => "datetime.datetime",
        (Kind::Html, Value::String(_)) => "Markup",
        (_, value) => python::type_name(value),
    };
    let is_number = |value: &Value| value.is_number() || value.is_boolean();
    for pair in found.windows(2).filter(|_| !field.kind.is_relational()) {
        let comparable = (pair[0].is_string() && pair[1].is_string()) || (is_number(&pair[0]) && is_number(&pair[1]));
        if !comparable {
            let (later, earlier) = (type_of(&pair[1]), type_of(&pair[0]));
            let message = format!("'<' not supported between instances of '{later}' and '{earlier}'");
            return Err(Error::type_error(message));
        }
    }
    let mut pairs: Vec<(i32, Value)> = ids.iter().copied().zip(found).collect();
    // Python keeps the order of equal ones, also in reverse.
    pairs.sort_by(|(_, one), (_, other)| if reverse { compare(other, one) } else { compare(one, other) });
    Ok(shown(&model.name, &pairs.into_iter().map(|(id, _)| id).collect::<Vec<_>>()))
}

/// Texts by their characters, numbers by size; of relations, those without records come first.
fn compare(one: &Value, other: &Value) -> Ordering {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        other => f64::from(u8::from(python::truth(other))),
    };
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.cmp(other),
        _ => number(one).total_cmp(&number(other)),
    }
}

/// Records by the values of a field.
async fn grouped(env: &Env<'_>, model: &Arc<Model>, ids: &[i32], key: &str) -> Result<Value> {
    let field = field_of(model, key)?;
    let found = values(env, model, ids, field).await?;
    let mut groups: Vec<(String, Vec<i32>)> = Vec::new();
    for (id, value) in ids.iter().zip(found) {
        let unfit =
            |kind: &str| Err(Error::type_error(format!("keys must be str, int, float, bool or None, not {kind}")));
        let key = match &value {
            _ if field.kind.is_relational() => return unfit(field.comodel()),
            Value::String(_) if field.kind == Kind::Date => return unfit("date"),
            Value::String(_) if field.kind == Kind::Datetime => return unfit("datetime"),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, ids)) => ids.push(*id),
            None => groups.push((key, vec![*id])),
        }
    }
    Ok(groups.into_iter().map(|(key, ids)| (key, shown(&model.name, &ids))).collect::<Map<_, _>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_shows_them() {
        assert_eq!(shown("res.partner", &[]), "res.partner()");
        assert_eq!(shown("res.partner", &[3]), "res.partner(3,)");
        assert_eq!(shown("res.partner", &[3, 4]), "res.partner(3, 4)");
    }
}
