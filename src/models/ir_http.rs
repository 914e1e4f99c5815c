//! `ir.http`: the session info, computed from the records.

use std::sync::Arc;

use entity::{res_company, res_company_users_rel, res_currency, res_users_settings};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::groups::Membership;
use super::res_users;
use crate::auth::Caller;
use crate::clock;
use crate::database::{DEFAULT_LANG, parameter};
use crate::error::Result;
use crate::series::Series;

const SUPERUSER: i32 = 1;
/// What `web.active_ids_limit` is where it is not set.
const ACTIVE_IDS_LIMIT: i64 = 20_000;

/// What `/web/session/get_session_info` answers for a user who is logged in. `max_upload` is the largest body that the
/// server takes, in bytes.
///
/// # Errors
/// A failure of the database.
pub async fn session_info(caller: &Caller, max_upload: usize) -> Result<Arc<Value>> {
    let key = caller.user.id.to_string();
    caller.database.cached(&caller.version, "session_info", &key, || compute(caller, max_upload)).await
}

async fn compute(caller: &Caller, max_upload: usize) -> Result<Value> {
    let shape = caller.database.series().session_info();
    let settings = if shape.user_settings { user_settings(caller).await? } else { Value::Null };
    let secret = caller.database.secret(&caller.version).await?;
    let db = caller.database.connection();
    let (user, series) = (&caller.user, caller.database.series());
    let partner = res_users::partner(db, user.partner_id).await?;
    let groups = Membership::of(db, user.id).await?;
    let companies = Companies::of(db, user.id, user.company_id).await?;
    let name = partner.as_ref().and_then(|partner| partner.name.clone()).map_or(Value::Bool(false), Value::from);
    let context = res_users::context(caller, partner.as_ref());
    let lang = context["lang"].as_str().unwrap_or(DEFAULT_LANG).to_owned();
    let is_internal = groups.has("base.group_user");
    let is_system = user.id == SUPERUSER || groups.has("base.group_system");

    let mut info = Map::new();
    let mut put = |member: &str, value: Value| {
        info.insert(member.to_owned(), value);
    };
    put("uid", user.id.into());
    put("is_system", is_system.into());
    put("is_admin", (user.id == SUPERUSER || groups.has("base.group_erp_manager")).into());
    if shape.is_public {
        put("is_public", groups.has("base.group_public").into());
    }
    if shape.is_internal_user {
        put("is_internal_user", is_internal.into());
    }
    put("user_context", context);
    put("db", caller.database.name().into());
    if shape.registry_hash {
        put("registry_hash", digest(&[&*secret, series.name(), "registry"]).into());
    }
    if shape.user_settings {
        put("user_settings", settings);
    }
    put("server_version", series.name().into());
    put("server_version_info", series.version_info());
    put("support_url", "https://www.odoo.com/buy".into());
    put("name", name.clone());
    put("username", user.login.clone().into());
    if shape.quick_login {
        put("quick_login", (parameter::get(db, "web.quick_login").await?.as_deref() != Some("False")).into());
    }
    if shape.partner_write_date {
        let written = partner.as_ref().and_then(|partner| partner.write_date);
        put("partner_write_date", written.map_or(Value::Bool(false), |time| clock::to_string(time).into()));
    }
    put("partner_display_name", partner.and_then(|partner| partner.complete_name).map_or(name, Value::from));
    if shape.company_id {
        put("company_id", user.company_id.into());
    }
    put("partner_id", user.partner_id.into());
    put("web.base.url", parameter::get(db, "web.base.url").await?.unwrap_or_default().into());
    put("active_ids_limit", parameter::get_number(db, "web.active_ids_limit", ACTIVE_IDS_LIMIT).await?.into());
    for member in ["profile_session", "profile_collectors", "profile_params"] {
        put(member, Value::Null);
    }
    put("max_file_upload_size", max_upload.into());
    put("home_action_id", user.action_id.map_or(Value::Bool(false), Value::from));
    if shape.cache_hashes {
        put("cache_hashes", cache_hashes(&secret, &lang));
    }
    put("currencies", currencies(db, series).await?);
    if shape.bundle_params {
        put("bundle_params", json!({"lang": lang}));
    }
    if shape.test_mode_and_view_info {
        put("test_mode", false.into());
        put("view_info", view_info());
    }
    if shape.groups {
        put("groups", json!({"base.group_allow_export": groups.has("base.group_allow_export")}));
    }
    if is_internal {
        put("user_companies", companies.info(user.company_id, series));
        put("show_effect", parameter::get(db, "base_setup.show_effect").await?.is_some().into());
        if shape.display_switch_company_menu {
            let several = groups.has("base.group_multi_company") && companies.allowed.len() > 1;
            put("display_switch_company_menu", several.into());
        }
    }
    if shape.user_id {
        put("user_id", json!([user.id]));
    }
    if shape.web_tours && is_system {
        put("web_tours", json!([]));
        put("tour_disable", false.into());
    }
    if shape.websocket_worker_version {
        put("websocket_worker_version", format!("{}-1", series.name()).into());
    }
    if shape.tour_enabled {
        put("tour_enabled", user.tour_enabled.unwrap_or_default().into());
        // Tours are for administrators.
        put("current_tour", if is_system { false.into() } else { Value::Null });
    }
    Ok(info.into())
}

