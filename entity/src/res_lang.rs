//! `res.lang`: languages, the inactive ones too.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_lang")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub name: String,
    pub code: String,
    pub iso_code: Option<String>,
    pub url_code: String,
    pub active: bool,
    pub direction: String,
    pub date_format: String,
    pub time_format: String,
    pub week_start: String,
    pub grouping: String,
    pub decimal_point: String,
    pub thousands_sep: Option<String>,
    pub create_uid: Option<i32>,
    pub create_date: Option<DateTime>,
    pub write_uid: Option<i32>,
    pub write_date: Option<DateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
