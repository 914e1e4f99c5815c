//! Manual models and fields (`x_…`): rows of `ir.model` and `ir.model.fields` that have tables and columns.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query as Sql};
use serde_json::{Map, Value};

use super::env::Env;
use super::field::Field;
use super::query::{self, column};
use super::registry::{Model, Registry};
use super::schema;
use crate::database::dialect;
use crate::error::{Error, Result};

const FIELDS: [&str; 20] = [
    "id",
    "name",
    "model",
    "ttype",
    "relation",
    "relation_field",
    "relation_table",
    "column1",
    "column2",
    "related",
    "compute",
    "domain",
    "on_delete",
    "size",
    "required",
    "readonly",
    "store",
    "copied",
    "index",
    "currency_field",
];

/// Reads the registry of a database: the modules' models, and the manual ones.
pub(super) async fn load(env: &Env<'_>) -> Result<Registry> {
    let base = Registry::base(env.series());
    let (models, fields, selections) = ("ir_model", "ir_model_fields", "ir_model_fields_selection");
    let manual = |table: &str| {
        Sql::select()
            .from(Alias::new(table))
            .and_where(column(table, "state").eq("manual"))
            .order_by((Alias::new(table), Alias::new("id")), sea_orm::Order::Asc)
            .take()
    };
    let names = ["model", "order", "abstract", "transient"];
    let names = names.into_iter().filter(|name| base.get("ir.model").is_some_and(|model| model.field(name).is_some()));
    let names: Vec<&str> = names.collect();
    let mut columns = vec![query::translated(column(models, "name"), "en_US")];
    columns.extend(names.iter().map(|name| column(models, name)));
    let rows_of_models = rows(env.json_rows(manual(models), columns).await?, &[&["name"], names.as_slice()].concat());
    let known: Vec<&str> = FIELDS
        .into_iter()
        .chain(["translate"])
        .filter(|name| base.get("ir.model.fields").and_then(|model| model.field(name)).is_some_and(|f| f.is_column()))
        .collect();
    let texts = ["field_description", "help"];
    let mut columns: Vec<_> = texts.iter().map(|name| query::translated(column(fields, name), "en_US")).collect();
    columns.extend(known.iter().map(|name| column(fields, name)));
    let names = [texts.as_slice(), known.as_slice()].concat();
    let mut rows_of_fields = rows(env.json_rows(manual(fields), columns).await?, &names);
    if rows_of_models.is_empty() && rows_of_fields.is_empty() {
        return Ok(Registry::clone(&base));
    }
    let options = Sql::select()
        .from(Alias::new(selections))
        .order_by((Alias::new(selections), Alias::new("sequence")), sea_orm::Order::Asc)
        .order_by((Alias::new(selections), Alias::new("id")), sea_orm::Order::Asc)
        .take();
    let label = query::translated(column(selections, "name"), "en_US");
    let mut of_field: HashMap<i64, Vec<Value>> = HashMap::new();
    let columns = vec![column(selections, "field_id"), column(selections, "value"), label];
    for mut row in env.json_rows(options, columns).await? {
        if let Some(field) = row[0].as_i64() {
            let pair = row.split_off(1);
            of_field.entry(field).or_default().push(pair.into());
        }
    }
    for row in &mut rows_of_fields {
        if let Some(options) = row.get("id").and_then(Value::as_i64).and_then(|id| of_field.remove(&id)) {
            row.insert("selection".to_owned(), options.into());
        }
    }
    let mut groups = groups(env, &base).await?;
    for row in &mut rows_of_fields {
        if let Some(groups) = row.get("id").and_then(Value::as_i64).and_then(|id| groups.remove(&id)) {
            row.insert("groups".to_owned(), groups.into());
        }
    }
    Ok(base.with_manual(&rows_of_models, &rows_of_fields))
}

/// The groups that may see fields, by field: their external ids, or their ids where they have none.
async fn groups(env: &Env<'_>, base: &Registry) -> Result<HashMap<i64, Vec<String>>> {
    let field = base.get("ir.model.fields").and_then(|model| model.field("groups"));
    let Some(relation) = field.and_then(|field| field.table.as_ref()) else { return Ok(HashMap::new()) };
    let data = "ir_model_data";
    let group = column(&relation.table, &relation.other);
    let select = Sql::select()
        .from(Alias::new(&relation.table))
        .left_join(
            Alias::new(data),
            column(data, "res_id").eq(group.clone()).and(column(data, "model").eq("res.groups")),
        )
        .take();
    let columns = vec![column(&relation.table, &relation.own), group, column(data, "module"), column(data, "name")];
    let mut groups: HashMap<i64, Vec<String>> = HashMap::new();
    for row in env.json_rows(select, columns).await? {
        let [Some(field), Some(group)] = [row[0].as_i64(), row[1].as_i64()] else { continue };
        let named = row[2].as_str().zip(row[3].as_str()).map(|(module, name)| format!("{module}.{name}"));
        groups.entry(field).or_default().push(named.unwrap_or_else(|| group.to_string()));
    }
    Ok(groups)
}

fn rows(rows: Vec<Vec<Value>>, names: &[&str]) -> Vec<Map<String, Value>> {
    rows.into_iter().map(|row| names.iter().map(|name| (*name).to_owned()).zip(row).collect()).collect()
}

/// The column `select` of rows by id.
async fn column_of(env: &Env<'_>, table: &str, ids: &[i32], select: &[&str]) -> Result<Vec<Vec<Value>>> {
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let statement = Sql::select()
        .from(Alias::new(table))
        .and_where(query::one_of(column(table, "id"), &wanted, env.is_sqlite()))
        .take();
    env.json_rows(statement, select.iter().map(|name| column(table, name)).collect()).await
}

