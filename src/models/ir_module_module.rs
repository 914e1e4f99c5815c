//! `ir.module.module`.

use std::collections::HashMap;

use async_trait::async_trait;
use entity::ir_module_module;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use super::Behaviour;
use crate::error::{Error, Result};
use crate::orm::call::Bound;
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::read;
use crate::orm::registry::Model;
use crate::python;

/// The behaviour of `ir.module.module`.
#[derive(Debug)]
pub struct IrModuleModule;

#[async_trait]
impl Behaviour for IrModuleModule {
    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        if field.name != "installed_version" {
            return Ok(None);
        }
        // The version that is at hand, whose label is "Latest Version": that of the database, since both are one here.
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, model, ["latest_version"]).await?;
        let modules = read::fetch(&sudo, model, ids, &fields).await?;
        let version =
            |known: &Value| if python::truth(known) { known.clone() } else { env.series().module_version().into() };
        Ok(Some(modules.into_iter().map(|(id, module)| (id, version(&module["latest_version"]))).collect()))
    }

    async fn call(&self, env: &Env<'_>, _model: &Model, call: &Bound) -> Result<Option<Value>> {
        // All modules that there are are installed, so nothing is left to do but what follows.
        Ok(match call.method.name.as_str() {
            "next" => Some(next(env)),
            "button_immediate_install" => {
                if !env.is_superuser() && !env.has_group("base.group_erp_manager").await? {
                    return Err(Error::access_denied());
                }
                Some(next(env))
            }
            _ => None,
        })
    }
}

/// The action after a change of modules: the start page.
fn next(env: &Env<'_>) -> Value {
    json!({"type": "ir.actions.act_url", "target": "self", "url": env.series().web_home()})
}

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
