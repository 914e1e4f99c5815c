//! `res.bank` and `res.partner.bank`: banks and accounts with them.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Behaviour, Values};
use crate::error::Result;
use crate::orm::call::{Bound, singleton};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, write};
use crate::python;

/// The one type of accounts that there is without modules that add others.
const ACCOUNT_TYPE: &str = "bank";
const HOLDER: &str = "acc_holder_name";
const TRUSTED_COLOR: i32 = 10;
const UNTRUSTED_COLOR: i32 = 1;

/// The behaviour of `res.bank`.
#[derive(Debug)]
pub struct ResBank;

#[async_trait]
impl Behaviour for ResBank {
    async fn display_names(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<HashMap<i32, String>>> {
        let fields = read::named_fields(env, model, ["name", "bic"]).await?;
        let banks = read::fetch(env, model, ids, &fields).await?;
        Ok(Some(banks.iter().map(|(id, bank)| (*id, joined(&bank["name"], bank["bic"].as_str()))).collect()))
    }

    async fn search_by_name(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        operator: Operator,
        value: &Value,
    ) -> Result<Option<Domain>> {
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return Ok(None) };
        let found = Domain::or(vec![
            Domain::leaf("bic", Operator::EqIlike, format!("{text}%")),
            Domain::leaf("name", operator.positive(), text),
        ]);
        Ok(Some(if operator.is_negative() { found.negated() } else { found }))
    }
}

/// The behaviour of `res.partner.bank`.
#[derive(Debug)]
pub struct ResPartnerBank;

#[async_trait]
impl Behaviour for ResPartnerBank {
    async fn display_names(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<HashMap<i32, String>>> {
        let fields = read::named_fields(env, model, ["acc_number", "bank_id"]).await?;
        let accounts = read::fetch(env, model, ids, &fields).await?;
        let banks = env.model("res.bank").await?;
        let of_accounts: Vec<i32> = accounts.values().flat_map(|account| read::ids_in(&account["bank_id"])).collect();
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, &banks, ["name"]).await?;
        let banks = read::fetch(&sudo, &banks, &of_accounts, &fields).await?;
        let name = |account: &Map<String, Value>| {
            let bank = read::ids_in(&account["bank_id"]).first().and_then(|id| banks.get(id));
            joined(&account["acc_number"], bank.and_then(|bank| bank["name"].as_str()))
        };
        Ok(Some(accounts.iter().map(|(id, account)| (*id, name(account))).collect()))
    }

    async fn search_by_name(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        operator: Operator,
        value: &Value,
    ) -> Result<Option<Domain>> {
        // However an account number is spaced, it is the same.
        let wanted = match value {
            Value::String(text) => sanitized(text).into(),
            Value::Array(texts) => texts.iter().map(|text| Value::from(sanitized(&python::text(text)))).collect(),
            other => other.clone(),
        };
        Ok(Some(Domain::leaf("sanitized_acc_number", operator, wanted)))
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        match field.name.as_str() {
            "acc_type" => Ok(Some(ids.iter().map(|id| (*id, ACCOUNT_TYPE.into())).collect())),
            "color" => {
                let sudo = env.sudo();
                let fields = read::named_fields(&sudo, model, ["allow_out_payment"]).await?;
                let accounts = read::fetch(&sudo, model, ids, &fields).await?;
                let color = |account: &Map<String, Value>| {
                    if python::truth(&account["allow_out_payment"]) { TRUSTED_COLOR } else { UNTRUSTED_COLOR }
                };
                Ok(Some(accounts.iter().map(|(id, account)| (*id, color(account).into())).collect()))
            }
            _ => Ok(None),
        }
    }

    async fn prepare_create(&self, env: &Env<'_>, model: &Model, values: &mut Vec<Values>) -> Result<()> {
        for account in values {
            sanitize(account);
            name_holder(env, model, account).await?;
        }
        Ok(())
    }

    async fn prepare_write(&self, env: &Env<'_>, model: &Model, _ids: &[i32], values: &mut Values) -> Result<()> {
        sanitize(values);
        name_holder(env, model, values).await
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "get_supported_account_types" => json!([[ACCOUNT_TYPE, "Normal"]]),
            "retrieve_acc_type" => ACCOUNT_TYPE.into(),
            "action_archive_bank" => {
                let id = singleton(model, &call.ids)?;
                write::write(env, model, &[id], Map::from_iter([("active".to_owned(), false.into())])).await?;
                json!({"type": "ir.actions.client", "tag": "reload"})
            }
            _ => return Ok(None),
        }))
    }
}

/// `name - more`
fn joined(name: &Value, more: Option<&str>) -> String {
    let name = name.as_str().unwrap_or_default();
    match more.filter(|more| !more.is_empty()) {
        Some(more) => format!("{name} - {more}"),
        None => name.to_owned(),
    }
}

/// An account number without what is only there for people to read it.
fn sanitized(number: &str) -> String {
    number.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect::<String>().to_uppercase()
}

fn sanitize(values: &mut Values) {
    if let Some(number) = values.get("acc_number") {
        let number = number.as_str().map_or(Value::Bool(false), |number| sanitized(number).into());
        values.insert("sanitized_acc_number".to_owned(), number);
    }
}

/// The holder of an account is called as the partner, where the series says so by itself.
async fn name_holder(env: &Env<'_>, model: &Model, values: &mut Values) -> Result<()> {
    let follows = model.field(HOLDER).is_some_and(|field| field.computed);
    if !follows || values.get(HOLDER).is_some_and(python::truth) {
        return Ok(());
    }
    let Some(partner) = values.get("partner_id") else { return Ok(()) };
    let partners = env.model("res.partner").await?;
    let Some(name) = partners.field("name") else { return Ok(()) };
    if let Some(name) = read::values(&env.sudo(), &partners, &read::ids_in(partner), name).await?.pop() {
        values.insert(HOLDER.to_owned(), name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_are_sanitized() {
        assert_eq!(sanitized("be71 0961-2345.6769"), "BE71096123456769");
        assert_eq!(sanitized(" - "), "");
    }

    #[test]
    fn names_are_joined() {
        assert_eq!(joined(&json!("Bank"), Some("GEBABEBB")), "Bank - GEBABEBB");
        assert_eq!(joined(&json!("Bank"), None), "Bank");
    }
}
