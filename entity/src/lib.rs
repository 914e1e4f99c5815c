//! The tables that wiredoo's code knows by name, as sea-orm entities.
//!
//! Tables and columns are named as Odoo names them. A series may have further columns on the same tables;
//! an entity reads and writes only those that it declares.

pub mod ir_config_parameter;
pub mod ir_model_data;
pub mod ir_module_module;
pub mod login_failures;
pub mod res_company;
pub mod res_company_users_rel;
pub mod res_country;
pub mod res_country_state;
pub mod res_currency;
pub mod res_groups;
pub mod res_groups_implied_rel;
pub mod res_groups_users_rel;
pub mod res_lang;
pub mod res_partner;
pub mod res_users;
pub mod res_users_apikeys;
pub mod res_users_log;
pub mod res_users_settings;
pub mod sessions;
