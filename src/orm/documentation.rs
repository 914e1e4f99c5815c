//! What machines can read of the models of a database: their fields and their methods, as far as the reader has rights.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::answered;
use super::call::reads;
use super::env::{Env, Tools};
use super::fields_get;
use super::methods::{self, Method};
use super::registry::Model;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::models::ir_module_module;
use crate::series::Series;

/// Whose members may read it (19.0).
const READERS: &str = "api_doc.group_allow_doc";

/// What is to be described.
#[derive(Clone, Debug)]
pub enum Subject {
    /// All models, with the labels of their fields and the names of their methods.
    Index,
    /// One model, with all that there is to say of it.
    Model(String),
}

/// Describes the models that the caller may read, or one of them.
///
/// # Errors
/// An `AccessError` for a caller who may not read it; `NotFound` for a model that there is not; a failure of the database.
pub async fn describe(caller: &Caller, tools: &Tools, subject: Subject) -> Result<Value> {
    let database = Arc::clone(&caller.database);
    let (caller, tools) = (caller.clone(), tools.clone());
    database
        .read(move |tx| {
            Box::pin(async move {
                let env = Env::new(tx, &caller, &tools, Map::new()).await?;
                if !env.has_group(READERS).await? {
                    let why = "This page is only accessible to Technical Documentation users.";
                    return Err(Error::AccessError(why.to_owned()));
                }
                match subject {
                    Subject::Index => index(&env).await,
                    Subject::Model(name) => model(&env, &name).await,
                }
            })
        })
        .await
}

async fn index(env: &Env<'_>) -> Result<Value> {
    let mut models = Vec::new();
    let registry = env.registry().await?;
    let mut known: Vec<&Arc<Model>> = registry.models().collect();
    known.sort_by(|one, other| one.name.cmp(&other.name));
    for model in known {
        if !access::may(env, model, Operation::Read).await? {
            continue;
        }
        let mut fields = Map::new();
        for field in model.fields.values() {
            if access::may_see(env, field).await? {
                fields.insert(field.name.clone(), json!({"string": field.string}));
            }
        }
        let methods: Vec<String> = methods_of(env.series(), model).into_iter().map(|method| method.name).collect();
        models.push(json!({"model": model.name, "name": model.description, "fields": fields, "methods": methods}));
    }
    let modules = ir_module_module::installed(env.db()).await?;
    let modules: Vec<String> = modules.into_iter().map(|module| module.name).collect();
    Ok(json!({"modules": modules, "models": models}))
}

async fn model(env: &Env<'_>, name: &str) -> Result<Value> {
    let registry = env.registry().await?;
    let Some(model) = registry.get(name) else {
        return Err(Error::NotFound(format!("the model '{name}' does not exist")));
    };
    access::check_model(env, model, Operation::Read).await?;
    let mut fields = fields_get::fields_get(env, model, &Value::Null, &Value::Null).await?;
    for (name, field) in fields.as_object_mut().into_iter().flatten() {
        field["name"] = name.as_str().into();
        field["module"] = "base".into();
    }
    let methods = methods_of(env.series(), model);
    let methods: Map<String, Value> = methods
        .into_iter()
        .map(|method| (method.name.clone(), describe_method(env.series(), model, &method)))
        .collect();
    Ok(json!({"model": model.name, "name": model.description, "doc": null, "fields": fields, "methods": methods}))
}

/// The public methods of a model that are answered, by name.
fn methods_of(series: Series, model: &Model) -> Vec<Method> {
    let mut methods = methods::of(series, model);
    methods.retain(|method| answered::is_answered(series, &model.name, &method.name));
    methods.sort_by(|one, other| one.name.cmp(&other.name));
    methods
}

fn describe_method(series: Series, model: &Model, method: &Method) -> Value {
    let parameters: Map<String, Value> = method
        .parameters()
        .map(|(name, default)| {
            let kind = method.kind_of(name).map(|kind| ("kind".to_owned(), kind.into()));
            let default = default.map(|default| ("default".to_owned(), default.clone()));
            let about = kind.into_iter().chain(default).collect();
            (name.to_owned(), Value::Object(about))
        })
        .collect();
    let api = [("model", method.on_model), ("readonly", reads(&method.name))];
    let api: Vec<&str> = api.into_iter().filter_map(|(name, is)| is.then_some(name)).collect();
    let shared = methods::is_shared(series, &method.name);
    let module = if shared && method.name.starts_with("web_") { "web" } else { "base" };
    json!({
        "signature": method.signature,
        "parameters": parameters,
        "return": {},
        "api": api,
        "model": if shared { "base" } else { model.name.as_str() },
        "module": module,
        "doc": null,
    })
}
