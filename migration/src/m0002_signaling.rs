//! Counters by which processes tell each other that models or rights have changed.

use sea_orm_migration::prelude::*;

use crate::column::required;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let signaling = Table::create()
            .table("orm_signaling")
            .col(required("registry").big_integer())
            .col(required("rights").big_integer())
            .take();
        manager.create_table(signaling).await?;
        let zero = Query::insert()
            .into_table("orm_signaling")
            .columns(["registry", "rights"])
            .values_panic([0_i64.into(), 0_i64.into()])
            .take();
        manager.execute(zero).await
    }
}
