//! Records as JSON. Where all fields that are wanted are columns, it is written of the cells, and no value is made of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::access::{self, Operation};
use super::domain::Domain;
use super::env::Env;
use super::field::{Field, Kind};
use super::query::{Query, column};
use super::read::{self, Shown};
use super::registry::Model;
use super::search::{self, Page};
use crate::database::cells::{Cells, Row};
use crate::error::Result;
use crate::reply::Reply;

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
    let cells = select(env, search::paged(env, model, domain, page).await?, fields).await?;
    let names = names(env, fields, &cells, classic).await?;
    Reply::written(&Records::new(fields, &names, cells.rows().collect()))
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
    let cells = select(env, query, fields).await?;
    let found: HashMap<i32, Row<'_>> = cells.rows().filter_map(|row| Some((row.cell(0).id()?, row))).collect();
    if has_rules {
        read::refuse_hidden(env, model, ids, |id| found.contains_key(&id)).await?;
    }
    let names = names(env, fields, &cells, classic).await?;
    let rows = ids.iter().filter_map(|id| found.get(id).copied()).collect();
    Reply::written(&Records::new(fields, &names, rows))
}

/// The rows of a query: the id, then the cells of fields.
async fn select(env: &Env<'_>, query: Query<'_, '_>, fields: &[Arc<Field>]) -> Result<Cells> {
    let lang = env.lang().await?;
    let mut columns = vec![column(query.alias(), "id")];
    columns.extend(columns_of(fields).map(|field| read::cell_column(env, query.alias(), field, &lang)));
    env.cells(query.into_select(), columns).await
}

fn columns_of(fields: &[Arc<Field>]) -> impl Iterator<Item = &Arc<Field>> {
    fields.iter().filter(|field| field.name != "id")
}

/// Names of records by id.
type Names = HashMap<i32, String>;

/// The names of what many2one fields refer to, by model; none where ids are enough.
async fn names(env: &Env<'_>, fields: &[Arc<Field>], cells: &Cells, classic: bool) -> Result<HashMap<String, Names>> {
    let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    let refers = |(_, field): &(usize, &Arc<Field>)| classic && field.kind == Kind::Many2one;
    for (index, field) in columns_of(fields).enumerate().filter(refers) {
        let ids = cells.rows().filter_map(|row| row.cell(index + 1).id());
        wanted.entry(field.comodel()).or_default().extend(ids);
    }
    let sudo = env.sudo();
    let mut names = HashMap::new();
    for (comodel, ids) in wanted {
        let model = env.model(comodel).await?;
        let ids: Vec<i32> = ids.into_iter().collect();
        names.insert(comodel.to_owned(), read::display_names(&sudo, &model, &ids).await?);
    }
    Ok(names)
}

/// Records, each a row.
struct Records<'r> {
    columns: Vec<Column<'r>>,
    rows: Vec<Row<'r>>,
}

/// A column of records after that of their ids.
struct Column<'r> {
    field: &'r Field,
    /// The names of what it refers to, where they are shown.
    names: Option<&'r Names>,
}

struct Record<'r> {
    columns: &'r [Column<'r>],
    row: Row<'r>,
}

impl<'r> Records<'r> {
    fn new(fields: &'r [Arc<Field>], names: &'r HashMap<String, Names>, rows: Vec<Row<'r>>) -> Self {
        let names = |field: &Field| if field.kind == Kind::Many2one { names.get(field.comodel()) } else { None };
        Self { columns: columns_of(fields).map(|field| Column { field, names: names(field) }).collect(), rows }
    }
}

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| Record { columns: &self.columns, row: *row }))
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut cells = self.row.cells();
        let mut record = serializer.serialize_map(Some(self.columns.len() + 1))?;
        if let Some(id) = cells.next() {
            record.serialize_entry("id", &id)?;
        }
        for (Column { field, names }, cell) in self.columns.iter().zip(cells) {
            match names {
                None => record.serialize_entry(&field.name, &Shown { kind: field.kind, cell })?,
                Some(names) => match cell.id().and_then(|id| Some((id, names.get(&id)?))) {
                    Some(pair) => record.serialize_entry(&field.name, &pair)?,
                    None => record.serialize_entry(&field.name, &false)?,
                },
            }
        }
        record.end()
    }
}
