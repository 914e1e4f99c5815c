//! HTTP sessions. The sid itself is never stored, only its SHA-256, so that a leaked database gives nobody a session.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// SHA-256 of the sid in lower-case hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sid_hash: String,
    /// The user who is logged in; null in an anonymous session and before the second factor.
    pub user_id: Option<i32>,
    /// The user whose password was right, and whose second factor is awaited.
    pub pre_user_id: Option<i32>,
    /// HMAC over what must not change while the session lives (id, login, password, active).
    pub session_token: Option<String>,
    /// What else the session remembers (`context`, `trace` of devices, …), an object.
    pub data: Json,
    pub create_date: DateTime,
    /// When `expires_at` was last moved.
    pub write_date: DateTime,
    pub expires_at: DateTime,
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
