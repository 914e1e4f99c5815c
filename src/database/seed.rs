//! What a fresh database contains: the records in the data files of `modules/`, which are compiled in.
//!
//! `modules/<module>/<series>/<model>.json` is a list of records; `modules/import.py` tells their form. They are
//! written with a few multi-row statements, since a database must be ready in milliseconds.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use entity::{
    ir_config_parameter, ir_model_data, ir_module_module, res_company, res_country, res_currency, res_lang,
    res_partner, res_users, sessions,
};
use include_dir::{Dir, File, include_dir};
use sea_orm::sea_query::{Alias, Expr, InsertStatement, Keyword, Query, SimpleExpr};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Map, Value};

use super::{dialect, parameter};
use crate::clock;
use crate::error::Result;
use crate::series::Series;

static MODULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/modules");

/// The language that every database has.
pub const DEFAULT_LANG: &str = "en_US";

/// The models whose records are written first, since others refer to them.
const FIRST: [&str; 8] = [
    "res.lang",
    "res.currency",
    "res.country",
    "res.country.state",
    "res.partner",
    "res.company",
    "res.groups",
    "res.users",
];

/// Many2many fields: model, field, table, column of the record, column of the other, model of the other.
const RELATIONS: [(&str, &str, &str, &str, &str); 3] = [
    ("res.users", "group_ids", "res_groups_users_rel", "uid", "gid"),
    ("res.users", "company_ids", "res_company_users_rel", "user_id", "cid"),
    ("res.groups", "implied_ids", "res_groups_implied_rel", "gid", "hid"),
];

/// Rows of one INSERT, small enough for the 32,766 parameters that SQLite allows.
const ROWS: usize = 400;

/// The superuser, by whom the first records are made.
const SUPERUSER: i32 = 1;
/// The administrator, as whom people log in first.
const ADMINISTRATOR: i32 = 2;
const MAIN_COMPANY: i32 = 1;

/// What the person who has a database made decides.
#[derive(Clone, Debug)]
pub struct NewDatabase {
    /// The administrator's login.
    pub login: String,
    /// The hash of the administrator's password.
    pub password_hash: String,
    /// The administrator's language, a code such as `fr_BE`; it is activated.
    pub lang: String,
    /// The main company's country, a code of two letters in either case.
    pub country_code: Option<String>,
    /// The main company's phone number.
    pub phone: Option<String>,
}

/// Fills a database that has its tables and nothing else.
///
/// # Errors
/// A failure of the database.
///
/// # Panics
/// A data file is no list of objects; the tests of this module read every one.
pub async fn fill(db: &impl ConnectionTrait, series: Series, now: NaiveDateTime, new: &NewDatabase) -> Result<()> {
    let mut loader = Loader { now, ids: BTreeMap::new(), external: Vec::new(), relations: Vec::new() };
    for file in data_files(series) {
        loader.load(db, file).await?;
    }
    loader.finish(db).await?;
    parameters(db, now).await?;
    let base = ir_module_module::Entity::update_many()
        .col_expr(ir_module_module::Column::LatestVersion, Expr::value(series.base_version()));
    base.filter(ir_module_module::Column::Name.eq("base")).exec(db).await?;
    administrator(db, now, new).await?;
    main_company(db, new).await
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
    for key in ["database.secret", "database.uuid"] {
        parameter::set(db, key, &parameter::new_uuid()).await?;
    }
    sessions::Entity::delete_many().exec(db).await?;
    Ok(())
}

/// The records of one model in one module.
struct DataFile {
    module: String,
    model: String,
    records: Vec<Map<String, Value>>,
}

