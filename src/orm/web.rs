//! What the web client asks for: records as a specification describes them (`web_read`, `web_search_read`,
//! `web_save`, `web_resequence`, `web_name_search`).

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Bound;
use super::domain::{Domain, Operator};
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::Model;
use super::search::{self, Page};
use super::{names, read, write};
use crate::error::Result;
use crate::python;

type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// Runs a method of the web client; nothing where there is none of that name.
///
/// # Errors
/// What the method returns.
pub async fn run(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Option<Value>> {
    let ids = call.ids.as_slice();
    let specification = || call.get("specification").as_object().cloned().unwrap_or_default();
    Ok(Some(match call.method.name.as_str() {
        "web_read" => web_read(env, model, ids, &specification()).await?.into(),
        "web_search_read" => web_search_read(env, model, call, &specification()).await?,
        "web_save" => {
            let values = super::call::values(call.get("vals"), model, env.series())?;
            let mut saved = if ids.is_empty() {
                write::create(env, model, vec![values]).await?
            } else {
                write::write(env, model, ids, values).await?;
                ids.to_vec()
            };
            if python::truth(call.get("next_id")) {
                saved = super::call::parse_ids(call.get("next_id"))?;
            }
            web_read(&env.with("bin_size", true), model, &saved, &specification()).await?.into()
        }
        "web_save_multi" => {
            let list = python::list(call.get("vals_list").clone())?;
            for (id, values) in ids.iter().zip(&list) {
                write::write(env, model, &[*id], super::call::values(values, model, env.series())?).await?;
            }
            web_read(&env.with("bin_size", true), model, ids, &specification()).await?.into()
        }
        "web_resequence" => {
            let (field, first) = (python::text(call.get("field_name")), python::int(call.get("offset"))?);
            for (number, id) in (first..).zip(ids) {
                write::write(env, model, &[*id], Map::from_iter([(field.clone(), number.into())])).await?;
            }
            web_read(env, model, ids, &specification()).await?.into()
        }
        "web_name_search" => web_name_search(env, model, call, &specification()).await?,
        _ => return super::group::run(env, model, call).await,
    }))
}

/// `web_read`: the records with the fields that the specification names, and the fields of their relations that it names.
///
/// # Errors
/// A `ValueError` for a field that there is not; an `AccessError`; a failure of the database.
#[must_use]
pub fn web_read<'e>(
    env: &'e Env<'_>,
    model: &'e Model,
    ids: &'e [i32],
    specification: &'e Map<String, Value>,
) -> Step<'e, Vec<Value>> {
    Box::pin(async move {
        let names: Vec<String> = specification.keys().cloned().collect();
        let fields = read::named_fields(env, model, &names).await?;
        let mut rows = read::read(env, model, ids, &fields, false).await?;
        for field in &fields {
            let Some(Value::Object(wanted)) = specification.get(&field.name) else { continue };
            match field.kind {
                Kind::Many2one if wanted.contains_key("fields") => many2one(env, field, wanted, &mut rows).await?,
                Kind::One2many | Kind::Many2many if !wanted.is_empty() => x2many(env, field, wanted, &mut rows).await?,
                Kind::Reference if wanted.contains_key("fields") => reference(env, field, wanted, &mut rows).await?,
                _ => {}
            }
        }
        Ok(rows.into_iter().map(Value::from).collect())
    })
}

fn in_context<'a>(env: &Env<'a>, wanted: &Map<String, Value>) -> Env<'a> {
    let Some(Value::Object(more)) = wanted.get("context") else { return env.clone() };
    let mut context = env.context().clone();
    context.extend(more.clone());
    env.with_context(context)
}

