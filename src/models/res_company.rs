//! `res.company`: companies, each with a partner that has its name and address.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::res_partner::ADDRESS;
use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, search, write};
use crate::python;

/// `res.company`
pub struct ResCompany;

/// What a company's partner is given when the company is made.
const OF_PARTNER: [&str; 6] = ["name", "email", "phone", "website", "vat", "country_id"];

#[async_trait]
impl Behaviour for ResCompany {
    async fn default(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        Ok(match field.name.as_str() {
            "currency_id" => {
                let companies = env.model("res.company").await?;
                let Some(currency) = companies.field("currency_id").cloned() else { return Ok(None) };
                let company = env.company().await?;
                read::values(&env.sudo(), &companies, &[company], &currency).await?.pop()
            }
            _ => None,
        })
    }

    async fn prepare_create(&self, env: &Env<'_>, _: &Model, values: &mut Vec<Values>) -> Result<()> {
        let partners = env.model("res.partner").await?;
        for company in values {
            let has = |name: &str| company.get(name).is_some_and(python::truth);
            if has("name") && !has("partner_id") {
                let mut partner: Map<String, Value> = OF_PARTNER
                    .iter()
                    .filter(|name| has(name) && partners.field(name).is_some())
                    .map(|name| ((*name).to_owned(), company[*name].clone()))
                    .collect();
                partner.insert("is_company".to_owned(), true.into());
                let made = write::create(&env.sudo().without_defaults(), &partners, vec![partner]).await?;
                company.insert("partner_id".to_owned(), made.first().copied().into());
            }
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, model: &Model, ids: &[i32], _: &[Values]) -> Result<()> {
        // Who makes a company works in it.
        let users = env.model("res.users").await?;
        let links: Vec<Value> = ids.iter().map(|id| json!([4, id])).collect();
        let company_ids = Map::from_iter([("company_ids".to_owned(), links.into())]);
        write::write(&env.sudo().without_defaults(), &users, &[env.uid()], company_ids).await?;
        let Some(currency) = model.field("currency_id").cloned() else { return Ok(()) };
        let used = read::values(&env.sudo(), model, ids, &currency).await?;
        let used: Vec<i32> = used.iter().flat_map(read::ids_in).collect();
        activate_currencies(env, &used).await
    }

    async fn prepare_write(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &mut Values) -> Result<()> {
        if let Some(parent) = values.get("parent_id") {
            let Some(field) = model.field("parent_id").cloned() else { return Ok(()) };
            let current = read::values(&env.sudo(), model, ids, &field).await?;
            if current.iter().any(|current| current != parent) {
                return Err(Error::UserError("The company hierarchy cannot be changed.".to_owned()));
            }
        }
        if values.get("active").is_some_and(|active| !python::truth(active)) {
            let users = env.model("res.users").await?;
            for company in ids {
                let domain = Domain::leaf("company_id", Operator::Eq, *company);
                let active = search::count(&env.sudo(), &users, &domain, None).await?;
                if active > 0 {
                    let name = read::display_names(env, model, &[*company]).await?.remove(company).unwrap_or_default();
                    return Err(Error::ValidationError(format!(
                        "The company {name} cannot be archived because it is still used as the default company of \
                         {active} users."
                    )));
                }
            }
        }
        Ok(())
    }

    async fn written(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &Values) -> Result<()> {
        if let Some(name) = values.get("name") {
            let Some(partner) = model.field("partner_id").cloned() else { return Ok(()) };
            let partners = env.model("res.partner").await?;
            let linked = read::values(&env.sudo(), model, ids, &partner).await?;
            let linked: Vec<i32> = linked.iter().flat_map(read::ids_in).collect();
            let names = Map::from_iter([("name".to_owned(), name.clone())]);
            write::write(&env.sudo(), &partners, &linked, names).await?;
        }
        if let Some(currency) = values.get("currency_id") {
            activate_currencies(env, &read::ids_in(currency)).await?;
        }
        Ok(())
    }

    async fn inverse(&self, env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
        if !ADDRESS.contains(&field.name.as_str()) {
            return Ok(false);
        }
        let Some(link) = model.field("partner_id").cloned() else { return Ok(false) };
        let partners = env.model("res.partner").await?;
        let linked = read::values(&env.sudo(), model, ids, &link).await?;
        let linked: Vec<i32> = linked.iter().flat_map(read::ids_in).collect();
        let values = Map::from_iter([(field.name.clone(), value.clone())]);
        write::write(&env.sudo(), &partners, &linked, values).await?;
        Ok(true)
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        if ADDRESS.contains(&field.name.as_str()) {
            return of_partner(env, model, ids, &field.name).await.map(Some);
        }
        let Some(path) = model.field("parent_path").cloned() else { return Ok(None) };
        let ancestors = |path: &Value| -> Vec<i32> {
            path.as_str().unwrap_or_default().split('/').filter_map(|id| id.parse().ok()).collect()
        };
        Ok(match field.name.as_str() {
            "parent_ids" | "root_id" => {
                let records = read::fetch(&env.sudo(), model, ids, &[path]).await?;
                let root = field.name == "root_id";
                let of = |(id, record): (i32, Map<String, Value>)| {
                    let all = ancestors(&record["parent_path"]);
                    let first = all.first().copied().unwrap_or(id);
                    (id, if root { first.into() } else { all.into() })
                };
                Some(records.into_iter().map(of).collect())
            }
            "all_child_ids" => {
                let mut values = HashMap::new();
                for id in ids {
                    let domain = Domain::leaf("parent_id", Operator::Eq, *id);
                    let children = search::ids(&env.sudo().with("active_test", false), model, &domain).await?;
                    values.insert(*id, children.into());
                }
                Some(values)
            }
            _ => None,
        })
    }
}

/// A field of the companies' partners, by company.
async fn of_partner(env: &Env<'_>, model: &Model, ids: &[i32], name: &str) -> Result<HashMap<i32, Value>> {
    let partners = env.model("res.partner").await?;
    let (Some(link), Some(field)) = (model.field("partner_id").cloned(), partners.field(name).cloned()) else {
        return Ok(HashMap::new());
    };
    let companies = read::fetch(&env.sudo(), model, ids, &[link]).await?;
    let linked: Vec<i32> = companies.values().flat_map(|company| read::ids_in(&company["partner_id"])).collect();
    let mut linked = read::fetch(&env.sudo(), &partners, &linked, &[field]).await?;
    let mut value = |company: &Map<String, Value>| {
        let partner = read::ids_in(&company["partner_id"]).first().and_then(|id| linked.get_mut(id));
        partner.and_then(|partner| partner.get(name).cloned())
    };
    Ok(companies.iter().filter_map(|(id, company)| Some((*id, value(company)?))).collect())
}

/// A currency that a company works with is active.
async fn activate_currencies(env: &Env<'_>, ids: &[i32]) -> Result<()> {
    let currencies = env.model("res.currency").await?;
    let domain =
        Domain::and(vec![Domain::leaf("id", Operator::In, ids.to_vec()), Domain::leaf("active", Operator::Eq, false)]);
    let inactive = search::ids(&env.sudo(), &currencies, &domain).await?;
    let active = Map::from_iter([("active".to_owned(), true.into())]);
    write::write(&env.sudo(), &currencies, &inactive, active).await
}

/// The companies of partners are called as these are.
///
/// # Errors
/// A name that another company has; a failure of the database.
pub async fn partners_renamed(env: &Env<'_>, partners: &[i32], name: &Value) -> Result<()> {
    let companies = env.model("res.company").await?;
    let all = env.sudo().with("active_test", false);
    let domain = Domain::and(vec![
        Domain::leaf("partner_id", Operator::In, partners.to_vec()),
        Domain::leaf("name", Operator::Ne, name.clone()),
    ]);
    let renamed = search::ids(&all, &companies, &domain).await?;
    write::write(&all, &companies, &renamed, Map::from_iter([("name".to_owned(), name.clone())])).await
}
