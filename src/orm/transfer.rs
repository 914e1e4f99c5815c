//! Records as tables of cells: `load` makes records of rows, `export_data` makes rows of records.
//!
//! A column is titled with a path: `name`, `country_id` (found by name), `country_id/id` (by external id),
//! `country_id/.id` (by the id in the database), `child_ids/name` (lines of a one2many). Rows with values in columns of
//! one2many fields only continue the record of the row above.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use chrono_tz::Tz;
use indexmap::IndexMap;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query as Sql};
use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::call::Bound;
use super::domain::{Domain, Operator};
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::{ConstraintKind, Model, Registry};
use super::{fields_get, methods, names, read, search, temporal, write};
use crate::error::{Error, Result};
use crate::models::{self, ir_model_data};
use crate::python;

type Step<'e, T, E = Error> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'e>>;

/// The column, or the end of its path, with external ids.
const EXTERNAL: &str = "id";
/// The column, or the end of its path, with ids in the database.
const DATABASE: &str = ".id";
/// What a path through a relation ends with that has no end of its own: the record's name.
const NAME: &str = "";

/// Runs `load` or `export_data`; nothing for another method.
///
/// # Errors
/// What the method returns.
pub async fn run(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Option<Value>> {
    Ok(Some(match call.method.name.as_str() {
        "load" => Box::pin(load(env, model, call.get("fields"), call.get("data"))).await?,
        "export_data" => export(env, model, &call.ids, call.arguments.any(&["fields_to_export", "fields"])).await?,
        _ => return Ok(None),
    }))
}

/// Reads the titles of columns.
fn paths(titles: &Value) -> Result<Vec<Vec<String>>> {
    Ok(python::list(titles.clone())?.iter().map(|title| path(&python::text(title))).collect())
}

/// Reads a column's title. Before there were slashes it was `country_id.id` and `country_id:id`.
fn path(title: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in title.split('/') {
        let ids = [(":id", EXTERNAL), (".id", DATABASE)];
        let end = ids.iter().find_map(|(end, id)| Some((part.strip_suffix(end).filter(|stem| !stem.is_empty())?, *id)));
        match end {
            Some((stem, id)) => parts.extend([stem.to_owned(), id.to_owned()]),
            None => parts.push(part.to_owned()),
        }
    }
    parts
}

/// The time zone in which datetimes are written.
async fn zone(env: &Env<'_>) -> Result<Option<Tz>> {
    if let Some(name) = env.context().get("tz").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        return Ok(temporal::zone(name));
    }
    Ok(env.user().await?.tz.as_deref().and_then(temporal::zone))
}

// --- load: cells of records ---------------------------------------------------------------------

/// What rows say of a record, by field, [`EXTERNAL`], [`DATABASE`] or [`NAME`].
type Raw = IndexMap<String, Cell>;

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Value(Value),
    Records(Vec<Raw>),
}

impl Cell {
    fn is_empty(&self) -> bool {
        match self {
            Self::Value(value) => !python::truth(value),
            Self::Records(records) => records.is_empty(),
        }
    }

    fn value(&self) -> &Value {
        match self {
            Self::Value(value) => value,
            Self::Records(_) => &Value::Null,
        }
    }
}

/// From which row to which a record goes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    from: usize,
    to: usize,
}

fn is_reference(name: &str) -> bool {
    [EXTERNAL, DATABASE, NAME].contains(&name)
}

/// Takes the first `limit` rows apart into records.
fn extract(
    registry: &Registry,
    model: &Model,
    paths: &[&[String]],
    rows: &[Vec<Value>],
    limit: usize,
) -> Result<Vec<(Raw, Span)>> {
    let first = |path: &&[String]| path.first().map_or(NAME, String::as_str).to_owned();
    let mut kinds: IndexMap<String, Option<&Arc<Field>>> = IndexMap::new();
    for path in paths {
        let name = first(path);
        let field = if is_reference(&name) {
            None
        } else {
            Some(model.field(&name).ok_or_else(|| Error::key_error(name.clone()))?)
        };
        kinds.insert(name, field.filter(|field| field.kind.is_relational()));
    }
    let relation = |path: &&[String]| kinds.get(&first(path)).copied().flatten();
    let continues = |row: &Vec<Value>| {
        let (mut lines, mut own) = (false, false);
        for (path, _) in paths.iter().zip(row).filter(|(_, value)| python::truth(value)) {
            let is_line = relation(path).is_some_and(|field| field.kind == Kind::One2many);
            lines |= is_line;
            own |= !is_line;
        }
        lines && !own
    };
    let mut records = Vec::new();
    let mut index = 0;
    while index < rows.len().min(limit) {
        let length = 1 + rows[index + 1..].iter().take_while(|row| continues(row)).count();
        let span = &rows[index..index + length];
        let mut record = Raw::new();
        for (path, value) in paths.iter().zip(&span[0]).filter(|(path, _)| relation(path).is_none()) {
            record.insert(first(path), Cell::Value(value.clone()));
        }
        for (name, field) in kinds.iter().filter_map(|(name, field)| Some((name, (*field)?))) {
            let columns: Vec<usize> = (0..paths.len()).filter(|column| first(&paths[*column]) == *name).collect();
            let further: Vec<&[String]> = columns.iter().map(|column| &paths[*column][1..]).collect();
            let cell = |row: &Vec<Value>, column: usize| row.get(column).cloned().unwrap_or_default();
            let lines: Vec<Vec<Value>> = span
                .iter()
                .map(|row| columns.iter().map(|column| cell(row, *column)).collect::<Vec<_>>())
                .filter(|line| line.iter().any(python::truth))
                .collect();
            let comodel = registry.get(field.comodel()).ok_or_else(|| Error::key_error(field.comodel()))?;
            let lines = extract(registry, comodel, &further, &lines, usize::MAX)?;
            record.insert(name.clone(), Cell::Records(lines.into_iter().map(|(line, _)| line).collect()));
        }
        records.push((record, Span { from: index, to: index + length - 1 }));
        index += length;
    }
    Ok(records)
}

// --- load: values of cells ----------------------------------------------------------------------

