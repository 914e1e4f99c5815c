//! Making a database of a dump: the zip is read on a thread, and the rows are written as they come.

use std::io::{BufRead as _, BufReader, Cursor, Read, Seek};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Query, SimpleExpr};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::mpsc::{Sender, channel};
use zip::ZipArchive;

use super::{FORM, Head, LEFT_OUT, MANIFEST, Row, WAITING, cells, file_of, unreadable};
use crate::database::{DEFAULT_LANG, Databases, Transaction, dialect, seed};
use crate::error::{Error, Result};
use crate::orm::registry::Registry;
use crate::orm::schema;
use crate::series::Series;

/// Rows of one INSERT, and the bytes after which it has enough of them.
const ROWS: usize = 200;
const BYTES: usize = 4 * 1024 * 1024;
/// The longest line, in bytes: a row with the largest file that a body can bring.
const LINE: u64 = 512 * 1024 * 1024;

/// Makes the database `name` from a dump. With `copy` it gets an identity of its own.
///
/// # Errors
/// Odoo's `Exception` where there is a database of that name; a `UserError` for what is no dump, or one of another series;
/// a failure of the database.
pub async fn restore(databases: &Databases, name: &str, zipped: Vec<u8>, copy: bool) -> Result<()> {
    restore_from(databases, name, Cursor::new(zipped), copy).await
}

/// Makes the database `name` from a dump that is read from `source` on a thread that may block. With `copy` it gets an
/// identity of its own.
///
/// # Errors
/// As [`restore`], and where `source` fails.
pub async fn restore_from<R>(databases: &Databases, name: &str, source: R, copy: bool) -> Result<()>
where
    R: Read + Seek + Send + 'static,
{
    if databases.exists(name).await? {
        return Err(Error::exception("Database already exists"));
    }
    let opened = tokio::task::spawn_blocking(move || Dump::open(source)).await;
    let dump = Arc::new(opened.map_err(|error| unreadable(&error))??);
    databases
        .create_with(name, dump.series, move |tx| {
            let dump = Arc::clone(&dump);
            Box::pin(async move {
                write_all(tx, dump).await?;
                if copy { seed::make_distinct(tx).await } else { Ok(()) }
            })
        })
        .await
}

/// A dump that is being read.
struct Dump<R> {
    series: Series,
    tables: Vec<String>,
    /// With the models and fields that were made over the wire.
    registry: Registry,
    zip: Mutex<ZipArchive<R>>,
}

/// Rows of one table.
struct Chunk {
    head: Arc<Head>,
    rows: Vec<Row>,
    is_last: bool,
}

impl<R: Read + Seek> Dump<R> {
    fn open(source: R) -> Result<Self> {
        let mut zip = ZipArchive::new(source).map_err(|error| unreadable(&error))?;
        let manifest: Value = {
            let file = zip.by_name(MANIFEST).map_err(|error| unreadable(&format!("{MANIFEST}: {error}")))?;
            serde_json::from_reader(file.take(LINE)).map_err(|error| unreadable(&error))?
        };
        match manifest.get("wiredoo_dump") {
            Some(form) if form == FORM => {}
            Some(_) => return Err(unreadable(&"it was made by another version of wiredoo")),
            None => return Err(unreadable(&"it was not made by wiredoo")),
        }
        let series: Series =
            manifest["major_version"].as_str().unwrap_or_default().parse().map_err(|error| unreadable(&error))?;
        let tables: Vec<String> =
            serde_json::from_value(manifest["tables"].clone()).map_err(|error| unreadable(&error))?;
        let models = manual_rows(&mut zip, "ir_model")?;
        let fields = manual_rows(&mut zip, "ir_model_fields")?;
        let registry = Registry::base(series).with_manual(&models, &fields);
        Ok(Self { series, tables, registry, zip: Mutex::new(zip) })
    }

    /// Sends the rows of all tables, until nobody takes them.
    fn send_all(&self, chunks: &Sender<Result<Chunk>>) {
        let mut zip = self.zip.lock().unwrap_or_else(PoisonError::into_inner);
        for table in &self.tables {
            let sent = read_table(&mut zip, table, |chunk| chunks.blocking_send(Ok(chunk)).is_ok());
            if let Err(error) = sent {
                // It does not matter where nobody listens any more.
                drop(chunks.blocking_send(Err(error)));
                return;
            }
        }
    }
}

