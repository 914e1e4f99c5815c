//! `res.partner`: contacts, their addresses and the companies that they belong to.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{Behaviour, Values, avatars, res_company, res_users};
use crate::error::{Error, Redirect, Result};
use crate::orm::access::{self, Operation};
use crate::orm::domain::{Domain, Leaf, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, search, write};
use crate::python;
use crate::series::Series;

/// `res.partner`
pub struct ResPartner;

/// The fields of an address, which contacts share with their company.
pub const ADDRESS: [&str; 6] = ["street", "street2", "zip", "city", "state_id", "country_id"];
/// What a contact has from its commercial entity.
const COMMERCIAL: [&str; 3] = ["vat", "company_registry", "industry_id"];
/// What the names of a contact and of those below it depend on.
const NAMING: [&str; 5] = ["name", "parent_id", "is_company", "company_name", "type"];
/// The contact to which invoices of a contact go, for the whole company.
const COMMERCIAL_ENTITY: &str = "commercial_partner_id";
/// Who belongs to a contact.
const BELONGING: [&str; 2] = ["child_ids", "user_ids"];

/// Fields of the records by id.
async fn fetch(env: &Env<'_>, model: &Model, ids: &[i32], names: &[&str]) -> Result<read::Records> {
    let fields: Vec<_> = names.iter().filter_map(|name| model.field(name).cloned()).collect();
    read::fetch(&env.sudo().with("active_test", false), model, ids, &fields).await
}

fn text<'v>(record: &'v Map<String, Value>, name: &str) -> &'v str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn link(record: &Map<String, Value>, name: &str) -> Option<i32> {
    record.get(name).map(read::ids_in).and_then(|ids| ids.first().copied())
}

/// Writes computed columns, without what writing means else.
async fn store(env: &Env<'_>, model: &Model, rows: Vec<(i32, Values)>) -> Result<()> {
    for rows in alike(rows) {
        write::store_each(env, model, &rows).await?;
    }
    Ok(())
}

/// Those with the same fields together.
fn alike(rows: Vec<(i32, Values)>) -> impl Iterator<Item = Vec<(i32, Values)>> {
    let mut alike: IndexMap<Vec<String>, Vec<(i32, Values)>> = IndexMap::new();
    for (id, values) in rows {
        alike.entry(values.keys().cloned().collect()).or_default().push((id, values));
    }
    alike.into_values()
}

/// The records with the given fields of `record`.
fn some(record: &Map<String, Value>, names: &[&str]) -> Values {
    names.iter().filter_map(|name| Some(((*name).to_owned(), record.get(*name)?.clone()))).collect()
}

#[async_trait]
impl Behaviour for ResPartner {
    fn overrides_write(&self) -> bool {
        true
    }

