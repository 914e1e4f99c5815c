//! Making, changing, deleting and copying records.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use indexmap::IndexMap;
use sea_orm::DbErr;
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, Func, Query as Sql};
use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::commands::{self, Command};
use super::env::Env;
use super::field::{Field, Kind};
use super::query::{self, column};
use super::registry::{LOG_ACCESS, Model};
use super::{attachments, convert, defaults, read, violation};
use crate::database::{DEFAULT_LANG, dialect};
use crate::error::{Error, Result};
use crate::models;
use crate::python;

type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// How many parameters a statement has at most: less than `SQLite` and PostgreSQL take.
pub(super) const PARAMETERS: usize = 30_000;
/// How many records one statement writes different values to.
const ROWS: usize = 100;

/// Values of fields by name.
pub type Values = Map<String, Value>;

/// Values of columns as they are kept, by name.
pub type Columns = IndexMap<String, (Arc<Field>, Value)>;

/// Columns of a new record that are computed.
#[derive(Debug, Default)]
pub struct Computed {
    pub values: Values,
    /// Those that refer to the record itself.
    pub itself: Vec<&'static str>,
}

/// The values of one record, sorted by what is done with them.
#[derive(Debug, Default)]
struct Sorted {
    /// For columns of the model's own table, as they are kept.
    own: Columns,
    /// Columns of a new record that refer to itself.
    itself: IndexMap<String, Arc<Field>>,
    /// For records of parents, by the field that refers to them.
    parents: IndexMap<String, Values>,
    x2many: Vec<(Arc<Field>, Vec<Command>)>,
    attachments: Vec<(Arc<Field>, Value)>,
    /// What is computed, for the behaviour to take apart.
    computed: Vec<(Arc<Field>, Value)>,
}

async fn sort(env: &Env<'_>, model: &Model, values: &Values, creating: bool) -> Result<Sorted> {
    let mut sorted = Sorted::default();
    for (name, value) in values {
        if name == "id" || LOG_ACCESS.contains(&name.as_str()) && model.log_access {
            continue;
        }
        let Some(field) = model.field(name) else {
            let series = env.series();
            return Err(if creating {
                series.invalid_field_to_create(&model.name, name)
            } else {
                series.invalid_field_to_write(&model.name, name, models::behaviour(&model.name).overrides_write())
            });
        };
        access::check_field(env, model, field, Operation::Write).await?;
        let field = Arc::clone(field);
        if field.inherited {
            if env.series().checks_inherited_values_first() {
                convert::to_cache(env, &field, value).await?;
            }
            let link = field.related.as_deref().and_then(|path| path.split_once('.')).map_or("", |(link, _)| link);
            sorted.parents.entry(link.to_owned()).or_default().insert(name.clone(), value.clone());
        } else if field.is_attachment() {
            let content = convert::to_cache(env, &field, value).await?;
            sorted.attachments.push((field, content));
        } else if field.kind.is_x2many() && field.store && field.related.is_none() {
            let commands = commands::parse(&field, value)?;
            sorted.x2many.push((field, commands));
        } else if field.is_column() {
            let kept = convert::to_cache(env, &field, value).await?;
            sorted.own.insert(name.clone(), (field, kept));
        } else {
            sorted.computed.push((field, value.clone()));
        }
    }
    Ok(sorted)
}

