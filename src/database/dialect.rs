//! Where SQLite and PostgreSQL differ: errors, transactions, and the statements that sea-query does not have.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, ForeignKeyAction, Func, InsertStatement, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Order, QueryResult, RuntimeErr, Statement, sqlx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Connection, Database, Transaction};
use crate::error::Error;

/// Whether this is SQLite (or else PostgreSQL).
pub fn is_sqlite(connection: &impl ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Sqlite
}

/// The SQLSTATE (PostgreSQL) or result code (SQLite) behind an error of sea-orm.
pub fn code(error: &DbErr) -> Option<String> {
    driver_error(error)?.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// Whether PostgreSQL asks to run the transaction again: serialization failure, deadlock, lock not available.
pub fn is_serialization_failure(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    matches!(code(error).as_deref(), Some("40001" | "40P01" | "55P03"))
}

/// Whether the connection to the server was lost, so that another may do: the server went away, or somebody ended it.
pub fn is_connection_lost(error: &DbErr) -> bool {
    matches!(driver_error(error), Some(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)))
        || matches!(code(error).as_deref(), Some("57P01" | "57P02" | "57P03"))
}

/// PostgreSQL's words for a database that does not exist, if that is what the error says.
pub fn missing_database(error: &DbErr) -> Option<String> {
    let error = driver_error(error)?.as_database_error()?;
    (error.code().as_deref() == Some("3D000")).then(|| error.message().to_owned())
}

/// Copies the whole SQLite database, in a consistent state, into the empty one at `target` (a path or a URI).
///
/// # Errors
/// A failure of the database.
pub async fn vacuum_into(connection: &Connection, target: &str) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [target.into()]);
    connection.execute_raw(statement).await.map(drop)
}

/// Puts the sequence of `table`'s ids behind the rows that were written with ids of their own. SQLite does so by
/// itself.
///
/// # Errors
/// A failure of the database.
pub async fn advance_sequence(connection: &impl ConnectionTrait, table: &str) -> Result<(), DbErr> {
    if is_sqlite(connection) {
        return Ok(());
    }
    let sequence = Expr::cust_with_values("pg_get_serial_sequence($1, 'id')", [table]);
    let last = Expr::cust("greatest(max(id), 1)");
    let query = Query::select()
        .expr(
            Func::cust(Alias::new("setval"))
                .args([sequence.cast_as(Alias::new("regclass")), last.cast_as(Alias::new("bigint"))]),
        )
        .from(Alias::new(table))
        .take();
    connection.execute(&query).await.map(drop)
}

/// The databases of a PostgreSQL server that belong to the role that asks, as Odoo lists them, and those that are called
/// as in `also`.
///
/// # Errors
/// A failure of the database.
pub async fn list_databases(server: &DatabaseConnection, also: &[String]) -> Result<Vec<String>, DbErr> {
    let rows = server.query_all(&own_databases(also)).await?;
    rows.iter().map(|row| row.try_get_by("datname")).collect()
}

/// Whether there is a database of that name, of whatever role.
///
/// # Errors
/// A failure of the database.
pub async fn has_database(server: &DatabaseConnection, name: &str) -> Result<bool, DbErr> {
    let query = Query::select()
        .expr(Expr::val(1))
        .from(Alias::new("pg_database"))
        .and_where(Expr::col(Alias::new("datname")).eq(name))
        .take();
    Ok(server.query_one(&query).await?.is_some())
}

fn own_databases(also: &[String]) -> SelectStatement {
    let col = |name: &'static str| Expr::col(Alias::new(name));
    let owner = Query::select()
        .column(Alias::new("oid"))
        .from(Alias::new("pg_roles"))
        .and_where(col("rolname").eq(Expr::cust("current_user")))
        .take();
    Query::select()
        .expr_as(col("datname").cast_as(Alias::new("text")), Alias::new("datname"))
        .from(Alias::new("pg_database"))
        .and_where(col("datdba").in_subquery(owner).or(col("datname").is_in(also)))
        .and_where(col("datallowconn"))
        .and_where(col("datistemplate").not())
        .and_where(col("datname").ne("postgres").or(col("datname").is_in(also)))
        .take()
}