    fn names_searched(&self, _: Series) -> &'static [&'static str] {
        &["complete_name", "display_name", "email", "ref", "vat", "company_registry"]
    }

    async fn display_names(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<HashMap<i32, String>>> {
        let stored = if model.field("complete_name").is_some() { "complete_name" } else { "display_name" };
        let (address, email, vat) = (env.flag("show_address"), env.flag("show_email"), env.flag("show_vat"));
        let mut wanted = vec![stored];
        if address {
            wanted.extend(["street", "street2", "zip", "city", "state_id", "country_id"]);
        }
        if email || vat {
            wanted.extend(["email", "vat"]);
        }
        let fields: Vec<_> = wanted.iter().filter_map(|name| model.field(name).cloned()).collect();
        let records = read::fetch(env, model, ids, &fields).await?;
        let addresses = if address { addresses(env, &records).await? } else { HashMap::new() };
        let mut names = HashMap::new();
        for (id, record) in records {
            let mut name = text(&record, stored).to_owned();
            if let Some(address) = addresses.get(&id) {
                name = format!("{name}\n{address}");
            }
            if email && !text(&record, "email").is_empty() {
                name = format!("{name} <{}>", text(&record, "email"));
            }
            if vat && !text(&record, "vat").is_empty() {
                name = format!("{name} ‒ {}", text(&record, "vat"));
            }
            let lines: Vec<&str> = name.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
            names.insert(id, lines.join("\n"));
        }
        Ok(Some(names))
    }

    async fn default(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        Ok(match field.name.as_str() {
            "lang" => Some(env.lang().await?.into()),
            "tz" => env.context().get("tz").filter(|tz| python::truth(tz)).cloned(),
            _ => None,
        })
    }

    async fn prepare_create(&self, env: &Env<'_>, model: &Model, values: &mut Vec<Values>) -> Result<()> {
        let parents: BTreeSet<i32> = values.iter().filter_map(|record| link(record, "parent_id")).collect();
        let parents: Vec<i32> = parents.into_iter().collect();
        let existing = read::existing(env, model, &parents).await?;
        if let Some(missing) = parents.iter().find(|parent| !existing.contains(parent)) {
            return Err(access::missing_error(env, model, &[*missing]));
        }
        for record in values {
            if link(record, "parent_id").is_some() {
                record.insert("company_name".to_owned(), Value::Bool(false));
            }
            clean_website(record);
            if record.get("type").is_none_or(|kind| !python::truth(kind)) {
                record.insert("type".to_owned(), "contact".into());
            }
        }
        Ok(())
    }

    async fn computed_of_new(
        &self,
        env: &Env<'_>,
        model: &Model,
        values: &[Values],
        columns: &[&write::Columns],
    ) -> Result<Option<Vec<write::Computed>>> {
        if values.iter().any(|record| holds_any(record, &BELONGING)) {
            return Ok(None);
        }
        let kept = |columns: &write::Columns, name: &str| match columns.get(name) {
            Some((_, value)) if !value.is_null() => value.clone(),
            _ => Value::Bool(false),
        };
        let naming = |columns| NAMING.iter().map(|name| ((*name).to_owned(), kept(columns, name))).collect();
        let records: Vec<Map<String, Value>> = columns.iter().copied().map(naming).collect();
        let named = Box::pin(names_and_entities(env, model, records.iter())).await?;
        let computed = named.into_iter().map(|(entity, mut values)| {
            values.insert("partner_share".to_owned(), true.into());
            let itself = if entity.is_none() { vec![COMMERCIAL_ENTITY] } else { Vec::new() };
            values.extend(entity.map(|entity| (COMMERCIAL_ENTITY.to_owned(), entity.into())));
            write::Computed { values, itself }
        });
        Ok(Some(computed.collect()))
    }

    async fn created(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &[Values]) -> Result<()> {
        // With a new contact others may have been made that belong to it, or it has been given some.
        if values.iter().any(|record| holds_any(record, &BELONGING)) {
            Box::pin(recompute(env, model, ids)).await?;
            Box::pin(synchronise(env, model, &ids.iter().copied().zip(values).collect::<Vec<_>>())).await?;
            return Box::pin(share(env, model, ids)).await;
        }
        // Alone, it shares nothing with anybody.
        let rows =
            ids.iter().copied().zip(values).filter(|(_, record)| record.get("parent_id").is_some_and(python::truth));
        Box::pin(synchronise(env, model, &rows.collect::<Vec<_>>())).await
    }

    async fn writer<'a>(&self, env: &Env<'a>, model: &Model, ids: &[i32], _: &Values) -> Result<Env<'a>> {
        // The model's own code looks at the records before it is asked who may write them.
        access::check_records(env, model, ids, Operation::Read).await?;
        Ok(env.clone())
    }

    async fn prepare_write(&self, env: &Env<'_>, _: &Model, ids: &[i32], values: &mut Values) -> Result<()> {
        clean_website(values);
        if values.get("active").is_some_and(|active| !python::truth(active)) {
            refuse_while_used(env, ids, "archive").await?;
        }
        if values.get("parent_id").is_some_and(python::truth) {
            values.insert("company_name".to_owned(), Value::Bool(false));
        }
        Ok(())
    }

    async fn written(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &Values) -> Result<()> {
        if values.contains_key("parent_id") && write::is_recursive(env, model, "parent_id", ids).await? {
            return Err(Error::ValidationError("You cannot create recursive Partner hierarchies.".to_owned()));
        }
        if NAMING.iter().any(|name| values.contains_key(*name)) {
            recompute(env, model, ids).await?;
        }
        let rows: Vec<(i32, &Values)> = ids.iter().map(|id| (*id, values)).collect();
        synchronise(env, model, &rows).await?;
        if let Some(name) = values.get("name") {
            res_company::partners_renamed(env, ids, name).await?;
        }
        Ok(())
    }

    async fn prepare_unlink(&self, env: &Env<'_>, _: &Model, ids: &[i32]) -> Result<()> {
        refuse_while_used(env, ids, "delete").await
    }

    async fn unlinked(&self, env: &Env<'_>, model: &Model, _: &[i32]) -> Result<()> {
        // Contacts whose company is gone are their own commercial entity, and are called accordingly.
        let left = Domain::leaf("commercial_partner_id", Operator::Eq, false);
        let left = search::ids(&env.sudo().with("active_test", false), model, &left).await?;
        recompute(env, model, &left).await
    }

    async fn prepare_copy(&self, _: &Env<'_>, _: &Model, _: i32, default: &Values, values: &mut Values) -> Result<()> {
        if !default.contains_key("name")
            && let Some(name) = values.get("name").and_then(Value::as_str)
        {
            let name = format!("{name} (copy)");
            values.insert("name".to_owned(), name.into());
        }
        Ok(())
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let name = field.name.as_str();
        let each = |records: read::Records, value: &dyn Fn(&Map<String, Value>) -> Value| {
            Some(records.into_iter().map(|(id, record)| (id, value(&record))).collect())
        };
        Ok(match name {
            "company_type" => each(fetch(env, model, ids, &["is_company"]).await?, &|record| {
                if python::truth(&record["is_company"]) { "company".into() } else { "person".into() }
            }),
            "email_formatted" => each(fetch(env, model, ids, &["name", "email"]).await?, &|record| {
                let (name, email) = (text(record, "name"), text(record, "email"));
                let named = if name.is_empty() { "False" } else { name };
                if email.is_empty() { Value::Bool(false) } else { format!("\"{named}\" <{email}>").into() }
            }),
            "contact_address" => {
                let records = fetch(env, model, ids, &ADDRESS).await?;
                let addresses = addresses(env, &records).await?;
                Some(ids.iter().map(|id| (*id, addresses.get(id).cloned().unwrap_or_default().into())).collect())
            }
            "tz_offset" => each(fetch(env, model, ids, &["tz"]).await?, &|record| {
                res_users::tz_offset(text(record, "tz"), env.now()).into()
            }),
            "active_lang_count" => {
                let count = env.langs().await?.len();
                Some(ids.iter().map(|id| (*id, count.into())).collect())
            }
            "self" => Some(ids.iter().map(|id| (*id, (*id).into())).collect()),
            "main_user_id" => each(fetch(env, model, ids, &["user_ids"]).await?, &|record| {
                link(record, "user_ids").map_or(Value::Bool(false), Value::from)
            }),
            "is_public" => {
                let rights = env.rights().await?;
                let public = rights.group("base.group_public");
                let mut values = HashMap::new();
                for (id, record) in fetch(env, model, ids, &["user_ids"]).await? {
                    let users = read::ids_in(&record["user_ids"]);
                    let mut is_public = false;
                    for user in users {
                        let groups = &env.user_of(user).await?.groups;
                        is_public |= public.is_some_and(|group| groups.contains(&group));
                    }
                    values.insert(id, is_public.into());
                }
                Some(values)
            }
            "type_address_label" => each(fetch(env, model, ids, &["type"]).await?, &|record| {
                match text(record, "type") {
                    "invoice" => "Invoice Address",
                    "delivery" => "Delivery Address",
                    "other" => "Other Address",
                    _ => "Address",
                }
                .into()
            }),
            "vat_label" => Some(ids.iter().map(|id| (*id, "Tax ID".into())).collect()),
            "company_registry_label" => Some(ids.iter().map(|id| (*id, "Company ID".into())).collect()),
            "avatar_1920" | "avatar_1024" | "avatar_512" | "avatar_256" | "avatar_128" => {
                Some(avatars::of_partners(env, model, name, ids).await?)
            }
            _ => None,
        })
    }

    async fn search(&self, _: &Env<'_>, _: &Model, field: &Field, leaf: &Leaf) -> Result<Option<Domain>> {
        Ok(match field.name.as_str() {
            "company_type" => {
                let company = leaf.value == "company";
                let operator = leaf.operator;
                Some(Domain::leaf("is_company", operator, company))
            }
            "self" => Some(Domain::Leaf(Leaf { path: "id".to_owned(), ..leaf.clone() })),
            _ => None,
        })
    }

    async fn inverse(&self, env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
        if field.name != "company_type" {
            return Ok(false);
        }
        let is_company = Map::from_iter([("is_company".to_owned(), (*value == "company").into())]);
        write::write(env, model, ids, is_company).await?;
        Ok(true)
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &crate::orm::call::Bound) -> Result<Option<Value>> {
        Ok(match call.method.name.as_str() {
            "name_create" => Some(name_create(env, model, call.get("name")).await?),
            "address_get" => Some(address_get(env, model, &call.ids, call.get("adr_pref")).await?),
            "find_or_create" => {
                let email = python::text(call.get("email"));
                let domain = Domain::leaf("email", Operator::EqIlike, email.as_str());
                let page = search::Page { limit: Some(1), ..search::Page::default() };
                let found = search::search(env, model, &domain, &page).await?;
                let id = match found.first() {
                    Some(id) => (*id).into(),
                    None => name_create(env, model, call.get("email")).await?[0].clone(),
                };
                Some(if env.series().lists_returned_records() { vec![id].into() } else { id })
            }
            _ => None,
        })
    }
}