/// Makes records, and answers with their ids.
///
/// # Errors
/// An `AccessError`; what Odoo says of values that do not fit or break a rule; a failure of the database.
#[must_use]
pub fn create<'e>(env: &'e Env<'_>, model: &'e Model, values: Vec<Values>) -> Step<'e, Vec<i32>> {
    Box::pin(async move {
        access::check_model(env, model, Operation::Create).await?;
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let behaviour = models::behaviour(&model.name);
        let mut values = values;
        for record in &mut values {
            behaviour.translate(env, model, record).await?;
            // What is wrong is said before anything is done.
            if let Some(name) = record.keys().find(|name| model.field(name).is_none()) {
                return Err(env.series().invalid_field_to_create(&model.name, name));
            }
            defaults::complete(env, model, record).await?;
        }
        behaviour.prepare_create(env, model, &mut values).await?;
        env.note_changes(&model.name, &[], std::iter::empty()).await?;
        let mut sorted = Vec::new();
        for record in &values {
            sorted.push(sort(env, model, record, true).await?);
        }
        make_parents(env, model, &mut sorted).await?;
        compute(env, model, &values, &mut sorted).await?;
        let ids = insert(env, model, &mut sorted).await?;
        apply_to_new(env, model, &ids, sorted).await?;
        if model.parent_store {
            store_parent_paths(env, model, &ids).await?;
        }
        behaviour.created(env, model, &ids, &values).await?;
        access::check_records(env, model, &ids, Operation::Create).await?;
        Ok(ids)
    })
}

/// Makes the records that records inherit from, or writes to those that are given.
async fn make_parents(env: &Env<'_>, model: &Model, records: &mut [Sorted]) -> Result<()> {
    for (parent, link) in &model.inherits {
        let parent = env.model(parent).await?;
        let Some(field) = model.field(link) else { continue };
        let mut orphans = Vec::new();
        let mut new = Vec::new();
        for record in &mut *records {
            let values = record.parents.shift_remove(link).unwrap_or_default();
            let given = record.own.get(link).map(|(_, value)| value).filter(|value| python::truth(value));
            if let Some(id) = given.and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok()) {
                write(env, &parent, &[id], values).await?;
            } else {
                orphans.push(record);
                new.push(values);
            }
        }
        for (record, id) in orphans.into_iter().zip(create(env, &parent, new).await?) {
            record.own.insert(link.clone(), (Arc::clone(field), id.into()));
        }
    }
    Ok(())
}

/// Adds what is computed of the values of new records.
async fn compute(env: &Env<'_>, model: &Model, values: &[Values], records: &mut [Sorted]) -> Result<()> {
    let columns: Vec<&Columns> = records.iter().map(|record| &record.own).collect();
    let computed = models::behaviour(&model.name).computed_of_new(env, model, values, &columns).await?;
    for (record, computed) in records.iter_mut().zip(computed.into_iter().flatten()) {
        for (name, value) in computed.values {
            let Some(field) = model.field(&name).filter(|field| field.is_column()) else { continue };
            let kept = convert::to_cache(env, field, &value).await?;
            record.own.insert(name, (Arc::clone(field), kept));
        }
        for name in computed.itself {
            let Some(field) = model.field(name).filter(|field| field.is_column()) else { continue };
            record.own.shift_remove(name);
            record.itself.insert(name.to_owned(), Arc::clone(field));
        }
    }
    Ok(())
}

