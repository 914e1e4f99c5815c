//! Records as JSON text. Where all fields that are wanted are columns, what the database wrote is passed on cell by cell,
//! and no value is made of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::access::{self, Operation};
use super::domain::Domain;
use super::env::Env;
use super::field::{Field, Kind};
use super::query::{Query, column};
use super::read;
use super::registry::Model;
use super::search::{self, Page};
use crate::error::Result;
use crate::reply::Reply;

/// How many bytes a cell takes in the answer, as a guess.
const CELL: usize = 24;

/// Whether records of these fields can be written so.
#[must_use]
pub fn can_write(model: &Model, fields: &[Arc<Field>]) -> bool {
    model.has_table() && fields.iter().all(|field| field.name == "id" || field.is_column())
}

/// `search_read` of fields that [can be written](can_write); a many2one as `[id, name]` if `classic`.
///
/// # Errors
/// As [`search::query`].
pub async fn search_read(
    env: &Env<'_>,
    model: &Model,
    domain: &Domain,
    page: &Page,
    fields: &[Arc<Field>],
    classic: bool,
) -> Result<Reply> {
    let text = select(env, search::paged(env, model, domain, page).await?, fields).await?;
    let rows = Rows::parse(&text)?;
    let names = rows.names(env, fields, classic).await?;
    let mut writer = Writer::new(fields, names.as_ref(), rows.0.len());
    rows.0.iter().for_each(|row| writer.record(row));
    writer.finish()
}

/// `read` of fields that [can be written](can_write): the records in the order of `ids`.
///
/// # Errors
/// As [`read::read`].
pub async fn read(env: &Env<'_>, model: &Model, ids: &[i32], fields: &[Arc<Field>], classic: bool) -> Result<Reply> {
    access::check_model(env, model, Operation::Read).await?;
    if ids.is_empty() {
        return Ok(Reply::Value(Value::Array(Vec::new())));
    }
    let mut query = Query::of_ids(env, model, ids);
    let has_rules = access::restrict(env, &mut query, Operation::Read).await?;
    let text = select(env, query, fields).await?;
    let rows = Rows::parse(&text)?;
    let found: HashMap<i32, &Vec<&RawValue>> =
        rows.0.iter().filter_map(|row| Some((number(row.first()?)?, row))).collect();
    if has_rules {
        read::refuse_hidden(env, model, ids, |id| found.contains_key(&id)).await?;
    }
    let names = rows.names(env, fields, classic).await?;
    let mut writer = Writer::new(fields, names.as_ref(), ids.len());
    ids.iter().filter_map(|id| found.get(id)).for_each(|row| writer.record(row));
    writer.finish()
}

/// The rows of a query as the database writes them: the id, then the cells of fields.
async fn select(env: &Env<'_>, query: Query<'_, '_>, fields: &[Arc<Field>]) -> Result<String> {
    let lang = env.lang().await?;
    let mut columns = vec![column(query.alias(), "id")];
    columns.extend(columns_of(fields).map(|field| read::json_column(env, query.alias(), field, &lang)));
    Ok(env.json_text(query.into_select(), columns).await?.unwrap_or_else(|| "[]".to_owned()))
}

fn columns_of(fields: &[Arc<Field>]) -> impl Iterator<Item = &Arc<Field>> {
    fields.iter().filter(|field| field.name != "id")
}

/// Cells, as slices of the text that the database wrote.
struct Rows<'t>(Vec<Vec<&'t RawValue>>);

/// Names of records by model and id.
type Names = HashMap<String, HashMap<i32, String>>;

