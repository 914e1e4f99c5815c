//! `res.users`.

use chrono::NaiveDateTime;
use entity::{ir_model_data, res_company_users_rel, res_groups_users_rel, res_partner, res_users};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::database::DEFAULT_LANG;
use crate::error::{Error, Result};
use crate::models::MethodCall;
use crate::python::Signature;

/// The groups of an internal user who is told no others.
const INTERNAL_GROUPS: [&str; 3] = ["base.group_user", "base.group_partner_manager", "base.group_allow_export"];
const MAIN_COMPANY: i32 = 1;

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    pub login: String,
    pub password_hash: String,
    /// External ids; those of an internal user where there are none.
    pub groups: Vec<String>,
}

/// Makes a user of the main company, with a partner.
///
/// # Errors
/// A `UserError` for a login that is taken or an unknown group; a failure of the database.
pub async fn create(db: &impl ConnectionTrait, new: &NewUser, now: NaiveDateTime) -> Result<res_users::Model> {
    if find(db, &new.login).await?.is_some() {
        return Err(Error::UserError(format!("there is a user with the login '{}' already", new.login)));
    }
    let groups: Vec<&str> = match new.groups.as_slice() {
        [] => INTERNAL_GROUPS.to_vec(),
        groups => groups.iter().map(String::as_str).collect(),
    };
    let share = !groups.contains(&"base.group_user");
    let partner = res_partner::ActiveModel {
        name: Set(Some(new.name.clone())),
        complete_name: Set(Some(new.name.clone())),
        email: Set(new.login.contains('@').then(|| new.login.clone())),
        lang: Set(Some(DEFAULT_LANG.to_owned())),
        r#type: Set(Some("contact".to_owned())),
        active: Set(true),
        is_company: Set(false),
        partner_share: Set(share),
        create_date: Set(Some(now)),
        write_date: Set(Some(now)),
        ..Default::default()
    };
    let partner = partner.insert(db).await?;
    let commercial = res_partner::ActiveModel {
        id: Set(partner.id),
        commercial_partner_id: Set(Some(partner.id)),
        ..Default::default()
    };
    commercial.update(db).await?;
    let user = res_users::ActiveModel {
        login: Set(new.login.clone()),
        password: Set(Some(new.password_hash.clone())),
        active: Set(true),
        share: Set(share),
        partner_id: Set(partner.id),
        company_id: Set(MAIN_COMPANY),
        create_date: Set(Some(now)),
        write_date: Set(Some(now)),
        ..Default::default()
    };
    let user = user.insert(db).await?;
    let company = res_company_users_rel::ActiveModel { cid: Set(MAIN_COMPANY), user_id: Set(user.id) };
    company.insert(db).await?;
    for xmlid in groups {
        let member = res_groups_users_rel::ActiveModel { gid: Set(group(db, xmlid).await?), uid: Set(user.id) };
        member.insert(db).await?;
    }
    Ok(user)
}

async fn group(db: &impl ConnectionTrait, xmlid: &str) -> Result<i32> {
    let (module, name) = xmlid.split_once('.').unwrap_or(("base", xmlid));
    let data = ir_model_data::Entity::find()
        .filter(ir_model_data::Column::Model.eq("res.groups"))
        .filter(ir_model_data::Column::Module.eq(module))
        .filter(ir_model_data::Column::Name.eq(name))
        .one(db)
        .await?;
    data.and_then(|data| data.res_id).ok_or_else(|| Error::UserError(format!("there is no group '{xmlid}'")))
}

/// The user of that login, active or not.
///
/// # Errors
/// A failure of the database.
pub async fn find(db: &impl ConnectionTrait, login: &str) -> Result<Option<res_users::Model>> {
    Ok(res_users::Entity::find().filter(res_users::Column::Login.eq(login)).one(db).await?)
}

/// All users with their partners, by id.
///
/// # Errors
/// A failure of the database.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<(res_users::Model, Option<res_partner::Model>)>> {
    let query = res_users::Entity::find().find_also_related(res_partner::Entity).order_by_asc(res_users::Column::Id);
    Ok(query.all(db).await?)
}

/// Activates or deactivates a user. Deactivation ends the user's sessions.
///
/// # Errors
/// A failure of the database.
pub async fn set_active(db: &impl ConnectionTrait, user: i32, active: bool) -> Result<()> {
    let user = res_users::ActiveModel { id: Set(user), active: Set(active), ..Default::default() };
    user.update(db).await?;
    Ok(())
}

/// Stores a password hash. All sessions of the user end with it.
///
/// # Errors
/// A failure of the database.
pub async fn set_password(db: &impl ConnectionTrait, user: i32, hash: String) -> Result<()> {
    let user = res_users::ActiveModel { id: Set(user), password: Set(Some(hash)), ..Default::default() };
    user.update(db).await?;
    Ok(())
}

/// Puts a hash in the place of the one that `user` had when it was read.
///
/// # Errors
/// `AccessDenied` where the password has changed since; a failure of the database.
pub async fn replace_password(db: &impl ConnectionTrait, user: &res_users::Model, hash: String) -> Result<()> {
    let replaced = res_users::Entity::update_many()
        .col_expr(res_users::Column::Password, Expr::value(hash))
        .filter(res_users::Column::Id.eq(user.id))
        .filter(res_users::Column::Password.eq(user.password.as_deref()))
        .exec(db)
        .await?;
    if replaced.rows_affected == 1 { Ok(()) } else { Err(Error::access_denied()) }
}

/// The user's partner, which has the name, the language and the time zone.
///
/// # Errors
/// A failure of the database.
pub async fn partner(db: &impl ConnectionTrait, partner: i32) -> Result<Option<res_partner::Model>> {
    Ok(res_partner::Entity::find_by_id(partner).one(db).await?)
}

/// The context in which the user works: `{"lang", "tz", "uid"}`.
///
/// # Errors
/// A `TypeError` for arguments; a failure of the database.
pub async fn context_get(caller: &Caller, call: MethodCall) -> Result<Value> {
    let function = format!("{}.context_get", caller.database.series().users_class());
    Signature { function, required: &[], optional: &[], method: true }.bind_positional(call.args)?;
    let partner = partner(caller.database.connection(), caller.user.partner_id).await?;
    Ok(context(caller, partner.as_ref()))
}

/// As [`context_get`], for a partner that has been read.
pub fn context(caller: &Caller, partner: Option<&res_partner::Model>) -> Value {
    let lang = partner.and_then(|partner| partner.lang.as_deref()).unwrap_or(DEFAULT_LANG);
    let tz = partner.and_then(|partner| partner.tz.as_deref()).map_or(Value::Bool(false), Value::from);
    json!({"lang": lang, "tz": tz, "uid": caller.user.id})
}
