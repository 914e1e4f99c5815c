//! Making a dump: the rows are read page by page in one transaction, and zipped on a thread beside it.

use std::io::{Error as IoError, ErrorKind, Result as IoResult, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::NaiveDateTime;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{FORM, Head, LEFT_OUT, MANIFEST, Row, WAITING, cells, file_of, unreadable};
use crate::clock;
use crate::database::dialect::{self, Column, Kind};
use crate::database::{Database, Transaction};
use crate::error::{Error, Result};
use crate::models::ir_module_module;
use crate::orm::schema;

/// Rows of one page; fewer where they have contents of files.
const ROWS: u64 = 500;
const ROWS_WITH_BYTES: u64 = 4;

/// What the zip gets next.
enum Part {
    File(String),
    Bytes(Vec<u8>),
    /// All is there.
    End,
}

/// Dumps a database as a zip.
///
/// # Errors
/// A failure of the database.
pub async fn dump(database: &Database, now: NaiveDateTime) -> Result<Vec<u8>> {
    dump_to(database, now, Vec::new()).await
}

/// Where the statements are in a dump of Odoo: clients look whether it is there. Ours has rows in files of their own.
const STATEMENTS: &str = "dump.sql";
const NO_STATEMENTS: &[u8] = b"-- A dump of wiredoo: the rows are in tables/.\n";

/// Dumps a database as a zip into `target`, piece by piece, on a thread that may block. Answers with `target`.
///
/// # Errors
/// A failure of the database, or of `target`. What `target` has got then is no zip.
pub async fn dump_to<W>(database: &Database, now: NaiveDateTime, target: W) -> Result<W>
where
    W: Write + Send + 'static,
{
    let (parts, receiver) = channel(WAITING);
    let packing = tokio::task::spawn_blocking(move || pack(target, receiver));
    let series = database.series();
    let mut manifest = json!({
        "odoo_dump": "1",
        "wiredoo_dump": FORM,
        "db_name": database.name(),
        "version": series.name(),
        "version_info": series.version_info(),
        "major_version": series.name(),
        "create_date": clock::to_string(now),
    });
    let read = database.read(move |db| {
        Box::pin(async move {
            let tables = tables(db).await?;
            manifest["modules"] = installed(db).await?.into();
            manifest["tables"] = tables.clone().into();
            send(&parts, Part::File(MANIFEST.to_owned())).await?;
            send(&parts, Part::Bytes(manifest.to_string().into_bytes())).await?;
            send(&parts, Part::File(STATEMENTS.to_owned())).await?;
            send(&parts, Part::Bytes(NO_STATEMENTS.to_vec())).await?;
            for table in tables {
                read_table(db, table, &parts).await?;
            }
            send(&parts, Part::End).await
        })
    });
    let read = read.await;
    let packed = packing.await.map_err(|error| unreadable(&error))?;
    // If the zip fails, there is nobody to take what is read, and why it failed is what counts.
    let target = match packed {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            return Err(Error::UserError(format!("The dump cannot be written: {error}")));
        }
        packed => packed.map_err(|error| unreadable(&error)),
    };
    read?;
    target
}

/// Writes what comes until the end.
fn pack<W: Write>(target: W, parts: Receiver<Part>) -> IoResult<W> {
    let closed = Arc::new(AtomicBool::new(false));
    let mut zip = ZipWriter::new_stream(Target { inner: target, closed: Arc::clone(&closed) });
    if let Err(error) = pack_parts(&mut zip, parts) {
        // When it is dropped, the zip would make a whole one of what is there.
        closed.store(true, Ordering::Relaxed);
        return Err(error);
    }
    Ok(zip.finish()?.into_inner().inner)
}

fn pack_parts(zip: &mut ZipWriter<impl Write + Seek>, mut parts: Receiver<Part>) -> IoResult<()> {
    while let Some(part) = parts.blocking_recv() {
        match part {
            Part::File(name) => zip.start_file(name, SimpleFileOptions::default().large_file(true))?,
            Part::Bytes(bytes) => zip.write_all(&bytes)?,
            Part::End => return Ok(()),
        }
    }
    Err(IoError::new(ErrorKind::UnexpectedEof, "the database failed"))
}