/// Why a cell is not taken, or taken with reserve.
#[derive(Clone, Debug)]
struct Refusal {
    warning: bool,
    message: String,
    /// Where in the message the field's label belongs.
    label_at: Option<usize>,
    more: Map<String, Value>,
    /// Whether the field's label is told by itself, too.
    tells_field: bool,
}

impl Refusal {
    fn new(before: String, after: &str) -> Self {
        let label_at = Some(before.len());
        Self { warning: false, message: before + after, label_at, more: Map::new(), tells_field: true }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Puts the label of the field in.
    fn labelled(mut self, label: &str) -> Self {
        if let Some(at) = self.label_at.take() {
            self.message.insert_str(at, label);
        }
        self
    }
}

/// What keeps a cell from being taken.
enum Trouble {
    Refused(Box<Refusal>),
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

type Taken = (Value, Vec<Refusal>);

/// A boolean that is written in a word; nothing for a word that is none.
fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "yes" => Some(true),
        "" | "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// Takes a value that is no relation and no selection.
fn scalar(field: &Field, value: &Value, zone: Option<Tz>) -> Result<Value, Refusal> {
    let shown = python::text(value);
    let seems = |what: &str| Refusal::new(format!("'{shown}' does not seem to be {what} for field '"), "'");
    match field.kind {
        Kind::Boolean => match value {
            Value::String(text) => boolean(text).map(Value::from).ok_or_else(|| {
                Refusal::new(format!("Unknown value '{shown}' for boolean field '"), "'")
                    .with("moreinfo", "Use '1' for yes and '0' for no")
            }),
            other => Ok(python::truth(other).into()),
        },
        Kind::Integer | Kind::Many2oneReference => python::int(value).map(Value::from).map_err(|_| seems("an integer")),
        Kind::Float | Kind::Monetary => python::float(value).map(Value::from).map_err(|_| seems("a number")),
        Kind::Date => match temporal::parse_date(value) {
            Ok(date) => Ok(date.map_or(Value::Bool(false), |date| temporal::date_text(date).into())),
            Err(_) => Err(seems("a valid date").with("moreinfo", "Use the format '2012-12-31'")),
        },
        Kind::Datetime => match temporal::parse_datetime(value) {
            Ok(local) => {
                let at = local.map(|local| zone.map_or(local, |zone| temporal::to_utc(local, zone)));
                Ok(at.map_or(Value::Bool(false), |at| temporal::datetime_text(at).into()))
            }
            Err(_) => Err(seems("a valid datetime").with("moreinfo", "Use the format '2012-12-31 23:59:59'")),
        },
        Kind::Json => match value {
            Value::String(text) => serde_json::from_str(text).map_err(|_| seems("a valid JSON")),
            other => Ok(other.clone()),
        },
        _ => Ok(value.clone()),
    }
}

/// The one way in which a record is referred to.
fn reference(record: &Raw) -> Result<(&str, &Value), Refusal> {
    if record.keys().any(|name| !is_reference(name)) {
        let message = "Can not create Many-To-One records indirectly, import the field separately".to_owned();
        return Err(Refusal { label_at: None, tells_field: false, ..Refusal::new(message, "") });
    }
    let mut given = record.iter();
    if let (Some((name, cell)), None) = (given.next(), given.next()) {
        return Ok((name, cell.value()));
    }
    let after = "', only provide one of name, external id or database id";
    Err(Refusal { tells_field: false, ..Refusal::new("Ambiguous specification for field '".to_owned(), after) })
}

// --- load: records ------------------------------------------------------------------------------

/// A record that is to be made or written.
#[derive(Clone, Debug)]
struct Line {
    external: Option<String>,
    id: Option<i32>,
    values: Map<String, Value>,
    /// `rows` and `record`, as messages begin.
    info: Map<String, Value>,
}

struct Loader<'e, 'a> {
    env: &'e Env<'a>,
    model: Arc<Model>,
    registry: Arc<Registry>,
    /// The module of external ids that name none.
    module: String,
    /// Whether only records that are there are written: `mode` is `update` in the context.
    update: bool,
    noupdate: bool,
    zone: Option<Tz>,
    /// Models of which rows may make records, so that names of such are looked up after those are made.
    creatable: HashSet<String>,
    batch: Vec<Line>,
    batched: HashSet<String>,
    ids: Vec<i32>,
    messages: Vec<Map<String, Value>>,
    /// The first row that was not looked at.
    next_row: usize,
}

async fn load(env: &Env<'_>, model: &Arc<Model>, titles: &Value, data: &Value) -> Result<Value> {
    let paths = paths(titles)?;
    let rows: Vec<Vec<Value>> =
        python::list(data.clone())?.into_iter().map(python::list).collect::<Result<Vec<_>>>()?;
    let registry = env.registry().await?;
    let text = |key: &str| env.context().get(key).and_then(Value::as_str);
    let limit = env.context().get("_import_limit").and_then(Value::as_u64);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let mut loader = Loader {
        env,
        model: Arc::clone(model),
        module: text("module").unwrap_or("__import__").to_owned(),
        update: text("mode") == Some("update"),
        noupdate: env.flag("noupdate"),
        zone: zone(env).await?,
        creatable: creatable(&registry, model, &paths),
        registry,
        batch: Vec::new(),
        batched: HashSet::new(),
        ids: Vec::new(),
        messages: Vec::new(),
        next_row: 0,
    };
    let done = write::savepoint(env, loader.run(&paths, &rows, limit)).await?;
    let ids = match done {
        Ok(()) => loader.ids.into(),
        Err(_) if loader.has_errors() => Value::Bool(false),
        Err(error) => return Err(error),
    };
    let next_row = if loader.next_row < limit { 0 } else { loader.next_row };
    Ok(json!({
        "ids": ids,
        "messages": loader.messages,
        "nextrow": next_row,
    }))
}

/// The models of which rows with these columns make records.
fn creatable(registry: &Registry, model: &Arc<Model>, paths: &[Vec<String>]) -> HashSet<String> {
    let mut names = HashSet::from([model.name.clone()]);
    for path in paths {
        let mut current = Arc::clone(model);
        for name in path {
            let Some(field) = current.field(name).filter(|field| field.kind == Kind::One2many) else { break };
            let Some(comodel) = registry.get(field.comodel()).cloned() else { break };
            names.insert(comodel.name.clone());
            current = comodel;
        }
    }
    names
}

impl Loader<'_, '_> {
    fn has_errors(&self) -> bool {
        self.messages.iter().any(|message| message.get("type").is_some_and(|kind| kind == "error"))
    }