/// All data files of a series, in the order in which they are loaded.
fn data_files(series: Series) -> Vec<DataFile> {
    let series = series.data().name();
    let mut files = Vec::new();
    for module in MODULES.dirs() {
        let Some(folder) = module.get_dir(module.path().join(series)) else { continue };
        for file in folder.files() {
            files.push(DataFile {
                module: module.path().to_string_lossy().into_owned(),
                model: file.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
                records: read(file),
            });
        }
    }
    let rank = |model: &str| FIRST.iter().position(|first| *first == model).unwrap_or(FIRST.len());
    files.sort_by_key(|file| (rank(&file.model), file.module != "base", file.module.clone(), file.model.clone()));
    files
}

fn read(file: &File<'_>) -> Vec<Map<String, Value>> {
    serde_json::from_slice(file.contents())
        .unwrap_or_else(|error| panic!("{} is a list of records: {error}", file.path().display()))
}

/// The records of `model` in the module `base`.
fn base_records(series: Series, model: &str) -> Vec<Map<String, Value>> {
    let path = format!("base/{}/{model}.json", series.data().name());
    MODULES.get_file(path).map(read).unwrap_or_default()
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

/// Writes records and remembers what can only be written when all of them are there.
struct Loader {
    now: NaiveDateTime,
    /// Ids by external id.
    ids: BTreeMap<String, i64>,
    external: Vec<ir_model_data::ActiveModel>,
    /// Table, its two columns, and the records that belong together.
    relations: Vec<(&'static str, [&'static str; 2], i64, Value)>,
}

