//! What a fresh database contains: the records in the data files of `modules/`, and the rows that tell of its models.
//!
//! `modules/<module>/<series>/<model>.json` is a list of records; `modules/import.py` tells their form. They are
//! written with one prepared statement a table: it must be ready in milliseconds.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;
use entity::{ir_config_parameter, ir_module_module, sessions};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Map, Value, json};

use super::wanted::{self, NewDatabase};
use super::{Transaction, dialect, parameter};
use crate::clock;
use crate::error::Result;
use crate::modules;
use crate::orm::field::{Field, Kind};
use crate::orm::registry::{Model, Registry};
use crate::series::Series;

/// The language that every database has.
pub const DEFAULT_LANG: &str = "en_US";

/// The tables that are written first: those to which all others refer, and before them the few rows that refer to each
/// other in a circle. As long as a reference is open, SQLite looks through all tables for it with each row.
const FIRST: [&str; 11] = [
    "res_users",
    "res_partner",
    "res_company",
    "res_currency",
    "res_country",
    "res_country_state",
    "res_groups",
    "ir_module_category",
    "ir_model",
    "ir_model_fields",
    "ir_model_data",
];

/// The superuser, by whom the first records are made.
const SUPERUSER: i32 = 1;

/// Fills a database that has its tables and nothing else.
///
/// # Errors
/// A failure of the database.
///
/// # Panics
/// A data file is no list of objects; the tests of this module read every one.
pub async fn fill(
    db: &Transaction,
    series: Series,
    content: &Content,
    now: NaiveDateTime,
    new: &NewDatabase,
) -> Result<()> {
    dialect::defer_foreign_keys(db).await?;
    content.write(db, now).await?;
    parameters(db, now).await?;
    for (version, is_base) in [(series.base_version(), true), (series.module_version(), false)] {
        let name = ir_module_module::Column::Name;
        let modules = ir_module_module::Entity::update_many()
            .col_expr(ir_module_module::Column::LatestVersion, Expr::value(version));
        modules.filter(if is_base { name.eq("base") } else { name.ne("base") }).exec(db).await?;
    }
    wanted::administrator(db, now, new).await?;
    wanted::main_company(db, new).await
}

/// The series for which a database was made; nothing where it is none of Odoo's kind.
///
/// # Errors
/// A failure of the database.
pub async fn series_of(db: &impl ConnectionTrait) -> Result<Option<Series>> {
    let base = ir_module_module::Entity::find().filter(ir_module_module::Column::Name.eq("base")).one(db).await?;
    let version = base.and_then(|module| module.latest_version);
    Ok(version.as_deref().and_then(Series::of_module_version))
}

/// Gives a copy of a database an identity of its own: secret and UUID, and no sessions.
///
/// # Errors
/// A failure of the database.
pub async fn make_distinct(db: &impl ConnectionTrait) -> Result<()> {
    for key in [parameter::SECRET, "database.uuid"] {
        parameter::set(db, key, &parameter::new_uuid()).await?;
    }
    sessions::Entity::delete_many().exec(db).await?;
    Ok(())
}

/// The records of one model in one module.
struct DataFile {
    module: &'static str,
    model: &'static str,
    records: Vec<Map<String, Value>>,
}

/// All data files of a series.
fn data_files(series: Series) -> Vec<DataFile> {
    let mut files = Vec::new();
    for module in modules::of(series) {
        for model in module.record_files() {
            files.push(DataFile { module: module.name, model, records: module.read(model).unwrap_or_default() });
        }
    }
    files
}

/// The records of `model` in the module `base`.
fn base_records(series: Series, model: &str) -> Vec<Map<String, Value>> {
    let base = modules::of(series).into_iter().find(|module| module.name == "base");
    base.and_then(|module| module.read(model)).unwrap_or_default()
}

