//! Commands: how the records of a one2many or many2many change. `[0, _, values]` makes one, `[1, id, values]` writes,
//! `[2, id]` deletes, `[3, id]` lets go, `[4, id]` takes in, `[5]` lets all go, `[6, _, ids]` has these and no others.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query as Sql};
use serde_json::{Map, Value};

use super::access;
use super::env::Env;
use super::field::{Field, Kind, Relation};
use super::query::{self, column};
use super::registry::Model;
use super::{read, write};
use crate::error::{Error, Result};
use crate::python;

/// One change of the records of a relation.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Create(Map<String, Value>),
    Update(i32, Map<String, Value>),
    Delete(i32),
    Unlink(i32),
    Link(i32),
    Clear,
    Set(Vec<i32>),
}

/// Reads the value of a one2many or many2many field: commands, or ids that take the place of all.
///
/// # Errors
/// A `ValueError`, `TypeError` or `IndexError` for what are no commands.
pub fn parse(field: &Field, value: &Value) -> Result<Vec<Command>> {
    let items = match value {
        Value::Null | Value::Bool(false) => return Ok(vec![Command::Clear]),
        Value::Array(items) => items,
        other => {
            let shown = python::text(other);
            return Err(Error::value_error(format!("Wrong value for {}.{}: {shown}", field.model, field.name)));
        }
    };
    if items.iter().any(Value::is_number) {
        return Ok(vec![Command::Set(items.iter().map(id).collect::<Result<_>>()?)]);
    }
    let mut commands = Vec::new();
    for item in items {
        let Value::Array(parts) = item else {
            return Err(Error::value_error(format!(
                "Wrong value for {}.{}: {}",
                field.model,
                field.name,
                python::repr(value)
            )));
        };
        let part = |index: usize| parts.get(index).ok_or_else(index_error);
        let values = |index: usize| match part(index)? {
            Value::Object(values) => Ok(values.clone()),
            other => python::dict(other.clone()),
        };
        commands.push(match part(0)?.as_i64() {
            Some(0) => Command::Create(if parts.len() < 3 { Map::new() } else { values(2)? }),
            Some(1) => Command::Update(id(part(1)?)?, values(2)?),
            Some(2) => Command::Delete(id(part(1)?)?),
            Some(3) => Command::Unlink(id(part(1)?)?),
            Some(4) => Command::Link(id(part(1)?)?),
            Some(5) => Command::Clear,
            Some(6) => Command::Set(python::list(part(2)?.clone())?.iter().map(id).collect::<Result<_>>()?),
            // Others are passed over.
            _ => continue,
        });
    }
    Ok(commands)
}

fn index_error() -> Error {
    Error::Python { name: "builtins.IndexError", message: "list index out of range".to_owned() }
}

fn id(value: &Value) -> Result<i32> {
    let id = python::int(value)?;
    i32::try_from(id).map_err(|_| Error::Python {
        name: "psycopg2.errors.NumericValueOutOfRange",
        message: "integer out of range\n".to_owned(),
    })
}

/// The commands of each of several records, by its id.
pub type OfRecords = Vec<(i32, Vec<Command>)>;

