//! `res.country`: countries; `name` is translated (`{\"en_US\": …}`).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_country")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub name: Json,
    pub code: String,
    pub phone_code: Option<i32>,
    pub currency_id: Option<i32>,
    pub vat_label: Option<Json>,
    pub zip_required: Option<bool>,
    pub state_required: Option<bool>,
    pub name_position: Option<String>,
    pub create_uid: Option<i32>,
    pub create_date: Option<DateTime>,
    pub write_uid: Option<i32>,
    pub write_date: Option<DateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
