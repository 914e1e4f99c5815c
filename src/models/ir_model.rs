//! `ir.model`, `ir.model.fields` and `ir.model.fields.selection`: manual models and fields.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Behaviour, Values};
use crate::database::dialect;
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::call::Bound;
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::{self, Field};
use crate::orm::registry::{Constraint, MAGIC, Model};
use crate::orm::{manual, read, schema, search, write};
use crate::python;
use crate::series::Series;

/// `ir.model`
pub struct IrModel;
/// `ir.model.fields`
pub struct IrModelFields;
/// `ir.model.fields.selection`
pub struct IrModelFieldsSelection;

fn text<'v>(values: &'v Values, name: &str) -> &'v str {
    values.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a name is one that PostgreSQL and Python both take: small letters, digits and `_` (dots in names of models).
fn is_name(name: &str, dots: bool) -> bool {
    !name.is_empty()
        && name.len() <= schema::MAX_IDENTIFIER
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || dots && c == '.')
}

#[async_trait]
impl Behaviour for IrModel {
    fn names_searched(&self, _: Series) -> &'static [&'static str] {
        &["name", "model"]
    }

    async fn prepare_create(&self, env: &Env<'_>, _: &Model, values: &mut Vec<Values>) -> Result<()> {
        let any_name = env.is_superuser() && env.flag(ANY_NAME);
        for record in values {
            let state = record.entry("state").or_insert_with(|| "manual".into());
            let manual = *state == "manual";
            let name = record.entry("model").or_insert_with(|| "x_".into()).clone();
            let name = name.as_str().unwrap_or_default();
            if manual && !name.starts_with("x_") && !any_name {
                return Err(Error::ValidationError("The model name must start with 'x_'.".to_owned()));
            }
            if !is_name(name, true) {
                return Err(Error::ValidationError(
                    "The model name can only contain lowercase characters, digits, underscores and dots.".to_owned(),
                ));
            }
            if !record.get("order").is_some_and(python::truth) {
                record.insert("order".to_owned(), "id".into());
            }
            if record.get("field_id").is_none_or(|value| !python::truth(value)) && manual && !any_name {
                // A model has a name for its records where none is told of its fields.
                let name = json!({"name": "x_name", "field_description": "Name", "ttype": "char", "copied": true});
                record.insert("field_id".to_owned(), json!([[0, 0, name]]));
            }
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, _: &Model, ids: &[i32], values: &[Values]) -> Result<()> {
        env.note_write("ir.model").await?;
        for (id, record) in ids.iter().zip(values) {
            if text(record, "state") == "manual" {
                describe_magic(env, *id, text(record, "model")).await?;
            }
        }
        Ok(())
    }

    async fn prepare_write(&self, _: &Env<'_>, _: &Model, _: &[i32], values: &mut Values) -> Result<()> {
        for (name, message) in [
            ("model", "Model name cannot be changed."),
            ("state", "Type cannot be changed."),
            ("transient", "Transient flag cannot be changed."),
            ("abstract", "Abstract flag cannot be changed."),
        ] {
            if values.get(name).is_some_and(python::truth) {
                return Err(Error::UserError(message.to_owned()));
            }
        }
        Ok(())
    }

    async fn prepare_unlink(&self, env: &Env<'_>, _: &Model, ids: &[i32]) -> Result<()> {
        manual::models_unlinked(env, ids).await
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(match call.method.name.as_str() {
            "display_name_for" => {
                let names = python::list(call.get("models").clone())?.iter().map(python::text).collect();
                Some(display_names(env, model, Some(names)).await?)
            }
            "get_available_models" => Some(display_names(env, model, None).await?),
            _ => None,
        })
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let Some(name) = model.field("model").cloned() else { return Ok(None) };
        let names = read::fetch(&env.sudo(), model, ids, &[name]).await?;
        let registry = env.registry().await?;
        let mut values = HashMap::new();
        for (id, record) in names {
            let of = registry.get(record["model"].as_str().unwrap_or_default());
            let value = match field.name.as_str() {
                "count" => match of.filter(|model| model.has_table()) {
                    Some(model) => {
                        let all = env.sudo().with("active_test", false);
                        search::count(&all, model, &Domain::True, None).await?.into()
                    }
                    None => 0.into(),
                },
                "modules" => {
                    of.map_or(Value::Bool(false), |model| if model.manual { "".into() } else { "base".into() })
                }
                "rec_name" => of.and_then(|model| model.rec_name.clone()).map_or(Value::Bool(false), Value::from),
                _ => return Ok(None),
            };
            values.insert(id, value);
        }
        Ok(Some(values))
    }
}