/// `[code, name]` of all languages of a series, by name, as `list_lang` answers.
#[must_use]
pub fn languages(series: Series) -> Vec<[String; 2]> {
    let text = |record: &Map<String, Value>, field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let records = base_records(series, "res.lang");
    let mut languages: Vec<_> = records.iter().map(|lang| [text(lang, "code"), text(lang, "name")]).collect();
    languages.sort_by(|a, b| a[1].cmp(&b[1]));
    languages
}

/// `[code, name]` of all countries of a series, by name, as `list_countries` answers: the code in lower case.
#[must_use]
pub fn countries(series: Series) -> Vec<[String; 2]> {
    let mut countries: Vec<_> = base_records(series, "res.country")
        .iter()
        .map(|country| {
            let code = country["code"].as_str().unwrap_or_default().to_lowercase();
            [code, country["name"][DEFAULT_LANG].as_str().unwrap_or_default().to_owned()]
        })
        .collect();
    countries.sort_by(|a, b| a[1].cmp(&b[1]));
    countries
}

/// What is told of a record beside its values.
const HEAD: [&str; 4] = ["id", "xmlid", "data_id", "noupdate"];

/// The rows of a fresh database.
#[derive(Debug)]
pub struct Content {
    tables: Vec<Rows>,
}

/// The rows of one table.
#[derive(Debug)]
struct Rows {
    table: String,
    columns: Vec<String>,
    values: Vec<Map<String, Value>>,
    has_id: bool,
    log_access: bool,
}

impl Content {
    /// What a database of a series contains at first. It takes a while to put it together, so this is for another thread.
    #[must_use]
    pub fn of(series: Series) -> Self {
        let registry = Registry::base(series);
        let mut loader = Loader::new(&registry);
        loader.models();
        for file in data_files(series) {
            loader.load(file);
        }
        loader.finish()
    }

    async fn write(&self, db: &Transaction, now: NaiveDateTime) -> Result<()> {
        let log: [(&str, sea_orm::Value); 4] = [
            ("create_uid", SUPERUSER.into()),
            ("create_date", now.into()),
            ("write_uid", SUPERUSER.into()),
            ("write_date", now.into()),
        ];
        for Rows { table, columns, values, has_id, log_access } in &self.tables {
            let log = if *log_access { log.as_slice() } else { &[] };
            dialect::insert_rows(db, table, columns, values, log).await?;
            if *has_id {
                dialect::advance_sequence(db, table).await?;
            }
        }
        Ok(())
    }
}

/// Collects rows by table, and resolves external ids when all records are known.
struct Loader<'r> {
    registry: &'r Registry,
    /// Ids by external id, and of models and their fields by name.
    ids: HashMap<String, i64>,
    rows: BTreeMap<String, Vec<Map<String, Value>>>,
    /// Table, its two columns, and the records that belong together.
    pairs: BTreeMap<(String, String, String), Vec<(i64, Value)>>,
}

impl<'r> Loader<'r> {
    fn new(registry: &'r Registry) -> Self {
        Self { registry, ids: HashMap::new(), rows: BTreeMap::new(), pairs: BTreeMap::new() }
    }

    fn row(&mut self, table: &str, row: Value) {
        if let Value::Object(row) = row {
            self.rows.entry(table.to_owned()).or_default().push(row);
        }
    }

    /// The rows of `ir_model` and `ir_model_fields`, and the external ids of the models.
    fn models(&mut self) {
        let registry = self.registry;
        let (mut model_id, mut field_id) = (0, 0);
        for model in registry.models() {
            model_id = model.id.map_or(model_id + 1, |id| i64::from(id).max(model_id + 1));
            self.ids.insert(format!("model {}", model.name), model_id);
            let mut row = json!({"id": model_id, "model": model.name, "name": {"en_US": model.description},
                "order": model.order, "state": "base", "transient": model.transient});
            if registry.get("ir.model").is_some_and(|of| of.field("abstract").is_some()) {
                row["abstract"] = model.is_abstract.into();
            }
            self.row("ir_model", row);
            let name = format!("model_{}", model.name.replace('.', "_"));
            self.external("base", &name, "ir.model", model_id, None, false);
            let first = model.fields_from.map_or(field_id + 1, |id| i64::from(id).max(field_id + 1));
            for (id, field) in (first..).zip(model.fields.values()) {
                field_id = id;
                self.row("ir_model_fields", description(model, model_id, field, field_id));
            }
        }
    }

