//! `res.users`: who can log in. A user inherits from a partner, who has the name and the address.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDateTime;
use entity::{
    ir_model_data as external_row, res_company_users_rel, res_groups_users_rel, res_partner as partner_row, res_users,
};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Map, Value, json};

use super::{Behaviour, Values, ir_model_data, memberships, res_partner, res_users_identitycheck};
use crate::auth::Caller;
use crate::auth::password::Verdict;
use crate::database::{DEFAULT_LANG, Database, Version};
use crate::error::{Error, Result};
use crate::orm::call::Bound;
use crate::orm::domain::{Domain, Leaf, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{SUPERUSER, access, read, search, temporal, write};
use crate::python;
use crate::series::Series;

/// The groups of an internal user who is told no others.
const INTERNAL_GROUPS: [&str; 3] = ["base.group_user", "base.group_partner_manager", "base.group_allow_export"];
const MAIN_COMPANY: i32 = 1;
/// What users are remembered as.
const REMEMBERED: &str = "res.users";

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
    let partner = partner_row::ActiveModel {
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
    let commercial = partner_row::ActiveModel {
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
    let data = external_row::Entity::find()
        .filter(external_row::Column::Model.eq("res.groups"))
        .filter(external_row::Column::Module.eq(module))
        .filter(external_row::Column::Name.eq(name))
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

/// The user of that id, active or not.
///
/// # Errors
/// A failure of the database.
pub async fn get(db: &impl ConnectionTrait, id: i32) -> Result<Option<res_users::Model>> {
    Ok(res_users::Entity::find_by_id(id).one(db).await?)
}

/// As [`get`], remembered as long as the database has this version.
///
/// # Errors
/// A failure of the database.
pub async fn known(database: &Database, version: &Version, id: i32) -> Result<Option<Arc<res_users::Model>>> {
    database.found(version, REMEMBERED, &id.to_string(), || get(database.connection(), id)).await
}

/// As [`known`], where it is remembered.
#[must_use]
pub fn recall(database: &Database, version: &Version, id: i32) -> Option<Arc<res_users::Model>> {
    database.known(version, REMEMBERED, &id.to_string())
}

/// The user by whose rights a visitor who is not logged in reads.
///
/// # Errors
/// A failure of the database.
pub async fn public(db: &impl ConnectionTrait) -> Result<Option<Arc<res_users::Model>>> {
    let external = external_row::Entity::find()
        .filter(external_row::Column::Module.eq("base"))
        .filter(external_row::Column::Name.eq("public_user"))
        .one(db)
        .await?;
    let Some(id) = external.and_then(|external| external.res_id) else { return Ok(None) };
    Ok(get(db, id).await?.map(Arc::new))
}

/// All users with their partners, by id.
///
/// # Errors
/// A failure of the database.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<(res_users::Model, Option<partner_row::Model>)>> {
    let query = res_users::Entity::find().find_also_related(partner_row::Entity).order_by_asc(res_users::Column::Id);
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
pub async fn partner(db: &impl ConnectionTrait, partner: i32) -> Result<Option<partner_row::Model>> {
    Ok(partner_row::Entity::find_by_id(partner).one(db).await?)
}

/// The context in which the user works: `{"lang", "tz", "uid"}`.
#[must_use]
pub fn context(caller: &Caller, partner: Option<&partner_row::Model>) -> Value {
    context_of(caller.user.id, partner)
}

fn context_of(uid: i32, partner: Option<&partner_row::Model>) -> Value {
    let lang = partner.and_then(|partner| partner.lang.as_deref()).unwrap_or(DEFAULT_LANG);
    let tz = partner.and_then(|partner| partner.tz.as_deref()).map_or(Value::Bool(false), Value::from);
    json!({"lang": lang, "tz": tz, "uid": uid})
}

/// `res.users`
pub struct ResUsers;

/// What users may write of themselves.
const OWN: [&str; 24] = [
    "signature",
    "action_id",
    "company_id",
    "email",
    "name",
    "image_1920",
    "lang",
    "tz",
    "phone",
    "tour_enabled",
    "mobile",
    "street",
    "street2",
    "zip",
    "city",
    "state_id",
    "country_id",
    "avatar_1920",
    "image_1024",
    "image_512",
    "image_256",
    "image_128",
    "res_users_settings_ids",
    "notification_type",
];

/// The members' field of a series: `groups_id`, or `group_ids` in 19.0.
fn groups_field(model: &Model) -> &'static str {
    if model.field("group_ids").is_some() { "group_ids" } else { "groups_id" }
}

#[async_trait]
impl Behaviour for ResUsers {
    fn overrides_write(&self) -> bool {
        true
    }

    fn names_searched(&self, _: Series) -> &'static [&'static str] {
        &["name", "login"]
    }

    async fn default(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        Ok(match field.name.as_str() {
            "company_id" => Some(env.company().await?.into()),
            "company_ids" => Some(json!([[6, 0, [env.company().await?]]])),
            "groups_id" | "group_ids" => {
                // Of many users that are made at once, these are the same.
                let groups = env.memo("default groups", &field.name, || default_groups(env, &field.name)).await?;
                Some(json!([[6, 0, &*groups]]))
            }
            _ => None,
        })
    }

    async fn prepare_create(&self, env: &Env<'_>, model: &Model, values: &mut Vec<Values>) -> Result<()> {
        for user in values {
            hash_password(env, user).await?;
            if !user.get("signature").is_some_and(python::truth) && !user.contains_key("partner_id") {
                let name = user.get("name").map(python::text).unwrap_or_default();
                user.insert("signature".to_owned(), format!("<p>--<br>{name}</p>").into());
            }
            imply(env, model, user).await?;
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &[Values]) -> Result<()> {
        for (id, user) in ids.iter().zip(values) {
            store_password(env, *id, user).await?;
        }
        update_share(env, model, ids).await?;
        check_companies(env, model, ids).await
    }

    async fn writer<'a>(&self, env: &Env<'a>, model: &Model, ids: &[i32], values: &Values) -> Result<Env<'a>> {
        // People write what is their own without the right to write users.
        let own = ids == [env.uid()] && values.keys().all(|name| OWN.contains(&name.as_str()));
        if !own {
            return Ok(env.clone());
        }
        if let Some(company) = values.get("company_id").and_then(Value::as_i64) {
            let companies = model.field("company_ids").cloned();
            let Some(companies) = companies else { return Ok(env.clone()) };
            let allowed = read::values(&env.sudo(), model, ids, &companies).await?;
            if !allowed.iter().flat_map(read::ids_in).any(|id| i64::from(id) == company) {
                return Ok(env.clone());
            }
        }
        Ok(env.sudo())
    }

    async fn prepare_write(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &mut Values) -> Result<()> {
        if let Some(active) = values.get("active") {
            if python::truth(active) && ids.contains(&SUPERUSER) {
                return Err(Error::UserError("You cannot activate the superuser.".to_owned()));
            }
            if !python::truth(active) && ids.contains(&env.uid()) {
                return Err(Error::UserError(
                    "You cannot deactivate the user you're currently logged in as.".to_owned(),
                ));
            }
        }
        hash_password(env, values).await?;
        imply(env, model, values).await
    }

    async fn written(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &Values) -> Result<()> {
        for id in ids {
            store_password(env, *id, values).await?;
        }
        if values.contains_key(groups_field(model)) {
            update_share(env, model, ids).await?;
        }
        if values.contains_key("company_id") || values.contains_key("company_ids") {
            check_companies(env, model, ids).await?;
        }
        if values.contains_key("active") {
            let Some(partner) = model.field("partner_id").cloned() else { return Ok(()) };
            let all = env.sudo().with("active_test", false);
            let linked = read::values(&all, model, ids, &partner).await?;
            let partners = env.model("res.partner").await?;
            let linked: Vec<i32> = linked.iter().flat_map(read::ids_in).collect();
            res_partner::share(env, &partners, &linked).await?;
            if python::truth(&values["active"]) {
                write::write(&all, &partners, &linked, Map::from_iter([("active".to_owned(), true.into())])).await?;
            }
        }
        Ok(())
    }

    async fn prepare_unlink(&self, env: &Env<'_>, _: &Model, ids: &[i32]) -> Result<()> {
        if ids.contains(&SUPERUSER) {
            return Err(Error::UserError(
                "You can not remove the admin user as it is used internally for resources created by Odoo (updates, \
                 module installation, ...)"
                    .to_owned(),
            ));
        }
        let admin = ir_model_data::find(&env.sudo(), "base.user_admin").await?.map(|(_, id)| id);
        if admin.is_some_and(|admin| ids.contains(&admin)) {
            return Err(env.series().administrator_stays());
        }
        Ok(())
    }

    async fn prepare_copy(
        &self,
        env: &Env<'_>,
        model: &Model,
        id: i32,
        default: &Values,
        values: &mut Values,
    ) -> Result<()> {
        let wanted: Vec<_> = ["name", "login"].into_iter().filter_map(|name| model.field(name).cloned()).collect();
        let records = read::fetch(&env.sudo(), model, &[id], &wanted).await?;
        for field in wanted {
            if !default.contains_key(&field.name)
                && let Some(text) = records.get(&id).and_then(|record| record[&field.name].as_str())
            {
                values.insert(field.name.clone(), format!("{text} (copy)").into());
            }
        }
        values.shift_remove("password");
        Ok(())
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let name = field.name.as_str();
        let all = |value: Value| Some(ids.iter().map(|id| (*id, value.clone())).collect());
        let rights = env.rights().await?;
        Ok(match name {
            "password" | "new_password" => all("".into()),
            "tz_offset" => {
                let Some(tz) = model.field("tz").cloned() else { return Ok(None) };
                let records = read::fetch(&env.sudo(), model, ids, &[tz]).await?;
                let offset = |record: &Map<String, Value>| {
                    tz_offset(record["tz"].as_str().unwrap_or_default(), env.now()).into()
                };
                Some(records.iter().map(|(id, record)| (*id, offset(record))).collect())
            }
            "companies_count" => {
                let companies = env.model("res.company").await?;
                all(search::count(&env.sudo(), &companies, &Domain::True, None).await?.into())
            }
            "res_users_settings_id" => {
                let Some(settings) = model.field("res_users_settings_ids").cloned() else { return Ok(None) };
                let records = read::fetch(&env.sudo(), model, ids, &[settings]).await?;
                let first = |record: &Map<String, Value>| {
                    let ids = read::ids_in(&record["res_users_settings_ids"]);
                    ids.first().map_or(Value::Bool(false), |id| (*id).into())
                };
                Some(records.iter().map(|(id, record)| (*id, first(record))).collect())
            }
            "all_group_ids" | "groups_count" | "role" => {
                let mut values = HashMap::new();
                for id in ids {
                    let groups = &env.user_of(*id).await?.groups;
                    let has = |xmlid: &str| rights.group(xmlid).is_some_and(|group| groups.contains(&group));
                    let value = match name {
                        "all_group_ids" => groups.iter().copied().collect::<Vec<_>>().into(),
                        "groups_count" => groups.len().into(),
                        _ if has("base.group_system") => "group_system".into(),
                        _ if has("base.group_user") => "group_user".into(),
                        _ => Value::Bool(false),
                    };
                    values.insert(*id, value);
                }
                Some(values)
            }
            "accesses_count" | "rules_count" => {
                let table = if name == "rules_count" { "ir.rule" } else { "ir.model.access" };
                let of = env.model(table).await?;
                let path = if name == "rules_count" { "groups" } else { "group_id" };
                let mut values = HashMap::new();
                for id in ids {
                    let groups: Vec<i32> = env.user_of(*id).await?.groups.iter().copied().collect();
                    let count =
                        search::count(&env.sudo(), &of, &Domain::leaf(path, Operator::In, groups), None).await?;
                    values.insert(*id, count.into());
                }
                Some(values)
            }
            "totp_enabled" => {
                let users = res_users::Entity::find().filter(res_users::Column::Id.is_in(ids.to_vec()));
                let users = users.all(env.db()).await?;
                Some(users.into_iter().map(|user| (user.id, user.totp_secret.is_some().into())).collect())
            }
            _ => None,
        })
    }

    async fn translate(&self, env: &Env<'_>, model: &Model, values: &mut Values) -> Result<()> {
        if env.series().stores_implied_groups() {
            memberships::translate(env, groups_field(model), values).await
        } else {
            Ok(())
        }
    }

    async fn described_fields(&self, env: &Env<'_>) -> Result<Values> {
        if env.series().stores_implied_groups() { memberships::describe(env).await } else { Ok(Values::new()) }
    }

    async fn search(&self, env: &Env<'_>, model: &Model, field: &Field, leaf: &Leaf) -> Result<Option<Domain>> {
        if field.name != "all_group_ids" {
            return Ok(None);
        }
        let rights = env.rights().await?;
        let wanted = read::ids_in(&leaf.value);
        let groups = env.model("res.groups").await?;
        let all = search::ids(&env.sudo(), &groups, &Domain::True).await?;
        let implying: Vec<i32> =
            all.into_iter().filter(|group| wanted.iter().any(|id| rights.closure([*group]).contains(id))).collect();
        let found = Domain::leaf(groups_field(model), Operator::In, implying);
        Ok(Some(if leaf.operator.is_negative() { found.negated() } else { found }))
    }

    async fn inverse(&self, _: &Env<'_>, _: &Model, _: &[i32], field: &Field, _: &Value) -> Result<bool> {
        // `store_password` keeps them.
        Ok(matches!(field.name.as_str(), "password" | "new_password"))
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "context_get" => {
                let partner = partner(env.db(), env.user().await?.partner).await?;
                context_of(env.uid(), partner.as_ref())
            }
            "has_group" => {
                let group = python::text(call.get("group_ext_id"));
                let user = match call.ids.first() {
                    Some(id) if !call.method.on_model => env.with_user(*id),
                    _ => env.clone(),
                };
                user.has_group(&group).await?.into()
            }
            "has_groups" => {
                let user = call.ids.first().map_or_else(|| env.clone(), |id| env.with_user(*id));
                has_groups(&user, &python::text(call.get("group_spec"))).await?.into()
            }
            "change_password" => {
                change_password(env, call.get("old_passwd"), call.get("new_passwd")).await?;
                true.into()
            }
            "api_key_wizard" => match res_users_identitycheck::asked(env, model, call).await? {
                Some(question) => question,
                None => super::res_users_apikeys::wizard(),
            },
            "preference_save" => json!({"type": "ir.actions.client", "tag": "reload_context"}),
            "get_company_currency_id" => {
                let companies = env.model("res.company").await?;
                let Some(currency) = companies.field("currency_id").cloned() else { return Ok(None) };
                let company = env.company().await?;
                let value = read::values(&env.sudo(), &companies, &[company], &currency).await?.pop();
                value.unwrap_or(Value::Bool(false))
            }
            "read" => return read_users(env, model, call).await,
            _ => return Ok(None),
        }))
    }
}

