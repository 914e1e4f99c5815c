//! Which of the methods that have a signature wiredoo answers. `tests/wire/doc_bearer.rs` compares this with what it does.

use super::methods;
use crate::series::Series;

/// Methods that all models have and that are not answered.
const MISSING: [&str; 6] = [
    "copy_translations",
    "get_property_definition",
    "search_panel_select_multi_range",
    "search_panel_select_range",
    "view_header_get",
    "web_override_translations",
];

/// Methods of single models that are answered.
const OWN: [(&str, &[&str]); 17] = [
    ("ir.attachment", &["check", "create_unique", "generate_access_token", "get_serving_groups"]),
    ("ir.config_parameter", &["get_param", "set_param", "unlink_default_parameters"]),
    ("ir.default", &["discard_records", "discard_values", "set"]),
    ("ir.model", &["display_name_for", "get_available_models"]),
    ("ir.model.access", &["check"]),
    ("ir.model.data", &["check_object_reference", "toggle_noupdate"]),
    ("ir.module.module", &["button_immediate_install", "next"]),
    ("ir.sequence", &["get_next_char", "next_by_code", "next_by_id"]),
    ("res.country", &["get_address_fields"]),
    ("res.currency", &["compare_amounts", "format", "get_all_currencies", "is_zero", "round"]),
    ("res.lang", &["action_activate_langs", "format", "get_installed", "install_lang"]),
    ("res.partner", &["address_get", "find_or_create"]),
    ("res.partner.bank", &["action_archive_bank", "get_supported_account_types", "retrieve_acc_type"]),
    (
        "res.users",
        &[
            "api_key_wizard",
            "change_password",
            "context_get",
            "get_company_currency_id",
            "has_group",
            "has_groups",
            "preference_save",
        ],
    ),
    ("res.users.apikeys", &["remove"]),
    ("res.users.apikeys.description", &["check_access_make_key", "make_key"]),
    ("res.users.identitycheck", &["action_use_password", "run_check"]),
];

/// Whether a method of a model is answered, if it has a signature.
#[must_use]
pub fn is_answered(series: Series, model: &str, method: &str) -> bool {
    if methods::is_shared(series, method) {
        return !MISSING.contains(&method);
    }
    // Up to 18.0 recordsets have methods, which some models redefine.
    method == "exists" || method == "new" || OWN.iter().any(|(known, own)| *known == model && own.contains(&method))
}
