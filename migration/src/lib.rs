//! The tables of a wiredoo database that are no models, one file a step, append-only: a step that has been released never
//! changes. The tables of models come from their definitions.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

mod column;
mod m0001_sessions;
mod m0002_signaling;
mod m0003_blobs;

/// Runs the steps that a database lacks, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_sessions::Migration),
            Box::new(m0002_signaling::Migration),
            Box::new(m0003_blobs::Migration),
        ]
    }
}

/// Whether a database has been through these steps, all or some: it is one of ours.
///
/// # Errors
/// A failure of the database.
pub async fn is_migrated(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let (mut tables, name) = tables(db);
    tables.and_where(Expr::col(Alias::new(name)).eq("seaql_migrations"));
    Ok(db.query_one(&tables).await?.is_some())
}

/// Whether a database has been through all of these steps.
///
/// # Errors
/// A failure of the database.
pub async fn is_current(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    if !is_migrated(db).await? {
        return Ok(false);
    }
    let query = Query::select().column(Alias::new("version")).from(Alias::new("seaql_migrations")).take();
    let rows = db.query_all(&query).await?;
    let done: Vec<String> = rows.iter().map(|row| row.try_get_by("version")).collect::<Result<_, _>>()?;
    Ok(Migrator::migrations().iter().all(|step| done.iter().any(|done| done == step.name())))
}

/// Whether a database has no tables at all.
///
/// # Errors
/// A failure of the database.
pub async fn is_empty(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(db.query_one(&tables(db).0).await?.is_none())
}

/// Asks for one table, whichever; and the name of the column with its name.
fn tables(db: &impl ConnectionTrait) -> (SelectStatement, &'static str) {
    let mut query = Query::select();
    query.expr(Expr::val(1)).limit(1);
    if db.get_database_backend() == DbBackend::Sqlite {
        query.from(Alias::new("sqlite_master"));
        return (query, "name");
    }
    let schema = Expr::col(Alias::new("table_schema"));
    query
        .from((Alias::new("information_schema"), Alias::new("tables")))
        .and_where(schema.is_not_in(["pg_catalog", "information_schema"]));
    (query, "table_name")
}
