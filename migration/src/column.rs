//! Columns as Odoo's fields make them.

use sea_orm_migration::prelude::*;

/// A column that may be null; its type is still to be given.
pub fn optional(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
}

/// A column that may not be null; its type is still to be given.
pub fn required(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.not_null();
    column
}

/// The constraint of a many2one column `column` of `table`.
pub fn foreign_key(
    table: &'static str,
    column: &'static str,
    target: &'static str,
    on_delete: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(target, "id")
        .on_delete(on_delete)
        .take()
}