/// Inserts rows: with one statement, unless they are very many.
async fn insert(env: &Env<'_>, model: &Model, records: &mut [Sorted]) -> Result<Vec<i32>> {
    if !model.has_table() {
        return Err(Error::UserError(format!("{} has no records.", model.name)));
    }
    let lang = env.lang().await?;
    let mut columns: IndexMap<String, Arc<Field>> = IndexMap::new();
    // A boolean that is not told is false.
    for field in model.fields.values().filter(|field| field.is_column() && field.kind == Kind::Boolean) {
        columns.insert(field.name.clone(), Arc::clone(field));
    }
    for (name, (field, _)) in records.iter().flat_map(|record| &record.own) {
        columns.entry(name.clone()).or_insert_with(|| Arc::clone(field));
    }
    for (name, field) in records.iter().flat_map(|record| &record.itself) {
        columns.entry(name.clone()).or_insert_with(|| Arc::clone(field));
    }
    let mut ids = dialect::next_ids(env.db(), env.database(), &model.table, records.len()).await?;
    for record in records.iter() {
        if let Err(error) = required(env, model, record, true) {
            // The ids are gone, as if the database had refused the rows.
            dialect::skip_ids(env.db(), &model.table, records.len()).await?;
            return Err(error);
        }
    }
    // One that refers to itself gets its id as it is made, several before that.
    let refer_to_themselves = ids.is_none() && records.iter().any(|record| !record.itself.is_empty());
    let takes_id = refer_to_themselves && records.len() == 1;
    if refer_to_themselves && !takes_id {
        ids = Some(dialect::reserve_ids(env.db(), env.database(), &model.table, records.len()).await?);
    }
    let mut names: Vec<Alias> = columns.keys().map(Alias::new).collect();
    names.extend((ids.is_some() || takes_id).then(|| Alias::new("id")));
    if model.log_access {
        names.extend(LOG_ACCESS.map(Alias::new));
    }
    let mut inserted = Vec::new();
    for chunk in records.chunks((PARAMETERS / names.len().max(1)).max(1)) {
        let mut insert = Sql::insert();
        insert.into_table(Alias::new(&model.table)).columns(names.clone());
        let start = inserted.len();
        for (index, record) in chunk.iter().enumerate() {
            let mut row = Vec::new();
            let id = match ids.as_ref().and_then(|ids| ids.get(start + index)) {
                Some(id) => Some(Expr::val(*id)),
                None => takes_id.then(dialect::taken_id),
            };
            for (name, field) in &columns {
                if record.itself.contains_key(name) {
                    row.extend(id.clone());
                    continue;
                }
                row.push(match record.own.get(name).map(|(_, value)| value) {
                    Some(value) if field.translate && !value.is_null() => {
                        let mut texts = Map::new();
                        texts.insert(DEFAULT_LANG.to_owned(), value.clone());
                        texts.insert(lang.clone(), value.clone());
                        Expr::val(Value::from(texts))
                    }
                    Some(value) => query::typed(convert::to_column(field, value)?, field, env.is_sqlite()),
                    None if field.kind == Kind::Boolean => Expr::val(false),
                    None => Expr::null(),
                });
            }
            row.extend(id);
            if model.log_access {
                row.extend([env.uid().into(), env.now().into(), env.uid().into(), env.now().into()]);
            }
            if takes_id {
                dialect::insert_taking_id(&mut insert, &model.table, row)?;
            } else {
                insert.values_panic(row);
            }
        }
        insert.returning_col(Alias::new("id"));
        match env.inserted_rows(model, &insert).await {
            Ok(rows) => {
                for row in &rows {
                    inserted.push(row.get::<i32>(0)?);
                }
            }
            Err(error) => return Err(violation::explain(env, model, error, chunk.iter().flat_map(|r| &r.own)).await),
        }
    }
    Ok(ids.unwrap_or(inserted))
}

/// Refuses records without a value in a field that must have one.
fn required(env: &Env<'_>, model: &Model, record: &Sorted, creating: bool) -> Result<()> {
    for field in model.fields.values().filter(|field| field.required && field.is_column() && field.name != "id") {
        let missing = match record.own.get(&field.name) {
            Some((_, value)) => value.is_null(),
            None => creating && field.kind != Kind::Boolean,
        };
        if missing {
            return Err(env.series().missing_required(model, field));
        }
    }
    Ok(())
}

/// Does what is not in the model's own table with new records.
async fn apply_to_new(env: &Env<'_>, model: &Model, ids: &[i32], records: Vec<Sorted>) -> Result<()> {
    let mut x2many: IndexMap<String, (Arc<Field>, commands::OfRecords)> = IndexMap::new();
    let mut computed: Vec<(Arc<Field>, Value, Vec<i32>)> = Vec::new();
    for (id, record) in ids.iter().zip(records) {
        for (field, content) in record.attachments.into_iter().filter(|(_, content)| !content.is_null()) {
            attachments::store(env, model, &[*id], &field, &content).await?;
        }
        for (field, commands) in record.x2many {
            let of_field = x2many.entry(field.name.clone()).or_insert_with(|| (field, Vec::new()));
            of_field.1.push((*id, commands));
        }
        for (field, value) in record.computed {
            match computed.iter_mut().find(|(known, same, _)| known.name == field.name && *same == value) {
                Some((_, _, ids)) => ids.push(*id),
                None => computed.push((field, value, vec![*id])),
            }
        }
    }
    for (field, commands) in x2many.into_values() {
        commands::apply_to_new(env, model, &field, commands).await?;
    }
    for (field, value, ids) in computed {
        write_computed(env, model, &ids, &field, &value, true).await?;
    }
    Ok(())
}

