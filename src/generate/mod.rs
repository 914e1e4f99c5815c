//! Fills a database with records that look like those of a business, as many as one likes, to measure with.
//!
//! The same seed gives the same records. Tags, users and the first partner of each kind are made through the ORM. The other
//! partners are rows like the row of the first of their kind, with their own values and what is computed of them, many in
//! one statement, which takes a fraction of the time that `create` takes.

mod chance;
mod people;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use entity::{res_country, res_users};
use sea_orm::sea_query::{Alias, Expr, Query};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Map, Value};

use crate::auth::Caller;
use crate::database::{Database, dialect};
use crate::error::{Error, Result};
use crate::models::res_partner;
use crate::orm::env::{Env, SUPERUSER, Tools};
use crate::orm::query::column;
use crate::orm::write::{self, Values};
use chance::Chance;
use people::{Country, Draft, Kind, Surroundings};

/// The password of all users that are generated.
pub const PASSWORD: &str = "generated";

/// How many partners are written in one transaction.
const BATCH: u32 = 10_000;
/// How many rows one statement has.
const ROWS: usize = 2_500;
/// How many users are made in one transaction.
const USERS: u32 = 500;
/// How many of the last companies a contact may belong to.
const COMPANIES: usize = 256;
/// What contacts have from their company, of what companies are given here.
const OF_COMPANY: [&str; 1] = ["vat"];

/// How many records there are to be, and the seed of what they are like.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    pub partners: u32,
    pub users: u32,
    pub categories: u32,
    pub seed: u64,
}

/// How far it has come: so many records of a kind, of how many.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// `categories`, `users` or `partners`.
    pub what: &'static str,
    pub done: u32,
    pub all: u32,
}

/// A company to which contacts may belong.
#[derive(Clone, Debug)]
struct Company {
    id: i32,
    values: Values,
}

/// What partners that are written later need to know of those before them.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The row of the first partner of each kind.
    rows: BTreeMap<Kind, Values>,
    companies: VecDeque<Company>,
}

impl Known {
    fn add(&mut self, id: i32, values: Values) {
        if self.companies.len() == COMPANIES {
            self.companies.pop_back();
        }
        self.companies.push_front(Company { id, values });
    }
}

/// Adds records to a database, in transactions of some thousands, and tells after each how far it is. Users are `user1`,
/// `user2`, … with the password [`PASSWORD`]; their partners come on top of the partners that are asked for.
///
/// # Errors
/// A `UserError` where there are such users already; a failure of the database.
pub async fn fill(
    database: &Arc<Database>,
    tools: &Tools,
    amounts: Amounts,
    mut tell: impl FnMut(Progress) + Send,
) -> Result<()> {
    if amounts.users > 0 && crate::models::res_users::find(database.connection(), &login(1)).await?.is_some() {
        return Err(Error::UserError(format!("there is a user with the login '{}' already", login(1))));
    }
    let mut told = |what, done, all| tell(Progress { what, done, all });
    let caller = superuser(database).await?;
    let tags: Result<Vec<i32>> = database
        .write(|tx| {
            let (caller, tools) = (caller.clone(), tools.clone());
            Box::pin(async move { make_tags(&Env::new(tx, &caller, &tools, Map::new()).await?, amounts).await })
        })
        .await;
    let tags = tags?;
    told("categories", amounts.categories, amounts.categories);
    let hash = if amounts.users > 0 { tools.passwords.hash(PASSWORD).await } else { String::new() };
    for numbers in batches(amounts.users, USERS) {
        let caller = superuser(database).await?;
        let made: Result<()> = database
            .write(|tx| {
                let (caller, tools, hash, numbers) = (caller.clone(), tools.clone(), hash.clone(), numbers.clone());
                Box::pin(async move {
                    let env = Env::new(tx, &caller, &tools, quiet()).await?;
                    make_users(&env, amounts.seed, numbers, &hash).await
                })
            })
            .await;
        made?;
        told("users", numbers.end, amounts.users);
    }
    let around = Arc::new(Surroundings { countries: countries(database).await?, tags });
    let mut known = Known::default();
    for numbers in batches(amounts.partners, BATCH) {
        let drafts: Vec<Draft> =
            numbers.clone().map(|number| people::draft(amounts.seed, number.into(), &around)).collect();
        let drafts = Arc::new(drafts);
        let caller = superuser(database).await?;
        let made: Result<Known> = database
            .write(|tx| {
                let (caller, tools, drafts, known) =
                    (caller.clone(), tools.clone(), Arc::clone(&drafts), known.clone());
                Box::pin(async move {
                    let env = Env::new(tx, &caller, &tools, quiet()).await?;
                    make_partners(&env, &drafts, known).await
                })
            })
            .await;
        known = made?;
        told("partners", numbers.end, amounts.partners);
    }
    Ok(())
}

