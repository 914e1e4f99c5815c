//! `object`: methods of models, called with the credentials of a user each time.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Client;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::orm::{self, MethodCall};
use crate::python::{self, Signature};
use crate::reply::Reply;

/// `db`, `uid` and the password come before what each function takes.
const CREDENTIALS: usize = 3;
/// What 19.0 unpacks before it looks at the function: the credentials, the model and the method.
const UNPACKED: usize = 5;

pub async fn dispatch(client: &Client, function: &str, mut args: Vec<Value>) -> Result<Reply> {
    let given = args.len();
    if client.app.series.unpacks_object_arguments() && given < UNPACKED {
        let message = format!("not enough values to unpack (expected at least {UNPACKED}, got {given})");
        return Err(Error::Python { name: "builtins.ValueError", message });
    }
    if given < CREDENTIALS {
        return Err(Error::Python { name: "builtins.IndexError", message: "list index out of range".to_owned() });
    }
    let rest = args.split_off(CREDENTIALS);
    let asked = match function {
        "execute_kw" => execute_kw(rest),
        "execute" => execute(rest),
        other => {
            let message = format!("Method not available {other}");
            Err(Error::Python { name: "builtins.NameError", message })
        }
    };
    let (asked, tools) = (asked.map(Arc::new), client.app.tools());
    if let Ok(call) = &asked
        && let Some(caller) = supposed(client, &args)
        && let Some(answer) = orm::call_supposed(&caller, &tools, call).await
    {
        return answer;
    }
    let caller = authorize(client, &args).await?;
    let call = asked?;
    if !orm::has_model(&caller, &call.model, &tools).await? {
        return Err(Error::UserError(format!("Object {} doesn't exist", call.model)));
    }
    orm::call(&caller, &tools, call).await
}

/// The user with these credentials by what is remembered of a version that the database is supposed to have.
fn supposed(client: &Client, credentials: &[Value]) -> Option<Caller> {
    let app = &client.app;
    let [Value::String(name), uid, Value::String(password)] = credentials else { return None };
    let database = app.databases.opened(name)?;
    let version = database.supposed_version()?;
    let uid = uid.as_i64().and_then(|uid| i32::try_from(uid).ok())?;
    let user = app.gate(&client.address).recall_by_uid(&database, &version, uid, password)?;
    Some(Caller { database, version, user })
}

/// The user with these credentials: `[db, uid, password]`.
async fn authorize(client: &Client, credentials: &[Value]) -> Result<Caller> {
    let app = &client.app;
    let [name, uid, password] = credentials else { return Err(Error::access_denied()) };
    let database = app.databases.open(name.as_str().unwrap_or_default()).await?;
    let version = database.version().await?;
    // No user has an id that does not fit, nor the one that stands in for it.
    let uid = i32::try_from(python::int(uid)?).unwrap_or(i32::MAX);
    let password = password.as_str().unwrap_or_default();
    let user = app.gate(&client.address).by_uid(&database, &version, uid, password).await?;
    Ok(Caller { database: Arc::clone(&database), version, user })
}

/// `model, method, args[, kwargs]`.
fn execute_kw(args: Vec<Value>) -> Result<MethodCall> {
    let signature = Signature {
        function: "execute_kw".to_owned(),
        required: &["obj", "method", "args"],
        optional: &["kw"],
        method: false,
    };
    let mut arguments = signature.bind_positional(args)?.into_iter();
    let mut next = || arguments.next().flatten();
    let (model, method) = (next().unwrap_or_default(), next().unwrap_or_default());
    Ok(MethodCall {
        model: python::text(&model),
        method: python::text(&method),
        args: python::list(next().unwrap_or_default())?,
        kwargs: match next() {
            None | Some(Value::Null) => Map::new(),
            Some(kwargs) => python::dict(kwargs)?,
        },
        ids: None,
    })
}

/// `model, method, *args`.
fn execute(mut args: Vec<Value>) -> Result<MethodCall> {
    let rest = args.split_off(args.len().min(2));
    let signature =
        Signature { function: "execute".to_owned(), required: &["obj", "method"], optional: &[], method: false };
    let mut names = signature.bind_positional(args)?.into_iter().map(Option::unwrap_or_default);
    let mut next = || python::text(&names.next().unwrap_or_default());
    Ok(MethodCall { model: next(), method: next(), args: rest, kwargs: Map::new(), ids: None })
}
