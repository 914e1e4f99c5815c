//! Reading records: one statement for the columns, one for each relation, one for each model whose names are shown.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use indexmap::IndexMap;
use sea_orm::DbErr;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query as Sql};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::domain::{Domain, Operator};
use super::env::Env;
use super::field::{Field, Kind};
use super::query::{self, Query, column};
use super::registry::Model;
use super::{attachments, field_domain};
use crate::database::cells::Cell;
use crate::error::Result;
use crate::models;
use crate::python;

type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// The values of records by field: a many2one as its id or false, x2many as lists of ids.
pub type Records = IndexMap<i32, Map<String, Value>>;

/// The value of a field that has none.
#[must_use]
pub fn empty(kind: Kind) -> Value {
    match kind {
        Kind::Integer | Kind::Many2oneReference => 0.into(),
        Kind::Float | Kind::Monetary => 0.0.into(),
        Kind::One2many | Kind::Many2many | Kind::Properties | Kind::PropertiesDefinition => json!([]),
        _ => Value::Bool(false),
    }
}

/// A value that the database wrote as JSON, as the wire has it.
#[must_use]
pub fn from_column(kind: Kind, value: Value) -> Value {
    match (kind, value) {
        (kind, Value::Null) => empty(kind),
        (Kind::Boolean, value) => query::is_true(&value).into(),
        (Kind::Float | Kind::Monetary, value) => float(&value).into(),
        (Kind::Datetime, Value::String(text)) => moment(&text).into(),
        (Kind::Date, Value::String(text)) => day(&text).into(),
        (_, value) => value,
    }
}

/// A moment as the wire has it, to the second.
fn moment(text: &str) -> Cow<'_, str> {
    let text = start(text, 19);
    if text.contains('T') { text.replace('T', " ").into() } else { text.into() }
}

/// A day as the wire has it.
fn day(text: &str) -> &str {
    start(text, 10)
}

/// The first `count` characters of a text.
fn start(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

/// A cell of a [column](cell_column) as the wire has it; the same as [`from_column`], without a value on the way.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'c> {
    pub kind: Kind,
    pub cell: Cell<'c>,
}

impl Shown<'_> {
    /// The value.
    ///
    /// # Errors
    /// The database has no JSON where there should be some.
    pub fn value(self) -> Result<Value> {
        Ok(serde_json::to_value(self).map_err(|error| DbErr::Custom(format!("a cell has no JSON: {error}")))?)
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match (self.kind, self.cell) {
            (kind, Cell::Null) => empty(kind).serialize(serializer),
            (Kind::Boolean, cell) => serializer.serialize_bool(matches!(cell, Cell::Boolean(true) | Cell::Integer(1))),
            (Kind::Float | Kind::Monetary, cell) => serializer.serialize_f64(real(cell)),
            (Kind::Datetime, Cell::Text(text)) => serializer.serialize_str(&moment(text)),
            (Kind::Date, Cell::Text(text)) => serializer.serialize_str(day(text)),
            (kind, Cell::Text(text)) if kind.is_json() => {
                let value = serde_json::from_str(text).map_err(S::Error::custom)?;
                from_column(kind, value).serialize(serializer)
            }
            (_, cell) => cell.serialize(serializer),
        }
    }
}

/// The number in a cell of a column of floats.
fn real(cell: Cell<'_>) -> f64 {
    match cell {
        Cell::Real(number) => number,
        #[expect(clippy::cast_precision_loss, reason = "what is a whole number in a column of floats was one")]
        Cell::Integer(number) => number as f64,
        // PostgreSQL has no other JSON for what is no finite number.
        Cell::Text(text) => text.parse().unwrap_or_default(),
        Cell::Null | Cell::Boolean(_) => 0.0,
    }
}

