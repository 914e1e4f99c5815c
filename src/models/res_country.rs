//! `res.country` and `res.country.state`: countries are found by their codes too, and states are named with their
//! country.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::call::{Bound, singleton};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::search::{self, Page};
use crate::orm::{names, read};
use crate::python;

/// Countries without a flag of their own, with the one whose flag is theirs.
const BORROWED_FLAGS: [(&str, &str); 9] = [
    ("GF", "fr"),
    ("BV", "no"),
    ("BQ", "nl"),
    ("GP", "fr"),
    ("HM", "au"),
    ("YT", "fr"),
    ("RE", "fr"),
    ("MF", "fr"),
    ("UM", "us"),
];
/// Countries without any.
const FLAGLESS: [&str; 2] = ["AQ", "SJ"];
/// What an address is put together of.
const ADDRESS_KEYS: [&str; 11] = [
    "street",
    "street2",
    "zip",
    "city",
    "state_id",
    "country_id",
    "state_code",
    "state_name",
    "country_code",
    "country_name",
    "company_name",
];
/// How long codes of countries are.
const CODE_LENGTH: usize = 2;

/// The behaviour of `res.country`.
#[derive(Debug)]
pub struct ResCountry;

#[async_trait]
impl Behaviour for ResCountry {
    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        match field.name.as_str() {
            "image_url" => {
                let codes = texts(env, model, ids, "code").await?;
                let url = |code: &str| flag_url(code).map_or(Value::Bool(false), Value::from);
                Ok(Some(codes.into_iter().map(|(id, code)| (id, url(&code))).collect()))
            }
            "country_group_codes" => group_codes(env, model, ids).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn prepare_create(&self, _env: &Env<'_>, _model: &Model, values: &mut Vec<Values>) -> Result<()> {
        for country in values {
            write_code_large(country);
            check_address_format(country)?;
        }
        Ok(())
    }

    async fn prepare_write(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], values: &mut Values) -> Result<()> {
        write_code_large(values);
        check_address_format(values)
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(match call.method.name.as_str() {
            "name_search" => {
                let search = NameSearch::parse(env, call)?;
                let short = search.name.as_str().is_some_and(|name| name.chars().count() == CODE_LENGTH);
                if short { Some(search.run(env, model, Operator::Ilike).await?) } else { None }
            }
            "get_address_fields" => {
                let id = singleton(model, &call.ids)?;
                let format = texts(env, model, &[id], "address_format").await?.remove(&id).unwrap_or_default();
                Some(in_parentheses(&format).into())
            }
            _ => None,
        })
    }
}

/// The behaviour of `res.country.state`.
#[derive(Debug)]
pub struct ResCountryState;

#[async_trait]
impl Behaviour for ResCountryState {
    async fn display_names(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<HashMap<i32, String>>> {
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, model, ["name", "country_id"]).await?;
        let states = read::fetch(&sudo, model, ids, &fields).await?;
        let countries = env.model("res.country").await?;
        let of_states: Vec<i32> = states.values().flat_map(|state| read::ids_in(&state["country_id"])).collect();
        let codes = texts(env, &countries, &of_states, "code").await?;
        let name = |(id, state): (i32, Map<String, Value>)| {
            let code = read::ids_in(&state["country_id"]).first().and_then(|id| codes.get(id)).cloned();
            (id, format!("{} ({})", python::text(&state["name"]), code.unwrap_or_default()))
        };
        Ok(Some(states.into_iter().map(name).collect()))
    }

    async fn search_by_name(
        &self,
        env: &Env<'_>,
        _model: &Model,
        operator: Operator,
        value: &Value,
    ) -> Result<Option<Domain>> {
        let mut domain = Domain::leaf("name", operator, value.clone());
        if matches!(operator, Operator::Ilike | Operator::Eq)
            && let Some((name, country)) = value.as_str().and_then(name_and_country)
        {
            let of_country = Domain::or(vec![
                Domain::leaf("country_id.name", Operator::Ilike, country),
                Domain::leaf("country_id.code", Operator::Eq, country),
            ]);
            domain = Domain::or(vec![domain, Domain::and(vec![Domain::leaf("name", operator, name), of_country])]);
        }
        Ok(Some(Domain::and(vec![domain, of_country_in_context(env)])))
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        if call.method.name != "name_search" {
            return Ok(None);
        }
        let mut search = NameSearch::parse(env, call)?;
        search.domain = Domain::and(vec![search.domain, of_country_in_context(env)]);
        search.run(env, model, Operator::EqIlike).await.map(Some)
    }
}

/// A call of `name_search`, for models of which records are found by code before they are found by name.
struct NameSearch {
    name: Value,
    operator: Operator,
    domain: Domain,
    page: Page,
}

impl NameSearch {
    fn parse(env: &Env<'_>, call: &Bound) -> Result<Self> {
        let series = env.series();
        let written = call.get("operator");
        let operator = written.as_str().and_then(|text| Operator::parse(text, series));
        Ok(Self {
            name: call.get("name").clone(),
            operator: operator
                .ok_or_else(|| series.invalid_leaf(&format!("('display_name', {}, '')", python::repr(written))))?,
            domain: Domain::parse(call.arguments.any(&["domain", "args"]), series)?,
            page: Page::parse(&Value::Null, call.get("limit"), &Value::Null)?,
        })
    }

