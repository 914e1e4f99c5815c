//! The schema of a wiredoo database, one file a step, append-only: a step that has been released never changes.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DatabaseConnection, DbBackend};

mod column;
mod m0001_identity;
mod m0002_sessions;

/// Runs the steps that a database lacks, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_identity::Migration), Box::new(m0002_sessions::Migration)]
    }
}

/// Whether a database has been through these steps, all or some: it is one of ours.
///
/// # Errors
/// A failure of the database.
pub async fn is_migrated(db: &DatabaseConnection) -> Result<bool, DbErr> {
    SchemaManager::new(db).has_table("seaql_migrations").await
}

/// Whether a database has no tables at all.
///
/// # Errors
/// A failure of the database.
pub async fn is_empty(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let tables = match db.get_database_backend() {
        DbBackend::Sqlite => Query::select().expr(Expr::val(1)).from(Alias::new("sqlite_master")).limit(1).take(),
        _ => Query::select()
            .expr(Expr::val(1))
            .from((Alias::new("information_schema"), Alias::new("tables")))
            .and_where(Expr::col(Alias::new("table_schema")).is_not_in(["pg_catalog", "information_schema"]))
            .limit(1)
            .take(),
    };
    Ok(db.query_one(&tables).await?.is_none())
}