    fn external(&mut self, module: &str, name: &str, model: &str, res_id: i64, id: Option<i64>, noupdate: bool) {
        self.ids.insert(format!("{module}.{name}"), res_id);
        let mut row = json!({"module": module, "name": name, "model": model, "res_id": res_id, "noupdate": noupdate});
        if let Some(id) = id {
            row["id"] = id.into();
        }
        self.row("ir_model_data", row);
    }

    fn load(&mut self, file: DataFile) {
        let Some(model) = self.registry.get(file.model).cloned() else { return };
        for mut record in file.records {
            let id = record["id"].as_i64().unwrap_or_default();
            let noupdate = record.get("noupdate").is_some_and(|value| *value == true);
            if let Some(xmlid) = record.get("xmlid").and_then(Value::as_str) {
                let (module, name) = xmlid.split_once('.').unwrap_or((file.module, xmlid));
                let data = record.get("data_id").and_then(Value::as_i64);
                self.external(module, name, file.model, id, data, noupdate);
            }
            // Rights and rules name their model and group.
            if model.field("model").is_none()
                && let Some(name) = record.shift_remove("model")
            {
                let name = format!("model {}", name.as_str().unwrap_or_default());
                record.insert("model_id".to_owned(), self.ids.get(&name).copied().into());
            }
            if model.field("group").is_none()
                && let Some(group) = record.shift_remove("group")
            {
                record.insert("group_id".to_owned(), group);
            }
            if model.field("active").is_some_and(|field| field.default == Some(true.into())) {
                record.entry("active").or_insert(true.into());
            }
            let mut row = Map::new();
            for (name, value) in record {
                if HEAD.contains(&name.as_str()) && name != "id" {
                    continue;
                }
                match model.field(&name).and_then(|field| field.table.as_ref()) {
                    Some(relation) => {
                        let key = (relation.table.clone(), relation.own.clone(), relation.other.clone());
                        let others = value.as_array().cloned().unwrap_or_default();
                        self.pairs.entry(key).or_default().extend(others.into_iter().map(|other| (id, other)));
                    }
                    None => {
                        row.insert(name, value);
                    }
                }
            }
            self.rows.entry(model.table.clone()).or_default().push(row);
        }
    }

    /// The id that a value stands for: itself, or the record of an external id.
    fn id(&self, value: &Value) -> Value {
        match value {
            Value::String(xmlid) => self.ids.get(xmlid).copied().into(),
            id => id.clone(),
        }
    }

    fn finish(mut self) -> Content {
        let mut rows: Vec<(String, Vec<Map<String, Value>>)> = std::mem::take(&mut self.rows).into_iter().collect();
        rows.sort_by_key(|(table, _)| FIRST.iter().position(|first| first == table).unwrap_or(FIRST.len()));
        let mut tables = Vec::new();
        for (table, rows) in rows {
            if let Some(model) = self.registry.of_table(&table) {
                tables.push(self.rows_of(model, rows));
            }
        }
        for ((table, own, other), pairs) in &self.pairs {
            let row = |(id, value): &(i64, Value)| {
                Map::from_iter([(own.clone(), (*id).into()), (other.clone(), self.id(value))])
            };
            tables.push(Rows {
                table: table.clone(),
                columns: vec![own.clone(), other.clone()],
                values: pairs.iter().map(row).collect(),
                has_id: false,
                log_access: false,
            });
        }
        Content { tables }
    }

