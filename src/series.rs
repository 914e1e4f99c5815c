//! Odoo's series, and everything in which they differ. No other file compares series: what differs is a method here.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

/// A series of Odoo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// 15.0
    V15,
    /// 16.0
    V16,
    /// 17.0
    V17,
    /// 18.0
    V18,
    /// 19.0
    V19,
}

impl Series {
    /// All series, the oldest first.
    pub const ALL: [Self; 5] = [Self::V15, Self::V16, Self::V17, Self::V18, Self::V19];
    /// The series that is served where none is asked for.
    pub const DEFAULT: Self = Self::V19;

    /// The major version, `15` to `19`.
    #[must_use]
    pub fn major(self) -> u32 {
        match self {
            Self::V15 => 15,
            Self::V16 => 16,
            Self::V17 => 17,
            Self::V18 => 18,
            Self::V19 => 19,
        }
    }

    /// The name, `"17.0"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V15 => "15.0",
            Self::V16 => "16.0",
            Self::V17 => "17.0",
            Self::V18 => "18.0",
            Self::V19 => "19.0",
        }
    }

    /// The series whose data files serve this one: 15.0 has none of its own.
    #[must_use]
    pub fn data(self) -> Self {
        self.max(Self::V16)
    }

    /// `server_version_info`: `[17, 0, 0, "final", 0, ""]`.
    #[must_use]
    pub fn version_info(self) -> Value {
        json!([self.major(), 0, 0, "final", 0, ""])
    }

    /// What `common.version` and `/web/webclient/version_info` answer.
    #[must_use]
    pub fn version(self) -> Value {
        json!({
            "server_version": self.name(),
            "server_version_info": self.version_info(),
            "server_serie": self.name(),
            "protocol_version": 1,
        })
    }

    /// `latest_version` of the module `base`, by which a database tells of which series it is.
    #[must_use]
    pub fn base_version(self) -> String {
        format!("{}.1.3", self.name())
    }

    /// The series of which a module version (`"17.0.1.3"`) is.
    #[must_use]
    pub fn of_module_version(version: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|series| version.strip_prefix(series.name()).is_some_and(|rest| rest.starts_with('.')))
    }

    // --- JSON-RPC ---------------------------------------------------------------------------------

    /// `error.code` of whatever is not an expired session: 200 up to 18.0, 0 in 19.0.
    #[must_use]
    pub fn error_code(self) -> i32 {
        if self >= Self::V19 { 0 } else { 200 }
    }

    /// Whether `error.data` ends with `debug` (19.0) or has it second.
    #[must_use]
    pub fn debug_comes_last(self) -> bool {
        self >= Self::V19
    }

    /// The status for a body that is not declared as JSON on a JSON route: 400 up to 18.0, 415 in 19.0.
    #[must_use]
    pub fn wrong_content_type_status(self) -> u16 {
        if self >= Self::V19 { 415 } else { 400 }
    }

    /// 15.0 reads the body before it looks at the session, so an expired session echoes the id; later
    /// series answer `"id": null`.
    #[must_use]
    pub fn echoes_id_of_unread_envelope(self) -> bool {
        self == Self::V15
    }

    /// 15.0 answers a JSON-RPC request for an unknown path with a JSON-RPC error (and status 404), later
    /// series with an HTML page.
    #[must_use]
    pub fn answers_unknown_path_with_json(self) -> bool {
        self == Self::V15
    }

    /// How Python names a route's function in a `TypeError`: `Session.authenticate` from 16.0 on (Python
    /// 3.10), `authenticate` in 15.0.
    #[must_use]
    pub fn route_function(self, class: &str, function: &str) -> String {
        if self == Self::V15 { function.to_owned() } else { format!("{class}.{function}") }
    }

    /// The class of the `/jsonrpc` route.
    #[must_use]
    pub fn jsonrpc_class(self) -> &'static str {
        if self >= Self::V19 { "JSONRPC" } else { "RPC" }
    }

    // --- sessions ---------------------------------------------------------------------------------

    /// How long a session lives without being used, in seconds, and the cookie's `Max-Age`: 90 days in 15.0,
    /// 7 days from 16.0 on.
    #[must_use]
    pub fn session_lifetime(self) -> i64 {
        if self == Self::V15 { 90 * 86_400 } else { 7 * 86_400 }
    }

    /// From 18.0 on a sid is 84 characters of base64url, before 40 hex digits.
    #[must_use]
    pub fn has_long_sids(self) -> bool {
        self >= Self::V18
    }

    /// 15.0 sends the session cookie with every answer of a handler, later series only when the session changed.
    #[must_use]
    pub fn always_sends_cookie(self) -> bool {
        self == Self::V15
    }

    /// From 18.0 on a session notes the devices that use it, so the first request of each changes the session.
    #[must_use]
    pub fn traces_devices(self) -> bool {
        self >= Self::V18
    }

    /// Where the browser is sent after logout: `/web`, from 18.0 on `/odoo`.
    #[must_use]
    pub fn web_home(self) -> &'static str {
        if self >= Self::V18 { "/odoo" } else { "/web" }
    }

    /// An unknown database at `/web/session/authenticate`: 15.0 shows the database driver's error, later series an
    /// `AccessError`.
    #[must_use]
    pub fn authenticate_hides_missing_database(self) -> bool {
        self >= Self::V16
    }

    /// Only 15.0 has `/web/session/change_password`.
    #[must_use]
    pub fn has_change_password_route(self) -> bool {
        self == Self::V15
    }

    /// 19.0 has `/web/version` and `/json/version`.
    #[must_use]
    pub fn has_version_pages(self) -> bool {
        self >= Self::V19
    }

    /// An unknown service at `/jsonrpc`: a `KeyError` with its name, in 15.0 an `UnboundLocalError`.
    #[must_use]
    pub fn unknown_service_is_unbound(self) -> bool {
        self == Self::V15
    }

    // --- calls of models --------------------------------------------------------------------------

    /// What is said of a method that does not exist.
    #[must_use]
    pub fn unknown_method(self, model: &str, method: &str) -> String {
        match self {
            Self::V16 | Self::V19 => format!("The method '{model}.{method}' does not exist"),
            _ => format!("The method '{method}' does not exist on the model '{model}'"),
        }
    }

    /// What is said of a method that only the server itself may call.
    #[must_use]
    pub fn private_method(self, model: &str, method: &str) -> String {
        let method = match self {
            Self::V16 | Self::V19 => format!("'{model}.{method}'"),
            _ => method.to_owned(),
        };
        format!("Private methods (such as {method}) cannot be called remotely.")
    }

    /// An unknown model at `call_kw`: from 18.0 on there is nothing at its path, before it is a `KeyError`.
    #[must_use]
    pub fn finds_no_path_for_unknown_model(self) -> bool {
        self >= Self::V18
    }

    /// Too few arguments for `object`: an `IndexError`, in 19.0 a `ValueError`.
    #[must_use]
    pub fn unpacks_object_arguments(self) -> bool {
        self >= Self::V19
    }

    /// The class of `res.users` as a `TypeError` names it.
    #[must_use]
    pub fn users_class(self) -> &'static str {
        if self >= Self::V19 { "ResUsers" } else { "Users" }
    }

    // --- session info -----------------------------------------------------------------------------

    /// Which members the session info of this series has.
    #[must_use]
    pub fn session_info(self) -> SessionInfoShape {
        SessionInfoShape {
            is_public: self >= Self::V18,
            is_internal_user: self >= Self::V17,
            registry_hash: self >= Self::V19,
            user_settings: self >= Self::V17,
            quick_login: self >= Self::V19,
            partner_write_date: self >= Self::V18,
            company_id: self <= Self::V16,
            cache_hashes: self <= Self::V18,
            bundle_params: self >= Self::V16,
            test_mode_and_view_info: self >= Self::V18,
            groups: self >= Self::V19,
            company_tree: self >= Self::V17,
            company_currency: self >= Self::V19,
            display_switch_company_menu: self <= Self::V18,
            user_id: self <= Self::V17,
            web_tours: self <= Self::V17,
            websocket_worker_version: self >= Self::V18,
            tour_enabled: self >= Self::V18,
            currency_names: self >= Self::V18,
        }
    }
}