    /// Loads all records. An error that [messages](Self::has_errors) tell of only undoes it.
    async fn run(&mut self, paths: &[Vec<String>], rows: &[Vec<Value>], limit: usize) -> Result<()> {
        let model = Arc::clone(&self.model);
        let columns: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        for (index, (raw, span)) in extract(&self.registry, &model, &columns, rows, limit)?.into_iter().enumerate() {
            self.next_row = span.to + 1;
            let mut info = Map::new();
            info.insert("rows".to_owned(), json!({"from": span.from, "to": span.to}));
            let id = self.database_id(&raw, &info, index).await?;
            let (values, refusals) = self.convert(&model, &raw).await?;
            for (field, refusal) in refusals {
                self.messages.push(message(&info, index, &field, refusal));
            }
            info.insert("record".to_owned(), index.into());
            let external = raw.get(EXTERNAL).map(Cell::value).filter(|value| python::truth(value)).map(python::text);
            let external = external.map(|external| self.qualified(external));
            if let Some(external) = &external {
                if self.batched.contains(external) {
                    // The row above has made the record that this one writes.
                    self.flush().await?;
                }
                self.batched.insert(external.clone());
            }
            self.batch.push(Line { id: id.filter(|_| external.is_none()), external, values, info });
        }
        self.flush().await?;
        if self.has_errors() {
            return Err(Error::UserError("Some records could not be loaded.".to_owned()));
        }
        Ok(())
    }

    /// An external id with a module.
    fn qualified(&self, external: String) -> String {
        if external.contains('.') { external } else { format!("{}.{external}", self.module) }
    }

    /// The record that a row names by its id in the database.
    async fn database_id(&mut self, raw: &Raw, info: &Map<String, Value>, index: usize) -> Result<Option<i32>> {
        let Some(value) = raw.get(DATABASE).map(Cell::value).filter(|value| python::truth(value)) else {
            return Ok(None);
        };
        let id = python::int(value).ok().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id
            && !search::ids(self.env, &self.model, &Domain::leaf("id", Operator::Eq, id)).await?.is_empty()
        {
            return Ok(Some(id));
        }
        let mut message = info.clone();
        message.insert("type".to_owned(), "error".into());
        message.insert("record".to_owned(), index.into());
        message.insert("field".to_owned(), DATABASE.into());
        let text = format!("Unknown database identifier '{}'", python::text(value));
        message.insert("message".to_owned(), text.into());
        self.messages.push(message);
        Ok(None)
    }

    /// The values of a record, and what is to be said of its cells. What refers to the record itself is left out.
    fn convert<'s>(&'s mut self, model: &'s Model, raw: &'s Raw) -> Step<'s, Converted> {
        Box::pin(async move {
            let mut values = Map::new();
            let mut refusals = Vec::new();
            for (name, cell) in raw {
                let Some(field) = model.field(name).filter(|_| !is_reference(name)).cloned() else { continue };
                if cell.is_empty() {
                    values.insert(name.clone(), false.into());
                    continue;
                }
                match self.cell(model, &field, cell).await {
                    Ok((value, warnings)) => {
                        values.insert(name.clone(), value);
                        refusals.extend(warnings.into_iter().map(|warning| (Arc::clone(&field), warning)));
                    }
                    Err(Trouble::Refused(refusal)) => refusals.push((field, *refusal)),
                    Err(Trouble::Failed(error)) => return Err(error),
                }
            }
            Ok((values, refusals))
        })
    }

