//! `res.groups`: who is a member of what, with the groups that others imply.

use std::collections::{BTreeMap, BTreeSet};

use entity::{ir_model_data, res_groups_implied_rel, res_groups_users_rel};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::error::Result;

/// The groups of a user.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    ids: BTreeSet<i32>,
    by_xmlid: BTreeMap<String, i32>,
}

impl Membership {
    /// Reads the groups of a user, directly and by implication.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn of(db: &impl ConnectionTrait, user: i32) -> Result<Self> {
        let direct =
            res_groups_users_rel::Entity::find().filter(res_groups_users_rel::Column::Uid.eq(user)).all(db).await?;
        let implied = res_groups_implied_rel::Entity::find().all(db).await?;
        let external =
            ir_model_data::Entity::find().filter(ir_model_data::Column::Model.eq("res.groups")).all(db).await?;
        let mut ids = BTreeSet::new();
        let mut todo: Vec<i32> = direct.into_iter().map(|member| member.gid).collect();
        while let Some(group) = todo.pop() {
            if ids.insert(group) {
                todo.extend(implied.iter().filter(|pair| pair.gid == group).map(|pair| pair.hid));
            }
        }
        let by_xmlid = external
            .into_iter()
            .filter_map(|data| Some((format!("{}.{}", data.module, data.name), data.res_id?)))
            .collect();
        Ok(Self { ids, by_xmlid })
    }

    /// Whether the user is a member of the group with that external id.
    #[must_use]
    pub fn has(&self, xmlid: &str) -> bool {
        self.by_xmlid.get(xmlid).is_some_and(|id| self.ids.contains(id))
    }
}