/// A name with an address in it, `Ann <ann@example.com>`, is taken apart.
async fn name_create(env: &Env<'_>, model: &Model, given: &Value) -> Result<Value> {
    let written = python::text(given);
    let (name, email) = match written.split_once('<').and_then(|(name, rest)| Some((name, rest.split_once('>')?.0))) {
        Some((name, email)) if email.contains('@') => (name.trim().trim_matches('"').to_owned(), email.trim()),
        _ if written.contains('@') && !written.contains(' ') => (String::new(), written.as_str()),
        _ => (written.clone(), ""),
    };
    let mut values = Map::new();
    values.insert("name".to_owned(), if name.is_empty() { email.into() } else { name.into() });
    if !email.is_empty() {
        values.insert("email".to_owned(), email.into());
    }
    let ids = write::create(env, model, vec![values]).await?;
    let pairs = crate::orm::names::pairs(env, model, &ids).await?;
    Ok(pairs[0].clone())
}

/// The addresses of these kinds among a contact and those around it: `{"contact": id, "invoice": id}`.
async fn address_get(env: &Env<'_>, model: &Model, ids: &[i32], kinds: &Value) -> Result<Value> {
    let mut kinds: BTreeSet<String> = kinds.as_array().into_iter().flatten().map(python::text).collect();
    kinds.insert("contact".to_owned());
    let mut found: HashMap<String, i32> = HashMap::new();
    for start in ids {
        let mut current = Some(*start);
        let mut seen = BTreeSet::new();
        while let Some(id) = current.filter(|id| seen.insert(*id)) {
            let mut todo = vec![id];
            let mut below = BTreeSet::new();
            while let Some(id) = todo.pop().filter(|_| found.len() < kinds.len()) {
                let records = fetch(env, model, &[id], &["type", "child_ids", "is_company"]).await?;
                let Some(record) = records.get(&id) else { continue };
                let kind = text(record, "type").to_owned();
                if kinds.contains(&kind) {
                    found.entry(kind).or_insert(id);
                }
                let mut children = read::ids_in(&record["child_ids"]);
                children.reverse();
                todo.extend(children.into_iter().filter(|child| below.insert(*child)));
            }
            let records = fetch(env, model, &[id], &["parent_id", "is_company"]).await?;
            let record = records.get(&id);
            current = record.filter(|record| !python::truth(&record["is_company"])).and_then(|r| link(r, "parent_id"));
        }
    }
    let fallback = found.get("contact").copied().or_else(|| ids.first().copied());
    Ok(kinds
        .into_iter()
        .map(|kind| {
            let id = found.get(&kind).copied().or(fallback);
            (kind, id.map_or(Value::Bool(false), Value::from))
        })
        .collect::<Map<_, _>>()
        .into())
}

