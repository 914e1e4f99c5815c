//! `ir.model.data`: external ids, by which records are known outside of a database.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, ExprTrait, Query as Sql};
use serde_json::{Map, Value, json};

use super::Behaviour;
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::call::{self, Bound};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::query::{self, column};
use crate::orm::registry::Model;
use crate::orm::{read, search, write};
use crate::python;

const TABLE: &str = "ir_model_data";

/// An external id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    pub module: String,
    pub name: String,
    /// Whether its record is left alone when its module is updated.
    pub noupdate: bool,
}

impl External {
    /// The id as it is written: `base.main_company`.
    #[must_use]
    pub fn complete_name(&self) -> String {
        complete_name(&self.module, &self.name)
    }
}

fn complete_name(module: &str, name: &str) -> String {
    [module, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// The external ids of records, the oldest first.
///
/// # Errors
/// A failure of the database.
pub async fn external_ids(env: &Env<'_>, model: &str, ids: &[i32]) -> Result<HashMap<i32, Vec<External>>> {
    let mut external: HashMap<i32, Vec<External>> = HashMap::new();
    if ids.is_empty() {
        return Ok(external);
    }
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let select = Sql::select()
        .columns(["res_id", "module", "name", "noupdate"].map(|name| (Alias::new(TABLE), Alias::new(name))))
        .from(Alias::new(TABLE))
        .and_where(column(TABLE, "model").eq(model))
        .and_where(query::one_of(column(TABLE, "res_id"), &wanted, env.is_sqlite()))
        .order_by((Alias::new(TABLE), Alias::new("id")), sea_orm::Order::Asc)
        .take();
    for row in env.rows(&select).await? {
        let noupdate: Option<bool> = row.get(3)?;
        external.entry(row.get(0)?).or_default().push(External {
            module: row.get(1)?,
            name: row.get(2)?,
            noupdate: noupdate.unwrap_or_default(),
        });
    }
    Ok(external)
}

/// The model and the id of the record with that external id.
///
/// # Errors
/// A failure of the database.
pub async fn find(env: &Env<'_>, xmlid: &str) -> Result<Option<(String, i32)>> {
    let Some((module, name)) = xmlid.split_once('.') else { return Ok(None) };
    let select = Sql::select()
        .columns(["model", "res_id"].map(Alias::new))
        .from(Alias::new(TABLE))
        .and_where(column(TABLE, "module").eq(module))
        .and_where(column(TABLE, "name").eq(name))
        .take();
    let Some(row) = env.row(&select).await? else { return Ok(None) };
    let id: Option<i32> = row.get(1)?;
    let Some(id) = id.filter(|id| *id != 0) else { return Ok(None) };
    Ok(Some((row.get(0)?, id)))
}

/// The behaviour of `ir.model.data`.
#[derive(Debug)]
pub struct IrModelData;

#[async_trait]
impl Behaviour for IrModelData {
    async fn display_names(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<HashMap<i32, String>>> {
        let rows = load(env, model, ids).await?;
        let registry = env.registry().await?;
        let mut of_models: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for row in rows.values() {
            of_models.entry(row.model.as_str()).or_default().extend(row.res_id);
        }
        let sudo = env.sudo();
        let mut names: HashMap<(&str, i32), String> = HashMap::new();
        for (of_model, records) in of_models {
            let Some(known) = registry.get(of_model).filter(|known| known.has_table()) else { continue };
            let of_records = read::display_names(&sudo, known, &records).await?;
            names.extend(of_records.into_iter().map(|(id, name)| ((of_model, id), name)));
        }
        let name = |row: &Row| {
            let of_record = names.get(&(row.model.as_str(), row.res_id?)).filter(|name| !name.is_empty());
            of_record.cloned()
        };
        let shown = |(id, row): (&i32, &Row)| (*id, name(row).unwrap_or_else(|| row.complete_name()));
        Ok(Some(rows.iter().map(shown).collect()))
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let value: fn(&Row) -> String = match field.name.as_str() {
            "complete_name" => Row::complete_name,
            "reference" => |row| format!("{},{}", row.model, row.res_id.unwrap_or_default()),
            _ => return Ok(None),
        };
        let rows = load(env, model, ids).await?;
        Ok(Some(rows.into_iter().map(|(id, row)| (id, value(&row).into())).collect()))
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "check_object_reference" => check_object_reference(env, call).await?,
            "toggle_noupdate" => {
                toggle_noupdate(env, model, call).await?;
                Value::Null
            }
            _ => return Ok(None),
        }))
    }
}

/// What an external id says.
struct Row {
    module: String,
    name: String,
    model: String,
    res_id: Option<i32>,
}

impl Row {
    fn complete_name(&self) -> String {
        complete_name(&self.module, &self.name)
    }
}

async fn load(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<HashMap<i32, Row>> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["module", "name", "model", "res_id"]).await?;
    let records = read::fetch(&sudo, model, ids, &fields).await?;
    let row = |(id, record): (i32, Map<String, Value>)| {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let res_id = read::ids_in(&record["res_id"]).first().copied().filter(|id| *id != 0);
        (id, Row { module: text("module"), name: text("name"), model: text("model"), res_id })
    };
    Ok(records.into_iter().map(row).collect())
}

/// `check_object_reference`: the model and the id of a record, the id only for whoever finds the record.
async fn check_object_reference(env: &Env<'_>, call: &Bound) -> Result<Value> {
    let xmlid = format!("{}.{}", python::text(call.get("module")), python::text(call.get("xml_id")));
    let Some((model, id)) = find(env, &xmlid).await? else {
        return Err(Error::value_error(format!("External ID not found in the system: {xmlid}")));
    };
    let of_record = env.model(&model).await?;
    if !search::ids(env, &of_record, &Domain::leaf("id", Operator::Eq, id)).await?.is_empty() {
        return Ok(json!([model, id]));
    }
    if python::truth(call.get("raise_on_access_error")) {
        return Err(Error::AccessError(env.series().external_id_out_of_reach(&xmlid)));
    }
    Ok(json!([model, false]))
}

/// `toggle_noupdate`: has a record's external ids say the opposite of what they say about updates.
async fn toggle_noupdate(env: &Env<'_>, model: &Model, call: &Bound) -> Result<()> {
    let name = python::text(call.get("model"));
    let of_records = env.model(&name).await?;
    access::check_model(env, &of_records, Operation::Write).await?;
    access::check_records(env, &of_records, &call::parse_ids(call.get("res_id"))?, Operation::Write).await?;
    let domain = Domain::and(vec![
        Domain::leaf("model", Operator::Eq, name),
        Domain::leaf("res_id", Operator::Eq, call.get("res_id").clone()),
    ]);
    let found = search::ids(env, model, &domain).await?;
    let fields = read::named_fields(env, model, ["noupdate"]).await?;
    for (id, record) in read::fetch(env, model, &found, &fields).await? {
        let opposite = !python::truth(&record["noupdate"]);
        write::write(env, model, &[id], Map::from_iter([("noupdate".to_owned(), opposite.into())])).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_complete_with_their_module() {
        assert_eq!(complete_name("base", "user_admin"), "base.user_admin");
        assert_eq!(complete_name("", "user_admin"), "user_admin");
    }
}
