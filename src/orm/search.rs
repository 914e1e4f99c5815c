//! Finding records: `search`, `search_count`.

use serde_json::Value;

use super::access::{self, Operation};
use super::domain::{Domain, Operator};
use super::env::Env;
use super::query::Query;
use super::registry::Model;
use crate::error::{Error, Result};
use crate::python;

/// Which of the records that are found are wanted, and in what order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub offset: u64,
    pub limit: Option<u64>,
    pub order: Option<String>,
}

impl Page {
    /// Reads the arguments `offset`, `limit` and `order`.
    ///
    /// # Errors
    /// PostgreSQL's refusal of negative numbers; a `TypeError` or `ValueError` for what is no number.
    pub fn parse(offset: &Value, limit: &Value, order: &Value) -> Result<Self> {
        let negative = |name: &'static str, message: &str| Error::Python { name, message: format!("{message}\n") };
        let number = |value: &Value| if python::truth(value) { python::int(value) } else { Ok(0) };
        let offset = u64::try_from(number(offset)?).map_err(|_| {
            negative("psycopg2.errors.InvalidRowCountInResultOffsetClause", "OFFSET must not be negative")
        })?;
        let limit = u64::try_from(number(limit)?)
            .map_err(|_| negative("psycopg2.errors.InvalidRowCountInLimitClause", "LIMIT must not be negative"))?;
        let order = Some(order).filter(|order| python::truth(order)).map(python::text);
        Ok(Self { offset, limit: Some(limit).filter(|limit| *limit > 0), order })
    }
}

/// A query for the records of `domain` that the caller may see: rights, record rules and `active_test` in it.
///
/// # Errors
/// An `AccessError`; what the series says of a domain that cannot be; a failure of the database.
pub async fn query<'e, 'a>(env: &'e Env<'a>, model: &'e Model, domain: &Domain) -> Result<Query<'e, 'a>> {
    let behaviour = crate::models::behaviour(&model.name);
    if !behaviour.searches_without_rights(env.series()) {
        access::check_model(env, model, Operation::Read).await?;
    }
    let mut all = vec![domain.clone(), behaviour.searched(env, domain)];
    if let Some(active) = model.active_field()
        && env.context().get("active_test").is_none_or(python::truth)
        && !domain.mentions(active)
    {
        all.push(Domain::leaf(active, Operator::Eq, true));
    }
    let mut query = Query::new(env, model);
    query.filter(&Domain::and(all)).await?;
    if !model.has_table() {
        let message = format!("relation \"{}\" does not exist\n", model.name.replace('.', "_"));
        return Err(Error::Python { name: "psycopg2.errors.UndefinedTable", message });
    }
    access::restrict(env, &mut query, Operation::Read).await?;
    Ok(query)
}

/// A [`query`] for a page of the records, in its order or that of the model.
///
/// # Errors
/// As [`query`].
pub async fn paged<'e, 'a>(env: &'e Env<'a>, model: &'e Model, domain: &Domain, page: &Page) -> Result<Query<'e, 'a>> {
    let mut query = query(env, model, domain).await?;
    query.order(page.order.as_deref().unwrap_or(&model.order)).await?;
    query.page(page.offset, page.limit);
    Ok(query)
}

/// The records of `domain`.
///
/// # Errors
/// As [`query`].
pub async fn search(env: &Env<'_>, model: &Model, domain: &Domain, page: &Page) -> Result<Vec<i32>> {
    let query = paged(env, model, domain, page).await?;
    let id = super::query::column(query.alias(), "id");
    let mut select = query.into_select();
    env.ids(select.expr(id)).await
}

/// The records of `domain`, in no order.
///
/// # Errors
/// As [`query`].
pub async fn ids(env: &Env<'_>, model: &Model, domain: &Domain) -> Result<Vec<i32>> {
    let query = query(env, model, domain).await?;
    let id = super::query::column(query.alias(), "id");
    let mut select = query.into_select();
    env.ids(select.expr(id)).await
}

/// How many records there are of `domain`, counted up to `limit`.
///
/// # Errors
/// As [`query`].
pub async fn count(env: &Env<'_>, model: &Model, domain: &Domain, limit: Option<u64>) -> Result<i64> {
    use sea_orm::sea_query::{Alias, Expr, Func, Query as Sql};
    let mut query = query(env, model, domain).await?;
    query.page(0, limit);
    let all = || -> Expr { Func::count(Expr::cust("*")).into() };
    let mut select = query.into_select();
    let select = if limit.is_some() {
        select.expr(Expr::val(1));
        Sql::select().expr(all()).from_subquery(select, Alias::new("q")).take()
    } else {
        select.expr(all()).take()
    };
    let row = env.row(&select).await?;
    Ok(row.map(|row| row.get(0)).transpose()?.unwrap_or_default())
}