/// When an administrator logs in, `web.base.url` follows the address by which the server was called, unless
/// `web.base.url.freeze` is set. Answers whether it did.
///
/// # Errors
/// A failure of the database.
pub async fn note_base_url(caller: &Caller, url: &str) -> Result<bool> {
    let db = caller.database.connection();
    let known = parameter::get(db, "web.base.url").await?;
    if known.as_deref() == Some(url)
        || parameter::get(db, "web.base.url.freeze").await?.is_some()
        || !Membership::of(db, caller.user.id).await?.has("base.group_system")
    {
        return Ok(false);
    }
    caller
        .database
        .write(|tx| {
            let url = url.to_owned();
            Box::pin(async move { parameter::set(tx, "web.base.url", &url).await })
        })
        .await?;
    Ok(true)
}

/// The user's row in `res.users.settings`, made at first use, as the session info shows it.
async fn user_settings(caller: &Caller) -> Result<Value> {
    let (db, user) = (&caller.database, caller.user.id);
    let of_user = || res_users_settings::Entity::find().filter(res_users_settings::Column::UserId.eq(user));
    let mut settings = of_user().one(db.connection()).await?;
    if settings.is_none() {
        let made = db.write(|tx| {
            Box::pin(async move {
                let row = res_users_settings::ActiveModel { user_id: Set(user), ..Default::default() };
                let once = OnConflict::column(res_users_settings::Column::UserId).do_nothing().to_owned();
                res_users_settings::Entity::insert(row).on_conflict(once).exec_without_returning(tx).await?;
                Ok(())
            })
        });
        made.await?;
        settings = of_user().one(db.connection()).await?;
    }
    Ok(json!({"id": settings.map(|settings| settings.id), "user_id": {"id": user}}))
}

async fn currencies(db: &impl ConnectionTrait, series: Series) -> Result<Value> {
    let active = res_currency::Entity::find()
        .filter(res_currency::Column::Active.eq(true))
        .order_by_asc(res_currency::Column::Id)
        .all(db)
        .await?;
    let mut currencies = Map::new();
    for currency in active {
        let mut shown = json!({
            "symbol": currency.symbol,
            "position": currency.position,
            "digits": [69, currency.decimal_places.unwrap_or(2)],
        });
        if series.session_info().currency_names {
            shown["name"] = currency.name.into();
        }
        currencies.insert(currency.id.to_string(), shown);
    }
    Ok(currencies.into())
}

