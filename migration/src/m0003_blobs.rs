//! The contents of attachments, each once, whatever number of attachments has it.

use sea_orm_migration::prelude::*;

use crate::column::required;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let blobs = Table::create()
            .table("ir_attachment_blob")
            .col(required("store_fname").string_len(64).primary_key())
            .col(required("sha256").string_len(64))
            .col(required("content").blob())
            .take();
        manager.create_table(blobs).await
    }
}