/// Applies commands to a field of new records, which have nothing in it yet: commands of many records at once.
///
/// # Errors
/// As [`apply`].
pub async fn apply_to_new(env: &Env<'_>, model: &Model, field: &Arc<Field>, rows: OfRecords) -> Result<()> {
    let rows: Vec<_> = rows.into_iter().filter(|(_, commands)| !commands.is_empty()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let comodel = env.model(field.comodel()).await?;
    let env = env.without_defaults();
    match (&field.table, field.inverse.as_deref().and_then(|inverse| comodel.field(inverse)).cloned()) {
        (Some(relation), _) => {
            Many2many { env: &env, ids: &[], comodel: &comodel, relation }.apply_to_new(rows).await?;
        }
        (None, Some(inverse)) => {
            let list = One2many { env: &env, model, ids: &[], field, comodel: &comodel, inverse: &inverse };
            list.apply_to_new(rows).await?;
        }
        (None, None) => {}
    }
    env.note_changes(&model.name, &[], std::iter::once(field.name.as_str())).await
}

/// Applies commands to a field of records.
///
/// # Errors
/// Those of creating, writing and deleting records; a `MissingError` for records that are not there.
pub async fn apply(
    env: &Env<'_>,
    model: &Model,
    ids: &[i32],
    field: &Arc<Field>,
    commands: Vec<Command>,
) -> Result<()> {
    if ids.is_empty() || commands.is_empty() {
        return Ok(());
    }
    let comodel = env.model(field.comodel()).await?;
    let env = env.without_defaults();
    match (&field.table, field.inverse.as_deref().and_then(|inverse| comodel.field(inverse)).cloned()) {
        (Some(relation), _) => Many2many { env: &env, ids, comodel: &comodel, relation }.apply(commands).await?,
        (None, Some(inverse)) => {
            One2many { env: &env, model, ids, field, comodel: &comodel, inverse: &inverse }.apply(commands).await?;
        }
        (None, None) => {}
    }
    env.note_changes(&model.name, ids, std::iter::once(field.name.as_str())).await
}

struct One2many<'e, 'a> {
    env: &'e Env<'a>,
    model: &'e Model,
    ids: &'e [i32],
    field: &'e Arc<Field>,
    comodel: &'e Model,
    inverse: &'e Field,
}

impl One2many<'_, '_> {
    async fn apply_to_new(&self, rows: OfRecords) -> Result<()> {
        let mut made = Vec::new();
        for (owner, commands) in rows {
            for command in commands {
                match command {
                    Command::Create(mut values) => {
                        self.point(&mut values, owner);
                        made.push(values);
                    }
                    Command::Update(id, values) => write::write(self.env, self.comodel, &[id], values).await?,
                    Command::Delete(id) => write::unlink(self.env, self.comodel, &[id]).await?,
                    Command::Unlink(id) => self.let_go(vec![id]).await?,
                    Command::Link(id) => self.take_in(vec![id], owner).await?,
                    Command::Clear => {}
                    Command::Set(ids) => self.take_in(ids, owner).await?,
                }
            }
        }
        if !made.is_empty() {
            write::create(self.env, self.comodel, made).await?;
        }
        Ok(())
    }

    async fn apply(&self, commands: Vec<Command>) -> Result<()> {
        let Some(last) = self.ids.last().copied() else { return Ok(()) };
        let mut made = Vec::new();
        for command in commands {
            match command {
                Command::Create(values) => {
                    for id in self.ids {
                        let mut values = values.clone();
                        self.point(&mut values, *id);
                        made.push(values);
                    }
                }
                Command::Update(id, values) => write::write(self.env, self.comodel, &[id], values).await?,
                Command::Delete(id) => write::unlink(self.env, self.comodel, &[id]).await?,
                Command::Unlink(id) => self.let_go(vec![id]).await?,
                Command::Link(id) => self.take_in(vec![id], last).await?,
                Command::Clear => self.let_go(self.current().await?).await?,
                Command::Set(ids) => {
                    let current = self.current().await?;
                    let gone = current.iter().copied().filter(|id| !ids.contains(id)).collect();
                    self.let_go(gone).await?;
                    self.take_in(ids.into_iter().filter(|id| !current.contains(id)).collect(), last).await?;
                }
            }
        }
        if !made.is_empty() {
            write::create(self.env, self.comodel, made).await?;
        }
        Ok(())
    }

    fn point(&self, values: &mut Map<String, Value>, id: i32) {
        values.insert(self.inverse.name.clone(), id.into());
        if self.inverse.kind == Kind::Many2oneReference
            && let Some(model_field) = super::reference_model_field(self.comodel, self.inverse)
        {
            values.insert(model_field.to_owned(), self.model.name.clone().into());
        }
    }

    async fn current(&self) -> Result<Vec<i32>> {
        let env = self.env.sudo().with("active_test", false);
        let values = read::values(&env, self.model, self.ids, self.field).await?;
        Ok(values.iter().flat_map(read::ids_in).collect())
    }

    /// Records without their owner: those that cannot be without one are deleted.
    async fn let_go(&self, ids: Vec<i32>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        if self.inverse.ondelete.as_deref() == Some("cascade") || self.inverse.required {
            return write::unlink(self.env, self.comodel, &ids).await;
        }
        let values = Map::from_iter([(self.inverse.name.clone(), Value::Bool(false))]);
        write::write(self.env, self.comodel, &ids, values).await
    }

    async fn take_in(&self, ids: Vec<i32>, owner: i32) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut values = Map::new();
        self.point(&mut values, owner);
        write::write(self.env, self.comodel, &ids, values).await
    }
}

struct Many2many<'e, 'a> {
    env: &'e Env<'a>,
    ids: &'e [i32],
    comodel: &'e Model,
    relation: &'e Relation,
}

impl Many2many<'_, '_> {
    async fn apply_to_new(&self, rows: OfRecords) -> Result<()> {
        let mut pairs = Vec::new();
        let (mut owners, mut made) = (Vec::new(), Vec::new());
        for (owner, commands) in rows {
            for command in commands {
                match command {
                    Command::Create(values) => {
                        owners.push(owner);
                        made.push(values);
                    }
                    Command::Update(id, values) => write::write(self.env, self.comodel, &[id], values).await?,
                    Command::Delete(id) => write::unlink(self.env, self.comodel, &[id]).await?,
                    Command::Unlink(id) => pairs.retain(|pair| *pair != (owner, id)),
                    Command::Link(id) => pairs.push((owner, id)),
                    Command::Clear => pairs.retain(|(of, _)| *of != owner),
                    Command::Set(ids) => {
                        pairs.retain(|(of, _)| *of != owner);
                        pairs.extend(ids.into_iter().map(|id| (owner, id)));
                    }
                }
            }
        }
        if !made.is_empty() {
            pairs.extend(owners.into_iter().zip(write::create(self.env, self.comodel, made).await?));
        }
        self.join(&pairs).await
    }