    async fn cell(&mut self, model: &Model, field: &Arc<Field>, cell: &Cell) -> Result<Taken, Trouble> {
        match (field.kind, cell) {
            (Kind::Selection, Cell::Value(value)) => Ok((self.selection(model, field, value).await?, Vec::new())),
            (Kind::Many2one, Cell::Records(records)) => {
                let (by, value) = reference(records.first().unwrap_or(&Raw::new())).map(owned)?;
                let (id, warnings) = self.record(field, &by, &value).await?;
                Ok((id.map_or(Value::Bool(false), Value::from), warnings))
            }
            (Kind::Many2many, Cell::Records(records)) => {
                let (by, value) = reference(records.first().unwrap_or(&Raw::new())).map(owned)?;
                let (mut commands, mut ids, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
                for one in python::text(&value).split(',') {
                    let (id, more) = self.record(field, &by, &one.into()).await?;
                    warnings.extend(more);
                    ids.extend(id);
                    commands.extend(id.map(|id| json!([4, id, 0])));
                }
                // Beside what is there, or in its place.
                let commands = if self.env.flag("update_many2many") { commands } else { vec![json!([6, 0, ids])] };
                Ok((commands.into(), warnings))
            }
            (Kind::One2many, Cell::Records(records)) => self.lines(field, records).await,
            (_, Cell::Value(value)) => Ok((scalar(field, value, self.zone)?, Vec::new())),
            (_, Cell::Records(_)) => Ok((Value::Bool(false), Vec::new())),
        }
    }

    /// The commands that the lines of a one2many become.
    async fn lines(&mut self, field: &Arc<Field>, records: &[Raw]) -> Result<Taken, Trouble> {
        let comodel = self.env.model(field.comodel()).await?;
        let mut warnings = Vec::new();
        let mut commands = Vec::new();
        let mut separate = Vec::new();
        let records = match records {
            [one] if one.keys().all(|name| is_reference(name)) => {
                // One row that only refers to records: to several, separated by commas.
                let (by, value) = reference(one)?;
                let line = |text: &str| Raw::from_iter([(by.to_owned(), Cell::Value(text.into()))]);
                separate.extend(python::text(value).split(',').map(line));
                separate.as_slice()
            }
            several => several,
        };
        for raw in records {
            let (values, refusals) = self.convert(&comodel, raw).await?;
            for (of, refusal) in refusals {
                if !refusal.warning {
                    let label = format!("{}/{}", field.string, of.string);
                    return Err(refusal.labelled(&label).into());
                }
                warnings.push(refusal);
            }
            let referring: Raw = raw
                .iter()
                .filter(|(name, cell)| is_reference(name) && !cell.is_empty())
                .map(|(name, cell)| (name.clone(), cell.clone()))
                .collect();
            let mut id = None;
            if !referring.is_empty() {
                let (by, value) = reference(&referring).map(owned)?;
                match self.record(field, &by, &value).await {
                    Ok((found, more)) => {
                        id = found;
                        warnings.extend(more);
                    }
                    // A line that is not there yet is made.
                    Err(Trouble::Refused(_)) if by == EXTERNAL => {}
                    Err(trouble) => return Err(trouble),
                }
            }
            if let Some(id) = id {
                commands.extend([json!([4, id, 0]), json!([1, id, values])]);
            } else {
                commands.push(json!([0, 0, values]));
            }
        }
        Ok((commands.into(), warnings))
    }

    /// The key of a selection, which is named by the key or the label.
    async fn selection(&self, model: &Model, field: &Field, value: &Value) -> Result<Value, Trouble> {
        let shown = python::text(value);
        let wanted = shown.to_lowercase();
        let options = fields_get::selection(self.env, model, field).await?;
        let mut labels = Vec::new();
        for option in options.as_array().into_iter().flatten() {
            let (key, label) = (python::text(&option[0]), python::text(&option[1]));
            if key.to_lowercase() == wanted || label.to_lowercase() == wanted {
                return Ok(option[0].clone());
            }
            labels.push(if label.is_empty() { key } else { label });
        }
        let refusal = Refusal::new(format!("Value '{shown}' not found in selection field '"), "'");
        Err(refusal.with("moreinfo", labels).into())
    }

    /// The record of a relation that is referred to by its name or by an id; nothing for `0`, `no` and the like as an
    /// id.
    async fn record(&mut self, field: &Field, by: &str, value: &Value) -> Result<(Option<i32>, Vec<Refusal>), Trouble> {
        let comodel = self.env.model(field.comodel()).await?;
        let text = python::text(value);
        if by != NAME && boolean(&text) == Some(false) {
            return Ok((None, Vec::new()));
        }
        let mut warnings = Vec::new();
        let (kind, found) = match by {
            DATABASE => {
                let Ok(id) = text.trim().parse::<i64>() else {
                    let refusal = Refusal::new(format!("Invalid database id '{text}' for the field '"), "'");
                    return Err(refusal.with("moreinfo", self.possible_values(field, by)).into());
                };
                let id = i32::try_from(id).ok();
                let domain = id.map_or(Domain::False, |id| Domain::leaf("id", Operator::Eq, id));
                ("database id", search::ids(self.env, &comodel, &domain).await?.first().copied())
            }
            EXTERNAL => {
                let external = self.qualified(text.clone());
                if self.batched.contains(&external) {
                    self.flush().await?;
                }
                let found = ir_model_data::find(&self.env.sudo(), &external).await?;
                if let Some((other, _)) = found.as_ref().filter(|(other, _)| *other != comodel.name) {
                    let (expected, other) =
                        (python::repr(&comodel.name.as_str().into()), python::repr(&other.as_str().into()));
                    let message = format!("Invalid external ID {external}: expected model {expected}, found {other}");
                    return Err(Refusal { label_at: None, tells_field: false, ..Refusal::new(message, "") }.into());
                }
                ("external id", found.map(|(_, id)| id))
            }
            _ => {
                if self.creatable.contains(&comodel.name) {
                    self.flush().await?;
                }
                ("name", self.by_name(field, &comodel, &text, &mut warnings).await?)
            }
        };
        if let Some(id) = found {
            return Ok((Some(id), warnings));
        }
        let refusal = Refusal::new(format!("No matching record found for {kind} '{text}' in field '"), "'");
        Err(refusal.with("moreinfo", self.possible_values(field, by)).into())
    }

    /// The record of that name; the first one and a warning, where there are several.
    async fn by_name(
        &self,
        field: &Field,
        comodel: &Model,
        name: &str,
        warnings: &mut Vec<Refusal>,
    ) -> Result<Option<i32>, Trouble> {
        let value = Value::from(name);
        let found = self.named(comodel, &value).await?;
        if found.len() > 1 {
            let before = format!("Found multiple matches for value \"{name}\" in field \"");
            let after = format!("\" ({} matches)", found.len());
            warnings.push(Refusal { warning: true, tells_field: false, ..Refusal::new(before, &after) });
        }
        if let Some(id) = found.first() {
            return Ok(Some(*id));
        }
        let creating = self.env.context().get("name_create_enabled_fields").and_then(|fields| fields.get(&field.name));
        if !creating.is_some_and(python::truth) {
            return Ok(None);
        }
        let created = write::savepoint(self.env, names::name_create(self.env, comodel, &value)).await;
        match created.map_err(Error::from)? {
            Ok(pair) => Ok(pair[0].as_i64().and_then(|id| i32::try_from(id).ok())),
            Err(error @ Error::Database(_)) => Err(error.into()),
            Err(_) => {
                let before = format!("No matching record found for name '{name}' in field '");
                let after = format!(
                    "' and the following error was encountered when we attempted to create one: Cannot create new '{}' \
                     records from their name alone. Please create those records manually and try importing again.",
                    comodel.description
                );
                Err(Refusal::new(before, &after).with("moreinfo", self.possible_values(field, NAME)).into())
            }
        }
    }

    /// The records of that name, as the model's own `name_search` finds them: countries by their codes, too.
    async fn named(&self, comodel: &Model, name: &Value) -> Result<Vec<i32>> {
        const LIMIT: u64 = 100;
        if let Some(method) = methods::find(self.env.series(), comodel, "name_search")? {
            let named = [("operator", "=".into()), ("limit", LIMIT.into())];
            let kwargs = named.map(|(parameter, value): (&str, Value)| (parameter.to_owned(), value));
            let arguments = method.bind(vec![name.clone()], Map::from_iter(kwargs))?;
            let call = Bound { method, ids: Vec::new(), arguments };
            if let Some(Value::Array(pairs)) = models::behaviour(&comodel.name).call(self.env, comodel, &call).await? {
                let id = |pair: &Value| pair[0].as_i64().and_then(|id| i32::try_from(id).ok());
                return Ok(pairs.iter().filter_map(id).collect());
            }
        }
        names::name_search(self.env, comodel, name, &Domain::True, Operator::Eq, Some(LIMIT)).await
    }

    /// The action that shows a person which records there are to choose from.
    fn possible_values(&self, field: &Field, by: &str) -> Value {
        let list = self.env.series().list_view();
        let mut action = json!({
            "name": "Possible Values",
            "type": "ir.actions.act_window",
            "target": "new",
            "view_mode": format!("{list},form"),
            "views": [[false, "list"], [false, "form"]],
            "context": {"create": false},
            "help": "See all possible values",
        });
        if by == NAME {
            action["res_model"] = field.comodel().into();
        } else {
            action["res_model"] = "ir.model.data".into();
            action["domain"] = json!([["model", "=", field.comodel()]]);
        }
        action
    }

    /// Makes and writes the records of the batch: all together, or else one by one, so that what is wrong is told of
    /// the row that it is wrong in.
    async fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batched.clear();
        let Some(first) = batch.first() else { return Ok(()) };
        let (env, model) = (self.env, Arc::clone(&self.model));
        let settings = (self.update, self.noupdate);
        let of_all = match write::savepoint(env, records(env, &model, &batch, settings)).await? {
            Ok(ids) => {
                self.ids.extend(ids);
                return Ok(());
            }
            Err(error @ Error::Database(_)) => return Err(error),
            Err(error) => error,
        };
        let general = (is_told_to_people(&of_all) && broken_rule(env, &model, &of_all).is_none()).then(|| {
            let mut message = first.info.clone();
            message.insert("type".to_owned(), "error".into());
            message.insert("message".to_owned(), of_all.to_string().into());
            message
        });
        let mut errors = 0;
        for (index, line) in batch.iter().enumerate() {
            let one = std::slice::from_ref(line);
            match write::savepoint(env, records(env, &model, one, settings)).await? {
                Ok(ids) => self.ids.extend(ids),
                Err(error @ Error::Database(_)) => return Err(error),
                Err(error) => {
                    errors += 1;
                    self.messages.push(explained(env, &model, &line.info, &error));
                }
            }
            if errors >= 10 && errors >= (index + 1) / 10 {
                let text = "Found more than 10 errors and more than one error per 10 records, interrupted to avoid \
                            showing too many errors.";
                let warning = [("type".to_owned(), "warning".into()), ("message".to_owned(), text.into())];
                self.messages.push(Map::from_iter(warning));
                break;
            }
        }
        if let Some(general) = general.filter(|general| errors > 0 && !self.messages.contains(general)) {
            // What was said of all records together counts, too.
            self.messages.insert(0, general);
        }
        Ok(())
    }
}