/// SQLite writes floats as texts of seventeen digits, since its JSON has fifteen.
fn float(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// The column of a field as a [cell](Shown) can hold it: JSON as text.
#[must_use]
pub fn cell_column(env: &Env<'_>, alias: &str, field: &Field, lang: &str) -> Expr {
    let (own, sqlite) = (column(alias, &field.name), env.is_sqlite());
    match field.kind {
        _ if field.translate => query::translated(own, lang),
        Kind::Binary => Expr::null(),
        kind if kind.is_json() && sqlite => Func::cust(Alias::new("json")).arg(own).into(),
        kind if kind.is_json() => own.cast_as(Alias::new("text")),
        _ => own,
    }
}

/// A value as JSON can hold it without loss.
#[must_use]
pub fn exact(own: Expr, kind: Kind, sqlite: bool) -> Expr {
    match kind {
        Kind::Float | Kind::Monetary if sqlite => {
            let text: Expr = Func::cust(Alias::new("printf")).args([Expr::val("%!.17g"), own.clone()]).into();
            sea_orm::sea_query::CaseStatement::new().case(own.is_null(), Expr::null()).finally(text).into()
        }
        // JSON holds no bytes.
        Kind::Binary => Expr::null(),
        kind if kind.is_json() && sqlite => Func::cust(Alias::new("json")).arg(own).into(),
        _ => own,
    }
}

/// The ids in a value of a relation: an id, false, or a list.
#[must_use]
pub fn ids_in(value: &Value) -> Vec<i32> {
    let id = |value: &Value| value.as_i64().and_then(|id| i32::try_from(id).ok());
    match value {
        Value::Array(values) => values.iter().filter_map(id).collect(),
        one => id(one).into_iter().collect(),
    }
}

/// The fields that are read where none are named: all that the caller may see.
///
/// # Errors
/// A failure of the database.
pub async fn visible_fields(env: &Env<'_>, model: &Model) -> Result<Vec<Arc<Field>>> {
    let mut fields = Vec::new();
    for field in model.fields.values() {
        if access::may_see(env, field).await? {
            fields.push(Arc::clone(field));
        }
    }
    Ok(fields)
}

/// The fields of these names, each once.
///
/// # Errors
/// A `ValueError` for one that there is not, an `AccessError` for one that the caller may not see; a failure of the
/// database.
pub fn named_fields<'e, N: AsRef<str>>(
    env: &'e Env<'_>,
    model: &'e Model,
    names: impl IntoIterator<Item = N>,
) -> Step<'e, Vec<Arc<Field>>> {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    Box::pin(async move {
        let mut fields: Vec<Arc<Field>> = Vec::new();
        for name in names {
            let Some(field) = model.field(&name) else {
                return Err(env.series().invalid_field_to_read(&model.name, &name));
            };
            access::check_field(env, model, field, Operation::Read).await?;
            if fields.iter().all(|known| known.name != field.name) {
                fields.push(Arc::clone(field));
            }
        }
        Ok(fields)
    })
}

/// `read`: the records in the order of `ids`, a many2one as `[id, name]` if `classic`. What is not there is left out.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn read(
    env: &Env<'_>,
    model: &Model,
    ids: &[i32],
    fields: &[Arc<Field>],
    classic: bool,
) -> Result<Vec<Map<String, Value>>> {
    access::check_model(env, model, Operation::Read).await?;
    let mut records = fetch(env, model, ids, fields).await?;
    if classic {
        name_relations(env, fields, &mut records).await?;
    }
    let row =
        |id: &i32| {
            let record = records.get(id)?;
            let mut row = Map::new();
            row.insert("id".to_owned(), (*id).into());
            row.extend(fields.iter().map(|field| {
                (field.name.clone(), record.get(&field.name).cloned().unwrap_or_else(|| empty(field.kind)))
            }));
            Some(row)
        };
    Ok(ids.iter().filter_map(row).collect())
}

/// Puts `[id, name]` in the place of ids of many2one fields.
async fn name_relations(env: &Env<'_>, fields: &[Arc<Field>], records: &mut Records) -> Result<()> {
    let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for field in fields.iter().filter(|field| field.kind == Kind::Many2one) {
        let ids = records.values().filter_map(|record| record.get(&field.name)).flat_map(ids_in);
        wanted.entry(field.comodel()).or_default().extend(ids);
    }
    let sudo = env.sudo();
    let mut names: HashMap<&str, HashMap<i32, String>> = HashMap::new();
    for (comodel, ids) in wanted {
        let model = env.model(comodel).await?;
        names.insert(comodel, display_names(&sudo, &model, &ids.into_iter().collect::<Vec<_>>()).await?);
    }
    for field in fields.iter().filter(|field| field.kind == Kind::Many2one) {
        let of_model = names.get(field.comodel());
        for record in records.values_mut() {
            let Some(value) = record.get_mut(&field.name) else { continue };
            let Some(id) = ids_in(value).first().copied() else { continue };
            let name = of_model.and_then(|names| names.get(&id)).cloned();
            *value = name.map_or(Value::Bool(false), |name| json!([id, name]));
        }
    }
    Ok(())
}