impl Loader {
    async fn load(&mut self, db: &impl ConnectionTrait, file: DataFile) -> Result<()> {
        let DataFile { module, model, mut records } = file;
        for record in &mut records {
            self.set_aside(&module, &model, record);
        }
        let table = model.replace('.', "_");
        let mut columns: Vec<String> = Vec::new();
        for key in records.iter().flat_map(Map::keys) {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
        for rows in records.chunks(ROWS) {
            db.execute(&self.insert(&table, &columns, rows)).await?;
        }
        dialect::advance_sequence(db, &table).await?;
        Ok(())
    }

    /// Takes out of a record what is no column: the external id and the many2many fields.
    fn set_aside(&mut self, module: &str, model: &str, record: &mut Map<String, Value>) {
        let id = record["id"].as_i64().unwrap_or_default();
        let noupdate = record.shift_remove("noupdate").is_some_and(|value| value == true);
        if let Some(Value::String(xmlid)) = record.shift_remove("xmlid") {
            let (owner, name) = xmlid.split_once('.').unwrap_or((module, &xmlid));
            self.external.push(ir_model_data::ActiveModel {
                module: Set(owner.to_owned()),
                name: Set(name.to_owned()),
                model: Set(model.to_owned()),
                res_id: Set(i32::try_from(id).ok()),
                noupdate: Set(Some(noupdate)),
                create_uid: Set(Some(SUPERUSER)),
                create_date: Set(Some(self.now)),
                write_uid: Set(Some(SUPERUSER)),
                write_date: Set(Some(self.now)),
                ..Default::default()
            });
            self.ids.insert(xmlid, id);
        }
        for (_, field, table, own, other) in RELATIONS.iter().filter(|relation| relation.0 == model) {
            if let Some(Value::Array(others)) = record.shift_remove(*field) {
                let pairs = others.into_iter().map(|value| (*table, [*own, *other], id, value));
                self.relations.extend(pairs);
            }
        }
    }

    fn insert(&self, table: &str, columns: &[String], rows: &[Map<String, Value>]) -> InsertStatement {
        let mut insert = Query::insert();
        let log = ["create_uid", "create_date", "write_uid", "write_date"];
        let names = columns.iter().map(String::as_str).chain(log);
        insert.into_table(Alias::new(table)).columns(names.map(Alias::new));
        for row in rows {
            let values = columns.iter().map(|column| expression(row.get(column)));
            let log: [SimpleExpr; 4] = [SUPERUSER.into(), self.now.into(), SUPERUSER.into(), self.now.into()];
            insert.values_panic(values.chain(log));
        }
        insert
    }

    async fn finish(self, db: &impl ConnectionTrait) -> Result<()> {
        let mut external = self.external.into_iter().peekable();
        while external.peek().is_some() {
            let rows: Vec<_> = external.by_ref().take(ROWS).collect();
            ir_model_data::Entity::insert_many(rows).exec_without_returning(db).await?;
        }
        for (table, columns, id, other) in self.relations {
            let other = other.as_str().map_or(other.as_i64(), |xmlid| self.ids.get(xmlid).copied());
            let insert = Query::insert()
                .into_table(Alias::new(table))
                .columns(columns.map(Alias::new))
                .values_panic([id.into(), other.unwrap_or_default().into()])
                .take();
            db.execute(&insert).await?;
        }
        Ok(())
    }
}

/// A value of a data file as SQL. A null is a literal, since a parameter would have a type.
fn expression(value: Option<&Value>) -> SimpleExpr {
    match value {
        None | Some(Value::Null) => SimpleExpr::Keyword(Keyword::Null),
        Some(Value::Bool(flag)) => (*flag).into(),
        Some(Value::String(text)) => text.clone().into(),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Some(json) => json.clone().into(),
    }
}

/// Fills in the configuration parameters that differ from database to database.
async fn parameters(db: &impl ConnectionTrait, now: NaiveDateTime) -> Result<()> {
    let values = [
        ("database.secret", parameter::new_uuid()),
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

async fn administrator(db: &impl ConnectionTrait, now: NaiveDateTime, new: &NewDatabase) -> Result<()> {
    let user = res_users::ActiveModel {
        id: Set(ADMINISTRATOR),
        login: Set(new.login.clone()),
        password: Set(Some(new.password_hash.clone())),
        write_date: Set(Some(now)),
        ..Default::default()
    };
    let partner = user.update(db).await?.partner_id;
    if new.lang == DEFAULT_LANG {
        return Ok(());
    }
    let activated = res_lang::Entity::update_many()
        .col_expr(res_lang::Column::Active, Expr::value(true))
        .filter(res_lang::Column::Code.eq(&new.lang))
        .exec(db)
        .await?;
    if activated.rows_affected > 0 {
        let partner =
            res_partner::ActiveModel { id: Set(partner), lang: Set(Some(new.lang.clone())), ..Default::default() };
        partner.update(db).await?;
    }
    Ok(())
}

/// The country decides the company's currency, which is activated, as in Odoo.
async fn main_company(db: &impl ConnectionTrait, new: &NewDatabase) -> Result<()> {
    let mut company = res_company::ActiveModel { id: Set(MAIN_COMPANY), ..Default::default() };
    let mut partner = <res_partner::ActiveModel as Default>::default();
    if let Some(code) = &new.country_code {
        let country =
            res_country::Entity::find().filter(res_country::Column::Code.eq(code.to_uppercase())).one(db).await?;
        if let Some(country) = country {
            partner.country_id = Set(Some(country.id));
            if let Some(currency) = country.currency_id {
                company.currency_id = Set(currency);
                let used = res_currency::ActiveModel { id: Set(currency), active: Set(true), ..Default::default() };
                used.update(db).await?;
            }
        }
    }
    if let Some(phone) = &new.phone {
        company.phone = Set(Some(phone.clone()));
        partner.phone = Set(Some(phone.clone()));
    }
    if partner.is_changed() {
        let main = res_company::Entity::find_by_id(MAIN_COMPANY).one(db).await?;
        partner.id = Set(main.map_or(MAIN_COMPANY, |company| company.partner_id));
        partner.update(db).await?;
    }
    if company.is_changed() {
        company.update(db).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_files_are_records_with_ids() {
        for series in Series::ALL {
            let files = data_files(series);
            assert_eq!(files[0].model, "res.lang");
            for DataFile { module, model, records } in files {
                for record in records {
                    assert!(record["id"].is_i64(), "{module} {series} {model} {record:?}");
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