/// The numbers below `all`, so many at a time.
fn batches(all: u32, size: u32) -> impl Iterator<Item = Range<u32>> {
    (0..all.div_ceil(size)).map(move |batch| batch * size..(batch + 1).saturating_mul(size).min(all))
}

/// The superuser as caller, on the database as it is now.
async fn superuser(database: &Arc<Database>) -> Result<Caller> {
    let version = database.version().await?;
    let user = crate::models::res_users::get(database.connection(), SUPERUSER).await?;
    let user = user.ok_or_else(|| Error::UserError("there is no superuser".to_owned()))?;
    Ok(Caller { database: Arc::clone(database), version, user: Arc::new(user) })
}

/// The context of records of which nobody is told.
fn quiet() -> Values {
    Map::from_iter([("no_reset_password".to_owned(), true.into())])
}

fn login(number: u32) -> String {
    format!("user{number}")
}

async fn countries(database: &Database) -> Result<Vec<Country>> {
    let rows = res_country::Entity::find().order_by_asc(res_country::Column::Code).all(database.connection()).await?;
    let country =
        |row: res_country::Model| Country { id: row.id, code: row.code, phone: row.phone_code.unwrap_or_default() };
    Ok(rows.into_iter().map(country).collect())
}

/// Tags: one in ten is a subject, the others are below one.
async fn make_tags(env: &Env<'_>, amounts: Amounts) -> Result<Vec<i32>> {
    let model = env.model("res.partner.category").await?;
    let subjects = amounts.categories.div_ceil(10);
    let mut tags: Vec<i32> = Vec::new();
    for number in 0..amounts.categories {
        let word = |words: &[&'static str], number: u32| words[number as usize % words.len()];
        let mut values = Map::new();
        let name = if number < subjects {
            match number / 10 {
                0 => word(&words::SUBJECTS, number).to_owned(),
                more => format!("{} {}", word(&words::SUBJECTS, number), more + 1),
            }
        } else {
            let above = (number - subjects) % subjects;
            values.insert("parent_id".to_owned(), tags[above as usize].into());
            let turn = (number - subjects) / subjects;
            word(&words::SHADES, turn).to_owned()
        };
        values.insert("name".to_owned(), name.into());
        values.insert("color".to_owned(), (number % 12).into());
        tags.extend(write::create(env, &model, vec![values]).await?);
    }
    Ok(tags)
}

/// Internal users, with a partner each, whose password has this hash.
async fn make_users(env: &Env<'_>, seed: u64, numbers: Range<u32>, hash: &str) -> Result<()> {
    let model = env.model("res.users").await?;
    let user = |number: u32| {
        // Numbers of their own, so that users are not namesakes of the partners with the same numbers.
        let mut chance = Chance::of(seed, u64::MAX - u64::from(number));
        let name = format!("{} {}", chance.one(&words::FIRST), chance.one(&words::LAST));
        let login = login(number + 1);
        let email = format!("{login}@example.com");
        Map::from_iter([
            ("name".to_owned(), name.into()),
            ("login".to_owned(), login.into()),
            ("email".to_owned(), email.into()),
        ])
    };
    let ids = write::create(env, &model, numbers.map(user).collect()).await?;
    let update = res_users::Entity::update_many()
        .col_expr(res_users::Column::Password, Expr::value(hash))
        .filter(res_users::Column::Id.is_in(ids));
    update.exec(env.db()).await?;
    Ok(())
}

/// Partners, the first of each kind through the ORM.
async fn make_partners(env: &Env<'_>, drafts: &[Draft], mut known: Known) -> Result<Known> {
    let model = env.model("res.partner").await?;
    let stored = if model.field("complete_name").is_some() { "complete_name" } else { "display_name" };
    env.note_write(&model.name).await?;
    let mut ids = dialect::reserve_ids(env.db(), env.database(), &model.table, drafts.len()).await?.into_iter();
    let mut columns: BTreeSet<String> = BTreeSet::new();
    let (mut rows, mut tags) = (Vec::new(), Vec::new());
    for draft in drafts {
        let company =
            known.companies.get(draft.company % known.companies.len().max(1)).filter(|_| draft.kind.has_parent());
        let mut values = draft.values.clone();
        values.extend(company.map(|company| ("parent_id".to_owned(), company.id.into())));
        let id = if let Some(first) = known.rows.get(&draft.kind) {
            let Some(id) = ids.next() else { break };
            let mut row = first.clone();
            row.extend(values);
            row.extend(computed(id, stored, draft, company));
            row.insert("id".to_owned(), id.into());
            // What is false is not there, but for booleans.
            row.retain(|name, value| !value.is_null() && (*value != false || first.get(name).is_some_and(is_boolean)));
            for name in row.keys().filter(|name| !columns.contains(*name)).cloned().collect::<Vec<_>>() {
                columns.insert(name);
            }
            rows.push(row);
            id
        } else {
            let Some(id) = write::create(env, &model, vec![values]).await?.first().copied() else { break };
            known.rows.insert(draft.kind, row_of(env, &model.table, id).await?);
            id
        };
        let tagged = |tag: &i32| {
            Map::from_iter([("partner_id".to_owned(), id.into()), ("category_id".to_owned(), (*tag).into())])
        };
        tags.extend(draft.tags.iter().map(tagged));
        if draft.kind == Kind::Company {
            known.add(id, draft.values.clone());
        }
    }
    insert(env, &model.table, &columns.into_iter().collect::<Vec<_>>(), rows).await?;
    if let Some(relation) = model.field("category_id").and_then(|field| field.table.clone()) {
        insert(env, &relation.table, &[relation.own, relation.other], tags).await?;
    }
    Ok(known)
}

/// What is computed of a partner, as the ORM does.
fn computed(id: i32, stored: &str, draft: &Draft, company: Option<&Company>) -> Values {
    let name = draft.values["name"].as_str().unwrap_or_default();
    let mut values = Map::new();
    let (entity, of_company, called) = match company {
        Some(company) => {
            let of_company = company.values["name"].as_str().unwrap_or_default();
            (company.id, company.values["name"].clone(), format!("{of_company}, {name}"))
        }
        None if draft.kind == Kind::Company => (id, name.into(), name.to_owned()),
        None => (id, Value::Null, name.to_owned()),
    };
    values.insert("commercial_partner_id".to_owned(), entity.into());
    values.insert("commercial_company_name".to_owned(), of_company);
    values.insert(stored.to_owned(), called.into());
    if let Some(company) = company {
        let shared = res_partner::ADDRESS.iter().filter(|_| draft.kind == Kind::Contact).chain(&OF_COMPANY);
        for name in shared {
            let value = company.values.get(*name).filter(|value| **value != false);
            values.insert((*name).to_owned(), value.cloned().unwrap_or_default());
        }
    }
    values
}

/// Whether this is how a database tells a boolean.
fn is_boolean(value: &Value) -> bool {
    value.is_boolean() || *value == 0 || *value == 1
}

/// The values in a row of a table, by columns, where there are any.
async fn row_of(env: &Env<'_>, table: &str, id: i32) -> Result<Values> {
    env.database().count_statement();
    let names: Vec<String> = dialect::columns(env.db(), table).await?.into_iter().map(|column| column.name).collect();
    let select = Query::select()
        .from(Alias::new(table))
        .and_where(sea_orm::sea_query::ExprTrait::eq(column(table, "id"), id))
        .take();
    let columns = names.iter().map(|name| column(table, name)).collect();
    let row = env.json_rows(select, columns).await?.into_iter().next().unwrap_or_default();
    Ok(names.into_iter().zip(row).filter(|(_, value)| !value.is_null()).collect())
}

async fn insert(env: &Env<'_>, table: &str, columns: &[String], rows: Vec<Values>) -> Result<()> {
    for rows in rows.chunks(ROWS) {
        env.database().count_statement();
        dialect::insert_rows(env.db(), table, columns, rows, &[]).await?;
    }
    Ok(())
}