/// The values of fields of records, as far as they are there.
///
/// # Errors
/// An `AccessError` for records that the rules keep from the caller; a failure of the database.
#[must_use]
pub fn fetch<'e>(env: &'e Env<'_>, model: &'e Model, ids: &'e [i32], fields: &'e [Arc<Field>]) -> Step<'e, Records> {
    Box::pin(async move {
        let mut records = columns(env, model, ids, fields).await?;
        let ids: Vec<i32> = records.keys().copied().collect();
        if ids.is_empty() {
            return Ok(records);
        }
        let mut related: IndexMap<String, Vec<&Arc<Field>>> = IndexMap::new();
        for field in fields {
            if let Some(path) = field.related.as_deref().filter(|_| !field.is_attachment()) {
                let (link, _) = path.split_once('.').unwrap_or((path, ""));
                related.entry(link.to_owned()).or_default().push(field);
                continue;
            }
            let values = match field.kind {
                _ if field.is_column() => continue,
                Kind::One2many if field.store => one2many(env, model, &ids, field).await?,
                Kind::Many2many if field.store => many2many(env, &ids, field).await?,
                Kind::Binary if field.is_attachment() => attachments::contents(env, model, &ids, field).await?,
                _ => computed(env, model, &ids, field).await?,
            };
            for (id, record) in &mut records {
                let value = values.get(id).cloned().unwrap_or_else(|| empty(field.kind));
                record.insert(field.name.clone(), value);
            }
        }
        for (link, fields) in related {
            follow(env, model, &mut records, &link, &fields).await?;
        }
        Ok(records)
    })
}

/// The columns of the records that the caller may read.
async fn columns(env: &Env<'_>, model: &Model, ids: &[i32], fields: &[Arc<Field>]) -> Result<Records> {
    let mut records = Records::new();
    if ids.is_empty() {
        return Ok(records);
    }
    if !model.has_table() {
        records.extend(ids.iter().map(|id| (*id, Map::new())));
        return Ok(records);
    }
    let mut query = Query::of_ids(env, model, ids);
    let has_rules = access::restrict(env, &mut query, Operation::Read).await?;
    let lang = env.lang().await?;
    let stored: Vec<&Arc<Field>> = fields.iter().filter(|field| field.is_column() && field.name != "id").collect();
    let mut columns = vec![column(query.alias(), "id")];
    columns.extend(stored.iter().map(|field| cell_column(env, query.alias(), field, &lang)));
    for row in env.cells(query.into_select(), columns).await?.rows() {
        let Some(id) = row.cell(0).id() else { continue };
        let mut record = Map::new();
        record.insert("id".to_owned(), id.into());
        for (field, cell) in stored.iter().zip(row.cells().skip(1)) {
            record.insert(field.name.clone(), Shown { kind: field.kind, cell }.value()?);
        }
        records.insert(id, record);
    }
    if has_rules {
        refuse_hidden(env, model, ids, |id| records.contains_key(&id)).await?;
    }
    // In the order in which they were asked for.
    let order: HashMap<i32, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
    records.sort_by_key(|id, _| order.get(id).copied().unwrap_or_default());
    Ok(records)
}

/// Refuses `ids` of which some are there and were not `found`, since the rules keep them from the caller.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn refuse_hidden(env: &Env<'_>, model: &Model, ids: &[i32], found: impl Fn(i32) -> bool) -> Result<()> {
    let absent: HashSet<i32> = ids.iter().copied().filter(|id| !found(*id)).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let hidden = existing(env, model, &absent.into_iter().collect::<Vec<_>>()).await?;
    if hidden.is_empty() { Ok(()) } else { Err(access::rule_error(env, model, &hidden, Operation::Read).await?) }
}