    /// `[[id, name], …]`: first those whose code compares to the name by `by_code`.
    async fn run(&self, env: &Env<'_>, model: &Model, by_code: Operator) -> Result<Value> {
        let mut found = Vec::new();
        if python::truth(&self.name) && self.name.is_string() && !self.operator.is_negative() {
            let code = Domain::leaf("code", by_code, self.name.clone());
            found = search::search(env, model, &Domain::and(vec![self.domain.clone(), code]), &self.page).await?;
        }
        let taken = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let left = self.page.limit.map(|limit| limit.saturating_sub(taken));
        if left != Some(0) {
            let others = Domain::leaf("id", Operator::NotIn, found.clone());
            let domain = Domain::and(vec![self.domain.clone(), others]);
            found.extend(names::name_search(env, model, &self.name, &domain, self.operator, left).await?);
        }
        names::pairs(env, model, &found).await
    }
}

/// The country of which the context wants states.
fn of_country_in_context(env: &Env<'_>) -> Domain {
    let country = env.context().get("country_id").filter(|country| python::truth(country));
    country.map_or(Domain::True, |country| Domain::leaf("country_id", Operator::Eq, country.clone()))
}

/// `California (US)`, taken apart.
fn name_and_country(text: &str) -> Option<(&str, &str)> {
    let (name, country) = text.strip_suffix(')')?.rsplit_once('(')?;
    (!name.is_empty() && !country.is_empty()).then(|| (name.trim(), country.trim()))
}

/// The texts of a field, whoever asks; empty ones for nothing.
async fn texts(env: &Env<'_>, model: &Model, ids: &[i32], name: &str) -> Result<HashMap<i32, String>> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, [name]).await?;
    let records = read::fetch(&sudo, model, ids, &fields).await?;
    let text = |record: &Map<String, Value>| record[name].as_str().unwrap_or_default().to_owned();
    Ok(records.iter().map(|(id, record)| (*id, text(record))).collect())
}

async fn group_codes(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<HashMap<i32, Value>> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["country_group_ids"]).await?;
    let countries = read::fetch(&sudo, model, ids, &fields).await?;
    let groups = env.model("res.country.group").await?;
    let of_countries: Vec<i32> =
        countries.values().flat_map(|country| read::ids_in(&country["country_group_ids"])).collect();
    let codes = texts(env, &groups, &of_countries, "code").await?;
    let of = |country: &Map<String, Value>| -> Value {
        let groups = read::ids_in(&country["country_group_ids"]);
        let codes = groups.iter().filter_map(|group| codes.get(group)).filter(|code| !code.is_empty());
        codes.map(|code| Value::from(code.as_str())).collect()
    };
    Ok(countries.iter().map(|(id, country)| (*id, of(country))).collect())
}

fn flag_url(code: &str) -> Option<String> {
    if code.is_empty() || FLAGLESS.contains(&code) {
        return None;
    }
    let borrowed = BORROWED_FLAGS.iter().find(|(own, _)| *own == code).map(|(_, of)| (*of).to_owned());
    let flag = borrowed.unwrap_or_else(|| code.to_lowercase());
    Some(format!("/base/static/img/country_flags/{flag}.png"))
}

fn write_code_large(values: &mut Values) {
    if let Some(Value::String(code)) = values.get_mut("code") {
        *code = code.to_uppercase();
    }
}

/// Refuses a format of addresses with parts that addresses do not have.
fn check_address_format(values: &Values) -> Result<()> {
    let Some(format) = values.get("address_format").and_then(Value::as_str) else { return Ok(()) };
    let format = format.replace("%%", "");
    let known = |part: &str| {
        let key = part.strip_prefix('(').and_then(|part| part.split_once(')'));
        key.is_some_and(|(key, rest)| ADDRESS_KEYS.contains(&key) && rest.starts_with(['s', 'r', 'd']))
    };
    if format.split('%').skip(1).all(known) {
        return Ok(());
    }
    Err(Error::UserError("The layout contains an invalid format key".to_owned()))
}

/// What is in parentheses, in order.
fn in_parentheses(text: &str) -> Vec<String> {
    let parts = text.split('(').skip(1).filter_map(|part| part.split_once(')'));
    parts.map(|(inner, _)| inner.to_owned()).filter(|inner| !inner.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags() {
        assert_eq!(flag_url("BE").unwrap(), "/base/static/img/country_flags/be.png");
        assert_eq!(flag_url("GF").unwrap(), "/base/static/img/country_flags/fr.png");
        assert_eq!(flag_url("AQ").or(flag_url("")), None);
    }

    #[test]
    fn states_are_found_with_their_country() {
        assert_eq!(name_and_country("California (US)"), Some(("California", "US")));
        assert_eq!(name_and_country("California"), None);
        assert_eq!(name_and_country("(US)"), None);
    }

    #[test]
    fn address_formats() {
        let check =
            |format: &str| check_address_format(&Map::from_iter([("address_format".to_owned(), json!(format))]));
        assert!(check("%(street)s\n%(city)s %(state_code)s %(zip)s 100%%").is_ok());
        for wrong in ["%(nope)s", "%s", "%(city)", "%"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert_eq!(in_parentheses("%(street)s\n%(city)s"), ["street", "city"]);
    }
}