/// Does what is not in the model's own table.
async fn apply_rest(env: &Env<'_>, model: &Model, ids: &[i32], record: Sorted) -> Result<()> {
    for (field, content) in record.attachments {
        attachments::store(env, model, ids, &field, &content).await?;
    }
    for (field, commands) in record.x2many {
        commands::apply(env, model, ids, &field, commands).await?;
    }
    for (field, value) in record.computed {
        write_computed(env, model, ids, &field, &value, false).await?;
    }
    Ok(())
}

/// Does what writing to a field means that is not stored.
async fn write_computed(
    env: &Env<'_>,
    model: &Model,
    ids: &[i32],
    field: &Field,
    value: &Value,
    fresh: bool,
) -> Result<()> {
    if models::behaviour(&model.name).inverse(env, model, ids, field, value).await? {
        return Ok(());
    }
    match field.related.as_deref().filter(|_| !field.readonly && (!fresh || python::truth(value))) {
        Some(path) => write_related(env, model, ids, path, value).await,
        None => Ok(()),
    }
}

/// Writes what a field mirrors.
async fn write_related(env: &Env<'_>, model: &Model, ids: &[i32], path: &str, value: &Value) -> Result<()> {
    let Some((link, rest)) = path.split_once('.') else {
        return write(env, model, ids, Map::from_iter([(path.to_owned(), value.clone())])).await;
    };
    let Some(link) = model.field(link).cloned() else { return Ok(()) };
    let targets = read::values(env, model, ids, &link).await?;
    let targets: BTreeSet<i32> = targets.iter().flat_map(read::ids_in).collect();
    let targets: Vec<i32> = targets.into_iter().collect();
    let comodel = env.model(link.comodel()).await?;
    if rest.contains('.') {
        return Box::pin(write_related(env, &comodel, &targets, rest, value)).await;
    }
    write(env, &comodel, &targets, Map::from_iter([(rest.to_owned(), value.clone())])).await
}

/// Changes records.
///
/// # Errors
/// A `MissingError`; an `AccessError`; what Odoo says of values that do not fit or break a rule; a failure of the
/// database.
#[must_use]
pub fn write<'e>(env: &'e Env<'_>, model: &'e Model, ids: &'e [i32], values: Values) -> Step<'e, ()> {
    Box::pin(async move {
        if ids.is_empty() {
            return Ok(());
        }
        let behaviour = models::behaviour(&model.name);
        let env = &behaviour.writer(env, model, ids, &values).await?;
        access::check_model(env, model, Operation::Write).await?;
        let mut values = values;
        behaviour.translate(env, model, &mut values).await?;
        if let Some(name) = values.keys().find(|name| model.field(name).is_none()) {
            return Err(env.series().invalid_field_to_write(&model.name, name, behaviour.overrides_write()));
        }
        let mut distinct: Vec<i32> = Vec::new();
        for id in ids {
            if !distinct.contains(id) {
                distinct.push(*id);
            }
        }
        let ids = distinct.as_slice();
        access::check_records(env, model, ids, Operation::Write).await?;
        behaviour.prepare_write(env, model, ids, &mut values).await?;
        env.note_changes(&model.name, ids, values.keys().map(String::as_str)).await?;
        let mut sorted = sort(env, model, &values, false).await?;
        required(env, model, &sorted, false)?;
        let moved = model.parent_store && sorted.own.contains_key(&model.parent_name);
        update(env, model, ids, &sorted.own).await?;
        for (link, values) in std::mem::take(&mut sorted.parents) {
            let Some(link) = model.field(&link).cloned() else { continue };
            let parents: BTreeSet<i32> =
                read::values(&env.sudo(), model, ids, &link).await?.iter().flat_map(read::ids_in).collect();
            let comodel = env.model(link.comodel()).await?;
            write(env, &comodel, &parents.into_iter().collect::<Vec<_>>(), values).await?;
        }
        apply_rest(env, model, ids, sorted).await?;
        if moved {
            check_recursion(env, model, ids, "Recursion Detected.").await?;
            store_parent_paths(env, model, ids).await?;
        }
        behaviour.written(env, model, ids, &values).await?;
        if access::has_rules(env, model, Operation::Write).await? {
            access::check_records(env, model, ids, Operation::Write).await?;
        }
        Ok(())
    })
}

