//! Who there is and what a session info says of them: users, partners, companies, groups, languages, currencies,
//! countries, parameters, external ids, modules, API keys.

use sea_orm_migration::prelude::*;

use crate::column::{flag, foreign_key, log_access, optional, relation, required, table};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [places(), parties(), rights(), settings()].concat() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn places() -> Vec<TableCreateStatement> {
    let lang = log_access(
        table("res_lang")
            .col(required("name").string())
            .col(required("code").string().unique_key())
            .col(optional("iso_code").string())
            .col(required("url_code").string().unique_key())
            .col(flag("active", true))
            .col(required("direction").string())
            .col(required("date_format").string())
            .col(required("time_format").string())
            .col(required("week_start").string())
            .col(required("grouping").string())
            .col(required("decimal_point").string())
            .col(optional("thousands_sep").string()),
    )
    .take();
    let currency = log_access(
        table("res_currency")
            .col(required("name").string_len(3))
            .col(optional("full_name").string())
            .col(required("symbol").string())
            .col(optional("position").string())
            .col(optional("rounding").double())
            .col(optional("decimal_places").integer())
            .col(flag("active", true)),
    )
    .take();
    let country = log_access(
        table("res_country")
            .col(required("name").json_binary())
            .col(required("code").string_len(2))
            .col(optional("phone_code").integer())
            .col(optional("currency_id").integer())
            .col(optional("vat_label").json_binary())
            .col(optional("zip_required").boolean())
            .col(optional("state_required").boolean())
            .col(optional("name_position").string()),
    )
    .take();
    let state = log_access(
        table("res_country_state")
            .col(required("country_id").integer())
            .col(required("name").string())
            .col(required("code").string())
            .foreign_key(&mut foreign_key(
                "res_country_state",
                "country_id",
                "res_country",
                ForeignKeyAction::Restrict,
            )),
    )
    .take();
    vec![lang, currency, country, state]
}

fn parties() -> Vec<TableCreateStatement> {
    let partner = log_access(
        table("res_partner")
            .col(optional("name").string())
            .col(optional("complete_name").string())
            .col(optional("company_id").integer())
            .col(optional("parent_id").integer())
            .col(optional("commercial_partner_id").integer())
            .col(optional("email").string())
            .col(optional("phone").string())
            .col(optional("country_id").integer())
            .col(optional("lang").string())
            .col(optional("tz").string())
            .col(optional("type").string())
            .col(flag("active", true))
            .col(flag("is_company", false))
            .col(flag("partner_share", false)),
    )
    .take();
    let company = log_access(
        table("res_company")
            .col(required("name").string())
            .col(required("partner_id").integer())
            .col(required("currency_id").integer())
            .col(optional("parent_id").integer())
            .col(optional("parent_path").string())
            .col(optional("sequence").integer())
            .col(flag("active", true))
            .col(optional("email").string())
            .col(optional("phone").string())
            .foreign_key(&mut foreign_key("res_company", "partner_id", "res_partner", ForeignKeyAction::Restrict)),
    )
    .take();
    let users = log_access(
        table("res_users")
            .col(required("login").string().unique_key())
            .col(optional("password").string())
            .col(flag("active", true))
            .col(flag("share", false))
            .col(required("partner_id").integer())
            .col(required("company_id").integer())
            .col(optional("action_id").integer())
            .col(optional("totp_secret").string())
            .col(optional("totp_last_counter").integer())
            .col(optional("tour_enabled").boolean())
            .col(optional("signature").text())
            .foreign_key(&mut foreign_key("res_users", "partner_id", "res_partner", ForeignKeyAction::Restrict))
            .foreign_key(&mut foreign_key("res_users", "company_id", "res_company", ForeignKeyAction::Restrict)),
    )
    .take();
    let log = log_access(&mut table("res_users_log")).take();
    let user_settings = log_access(
        table("res_users_settings").col(required("user_id").integer().unique_key()).foreign_key(&mut foreign_key(
            "res_users_settings",
            "user_id",
            "res_users",
            ForeignKeyAction::Cascade,
        )),
    )
    .take();
    let api_keys = table("res_users_apikeys")
        .col(required("name").string())
        .col(required("user_id").integer())
        .col(optional("scope").string())
        .col(optional("expiration_date").date_time())
        .col(required("index").string_len(8))
        .col(required("key").string())
        .col(optional("create_date").date_time())
        .foreign_key(&mut foreign_key("res_users_apikeys", "user_id", "res_users", ForeignKeyAction::Cascade))
        .take();
    vec![
        partner,
        company,
        users,
        log,
        user_settings,
        api_keys,
        relation("res_company_users_rel", ("cid", "res_company"), ("user_id", "res_users")),
    ]
}

fn rights() -> Vec<TableCreateStatement> {
    let groups = log_access(table("res_groups").col(required("name").json_binary()).col(flag("share", false))).take();
    vec![
        groups,
        relation("res_groups_users_rel", ("gid", "res_groups"), ("uid", "res_users")),
        relation("res_groups_implied_rel", ("gid", "res_groups"), ("hid", "res_groups")),
    ]
}

fn settings() -> Vec<TableCreateStatement> {
    let parameter = log_access(
        table("ir_config_parameter").col(required("key").string().unique_key()).col(required("value").text()),
    )
    .take();
    let data = log_access(
        table("ir_model_data")
            .col(required("name").string())
            .col(required("module").string())
            .col(required("model").string())
            .col(optional("res_id").integer())
            .col(optional("noupdate").boolean()),
    )
    .take();
    let module = log_access(
        table("ir_module_module")
            .col(required("name").string().unique_key())
            .col(optional("state").string())
            .col(optional("latest_version").string())
            .col(optional("shortdesc").json_binary()),
    )
    .take();
    vec![parameter, data, module]
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create().name(name).table(table).take();
        for column in columns {
            index.col(*column);
        }
        index
    };
    vec![
        index("ir_model_data_module_name_uniq_index", "ir_model_data", &["module", "name"]).unique().take(),
        index("ir_model_data_model_res_id_index", "ir_model_data", &["model", "res_id"]),
        index("res_users_apikeys_user_id_index_idx", "res_users_apikeys", &["user_id", "index"]),
        index("res_groups_users_rel_uid_gid_idx", "res_groups_users_rel", &["uid", "gid"]),
        index("res_company_users_rel_user_id_cid_idx", "res_company_users_rel", &["user_id", "cid"]),
        index("res_partner_parent_id_index", "res_partner", &["parent_id"]),
        index("res_users_log_create_uid_index", "res_users_log", &["create_uid"]),
    ]
}
