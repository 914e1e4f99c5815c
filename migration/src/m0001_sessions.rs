//! HTTP sessions, and the failed logins that the cooldown counts.

use sea_orm_migration::prelude::*;

use crate::column::{foreign_key, optional, required};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table("sessions")
            .col(required("sid_hash").string_len(64).primary_key())
            .col(optional("user_id").integer())
            .col(optional("pre_user_id").integer())
            .col(optional("session_token").string())
            .col(required("data").json_binary())
            .col(required("create_date").date_time())
            .col(required("write_date").date_time())
            .col(required("expires_at").date_time())
            .foreign_key(&mut foreign_key("sessions", "user_id", "res_users", ForeignKeyAction::Cascade))
            .take();
        let failures = Table::create()
            .table("login_failures")
            .col(required("address").string())
            .col(required("login").string())
            .col(required("failures").integer())
            .col(required("last_failure").date_time())
            .primary_key(Index::create().col("address").col("login"))
            .take();
        manager.create_table(sessions).await?;
        manager.create_table(failures).await?;
        for (name, column) in [("sessions_user_id_index", "user_id"), ("sessions_expires_at_index", "expires_at")] {
            let index = Index::create().name(name).table("sessions").col(column).take();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