/// `display_name_for` and, of all models, `get_available_models`: the labels of the models that the caller can choose from,
/// then the names of the others.
async fn display_names(env: &Env<'_>, model: &Model, names: Option<Vec<String>>) -> Result<Value> {
    let registry = env.registry().await?;
    let internal = env.has_group("base.group_user").await?;
    let (mut offered, mut others) = (Vec::new(), Vec::new());
    let (names, asked) = match names {
        Some(names) => (names, true),
        None => (registry.models().map(|model| model.name.clone()).collect(), false),
    };
    for name in names {
        let available = match registry.get(&name) {
            Some(model) if internal && model.has_table() && !model.transient => {
                access::may(env, model, Operation::Read).await?
            }
            _ => false,
        };
        if available {
            offered.push(Value::from(name));
        } else if asked {
            others.push(name);
        }
    }
    let fields = ["name", "model"].into_iter().filter_map(|name| model.field(name).cloned()).collect::<Vec<_>>();
    let domain = Domain::leaf("model", Operator::In, offered);
    let sudo = env.sudo();
    let ids = search::search(&sudo, model, &domain, &search::Page::default()).await?;
    let rows = read::read(&sudo, model, &ids, &fields, false).await?;
    let labelled = rows.iter().map(|row| json!({"display_name": row["name"], "model": row["model"]}));
    let unnamed = others.iter().map(|name| json!({"display_name": name, "model": name}));
    Ok(labelled.chain(unnamed).collect())
}

/// The rows of the fields that every model has.
async fn describe_magic(env: &Env<'_>, model_id: i32, model: &str) -> Result<()> {
    let fields = env.model("ir.model.fields").await?;
    let registry = env.registry().await?;
    let Some(definition) = registry.get(model).cloned() else { return Ok(()) };
    manual::models_created(env, &[model_id]).await?;
    let mut rows = Vec::new();
    for name in MAGIC {
        let Some(field) = definition.field(name) else { continue };
        rows.push(Map::from_iter([
            ("model_id".to_owned(), model_id.into()),
            ("name".to_owned(), name.into()),
            ("field_description".to_owned(), field.string.clone().into()),
            ("ttype".to_owned(), field.kind.name().into()),
            ("relation".to_owned(), field.relation.clone().into()),
            ("readonly".to_owned(), true.into()),
            ("store".to_owned(), field.store.into()),
            ("copied".to_owned(), false.into()),
            ("state".to_owned(), "base".into()),
        ]));
    }
    write::create(&env.sudo().without_defaults(), &fields, rows).await?;
    Ok(())
}

