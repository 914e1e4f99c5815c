//! From domains and orders to SQL: one SELECT over a model's table, with sub-selects for relations.
//!
//! Nulls and false, patterns and wildcards mean on both databases what they mean on Odoo's PostgreSQL. SQLite gets the
//! operators that are case-sensitive where PostgreSQL's are (`GLOB` for `LIKE`), and regular expressions for
//! `ilike` with letters beyond ASCII.

use std::collections::HashMap;
use std::pin::Pin;

use sea_orm::sea_query::{
    Alias, BinOper, CaseStatement, CommonTableExpression, Expr, ExprTrait, Func, LikeExpr, NullOrdering, Order,
    PostgresQueryBuilder, Query as Sql, SelectStatement, SqliteQueryBuilder, UnionType, WithClause,
};
use sea_orm::{ConnectionTrait, DbErr};
use serde::Deserialize as _;
use serde_json::Value;

use super::domain::{Domain, Leaf, Operator};
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::Model;
use super::temporal::{self, NumberPart, Surroundings};
use super::{access, convert, group, names};
use crate::database::DEFAULT_LANG;
use crate::error::{Error, Result};
use crate::models;
use crate::python;
use crate::series::Series;

/// A list of ids as long as this is compared as a list of numbers; a longer one as one JSON parameter.
const INLINE: usize = 200;
/// How many conditions are joined without brackets.
const JOINED: usize = 100;
/// How many arguments a JSON function takes at most (PostgreSQL: 100).
const ARGUMENTS: usize = 100;

type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// `table.name`.
#[must_use]
pub fn column(table: &str, name: &str) -> Expr {
    Expr::col((Alias::new(table), Alias::new(name)))
}

/// The text of a translated column in a language, or in the language that all have.
#[must_use]
pub fn translated(column: Expr, lang: &str) -> Expr {
    let text = |column: Expr, lang: &str| column.binary(BinOper::Custom("->>"), Expr::val(lang));
    if lang == DEFAULT_LANG {
        return text(column, lang);
    }
    Func::coalesce([text(column.clone(), lang), text(column, DEFAULT_LANG)]).into()
}

/// Whether a boolean is true, as either database shows one in JSON.
#[must_use]
pub fn is_true(value: &Value) -> bool {
    *value == true || *value == 1
}

/// A query of which the database writes `columns` as JSON: one text, `[[[…], …], …]`, a list of lists a row (a
/// function has no more than [`ARGUMENTS`] arguments).
#[must_use]
pub fn as_json(mut select: SelectStatement, columns: &[Expr], sqlite: bool) -> SelectStatement {
    let (array, aggregate) = if sqlite { ("json_array", "json_group_array") } else { ("json_build_array", "json_agg") };
    let chunks: Vec<Expr> = columns
        .chunks(ARGUMENTS)
        .map(|chunk| Func::cust(Alias::new(array)).args(chunk.iter().cloned()).into())
        .collect();
    select.expr_as(Func::cust(Alias::new(array)).args(chunks), Alias::new("j"));
    let row = column("q", "j");
    // SQLite forgets that a column of a sub-select is JSON.
    let row = if sqlite { Func::cust(Alias::new("json")).arg(row).into() } else { row };
    let all: Expr = Func::cust(Alias::new(aggregate)).arg(row).into();
    let all = if sqlite { all } else { all.cast_as(Alias::new("text")) };
    Sql::select().expr(all).from_subquery(select, Alias::new("q")).take()
}

/// The values of a column in the rows of a query, as one text for a cell of another query; see [`list`].
#[must_use]
pub fn as_list(select: SelectStatement, column: Expr, sqlite: bool) -> Expr {
    Expr::SubQuery(None, Box::new(as_json(select, &[column], sqlite).into()))
}

/// The whole numbers in a cell that is [a list](as_list).
///
/// # Errors
/// It is none.
pub fn list(cell: &Value) -> Result<Vec<i32>, DbErr> {
    // SQLite may know that it is JSON.
    let rows: Result<Vec<[[i32; 1]; 1]>, _> = match cell {
        Value::String(text) => serde_json::from_str(text),
        Value::Null => Ok(Vec::new()),
        cell => Vec::deserialize(cell),
    };
    let rows = rows.map_err(|error| DbErr::Custom(format!("the database wrote no list: {error}")))?;
    Ok(rows.into_iter().map(|[[number]]| number).collect())
}

/// Sets a column to null in all rows.
///
/// # Errors
/// A failure of the database.
pub async fn clear_column(db: &impl ConnectionTrait, table: &str, name: &str) -> Result<(), DbErr> {
    let null: Option<i32> = None;
    let update = Sql::update().table(Alias::new(table)).value(Alias::new(name), null).take();
    db.execute(&update).await.map(|_| ())
}

/// `value IN (ids)`.
#[must_use]
pub fn one_of(value: Expr, ids: &[i64], sqlite: bool) -> Expr {
    if ids.len() <= INLINE {
        return value.is_in(ids.iter().copied());
    }
    let list = Value::from(ids.to_vec()).to_string();
    let (function, argument) = if sqlite {
        ("json_each", Expr::val(list))
    } else {
        ("json_array_elements_text", Expr::val(list).cast_as(Alias::new("json")))
    };
    let element = column("ids", "value").cast_as(Alias::new("bigint"));
    let select = Sql::select()
        .expr(element)
        .from_function(Func::cust(Alias::new(function)).arg(argument), Alias::new("ids"))
        .take();
    value.in_subquery(select)
}

/// What expressions depend on.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    pub sqlite: bool,
    pub series: Series,
    pub surroundings: Surroundings,
}

impl Dialect {
    /// What expressions of the caller depend on.
    #[must_use]
    pub fn of(env: &Env<'_>) -> Self {
        let series = env.series();
        let zone = env.context().get("tz").and_then(Value::as_str).and_then(temporal::zone);
        let surroundings = Surroundings {
            reader: series.reader_of_dates(),
            now: env.now(),
            zone: zone.unwrap_or(chrono_tz::UTC),
            week_start: chrono::Weekday::Mon,
        };
        Self { sqlite: env.is_sqlite(), series, surroundings }
    }

    /// What the rules of tables depend on: no caller, and no time.
    #[must_use]
    pub fn of_tables(sqlite: bool, series: Series) -> Self {
        let surroundings = Surroundings {
            reader: series.reader_of_dates(),
            now: chrono::NaiveDateTime::default(),
            zone: chrono_tz::UTC,
            week_start: chrono::Weekday::Mon,
        };
        Self { sqlite, series, surroundings }
    }
}

/// A SELECT over the records of a model.
pub struct Query<'e, 'a> {
    env: &'e Env<'a>,
    model: &'e Model,
    /// The name of the model's table in the statement.
    alias: String,
    select: SelectStatement,
    /// The tables that orders need, by path.
    joins: HashMap<String, String>,
}