/// Which members a session info has; see [`Series::session_info`].
#[expect(clippy::struct_excessive_bools, reason = "a row of a table of differences, read by name")]
#[derive(Clone, Copy, Debug)]
pub struct SessionInfoShape {
    pub is_public: bool,
    pub is_internal_user: bool,
    pub registry_hash: bool,
    pub user_settings: bool,
    pub quick_login: bool,
    pub partner_write_date: bool,
    /// `company_id` of internal users.
    pub company_id: bool,
    pub cache_hashes: bool,
    pub bundle_params: bool,
    pub test_mode_and_view_info: bool,
    pub groups: bool,
    /// `child_ids` and `parent_id` of companies, and `disallowed_ancestor_companies`.
    pub company_tree: bool,
    /// `currency_id` of companies.
    pub company_currency: bool,
    pub display_switch_company_menu: bool,
    /// `user_id`, a list.
    pub user_id: bool,
    /// `web_tours` and `tour_disable`, for administrators only.
    pub web_tours: bool,
    pub websocket_worker_version: bool,
    /// `tour_enabled` and `current_tour`.
    pub tour_enabled: bool,
    /// `name` of currencies.
    pub currency_names: bool,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Said of a text that names no series.
#[derive(Debug, thiserror::Error)]
#[error("unknown series '{0}', choose one of 15.0, 16.0, 17.0, 18.0 and 19.0")]
pub struct UnknownSeries(String);

impl FromStr for Series {
    type Err = UnknownSeries;

    /// Reads `"17.0"` or `"17"`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|series| text == series.name() || text == series.major().to_string())
            .ok_or_else(|| UnknownSeries(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_names() {
        for series in Series::ALL {
            assert_eq!(series.name().parse::<Series>().unwrap(), series);
            assert_eq!(Series::of_module_version(&series.base_version()), Some(series));
        }
        assert_eq!("17".parse::<Series>().unwrap(), Series::V17);
        for text in ["", "14.0", "17.", "17.1", "saas-17.1"] {
            assert!(text.parse::<Series>().is_err(), "{text}");
        }
    }
}
