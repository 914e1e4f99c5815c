//! Where SQLite and PostgreSQL differ: errors, transactions, and the statements that sea-query does not have.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, IsolationLevel, Order, QueryResult, RuntimeErr,
    Statement, TransactionOptions, sqlx,
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Whether this is SQLite (or else PostgreSQL).
pub fn is_sqlite(connection: &impl ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Sqlite
}

/// How a transaction begins that only reads.
pub fn reading(connection: &DatabaseConnection) -> TransactionOptions {
    if is_sqlite(connection) {
        return TransactionOptions::default();
    }
    TransactionOptions {
        isolation_level: Some(IsolationLevel::RepeatableRead),
        access_mode: Some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    }
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
pub async fn vacuum_into(connection: &DatabaseConnection, target: &str) -> Result<(), DbErr> {
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
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let sql = match self {
            Self::Create(name) => {
                ["CREATE DATABASE ", &quoted(name), " TEMPLATE template0 ENCODING 'unicode'"].concat()
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
}

impl Kind {
    /// The kind of a column's declared type.
    fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|name| declared.starts_with(name));
        match () {
            () if begins(&["bool"]) => Self::Boolean,
            () if begins(&["bigint"]) => Self::BigInteger,
            () if begins(&["int", "smallint"]) => Self::Integer,
            () if begins(&["double", "real", "float", "numeric"]) => Self::Float,
            () if begins(&["json"]) => Self::Json,
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