impl<'e, 'a> Query<'e, 'a> {
    /// All records.
    #[must_use]
    pub fn new(env: &'e Env<'a>, model: &'e Model) -> Self {
        let alias = model.table.clone();
        let select = Sql::select().from(Alias::new(&model.table)).take();
        Self { env, model, alias, select, joins: HashMap::new() }
    }

    /// The records of these ids.
    #[must_use]
    pub fn of_ids(env: &'e Env<'a>, model: &'e Model, ids: &[i32]) -> Self {
        let mut query = Self::new(env, model);
        let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
        query.select.and_where(one_of(column(&query.alias, "id"), &ids, env.is_sqlite()));
        query
    }

    /// The records of `domain` only.
    ///
    /// # Errors
    /// What the series says of conditions that cannot be; a failure of the database.
    pub async fn filter(&mut self, domain: &Domain) -> Result<()> {
        let mut names = Names::default();
        let condition = condition(self.env, self.model, &self.alias, domain, &mut names).await?;
        self.select.and_where(condition);
        Ok(())
    }

    /// In that order: `name desc, id`.
    ///
    /// # Errors
    /// What the series says of an order that cannot be; a failure of the database.
    pub async fn order(&mut self, order: &str) -> Result<()> {
        for term in parse_order(order)? {
            self.order_by(&term).await?;
        }
        Ok(())
    }

    async fn order_by(&mut self, term: &OrderTerm) -> Result<()> {
        let (model, alias) = (self.model, self.alias.clone());
        let mut seen = Vec::new();
        for (expression, descending) in self.terms(model, &alias, "", term, &mut seen).await? {
            let order = if descending { Order::Desc } else { Order::Asc };
            if term.field == "id" && term.nulls_first.is_none() {
                // An id is never null, and SQLite uses an index for an order without these words only.
                self.select.order_by_expr(expression, order);
                continue;
            }
            // PostgreSQL has nulls last, or first where the order is descending.
            let first = term.nulls_first.unwrap_or(descending);
            let nulls = if first { NullOrdering::First } else { NullOrdering::Last };
            self.select.order_by_expr_with_nulls(expression, order, nulls);
        }
        Ok(())
    }

    /// What records are sorted by, and whether descending, with the tables joined that it needs.
    ///
    /// # Errors
    /// What the series says of an order that cannot be; a failure of the database.
    pub async fn sorted_by(&mut self, term: &OrderTerm) -> Result<Vec<(Expr, bool)>> {
        let (model, alias) = (self.model, self.alias.clone());
        self.terms(model, &alias, "", term, &mut Vec::new()).await
    }

    /// What a term of an order sorts by, and whether descending: for a many2one, the order of the other model.
    fn terms<'s>(
        &'s mut self,
        model: &'s Model,
        alias: &'s str,
        path: &'s str,
        term: &'s OrderTerm,
        seen: &'s mut Vec<String>,
    ) -> Step<'s, Vec<(Expr, bool)>> {
        Box::pin(async move {
            let series = self.env.series();
            let (name, rest) = term.field.split_once('.').map_or((term.field.as_str(), None), |(a, b)| (a, Some(b)));
            let Some(field) = model.field(name) else { return Err(series.invalid_field_in_order(&model.name, name)) };
            access::check_field(self.env, model, field, super::access::Operation::Read).await?;
            if let Some(rest) = rest
                && !(rest == "id" && field.kind == Kind::Many2one)
            {
                return Err(series.invalid_path_in_order(&model.name, name, rest));
            }
            if let Some(related) = field.related.as_deref() {
                // Along the path, by left joins.
                let (link, target) = related.split_once('.').unwrap_or((related, "id"));
                let Some(link_field) = model.field(link).filter(|link| link.kind == Kind::Many2one && link.is_column())
                else {
                    return self.unsortable(model, field);
                };
                let (comodel, joined) = self.join(alias, path, link_field).await?;
                let term = OrderTerm { field: target.to_owned(), ..term.clone() };
                let path = format!("{path}.{link}");
                return self.terms(&comodel, &joined, &path, &term, seen).await;
            }
            if !field.is_column() {
                return self.unsortable(model, field);
            }
            let own = column(alias, name);
            if field.kind == Kind::Many2one && rest.is_none() {
                let path = format!("{path}.{name}");
                let key = format!("{}.{name}", model.name);
                if seen.contains(&key) {
                    return Ok(vec![(own, term.descending)]);
                }
                seen.push(key);
                let (comodel, joined) = self.join(alias, &path, field).await?;
                let mut terms = Vec::new();
                for inner in parse_order(&comodel.order)? {
                    if inner.field == "id" && comodel.order.trim() == "id" {
                        terms.push((own.clone(), term.descending));
                        continue;
                    }
                    let inner = OrderTerm { descending: inner.descending != term.descending, ..inner };
                    terms.extend(self.terms(&comodel, &joined, &path, &inner, seen).await?);
                }
                seen.pop();
                return Ok(terms);
            }
            let expression = match field.kind {
                Kind::Boolean => Func::coalesce([own, false.into()]).into(),
                _ if field.translate => translated(own, &self.env.lang().await?),
                _ => own,
            };
            Ok(vec![(expression, term.descending)])
        })
    }

    fn unsortable(&self, model: &Model, field: &Field) -> Result<Vec<(Expr, bool)>> {
        match self.env.series().unsortable_field(&model.name, &field.name) {
            Some(error) => Err(error),
            None => Ok(Vec::new()),
        }
    }

    /// Joins the table that a many2one of `alias` refers to, once a path.
    async fn join(&mut self, alias: &str, path: &str, field: &Field) -> Result<(std::sync::Arc<Model>, String)> {
        let comodel = self.env.model(field.comodel()).await?;
        let key = format!("{path}.{}", field.name);
        let next = format!("j{}", self.joins.len());
        let joined = self.joins.entry(key).or_insert_with(|| next.clone()).clone();
        if joined == next {
            let on = column(alias, &field.name).eq(column(&joined, "id"));
            self.select.join_as(sea_orm::JoinType::LeftJoin, Alias::new(&comodel.table), Alias::new(&joined), on);
        }
        Ok((comodel, joined))
    }

    /// At most that many, after as many have been left out.
    pub fn page(&mut self, offset: u64, limit: Option<u64>) {
        if offset > 0 {
            self.select.offset(offset);
        }
        match limit {
            Some(limit) => {
                self.select.limit(limit);
            }
            // SQLite has no offset without a limit.
            None if offset > 0 && self.env.is_sqlite() => {
                self.select.limit(i64::MAX.unsigned_abs());
            }
            None => {}
        }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &'e Model {
        self.model
    }

    /// The name of the model's table in the statement.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// The statement, whose columns are still to be told.
    #[must_use]
    pub fn into_select(self) -> SelectStatement {
        self.select
    }

    /// The statement, for more conditions and groups.
    pub fn select(&mut self) -> &mut SelectStatement {
        &mut self.select
    }
}