/// Why columns are set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Somebody writes to them, which is noted with them.
    Written,
    /// They are computed.
    Computed,
}

/// Writes columns of records that are computed, with no more consequences than that: who wrote it and when stays.
///
/// # Errors
/// What the fields do not take; a failure of the database.
pub async fn store(env: &Env<'_>, model: &Model, ids: &[i32], values: Values) -> Result<()> {
    env.note_changes(&model.name, ids, values.keys().map(String::as_str)).await?;
    store_alike(env, model, ids, &values).await
}

async fn store_alike(env: &Env<'_>, model: &Model, ids: &[i32], values: &Values) -> Result<()> {
    let mut own = IndexMap::new();
    for (name, value) in values {
        let Some(field) = model.field(name).filter(|field| field.is_column()) else { continue };
        let kept = convert::to_cache(env, field, value).await?;
        own.insert(name.clone(), (Arc::clone(field), kept));
    }
    if own.is_empty() { Ok(()) } else { update_columns(env, model, ids, &own, Occasion::Computed).await }
}

/// As [`store`], with values of its own for each record, of the same fields: one statement for many records.
///
/// # Errors
/// As [`store`].
pub async fn store_each(env: &Env<'_>, model: &Model, rows: &[(i32, Values)]) -> Result<()> {
    let Some((_, first)) = rows.first() else { return Ok(()) };
    env.note_changes(&model.name, &ids_of(rows), first.keys().map(String::as_str)).await?;
    if rows.iter().all(|(_, values)| values == first) {
        return store_alike(env, model, &ids_of(rows), first).await;
    }
    let fields = first.keys().filter_map(|name| model.field(name).filter(|field| field.is_column()));
    let fields: Vec<&Arc<Field>> = fields.collect();
    if fields.is_empty() {
        return Ok(());
    }
    let lang = env.lang().await?;
    for chunk in rows.chunks(ROWS) {
        let mut update = Sql::update();
        update.table(Alias::new(&model.table));
        for field in &fields {
            let name = &field.name;
            let mut case = CaseStatement::new();
            for (id, values) in chunk {
                let kept = convert::to_cache(env, field, values.get(name).unwrap_or(&Value::Null)).await?;
                case = case.case(Expr::col(Alias::new("id")).eq(*id), assigned(env, field, &kept, &lang)?);
            }
            update.value(Alias::new(name), case.finally(Expr::col(Alias::new(name))));
        }
        let ids = ids_of(chunk);
        update.and_where(query::one_of(Expr::col(Alias::new("id")), &wide(&ids), env.is_sqlite()));
        env.execute_on(model, &ids, &update).await?;
    }
    Ok(())
}

fn ids_of(rows: &[(i32, Values)]) -> Vec<i32> {
    rows.iter().map(|(id, _)| *id).collect()
}

async fn update(env: &Env<'_>, model: &Model, ids: &[i32], own: &Columns) -> Result<()> {
    if own.is_empty() && !model.log_access {
        return Ok(());
    }
    update_columns(env, model, ids, own, Occasion::Written).await
}

