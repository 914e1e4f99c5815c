//! `ir.ui.view`: what a view consists of.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Behaviour;
use crate::error::Result;
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, write};

/// `ir.ui.view`
pub struct IrUiView;

/// The fields that show or take the architecture, which is stored in `arch_db`.
const ARCHITECTURE: [&str; 2] = ["arch", "arch_base"];

#[async_trait]
impl Behaviour for IrUiView {
    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let Some(stored) = model.field("arch_db").cloned() else { return Ok(None) };
        if !ARCHITECTURE.contains(&field.name.as_str()) {
            return Ok(None);
        }
        let records = read::fetch(env, model, ids, &[stored]).await?;
        Ok(Some(records.into_iter().map(|(id, record)| (id, record["arch_db"].clone())).collect()))
    }

    async fn inverse(&self, env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
        if !ARCHITECTURE.contains(&field.name.as_str()) {
            return Ok(false);
        }
        write::write(env, model, ids, Map::from_iter([("arch_db".to_owned(), value.clone())])).await?;
        Ok(true)
    }
}
