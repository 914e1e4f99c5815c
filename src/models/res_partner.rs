//! `res.partner`: contacts, their addresses and the companies that they belong to.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
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
async fn store(env: &Env<'_>, model: &Model, id: i32, values: Values) -> Result<()> {
    let known = values.into_iter().filter(|(name, _)| model.field(name).is_some_and(|field| field.is_column()));
    write::store(env, model, &[id], known.collect()).await
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
        for record in values {
            if let Some(parent) = link(record, "parent_id") {
                if read::existing(env, model, &[parent]).await?.is_empty() {
                    return Err(access::missing_error(env, model, &[parent]));
                }
                record.insert("company_name".to_owned(), Value::Bool(false));
            }
            clean_website(record);
            if record.get("type").is_none_or(|kind| !python::truth(kind)) {
                record.insert("type".to_owned(), "contact".into());
            }
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &[Values]) -> Result<()> {
        for (id, record) in ids.iter().zip(values) {
            recompute(env, model, &[*id]).await?;
            synchronise(env, model, *id, record).await?;
        }
        share(env, model, ids).await
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
        for id in ids {
            synchronise(env, model, *id, values).await?;
        }
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
                Some(match found.first() {
                    Some(id) => (*id).into(),
                    None => name_create(env, model, call.get("email")).await?[0].clone(),
                })
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

/// Stores what is computed of contacts and of all below them: the commercial entity and the names.
async fn recompute(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let stored = if model.field("complete_name").is_some() { "complete_name" } else { "display_name" };
    let kinds: HashMap<&str, &str> = model
        .field("type")
        .map(|field| field.selection.iter().map(|(key, label)| (key.as_str(), label.as_str())).collect())
        .unwrap_or_default();
    let mut level: Vec<i32> = ids.to_vec();
    let mut seen = BTreeSet::new();
    while !level.is_empty() {
        level.retain(|id| seen.insert(*id));
        let records = fetch(env, model, &level, &["name", "parent_id", "is_company", "company_name", "type"]).await?;
        let parents: Vec<i32> = records.values().filter_map(|record| link(record, "parent_id")).collect();
        let of_parents = ["name", "commercial_partner_id", "commercial_company_name"];
        let parents = fetch(env, model, &parents, &of_parents).await?;
        for (id, record) in &records {
            let parent = link(record, "parent_id").and_then(|id| parents.get(&id));
            let is_company = python::truth(&record["is_company"]);
            let entity = parent.filter(|_| !is_company).and_then(|parent| link(parent, "commercial_partner_id"));
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
                    name = kinds.get(text(record, "type")).copied().unwrap_or_default().to_owned();
                }
                if !is_company {
                    name = format!("{above}, {name}");
                }
            }
            let values = Map::from_iter([
                ("commercial_partner_id".to_owned(), entity.unwrap_or(*id).into()),
                ("commercial_company_name".to_owned(), company_name),
                (stored.to_owned(), name.trim().into()),
            ]);
            store(env, model, *id, values).await?;
        }
        let children = Domain::leaf("parent_id", Operator::In, level.clone());
        level = search::ids(&env.sudo().with("active_test", false), model, &children).await?;
    }
    Ok(())
}

/// Keeps a contact's address, and what it has from its commercial entity, the same as those around it.
async fn synchronise(env: &Env<'_>, model: &Model, id: i32, values: &Values) -> Result<()> {
    let has_parent = values.get("parent_id").is_some_and(python::truth);
    let becomes_contact = values.get("type").is_some_and(|kind| kind == "contact");
    let address_changed = ADDRESS.iter().any(|name| values.contains_key(*name));
    let commercial: Vec<&str> = COMMERCIAL.into_iter().filter(|name| model.field(name).is_some()).collect();
    let commercial_changed = commercial.iter().any(|name| values.contains_key(*name));
    if !has_parent && !becomes_contact && !address_changed && !commercial_changed {
        return Ok(());
    }
    let wanted = [&["parent_id", "type", "commercial_partner_id"], &ADDRESS[..], commercial.as_slice()].concat();
    let records = fetch(env, model, &[id], &wanted).await?;
    let Some(mut record) = records.get(&id).cloned() else { return Ok(()) };
    let parent = link(&record, "parent_id");
    let is_contact = text(&record, "type") == "contact";
    if has_parent && let Some(entity) = link(&record, "commercial_partner_id").filter(|entity| *entity != id) {
        let of_entity = fetch(env, model, &[entity], &commercial).await?;
        if let Some(of_entity) = of_entity.get(&entity) {
            let inherited = commercial.iter().map(|name| ((*name).to_owned(), of_entity[*name].clone()));
            store(env, model, id, inherited.collect()).await?;
        }
    }
    if let Some(parent) = parent.filter(|_| is_contact) {
        let parents = fetch(env, model, &[parent], &ADDRESS).await?;
        let of_parent = parents.get(&parent).cloned().unwrap_or_default();
        if (has_parent || becomes_contact) && ADDRESS.iter().any(|name| python::truth(&of_parent[*name])) {
            let address: Values = ADDRESS.iter().map(|name| ((*name).to_owned(), of_parent[*name].clone())).collect();
            record.extend(address.clone());
            store(env, model, id, address).await?;
        }
        let differs = ADDRESS.iter().any(|name| record[*name] != of_parent[*name]);
        if env.series().contacts_share_addresses() && (address_changed || has_parent) && differs {
            let address = ADDRESS.iter().map(|name| ((*name).to_owned(), record[*name].clone()));
            return write::write(&env.sudo(), model, &[parent], address.collect()).await;
        }
    }
    let children = Domain::leaf("parent_id", Operator::Eq, id);
    if address_changed {
        let contacts = Domain::and(vec![children.clone(), Domain::leaf("type", Operator::Eq, "contact")]);
        for child in search::ids(&env.sudo(), model, &contacts).await? {
            let address = ADDRESS.iter().filter_map(|name| Some(((*name).to_owned(), values.get(*name)?.clone())));
            store(env, model, child, address.collect()).await?;
        }
    }
    if commercial_changed {
        let below = Domain::and(vec![
            Domain::leaf("commercial_partner_id", Operator::Eq, id),
            Domain::leaf("id", Operator::Ne, id),
        ]);
        for other in search::ids(&env.sudo().with("active_test", false), model, &below).await? {
            let inherited = commercial.iter().map(|name| ((*name).to_owned(), record[*name].clone()));
            store(env, model, other, inherited.collect()).await?;
        }
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
    for id in ids {
        let values = Map::from_iter([("partner_share".to_owned(), (!internal.contains(id)).into())]);
        store(env, model, *id, values).await?;
    }
    Ok(())
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