    /// Rows that are told no id have those after the last that was told.
    fn rows_of(&self, model: &Model, mut rows: Vec<Map<String, Value>>) -> Rows {
        let last = rows.iter().filter_map(|row| row.get("id")?.as_i64()).max().unwrap_or_default();
        let mut free = last + 1..;
        let mut columns = vec!["id".to_owned()];
        for key in rows.iter().flat_map(Map::keys) {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
        let is_link = |column: &&String| model.field(column).is_some_and(|field| field.kind == Kind::Many2one);
        let links: Vec<&String> = columns.iter().filter(is_link).collect();
        for row in &mut rows {
            if !row.contains_key("id") {
                row.insert("id".to_owned(), free.next().into());
            }
            for link in &links {
                if let Some(value) = row.get_mut(*link)
                    && value.is_string()
                {
                    *value = self.id(value);
                }
            }
        }
        Rows { table: model.table.clone(), columns, values: rows, has_id: true, log_access: model.log_access }
    }
}

/// The row of `ir_model_fields` of a field: what is not so is left out.
fn description(model: &Model, model_id: i64, field: &Field, id: i64) -> Value {
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| {
        row.insert(name.to_owned(), value);
    };
    put("id", id.into());
    put("model_id", model_id.into());
    put("model", model.name.clone().into());
    put("name", field.name.clone().into());
    put("state", "base".into());
    put("field_description", json!({"en_US": field.string}));
    put("ttype", field.kind.name().into());
    put("selectable", true.into());
    let flags = [
        ("required", field.required),
        ("readonly", field.readonly),
        ("store", field.store),
        ("copied", field.copy),
        ("index", field.index),
    ];
    for (name, _) in flags.into_iter().filter(|(_, flag)| *flag) {
        put(name, true.into());
    }
    let on_delete = field.ondelete.as_ref().filter(|_| field.kind == Kind::Many2one);
    let texts = [
        ("relation", field.relation.as_ref()),
        ("relation_field", field.inverse.as_ref()),
        ("related", field.related.as_ref()),
        ("on_delete", on_delete),
        ("relation_table", field.table.as_ref().map(|relation| &relation.table)),
        ("column1", field.table.as_ref().map(|relation| &relation.own)),
        ("column2", field.table.as_ref().map(|relation| &relation.other)),
    ];
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        put(name, text.clone().into());
    }
    if let Some(size) = field.size {
        put("size", size.into());
    }
    row.into()
}

/// Fills in the configuration parameters that differ from database to database.
async fn parameters(db: &impl ConnectionTrait, now: NaiveDateTime) -> Result<()> {
    let values = [
        (parameter::SECRET, parameter::new_uuid()),
        ("database.uuid", parameter::new_uuid()),
        ("database.create_date", clock::to_string(now)),
        ("web.base.url", "http://localhost:8069".to_owned()),
    ];
    for (key, value) in values {
        ir_config_parameter::Entity::update_many()
            .col_expr(ir_config_parameter::Column::Value, Expr::value(value))
            .filter(ir_config_parameter::Column::Key.eq(key))
            .exec(db)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_files_are_records_of_stored_fields() {
        for series in Series::ALL {
            let registry = Registry::base(series);
            for DataFile { module, model, records } in data_files(series) {
                let definition = registry.get(model).unwrap_or_else(|| panic!("{series} {model}"));
                for record in records {
                    assert!(record["id"].is_i64(), "{module} {series} {model} {record:?}");
                    for name in record.keys().filter(|name| !HEAD.contains(&name.as_str())) {
                        let stored = definition.field(name).is_some_and(|field| field.store);
                        assert!(
                            stored || ["model", "group"].contains(&name.as_str()),
                            "{module} {series} {model} {name}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn languages_and_countries_are_sorted_by_name() {
        let languages = languages(Series::V17);
        assert_eq!(languages.len(), 90);
        assert!(languages.is_sorted_by_key(|lang| &lang[1]));
        assert!(languages.contains(&["en_US".to_owned(), "English (US)".to_owned()]));
        assert!(countries(Series::V17).contains(&["be".to_owned(), "Belgium".to_owned()]));
    }
}