/// The companies that a user may work in.
struct Companies {
    allowed: Vec<res_company::Model>,
    /// Ancestors of allowed ones that are not allowed themselves.
    disallowed_ancestors: Vec<res_company::Model>,
    /// All active ones, for the trees.
    all: Vec<res_company::Model>,
}

impl Companies {
    async fn of(db: &impl ConnectionTrait, user: i32, current: i32) -> Result<Self> {
        let allowed_ids: Vec<i32> = res_company_users_rel::Entity::find()
            .filter(res_company_users_rel::Column::UserId.eq(user))
            .all(db)
            .await?
            .into_iter()
            .map(|pair| pair.cid)
            .collect();
        let all = res_company::Entity::find()
            .filter(res_company::Column::Active.eq(true))
            .order_by_asc(res_company::Column::Sequence)
            .order_by_asc(res_company::Column::Name)
            .all(db)
            .await?;
        let is_allowed = |id: i32| allowed_ids.contains(&id) || id == current;
        let allowed: Vec<_> = all.iter().filter(|company| is_allowed(company.id)).cloned().collect();
        let ancestors: Vec<i32> = allowed.iter().flat_map(ancestors).filter(|id| !is_allowed(*id)).collect();
        let disallowed_ancestors = all.iter().filter(|company| ancestors.contains(&company.id)).cloned().collect();
        Ok(Self { allowed, disallowed_ancestors, all })
    }

    fn info(&self, current: i32, series: Series) -> Value {
        let shape = series.session_info();
        let by_id = |companies: &[res_company::Model]| -> Map<String, Value> {
            companies.iter().map(|company| (company.id.to_string(), self.company(company, series))).collect()
        };
        let mut info = json!({"current_company": current, "allowed_companies": by_id(&self.allowed)});
        if shape.company_tree {
            info["disallowed_ancestor_companies"] = by_id(&self.disallowed_ancestors).into();
        }
        info
    }

    fn company(&self, company: &res_company::Model, series: Series) -> Value {
        let shape = series.session_info();
        let mut info =
            json!({"id": company.id, "name": company.name, "sequence": company.sequence.unwrap_or_default()});
        if shape.company_tree {
            let is_shown = |id: i32| self.allowed.iter().chain(&self.disallowed_ancestors).any(|shown| shown.id == id);
            let children = self.all.iter().filter(|child| child.parent_id == Some(company.id) && is_shown(child.id));
            info["child_ids"] = children.map(|child| child.id).collect();
            info["parent_id"] = company.parent_id.map_or(Value::Bool(false), Value::from);
        }
        if shape.company_currency {
            info["currency_id"] = company.currency_id.into();
        }
        info
    }
}

fn ancestors(company: &res_company::Model) -> Vec<i32> {
    let path = company.parent_path.as_deref().unwrap_or_default();
    path.split('/').filter_map(|id| id.parse().ok()).filter(|id| *id != company.id).collect()
}

/// Digests by which a browser knows whether what it has cached is still good.
fn cache_hashes(secret: &str, lang: &str) -> Value {
    let hash = |what: &str| digest(&[secret, lang, what]);
    json!({"load_menus": hash("load_menus"), "translations": hash("translations")})
}

fn digest(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(parts.join("\0")))
}

fn view_info() -> Value {
    let kind =
        |name: &str, icon: &str, several: bool| json!({"display_name": name, "icon": icon, "multi_record": several});
    json!({
        "list": kind("List", "oi oi-view-list", true),
        "form": kind("Form", "fa fa-address-card", false),
        "graph": kind("Graph", "fa fa-area-chart", true),
        "pivot": kind("Pivot", "oi oi-view-pivot", true),
        "kanban": kind("Kanban", "oi oi-view-kanban", true),
        "calendar": kind("Calendar", "fa fa-calendar", true),
        "search": kind("Search", "oi oi-search", true),
    })
}