/// A condition that was put together once, as SQL, for many statements.
#[derive(Debug)]
pub struct Rendered {
    sql: String,
    values: Vec<sea_orm::Value>,
}

impl Rendered {
    /// Renders a condition. On SQLite numbers are part of the text, which is faster to put into a statement; PostgreSQL
    /// would have a statement for each user.
    #[must_use]
    pub fn new(condition: Expr, sqlite: bool) -> Self {
        use sea_orm::Value::{BigInt, Bool, Int};
        let select = Sql::select().expr(condition).take();
        let (mut sql, mut values) =
            if sqlite { select.build(SqliteQueryBuilder) } else { select.build(PostgresQueryBuilder) };
        if sqlite && values.0.iter().all(|value| matches!(value, BigInt(_) | Bool(_) | Int(_))) {
            sql = select.to_string(SqliteQueryBuilder);
            values.0.clear();
        }
        let condition = sql.strip_prefix("SELECT ").unwrap_or(&sql);
        Self { sql: format!("({condition})"), values: values.0 }
    }

    /// The condition.
    #[must_use]
    pub fn condition(&self) -> Expr {
        if self.values.is_empty() {
            return Expr::cust(self.sql.clone());
        }
        Expr::cust_with_values(self.sql.clone(), self.values.iter().cloned())
    }
}

/// One term of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderTerm {
    /// The field: `name`, `country_id.id`, `date:month`.
    pub field: String,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

/// Reads an order.
///
/// # Errors
/// Odoo's `UserError` for one that is malformed.
pub fn parse_order(order: &str) -> Result<Vec<OrderTerm>> {
    let invalid = || {
        Error::UserError(format!(
            "Invalid \"order\" specified ({order}). A valid \"order\" specification is a comma-separated list of valid \
             field names (optionally followed by asc/desc for the direction)"
        ))
    };
    let mut terms = Vec::new();
    for part in order.split(',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let Some((name, rest)) = words.split_first() else { return Err(invalid()) };
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
        if name.is_empty() || !name.chars().all(inner) {
            return Err(invalid());
        }
        let rest: Vec<String> = rest.iter().map(|word| word.to_lowercase()).collect();
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let (descending, nulls) = match rest.as_slice() {
            ["desc", nulls @ ..] => (true, nulls),
            ["asc", nulls @ ..] | nulls => (false, nulls),
        };
        let nulls_first = match nulls {
            [] => None,
            ["nulls", "first"] => Some(true),
            ["nulls", "last"] => Some(false),
            _ => return Err(invalid()),
        };
        terms.push(OrderTerm { field: name.to_owned(), descending, nulls_first });
    }
    Ok(terms)
}

/// How deep sub-selects may be in each other, so that no request overflows the stack.
const NESTED: usize = 16;

/// Names for the tables of sub-selects.
#[derive(Debug, Default)]
pub struct Names {
    given: usize,
    /// How many sub-selects are around what is being compiled.
    depth: usize,
}

impl Names {
    /// Names for conditions that are put beside those of a query, without taking its names.
    #[must_use]
    pub fn outer() -> Self {
        Self { given: 1_000, depth: 0 }
    }

    fn next(&mut self) -> String {
        self.given += 1;
        format!("t{}", self.given)
    }
}

/// The condition that records of `model`, in the table called `alias`, are in `domain`.
///
/// # Errors
/// What the series says of conditions that cannot be; a failure of the database.
pub fn condition<'s>(
    env: &'s Env<'_>,
    model: &'s Model,
    alias: &'s str,
    domain: &'s Domain,
    names: &'s mut Names,
) -> Step<'s, Expr> {
    Box::pin(async move {
        Ok(match domain {
            Domain::True => Expr::val(1).eq(1),
            Domain::False => Expr::val(1).eq(0),
            Domain::Not(inner) => {
                let is_pattern = matches!(&**inner, Domain::Leaf(leaf) if leaf.operator.opposite().is_none());
                let inner = condition(env, model, alias, inner, names).await?;
                if is_pattern && env.series().negates_operators() {
                    inner.not()
                } else {
                    // Unknown is not true either.
                    not(inner)
                }
            }
            Domain::And(parts) | Domain::Or(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.push(condition(env, model, alias, part, names).await?);
                }
                join(all, matches!(domain, Domain::And(_)))
            }
            Domain::Leaf(leaf) => Compiler { env, model, alias, names }.leaf(leaf).await?,
        })
    })
}

/// All, or any, of these conditions; in brackets where they are many, which SQLite would else nest too deep.
fn join(conditions: Vec<Expr>, all: bool) -> Expr {
    let two = |left: Expr, right: Expr| if all { left.and(right) } else { left.or(right) };
    let mut joined = conditions;
    while joined.len() > JOINED {
        let chunks = joined.chunks(JOINED).filter_map(|chunk| chunk.iter().cloned().reduce(two));
        joined = chunks.map(|chunk| Expr::tuple([chunk])).collect();
    }
    joined.into_iter().reduce(two).unwrap_or_else(|| Expr::val(1).eq(1))
}

struct Compiler<'s, 'a> {
    env: &'s Env<'a>,
    model: &'s Model,
    alias: &'s str,
    names: &'s mut Names,
}

impl Compiler<'_, '_> {
    async fn leaf(&mut self, leaf: &Leaf) -> Result<Expr> {
        let series = self.env.series();
        let (name, rest) = leaf.path.split_once('.').map_or((leaf.path.as_str(), None), |(a, b)| (a, Some(b)));
        let Some(field) = self.model.field(name).cloned() else {
            return Err(series.invalid_field_in_domain(&self.model.name, name, &leaf.repr()));
        };
        access::check_field(self.env, self.model, &field, access::Operation::Read).await?;
        if let Some(rest) = rest {
            return self.path(&field, rest, leaf).await;
        }
        if let Some(related) = field.related.clone().filter(|_| !field.is_attachment()) {
            return self.related(&related, leaf).await;
        }
        if field.is_attachment() {
            return self.attachment(&field, leaf);
        }
        let is_kept = field.is_column() || field.kind.is_x2many() && field.store;
        if !is_kept {
            return self.computed(&field, leaf).await;
        }
        match field.kind {
            Kind::Many2one => self.many2one(&field, leaf).await,
            Kind::One2many | Kind::Many2many => self.x2many(&field, leaf).await,
            _ if matches!(leaf.operator, Operator::ChildOf | Operator::ParentOf) && field.name == "id" => {
                let model = self.model;
                let tree = self.hierarchy(model, &model.parent_name, &leaf.value, leaf.operator).await?;
                Ok(column(self.alias, "id").in_subquery(tree))
            }
            _ => {
                let own = self.value_of(&field).await?;
                scalar(own, &field, leaf, Dialect::of(self.env))
            }
        }
    }

