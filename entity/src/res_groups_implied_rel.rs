//! Members of group `gid` are members of group `hid` too.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_groups_implied_rel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub gid: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub hid: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
