//! `res.users`: who can log in. `password` is a passlib hash (`$pbkdf2-sha512$…`), or plain text where SQL put it there.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub login: String,
    pub password: Option<String>,
    pub active: bool,
    pub share: bool,
    pub partner_id: i32,
    pub company_id: i32,
    pub action_id: Option<i32>,
    pub totp_secret: Option<String>,
    pub totp_last_counter: Option<i32>,
    pub tour_enabled: Option<bool>,
    pub signature: Option<String>,
    pub create_uid: Option<i32>,
    pub create_date: Option<DateTime>,
    pub write_uid: Option<i32>,
    pub write_date: Option<DateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::res_partner::Entity",
        from = "Column::PartnerId",
        to = "super::res_partner::Column::Id"
    )]
    Partner,
}

impl Related<super::res_partner::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Partner.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