    async fn value_of(&self, field: &Field) -> Result<Expr> {
        let own = column(self.alias, &field.name);
        if field.translate { Ok(translated(own, &self.env.lang().await?)) } else { Ok(own) }
    }

    /// `field.rest`.
    async fn path(&mut self, field: &Field, rest: &str, leaf: &Leaf) -> Result<Expr> {
        let series = self.env.series();
        if field.kind.is_temporal() && series.has_date_parts() && field.is_column() {
            let Ok(part) = rest.parse::<NumberPart>() else {
                return Err(series.invalid_field_in_domain(&self.model.name, &leaf.path, &leaf.repr()));
            };
            let local = group::local_time(self.env, field, column(self.alias, &field.name)).await?;
            let number = date_part(local, part, self.env.is_sqlite());
            let integer = Field { kind: Kind::Integer, name: leaf.path.clone(), ..field.clone() };
            return scalar(number, &integer, leaf, Dialect::of(self.env));
        }
        if field.kind.is_json() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let text = column(self.alias, &field.name).binary(BinOper::Custom("->>"), Expr::val(rest));
            let char = Field { kind: Kind::Char, ..field.clone() };
            return scalar(text, &char, leaf, Dialect::of(self.env));
        }
        if !field.kind.is_relational() {
            return Err(series.invalid_path_in_domain(&self.model.name, name_of(leaf), &leaf.path, &leaf.repr()));
        }
        let inner = Leaf { path: rest.to_owned(), ..leaf.clone() };
        let any = Leaf {
            path: field.name.clone(),
            operator: Operator::Any,
            value: super::domain_value(Domain::Leaf(inner)),
            written: "any".to_owned(),
        };
        Box::pin(self.leaf(&any)).await
    }

    /// A field that mirrors another is followed without asking for rights on the way.
    async fn related(&mut self, related: &str, leaf: &Leaf) -> Result<Expr> {
        let (link, _) = related.split_once('.').unwrap_or((related, ""));
        let followed = Leaf { path: related.to_owned(), ..leaf.clone() };
        let sudo = self.env.sudo();
        let mut inner = Compiler { env: &sudo, model: self.model, alias: self.alias, names: &mut *self.names };
        let found = Box::pin(inner.leaf(&followed)).await?;
        let no_link = match leaf.operator {
            Operator::Eq => !python::truth(&leaf.value),
            Operator::In => leaf.value.as_array().is_some_and(|values| values.iter().any(|v| !python::truth(v))),
            operator => operator.is_negative() && python::truth(&leaf.value),
        };
        if no_link && self.model.field(link).is_some_and(|link| link.kind == Kind::Many2one && link.is_column()) {
            return Ok(found.or(column(self.alias, link).is_null()));
        }
        Ok(found)
    }

    /// What is not stored can be searched where the model's behaviour knows how.
    async fn computed(&mut self, field: &Field, leaf: &Leaf) -> Result<Expr> {
        let behaviour = models::behaviour(&self.model.name);
        let mut domain = behaviour.search(self.env, self.model, field, leaf).await?;
        if domain.is_none() && field.name == "display_name" {
            domain = Some(names::domain(self.env, self.model, leaf.operator, &leaf.value).await?);
        }
        match domain {
            Some(domain) => {
                let (env, model, alias) = (self.env, self.model, self.alias);
                condition(env, model, alias, &domain, self.names).await
            }
            None => match self.env.series().unsearchable_field(&self.model.name, &field.name) {
                Some(error) => Err(error),
                None => Ok(Expr::val(1).eq(1)),
            },
        }
    }

    /// Whether there is an attachment with the content.
    fn attachment(&mut self, field: &Field, leaf: &Leaf) -> Result<Expr> {
        let table = self.names.next();
        let select = Sql::select()
            .expr(column(&table, "res_id"))
            .from_as(Alias::new("ir_attachment"), Alias::new(&table))
            .and_where(column(&table, "res_model").eq(self.model.name.as_str()))
            .and_where(column(&table, "res_field").eq(field.name.as_str()))
            .and_where(column(&table, "res_id").is_not_null())
            .take();
        let id = column(self.alias, "id");
        match (leaf.operator, python::truth(&leaf.value)) {
            (Operator::Eq, false) | (Operator::Ne, true) => Ok(id.not_in_subquery(select)),
            (Operator::Ne, false) | (Operator::Eq, true) => Ok(id.in_subquery(select)),
            _ => Err(self.env.series().invalid_leaf(&leaf.repr())),
        }
    }

    /// The ids of a comodel's records in `domain`, as the caller may see them.
    async fn subselect(
        &mut self,
        comodel: &Model,
        domain: &Domain,
        active: bool,
        select: &str,
    ) -> Result<SelectStatement> {
        let env = self.env;
        access::check_model(env, comodel, access::Operation::Read).await?;
        let rules = access::rules(env, comodel, access::Operation::Read).await?;
        let mut parts = vec![domain.clone(), rules];
        if active
            && let Some(field) = comodel.active_field()
            && !domain.mentions(field)
        {
            parts.push(Domain::leaf(field, Operator::Eq, true));
        }
        let table = self.names.next();
        if self.names.depth == NESTED {
            return Err(Error::recursion());
        }
        self.names.depth += 1;
        let condition = condition(env, comodel, &table, &Domain::and(parts), self.names).await?;
        self.names.depth -= 1;
        let selected = column(&table, select);
        let mut statement = Sql::select()
            .expr(selected.clone())
            .from_as(Alias::new(&comodel.table), Alias::new(&table))
            .and_where(condition)
            .take();
        if select != "id" {
            statement.and_where(selected.is_not_null());
        }
        Ok(statement)
    }

    async fn many2one(&mut self, field: &Field, leaf: &Leaf) -> Result<Expr> {
        let own = column(self.alias, &field.name);
        let comodel = self.env.model(field.comodel()).await?;
        match leaf.operator {
            Operator::Any | Operator::NotAny => {
                let domain = super::parse_inner(&leaf.value, self.env.series())?;
                let select = self.subselect(&comodel, &domain, false, "id").await?;
                Ok(negate(own.clone().in_subquery(select), leaf.operator == Operator::NotAny, Some(own)))
            }
            Operator::ChildOf | Operator::ParentOf if comodel.name == self.model.name => {
                // It is the record itself that is in the hierarchy.
                let tree = self.hierarchy(&comodel, &field.name, &leaf.value, leaf.operator).await?;
                Ok(column(self.alias, "id").in_subquery(tree))
            }
            Operator::ChildOf | Operator::ParentOf => {
                let tree = self.hierarchy(&comodel, &comodel.parent_name, &leaf.value, leaf.operator).await?;
                Ok(own.in_subquery(tree))
            }
            Operator::Maybe if is_nothing(&leaf.value, self.env.series()) => Ok(Expr::val(1).eq(1)),
            Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => {
                scalar(own, field, leaf, Dialect::of(self.env))
            }
            operator if operator.is_like() => {
                let domain = names::domain(self.env, &comodel, operator.positive(), &leaf.value).await?;
                let select = self.subselect(&comodel, &domain, false, "id").await?;
                Ok(negate(own.clone().in_subquery(select), operator.is_negative(), Some(own)))
            }
            operator => {
                let wanted = Wanted::of(&leaf.value)?;
                let mut found = if wanted.any {
                    own.clone().is_not_null()
                } else {
                    one_of(own.clone(), &wanted.ids, self.env.is_sqlite())
                };
                for name in &wanted.names {
                    let domain = names::domain(self.env, &comodel, Operator::Eq, &name.as_str().into()).await?;
                    let select = self.subselect(&comodel, &domain, false, "id").await?;
                    found = found.or(own.clone().in_subquery(select));
                }
                if wanted.null {
                    let found = found.or(own.clone().is_null());
                    return Ok(if operator.is_negative() { not(found).and(own.is_not_null()) } else { found });
                }
                Ok(negate(found, operator.is_negative(), Some(own)))
            }
        }
    }

    async fn x2many(&mut self, field: &Field, leaf: &Leaf) -> Result<Expr> {
        let comodel = self.env.model(field.comodel()).await?;
        let operator = leaf.operator;
        let domain = match operator {
            Operator::Any | Operator::NotAny => super::parse_inner(&leaf.value, self.env.series())?,
            Operator::ChildOf | Operator::ParentOf => {
                let tree = self.hierarchy(&comodel, &comodel.parent_name, &leaf.value, operator).await?;
                return self.owners(field, &comodel, Members::In(Box::new(tree))).await;
            }
            Operator::Maybe if is_nothing(&leaf.value, self.env.series()) => return Ok(Expr::val(1).eq(1)),
            operator if operator.is_like() => {
                names::domain(self.env, &comodel, operator.positive(), &leaf.value).await?
            }
            _ => {
                let wanted = Wanted::of(&leaf.value)?;
                let mut found: Option<Expr> = None;
                let mut add = |part: Expr| {
                    found = Some(match found.take() {
                        None => part,
                        Some(before) => before.or(part),
                    });
                };
                if wanted.null {
                    add(not(self.owners(field, &comodel, Members::All).await?));
                }
                if wanted.any {
                    add(self.owners(field, &comodel, Members::All).await?);
                }
                if !wanted.ids.is_empty() {
                    add(self.owners(field, &comodel, Members::Ids(wanted.ids)).await?);
                }
                for name in &wanted.names {
                    let domain = names::domain(self.env, &comodel, Operator::Eq, &name.as_str().into()).await?;
                    add(self.owners(field, &comodel, Members::Domain(domain)).await?);
                }
                let found = found.unwrap_or_else(|| Expr::val(1).eq(0));
                return Ok(if operator.is_negative() { not(found) } else { found });
            }
        };
        let found = self.owners(field, &comodel, Members::Domain(domain)).await?;
        Ok(if operator.is_negative() { not(found) } else { found })
    }

    /// The condition that a record has some of these among the records of its one2many or many2many.
    fn owners<'c>(&'c mut self, field: &'c Field, comodel: &'c Model, members: Members) -> Step<'c, Expr> {
        Box::pin(async move {
            let id = column(self.alias, "id");
            let sqlite = self.env.is_sqlite();
            let active_of_field = field.context().and_then(|context| context.get("active_test"));
            let active = active_of_field.is_none_or(python::truth) && !self.env.context().contains_key("active_test")
                || self.env.flag("active_test");
            if let Some(relation) = &field.table {
                let table = self.names.next();
                let other = column(&table, &relation.other);
                let mut select = Sql::select()
                    .expr(column(&table, &relation.own))
                    .from_as(Alias::new(&relation.table), Alias::new(&table))
                    .take();
                match members {
                    Members::All => {}
                    Members::Ids(ids) => {
                        select.and_where(one_of(other, &ids, sqlite));
                    }
                    Members::In(tree) => {
                        select.and_where(other.in_subquery(*tree));
                    }
                    Members::Domain(domain) => {
                        let inner = self.subselect(comodel, &domain, active, "id").await?;
                        select.and_where(other.in_subquery(inner));
                    }
                }
                return Ok(id.in_subquery(select));
            }
            let inverse = field.inverse.as_deref().and_then(|inverse| comodel.field(inverse));
            let Some(inverse) = inverse.filter(|inverse| inverse.is_column()).cloned() else {
                return Err(Error::value_error(format!(
                    "Cannot convert {}.{} to SQL because it is not stored",
                    self.model.name, field.name
                )));
            };
            let mut parts = vec![super::field_domain(self.env, field)?];
            let mut active = active;
            match members {
                Members::All => {}
                Members::Ids(ids) => {
                    // Records that are named are meant, archived or not.
                    active = false;
                    parts = vec![Domain::leaf("id", Operator::In, ids)];
                }
                Members::In(tree) => {
                    let table = self.names.next();
                    let select = Sql::select()
                        .expr(column(&table, &inverse.name))
                        .from_as(Alias::new(&comodel.table), Alias::new(&table))
                        .and_where(column(&table, "id").in_subquery(*tree))
                        .and_where(column(&table, &inverse.name).is_not_null())
                        .take();
                    return Ok(id.in_subquery(select));
                }
                Members::Domain(domain) => parts.push(domain),
            }
            if inverse.kind == Kind::Many2oneReference
                && let Some(model_field) = super::reference_model_field(comodel, &inverse)
            {
                parts.push(Domain::leaf(model_field, Operator::Eq, self.model.name.as_str()));
            }
            let select = self.subselect(comodel, &Domain::and(parts), active, &inverse.name).await?;
            Ok(id.in_subquery(select))
        })
    }

    /// The ids of the records of `value` (ids or names) with their descendants or ancestors along `parent`.
    async fn hierarchy(
        &mut self,
        model: &Model,
        parent: &str,
        value: &Value,
        operator: Operator,
    ) -> Result<SelectStatement> {
        let wanted = Wanted::of(value)?;
        let (base, tree, step) = (self.names.next(), self.names.next(), self.names.next());
        let mut roots = one_of(column(&base, "id"), &wanted.ids, self.env.is_sqlite());
        for name in &wanted.names {
            let domain = names::domain(self.env, model, Operator::Ilike, &name.as_str().into()).await?;
            let sudo = self.env.sudo();
            roots = roots.or(condition(&sudo, model, &base, &domain, self.names).await?);
        }
        let mut select = Sql::select()
            .expr(column(&base, "id"))
            .from_as(Alias::new(&model.table), Alias::new(&base))
            .and_where(roots)
            .take();
        let Some(parent) = model.field(parent).filter(|field| field.is_column()) else { return Ok(select) };
        let tree_id = column(&tree, "id");
        let up = operator == Operator::ParentOf;
        let (found, on) = if up {
            (column(&step, &parent.name), column(&step, "id").eq(tree_id))
        } else {
            (column(&step, "id"), column(&step, &parent.name).eq(tree_id))
        };
        let next = Sql::select()
            .expr(found.clone())
            .from_as(Alias::new(&model.table), Alias::new(&step))
            .inner_join(Alias::new(&tree), on)
            .and_where(found.is_not_null())
            .take();
        select.union(UnionType::Distinct, next);
        let cte = CommonTableExpression::new()
            .table_name(Alias::new(&tree))
            .column(Alias::new("id"))
            .query(select)
            .to_owned();
        let with = WithClause::new().recursive(true).cte(cte).to_owned();
        Ok(Sql::select().expr(column(&tree, "id")).from(Alias::new(&tree)).with_cte(with).take())
    }
}

