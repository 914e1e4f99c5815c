//! A call, as the double sees it: the same whatever the dialect, with arguments by the names of parameters.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::selection::{follow, follow_map};
use crate::interception::Call;
use crate::orm::methods;
use crate::orm::registry::Registry;
use crate::series::Series;

/// The protocol that carried a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The JSON-RPC of browsers, at `/web/…`, and whatever else is there.
    #[default]
    Web,
    Jsonrpc,
    Xmlrpc,
    Json2,
    /// `/session/auth/…`
    Rest,
}

impl Dialect {
    /// The dialect that is spoken at a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let begins = |with: &str| path.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match path {
            _ if begins("/jsonrpc") => Self::Jsonrpc,
            _ if begins("/xmlrpc") => Self::Xmlrpc,
            _ if begins("/json/2") => Self::Json2,
            _ if begins("/session/auth") => Self::Rest,
            _ => Self::Web,
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: i32,
    pub login: String,
}

/// A call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    pub db: Option<String>,
    pub dialect: Dialect,
    /// Of the request.
    pub path: String,
    /// `object`, `common`, `db`, `session`; empty where nothing was called.
    pub service: String,
    pub user: Option<User>,
    pub model: Option<String>,
    pub method: Option<String>,
    /// The records that the method is called on.
    pub ids: Ids,
    /// The arguments by the names of the parameters, whichever way they came.
    pub args: Map<String, Value>,
    pub context: Map<String, Value>,
}

/// The ids of records: always a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ids(Value);

impl Default for Ids {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<Value>> for Ids {
    fn from(ids: Vec<Value>) -> Self {
        Self(ids.into())
    }
}

/// What stands where something secret was.
pub const HIDDEN: &str = "***";
/// Names of values that nobody may read in a journal.
const SECRET_NAMES: [&str; 18] = [
    "password",
    "passwd",
    "new_password",
    "confirm_password",
    "old_passwd",
    "new_passwd",
    "old_pwd",
    "new_pwd",
    "confirm_pwd",
    "master_pwd",
    "master_password",
    "admin_passwd",
    "api_key",
    "totp_secret",
    "sid",
    "session_id",
    "csrf_token",
    "default_key",
];

impl Seen {
    /// A call of a server of `series`, with nothing secret in it.
    #[must_use]
    pub fn of(call: &Call<'_>, series: Series, path: &str) -> Self {
        let mut kwargs = call.kwargs.clone();
        if let Some(ids) = call.ids {
            kwargs.insert("ids".to_owned(), ids.clone());
        }
        let context = match kwargs.shift_remove("context") {
            Some(Value::Object(context)) => context,
            _ => Map::new(),
        };
        let mut context = context;
        context.iter_mut().for_each(hide);
        let (ids, mut args) = match call.model {
            Some(model) => of_model(series, model, call.method, call.args.to_vec(), kwargs),
            None => (Vec::new(), of_service(call.service, call.method, call.args.to_vec(), kwargs)),
        };
        args.iter_mut().for_each(hide);
        if call.model.is_some_and(|model| model.starts_with("res.users.apikeys"))
            && let Some(key) = args.get_mut("key")
        {
            *key = HIDDEN.into();
        }
        Self {
            db: call.database.map(str::to_owned),
            dialect: Dialect::of(path),
            path: path.to_owned(),
            service: call.service.to_owned(),
            user: call.user.map(|(id, login)| User { id, login: login.to_owned() }),
            model: call.model.map(str::to_owned),
            method: Some(call.method.to_owned()),
            ids: ids.into(),
            args,
            context,
        }
    }

    /// The call without what is too long for a journal.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        self.args.values_mut().chain(self.context.values_mut()).for_each(shorten);
        self
    }

    /// What a path that begins with `ids`, `args` or `context` leads to. `ids` are the list, and each of them.
    #[must_use]
    pub fn at(&self, path: &str) -> Vec<&Value> {
        let steps: Vec<&str> = path.split('.').collect();
        match steps.split_first() {
            Some((&"args", rest)) => follow_map(&self.args, rest),
            Some((&"context", rest)) => follow_map(&self.context, rest),
            Some((&"ids", [])) => {
                let each = self.ids.0.as_array().map(Vec::as_slice).unwrap_or_default();
                if each.is_empty() { Vec::new() } else { [&self.ids.0].into_iter().chain(each).collect() }
            }
            Some((&"ids", rest)) => follow(&self.ids.0, rest),
            _ => Vec::new(),
        }
    }
}

/// The records and the arguments of a method, by the names that the series has for its parameters.
fn of_model(
    series: Series,
    model: &str,
    method: &str,
    mut args: Vec<Value>,
    mut kwargs: Map<String, Value>,
) -> (Vec<Value>, Map<String, Value>) {
    let registry = Registry::base(series);
    // Manual models, and those that only stubs know, have the methods of a model without any of its own.
    let model = registry.get(model).or_else(|| registry.get(methods::PLAIN));
    let Some(method) = model.and_then(|model| methods::find(series, model, method).ok().flatten()) else {
        return (Vec::new(), numbered(args, kwargs));
    };
    let mut ids = Vec::new();
    if !method.on_model && method.name != "create" {
        let records = kwargs.shift_remove("ids").or_else(|| (!args.is_empty()).then(|| args.remove(0)));
        ids = match records {
            Some(Value::Array(ids)) => ids,
            Some(Value::Null | Value::Bool(false)) | None => Vec::new(),
            Some(one) => vec![one],
        };
    }
    (ids, method.name_arguments(args, kwargs))
}

