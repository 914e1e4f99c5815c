//! Who is a member of which group.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_groups_users_rel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub gid: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