fn name_of(leaf: &Leaf) -> &str {
    leaf.path.split('.').next().unwrap_or_default()
}

/// Which records of a relation are meant.
enum Members {
    All,
    Ids(Vec<i64>),
    In(Box<SelectStatement>),
    Domain(Domain),
}

/// What a value that stands for records means: ids, names, nothing, or anything.
#[derive(Debug, Default)]
struct Wanted {
    ids: Vec<i64>,
    names: Vec<String>,
    null: bool,
    any: bool,
}

impl Wanted {
    fn of(value: &Value) -> Result<Self> {
        let mut wanted = Self::default();
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            match value {
                Value::Null | Value::Bool(false) => wanted.null = true,
                Value::Bool(true) => wanted.any = true,
                Value::String(text) => wanted.names.push(text.clone()),
                other => wanted.ids.push(python::int(other)?),
            }
        }
        Ok(wanted)
    }
}

/// Whether a value is none: false, and in 19.0 what is empty.
fn is_nothing(value: &Value, series: Series) -> bool {
    value.is_null() || *value == false || series.takes_empty_for_nothing() && !python::truth(value)
}

/// Not true, that is false or unknown.
fn not(condition: Expr) -> Expr {
    Expr::from(Func::coalesce([condition, false.into()])).not()
}