/// The rows of `table` that were made over the wire, as a registry reads them.
fn manual_rows<R: Read + Seek>(zip: &mut ZipArchive<R>, table: &str) -> Result<Vec<Map<String, Value>>> {
    let mut manual = Vec::new();
    read_table(zip, table, |chunk| {
        let columns = &chunk.head.columns;
        let named = chunk.rows.iter().map(|row| -> Map<String, Value> {
            let cells = columns.iter().zip(row);
            let plain = |value: &Value| value.get(DEFAULT_LANG).unwrap_or(value).clone();
            cells.map(|(column, value)| (column.name.clone(), plain(value))).collect()
        });
        manual.extend(named.filter(|row| row.get("state").is_some_and(|state| state == "manual")));
        true
    })?;
    Ok(manual)
}

/// Reads the rows of a table, and gives them to `take` in chunks as long as it wants more.
fn read_table<R, F>(zip: &mut ZipArchive<R>, table: &str, mut take: F) -> Result<()>
where
    R: Read + Seek,
    F: FnMut(Chunk) -> bool,
{
    let name = file_of(table);
    let file = zip.by_name(&name).map_err(|error| unreadable(&format!("{name}: {error}")))?;
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    let head: Option<Head> = next_line(&mut file, &mut line)?;
    let head = Arc::new(head.filter(|head| head.table == table).ok_or_else(|| unreadable(&name))?);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = next_line::<Row>(&mut file, &mut line)? {
        if row.len() != head.columns.len() {
            return Err(unreadable(&format!("a row of '{table}' has {} values", row.len())));
        }
        rows.push(row);
        bytes += line.len();
        if rows.len() == ROWS || bytes > BYTES {
            let chunk = Chunk { head: Arc::clone(&head), rows: std::mem::take(&mut rows), is_last: false };
            if !take(chunk) {
                return Ok(());
            }
            bytes = 0;
        }
    }
    take(Chunk { head, rows, is_last: true });
    Ok(())
}

fn next_line<T: DeserializeOwned>(file: &mut BufReader<impl Read>, line: &mut Vec<u8>) -> Result<Option<T>> {
    line.clear();
    let length = file.take(LINE).read_until(b'\n', line).map_err(|error| unreadable(&error))?;
    if length == 0 {
        return Ok(None);
    }
    serde_json::from_slice(line).map(Some).map_err(|error| unreadable(&error))
}

/// Writes the rows into tables that are there and empty, or those of manual models and fields, which are made.
async fn write_all<R: Read + Seek + Send + 'static>(db: &Transaction, dump: Arc<Dump<R>>) -> Result<()> {
    dialect::defer_foreign_keys(db).await?;
    schema::add_manual(db, &dump.registry).await?;
    let (sender, mut chunks) = channel(WAITING);
    let reading = {
        let dump = Arc::clone(&dump);
        tokio::task::spawn_blocking(move || dump.send_all(&sender))
    };
    let mut checked = String::new();
    while let Some(chunk) = chunks.recv().await {
        let Chunk { head, rows, is_last } = chunk?;
        if checked != head.table {
            check_table(db, &head).await?;
            checked.clone_from(&head.table);
        }
        write_rows(db, &head, &rows).await?;
        if is_last && head.columns.iter().any(|column| column.name == "id") {
            dialect::advance_sequence(db, &head.table).await?;
        }
    }
    reading.await.map_err(|error| unreadable(&error))?;
    Ok(schema::add_manual_foreign_keys(db, &dump.registry).await?)
}

/// Refuses rows for tables or columns that there are not, or that are not for dumps.
async fn check_table(db: &Transaction, head: &Head) -> Result<()> {
    let Head { table, columns } = head;
    let known = dialect::columns(db, table).await?;
    if known.is_empty() || LEFT_OUT.contains(&table.as_str()) {
        return Err(unreadable(&format!("there is no table '{table}'")));
    }
    match columns.iter().find(|column| known.iter().all(|known| known.name != column.name)) {
        Some(column) => Err(unreadable(&format!("table '{table}' has no column '{}'", column.name))),
        None => Ok(()),
    }
}

async fn write_rows(db: &Transaction, head: &Head, rows: &[Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = Query::insert();
    insert.into_table(Alias::new(&head.table)).columns(head.columns.iter().map(|column| Alias::new(&column.name)));
    for row in rows {
        let values = head.columns.iter().zip(row).map(|(column, value)| cells::expression(column, value));
        let values: Vec<SimpleExpr> = values.collect::<Result<_>>()?;
        insert.values(values).map_err(|error| unreadable(&error))?;
    }
    db.execute(&insert).await?;
    Ok(())
}
