//! `res.users.apikeys`: API keys. `index` is the first 8 characters of a key, `key` the passlib hash of the whole.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "res_users_apikeys")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub name: String,
    pub user_id: i32,
    pub scope: Option<String>,
    pub expiration_date: Option<DateTime>,
    pub index: String,
    pub key: String,
    pub create_date: Option<DateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::res_users::Entity",
        from = "Column::UserId",
        to = "super::res_users::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

impl Related<super::res_users::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