/// The opposite, which also records without a value in `own` meet.
fn negate(condition: Expr, negative: bool, own: Option<Expr>) -> Expr {
    if !negative {
        return condition;
    }
    let opposite = condition.not();
    match own {
        Some(own) => opposite.or(own.is_null()),
        None => opposite,
    }
}

/// The condition on a value that is no relation.
///
/// # Errors
/// What Odoo's PostgreSQL, or Odoo, says of values that do not fit the type.
pub fn scalar(own: Expr, field: &Field, leaf: &Leaf, dialect: Dialect) -> Result<Expr> {
    let operator = match (leaf.operator, &leaf.value) {
        (Operator::Maybe, value) if is_nothing(value, dialect.series) => return Ok(Expr::val(1).eq(1)),
        (Operator::Maybe, _) => Operator::Eq,
        // A list is compared as a list.
        (Operator::Eq, Value::Array(_)) => Operator::In,
        (Operator::Ne, Value::Array(_)) => Operator::NotIn,
        (operator, _) => operator,
    };
    if field.name == "id" && !matches!(operator, Operator::In | Operator::NotIn) {
        check_id(&leaf.value, dialect.series)?;
    }
    if operator.is_like() {
        let whole = matches!(operator.positive(), Operator::EqLike | Operator::EqIlike);
        if whole && dialect.series.takes_empty_for_nothing() && !python::truth(&leaf.value) {
            return membership(own, field, operator.is_negative(), &[Value::Bool(false)], dialect);
        }
        return like(own, field, operator, &leaf.value, dialect);
    }
    match operator {
        // Up to 18.0, what is not there does not differ from what is empty.
        Operator::Ne
            if !dialect.series.takes_empty_for_nothing()
                && field.kind != Kind::Boolean
                && !is_nothing(&leaf.value, dialect.series)
                && !python::truth(&leaf.value) =>
        {
            Ok(own.ne(bind(&leaf.value, field, dialect)?))
        }
        Operator::Eq | Operator::Ne => {
            let values = std::slice::from_ref(&leaf.value);
            membership(own, field, operator == Operator::Ne, values, dialect)
        }
        Operator::In | Operator::NotIn => {
            let negative = operator == Operator::NotIn;
            match &leaf.value {
                Value::Array(values) => membership(own, field, negative, values, dialect),
                // `in false` is in nothing, `in true` in something, in the older series.
                Value::Bool(truth) if !dialect.series.has_negated_equal_like() => {
                    let null = own.is_null();
                    Ok(if *truth == negative { null } else { null.not() })
                }
                one => membership(own, field, negative, std::slice::from_ref(one), dialect),
            }
        }
        Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => comparison(own, field, operator, leaf, dialect),
        _ => Err(dialect.series.invalid_leaf(&leaf.repr())),
    }
}

/// Where ids are compared as texts, PostgreSQL must be able to read them.
fn check_id(value: &Value, series: Series) -> Result<()> {
    match value {
        Value::Number(number) if !number.is_f64() => Ok(()),
        Value::String(_) | Value::Null | Value::Bool(false) => Ok(()),
        other if series.compares_ids_as_texts() => Err(not_a("integer", &python::text(other))),
        _ => Ok(()),
    }
}

/// Whether a series takes an empty value of the field for none.
fn has_empty(field: &Field, series: Series) -> bool {
    // The parts of dates are numbers, but those of no date are not there.
    let own = field.name != "id" && !field.name.contains('.');
    series.takes_empty_for_nothing() && own && (field.kind.is_number() || field.kind.is_text())
}