/// A website without a scheme gets one.
fn clean_website(values: &mut Values) {
    if let Some(website) = values.get("website").and_then(Value::as_str)
        && !website.is_empty()
        && !website.contains("://")
    {
        let website = format!("http://{website}");
        values.insert("website".to_owned(), website.into());
    }
}

/// Addresses on several lines, by contact.
async fn addresses(env: &Env<'_>, records: &read::Records) -> Result<HashMap<i32, String>> {
    let (countries, states) = (env.model("res.country").await?, env.model("res.country.state").await?);
    let ids = |name: &str| -> Vec<i32> { records.values().filter_map(|record| link(record, name)).collect() };
    let countries = read::display_names(&env.sudo(), &countries, &ids("country_id")).await?;
    let codes = fetch(env, &states, &ids("state_id"), &["code"]).await?;
    let mut addresses = HashMap::new();
    for (id, record) in records {
        let state = link(record, "state_id").and_then(|id| codes.get(&id)).map_or("", |state| text(state, "code"));
        let place = [text(record, "city"), state, text(record, "zip")];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let country = link(record, "country_id").and_then(|id| countries.get(&id)).cloned().unwrap_or_default();
        let lines = [text(record, "street").to_owned(), text(record, "street2").to_owned(), place.join(" "), country];
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        addresses.insert(*id, lines.join("\n"));
    }
    Ok(addresses)
}

