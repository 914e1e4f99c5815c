//! A connection to a SQLite database: how it is opened, and how statements run on it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value as Stored;
use rusqlite::{CachedStatement, ErrorCode, OpenFlags, params_from_iter};
use sea_orm::{DbErr, ExecResult, ProxyExecResult, ProxyRow, QueryResult, Statement};
use serde_json::{Map, Value};

use super::{failure, values};
use crate::database::cells::Cells;
use crate::database::dialect::Kind;

/// How many statements a connection keeps prepared.
const PREPARED: usize = 256;
/// How many KiB a connection to a database in memory keeps beside the database.
const MEMORY_CACHE: i32 = 512;
/// How long is waited before another try where SQLite does not wait itself.
const PAUSE: Duration = Duration::from_millis(2);

/// Where a database is.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A database in memory that all connections of this process to this URI share.
    Memory(String),
}

/// A connection. It is used by one thread at a time.
#[derive(Debug)]
pub struct Connection(rusqlite::Connection);

/// Rows without names, as the ORM reads them.
pub type Table = Vec<Vec<Stored>>;

impl Source {
    /// Connects. A statement waits so long for another process that has locked the file.
    ///
    /// # Errors
    /// It is not there, or SQLite failed.
    pub fn connect(&self, patience: Duration) -> Result<Connection, DbErr> {
        let opened = match self {
            Self::File(path) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                rusqlite::Connection::open_with_flags(path, flags)
            }
            Self::Memory(uri) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_CREATE
                    | OpenFlags::SQLITE_OPEN_URI
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                rusqlite::Connection::open_with_flags(uri, flags)
            }
        };
        let connection = opened.map_err(failure::of)?;
        self.prepare(&connection, patience).map_err(failure::of)?;
        Ok(Connection(connection))
    }

    fn prepare(&self, connection: &rusqlite::Connection, patience: Duration) -> rusqlite::Result<()> {
        connection.busy_timeout(patience)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Else a statement is planned anew for each value that it is given.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if matches!(self, Self::File(_)) {
            write_ahead(connection, patience)?;
            // With NORMAL an acknowledged commit is in the hands of the system: a killed process loses nothing, a power
            // failure may take the last ones.
            connection.pragma_update(None, "synchronous", "FULL")?;
        } else {
            // Its pages are in memory already, and there may be a thousand of them.
            connection.pragma_update(None, "cache_size", -MEMORY_CACHE)?;
        }
        connection.set_prepared_statement_cache_capacity(PREPARED);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("regexp", 2, flags, |context| {
            let pattern: Arc<Regex> = context.get_or_create_aux(0, |pattern| {
                Regex::new(pattern.as_str()?)
                    .map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)
            })?;
            let text = context.get_raw(1);
            Ok(text.as_str_or_null()?.map(|text| pattern.is_match(text)))
        })
    }
}