async fn update_columns(env: &Env<'_>, model: &Model, ids: &[i32], own: &Columns, occasion: Occasion) -> Result<()> {
    let mut update = Sql::update();
    update.table(Alias::new(&model.table));
    let lang = env.lang().await?;
    for (name, (field, value)) in own {
        update.value(Alias::new(name), assigned(env, field, value, &lang)?);
    }
    if occasion == Occasion::Written && model.log_access {
        update.value(Alias::new("write_uid"), env.uid()).value(Alias::new("write_date"), env.now());
    }
    update.and_where(query::one_of(Expr::col(Alias::new("id")), &wide(ids), env.is_sqlite()));
    if let Err(error) = env.execute_on(model, ids, &update).await {
        return Err(violation::explain(env, model, error, own.iter()).await);
    }
    Ok(())
}

fn wide<'i>(ids: impl IntoIterator<Item = &'i i32>) -> Vec<i64> {
    ids.into_iter().map(|id| i64::from(*id)).collect()
}

/// What a column is set to.
fn assigned(env: &Env<'_>, field: &Field, value: &Value, lang: &str) -> Result<Expr> {
    if field.translate && !value.is_null() {
        return Ok(translation(&field.name, lang, value, env.is_sqlite()));
    }
    Ok(query::typed(convert::to_column(field, value)?, field, env.is_sqlite()))
}

/// A translated column with one language's text changed; the first text is that of all languages.
fn translation(name: &str, lang: &str, value: &Value, sqlite: bool) -> Expr {
    let own = Expr::col(Alias::new(name));
    let one = json!({lang: value});
    let both = json!({DEFAULT_LANG: value, lang: value});
    let merged: Expr = if sqlite {
        Func::cust(Alias::new("json_patch")).args([own.clone(), Expr::val(one.to_string())]).into()
    } else {
        own.clone().binary(sea_orm::sea_query::BinOper::Custom("||"), Expr::val(one))
    };
    let first = if sqlite { Expr::val(both.to_string()) } else { Expr::val(both) };
    CaseStatement::new().case(own.is_null(), first).finally(merged).into()
}

/// Refuses a change after which records are their own ancestors.
///
/// # Errors
/// A `UserError` with `message`; a failure of the database.
pub async fn check_recursion(env: &Env<'_>, model: &Model, ids: &[i32], message: &str) -> Result<()> {
    if is_recursive(env, model, &model.parent_name, ids).await? {
        return Err(Error::UserError(message.to_owned()));
    }
    Ok(())
}

/// Whether one of the records is its own ancestor along `parent`.
///
/// # Errors
/// A failure of the database.
pub async fn is_recursive(env: &Env<'_>, model: &Model, parent: &str, ids: &[i32]) -> Result<bool> {
    let mut level: BTreeSet<i32> = ids.iter().copied().collect();
    let mut ancestors: HashMap<i32, Option<i32>> = HashMap::new();
    while !level.is_empty() {
        let wanted = wide(&level);
        let select = Sql::select()
            .from(Alias::new(&model.table))
            .and_where(query::one_of(column(&model.table, "id"), &wanted, env.is_sqlite()))
            .take();
        let columns = vec![column(&model.table, "id"), column(&model.table, parent)];
        let mut next = BTreeSet::new();
        for row in env.json_rows(select, columns).await? {
            let id = |value: &Value| value.as_i64().and_then(|id| i32::try_from(id).ok());
            let Some(own) = id(&row[0]) else { continue };
            let parent = id(&row[1]);
            ancestors.insert(own, parent);
            next.extend(parent.filter(|parent| !ancestors.contains_key(parent)));
        }
        level = next;
    }
    for start in ids {
        let mut current = ancestors.get(start).copied().flatten();
        let mut steps = 0;
        while let Some(id) = current {
            steps += 1;
            if id == *start || steps > ancestors.len() {
                return Ok(true);
            }
            current = ancestors.get(&id).copied().flatten();
        }
    }
    Ok(false)
}