/// What is computed of contacts whose parents are up to date: the commercial entity, if it is not the contact itself, and
/// the names.
async fn names_and_entities<'r>(
    env: &Env<'_>,
    model: &Model,
    records: impl Iterator<Item = &'r Map<String, Value>> + Clone + Send,
) -> Result<Vec<(Option<i32>, Values)>> {
    let stored = if model.field("complete_name").is_some() { "complete_name" } else { "display_name" };
    let kinds: HashMap<&str, &str> = model
        .field("type")
        .map(|field| field.selection.iter().map(|(key, label)| (key.as_str(), label.as_str())).collect())
        .unwrap_or_default();
    let parents: Vec<i32> = records.clone().filter_map(|record| link(record, "parent_id")).collect();
    let of_parents = ["name", COMMERCIAL_ENTITY, "commercial_company_name"];
    let parents = fetch(env, model, &parents, &of_parents).await?;
    let mut rows = Vec::new();
    for record in records {
        let parent = link(record, "parent_id").and_then(|id| parents.get(&id));
        let is_company = python::truth(&record["is_company"]);
        let entity = parent.filter(|_| !is_company).and_then(|parent| link(parent, COMMERCIAL_ENTITY));
        let company_name = match parent.filter(|_| !is_company) {
            Some(parent) => parent.get("commercial_company_name").cloned().unwrap_or(Value::Bool(false)),
            None if is_company => record["name"].clone(),
            None => record["company_name"].clone(),
        };
        let mut name = text(record, "name").to_owned();
        let above = match (python::truth(&company_name), parent) {
            (true, _) => python::text(&company_name),
            (false, Some(parent)) => text(parent, "name").to_owned(),
            (false, None) => String::new(),
        };
        if python::truth(&record["company_name"]) || parent.is_some() {
            if name.is_empty() && ["invoice", "delivery", "other"].contains(&text(record, "type")) {
                name = kinds.get(text(record, "type")).map(|label| (*label).to_owned()).unwrap_or_default();
            }
            if !is_company {
                name = format!("{above}, {name}");
            }
        }
        let values = Map::from_iter([
            ("commercial_company_name".to_owned(), company_name),
            (stored.to_owned(), name.trim().into()),
        ]);
        rows.push((entity, values));
    }
    Ok(rows)
}

/// Stores what is computed of contacts and of all below them: the commercial entity and the names.
async fn recompute(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let mut level: BTreeSet<i32> = ids.iter().copied().collect();
    let mut done = BTreeSet::new();
    while !level.is_empty() {
        let wanted: Vec<i32> = level.iter().copied().collect();
        let mut records = fetch(env, model, &wanted, &NAMING).await?;
        // Those above come first, unless they are in a circle.
        let waits = |record: &Map<String, Value>| link(record, "parent_id").is_some_and(|above| level.contains(&above));
        let waiting: BTreeSet<i32> = records.iter().filter(|(_, record)| waits(record)).map(|(id, _)| *id).collect();
        if waiting.len() < records.len() {
            records.retain(|id, _| !waiting.contains(id));
        }
        done.extend(level.iter().copied().filter(|id| !waiting.contains(id) || records.contains_key(id)));
        let named = names_and_entities(env, model, records.values()).await?;
        let named = records.keys().copied().zip(named).map(|(id, (entity, mut values))| {
            values.insert(COMMERCIAL_ENTITY.to_owned(), entity.unwrap_or(id).into());
            (id, values)
        });
        store(env, model, named.collect()).await?;
        let children = Domain::leaf("parent_id", Operator::In, records.keys().copied().collect::<Vec<_>>());
        level = search::ids(&env.sudo().with("active_test", false), model, &children).await?.into_iter().collect();
        level.extend(waiting);
        level.retain(|id| !done.contains(id));
    }
    Ok(())
}