type Converted = (Map<String, Value>, Vec<(Arc<Field>, Refusal)>);

fn owned((name, value): (&str, &Value)) -> (String, Value) {
    (name.to_owned(), value.clone())
}

/// What is answered of a cell.
fn message(info: &Map<String, Value>, record: usize, field: &Field, refusal: Refusal) -> Map<String, Value> {
    let mut message = info.clone();
    let refusal = refusal.labelled(&field.string);
    message.insert("type".to_owned(), if refusal.warning { "warning" } else { "error" }.into());
    message.insert("record".to_owned(), record.into());
    message.insert("field".to_owned(), field.name.clone().into());
    message.insert("message".to_owned(), refusal.message.into());
    message.extend(refusal.more);
    if refusal.tells_field {
        message.insert("field_name".to_owned(), field.string.clone().into());
    }
    message
}

/// Makes and writes records, and answers with their ids in the order of `batch`.
async fn records(env: &Env<'_>, model: &Model, batch: &[Line], (update, noupdate): (bool, bool)) -> Result<Vec<i32>> {
    let sudo = env.sudo();
    let mut ids: Vec<Option<i32>> = Vec::new();
    let mut made: Vec<usize> = Vec::new();
    for (index, line) in batch.iter().enumerate() {
        let known = match &line.external {
            Some(external) => external_record(&sudo, model, external).await?,
            None => line.id,
        };
        ids.push(known);
        if known.is_none() && (line.external.is_some() || !update) {
            made.push(index);
        }
    }
    for (line, id) in batch.iter().zip(&ids) {
        if let Some(id) = id {
            write::write(env, model, &[*id], line.values.clone()).await?;
        }
    }
    if !made.is_empty() {
        let values = made.iter().map(|index| batch[*index].values.clone()).collect();
        let created = write::create(env, model, values).await?;
        for (index, id) in made.iter().zip(&created) {
            ids[*index] = Some(*id);
        }
        let named: Vec<(&Line, i32)> = made
            .iter()
            .zip(&created)
            .filter(|(index, _)| batch[**index].external.is_some())
            .map(|(index, id)| (&batch[*index], *id))
            .collect();
        let external = external_rows(&sudo, model, &named, noupdate).await?;
        store_external(&sudo, external).await?;
    }
    Ok(ids.into_iter().flatten().collect())
}

/// The record with an external id. An external id of a record that is gone is forgotten.
async fn external_record(sudo: &Env<'_>, model: &Model, external: &str) -> Result<Option<i32>> {
    let Some((other, id)) = ir_model_data::find(sudo, external).await? else { return Ok(None) };
    if other != model.name {
        return Err(Error::ValidationError(format!(
            "For external id {external} when trying to create/update a record of model {} found record of different \
             model {other} ({id})",
            model.name
        )));
    }
    if !read::existing(sudo, model, &[id]).await?.is_empty() {
        return Ok(Some(id));
    }
    let (module, name) = external.split_once('.').unwrap_or(("", external));
    let delete = Sql::delete()
        .from_table(Alias::new("ir_model_data"))
        .and_where(Expr::col(Alias::new("module")).eq(module))
        .and_where(Expr::col(Alias::new("name")).eq(name))
        .take();
    sudo.execute(&delete).await?;
    Ok(None)
}