/// The arguments of a function of a service, by the names that Odoo has for them.
pub(super) fn of_service(
    service: &str,
    method: &str,
    args: Vec<Value>,
    kwargs: Map<String, Value>,
) -> Map<String, Value> {
    let names: &[&str] = match (service, method) {
        ("object", _) => &["db", "uid", "password", "model", "method"],
        ("common", "login" | "authenticate") => &["db", "login", "password", "user_agent_env"],
        ("db", "list" | "list_lang" | "list_countries" | "server_version" | "db_exist") => &[],
        ("db", "create_database") => {
            &["master_pwd", "db_name", "demo", "lang", "password", "login", "country_code", "phone"]
        }
        ("db", "change_admin_password") => &["master_pwd", "new_password"],
        ("db", "rename") => &["master_pwd", "old_name", "new_name"],
        ("db", "duplicate_database") => &["master_pwd", "db_original_name", "db_name", "neutralize_database"],
        ("db", "restore") => &["master_pwd", "db_name", "data", "copy"],
        ("db", _) => &["master_pwd", "db_name", "format"],
        _ => &[],
    };
    let name = |index: usize| names.get(index).map_or_else(|| index.to_string(), |name| (*name).to_owned());
    args.into_iter().enumerate().map(|(index, value)| (name(index), value)).chain(kwargs).collect()
}

/// Arguments of what has no known parameters: by position, from 0 on, and by name.
fn numbered(args: Vec<Value>, kwargs: Map<String, Value>) -> Map<String, Value> {
    args.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)).chain(kwargs).collect()
}

/// The longest text that a journal keeps, in bytes.
const MAX_TEXT: usize = 4096;

/// Cuts what is too long for a journal, such as the content of files.
pub(super) fn shorten(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(shorten),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::String(text) if text.len() > MAX_TEXT => {
            let length = text.len();
            text.truncate(text.floor_char_boundary(64));
            *text = format!("{text}… ({length} bytes)");
        }
        _ => {}
    }
}

/// Puts [`HIDDEN`] in the place of what is secret.
pub(super) fn hide((name, value): (&String, &mut Value)) {
    match value {
        Value::Object(object) => object.iter_mut().for_each(hide),
        Value::Array(items) => items.iter_mut().for_each(|item| hide((name, item))),
        Value::String(text) if SECRET_NAMES.contains(&name.as_str()) && !text.is_empty() => HIDDEN.clone_into(text),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(model: &str, method: &str, args: &Value, kwargs: &Value) -> Value {
        let (args, kwargs) = (args.as_array().unwrap().clone(), kwargs.as_object().unwrap().clone());
        let call = Call {
            service: "object",
            database: None,
            user: None,
            model: Some(model),
            method,
            ids: None,
            args: &args,
            kwargs: &kwargs,
        };
        let seen = Seen::of(&call, Series::V19, "/json/2/x/y");
        json!([seen.ids, seen.args, seen.context])
    }

    #[test]
    fn a_call_looks_the_same_by_position_and_by_name() {
        let by_position = seen("res.partner", "write", &json!([[1], {"name": "x"}]), &json!({"context": {"a": 1}}));
        let by_name =
            seen("res.partner", "write", &json!([]), &json!({"ids": [1], "vals": {"name": "x"}, "context": {"a": 1}}));
        assert_eq!(by_position, json!([[1], {"vals": {"name": "x"}}, {"a": 1}]));
        assert_eq!(by_name, by_position);
        assert_eq!(
            seen("sale.order", "search", &json!([[], 3]), &json!({})),
            json!([[], {"domain": [], "offset": 3}, {}])
        );
        assert_eq!(
            seen("sale.order", "action_confirm", &json!([[1]]), &json!({"x": 2})),
            json!([[], {"0": [1], "x": 2}, {}])
        );
    }

    #[test]
    fn nothing_secret_is_seen() {
        let write = seen("res.users", "write", &json!([[2], {"password": "secret", "name": "x"}]), &json!({}));
        assert_eq!(write, json!([[2], {"vals": {"password": HIDDEN, "name": "x"}}, {}]));
        let change = seen("res.users", "change_password", &json!(["old secret", "new secret"]), &json!({}));
        assert!(!change.to_string().contains("secret"), "{change}");
    }

    #[test]
    fn dialects_have_their_paths() {
        for (path, dialect) in [
            ("/jsonrpc", Dialect::Jsonrpc),
            ("/jsonrpcs", Dialect::Web),
            ("/xmlrpc/2/object", Dialect::Xmlrpc),
            ("/json/2/res.partner/read", Dialect::Json2),
            ("/session/auth/login", Dialect::Rest),
            ("/web/dataset/call_kw", Dialect::Web),
        ] {
            assert_eq!(Dialect::of(path), dialect, "{path}");
        }
    }
}