/// What can be done to a database of a PostgreSQL server as a whole. SQL has no parameters for names here, so they
/// are quoted; the [manager](super::Databases) lets only valid ones through.
pub enum Utility<'a> {
    /// An empty database.
    Create(&'a str),
    /// A copy.
    Duplicate { from: &'a str, to: &'a str },
    /// Away with it, and with the connections to it.
    Drop(&'a str),
    /// Another name.
    Rename { from: &'a str, to: &'a str },
}

impl Utility<'_> {
    /// Runs it on a connection to another database of the server.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn run(&self, server: &DatabaseConnection) -> Result<(), DbErr> {
        let sql = match self {
            Self::Create(name) => {
                ["CREATE DATABASE ", &quoted(name), " TEMPLATE template0 ENCODING 'unicode' LC_COLLATE 'C'"].concat()
            }
            Self::Duplicate { from, to } => ["CREATE DATABASE ", &quoted(to), " TEMPLATE ", &quoted(from)].concat(),
            Self::Drop(name) => ["DROP DATABASE ", &quoted(name), " WITH (FORCE)"].concat(),
            Self::Rename { from, to } => ["ALTER DATABASE ", &quoted(from), " RENAME TO ", &quoted(to)].concat(),
        };
        server.execute_unprepared(&sql).await.map(drop)
    }
}

/// Ends all connections to a database of a PostgreSQL server, so that it can be copied or renamed.
///
/// # Errors
/// A failure of the database.
pub async fn disconnect(server: &DatabaseConnection, name: &str) -> Result<(), DbErr> {
    let query = Query::select()
        .expr(Expr::cust("pg_terminate_backend(pid)"))
        .from(Alias::new("pg_stat_activity"))
        .and_where(Expr::col(Alias::new("datname")).eq(name))
        .and_where(Expr::cust("pid <> pg_backend_pid()"))
        .take();
    server.query_all(&query).await.map(drop)
}

/// What a column holds, in either dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Boolean,
    Integer,
    BigInteger,
    Float,
    Text,
    Json,
    Timestamp,
    Date,
    Bytes,
}