#[async_trait]
impl Behaviour for IrModelFields {
    fn names_searched(&self, _: Series) -> &'static [&'static str] {
        &["name", "field_description"]
    }

    async fn prepare_create(&self, env: &Env<'_>, _: &Model, values: &mut Vec<Values>) -> Result<()> {
        let models = env.model("ir.model").await?;
        for record in values {
            if let Some(id) = record.get("model_id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok())
                && let Some(field) = models.field("model")
            {
                let name = read::values(&env.sudo(), &models, &[id], field).await?.pop();
                record.insert("model".to_owned(), name.unwrap_or(Value::Bool(false)));
            }
            if text(record, "state") == "base" {
                continue;
            }
            complete(env, record).await?;
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, _: &Model, ids: &[i32], values: &[Values]) -> Result<()> {
        env.note_write("ir.model.fields").await?;
        for record in values.iter().filter(|record| !text(record, "related").is_empty()) {
            check_related(env, record).await?;
        }
        // Fields that come with a model's own row find its table made.
        let made = if env.registry().await?.models().any(|model| model.manual) {
            ensure_tables(env, ids).await?
        } else {
            Vec::new()
        };
        manual::fields_created(env, ids, &made).await
    }

    async fn prepare_write(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &mut Values) -> Result<()> {
        let Some(state) = model.field("state").cloned() else { return Ok(()) };
        let states = read::values(&env.sudo(), model, ids, &state).await?;
        if !env.is_superuser() && states.iter().any(|state| *state != "manual") {
            return Err(Error::UserError(
                "Properties of base fields cannot be altered in this manner! Please modify them through Python code, \
                 preferably through a custom addon!"
                    .to_owned(),
            ));
        }
        for (name, message) in [
            ("model_id", "Changing the model of a field is forbidden!"),
            ("ttype", "Changing the type of a field is not yet supported. Please drop it and create it again!"),
            ("name", "Renaming a field is not supported. Please drop it and create it again!"),
        ] {
            let Some(new) = values.get(name) else { continue };
            let Some(field) = model.field(name).cloned() else { continue };
            let old = read::values(&env.sudo(), model, ids, &field).await?;
            if old.iter().any(|old| old != new) {
                return Err(Error::UserError(message.to_owned()));
            }
        }
        Ok(())
    }

    async fn prepare_unlink(&self, env: &Env<'_>, _: &Model, ids: &[i32]) -> Result<()> {
        manual::fields_unlinked(env, ids).await
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let wanted: Vec<_> = ["model", "name"].into_iter().filter_map(|name| model.field(name).cloned()).collect();
        let records = read::fetch(&env.sudo(), model, ids, &wanted).await?;
        let registry = env.registry().await?;
        let mut values = HashMap::new();
        for (id, record) in records {
            let of = registry.get(record["model"].as_str().unwrap_or_default());
            let described = of.and_then(|model| model.field(record["name"].as_str().unwrap_or_default()));
            let value = match field.name.as_str() {
                "selection" => {
                    let options: Vec<String> = described
                        .map(|field| &field.selection)
                        .into_iter()
                        .flatten()
                        .map(|(key, label)| format!("({}, {})", python::repr(&json!(key)), python::repr(&json!(label))))
                        .collect();
                    if options.is_empty() { Value::Bool(false) } else { format!("[{}]", options.join(", ")).into() }
                }
                "modules" => described.map_or("".into(), |field| if field.manual { "" } else { "base" }.into()),
                _ => return Ok(None),
            };
            values.insert(id, value);
        }
        Ok(Some(values))
    }
}

/// Checks a manual field and tells what follows from what was told.
async fn complete(env: &Env<'_>, record: &mut Values) -> Result<()> {
    let invalid = |message: &str| Err(Error::ValidationError(message.to_owned()));
    record.insert("state".to_owned(), "manual".into());
    let name = text(record, "name").to_owned();
    if !is_name(&name, false) {
        return invalid("Field names can only contain characters, digits and underscores (up to 63).");
    }
    let relation = text(record, "relation").to_owned();
    let registry = env.registry().await?;
    let kind = text(record, "ttype").to_owned();
    if !relation.is_empty() && registry.get(&relation).is_none() {
        return Err(Error::UserError(format!("Model {relation} does not exist!")));
    }
    if relation.is_empty()
        && text(record, "related").is_empty()
        && ["many2one", "one2many", "many2many"].contains(&kind.as_str())
    {
        return Err(Error::UserError("Related field and model must be set.".to_owned()));
    }
    let model = text(record, "model").to_owned();
    if registry.get(&model).is_some_and(|model| model.field(&name).is_some()) {
        return invalid("The operation cannot be completed: Field names must be unique per model.");
    }
    if kind == "many2many" && text(record, "relation_table").is_empty() {
        let (own, other) = (model.replace('.', "_"), relation.replace('.', "_"));
        let standard = field::default_relation(&model, &relation);
        let (column, back) =
            if own == other { ("id1".to_owned(), "id2".to_owned()) } else { (standard.own, standard.other) };
        let table = schema::identifier(&format!("x_{own}_{other}_{name}_rel"));
        record.insert("relation_table".to_owned(), table.into());
        record.insert("column1".to_owned(), column.into());
        record.insert("column2".to_owned(), back.into());
    }
    if kind == "one2many" {
        let inverse = text(record, "relation_field");
        let fits = registry.get(&relation).and_then(|model| model.field(inverse));
        if fits.is_none() {
            return Err(Error::UserError(format!("Many2one {inverse} on model {relation} does not exist!")));
        }
    }
    if !record.get("domain").is_some_and(python::truth) {
        record.insert("domain".to_owned(), "[]".into());
    }
    check_manual_name(env, &name).await
}

/// Set in the context of the superuser, who has no client, to make models and fields with names of any kind.
pub const ANY_NAME: &str = "any_name";

/// Refuses the name of a field that is a module's, in the words of the rule of the table that it breaks in Odoo.
async fn check_manual_name(env: &Env<'_>, name: &str) -> Result<()> {
    if name.starts_with("x_") || env.is_superuser() && env.flag(ANY_NAME) {
        return Ok(());
    }
    let fields = env.model("ir.model.fields").await?;
    let rule = fields.constraints.iter().find(|rule| rule.name(&fields.table) == schema::MANUAL_NAME);
    let Some(message) = rule.and_then(Constraint::message) else { return Ok(()) };
    // The id is gone, as if the database had refused the row.
    dialect::next_ids(env.db(), env.database(), &fields.table, 1).await?;
    dialect::skip_ids(env.db(), &fields.table, 1).await?;
    Err(Error::ValidationError(format!("The operation cannot be completed: {message}")))
}

/// Refuses a field that mirrors nothing, or something of another kind.
async fn check_related(env: &Env<'_>, record: &Values) -> Result<()> {
    let (related, kind, relation) = (text(record, "related"), text(record, "ttype"), text(record, "relation"));
    let series = env.series();
    let registry = env.registry().await?;
    let mut of = text(record, "model").to_owned();
    let mut last = None;
    for name in related.split('.') {
        if of.is_empty() {
            return Err(Error::UserError(series.broken_related_field("Non-relational", name, related)));
        }
        let field = registry.get(&of).and_then(|model| model.field(name)).cloned();
        let Some(field) = field else {
            return Err(Error::UserError(series.broken_related_field("Unknown", name, related)));
        };
        of = if field.kind.is_relational() { field.comodel().to_owned() } else { String::new() };
        last = Some(field);
    }
    let Some(target) = last else { return Ok(()) };
    let quoted = |text: &str| series.quoted(text);
    if target.kind.name() != kind {
        let message = format!("Related field {} does not have type {}", quoted(related), quoted(kind));
        return Err(Error::ValidationError(message));
    }
    if target.kind.is_relational() && !relation.is_empty() && target.comodel() != relation {
        let message = format!("Related field {} does not have comodel {}", quoted(related), quoted(relation));
        return Err(Error::ValidationError(message));
    }
    Ok(())
}

/// Makes the tables of manual models that have none yet, whose fields were just made; answers which.
async fn ensure_tables(env: &Env<'_>, ids: &[i32]) -> Result<Vec<String>> {
    let fields = env.model("ir.model.fields").await?;
    let Some(model_id) = fields.field("model_id").cloned() else { return Ok(Vec::new()) };
    let owners = read::values(&env.sudo(), &fields, ids, &model_id).await?;
    let mut owners: Vec<i32> = owners.iter().flat_map(read::ids_in).collect();
    owners.sort_unstable();
    owners.dedup();
    manual::models_created(env, &owners).await
}

#[async_trait]
impl Behaviour for IrModelFieldsSelection {
    async fn created(&self, env: &Env<'_>, _: &Model, _: &[i32], _: &[Values]) -> Result<()> {
        env.note_write("ir.model.fields.selection").await
    }

    async fn prepare_unlink(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
        // Records with an option that goes are left without.
        let wanted: Vec<_> = ["field_id", "value"].into_iter().filter_map(|name| model.field(name).cloned()).collect();
        let fields = env.model("ir.model.fields").await?;
        let sudo = env.sudo().with("active_test", false);
        for record in read::fetch(&sudo, model, ids, &wanted).await?.into_values() {
            let Some(field) = read::ids_in(&record["field_id"]).first().copied() else { continue };
            let described: Vec<_> =
                ["model", "name"].into_iter().filter_map(|name| fields.field(name).cloned()).collect();
            let described = read::fetch(&sudo, &fields, &[field], &described).await?;
            let Some(described) = described.get(&field) else { continue };
            let name = described["name"].as_str().unwrap_or_default().to_owned();
            let of = env.model(described["model"].as_str().unwrap_or_default()).await?;
            if of.field(&name).is_none_or(|field| !field.is_column()) {
                continue;
            }
            let domain = Domain::leaf(name.clone(), Operator::Eq, record["value"].clone());
            let affected = search::ids(&sudo, &of, &domain).await?;
            write::write(&sudo, &of, &affected, Map::from_iter([(name, Value::Bool(false))])).await?;
        }
        Ok(())
    }
}
