//! Dumps: a zip with `manifest.json` and, for each table, a file of its rows, one line of JSON a row. A dump made on
//! SQLite can be restored on PostgreSQL, and the reverse. Neither way is more than a few rows in memory.

mod cells;
mod read;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dialect::Column;
use crate::error::Error;

pub use read::{restore, restore_from};
pub use write::{dump, dump_to};

/// Tables that belong to the running database and not to its content.
const LEFT_OUT: [&str; 4] = ["seaql_migrations", "sessions", "login_failures", "orm_signaling"];
/// The form of dumps.
const FORM: &str = "2";
const MANIFEST: &str = "manifest.json";
/// Messages that wait between the thread of the zip and the database.
const WAITING: usize = 2;

/// The first line of a table's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    table: String,
    columns: Vec<Column>,
}

/// A row: a value a column.
type Row = Vec<Value>;

/// The file of a table.
fn file_of(table: &str) -> String {
    format!("tables/{table}.jsonl")
}

fn unreadable(why: &impl std::fmt::Display) -> Error {
    Error::UserError(format!("The dump cannot be read: {why}"))
}