    async fn apply(&self, commands: Vec<Command>) -> Result<()> {
        let mut made = Vec::new();
        for command in commands {
            match command {
                Command::Create(values) => made.push(values),
                Command::Update(id, values) => write::write(self.env, self.comodel, &[id], values).await?,
                Command::Delete(id) => write::unlink(self.env, self.comodel, &[id]).await?,
                Command::Unlink(id) => self.let_go(Some(&[id])).await?,
                Command::Link(id) => self.take_in(&[id]).await?,
                Command::Clear => self.let_go(None).await?,
                Command::Set(ids) => {
                    self.let_go_others(&ids).await?;
                    self.take_in(&ids).await?;
                }
            }
        }
        if !made.is_empty() {
            let ids = write::create(self.env, self.comodel, made).await?;
            self.take_in(&ids).await?;
        }
        Ok(())
    }

    fn own(&self) -> Expr {
        let ids: Vec<i64> = self.ids.iter().map(|id| i64::from(*id)).collect();
        query::one_of(column(&self.relation.table, &self.relation.own), &ids, self.env.is_sqlite())
    }

    async fn delete(&self, which: Option<Expr>) -> Result<()> {
        let mut delete = Sql::delete();
        delete.from_table(Alias::new(&self.relation.table)).and_where(self.own());
        if let Some(which) = which {
            delete.and_where(which);
        }
        self.env.execute_on(self.comodel, &[], &delete).await
    }

    fn others(&self, ids: &[i32]) -> Expr {
        let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
        query::one_of(column(&self.relation.table, &self.relation.other), &ids, self.env.is_sqlite())
    }

    async fn let_go(&self, ids: Option<&[i32]>) -> Result<()> {
        self.delete(ids.map(|ids| self.others(ids))).await
    }

    async fn let_go_others(&self, ids: &[i32]) -> Result<()> {
        self.delete(Some(self.others(ids).not())).await
    }

    async fn take_in(&self, ids: &[i32]) -> Result<()> {
        let pairs: Vec<(i32, i32)> = self.ids.iter().flat_map(|own| ids.iter().map(|id| (*own, *id))).collect();
        self.join(&pairs).await
    }

    /// Inserts pairs of records and members, as far as they are not there.
    async fn join(&self, pairs: &[(i32, i32)]) -> Result<()> {
        if pairs.is_empty() {
            return Ok(());
        }
        // Whom the caller may not see, the caller cannot take in.
        let members: BTreeSet<i32> = pairs.iter().map(|(_, member)| *member).collect();
        let existing = read::existing(self.env, self.comodel, &members.iter().copied().collect::<Vec<_>>()).await?;
        if !self.env.is_superuser() {
            access::check_records(self.env, self.comodel, &existing, access::Operation::Read).await?;
        }
        if existing.len() < members.len() {
            return Err(self.env.series().foreign_key_violated(&self.comodel.name));
        }
        let columns = [Alias::new(&self.relation.own), Alias::new(&self.relation.other)];
        let distinct: BTreeSet<(i32, i32)> = pairs.iter().copied().collect();
        let distinct: Vec<(i32, i32)> = distinct.into_iter().collect();
        for chunk in distinct.chunks(write::PARAMETERS / 2) {
            let mut insert = Sql::insert();
            insert.into_table(Alias::new(&self.relation.table)).columns(columns.clone());
            for (own, other) in chunk {
                insert.values_panic([Expr::val(*own), Expr::val(*other)]);
            }
            insert.on_conflict(OnConflict::columns(columns.clone()).do_nothing().to_owned());
            self.env.execute_on(self.comodel, &[], &insert).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::field::FieldDefinition;
    use super::*;

    fn field() -> Field {
        let definition = serde_json::from_value::<FieldDefinition>(json!({"type": "many2many", "relation": "b"}));
        Field::new("a", "b_ids".to_owned(), definition.unwrap())
    }

    #[test]
    fn commands_and_what_stands_for_them() {
        let parse = |value: Value| super::parse(&field(), &value);
        assert_eq!(parse(json!(false)).unwrap(), [Command::Clear]);
        assert_eq!(parse(json!([])).unwrap(), []);
        assert_eq!(parse(json!([3, 4])).unwrap(), [Command::Set(vec![3, 4])]);
        assert_eq!(
            parse(json!([[0, "virtual_3", {"x": 1}], [3, 7, 0], [5], [6, 0, [1]], [9, 0, 0]])).unwrap(),
            [
                Command::Create(Map::from_iter([("x".to_owned(), json!(1))])),
                Command::Unlink(7),
                Command::Clear,
                Command::Set(vec![1]),
            ]
        );
        assert_eq!(parse(json!([[]])).unwrap_err().to_string(), "list index out of range");
        assert_eq!(parse(json!("x")).unwrap_err().to_string(), "Wrong value for a.b_ids: x");
    }
}