/// Makes the tables of manual models that have none yet, with columns for all their fields. Answers which those are.
///
/// # Errors
/// A failure of the database.
pub async fn models_created(env: &Env<'_>, ids: &[i32]) -> Result<Vec<String>> {
    let registry = env.registry().await?;
    let mut made = Vec::new();
    let tables = dialect::tables(env.db()).await?;
    for row in column_of(env, "ir_model", ids, &["model", "state"]).await? {
        let [Value::String(name), state] = row.as_slice() else { continue };
        let lacks = |model: &&Arc<Model>| *state == "manual" && model.has_table() && !tables.contains(&model.table);
        if let Some(model) = registry.get(name).filter(lacks) {
            schema::add_model(env.db(), &registry, model).await?;
            made.push(name.clone());
        }
    }
    Ok(made)
}

/// Removes the tables of manual models whose rows are about to go, with their fields, rights and rules.
///
/// # Errors
/// A `UserError` for a model of a module; a failure of the database.
pub async fn models_unlinked(env: &Env<'_>, ids: &[i32]) -> Result<()> {
    let registry = env.registry().await?;
    for row in column_of(env, "ir_model", ids, &["model", "state", "name"]).await? {
        let [Value::String(name), state, ..] = row.as_slice() else { continue };
        if *state != "manual" {
            let description = registry.get(name).map(|model| model.description.clone()).unwrap_or_default();
            return Err(Error::UserError(format!("Model “{description}” contains module data and cannot be removed.")));
        }
        if let Some(model) = registry.get(name) {
            for field in model.fields.values().filter(|field| field.table.is_some()) {
                schema::drop_field(env.db(), &registry, model, field).await?;
            }
            // Fields of others that refer to it go with it.
            let referring: Vec<(String, String)> = registry.referrers(name).to_vec();
            for (other, field) in referring.into_iter().filter(|(other, _)| other != name) {
                if let Some((other, field)) =
                    registry.get(&other).and_then(|model| Some((model, model.field(&field)?))).filter(|(_, f)| f.manual)
                {
                    schema::drop_field(env.db(), &registry, other, field).await?;
                }
            }
            schema::drop_model(env.db(), model).await?;
            env.database().forget_ids(&model.table);
        }
        for (table, of_model) in
            [("ir_model_data", "model"), ("ir_attachment", "res_model"), ("ir_model_fields", "relation")]
        {
            let delete = Sql::delete()
                .from_table(Alias::new(table))
                .and_where(Expr::col(Alias::new(of_model)).eq(name.as_str()))
                .take();
            env.execute(&delete).await?;
        }
    }
    Ok(())
}

/// Makes the columns of manual fields whose rows were just made, but of models whose `made` tables have them already.
///
/// # Errors
/// A failure of the database.
pub async fn fields_created(env: &Env<'_>, ids: &[i32], made: &[String]) -> Result<()> {
    let registry = env.registry().await?;
    for row in column_of(env, "ir_model_fields", ids, &["model", "name", "state"]).await? {
        let [Value::String(model), Value::String(name), state] = row.as_slice() else { continue };
        if *state != "manual" {
            continue;
        }
        let has_column = made.contains(model);
        if let Some((model, field)) = registry.get(model).and_then(|model| Some((model, model.field(name)?)))
            && (!has_column || field.table.is_some())
        {
            schema::add_field(env.db(), &registry, model, field).await?;
        }
    }
    Ok(())
}

/// Removes the columns of manual fields whose rows are about to go.
///
/// # Errors
/// A `UserError` for a field of a module; a failure of the database.
pub async fn fields_unlinked(env: &Env<'_>, ids: &[i32]) -> Result<()> {
    let registry = env.registry().await?;
    let rows = column_of(env, "ir_model_fields", ids, &["model", "name", "state"]).await?;
    let name_of = |row: &Vec<Value>| Some((row[0].as_str()?.to_owned(), row[1].as_str()?.to_owned()));
    let going: Vec<(String, String)> = rows.iter().filter_map(name_of).collect();
    for row in rows {
        let [Value::String(model), Value::String(name), state] = row.as_slice() else { continue };
        if *state != "manual" {
            return Err(Error::UserError("This column contains module data and cannot be removed!".to_owned()));
        }
        if let Some((model, field)) = registry.get(model).and_then(|model| Some((model, model.field(name)?))) {
            if let Some(other) = dependent(&registry, model, field).filter(|other| !going.contains(other)) {
                return Err(Error::UserError(format!(
                    "The field '{}.{name}' cannot be removed because the field '{}.{}' depends on it.",
                    model.name, other.0, other.1
                )));
            }
            schema::drop_field(env.db(), &registry, model, field).await?;
        }
    }
    Ok(())
}

/// A manual field that would mean nothing without a field: the way back of a many2one, or what mirrors it.
fn dependent(registry: &Registry, model: &Model, field: &Field) -> Option<(String, String)> {
    let depends = |other: &Field| {
        let inverse = other.inverse.as_deref() == Some(&field.name) && other.comodel() == model.name;
        let first = other.related.as_deref().and_then(|path| path.split('.').next());
        inverse || other.model == model.name && first == Some(&field.name)
    };
    let all = registry.models().flat_map(|model| model.fields.values());
    let mut found = all.filter(|other| other.manual && other.name != field.name && depends(other));
    found.next().map(|other| (other.model.clone(), other.name.clone()))
}
