//! `ir.module.module`.

use entity::ir_module_module;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::error::Result;

/// The installed modules, by name.
///
/// # Errors
/// A failure of the database.
pub async fn installed(db: &impl ConnectionTrait) -> Result<Vec<ir_module_module::Model>> {
    let query = ir_module_module::Entity::find()
        .filter(ir_module_module::Column::State.eq("installed"))
        .order_by_asc(ir_module_module::Column::Name);
    Ok(query.all(db).await?)
}