/// Writes `parent_path` of records and of what is below them.
async fn store_parent_paths(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let id = |value: &Value| value.as_i64().and_then(|id| i32::try_from(id).ok());
    let mut todo: Vec<i32> = ids.to_vec();
    let mut steps = 0;
    while !todo.is_empty() && steps < 1000 {
        steps += 1;
        let wanted = wide(&todo);
        let parent = "parent";
        let select = Sql::select()
            .from(Alias::new(&model.table))
            .join_as(
                sea_orm::JoinType::LeftJoin,
                Alias::new(&model.table),
                Alias::new(parent),
                column(&model.table, &model.parent_name).eq(column(parent, "id")),
            )
            .and_where(query::one_of(column(&model.table, "id"), &wanted, env.is_sqlite()))
            .take();
        let columns = vec![column(&model.table, "id"), column(parent, "parent_path")];
        let mut paths = Vec::new();
        for row in env.json_rows(select, columns).await? {
            let Some(own) = id(&row[0]) else { continue };
            let path = format!("{}{own}/", row[1].as_str().unwrap_or_default());
            paths.push((own, Map::from_iter([("parent_path".to_owned(), path.into())])));
        }
        store_each(env, model, &paths).await?;
        let children = Sql::select()
            .expr(column(&model.table, "id"))
            .from(Alias::new(&model.table))
            .and_where(query::one_of(column(&model.table, &model.parent_name), &wanted, env.is_sqlite()))
            .take();
        todo = env.ids(&children).await?;
    }
    Ok(())
}

/// Deletes records.
///
/// # Errors
/// A `MissingError`; an `AccessError`; what Odoo says of records that others need; a failure of the database.
#[must_use]
pub fn unlink<'e>(env: &'e Env<'_>, model: &'e Model, ids: &'e [i32]) -> Step<'e, ()> {
    Box::pin(async move {
        if ids.is_empty() {
            return Ok(());
        }
        access::check_model(env, model, Operation::Unlink).await?;
        let existing = read::existing(env, model, ids).await?;
        if existing.len() < ids.len() {
            let missing: Vec<i32> = ids.iter().copied().filter(|id| !existing.contains(id)).collect();
            return Err(access::missing_error(env, model, &missing));
        }
        access::check_records(env, model, ids, Operation::Unlink).await?;
        let behaviour = models::behaviour(&model.name);
        behaviour.prepare_unlink(env, model, ids).await?;
        env.note_removal(model, ids).await?;
        let wanted = wide(ids);
        let delete = Sql::delete()
            .from_table(Alias::new(&model.table))
            .and_where(query::one_of(Expr::col(Alias::new("id")), &wanted, env.is_sqlite()))
            .take();
        if let Err(error) = env.execute_removal(model, ids, &delete).await {
            return Err(violation::explain_unlink(env, model, ids, error).await);
        }
        forget(env, model, &wanted).await?;
        behaviour.unlinked(env, model, ids).await
    })
}

/// Removes external ids and attachments of records that are gone.
async fn forget(env: &Env<'_>, model: &Model, ids: &[i64]) -> Result<()> {
    for (table, of_model) in [("ir_model_data", "model"), ("ir_attachment", "res_model")] {
        if table == model.table {
            continue;
        }
        let delete = Sql::delete()
            .from_table(Alias::new(table))
            .and_where(Expr::col(Alias::new(of_model)).eq(model.name.as_str()))
            .and_where(query::one_of(Expr::col(Alias::new("res_id")), ids, env.is_sqlite()))
            .take();
        env.execute_on(model, &[], &delete).await?;
    }
    Ok(())
}