/// Those of `ids` that there are, whoever asks.
///
/// # Errors
/// A failure of the database.
pub async fn existing(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Vec<i32>> {
    if ids.is_empty() || !model.has_table() {
        return Ok(ids.to_vec());
    }
    let id = column(&model.table, "id");
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let select = Sql::select()
        .expr(id.clone())
        .from(Alias::new(&model.table))
        .and_where(query::one_of(id, &wanted, env.is_sqlite()))
        .take();
    let found: HashSet<i32> = env.ids(&select).await?.into_iter().collect();
    Ok(ids.iter().copied().filter(|id| found.contains(id)).collect())
}

/// Whether archived records of a relation are left out when it is read.
fn active_test(env: &Env<'_>, field: &Field) -> bool {
    let of_field = field.context().and_then(|context| context.get("active_test"));
    of_field.or_else(|| env.context().get("active_test")).is_none_or(python::truth)
}

/// The condition that a record of a relation is shown.
fn shown(env: &Env<'_>, field: &Field, comodel: &Model) -> Result<Domain> {
    let domain = field_domain(env, field)?;
    let active = comodel.active_field().filter(|active| active_test(env, field) && !domain.mentions(active));
    let active = active.map_or(Domain::True, |active| Domain::leaf(active, Operator::Eq, true));
    Ok(Domain::and(vec![domain, active]))
}

async fn one2many(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field) -> Result<HashMap<i32, Value>> {
    let comodel = env.model(field.comodel()).await?;
    let Some(inverse) = field.inverse.as_deref().and_then(|inverse| comodel.field(inverse)).cloned() else {
        return Ok(HashMap::new());
    };
    if !inverse.is_column() {
        return computed(env, model, ids, field).await;
    }
    let mut all = vec![Domain::leaf(inverse.name.clone(), Operator::In, ids.to_vec()), shown(env, field, &comodel)?];
    if inverse.kind == Kind::Many2oneReference
        && let Some(model_field) = super::reference_model_field(&comodel, &inverse)
    {
        all.push(Domain::leaf(model_field, Operator::Eq, model.name.as_str()));
    }
    let sudo = env.sudo();
    let mut query = Query::new(&sudo, &comodel);
    query.filter(&Domain::and(all)).await?;
    access::restrict(env, &mut query, Operation::Read).await?;
    query.order(&comodel.order).await?;
    let columns = vec![column(query.alias(), &inverse.name), column(query.alias(), "id")];
    pairs(env, query, columns).await
}

async fn many2many(env: &Env<'_>, ids: &[i32], field: &Field) -> Result<HashMap<i32, Value>> {
    let comodel = env.model(field.comodel()).await?;
    let Some(relation) = &field.table else { return Ok(HashMap::new()) };
    let sudo = env.sudo();
    let mut query = Query::new(&sudo, &comodel);
    query.filter(&shown(env, field, &comodel)?).await?;
    access::restrict(env, &mut query, Operation::Read).await?;
    let pair = "pair";
    let id = column(query.alias(), "id");
    query.select().join_as(
        sea_orm::JoinType::InnerJoin,
        Alias::new(&relation.table),
        Alias::new(pair),
        column(pair, &relation.other).eq(id.clone()),
    );
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let own = column(pair, &relation.own);
    query.select().and_where(query::one_of(own.clone(), &wanted, env.is_sqlite()));
    query.order(&comodel.order).await?;
    pairs(env, query, vec![own, id]).await
}

/// Lists of ids by owner, of a query for pairs.
async fn pairs(env: &Env<'_>, query: Query<'_, '_>, columns: Vec<Expr>) -> Result<HashMap<i32, Value>> {
    let mut lists: HashMap<i32, Value> = HashMap::new();
    for pair in env.cells(query.into_select(), columns).await?.rows() {
        let (Some(owner), Some(member)) = (pair.cell(0).id(), pair.cell(1).id()) else { continue };
        if let Value::Array(list) = lists.entry(owner).or_insert_with(|| json!([])) {
            list.push(member.into());
        }
    }
    Ok(lists)
}

async fn computed(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field) -> Result<HashMap<i32, Value>> {
    if field.name == "display_name" {
        let names = display_names(env, model, ids).await?;
        return Ok(names.into_iter().map(|(id, name)| (id, name.into())).collect());
    }
    let values = models::behaviour(&model.name).compute(env, model, field, ids).await?;
    Ok(values.unwrap_or_default())
}

/// Reads fields that mirror what `link` refers to, without asking for rights on the way.
async fn follow(env: &Env<'_>, model: &Model, records: &mut Records, link: &str, fields: &[&Arc<Field>]) -> Result<()> {
    let Some(link_field) = model.field(link).cloned() else { return Ok(()) };
    let sudo = env.sudo();
    let ids: Vec<i32> = records.keys().copied().collect();
    let links: HashMap<i32, Vec<i32>> = if records.values().all(|record| record.contains_key(link)) {
        records.iter().map(|(id, record)| (*id, ids_in(&record[link]))).collect()
    } else {
        let values = fetch(&sudo, model, &ids, std::slice::from_ref(&link_field)).await?;
        values.into_iter().map(|(id, record)| (id, record.get(link).map(ids_in).unwrap_or_default())).collect()
    };
    if !link_field.kind.is_relational() {
        // The mirror of a field of the same record.
        let values = fetch(&sudo, model, &ids, std::slice::from_ref(&link_field)).await?;
        for (id, record) in records {
            for field in fields {
                let value = values.get(id).and_then(|value| value.get(link)).cloned();
                record.insert(field.name.clone(), value.unwrap_or_else(|| empty(field.kind)));
            }
        }
        return Ok(());
    }
    let comodel = env.model(link_field.comodel()).await?;
    let targets: BTreeSet<i32> = links.values().flatten().copied().collect();
    let targets: Vec<i32> = targets.into_iter().collect();
    let path = |field: &Field| -> String {
        field
            .related
            .as_deref()
            .and_then(|path| path.split_once('.'))
            .map(|(_, rest)| rest.to_owned())
            .unwrap_or_default()
    };
    // What is beyond the next record is a field with a shorter path there.
    let mut wanted: Vec<Arc<Field>> = Vec::new();
    let mut known: HashMap<String, String> = HashMap::new();
    for field in fields {
        let rest = path(field);
        let name = if rest.contains('.') {
            let mut further = Field::clone(field);
            further.name = format!("@{rest}");
            further.related = Some(rest.clone());
            further.inherited = true;
            wanted.push(Arc::new(further));
            format!("@{rest}")
        } else {
            let Some(target) = comodel.field(&rest) else { continue };
            if !wanted.iter().any(|field| field.name == target.name) {
                wanted.push(Arc::clone(target));
            }
            rest
        };
        known.insert(field.name.clone(), name);
    }
    let values = fetch(&sudo, &comodel, &targets, &wanted).await?;
    for (id, record) in records {
        for field in fields {
            let Some(name) = known.get(&field.name) else { continue };
            let of_targets = links.get(id).into_iter().flatten();
            let mut found = of_targets.filter_map(|target| values.get(target).and_then(|value| value.get(name)));
            let value = if field.kind.is_x2many() {
                let mut ids: Vec<i32> = Vec::new();
                for id in found.flat_map(ids_in) {
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                ids.into()
            } else {
                found.next().cloned().unwrap_or_else(|| empty(field.kind))
            };
            record.insert(field.name.clone(), value);
        }
    }
    Ok(())
}

/// The values of one field, in the order of `ids`; nothing for records that are not there.
///
/// # Errors
/// A failure of the database.
pub async fn values(env: &Env<'_>, model: &Model, ids: &[i32], field: &Arc<Field>) -> Result<Vec<Value>> {
    let mut records = fetch(env, model, ids, std::slice::from_ref(field)).await?;
    Ok(ids.iter().filter_map(|id| records.get_mut(id)?.shift_remove(&field.name)).collect())
}

/// The names of records, as far as they are there.
///
/// # Errors
/// A failure of the database.
#[must_use]
pub fn display_names<'e>(env: &'e Env<'_>, model: &'e Model, ids: &'e [i32]) -> Step<'e, HashMap<i32, String>> {
    Box::pin(async move {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        if let Some(names) = models::behaviour(&model.name).display_names(env, model, ids).await? {
            return Ok(names);
        }
        let Some(field) = model.rec_name.as_deref().and_then(|name| model.field(name)).cloned() else {
            let ids = existing(env, model, ids).await?;
            return Ok(ids.into_iter().map(|id| (id, format!("{},{id}", model.name))).collect());
        };
        let records = fetch(env, model, ids, std::slice::from_ref(&field)).await?;
        let mut names = HashMap::new();
        let related = if field.kind == Kind::Many2one {
            let targets: Vec<i32> = records.values().flat_map(|record| ids_in(&record[&field.name])).collect();
            let comodel = env.model(field.comodel()).await?;
            display_names(env, &comodel, &targets).await?
        } else {
            HashMap::new()
        };
        for (id, record) in records {
            let value = &record[&field.name];
            let name = match field.kind {
                Kind::Many2one => ids_in(value).first().and_then(|id| related.get(id)).cloned().unwrap_or_default(),
                _ if *value == false => String::new(),
                _ => python::text(value),
            };
            names.insert(id, name);
        }
        Ok(names)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_of_values() {
        for (kind, cell, expected) in [
            (Kind::Char, Cell::Text("a\"b\u{1}é"), r#""a\"b\u0001é""#),
            (Kind::Char, Cell::Null, "false"),
            (Kind::Char, Cell::Integer(5), "5"),
            (Kind::Integer, Cell::Null, "0"),
            (Kind::Integer, Cell::Integer(-7), "-7"),
            (Kind::Integer, Cell::Text("x"), "\"x\""),
            (Kind::Integer, Cell::Real(2.5), "2.5"),
            (Kind::Many2one, Cell::Null, "false"),
            (Kind::Many2one, Cell::Integer(3), "3"),
            (Kind::Many2oneReference, Cell::Null, "0"),
            (Kind::Binary, Cell::Null, "false"),
            (Kind::Boolean, Cell::Integer(1), "true"),
            (Kind::Boolean, Cell::Integer(2), "false"),
            (Kind::Boolean, Cell::Null, "false"),
            (Kind::Boolean, Cell::Boolean(true), "true"),
            (Kind::Boolean, Cell::Boolean(false), "false"),
            (Kind::Float, Cell::Null, "0.0"),
            (Kind::Float, Cell::Real(0.1), "0.1"),
            (Kind::Float, Cell::Real(1e21), "1e+21"),
            (Kind::Float, Cell::Real(f64::INFINITY), "null"),
            (Kind::Float, Cell::Text("Infinity"), "null"),
            (Kind::Float, Cell::Text("0.10000000000000001"), "0.1"),
            (Kind::Monetary, Cell::Integer(2), "2.0"),
            (Kind::Datetime, Cell::Text("2024-05-06T07:08:09.123"), "\"2024-05-06 07:08:09\""),
            (Kind::Datetime, Cell::Text("2024-05-06"), "\"2024-05-06\""),
            (Kind::Date, Cell::Text("2024-05-06 00:00:00"), "\"2024-05-06\""),
            (Kind::Json, Cell::Text("{ \"a\": [1.50, null] }"), "{\"a\":[1.5,null]}"),
            (Kind::Json, Cell::Text("null"), "false"),
            (Kind::Properties, Cell::Null, "[]"),
            (Kind::Properties, Cell::Text("null"), "[]"),
        ] {
            let shown = Shown { kind, cell };
            assert_eq!(serde_json::to_string(&shown).unwrap(), expected, "{kind:?} {cell:?}");
            assert_eq!(shown.value().unwrap().to_string(), expected, "{kind:?} {cell:?}");
        }
        assert!(Shown { kind: Kind::Json, cell: Cell::Text("{") }.value().is_err());
    }

    #[test]
    fn values_are_those_of_cells() {
        for (kind, value, expected) in [
            (Kind::Boolean, json!(1), json!(true)),
            (Kind::Float, json!("0.10000000000000001"), json!(0.1)),
            (Kind::Float, json!(2), json!(2.0)),
            (Kind::Datetime, json!("2024-05-06T07:08:09.123"), json!("2024-05-06 07:08:09")),
            (Kind::Date, json!("2024-05-06 00:00:00"), json!("2024-05-06")),
            (Kind::Char, Value::Null, json!(false)),
        ] {
            assert_eq!(from_column(kind, value), expected, "{kind:?}");
        }
    }
}