/// What was written to a contact that those around it are to know.
struct Written<'v> {
    id: i32,
    values: &'v Values,
    commercial: bool,
}

impl Written<'_> {
    fn has_parent(&self) -> bool {
        self.values.get("parent_id").is_some_and(python::truth)
    }

    fn becomes_contact(&self) -> bool {
        self.values.get("type").is_some_and(|kind| kind == "contact")
    }

    fn has_address(&self) -> bool {
        holds_any(self.values, &ADDRESS)
    }
}

fn holds_any(values: &Values, names: &[&str]) -> bool {
    names.iter().any(|name| values.contains_key(*name))
}

/// Keeps contacts' addresses, and what they have from their commercial entities, the same as those around them.
async fn synchronise(env: &Env<'_>, model: &Model, rows: &[(i32, &Values)]) -> Result<()> {
    let commercial: Vec<&str> = COMMERCIAL.into_iter().filter(|name| model.field(name).is_some()).collect();
    let rows = rows.iter().map(|(id, values)| Written { id: *id, values, commercial: holds_any(values, &commercial) });
    let rows: Vec<Written<'_>> =
        rows.filter(|row| row.has_parent() || row.becomes_contact() || row.has_address() || row.commercial).collect();
    let mut rows: Vec<&Written<'_>> = rows.iter().collect();
    while !rows.is_empty() {
        rows = synchronise_all(env, model, &rows, &commercial).await?;
    }
    Ok(())
}