fn comparison(own: Expr, field: &Field, operator: Operator, leaf: &Leaf, dialect: Dialect) -> Result<Expr> {
    let (value, kind) = (&leaf.value, field.kind);
    if value.is_null() || *value == false && !kind.is_number() && kind != Kind::Boolean {
        return Ok(Expr::val(1).eq(0));
    }
    let (operator_of, bound) = match kind {
        Kind::Datetime => match temporal::domain_datetime(value, &dialect.surroundings)? {
            Some(bound) => {
                let (operator, at) = temporal::comparison(operator.text(), bound, dialect.surroundings.reader);
                (operator.to_owned(), typed(Expr::val(at), field, dialect.sqlite))
            }
            None => return Ok(Expr::val(1).eq(0)),
        },
        _ => (operator.text().to_owned(), bind(value, field, dialect)?),
    };
    let compared = match operator_of.as_str() {
        "<" => own.clone().lt(bound),
        "<=" => own.clone().lte(bound),
        ">" => own.clone().gt(bound),
        _ => own.clone().gte(bound),
    };
    // 19.0 takes what is not there for zero, or for the empty text.
    let empty = if !has_empty(field, dialect.series) {
        None
    } else if kind.is_text() {
        value.as_str().map(|text| "".cmp(text))
    } else {
        0.0.partial_cmp(&value.as_f64().unwrap_or_default())
    };
    let found = empty.is_some_and(|empty| match operator {
        Operator::Lt => empty.is_lt(),
        Operator::Le => empty.is_le(),
        Operator::Gt => empty.is_gt(),
        _ => empty.is_ge(),
    });
    if found {
        return Ok(compared.or(own.is_null()));
    }
    Ok(compared)
}

fn membership(own: Expr, field: &Field, negative: bool, values: &[Value], dialect: Dialect) -> Result<Expr> {
    if field.kind == Kind::Boolean {
        return Ok(boolean(&own, negative, values));
    }
    let series = dialect.series;
    let falsy = |value: &Value| value.is_null() || *value == false;
    let mut null = values.iter().any(falsy);
    let mut bound = Vec::new();
    let mut ids = Vec::new();
    for value in values.iter().filter(|value| !falsy(value)) {
        if field.kind == Kind::Integer
            && let Some(id) = value.as_i64()
        {
            ids.push(id);
            continue;
        }
        bound.push(bind(value, field, dialect)?);
    }
    // 19.0: what is empty and what is not there are the same.
    if has_empty(field, series) {
        let zero = |value: &Value| value.as_f64() == Some(0.0) || value == "";
        if field.kind.is_number() {
            null |= values.iter().any(zero);
            if null {
                ids.push(0);
            }
        } else if field.kind.is_text() {
            null |= values.iter().any(zero);
            if null {
                bound.push(Expr::val(""));
            }
        }
    }
    let mut found: Option<Expr> = None;
    if !ids.is_empty() {
        found = Some(match ids.as_slice() {
            [one] => own.clone().eq(*one),
            ids => one_of(own.clone(), ids, dialect.sqlite),
        });
    }
    let listed = match bound.len() {
        0 => None,
        1 => Some(own.clone().eq(bound.remove(0))),
        _ => Some(own.clone().is_in(bound)),
    };
    found = match (found, listed) {
        (Some(a), Some(b)) => Some(a.or(b)),
        (a, b) => a.or(b),
    };
    Ok(match (found, null, negative) {
        (None, true, false) => own.is_null(),
        (None, true, true) => own.is_not_null(),
        (None, false, negative) => Expr::val(1).eq(i32::from(negative)),
        (Some(found), true, false) => found.or(own.is_null()),
        (Some(found), true, true) => found.not().and(own.is_not_null()),
        (Some(found), false, false) => found,
        (Some(found), false, true) => found.not().or(own.is_null()),
    })
}

/// A boolean that is not there is false.
fn boolean(own: &Expr, negative: bool, values: &[Value]) -> Expr {
    let has = |truth: bool| values.iter().any(|value| python::truth(value) == truth);
    let (mut yes, mut no) = (has(true), has(false));
    if negative {
        (yes, no) = (!yes, !no);
    }
    match (yes, no) {
        (true, true) => Expr::val(1).eq(1),
        (true, false) => own.clone().eq(true),
        (false, true) => own.clone().is_null().or(own.clone().eq(false)),
        (false, false) => Expr::val(1).eq(0),
    }
}

/// A value as a parameter of the field's type.
fn bind(value: &Value, field: &Field, dialect: Dialect) -> Result<Expr> {
    let bound = match field.kind {
        Kind::Integer | Kind::Many2one | Kind::Many2oneReference => match value {
            // As for `typed`: what is no whole number gets a statement of its own.
            Value::Number(number) if !number.is_i64() => {
                let number = Expr::val(number.as_f64().unwrap_or_default());
                return Ok(number.cast_as(Alias::new("double precision")));
            }
            Value::String(text) => Expr::val(text.trim().parse::<i64>().map_err(|_| not_a("integer", text))?),
            other => Expr::val(python::int(other)?),
        },
        Kind::Float | Kind::Monetary => {
            let number = match value {
                Value::String(text) => text.trim().parse::<f64>().map_err(|_| not_a("numeric", text))?,
                other => python::float(other)?,
            };
            // PostgreSQL has what is no number after all others; SQLite has none. Columns have neither this nor infinity.
            Expr::val(if number.is_nan() { f64::INFINITY } else { number })
        }
        Kind::Boolean => Expr::val(python::truth(value)),
        Kind::Date => temporal::domain_date(value, &dialect.surroundings)?.map_or_else(Expr::null, Expr::val),
        Kind::Datetime => temporal::domain_datetime(value, &dialect.surroundings)?
            .map_or_else(Expr::null, |bound| Expr::val(bound.at)),
        _ => Expr::val(convert::text(value)?),
    };
    Ok(typed(bound, field, dialect.sqlite))
}

/// A parameter for a column. PostgreSQL keeps a prepared statement with the types that its parameters had the first time,
/// and a manual field can be removed and made again with another type, so its type is part of the statement.
#[must_use]
pub fn typed(parameter: Expr, field: &Field, sqlite: bool) -> Expr {
    if sqlite || !field.manual {
        return parameter;
    }
    parameter.cast_as(Alias::new(match field.kind {
        _ if field.translate || field.kind.is_json() => "jsonb",
        Kind::Integer | Kind::Many2one | Kind::Many2oneReference => "bigint",
        Kind::Float | Kind::Monetary => "double precision",
        Kind::Boolean => "boolean",
        Kind::Date => "date",
        Kind::Datetime => "timestamp",
        Kind::Binary => "bytea",
        _ => "text",
    }))
}

/// What PostgreSQL says of a text that is no number.
fn not_a(kind: &str, text: &str) -> Error {
    Error::Python {
        name: "psycopg2.errors.InvalidTextRepresentation",
        message: format!("invalid input syntax for type {kind}: \"{text}\"\n"),
    }
}

/// A value as the text that PostgreSQL makes of it.
fn as_text(own: Expr, kind: Kind, sqlite: bool) -> Expr {
    let text = |value: Expr| value.cast_as(Alias::new("text"));
    match kind {
        kind if kind.is_text() || matches!(kind, Kind::Selection | Kind::Reference) => own,
        // 2.0 is 2.
        Kind::Float | Kind::Monetary if sqlite => {
            let whole = own.clone().cast_as(Alias::new("integer"));
            CaseStatement::new().case(own.clone().eq(whole.clone()), text(whole)).finally(text(own)).into()
        }
        Kind::Boolean if sqlite => {
            CaseStatement::new().case(own.clone().eq(true), "true").case(own.eq(false), "false").into()
        }
        _ => text(own),
    }
}

