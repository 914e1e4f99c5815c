//! `res.partner`: who a user or a company is, with name, language and time zone.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_partner")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub name: Option<String>,
    pub complete_name: Option<String>,
    pub company_id: Option<i32>,
    pub parent_id: Option<i32>,
    pub commercial_partner_id: Option<i32>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub country_id: Option<i32>,
    pub lang: Option<String>,
    pub tz: Option<String>,
    pub r#type: Option<String>,
    pub active: bool,
    pub is_company: bool,
    pub partner_share: bool,
    pub create_uid: Option<i32>,
    pub create_date: Option<DateTime>,
    pub write_uid: Option<i32>,
    pub write_date: Option<DateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
