//! What is said when a row breaks a rule of its table.

use std::sync::Arc;

use sea_orm::sea_query::{Alias, Query as Sql};
use serde_json::Value;

use super::env::Env;
use super::field::{Field, Kind};
use super::query::{self, column};
use super::read;
use super::registry::{Constraint, ConstraintKind, Model};
use crate::database::dialect::{self, Violation};
use crate::error::{Error, Result};

/// What a person is told of a failed INSERT or UPDATE of these values.
pub async fn explain<'v>(
    env: &Env<'_>,
    model: &Model,
    error: Error,
    written: impl Iterator<Item = (&'v String, &'v (Arc<Field>, Value))> + Send,
) -> Error {
    let Error::Database(failure) = &error else { return error };
    let Some(violation) = dialect::violation(failure) else { return error };
    match violation {
        Violation::Unique { name, columns } => unique(model, name.as_deref(), &columns),
        Violation::Check { name } => match constraint(model, |constraint| constraint.name(&model.table) == name) {
            Some(message) => Error::ValidationError(format!("The operation cannot be completed: {message}")),
            None => error,
        },
        Violation::ForeignKey => {
            let comodel = missing_target(env, written).await.unwrap_or_else(|| model.name.clone());
            env.series().foreign_key_violated(&comodel)
        }
    }
}

fn constraint(model: &Model, is: impl Fn(&Constraint) -> bool) -> Option<&str> {
    model.constraints.iter().find(|constraint| is(constraint)).and_then(Constraint::message)
}

fn unique(model: &Model, name: Option<&str>, columns: &[String]) -> Error {
    let broken = model.constraints.iter().find(|constraint| {
        let ConstraintKind::Unique(of) = &constraint.1 else { return false };
        name.map_or_else(|| of.as_slice() == columns, |name| constraint.name(&model.table) == name)
    });
    let known = broken.map(|constraint| constraint.name(&model.table)).or_else(|| name.map(str::to_owned));
    let known = known.unwrap_or_else(|| format!("{}_{}", model.table, columns.join("_")));
    let message = broken
        .and_then(Constraint::message)
        .map_or_else(|| format!("duplicate key value violates unique constraint \"{known}\"\n"), str::to_owned);
    Error::ValidationError(format!("The operation cannot be completed: {message}"))
}

/// The model of a record that was referred to and is not there. Only SQLite can still be asked: PostgreSQL's transaction
/// is over with the error.
async fn missing_target<'v>(
    env: &Env<'_>,
    written: impl Iterator<Item = (&'v String, &'v (Arc<Field>, Value))> + Send,
) -> Option<String> {
    if !env.is_sqlite() {
        return None;
    }
    let links: Vec<(String, i32)> = written
        .filter(|(_, (field, _))| field.kind == Kind::Many2one)
        .filter_map(|(_, (field, value))| Some((field.comodel().to_owned(), read::ids_in(value).first().copied()?)))
        .collect();
    for (comodel, id) in links {
        let model = env.model(&comodel).await.ok()?;
        if read::existing(env, &model, &[id]).await.ok()?.is_empty() {
            return Some(comodel);
        }
    }
    None
}

/// What a person is told who deletes records that others need.
pub async fn explain_unlink(env: &Env<'_>, model: &Model, ids: &[i32], error: Error) -> Error {
    let Error::Database(failure) = &error else { return error };
    if !matches!(dialect::violation(failure), Some(Violation::ForeignKey)) {
        return error;
    }
    let troublemaker = if env.is_sqlite() { referrer(env, model, ids).await.ok().flatten() } else { None };
    env.series().foreign_key_violated(&troublemaker.unwrap_or_else(|| model.name.clone()))
}

/// A model that keeps one of the records from being deleted.
async fn referrer(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<String>> {
    let registry = env.registry().await?;
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    for (other, name) in registry.referrers(&model.name) {
        let Some((other, field)) = registry.get(other).and_then(|model| Some((model, model.field(name)?))) else {
            continue;
        };
        if field.ondelete.as_deref() != Some("restrict") {
            continue;
        }
        let select = Sql::select()
            .expr(column(&other.table, "id"))
            .from(Alias::new(&other.table))
            .and_where(query::one_of(column(&other.table, name), &wanted, env.is_sqlite()))
            .limit(1)
            .take();
        if env.row(&select).await?.is_some() {
            return Ok(Some(other.name.clone()));
        }
    }
    Ok(None)
}