/// Reads named fields, if some of them are memberships, or if they are of the caller: people see of themselves what they
/// could not see of others.
async fn read_users(env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
    let asked: Vec<String> = call.get("fields").as_array().into_iter().flatten().map(python::text).collect();
    let (shown, mut names): (Vec<String>, Vec<String>) =
        asked.into_iter().partition(|name| env.series().stores_implied_groups() && memberships::is_one(name));
    let own = call.ids == [env.uid()] && !env.is_superuser();
    if shown.is_empty() && (!own || names.is_empty()) {
        return Ok(None);
    }
    let groups = groups_field(model);
    let hidden = !shown.is_empty() && !names.iter().any(|name| name == groups);
    if hidden {
        names.push(groups.to_owned());
    }
    let fields = read::named_fields(env, model, &names).await?;
    let classic = call.get("load") == "_classic_read";
    let reader = if own { env.sudo() } else { env.clone() };
    let mut rows = read::read(&reader, model, &call.ids, &fields, classic).await?;
    for row in &mut rows {
        memberships::add(env, groups, &shown, row).await?;
        if hidden {
            row.shift_remove(groups);
        }
    }
    Ok(Some(rows.into_iter().map(Value::from).collect()))
}

/// `+0200`: how far a time zone is from UTC at a time.
#[must_use]
pub fn tz_offset(tz: &str, now: NaiveDateTime) -> String {
    let zone = temporal::zone(tz).unwrap_or(chrono_tz::UTC);
    let minutes = (temporal::to_local(now, zone) - now).num_minutes();
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// The groups of a user who is told none: those of the template user, or in 19.0 what the default group implies.
async fn default_groups(env: &Env<'_>, field: &str) -> Result<Vec<i32>> {
    let sudo = env.sudo().with("active_test", false);
    let users = env.model("res.users").await?;
    if env.series().copies_groups_of_template()
        && let Some((_, template)) = ir_model_data::find(&sudo, "base.default_user").await?
        && let Some(field) = users.field(field).cloned()
    {
        let groups = read::values(&sudo, &users, &[template], &field).await?;
        return Ok(groups.iter().flat_map(read::ids_in).collect());
    }
    let rights = env.rights().await?;
    let mut groups: Vec<i32> = rights.group("base.group_user").into_iter().collect();
    if let Some(default) = rights.group("base.default_user_group") {
        groups.extend(rights.closure([default]).into_iter().filter(|group| *group != default));
    }
    Ok(groups)
}

/// Up to 18.0, who gets into a group is put into those that it implies, and stays in them.
async fn imply(env: &Env<'_>, model: &Model, user: &mut Values) -> Result<()> {
    let field = groups_field(model);
    let Some(Value::Array(commands)) = user.get(field).filter(|_| env.series().stores_implied_groups()) else {
        return Ok(());
    };
    let rights = env.rights().await?;
    let mut commands = commands.clone();
    let mut implied: BTreeSet<i32> = BTreeSet::new();
    for command in &commands {
        let groups = match command[0].as_i64() {
            Some(4) => read::ids_in(&command[1]),
            Some(6) => read::ids_in(&command[2]),
            // The others put into no group that there was before; a list of ids has no commands.
            _ if command.is_array() => Vec::new(),
            _ => read::ids_in(command),
        };
        implied.extend(rights.closure(groups));
    }
    if commands.iter().all(Value::is_number) {
        commands = implied.into_iter().map(Value::from).collect();
    } else {
        commands.extend(implied.into_iter().map(|group| json!([4, group])));
    }
    user.insert(field.to_owned(), commands.into());
    Ok(())
}

/// Puts the members of groups whose implied groups have changed into those, and stores who is an internal user.
///
/// # Errors
/// A failure of the database.
pub async fn members_changed(env: &Env<'_>, ids: &[i32]) -> Result<()> {
    let users = env.model("res.users").await?;
    let field = groups_field(&users);
    let all = env.sudo().with("active_test", false);
    let members = search::ids(&all, &users, &Domain::leaf(field, Operator::In, ids.to_vec())).await?;
    if env.series().stores_implied_groups() {
        let rights = env.rights().await?;
        let implied = rights.closure(ids.iter().copied());
        let commands: Vec<Value> = implied.into_iter().map(|group| json!([4, group])).collect();
        let values = Map::from_iter([(field.to_owned(), commands.into())]);
        write::write(&all, &users, &members, values).await?;
    }
    update_share(env, &users, &members).await
}

/// Stores who is no internal user, in users and their partners.
async fn update_share(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let internal = env.rights().await?.group("base.group_user");
    let all = env.sudo().with("active_test", false);
    let groups = access::groups_of(env, ids).await?;
    let share = |id: &i32| {
        let internal = internal.is_some_and(|group| groups.get(id).is_some_and(|groups| groups.contains(&group)));
        Map::from_iter([("share".to_owned(), Value::from(!internal))])
    };
    let rows: Vec<(i32, Values)> = ids.iter().map(|id| (*id, share(id))).collect();
    write::store_each(env, model, &rows).await?;
    let Some(partner) = model.field("partner_id").cloned() else { return Ok(()) };
    let partners = env.model("res.partner").await?;
    let linked = read::values(&all, model, ids, &partner).await?;
    res_partner::share(env, &partners, &linked.iter().flat_map(read::ids_in).collect::<Vec<_>>()).await
}

/// Whoever works in a company is allowed to.
async fn check_companies(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let names = ["name", "company_id", "company_ids"];
    let wanted: Vec<_> = names.into_iter().filter_map(|name| model.field(name).cloned()).collect();
    let all = env.sudo().with("active_test", false);
    let companies = env.model("res.company").await?;
    for record in read::fetch(&all, model, ids, &wanted).await?.into_values() {
        let allowed = read::ids_in(&record["company_ids"]);
        let Some(company) = read::ids_in(&record["company_id"]).first().copied() else { continue };
        if allowed.contains(&company) {
            continue;
        }
        let mut wanted = allowed.clone();
        wanted.push(company);
        let names = read::display_names(&all, &companies, &wanted).await?;
        let name = |id: &i32| names.get(id).cloned().unwrap_or_default();
        let list: Vec<String> = allowed.iter().map(name).collect();
        return Err(Error::ValidationError(format!(
            "Company {} is not in the allowed companies for user {} ({}).",
            name(&company),
            python::text(&record["name"]),
            list.join(", ")
        )));
    }
    Ok(())
}

/// Puts a hash in the place of a password that is being written; nothing is the hash of no password.
async fn hash_password(env: &Env<'_>, values: &mut Values) -> Result<()> {
    for name in ["password", "new_password"] {
        let Some(given) = values.get(name) else { continue };
        let hash = match given.as_str() {
            Some(text) if !text.is_empty() => env.passwords().hash(text).await.into(),
            _ => Value::Bool(false),
        };
        values.insert(name.to_owned(), hash);
    }
    Ok(())
}

async fn store_password(env: &Env<'_>, user: i32, values: &Values) -> Result<()> {
    let Some(hash) = values.get("password").or_else(|| values.get("new_password")) else { return Ok(()) };
    let update = res_users::Entity::update_many()
        .col_expr(res_users::Column::Password, Expr::value(hash.as_str().map(str::to_owned)))
        .filter(res_users::Column::Id.eq(user));
    update.exec(env.db()).await?;
    Ok(())
}

/// `change_password`: the caller's own, which takes the old one.
async fn change_password(env: &Env<'_>, old: &Value, new: &Value) -> Result<()> {
    let user = res_users::Entity::find_by_id(env.uid()).one(env.db()).await?.ok_or_else(Error::access_denied)?;
    let old = old.as_str().filter(|old| !old.is_empty()).ok_or_else(Error::access_denied)?;
    if env.passwords().verify(old, user.password.as_deref()).await == Verdict::Wrong {
        return Err(Error::access_denied());
    }
    let new = new.as_str().map(str::trim).unwrap_or_default();
    if new.is_empty() {
        return Err(Error::UserError("Setting empty passwords is not allowed for security reasons!".to_owned()));
    }
    let hash = env.passwords().hash(new).await;
    set_password(env.db(), env.uid(), hash).await
}

/// Whether the user meets a list such as `base.group_user,!base.group_portal`.
async fn has_groups(env: &Env<'_>, specification: &str) -> Result<bool> {
    let groups: Vec<&str> = specification.split(',').map(str::trim).filter(|group| !group.is_empty()).collect();
    let mut met = !groups.is_empty();
    for group in groups {
        match group.strip_prefix('!') {
            Some(excluded) if env.has_group(excluded).await? => return Ok(false),
            Some(_) => {}
            None if env.has_group(group).await? => return Ok(true),
            None => met = false,
        }
    }
    Ok(met)
}