impl<'t> Rows<'t> {
    fn parse(text: &'t str) -> Result<Self> {
        let rows: Vec<Vec<Vec<&RawValue>>> = serde_json::from_str(text)
            .map_err(|error| sea_orm::DbErr::Custom(format!("the database wrote no JSON: {error}")))?;
        // A row is in one chunk, unless it has very many cells.
        let joined = |mut chunks: Vec<Vec<&'t RawValue>>| match chunks.len() {
            1 => chunks.swap_remove(0),
            _ => chunks.into_iter().flatten().collect(),
        };
        Ok(Self(rows.into_iter().map(joined).collect()))
    }

    /// The names of what many2one fields refer to; none where ids are enough.
    async fn names(&self, env: &Env<'_>, fields: &[Arc<Field>], classic: bool) -> Result<Option<Names>> {
        if !classic {
            return Ok(None);
        }
        let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
        for (index, field) in columns_of(fields).enumerate().filter(|(_, field)| field.kind == Kind::Many2one) {
            let ids = self.0.iter().filter_map(|row| number(row.get(index + 1)?));
            wanted.entry(field.comodel()).or_default().extend(ids);
        }
        let sudo = env.sudo();
        let mut names = Names::new();
        for (comodel, ids) in wanted {
            let model = env.model(comodel).await?;
            let ids: Vec<i32> = ids.into_iter().collect();
            names.insert(comodel.to_owned(), read::display_names(&sudo, &model, &ids).await?);
        }
        Ok(Some(names))
    }
}

fn number(cell: &RawValue) -> Option<i32> {
    cell.get().parse().ok()
}

/// Writes records.
struct Writer<'w> {
    /// What stands before each cell: the comma and the name of its field.
    columns: Vec<(String, &'w Field)>,
    names: Option<&'w Names>,
    text: String,
}

impl<'w> Writer<'w> {
    fn new(fields: &'w [Arc<Field>], names: Option<&'w Names>, records: usize) -> Self {
        let column = |field: &'w Arc<Field>| (format!(",{}:", Value::from(field.name.as_str())), field.as_ref());
        let columns: Vec<_> = columns_of(fields).map(column).collect();
        let width: usize = columns.iter().map(|(name, _)| name.len() + CELL).sum();
        let mut text = String::with_capacity(records * (width + CELL) + 2);
        text.push('[');
        Self { columns, names, text }
    }

    fn record(&mut self, row: &[&RawValue]) {
        let Some((id, cells)) = row.split_first() else { return };
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str("{\"id\":");
        self.text.push_str(id.get());
        for ((name, field), cell) in self.columns.iter().zip(cells) {
            self.text.push_str(name);
            match (self.names, field.kind) {
                (Some(names), Kind::Many2one) => named(&mut self.text, names.get(field.comodel()), cell),
                (_, kind) => write(&mut self.text, kind, cell.get()),
            }
        }
        self.text.push('}');
    }

    fn finish(mut self) -> Result<Reply> {
        self.text.push(']');
        Reply::text(self.text)
    }
}

/// `[id, name]`, or false.
fn named(text: &mut String, names: Option<&HashMap<i32, String>>, cell: &RawValue) {
    let name = number(cell).and_then(|id| names?.get(&id));
    match name {
        Some(name) => {
            text.push('[');
            text.push_str(cell.get());
            text.push(',');
            text.push_str(&Value::from(name.as_str()).to_string());
            text.push(']');
        }
        None => text.push_str("false"),
    }
}

/// A cell as the wire has it; the same as [`read::from_column`].
fn write(text: &mut String, kind: Kind, cell: &str) {
    match kind {
        // What these are is seen without reading them.
        Kind::Char | Kind::Text | Kind::Html | Kind::Selection | Kind::Integer | Kind::Many2one if cell != "null" => {
            text.push_str(cell);
        }
        kind => {
            let value = serde_json::from_str(cell).unwrap_or_default();
            text.push_str(&read::from_column(kind, value).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_of_values() {
        let written = |kind, cell| {
            let mut text = String::new();
            write(&mut text, kind, cell);
            text
        };
        for (kind, cell, expected) in [
            (Kind::Char, "\"a\\\"b\"", "\"a\\\"b\""),
            (Kind::Char, "null", "false"),
            (Kind::Integer, "null", "0"),
            (Kind::Integer, "-7", "-7"),
            (Kind::Many2one, "null", "false"),
            (Kind::Boolean, "1", "true"),
            (Kind::Boolean, "false", "false"),
            (Kind::Float, "\"0.10000000000000001\"", "0.1"),
            (Kind::Float, "2", "2.0"),
            (Kind::Datetime, "\"2024-05-06T07:08:09.123\"", "\"2024-05-06 07:08:09\""),
            (Kind::Date, "\"2024-05-06 00:00:00\"", "\"2024-05-06\""),
            (Kind::Properties, "null", "[]"),
        ] {
            assert_eq!(written(kind, cell), expected, "{kind:?} {cell}");
        }
    }
}