impl Kind {
    /// The kind of a column's declared type.
    pub fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|name| declared.starts_with(name));
        match () {
            () if begins(&["bool"]) => Self::Boolean,
            () if begins(&["bigint"]) => Self::BigInteger,
            () if begins(&["int", "smallint"]) => Self::Integer,
            () if begins(&["double", "real", "float", "numeric"]) => Self::Float,
            () if begins(&["json"]) => Self::Json,
            () if begins(&["blob", "bytea", "varbinary"]) => Self::Bytes,
            () if begins(&["timestamp", "datetime"]) => Self::Timestamp,
            () if begins(&["date"]) => Self::Date,
            () => Self::Text,
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// The tables, in the order in which they were made.
///
/// # Errors
/// A failure of the database.
pub async fn tables(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let col = |name: &'static str| Expr::col(Alias::new(name));
    let mut query = Query::select();
    if is_sqlite(db) {
        query
            .expr_as(col("name"), Alias::new("name"))
            .from(Alias::new("sqlite_master"))
            .and_where(col("type").eq("table"))
            .and_where(col("name").not_like("sqlite%"))
            .order_by(Alias::new("rowid"), Order::Asc);
    } else {
        let public = Query::select()
            .column(Alias::new("oid"))
            .from(Alias::new("pg_namespace"))
            .and_where(Expr::col(Alias::new("nspname")).eq("public"))
            .take();
        query
            .expr_as(col("relname").cast_as(Alias::new("text")), Alias::new("name"))
            .from(Alias::new("pg_class"))
            .and_where(Expr::cust("relkind = 'r'"))
            .and_where(col("relnamespace").in_subquery(public))
            .order_by(Alias::new("oid"), Order::Asc);
    }
    db.query_all(&query).await?.iter().map(|row| row.try_get_by("name")).collect()
}

/// The columns of a table; none where there is no such table.
///
/// # Errors
/// A failure of the database.
pub async fn columns(db: &impl ConnectionTrait, table: &str) -> Result<Vec<Column>, DbErr> {
    let mut query = Query::select();
    if is_sqlite(db) {
        query
            .columns([Alias::new("name"), Alias::new("type")])
            .from_function(Func::cust(Alias::new("pragma_table_info")).arg(table), Alias::new("info"));
    } else {
        let text = |name: &'static str| Expr::col(Alias::new(name)).cast_as(Alias::new("text"));
        query
            .expr_as(text("column_name"), Alias::new("name"))
            .expr_as(text("data_type"), Alias::new("type"))
            .from((Alias::new("information_schema"), Alias::new("columns")))
            .and_where(Expr::col(Alias::new("table_schema")).eq("public"))
            .and_where(Expr::col(Alias::new("table_name")).eq(table))
            .order_by(Alias::new("ordinal_position"), Order::Asc);
    }
    let rows = db.query_all(&query).await?;
    let column = |row: &QueryResult| {
        let declared: String = row.try_get_by("type")?;
        Ok(Column { name: row.try_get_by("name")?, kind: Kind::of(&declared) })
    };
    rows.iter().map(column).collect()
}

/// The number by which PostgreSQL knows the database that is asked: another one of the same name has another. On SQLite,
/// where a file is told by its inode, always the same.
pub fn number_of_database(db: &impl ConnectionTrait) -> Expr {
    if is_sqlite(db) {
        return Expr::val(0_i64);
    }
    let number = Query::select()
        .expr(Expr::col(Alias::new("oid")).cast_as(Alias::new("bigint")))
        .from(Alias::new("pg_database"))
        .and_where(Expr::col(Alias::new("datname")).eq(Expr::cust("current_database()")))
        .take();
    Expr::SubQuery(None, Box::new(number.into()))
}

/// Waits until no other process makes or changes the tables of the database, and keeps them from it until the transaction
/// ends. On SQLite a transaction that writes does so anyway.
///
/// # Errors
/// A failure of the database.
pub async fn lock_tables(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    /// Any number, as long as all use the same one.
    const LOCK: i64 = 0x7769_7265_646f_6f00;
    if is_sqlite(db) {
        return Ok(());
    }
    let lock = Func::cust(Alias::new("pg_advisory_xact_lock")).arg(Expr::val(LOCK));
    let query = Query::select().expr(Expr::expr(lock).cast_as(Alias::new("text"))).take();
    db.query_one(&query).await.map(drop)
}

/// A name as SQL has it where it has no parameters.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The words for what a foreign key does when its target goes.
pub fn on_delete(action: ForeignKeyAction) -> &'static str {
    match action {
        ForeignKeyAction::Cascade => "CASCADE",
        ForeignKeyAction::Restrict => "RESTRICT",
        ForeignKeyAction::SetNull => "SET NULL",
        _ => "NO ACTION",
    }
}

/// Runs statements that a builder has written and that have no parameters, all at once.
///
/// # Errors
/// A failure of the database.
pub async fn run_script(db: &impl ConnectionTrait, statements: &[String]) -> Result<(), DbErr> {
    if statements.is_empty() {
        return Ok(());
    }
    db.execute_unprepared(&statements.join(";\n")).await.map(drop)
}

/// A rule of a table that a statement would have broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two rows with the same values: PostgreSQL names the constraint, SQLite the columns.
    Unique {
        name: Option<String>,
        columns: Vec<String>,
    },
    Check {
        name: String,
    },
    ForeignKey,
}