/// The rows of `ir.model.data` for records that were made, and for those that were made with them because they inherit
/// from them.
async fn external_rows(
    sudo: &Env<'_>,
    model: &Model,
    named: &[(&Line, i32)],
    noupdate: bool,
) -> Result<Vec<Map<String, Value>>> {
    let mut rows = Vec::new();
    let ids: Vec<i32> = named.iter().map(|(_, id)| *id).collect();
    for (parent, link) in &model.inherits {
        let Some(field) = model.field(link) else { continue };
        let links = read::values(sudo, model, &ids, field).await?;
        for ((line, _), target) in named.iter().zip(&links) {
            let given = line.values.get(link).is_some_and(python::truth);
            if let (Some(external), Some(target), false) = (&line.external, read::ids_in(target).first(), given) {
                let external = format!("{external}_{}", parent.replace('.', "_"));
                rows.push(external_row(parent, &external, *target, noupdate));
            }
        }
    }
    for (line, id) in named {
        rows.extend(line.external.iter().map(|external| external_row(&model.name, external, *id, noupdate)));
    }
    Ok(rows)
}

fn external_row(model: &str, external: &str, id: i32, noupdate: bool) -> Map<String, Value> {
    let (module, name) = external.split_once('.').unwrap_or(("", external));
    Map::from_iter([
        ("module".to_owned(), module.into()),
        ("name".to_owned(), name.into()),
        ("model".to_owned(), model.into()),
        ("res_id".to_owned(), id.into()),
        ("noupdate".to_owned(), noupdate.into()),
    ])
}

async fn store_external(sudo: &Env<'_>, rows: Vec<Map<String, Value>>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let data = sudo.model("ir.model.data").await?;
    write::create(&sudo.without_defaults(), &data, rows).await.map(|_| ())
}

/// Whether an error is one of those that Odoo shows to people: a `UserError` or what is one.
fn is_told_to_people(error: &Error) -> bool {
    matches!(
        error,
        Error::UserError(_)
            | Error::ValidationError(_)
            | Error::AccessError(_)
            | Error::AccessDeniedTo { .. }
            | Error::MissingError(_)
    )
}

/// What is said of a record that cannot be made or written.
fn explained(env: &Env<'_>, model: &Model, info: &Map<String, Value>, error: &Error) -> Map<String, Value> {
    let mut message = info.clone();
    message.insert("type".to_owned(), "error".into());
    let mut put = |name: &str, value: String| message.insert(name.to_owned(), value.into());
    if let Some((text, field)) = broken_rule(env, model, error) {
        put("message", text);
        if let Some(field) = field {
            put("field", field);
        }
    } else if is_told_to_people(error) || error.name().starts_with("psycopg2.") {
        put("message", error.to_string());
    } else {
        let class = error.name();
        let class = class.strip_prefix("builtins.").unwrap_or(class);
        put("message", format!("Unknown error during import: <class '{class}'>: {error}"));
        put("moreinfo", "Resolve other errors first".to_owned());
    }
    message
}

/// What `load` says of a rule of the table that a record breaks, and the field that breaks it. Elsewhere the same is
/// told with an introduction, and up to 18.0 in other words.
fn broken_rule(env: &Env<'_>, model: &Model, error: &Error) -> Option<(String, Option<String>)> {
    const INTRODUCTION: &str = "The operation cannot be completed:";
    let Error::ValidationError(text) = error else { return None };
    let rest = text.strip_prefix(INTRODUCTION)?.trim_start();
    let alike = env.series().loads_in_common_words();
    let said = |own: String| if alike { rest.to_owned() } else { own };
    let missing = model.fields.values().find(|field| {
        field.required
            && matches!(env.series().missing_required(model, field), Error::ValidationError(said) if said == *text)
    });
    if let Some(field) = missing {
        let own = format!("Missing required value for the field '{}' ({})", field.string, field.name);
        return Some((said(own), Some(field.name.clone())));
    }
    let broken = model.constraints.iter().find(|constraint| {
        constraint.message() == Some(rest) || rest.contains(&format!("\"{}\"", constraint.name(&model.table)))
    });
    let Some(constraint) = broken else { return Some((rest.to_owned(), None)) };
    let label = |name: &String| model.field(name).map_or_else(|| name.clone(), |field| field.string.clone());
    Some(match &constraint.1 {
        ConstraintKind::Unique(columns) => match columns.as_slice() {
            [one] => {
                let own = format!(
                    "The value for the field '{one}' already exists (this is probably '{}' in the current model).",
                    label(one)
                );
                (said(own), Some(one.clone()))
            }
            several => {
                let labels: Vec<String> = several.iter().map(label).collect();
                let own = format!(
                    "The values for the fields '{}' already exist (they are probably '{}' in the current model).",
                    several.join(", "),
                    labels.join(", ")
                );
                (said(own), None)
            }
        },
        ConstraintKind::Check(_) => (said(format!("'{rest}'")), None),
    })
}

// --- export_data --------------------------------------------------------------------------------

/// A cell of an exported table, before external ids are looked up.
#[derive(Clone, Debug, PartialEq)]
enum Exported {
    Value(Value),
    /// External ids of these records of a model, separated by commas.
    External(String, Vec<i32>),
}

impl Exported {
    fn nothing() -> Self {
        Self::Value("".into())
    }

    /// Whether it says something: zero and false do.
    fn says(&self) -> bool {
        match self {
            Self::Value(value) => python::truth(value) || value.is_number() || value.is_boolean(),
            Self::External(..) => true,
        }
    }
}

async fn export(env: &Env<'_>, model: &Arc<Model>, ids: &[i32], titles: &Value) -> Result<Value> {
    let admin = env.is_superuser() || env.has_group("base.group_erp_manager").await?;
    if !admin && !env.has_group("base.group_allow_export").await? {
        let message = "You don't have the rights to export data. Please contact an Administrator.";
        return Err(Error::UserError(message.to_owned()));
    }
    let paths = paths(titles)?;
    let exporter = Exporter {
        env,
        zone: zone(env).await?,
        compatible: env.context().get("import_compat").is_none_or(python::truth),
    };
    let of_records = exporter.lines(model, ids, &paths).await?;
    let lines: Vec<&Vec<Exported>> = ids.iter().filter_map(|id| of_records.get(id)).flatten().collect();
    let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for cell in lines.iter().copied().flatten() {
        if let Exported::External(model, ids) = cell {
            wanted.entry(model).or_default().extend(ids);
        }
    }
    let mut external: HashMap<&str, HashMap<i32, String>> = HashMap::new();
    for (name, ids) in wanted {
        let model = env.model(name).await?;
        external.insert(name, ensure_external(env, &model, &ids.into_iter().collect::<Vec<_>>()).await?);
    }
    let value = |cell: &Exported| match cell {
        Exported::Value(value) => value.clone(),
        Exported::External(model, ids) => {
            let of_model = external.get(model.as_str());
            let texts = ids.iter().filter_map(|id| of_model?.get(id)).map(String::as_str);
            texts.collect::<Vec<_>>().join(",").into()
        }
    };
    let data: Vec<Value> = lines.into_iter().map(|line| line.iter().map(value).collect()).collect();
    Ok(json!({"datas": data}))
}

