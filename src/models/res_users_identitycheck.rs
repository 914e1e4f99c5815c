//! `res.users.identitycheck`: the question for the password that comes before what a stranger at an unlocked screen must
//! not do. A method that wants it answers with an action that opens this wizard; `run_check` then does what was asked
//! for. A session remembers the proof for ten minutes.

use async_trait::async_trait;
use entity::res_users;
use sea_orm::EntityTrait;
use serde_json::{Map, Value, json};

use super::{Behaviour, behaviour};
use crate::auth::password::Verdict;
use crate::error::{Error, Result};
use crate::orm::call::{Bound, singleton};
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::orm::{methods, read, write};
use crate::python;

/// `res.users.identitycheck`
pub struct ResUsersIdentitycheck;

/// The methods that ask.
const ASKING: [(&str, &str); 3] =
    [("res.users", "api_key_wizard"), ("res.users.apikeys", "remove"), ("res.users.apikeys.description", "make_key")];

/// The question that comes before a method; nothing where the caller has answered it a short time ago.
///
/// # Errors
/// A failure of the database.
pub async fn asked(env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
    if env.identity().is_proved(env.now()) {
        return Ok(None);
    }
    let sudo = env.sudo();
    let wizard = sudo.model("res.users.identitycheck").await?;
    let request = json!([env.context(), model.name, call.ids, call.method.name, [], {}]);
    let values = Map::from_iter([("request".to_owned(), request.to_string().into())]);
    let made = write::create(&sudo.without_defaults(), &wizard, vec![values]).await?;
    Ok(made.first().map(|id| question(&wizard, *id)))
}

/// The action that opens the wizard.
fn question(wizard: &Model, id: i32) -> Value {
    json!({
        "type": "ir.actions.act_window",
        "res_model": wizard.name,
        "res_id": id,
        "name": "Security Control",
        "target": "new",
        "views": [[false, "form"]],
    })
}

#[async_trait]
impl Behaviour for ResUsersIdentitycheck {
    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        match call.method.name.as_str() {
            "run_check" => {}
            // A client that has asked for a passkey asks for the password instead (19.0).
            "action_use_password" => {
                let id = singleton(model, &call.ids)?;
                let method = Map::from_iter([("auth_method".to_owned(), "password".into())]);
                write::write(env, model, &[id], method).await?;
                return Ok(Some(question(model, id)));
            }
            _ => return Ok(None),
        }
        let id = singleton(model, &call.ids)?;
        // Whose wizard it is, the rules tell.
        let own = read::named_fields(env, model, ["create_uid"]).await?;
        read::fetch(env, model, &[id], &own).await?;
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, model, ["create_uid", "password", "request"]).await?;
        let wizards = read::fetch(&sudo, model, &[id], &fields).await?;
        let Some(wizard) = wizards.get(&id) else { return Err(crate::orm::access::missing_error(env, model, &[id])) };
        let owner = read::ids_in(&wizard["create_uid"]).first().copied().unwrap_or_default();
        // In 19.0 it comes in the context, before it was written to the wizard.
        let password = [env.context().get("password"), wizard.get("password")];
        let password = password.into_iter().flatten().find_map(Value::as_str).unwrap_or_default();
        check(env, owner, password).await?;
        if model.field("password").is_some_and(|field| field.is_column()) {
            let nothing = Map::from_iter([("password".to_owned(), Value::Bool(false))]);
            write::write(&sudo, model, &[id], nothing).await?;
        }
        env.identity().prove(env.now());
        let request = wizard["request"].as_str().unwrap_or_default();
        Ok(Some(resume(env, request).await?))
    }
}

async fn check(env: &Env<'_>, user: i32, password: &str) -> Result<()> {
    let user = res_users::Entity::find_by_id(user).one(env.db()).await?;
    let stored = user.as_ref().and_then(|user| user.password.as_deref());
    if user.as_ref().map(|user| user.id) == Some(env.uid())
        && !password.is_empty()
        && env.passwords().verify(password, stored).await != Verdict::Wrong
    {
        return Ok(());
    }
    let why = "Incorrect Password, try again or click on Forgot Password to reset your password.";
    Err(Error::UserError(why.to_owned()))
}

/// Does what was asked for before the question.
async fn resume(env: &Env<'_>, request: &str) -> Result<Value> {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let text = |index: usize| request[index].as_str().unwrap_or_default().to_owned();
    let (name, method) = (text(1), text(3));
    if !ASKING.contains(&(name.as_str(), method.as_str())) {
        return Err(Error::Python { name: "builtins.AssertionError", message: String::new() });
    }
    let env = env.with_context(python::dict(request[0].clone()).unwrap_or_default());
    let model = env.model(&name).await?;
    let Some(method) = methods::find(env.series(), &model, &method)? else { return Ok(Value::Null) };
    let arguments = method.bind(Vec::new(), Map::new())?;
    let call = Bound { method, ids: read::ids_in(&request[2]), arguments };
    Ok(behaviour(&model.name).call(&env, &model, &call).await?.unwrap_or_default())
}