/// The rule that was broken, if that is what the error says.
pub fn violation(error: &DbErr) -> Option<Violation> {
    let error = driver_error(error)?.as_database_error()?;
    let name = || error.constraint().map(str::to_owned);
    // SQLite has a code of its own for what `ON DELETE RESTRICT` refuses.
    if error.code().as_deref() == Some("1811") {
        return Some(Violation::ForeignKey);
    }
    let message = error.message();
    match error.kind() {
        sqlx::error::ErrorKind::UniqueViolation => {
            // SQLite: `UNIQUE constraint failed: res_users.login`
            let list = message.rsplit_once(": ").map_or("", |(_, list)| list);
            let columns = list.split(", ").filter_map(|column| column.split_once('.')).map(|(_, name)| name.to_owned());
            Some(Violation::Unique { name: name(), columns: columns.collect() })
        }
        sqlx::error::ErrorKind::CheckViolation => {
            let named = name().or_else(|| message.rsplit_once(": ").map(|(_, name)| name.to_owned()));
            Some(Violation::Check { name: named.unwrap_or_default() })
        }
        sqlx::error::ErrorKind::ForeignKeyViolation => Some(Violation::ForeignKey),
        _ => None,
    }
}

/// The ids of the next rows of a table, where they must be told: on SQLite, so that, as on PostgreSQL, an id that was
/// given to a row that did not stay is given to no other.
///
/// # Errors
/// A failure of the database.
pub async fn next_ids(
    db: &impl ConnectionTrait,
    database: &Database,
    table: &str,
    count: usize,
) -> Result<Option<Vec<i32>>, DbErr> {
    if !is_sqlite(db) {
        return Ok(None);
    }
    let select = Query::select()
        .column(Alias::new("seq"))
        .from(Alias::new("sqlite_sequence"))
        .and_where(Expr::col(Alias::new("name")).eq(table))
        .take();
    database.count_statement();
    let last: Option<i64> = db.query_one(&select).await?.map(|row| row.try_get_by_index(0)).transpose()?;
    let first = database.take_ids(table, last.unwrap_or_default(), i64::try_from(count).unwrap_or_default());
    let ids = (0..count).map(|index| i32::try_from(first + i64::try_from(index).unwrap_or_default()));
    ids.collect::<Result<_, _>>().map(Some).map_err(|_| DbErr::Custom(format!("{table} has no ids left")))
}

/// What a row is called that has the next id of a table.
const TAKEN: &str = "taken";

/// Has a statement that inserts a row take the next id of the table, on PostgreSQL; the row may refer to it as [`taken_id`].
///
/// # Errors
/// The row has not as many values as the statement has columns.
pub fn insert_taking_id(insert: &mut InsertStatement, table: &str, row: Vec<Expr>) -> Result<(), DbErr> {
    let next = Query::select().expr_as(nextval(table).cast_as(Alias::new("integer")), Alias::new("id")).take();
    let select = Query::select().exprs(row).from_subquery(next, Alias::new(TAKEN)).take();
    insert.select_from(select).map(drop).map_err(|error| DbErr::Custom(error.to_string()))
}

/// The id that [`insert_taking_id`] takes.
#[must_use]
pub fn taken_id() -> Expr {
    Expr::col((Alias::new(TAKEN), Alias::new("id")))
}

/// The next number of the sequence of a table's ids, on PostgreSQL.
fn nextval(table: &str) -> Expr {
    let sequence = Expr::cust_with_values("pg_get_serial_sequence($1, 'id')", [table]);
    Func::cust(Alias::new("nextval")).arg(sequence.cast_as(Alias::new("regclass"))).into()
}