fn fields_of(wanted: &Map<String, Value>) -> Map<String, Value> {
    wanted.get("fields").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The records of a relation as `web_read` shows them, by id.
async fn related(
    env: &Env<'_>,
    comodel: &Model,
    ids: BTreeSet<i32>,
    specification: &Map<String, Value>,
) -> Result<HashMap<i32, Value>> {
    let ids: Vec<i32> = ids.into_iter().collect();
    let rows = web_read(env, comodel, &ids, specification).await?;
    let id = |row: &Value| row["id"].as_i64().and_then(|id| i32::try_from(id).ok());
    Ok(rows.into_iter().filter_map(|row| Some((id(&row)?, row))).collect())
}

async fn many2one(
    env: &Env<'_>,
    field: &Field,
    wanted: &Map<String, Value>,
    rows: &mut [Map<String, Value>],
) -> Result<()> {
    let comodel = env.model(field.comodel()).await?;
    let env = in_context(env, wanted);
    let ids: BTreeSet<i32> = rows.iter().filter_map(|row| row.get(&field.name)).flat_map(read::ids_in).collect();
    let mut specification = fields_of(wanted);
    // A record's name may be seen where the record may not.
    let wants_name = specification.shift_remove("display_name").is_some();
    let all: Vec<i32> = ids.iter().copied().collect();
    let names = if wants_name { read::display_names(&env.sudo(), &comodel, &all).await? } else { HashMap::new() };
    let mut found: HashMap<i32, Value> = if specification.is_empty() {
        all.iter().map(|id| (*id, json!({"id": id}))).collect()
    } else {
        related(&env, &comodel, ids, &specification).await?
    };
    for (id, name) in names {
        if let Some(record) = found.get_mut(&id) {
            record["display_name"] = name.into();
        }
    }
    for row in rows {
        let Some(value) = row.get_mut(&field.name) else { continue };
        if let Some(id) = read::ids_in(value).first() {
            *value = found.get(id).cloned().unwrap_or(Value::Bool(false));
        }
    }
    Ok(())
}

async fn x2many(
    env: &Env<'_>,
    field: &Field,
    wanted: &Map<String, Value>,
    rows: &mut [Map<String, Value>],
) -> Result<()> {
    let comodel = env.model(field.comodel()).await?;
    let env = in_context(env, wanted);
    let ids: BTreeSet<i32> = rows.iter().filter_map(|row| row.get(&field.name)).flat_map(read::ids_in).collect();
    if let Some(order) = wanted.get("order").and_then(Value::as_str).filter(|order| !order.is_empty()) {
        let domain = Domain::leaf("id", Operator::In, ids.iter().copied().collect::<Vec<_>>());
        let page = Page { order: Some(order.to_owned()), ..Page::default() };
        let sorted = search::search(&env.with("active_test", false), &comodel, &domain, &page).await?;
        let rank: HashMap<i32, usize> = sorted.into_iter().enumerate().map(|(rank, id)| (id, rank)).collect();
        for row in rows.iter_mut() {
            let Some(value) = row.get_mut(&field.name) else { continue };
            let mut ids = read::ids_in(value);
            ids.retain(|id| rank.contains_key(id));
            ids.sort_by_key(|id| rank[id]);
            *value = ids.into();
        }
    }
    if !wanted.contains_key("fields") {
        return Ok(());
    }
    let limit = wanted.get("limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(usize::MAX);
    let shown = rows.iter().filter_map(|row| row.get(&field.name));
    let shown: BTreeSet<i32> = shown.flat_map(|value| read::ids_in(value).into_iter().take(limit)).collect();
    let found = related(&env, &comodel, shown, &fields_of(wanted)).await?;
    for row in rows {
        let Some(value) = row.get_mut(&field.name) else { continue };
        let records = read::ids_in(value).into_iter().enumerate().filter_map(|(index, id)| {
            // Those beyond the limit are there, with nothing but their id.
            if index < limit { found.get(&id).cloned() } else { Some(json!({"id": id})) }
        });
        *value = records.collect();
    }
    Ok(())
}

async fn reference(
    env: &Env<'_>,
    field: &Field,
    wanted: &Map<String, Value>,
    rows: &mut [Map<String, Value>],
) -> Result<()> {
    let env = in_context(env, wanted);
    let specification = fields_of(wanted);
    for row in rows {
        let Some(value) = row.get_mut(&field.name) else { continue };
        let Some((model, id)) = value.as_str().and_then(|text| text.split_once(',')) else { continue };
        let (model, Ok(id)) = (env.model(model).await?, id.parse::<i32>()) else { continue };
        let record = web_read(&env, &model, &[id], &specification).await?.pop();
        *value = record.unwrap_or(Value::Bool(false));
    }
    Ok(())
}

async fn web_search_read(
    env: &Env<'_>,
    model: &Model,
    call: &Bound,
    specification: &Map<String, Value>,
) -> Result<Value> {
    let domain = Domain::parse(call.get("domain"), env.series())?;
    let page = Page::parse(call.get("offset"), call.get("limit"), call.get("order"))?;
    let ids = search::search(env, model, &domain, &page).await?;
    let records = if specification.is_empty() && call.method.has("fields") {
        // 16.0 and before name fields instead.
        let names = call.get("fields").as_array().cloned().unwrap_or_default();
        let names: Vec<String> = names.iter().map(python::text).collect();
        let fields = match names.as_slice() {
            [] => read::visible_fields(env, model).await?,
            names => read::named_fields(env, model, names).await?,
        };
        read::read(env, model, &ids, &fields, true).await?.into_iter().map(Value::from).collect()
    } else {
        web_read(env, model, &ids, specification).await?
    };
    let seen = page.offset + u64::try_from(ids.len()).unwrap_or_default();
    let full = page.limit.is_some_and(|limit| u64::try_from(ids.len()) == Ok(limit));
    let length = if !ids.is_empty() && full || ids.is_empty() && page.offset > 0 || env.flag("force_search_count") {
        let limit = Page::parse(&Value::Null, call.get("count_limit"), &Value::Null)?.limit;
        search::count(env, model, &domain, limit).await?.into()
    } else {
        Value::from(seen)
    };
    Ok(json!({"length": length, "records": records}))
}

async fn web_name_search(
    env: &Env<'_>,
    model: &Model,
    call: &Bound,
    specification: &Map<String, Value>,
) -> Result<Value> {
    let domain = Domain::parse(call.get("domain"), env.series())?;
    let operator = call.get("operator").as_str().and_then(|text| Operator::parse(text, env.series()));
    let limit = Page::parse(&Value::Null, call.get("limit"), &Value::Null)?.limit;
    let operator = operator.unwrap_or(Operator::Ilike);
    let ids = names::name_search(env, model, call.get("name"), &domain, operator, limit).await?;
    let names = read::display_names(&env.sudo(), model, &ids).await?;
    let mut records = web_read(env, model, &ids, specification).await?;
    for (id, record) in ids.iter().zip(&mut records) {
        record["__formatted_display_name"] = names.get(id).cloned().unwrap_or_default().into();
    }
    Ok(records.into())
}