/// Keeps each of these in step. Answers those to which it is still to be done, after others have changed their company.
async fn synchronise_all<'r, 'v>(
    env: &Env<'_>,
    model: &Model,
    rows: &[&'r Written<'v>],
    commercial: &[&str],
) -> Result<Vec<&'r Written<'v>>> {
    let ids: Vec<i32> = rows.iter().map(|row| row.id).collect();
    let wanted = [&["parent_id", "type", "commercial_partner_id"], &ADDRESS[..], commercial].concat();
    let mut records = fetch(env, model, &ids, &wanted).await?;
    let links = |name: &str| -> Vec<i32> {
        records.values().filter_map(|record| link(record, name)).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let of_others = [&ADDRESS[..], commercial].concat();
    let others = fetch(env, model, &[links("parent_id"), links("commercial_partner_id")].concat(), &of_others).await?;
    let mut stored = Vec::new();
    let mut given: Vec<(i32, Values)> = Vec::new();
    let (mut settled, mut again) = (Vec::new(), Vec::new());
    for row in rows.iter().copied() {
        let Some(record) = records.get_mut(&row.id) else { continue };
        let mut values = Map::new();
        let entity = link(record, "commercial_partner_id").filter(|entity| row.has_parent() && *entity != row.id);
        if let Some(of_entity) = entity.and_then(|entity| others.get(&entity)) {
            values.extend(some(of_entity, commercial));
        }
        let parent = link(record, "parent_id").filter(|_| text(record, "type") == "contact");
        if let Some((parent, of_parent)) = parent.and_then(|parent| Some((parent, others.get(&parent)?))) {
            if (row.has_parent() || row.becomes_contact())
                && ADDRESS.iter().any(|name| python::truth(&of_parent[*name]))
            {
                let address = some(of_parent, &ADDRESS);
                record.extend(address.clone());
                values.extend(address);
            }
            let differs = ADDRESS.iter().any(|name| record[*name] != of_parent[*name]);
            if env.series().contacts_share_addresses() && (row.has_address() || row.has_parent()) && differs {
                if given.iter().any(|(known, _)| *known == parent) {
                    again.push(row);
                } else {
                    given.push((parent, some(record, &ADDRESS)));
                }
            } else {
                settled.push(row);
            }
        } else {
            settled.push(row);
        }
        if !values.is_empty() {
            stored.push((row.id, values));
        }
    }
    store(env, model, stored).await?;
    hand_down(env, model, &settled, &records, commercial).await?;
    for (parent, address) in given {
        write::write(&env.sudo(), model, &[parent], address).await?;
    }
    Ok(again)
}

/// Gives the contacts below these their addresses, and those of their companies what is the companies'.
async fn hand_down(
    env: &Env<'_>,
    model: &Model,
    settled: &[&Written<'_>],
    records: &read::Records,
    commercial: &[&str],
) -> Result<()> {
    let address: HashMap<i32, &Values> =
        settled.iter().filter(|row| row.has_address()).map(|row| (row.id, row.values)).collect();
    if !address.is_empty() {
        let contacts = Domain::and(vec![
            Domain::leaf("parent_id", Operator::In, address.keys().copied().collect::<Vec<_>>()),
            Domain::leaf("type", Operator::Eq, "contact"),
        ]);
        let children = search::ids(&env.sudo(), model, &contacts).await?;
        let children = fetch(env, model, &children, &["parent_id"]).await?;
        let of_parent = |record| Some(some(address.get(&link(record, "parent_id")?)?, &ADDRESS));
        let children: Vec<_> = children.iter().filter_map(|(id, record)| Some((*id, of_parent(record)?))).collect();
        store(env, model, children).await?;
    }
    let entities: Vec<i32> = settled.iter().filter(|row| row.commercial).map(|row| row.id).collect();
    if !entities.is_empty() {
        let below = Domain::and(vec![
            Domain::leaf("commercial_partner_id", Operator::In, entities.clone()),
            Domain::leaf("id", Operator::NotIn, entities),
        ]);
        let below = search::ids(&env.sudo().with("active_test", false), model, &below).await?;
        let below = fetch(env, model, &below, &["commercial_partner_id"]).await?;
        let inherited = |record| Some(some(records.get(&link(record, "commercial_partner_id")?)?, commercial));
        let below: Vec<_> = below.iter().filter_map(|(id, record)| Some((*id, inherited(record)?))).collect();
        store(env, model, below).await?;
    }
    Ok(())
}

/// Stores whether contacts are of people outside of the company: those without users, and those with shared ones.
///
/// # Errors
/// A failure of the database.
pub async fn share(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let users = env.model("res.users").await?;
    let domain = Domain::and(vec![
        Domain::leaf("partner_id", Operator::In, ids.to_vec()),
        Domain::leaf("share", Operator::Eq, false),
    ]);
    let internal = search::ids(&env.sudo(), &users, &domain).await?;
    let partners = fetch(env, &users, &internal, &["partner_id"]).await?;
    let internal: BTreeSet<i32> = partners.values().filter_map(|user| link(user, "partner_id")).collect();
    let share = |id: &i32| Map::from_iter([("partner_share".to_owned(), Value::from(!internal.contains(id)))]);
    store(env, model, ids.iter().map(|id| (*id, share(id))).collect()).await
}

/// Contacts of active users stay: who may change users is led to them, others are told to ask.
async fn refuse_while_used(env: &Env<'_>, ids: &[i32], verb: &str) -> Result<()> {
    let users = env.model("res.users").await?;
    let domain = Domain::leaf("partner_id", Operator::In, ids.to_vec());
    let linked = search::search(&env.sudo(), &users, &domain, &search::Page::default()).await?;
    if linked.is_empty() {
        return Ok(());
    }
    let names = read::display_names(&env.sudo(), &users, &linked).await?;
    let list: Vec<String> = linked.iter().filter_map(|id| names.get(id)).map(|name| format!("- {name}")).collect();
    let what = format!("You cannot {verb} contacts linked to an active user.");
    if !access::may(env, &users, Operation::Write).await? {
        return Err(Error::ValidationError(format!(
            "{what}\nAsk an administrator to archive their associated user first.\n\nLinked active users :\n{}",
            list.join("\n")
        )));
    }
    let form = super::ir_model_data::find(&env.sudo(), "base.view_users_simple_form").await?.map(|(_, id)| id);
    let mut action = json!({
        "type": "ir.actions.act_window",
        "res_model": "res.users",
        "context": {"create": false},
        "view_mode": "form",
        "views": [[form, "form"]],
        "res_id": linked[0],
    });
    if linked.len() > 1 {
        action["name"] = "Users".into();
        action["view_mode"] = "list,form".into();
        action["views"] = json!([[Value::Null, "list"], [Value::Null, "form"]]);
        action["domain"] = json!([["id", "in", linked]]);
        if let Value::Object(action) = &mut action {
            action.shift_remove("res_id");
        }
    }
    Err(Error::RedirectWarning(Box::new(Redirect {
        message: format!(
            "{what}\nYou first need to archive their associated user.\n\nLinked active users :\n{}",
            list.join("\n")
        ),
        action,
        button: "Go to users".to_owned(),
        context: Value::Null,
    })))
}