/// The ids of the next rows of a table, in either dialect, which no other row will get.
///
/// # Errors
/// A failure of the database.
pub async fn reserve_ids(
    db: &impl ConnectionTrait,
    database: &Database,
    table: &str,
    count: usize,
) -> Result<Vec<i32>, DbErr> {
    if let Some(ids) = next_ids(db, database, table, count).await? {
        return Ok(ids);
    }
    let rows = db.query_all(&next_of_sequence(table, count)).await?;
    let id = |row: &QueryResult| {
        let id: i64 = row.try_get_by_index(0)?;
        i32::try_from(id).map_err(|_| DbErr::Custom(format!("{table} has no ids left")))
    };
    rows.iter().map(id).collect()
}

/// The next numbers of the sequence of a table's ids, on PostgreSQL.
fn next_of_sequence(table: &str, count: usize) -> SelectStatement {
    let count = i64::try_from(count).unwrap_or_default();
    Query::select()
        .expr(nextval(table))
        .from_function(
            Func::cust(Alias::new("generate_series")).args([Expr::val(1_i64), Expr::val(count)]),
            Alias::new("skipped"),
        )
        .take()
}

/// Passes over the ids of rows that are not written after all. On SQLite [`next_ids`] has done so.
///
/// # Errors
/// A failure of the database.
pub async fn skip_ids(db: &impl ConnectionTrait, table: &str, count: usize) -> Result<(), DbErr> {
    if is_sqlite(db) {
        return Ok(());
    }
    db.query_all(&next_of_sequence(table, count)).await.map(drop)
}

/// Makes sure that the database can have indexes of trigrams, and answers whether it can: PostgreSQL where its extension
/// `pg_trgm` is installed and may be made.
///
/// # Errors
/// A failure of the database.
pub async fn make_trigrams(tx: &Transaction) -> Result<bool, DbErr> {
    if is_sqlite(tx) {
        return Ok(false);
    }
    tx.savepoint().await?;
    let made = tx.execute_unprepared("CREATE EXTENSION IF NOT EXISTS pg_trgm").await;
    tx.end_savepoint(made.is_ok()).await?;
    if let Err(error) = &made {
        tracing::debug!(%error, "without pg_trgm, parts of names are looked for in all records");
    }
    Ok(made.is_ok())
}

/// Lets a transaction on SQLite write rows before those that they refer to.
///
/// # Errors
/// A failure of the database.
pub async fn defer_foreign_keys(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if is_sqlite(db) { db.execute_unprepared("PRAGMA defer_foreign_keys = ON").await.map(drop) } else { Ok(()) }
}

/// Inserts rows, told as objects of their columns; what a row does not have is null. `more` columns are the same in all
/// rows. On PostgreSQL one statement inserts all.
///
/// # Errors
/// A failure of the database.
pub async fn insert_rows(
    db: &Transaction,
    table: &str,
    columns: &[String],
    rows: &[Map<String, Value>],
    more: &[(&str, sea_orm::Value)],
) -> Result<(), DbErr> {
    let names = columns.iter().map(String::as_str).chain(more.iter().map(|(name, _)| *name));
    let mut insert = Query::insert();
    insert.into_table(Alias::new(table)).columns(names.map(Alias::new));
    let shared = more.iter().map(|(_, value)| Expr::val(value.clone()));
    if is_sqlite(db) {
        // One statement with a row's parameters, run for each row: to take JSON apart takes SQLite longer.
        insert.values_panic(columns.iter().map(|_| Expr::val(0)).chain(shared));
        return db.execute_each(&insert, columns, rows);
    }
    let text = serde_json::to_string(rows).map_err(|error| DbErr::Custom(error.to_string()))?;
    let mut select = Query::select();
    select.exprs(columns.iter().map(|column| Expr::col((Alias::new("row"), Alias::new(column)))).chain(shared));
    let row = Expr::null().cast_as(Alias::new(table));
    let source = [row, Expr::val(text).cast_as(Alias::new("json"))];
    let source = Func::cust(Alias::new("json_populate_recordset")).args(source);
    select.from_function(source, Alias::new("row"));
    insert.select_from(select).map_err(|error| DbErr::Custom(error.to_string()))?;
    db.execute(&insert).await.map(drop)
}
