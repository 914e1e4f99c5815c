//! Columns as Odoo's fields make them.

use sea_orm_migration::prelude::*;

/// An empty table whose first column is `id`, ready for more.
pub fn table(name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name).col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key());
    table
}

/// A many2many table: two columns that are the key together and go with either record.
pub fn relation(
    name: &'static str,
    (left, left_table): (&'static str, &'static str),
    (right, right_table): (&'static str, &'static str),
) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(required(left).integer())
        .col(required(right).integer())
        .primary_key(Index::create().col(left).col(right))
        .foreign_key(&mut foreign_key(name, left, left_table, ForeignKeyAction::Cascade))
        .foreign_key(&mut foreign_key(name, right, right_table, ForeignKeyAction::Cascade));
    table
}

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

/// A boolean column that is never null.
pub fn flag(name: &'static str, default: bool) -> ColumnDef {
    let mut column = required(name);
    column.boolean().default(default);
    column
}

/// `create_uid`, `create_date`, `write_uid` and `write_date`, as every logged model has them.
pub fn log_access(table: &mut TableCreateStatement) -> &mut TableCreateStatement {
    table
        .col(optional("create_uid").integer())
        .col(optional("create_date").date_time())
        .col(optional("write_uid").integer())
        .col(optional("write_date").date_time())
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