/// Has a file written by a log ahead. Of several processes that open a new file at once all but one are refused, without
/// waiting as they do elsewhere.
fn write_ahead(connection: &rusqlite::Connection, patience: Duration) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < patience => {
                thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

impl Connection {
    /// Runs statements without parameters, one after the other.
    ///
    /// # Errors
    /// SQLite's.
    pub fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.0.execute_batch(sql).map_err(failure::of)
    }

    /// Runs one statement without parameters that is kept prepared.
    ///
    /// # Errors
    /// SQLite's.
    pub fn step(&self, sql: &str) -> Result<(), DbErr> {
        self.prepared(sql)?.execute([]).map(drop).map_err(failure::of)
    }

    /// Runs a statement for what it does.
    ///
    /// # Errors
    /// SQLite's.
    pub fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let changed = match statement.values {
            None => {
                self.run(&statement.sql)?;
                self.0.changes()
            }
            Some(values) => {
                let parameters = parameters(values)?;
                let mut prepared = self.prepared(&statement.sql)?;
                let changed = prepared.execute(params_from_iter(parameters)).map_err(failure::of)?;
                u64::try_from(changed).unwrap_or_default()
            }
        };
        let last = u64::try_from(self.0.last_insert_rowid()).unwrap_or_default();
        Ok(ProxyExecResult::new(last, changed).into())
    }

    /// Runs a statement for each of `rows`, whose values of `columns` are its first parameters; the others are told.
    ///
    /// # Errors
    /// SQLite's.
    pub fn execute_each(
        &self,
        statement: Statement,
        columns: &[String],
        rows: &[Map<String, Value>],
    ) -> Result<(), DbErr> {
        let mut parameters = parameters_of(statement.values)?;
        let mut prepared = self.prepared(&statement.sql)?;
        for row in rows {
            for (parameter, column) in parameters.iter_mut().zip(columns) {
                *parameter = row.get(column).map_or(Stored::Null, values::of_json);
            }
            prepared.execute(params_from_iter(&parameters)).map_err(failure::of)?;
        }
        Ok(())
    }

    /// The rows that a statement answers, with the names and the declared types of their columns.
    ///
    /// # Errors
    /// SQLite's.
    pub fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let parameters = parameters_of(statement.values)?;
        let mut prepared = self.prepared(&statement.sql)?;
        let columns: Vec<_> = prepared
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.decl_type().map(Kind::of)))
            .collect();
        let mut rows = prepared.query(params_from_iter(parameters)).map_err(failure::of)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failure::of)? {
            let cell = |(index, (name, kind)): (usize, &(String, Option<Kind>))| {
                Ok((name.clone(), values::value(row.get(index)?, *kind)))
            };
            let values: BTreeMap<_, _> =
                columns.iter().enumerate().map(cell).collect::<rusqlite::Result<_>>().map_err(failure::of)?;
            found.push(ProxyRow::new(values).into());
        }
        Ok(found)
    }

    /// The rows that a statement answers, without names.
    ///
    /// # Errors
    /// SQLite's.
    pub fn table(&self, statement: Statement) -> Result<Table, DbErr> {
        let parameters = parameters_of(statement.values)?;
        let mut prepared = self.prepared(&statement.sql)?;
        let width = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(parameters)).map_err(failure::of)?;
        let mut table = Table::new();
        while let Some(row) = rows.next().map_err(failure::of)? {
            let row: rusqlite::Result<_> = (0..width).map(|index| row.get(index)).collect();
            table.push(row.map_err(failure::of)?);
        }
        Ok(table)
    }

    /// As [`table`](Self::table), of rows that may be many.
    ///
    /// # Errors
    /// SQLite's, or that a cell has bytes.
    pub fn cells(&self, statement: Statement) -> Result<Cells, DbErr> {
        let parameters = parameters_of(statement.values)?;
        let mut prepared = self.prepared(&statement.sql)?;
        let width = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(parameters)).map_err(failure::of)?;
        let mut cells = Cells::new(width);
        while let Some(row) = rows.next().map_err(failure::of)? {
            for index in 0..width {
                cells.push(values::cell(row.get_ref(index).map_err(failure::of)?)?);
            }
        }
        Ok(cells)
    }

    /// Whether a transaction is open.
    pub fn is_in_transaction(&self) -> bool {
        !self.0.is_autocommit()
    }

    /// The whole database as it would be in a file.
    ///
    /// # Errors
    /// SQLite's.
    pub fn pages(&self) -> Result<Vec<u8>, DbErr> {
        self.0.serialize("main").map(|pages| pages.to_vec()).map_err(failure::of)
    }

    /// Makes `pages` the content of the database, for all its connections.
    ///
    /// # Errors
    /// SQLite's.
    pub fn replace(&mut self, pages: &[u8]) -> Result<(), DbErr> {
        let mut source = rusqlite::Connection::open_in_memory().map_err(failure::of)?;
        source.deserialize_read_exact("main", pages, pages.len(), true).map_err(failure::of)?;
        let backup = rusqlite::backup::Backup::new(&source, &mut self.0).map_err(failure::of)?;
        match backup.step(-1).map_err(failure::of)? {
            rusqlite::backup::StepResult::Done => Ok(()),
            other => Err(DbErr::Custom(format!("the pages could not be copied: {other:?}"))),
        }
    }

    fn prepared(&self, sql: &str) -> Result<CachedStatement<'_>, DbErr> {
        self.0.prepare_cached(sql).map_err(failure::of)
    }
}

fn parameters_of(values: Option<sea_orm::Values>) -> Result<Vec<Stored>, DbErr> {
    values.map_or_else(|| Ok(Vec::new()), parameters)
}

fn parameters(values: sea_orm::Values) -> Result<Vec<Stored>, DbErr> {
    values.0.into_iter().map(values::parameter).collect()
}