/// The values of which a copy of a record is made.
///
/// # Errors
/// A `MissingError`; an `AccessError`; a failure of the database.
#[must_use]
pub fn copy_data<'e>(env: &'e Env<'_>, model: &'e Model, id: i32, default: &'e Values) -> Step<'e, Values> {
    Box::pin(async move {
        let links: BTreeMap<&String, &String> = model.inherits.iter().map(|(parent, link)| (link, parent)).collect();
        let given = |link: &str| default.contains_key(link);
        let wanted: Vec<Arc<Field>> = model
            .fields
            .values()
            .filter(|field| {
                let of_given_parent = field.inherited
                    && field.related.as_deref().and_then(|path| path.split_once('.')).is_some_and(|(l, _)| given(l));
                field.copy && !default.contains_key(&field.name) && !links.contains_key(&field.name) && !of_given_parent
            })
            .filter(|field| !super::registry::MAGIC.contains(&field.name.as_str()) && field.name != "parent_path")
            .cloned()
            .collect();
        let all = env.with("active_test", false);
        let records = read::fetch(&all, model, &[id], &wanted).await?;
        let Some(record) = records.get(&id) else { return Err(access::missing_error(env, model, &[id])) };
        let mut values = default.clone();
        for field in wanted {
            let value = record.get(&field.name).cloned().unwrap_or_default();
            let value = match field.kind {
                Kind::One2many => {
                    let comodel = env.model(field.comodel()).await?;
                    let mut commands = Vec::new();
                    for line in read::ids_in(&value) {
                        let default = Map::from_iter([(field.inverse.clone().unwrap_or_default(), Value::Bool(false))]);
                        let mut line = copy_data(env, &comodel, line, &default).await?;
                        line.shift_remove(field.inverse.as_deref().unwrap_or_default());
                        commands.push(json!([0, 0, line]));
                    }
                    commands.into()
                }
                Kind::Many2many => json!([[6, 0, value]]),
                _ => value,
            };
            values.insert(field.name.clone(), value);
        }
        Ok(values)
    })
}

/// Makes copies of records.
///
/// # Errors
/// As [`copy_data`] and [`create`].
pub async fn copy(env: &Env<'_>, model: &Model, ids: &[i32], default: &Values) -> Result<Vec<i32>> {
    let behaviour = models::behaviour(&model.name);
    let mut copies = Vec::new();
    let context = env.without_defaults();
    for id in ids {
        access::check_records(env, model, &[*id], Operation::Read).await?;
        let mut values = copy_data(env, model, *id, default).await?;
        behaviour.prepare_copy(env, model, *id, default, &mut values).await?;
        copies.extend(create(&context, model, vec![values]).await?);
        if let Some(copy) = copies.last() {
            copy_translations(env, model, *id, *copy, default).await?;
        }
    }
    Ok(copies)
}

/// A copy speaks the languages of the original.
async fn copy_translations(env: &Env<'_>, model: &Model, from: i32, to: i32, default: &Values) -> Result<()> {
    let mut update = Sql::update();
    update.table(Alias::new(&model.table)).and_where(Expr::col(Alias::new("id")).eq(to));
    let mut any = false;
    let copied = |field: &&Arc<Field>| field.translate && field.is_column() && field.copy;
    for field in model.fields.values().filter(copied) {
        if default.contains_key(&field.name) || Some(&field.name) == model.rec_name.as_ref() {
            continue;
        }
        let original = Sql::select()
            .expr(column("original", &field.name))
            .from_as(Alias::new(&model.table), Alias::new("original"))
            .and_where(column("original", "id").eq(from))
            .take();
        update.value(Alias::new(&field.name), Expr::SubQuery(None, Box::new(original.into())));
        any = true;
    }
    if any {
        env.execute(&update).await?;
    }
    Ok(())
}

/// Runs `step`, of which nothing is left if it fails.
///
/// # Errors
/// A failure of the database; what `step` returns is the inner result.
pub async fn savepoint<'e, T>(
    env: &'e Env<'_>,
    step: impl Future<Output = Result<T>> + Send + 'e,
) -> Result<Result<T>, DbErr> {
    env.db().savepoint().await?;
    let done = step.await;
    env.db().end_savepoint(done.is_ok()).await?;
    if done.is_err() {
        env.forget();
    }
    Ok(done)
}