/// Where a zip is written, until it is closed; then nothing gets through.
struct Target<W> {
    inner: W,
    closed: Arc<AtomicBool>,
}

impl<W: Write> Write for Target<W> {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        if self.closed.load(Ordering::Relaxed) { Ok(bytes.len()) } else { self.inner.write(bytes) }
    }

    fn flush(&mut self) -> IoResult<()> {
        if self.closed.load(Ordering::Relaxed) { Ok(()) } else { self.inner.flush() }
    }
}

async fn send(parts: &Sender<Part>, part: Part) -> Result<()> {
    parts.send(part).await.map_err(|error| unreadable(&error))
}

/// The tables that are dumped, in the order in which they were made.
async fn tables(db: &Transaction) -> Result<Vec<String>> {
    let mut tables = dialect::tables(db).await?;
    tables.retain(|table| !LEFT_OUT.contains(&table.as_str()));
    Ok(tables)
}

async fn installed(db: &Transaction) -> Result<Map<String, Value>> {
    let modules = ir_module_module::installed(db).await?;
    Ok(modules.into_iter().map(|module| (module.name, module.latest_version.into())).collect())
}

async fn read_table(db: &Transaction, table: String, parts: &Sender<Part>) -> Result<()> {
    let mut columns = dialect::columns(db, &table).await?;
    columns.retain(|column| !column.name.starts_with(schema::REMOVED));
    let mut pages = Pages::new(&table, &columns);
    send(parts, Part::File(file_of(&table))).await?;
    let head = Head { table, columns };
    let mut lines = Vec::new();
    line(&head, &mut lines)?;
    loop {
        let rows = db.query_all(&pages.next()).await?;
        for row in &rows {
            let row: Row = head.columns.iter().map(|column| cells::cell(row, column)).collect::<Result<_, _>>()?;
            line(&row, &mut lines)?;
        }
        send(parts, Part::Bytes(std::mem::take(&mut lines))).await?;
        match rows.last() {
            Some(last) if rows.len() as u64 == pages.rows => pages.after(last)?,
            _ => return Ok(()),
        }
    }
}

fn line(value: &impl serde::Serialize, lines: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(&mut *lines, value).map_err(|error| unreadable(&error))?;
    lines.push(b'\n');
    Ok(())
}

/// The pages of a table: by ids where it has them, so that a later page costs no more than the first.
struct Pages {
    query: SelectStatement,
    rows: u64,
    has_ids: bool,
    last_id: i64,
    offset: u64,
}

impl Pages {
    fn new(table: &str, columns: &[Column]) -> Self {
        let has_ids = columns.iter().any(|column| column.name == "id");
        let has_bytes = columns.iter().any(|column| matches!(column.kind, Kind::Bytes));
        let rows = if has_bytes { ROWS_WITH_BYTES } else { ROWS };
        let mut query = Query::select()
            .columns(columns.iter().map(|column| Alias::new(&column.name)))
            .from(Alias::new(table))
            .limit(rows)
            .take();
        let is_key = |column: &&Column| {
            if has_ids { column.name == "id" } else { matches!(column.kind, Kind::Integer | Kind::Text) }
        };
        for key in columns.iter().filter(is_key) {
            query.order_by(Alias::new(&key.name), Order::Asc);
        }
        Self { query, rows, has_ids, last_id: 0, offset: 0 }
    }

    fn next(&self) -> SelectStatement {
        let mut query = self.query.clone();
        if self.has_ids {
            query.and_where(Expr::col(Alias::new("id")).gt(self.last_id));
        } else {
            query.offset(self.offset);
        }
        query
    }

    fn after(&mut self, last: &sea_orm::QueryResult) -> Result<()> {
        self.offset += self.rows;
        if self.has_ids {
            self.last_id = i64::from(last.try_get_by::<i32, _>("id")?);
        }
        Ok(())
    }
}
