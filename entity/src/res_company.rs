//! `res.company`: companies; the tree of branches is in `parent_path` (`\"1/4/\"`).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_company")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub name: String,
    pub partner_id: i32,
    pub currency_id: i32,
    pub parent_id: Option<i32>,
    pub parent_path: Option<String>,
    pub sequence: Option<i32>,
    pub active: bool,
    pub create_uid: Option<i32>,
    pub create_date: Option<DateTime>,
    pub write_uid: Option<i32>,
    pub write_date: Option<DateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