/// The external ids of records, which get one where they have none.
async fn ensure_external(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<HashMap<i32, String>> {
    let sudo = env.sudo();
    let known = ir_model_data::external_ids(&sudo, &model.name, ids).await?;
    let mut names: HashMap<i32, String> = HashMap::new();
    let mut rows = Vec::new();
    for id in ids {
        if let Some(first) = known.get(id).and_then(|all| all.first()) {
            names.insert(*id, first.complete_name());
            continue;
        }
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| Error::UserError(error.to_string()))?;
        let external = format!("__export__.{}_{id}_{}", model.table, hex::encode(random));
        rows.push(external_row(&model.name, &external, *id, false));
        names.insert(*id, external);
    }
    store_external(&sudo, rows).await?;
    Ok(names)
}

struct Exporter<'e, 'a> {
    env: &'e Env<'a>,
    zone: Option<Tz>,
    /// Whether `load` is to read it: the records of a many2many are in one cell then.
    compatible: bool,
}

impl Exporter<'_, '_> {
    /// The lines of records, by record: the first one has the record's own values.
    fn lines<'s>(
        &'s self,
        model: &'s Model,
        ids: &'s [i32],
        paths: &'s [Vec<String>],
    ) -> Step<'s, HashMap<i32, Vec<Vec<Exported>>>> {
        Box::pin(async move {
            let mut fields: Vec<Arc<Field>> = Vec::new();
            for name in paths.iter().filter_map(|path| path.first()).filter(|name| !is_reference(name)) {
                let field = model.field(name).ok_or_else(|| Error::key_error(name.clone()))?;
                access::check_field(self.env, model, field, Operation::Read).await?;
                if !fields.iter().any(|known| known.name == *name) {
                    fields.push(Arc::clone(field));
                }
            }
            let rows = read::read(self.env, model, ids, &fields, false).await?;
            let mut records: IndexMap<i32, Map<String, Value>> = IndexMap::new();
            for row in rows {
                if let Some(id) = row.get("id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok()) {
                    records.insert(id, row);
                }
            }
            let missing: Vec<i32> = ids.iter().copied().filter(|id| !records.contains_key(id)).collect();
            if !missing.is_empty() {
                return Err(access::missing_error(self.env, model, &missing));
            }
            let mut lines: HashMap<i32, Vec<Vec<Exported>>> =
                records.keys().map(|id| (*id, vec![vec![Exported::nothing(); paths.len()]])).collect();
            for (column, path) in paths.iter().enumerate() {
                let Some(name) = path.first() else { continue };
                let ids = match name.as_str() {
                    DATABASE => |_: &Model, id: i32| Exported::Value(id.to_string().into()),
                    EXTERNAL => |model: &Model, id: i32| Exported::External(model.name.clone(), vec![id]),
                    _ => continue,
                };
                for (id, lines) in &mut lines {
                    lines[0][column] = ids(model, *id);
                }
            }
            for field in fields {
                self.column(model, &field, paths, &records, &mut lines).await?;
            }
            Ok(lines)
        })
    }

    /// Fills in the columns whose paths begin with a field.
    async fn column(
        &self,
        model: &Model,
        field: &Arc<Field>,
        paths: &[Vec<String>],
        records: &IndexMap<i32, Map<String, Value>>,
        lines: &mut HashMap<i32, Vec<Vec<Exported>>>,
    ) -> Result<()> {
        let starts = |path: &Vec<String>| path.first() == Some(&field.name);
        if !field.kind.is_relational() {
            for (id, record) in records {
                let value = self.value(model, field, record.get(&field.name).unwrap_or(&Value::Null)).await?;
                let Some(lines) = lines.get_mut(id) else { continue };
                for (column, _) in paths.iter().enumerate().filter(|(_, path)| starts(path)) {
                    lines[0][column] = Exported::Value(value.clone());
                }
            }
            return Ok(());
        }
        let further: Vec<Vec<String>> = paths
            .iter()
            .map(|path| match path.get(1..) {
                Some([]) if starts(path) => vec!["display_name".to_owned()],
                Some(rest) if starts(path) => rest.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        let of =
            |id: &i32| records.get(id).and_then(|record| record.get(&field.name)).map(read::ids_in).unwrap_or_default();
        let targets: BTreeSet<i32> = records.keys().flat_map(of).collect();
        let targets: Vec<i32> = targets.into_iter().collect();
        let comodel = self.env.model(field.comodel()).await?;
        if self.compatible && field.kind == Kind::Many2many {
            let wanted = [EXTERNAL, "name", "display_name"].iter().find_map(|end| {
                Some((further.iter().position(|path| path.as_slice() == [(*end).to_owned()])?, *end == EXTERNAL))
            });
            let first = further.iter().position(|path| !path.is_empty()).unwrap_or_default();
            let (column, external) = wanted.unwrap_or((first, false));
            access::check_model(self.env, &comodel, Operation::Read).await?;
            let names =
                if external { HashMap::new() } else { read::display_names(self.env, &comodel, &targets).await? };
            for (id, lines) in lines {
                let of_record = of(id);
                lines[0][column] = if external && !of_record.is_empty() {
                    Exported::External(comodel.name.clone(), of_record)
                } else {
                    let texts: Vec<&str> =
                        of_record.iter().filter_map(|id| names.get(id)).map(String::as_str).collect();
                    Exported::Value(texts.join(",").into())
                };
            }
            return Ok(());
        }
        let of_targets = self.lines(&comodel, &targets, &further).await?;
        for (id, lines) in lines {
            let mut of_record = of(id).into_iter().filter_map(|target| of_targets.get(&target)).flatten();
            if let Some(first) = of_record.next() {
                for (own, cell) in lines[0].iter_mut().zip(first).filter(|(_, cell)| cell.says()) {
                    *own = cell.clone();
                }
            }
            lines.extend(of_record.cloned());
        }
        Ok(())
    }

    /// A value that is no relation.
    async fn value(&self, model: &Model, field: &Field, value: &Value) -> Result<Value> {
        Ok(match field.kind {
            Kind::Boolean => python::truth(value).into(),
            _ if value.is_number() => value.clone(),
            _ if !python::truth(value) => "".into(),
            Kind::Datetime => {
                let at = value.as_str().and_then(temporal::read_datetime);
                let local = at.map(|at| self.zone.map_or(at, |zone| temporal::to_local(at, zone)));
                local.map_or_else(|| value.clone(), |local| temporal::datetime_text(local).into())
            }
            // Of a selection that is computed, Odoo exports the key.
            Kind::Selection if !field.dynamic => {
                let options = fields_get::selection(self.env, model, field).await?;
                let label = options.as_array().into_iter().flatten().find(|option| option[0] == *value);
                label.map_or_else(|| "".into(), |option| option[1].clone())
            }
            Kind::Reference if !self.compatible => {
                let (other, id) = value.as_str().and_then(|text| text.split_once(',')).unwrap_or_default();
                let Ok(id) = id.parse::<i32>() else { return Ok("".into()) };
                let other = self.env.model(other).await?;
                read::display_names(self.env, &other, &[id]).await?.remove(&id).unwrap_or_default().into()
            }
            _ => value.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Series;

    fn table(titles: &[&str], rows: &Value) -> Result<Vec<(Value, Span)>> {
        let registry = Registry::base(Series::newest());
        let model = registry.get("res.partner").unwrap();
        let paths: Vec<Vec<String>> = titles.iter().map(|title| path(title)).collect();
        let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        let rows: Vec<Vec<Value>> =
            rows.as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone()).collect();
        let records = extract(&registry, model, &paths, &rows, usize::MAX)?;
        Ok(records.into_iter().map(|(record, span)| (shown(&record), span)).collect())
    }

    fn shown(record: &Raw) -> Value {
        let cell = |cell: &Cell| match cell {
            Cell::Value(value) => value.clone(),
            Cell::Records(records) => records.iter().map(shown).collect(),
        };
        Value::Object(record.iter().map(|(name, value)| (name.clone(), cell(value))).collect())
    }

    #[test]
    fn titles_of_columns() {
        for (title, parts) in [
            ("name", &["name"][..]),
            ("id", &["id"]),
            (".id", &[".id"]),
            ("country_id/id", &["country_id", "id"]),
            ("country_id.id", &["country_id", ".id"]),
            ("country_id:id", &["country_id", "id"]),
            ("child_ids/country_id/.id", &["child_ids", "country_id", ".id"]),
        ] {
            assert_eq!(path(title), parts, "{title}");
        }
    }

    #[test]
    fn rows_without_values_of_their_own_continue_the_record_above() {
        let titles = ["name", "country_id", "child_ids/name", "child_ids/country_id/id"];
        let rows = json!([["A", "Belgium", "a", "base.be"], ["", "", "b", ""], ["", "", "", ""], ["B", "", "", ""],]);
        let records = table(&titles, &rows).unwrap();
        let country = json!([{"": "Belgium"}]);
        assert_eq!(
            records[0],
            (
                json!({
                    "name": "A",
                    "country_id": country,
                    "child_ids": [{"name": "a", "country_id": [{"id": "base.be"}]}, {"name": "b", "country_id": []}],
                }),
                Span { from: 0, to: 1 }
            )
        );
        assert_eq!(records[1].1, Span { from: 2, to: 2 });
        assert_eq!(records[2].0, json!({"name": "B", "country_id": [], "child_ids": []}));
    }

    #[test]
    fn unknown_columns_are_key_errors() {
        assert_eq!(table(&["nope"], &json!([["a"]])).unwrap_err().name(), "builtins.KeyError");
        assert_eq!(table(&["child_ids/nope"], &json!([["a"]])).unwrap_err().name(), "builtins.KeyError");
    }

    fn take(name: &str, written: &str) -> Result<Value, String> {
        let registry = Registry::base(Series::newest());
        let field = registry.models().find_map(|model| model.field(name)).unwrap();
        let zone = temporal::zone("Europe/Brussels");
        scalar(field, &written.into(), zone).map_err(|refusal| refusal.labelled("Label").message)
    }

    #[test]
    fn words_for_cells() {
        assert_eq!(take("active", "Yes"), Ok(json!(true)));
        assert_eq!(take("active", "no"), Ok(json!(false)));
        assert_eq!(take("active", "x"), Err("Unknown value 'x' for boolean field 'Label'".to_owned()));
        assert_eq!(take("color", " 7"), Ok(json!(7)));
        let refused = "'7.5' does not seem to be an integer for field 'Label'";
        assert_eq!(take("color", "7.5"), Err(refused.to_owned()));
        // In Brussels clocks are one hour ahead in winter.
        assert_eq!(take("create_date", "2024-01-02 03:04:05"), Ok(json!("2024-01-02 02:04:05")));
        let refused = "'soon' does not seem to be a valid datetime for field 'Label'";
        assert_eq!(take("create_date", "soon"), Err(refused.to_owned()));
    }

    #[test]
    fn a_record_is_referred_to_in_one_way() {
        let raw = |names: &[&str]| -> Raw {
            names.iter().map(|name| ((*name).to_owned(), Cell::Value("a".into()))).collect()
        };
        assert_eq!(reference(&raw(&[EXTERNAL])).unwrap().0, EXTERNAL);
        assert!(reference(&raw(&[EXTERNAL, DATABASE])).unwrap_err().labelled("F").message.starts_with("Ambiguous"));
        assert!(reference(&raw(&["code"])).unwrap_err().message.starts_with("Can not create"));
    }
}
