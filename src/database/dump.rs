//! Dumps: a zip with `manifest.json` and, for each table, its rows as JSON. A dump made on SQLite can be restored on
//! PostgreSQL, and the reverse.

use std::io::{Cursor, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{NaiveDate, NaiveDateTime};
use sea_orm::sea_query::{Alias, Keyword, Query, SimpleExpr};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::dialect::{self, Column, Kind};
use super::{DEFAULT_LANG, Database, Databases, seed};
use crate::clock;
use crate::error::{Error, Result};
use crate::models::ir_module_module;
use crate::orm::registry::Registry;
use crate::orm::schema;
use crate::series::Series;

/// Tables that belong to the running database and not to its content.
const LEFT_OUT: [&str; 4] = ["seaql_migrations", "sessions", "login_failures", "orm_signaling"];
/// Rows of one INSERT.
const ROWS: usize = 200;
const MANIFEST: &str = "manifest.json";
const CONTENT: &str = "dump.json";
const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.f";

/// A table with all its rows, in the order in which tables were made.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Content {
    table: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

/// Dumps a database as a zip.
///
/// # Errors
/// A failure of the database.
pub async fn dump(database: &Database, now: NaiveDateTime) -> Result<Vec<u8>> {
    let (content, modules) =
        database.read(|db| Box::pin(async move { Ok((read_all(db).await?, installed(db).await?)) })).await?;
    let series = database.series();
    let manifest = json!({
        "wiredoo_dump": "1",
        "db_name": database.name(),
        "version": series.name(),
        "version_info": series.version_info(),
        "major_version": series.name(),
        "create_date": clock::to_string(now),
        "modules": modules,
    });
    let zipped = tokio::task::spawn_blocking(move || pack(&manifest, &content)).await;
    let zipped = zipped.map_err(|error| unreadable(&error))?;
    zipped.map_err(|error| unreadable(&error))
}

/// Makes the database `name` from a dump. With `copy` it gets an identity of its own.
///
/// # Errors
/// A `UserError` for what is no dump, or one of another series; Odoo's `DatabaseExists`; a failure of the database.
pub async fn restore(databases: &Databases, name: &str, zipped: Vec<u8>, copy: bool) -> Result<()> {
    let unpacked = tokio::task::spawn_blocking(move || unpack(&zipped)).await;
    let (series, content) = unpacked.map_err(|error| unreadable(&error))??;
    let content = std::sync::Arc::new(content);
    databases
        .create_with(name, series, move |tx| {
            let content = std::sync::Arc::clone(&content);
            Box::pin(async move {
                write_all(tx, series, &content).await?;
                if copy { seed::make_distinct(tx).await } else { Ok(()) }
            })
        })
        .await
}

fn unreadable(why: &impl std::fmt::Display) -> Error {
    Error::UserError(format!("The dump cannot be read: {why}"))
}

fn pack(manifest: &Value, content: &[Content]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(MANIFEST, SimpleFileOptions::default())?;
    zip.write_all(manifest.to_string().as_bytes())?;
    zip.start_file(CONTENT, SimpleFileOptions::default().large_file(true))?;
    serde_json::to_writer(&mut zip, content)?;
    Ok(zip.finish()?.into_inner())
}

fn unpack(zipped: &[u8]) -> Result<(Series, Vec<Content>)> {
    let mut zip = ZipArchive::new(Cursor::new(zipped)).map_err(|error| unreadable(&error))?;
    let manifest: Value = serde_json::from_slice(&entry(&mut zip, MANIFEST)?).map_err(|error| unreadable(&error))?;
    if manifest.get("wiredoo_dump").is_none() {
        return Err(unreadable(&"it was not made by wiredoo"));
    }
    let series = manifest["major_version"].as_str().unwrap_or_default().parse::<Series>();
    let content = serde_json::from_slice(&entry(&mut zip, CONTENT)?).map_err(|error| unreadable(&error))?;
    Ok((series.map_err(|error| unreadable(&error))?, content))
}

fn entry(zip: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = zip.by_name(name).map_err(|error| unreadable(&format!("{name}: {error}")))?;
    file.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

async fn installed(db: &DatabaseTransaction) -> Result<Map<String, Value>> {
    let modules = ir_module_module::installed(db).await?;
    Ok(modules.into_iter().map(|module| (module.name, module.latest_version.into())).collect())
}

async fn read_all(db: &DatabaseTransaction) -> Result<Vec<Content>> {
    let mut content = Vec::new();
    for table in dialect::tables(db).await? {
        if LEFT_OUT.contains(&table.as_str()) {
            continue;
        }
        let mut columns = dialect::columns(db, &table).await?;
        columns.retain(|column| !column.name.starts_with(schema::REMOVED));
        let query = Query::select()
            .columns(columns.iter().map(|column| Alias::new(&column.name)))
            .from(Alias::new(&table))
            .take();
        let rows = db.query_all(&query).await?;
        let rows = rows
            .iter()
            .map(|row| columns.iter().map(|column| cell(row, column)).collect())
            .collect::<Result<_, _>>()?;
        content.push(Content { table, columns, rows });
    }
    Ok(content)
}

fn cell(row: &QueryResult, column: &Column) -> Result<Value, DbErr> {
    let name = column.name.as_str();
    Ok(match column.kind {
        Kind::Boolean => row.try_get_by::<Option<bool>, _>(name)?.into(),
        Kind::Integer => row.try_get_by::<Option<i32>, _>(name)?.into(),
        Kind::BigInteger => row.try_get_by::<Option<i64>, _>(name)?.into(),
        Kind::Float => row.try_get_by::<Option<f64>, _>(name)?.into(),
        Kind::Text => row.try_get_by::<Option<String>, _>(name)?.into(),
        Kind::Json => row.try_get_by::<Option<Value>, _>(name)?.unwrap_or_default(),
        Kind::Timestamp => {
            row.try_get_by::<Option<NaiveDateTime>, _>(name)?.map(|time| time.format(TIMESTAMP).to_string()).into()
        }
        Kind::Date => row.try_get_by::<Option<NaiveDate>, _>(name)?.map(|date| date.to_string()).into(),
        Kind::Bytes => row.try_get_by::<Option<Vec<u8>>, _>(name)?.map(|bytes| BASE64.encode(bytes)).into(),
    })
}

/// The rows of `table` that were made over the wire, as a registry reads them.
fn manual_rows(content: &[Content], table: &str) -> Vec<Map<String, Value>> {
    let Some(content) = content.iter().find(|content| content.table == table) else { return Vec::new() };
    let named = |row: &Vec<Value>| -> Map<String, Value> {
        let cells = content.columns.iter().zip(row);
        cells.map(|(column, value)| (column.name.clone(), value.get(DEFAULT_LANG).unwrap_or(value).clone())).collect()
    };
    content.rows.iter().map(named).filter(|row| row.get("state").is_some_and(|state| state == "manual")).collect()
}

/// Writes the rows into tables that are there and empty, or those of manual models and fields, which are made.
async fn write_all(db: &DatabaseTransaction, series: Series, content: &[Content]) -> Result<()> {
    dialect::defer_foreign_keys(db).await?;
    let (models, fields) = (manual_rows(content, "ir_model"), manual_rows(content, "ir_model_fields"));
    let registry = Registry::base(series).with_manual(&models, &fields);
    schema::add_manual(db, &registry).await?;
    write_rows(db, content).await?;
    Ok(schema::add_manual_foreign_keys(db, &registry).await?)
}

async fn write_rows(db: &DatabaseTransaction, content: &[Content]) -> Result<()> {
    for Content { table, columns, rows } in content {
        let known = dialect::columns(db, table).await?;
        if known.is_empty() {
            return Err(unreadable(&format!("there is no table '{table}'")));
        }
        if let Some(column) = columns.iter().find(|column| known.iter().all(|known| known.name != column.name)) {
            return Err(unreadable(&format!("table '{table}' has no column '{}'", column.name)));
        }
        for chunk in rows.chunks(ROWS) {
            let mut insert = Query::insert();
            insert.into_table(Alias::new(table)).columns(columns.iter().map(|column| Alias::new(&column.name)));
            for row in chunk {
                let values = columns.iter().zip(row).map(|(column, value)| expression(column, value));
                let values: Vec<SimpleExpr> = values.collect::<Result<_>>()?;
                insert.values(values).map_err(|error| unreadable(&error))?;
            }
            db.execute(&insert).await?;
        }
        if columns.iter().any(|column| column.name == "id") {
            dialect::advance_sequence(db, table).await?;
        }
    }
    Ok(())
}

fn expression(column: &Column, value: &Value) -> Result<SimpleExpr> {
    let wrong = || unreadable(&format!("{value} is no value of a column '{}'", column.name));
    let text = || value.as_str().ok_or_else(wrong);
    Ok(match column.kind {
        _ if value.is_null() => SimpleExpr::Keyword(Keyword::Null),
        Kind::Boolean => value.as_bool().ok_or_else(wrong)?.into(),
        Kind::Integer | Kind::BigInteger => value.as_i64().ok_or_else(wrong)?.into(),
        Kind::Float => value.as_f64().ok_or_else(wrong)?.into(),
        Kind::Text => text()?.into(),
        Kind::Json => value.clone().into(),
        Kind::Timestamp => NaiveDateTime::parse_from_str(text()?, TIMESTAMP).map_err(|_| wrong())?.into(),
        Kind::Date => text()?.parse::<NaiveDate>().map_err(|_| wrong())?.into(),
        Kind::Bytes => BASE64.decode(text()?).map_err(|_| wrong())?.into(),
    })
}