fn like(own: Expr, field: &Field, operator: Operator, value: &Value, dialect: Dialect) -> Result<Expr> {
    let (negative, positive) = (operator.is_negative(), operator.positive());
    let text = if python::truth(value) { convert::text(value)? } else { String::new() };
    let whole = matches!(positive, Operator::EqLike | Operator::EqIlike);
    if text.is_empty() && !whole {
        // Everything is like nothing; and not like nothing is what is not there, or in 19.0 nothing.
        return Ok(match (negative, dialect.series.takes_empty_for_nothing()) {
            (false, _) => Expr::val(1).eq(1),
            (true, false) => own.is_null(),
            (true, true) => Expr::val(1).eq(0),
        });
    }
    if whole && text.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1 {
        return Err(Error::Python {
            name: "psycopg2.errors.InvalidEscapeSequence",
            message: "LIKE pattern must not end with escape character\n".to_owned(),
        });
    }
    let pattern = if whole { text } else { format!("%{text}%") };
    let subject = as_text(own.clone(), field.kind, dialect.sqlite);
    let insensitive = matches!(positive, Operator::Ilike | Operator::EqIlike);
    let matched = match_pattern(subject, &pattern, insensitive, dialect.sqlite);
    Ok(negate(matched, negative, Some(own)))
}

/// `subject LIKE pattern`, as PostgreSQL means it.
fn match_pattern(subject: Expr, pattern: &str, insensitive: bool, sqlite: bool) -> Expr {
    match (sqlite, insensitive) {
        (false, true) => subject.binary(BinOper::Custom("ILIKE"), Expr::val(pattern)),
        (false, false) => subject.like(LikeExpr::new(pattern)),
        (true, false) => subject.binary(BinOper::Custom("GLOB"), Expr::val(glob(pattern))),
        (true, true) if pattern.is_ascii() => subject.like(LikeExpr::new(pattern).escape('\\')),
        (true, true) => subject.binary(BinOper::Custom("REGEXP"), Expr::val(regular_expression(pattern))),
    }
}

/// What a pattern of LIKE consists of.
enum Token {
    Any,
    One,
    Char(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '%' => Token::Any,
            '_' => Token::One,
            '\\' => Token::Char(chars.next().unwrap_or('\\')),
            c => Token::Char(c),
        });
    }
    tokens
}

fn glob(pattern: &str) -> String {
    let mut glob = String::new();
    for token in tokens(pattern) {
        match token {
            Token::Any => glob.push('*'),
            Token::One => glob.push('?'),
            Token::Char(c @ ('*' | '?' | '[')) => glob.extend(['[', c, ']']),
            Token::Char(c) => glob.push(c),
        }
    }
    glob
}

fn regular_expression(pattern: &str) -> String {
    let mut expression = String::from("(?is)^");
    for token in tokens(pattern) {
        match token {
            Token::Any => expression.push_str(".*"),
            Token::One => expression.push('.'),
            Token::Char(c) => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    expression
}

/// A part of a date as a number.
#[must_use]
pub fn date_part(own: Expr, part: NumberPart, sqlite: bool) -> Expr {
    if !sqlite {
        let name = match part {
            NumberPart::Year => "year",
            NumberPart::Quarter => "quarter",
            NumberPart::Month => "month",
            NumberPart::IsoWeek => "week",
            NumberPart::DayOfYear => "doy",
            NumberPart::DayOfMonth => "day",
            NumberPart::DayOfWeek => "dow",
            NumberPart::Hour => "hour",
            NumberPart::Minute => "minute",
            NumberPart::Second => "second",
        };
        let number: Expr = Func::cust(Alias::new("date_part")).args([Expr::val(name), own]).into();
        return number.cast_as(Alias::new("integer"));
    }
    let formatted = |format: &str| -> Expr {
        let text: Expr = Func::cust(Alias::new("strftime")).args([Expr::val(format), own.clone()]).into();
        text.cast_as(Alias::new("integer"))
    };
    match part {
        NumberPart::Year => formatted("%Y"),
        NumberPart::Quarter => formatted("%m").add(2).div(3),
        NumberPart::Month => formatted("%m"),
        NumberPart::IsoWeek => formatted("%V"),
        NumberPart::DayOfYear => formatted("%j"),
        NumberPart::DayOfMonth => formatted("%d"),
        NumberPart::DayOfWeek => formatted("%w"),
        NumberPart::Hour => formatted("%H"),
        NumberPart::Minute => formatted("%M"),
        NumberPart::Second => formatted("%S"),
    }
}

/// The condition of a domain over the own columns of a row, for a CHECK constraint of its table.
#[must_use]
pub fn own_columns(model: &Model, domain: &Value, dialect: Dialect) -> Option<Expr> {
    fn expression(model: &Model, domain: &Domain, dialect: Dialect) -> Option<Expr> {
        let parts = |parts: &[Domain], join: fn(Expr, Expr) -> Expr| {
            let parts: Option<Vec<Expr>> = parts.iter().map(|part| expression(model, part, dialect)).collect();
            parts?.into_iter().reduce(join)
        };
        match domain {
            Domain::And(all) => parts(all, sea_orm::ExprTrait::and),
            Domain::Or(any) => parts(any, sea_orm::ExprTrait::or),
            Domain::Not(inner) => Some(expression(model, inner, dialect)?.not()),
            Domain::Leaf(leaf) => {
                let field = model.field(&leaf.path).filter(|field| field.is_column())?;
                let own = Expr::col(Alias::new(&leaf.path));
                let own = if field.translate { translated(own, DEFAULT_LANG) } else { own };
                scalar(own, field, leaf, dialect).ok()
            }
            Domain::True | Domain::False => None,
        }
    }
    expression(model, &Domain::parse(domain, dialect.series).ok()?, dialect)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_are_lists_of_fields() {
        let term =
            |field: &str, descending, nulls_first| OrderTerm { field: field.to_owned(), descending, nulls_first };
        assert_eq!(
            parse_order("name, id DESC,city nulls last").unwrap(),
            [term("name", false, None), term("id", true, None), term("city", false, Some(false))]
        );
        for wrong in ["", "name;", "name sideways", "name,", "name nulls", "na-me"] {
            assert!(parse_order(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_are_translated() {
        assert_eq!(glob("%a_b%"), "*a?b*");
        assert_eq!(glob(r"10\%*[x]"), "10%[*][[]x]");
        assert_eq!(regular_expression("%é.%"), r"(?is)^.*é\..*$");
    }

    proptest! {
        #[test]
        fn no_order_makes_it_panic(order in ".*") {
            let _ = parse_order(&order);
        }
    }
}
