//! `ir.default`: what fields have that are given no value, for all, for a company or for a user.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::call::Bound;
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::orm::{convert, search, write};
use crate::python;

/// The behaviour of `ir.default`.
#[derive(Debug)]
pub struct IrDefault;

#[async_trait]
impl Behaviour for IrDefault {
    async fn prepare_create(&self, _env: &Env<'_>, _model: &Model, values: &mut Vec<Values>) -> Result<()> {
        values.iter().try_for_each(check_json)
    }

    async fn prepare_write(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], values: &mut Values) -> Result<()> {
        check_json(values)
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "set" => {
                set(env, model, call).await?;
                true.into()
            }
            "discard_values" => {
                let name = |parameter: &str| python::text(call.get(parameter));
                let values = python::list(call.get("values").clone())?;
                discard_values(env, model, &name("model_name"), &name("field_name"), &values).await?;
                true.into()
            }
            // It wants a recordset, which no client has.
            "discard_records" => {
                let of = python::type_name(call.get("records"));
                let message = format!("'{of}' object has no attribute '_name'");
                return Err(Error::Python { name: "builtins.AttributeError", message });
            }
            _ => return Ok(None),
        }))
    }
}

/// Refuses a default that cannot be read back.
fn check_json(values: &Values) -> Result<()> {
    let Some(text) = values.get("json_value").and_then(Value::as_str) else { return Ok(()) };
    match serde_json::from_str::<Value>(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::ValidationError("Invalid JSON format in Default Value field.".to_owned())),
    }
}

/// A value as Python's `json.dumps` writes it, since clients read `json_value`.
fn dumps(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dumps).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", Value::from(key.as_str()), dumps(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The row of `ir.model.fields` that a field is; nothing where there is none.
async fn field_id(env: &Env<'_>, model: &str, field: &str) -> Result<Option<i32>> {
    let sudo = env.sudo();
    let fields = env.model("ir.model.fields").await?;
    let domain =
        Domain::and(vec![Domain::leaf("model", Operator::Eq, model), Domain::leaf("name", Operator::Eq, field)]);
    Ok(search::ids(&sudo, &fields, &domain).await?.first().copied())
}

/// Refuses a value that the field does not take, and a field that there is not.
async fn check_value(env: &Env<'_>, model: &str, field: &str, value: &Value) -> Result<()> {
    let of = format!("{model}.{field}");
    let registry = env.registry().await?;
    let Some(field) = registry.get(model).and_then(|model| model.field(field)) else {
        return Err(Error::ValidationError(format!("Invalid field {of}")));
    };
    match convert::to_cache(env, field, value).await {
        Err(Error::Database(error)) => Err(Error::Database(error)),
        Err(Error::Python { name: "psycopg2.errors.NumericValueOutOfRange", .. }) => {
            Err(Error::ValidationError(format!(
                "Invalid value for {of}: {} is out of bounds (integers should be between -2,147,483,648 and \
                 2,147,483,647)",
                python::text(value)
            )))
        }
        Err(_) => Err(Error::ValidationError(format!("Invalid value for {of}: {}", python::text(value)))),
        Ok(_) => Ok(()),
    }
}

/// `set`: a default in a scope, in the place of the one that was there.
async fn set(env: &Env<'_>, model: &Model, call: &Bound) -> Result<()> {
    let user = match call.get("user_id") {
        Value::Bool(true) => env.uid().into(),
        user => user.clone(),
    };
    let company = match call.get("company_id") {
        Value::Bool(true) => env.company().await?.into(),
        company => company.clone(),
    };
    let (of_model, name) = (python::text(call.get("model_name")), python::text(call.get("field_name")));
    check_value(env, &of_model, &name, call.get("value")).await?;
    let json_value = dumps(call.get("value"));
    let field = field_id(env, &of_model, &name).await?;
    let scope = [
        ("field_id", field.map_or(Value::Bool(false), Value::from)),
        ("user_id", user),
        ("company_id", company),
        ("condition", call.get("condition").clone()),
    ];
    let none = |value: &Value| if python::truth(value) { value.clone() } else { Value::Bool(false) };
    let same = scope.iter().map(|(name, value)| Domain::leaf(*name, Operator::Eq, none(value))).collect();
    let known = search::ids(env, model, &Domain::and(same)).await?;
    if known.is_empty() {
        let mut values: Values = scope.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        values.insert("json_value".to_owned(), json_value.into());
        write::create(&env.without_defaults(), model, vec![values]).await?;
        return Ok(());
    }
    write::write(env, model, &known, Map::from_iter([("json_value".to_owned(), json_value.into())])).await
}

/// Forgets the defaults of a field that have one of these values.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn discard_values(env: &Env<'_>, defaults: &Model, model: &str, field: &str, values: &[Value]) -> Result<()> {
    let Some(field) = field_id(env, model, field).await? else { return Ok(()) };
    let written: Vec<String> = values.iter().map(dumps).collect();
    let domain = Domain::and(vec![
        Domain::leaf("field_id", Operator::Eq, field),
        Domain::leaf("json_value", Operator::In, json!(written)),
    ]);
    let found = search::ids(env, defaults, &domain).await?;
    write::unlink(env, defaults, &found).await
}

/// Gives a field a default that all have, where there is none that all have.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn set_for_all_if_none(env: &Env<'_>, model: &str, field: &str, value: &Value) -> Result<()> {
    let defaults = env.model("ir.default").await?;
    let Some(field) = field_id(env, model, field).await? else { return Ok(()) };
    let mut conditions = vec![Domain::leaf("field_id", Operator::Eq, field)];
    conditions.extend(["user_id", "company_id", "condition"].map(|name| Domain::leaf(name, Operator::Eq, false)));
    if search::count(&env.sudo(), &defaults, &Domain::and(conditions), Some(1)).await? > 0 {
        return Ok(());
    }
    let values =
        Map::from_iter([("field_id".to_owned(), field.into()), ("json_value".to_owned(), dumps(value).into())]);
    write::create(&env.without_defaults(), &defaults, vec![values]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        assert_eq!(dumps(&json!({"a": [1, "é", null, true]})), r#"{"a": [1, "é", null, true]}"#);
        assert_eq!(dumps(&json!("Liège")), "\"Liège\"");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let values = |text: &str| Map::from_iter([("json_value".to_owned(), text.into())]);
        assert!(check_json(&values("\"a\"")).is_ok());
        assert!(check_json(&values("a")).is_err());
    }
}
