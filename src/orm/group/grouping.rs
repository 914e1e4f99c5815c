//! Groups of records in one statement. What is grouped by and aggregated are columns of a sub-select, so that each
//! expression is there once: PostgreSQL takes two with parameters for different ones.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use chrono::NaiveDateTime;
use sea_orm::JoinType;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, NullOrdering, Order, Query as Sql, SelectStatement};
use serde_json::{Value, json};

use super::spec::{COUNT, Function, Spec, Unit, quoted};
use super::time;
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::domain::Domain;
use crate::orm::env::Env;
use crate::orm::field::{Field, Kind};
use crate::orm::query::{self, OrderTerm, Query, column, date_part, parse_order, translated};
use crate::orm::read;
use crate::orm::registry::Model;
use crate::orm::search::{self, Page};

/// The name of the sub-select.
const ROWS: &str = "g";
/// The name of its column with the ids of records.
const ID: &str = "rid";
/// How many related fields a field may lead through.
const DEPTH: usize = 16;

/// Which groups are wanted.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    pub domain: &'r Domain,
    /// `city`, `date:month`
    pub groups: &'r [String],
    /// `__count`, `color:sum`
    pub aggregates: &'r [String],
    /// A domain over aggregates.
    pub having: &'r Value,
    /// Over groups and aggregates; that of the groups where there is none.
    pub page: &'r Page,
}

/// What records are grouped by.
#[derive(Clone, Debug)]
pub struct By {
    /// The field, or the path to it.
    pub path: String,
    pub field: Arc<Field>,
    pub unit: Option<Unit>,
    /// What follows the path: `month`.
    pub suffix: Option<String>,
    /// The model of records that are grouped by.
    pub comodel: Option<String>,
}

/// What the records of a group have in common.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Nothing is false.
    Plain(Value),
    Record(Option<i32>),
    /// When the period begins, by the clocks of the user's time zone.
    Period(Option<NaiveDateTime>),
    Number(Option<i64>),
}

/// A group of records.
#[derive(Clone, Debug)]
pub struct Group {
    pub keys: Vec<Key>,
    pub aggregates: Vec<Value>,
}

/// The groups of records that the caller may see.
///
/// # Errors
/// What the series says of groups, aggregates and orders that cannot be; a failure of the database.
pub async fn groups(env: &Env<'_>, model: &Arc<Model>, request: &Request<'_>) -> Result<(Vec<By>, Vec<Group>)> {
    let mut grouping = Grouping::new(env, model, request).await?;
    for term in grouping.order(request).await? {
        grouping.orders.push(term);
    }
    let (by, aggregates) = (std::mem::take(&mut grouping.by), std::mem::take(&mut grouping.aggregates));
    let sqlite = env.is_sqlite();
    let mut columns: Vec<Expr> = (0..by.len()).map(|index| column(ROWS, &group_column(index))).collect();
    for (by, own) in by.iter().zip(&mut columns).filter(|(by, _)| by.unit.is_none()) {
        *own = read::exact(own.clone(), by.field.kind, sqlite);
    }
    columns.extend(aggregates.iter().map(|aggregate| aggregate.as_json(sqlite)));
    let select = grouping.into_select(Some(request.page));
    let rows = env.json_rows(select, columns).await?;
    let group = |mut row: Vec<Value>| {
        let values = row.split_off(by.len().min(row.len()));
        let keys = by.iter().zip(row).map(|(by, value)| by.key(value)).collect();
        let aggregates = aggregates.iter().zip(values).map(|(aggregate, value)| aggregate.read(value)).collect();
        Group { keys, aggregates }
    };
    let groups = rows.into_iter().map(group).collect();
    Ok((by, groups))
}

/// How many groups there are.
///
/// # Errors
/// As [`groups`].
pub async fn count(env: &Env<'_>, model: &Arc<Model>, request: &Request<'_>) -> Result<i64> {
    let mut select = Grouping::new(env, model, request).await?.into_select(None);
    select.expr(Expr::val(1));
    let all: Expr = Func::count(Expr::cust("*")).into();
    let select = Sql::select().expr(all).from_subquery(select, Alias::new("q")).take();
    let row = env.row(&select).await?;
    Ok(row.map(|row| row.get(0)).transpose()?.unwrap_or_default())
}

fn group_column(index: usize) -> String {
    format!("g{index}")
}

impl By {
    /// The key of records that have nothing there.
    #[must_use]
    pub fn nothing(&self) -> Key {
        self.key(Value::Null)
    }

    fn key(&self, value: Value) -> Key {
        match self.unit {
            Some(Unit::Period(_)) => Key::Period(time::read_start(&value)),
            Some(Unit::Number(_)) => Key::Number(value.as_i64()),
            None if self.comodel.is_some() => Key::Record(value.as_i64().and_then(|id| i32::try_from(id).ok())),
            None if value == Value::Null => Key::Plain(false.into()),
            None => Key::Plain(read::from_column(self.field.kind, value)),
        }
    }
}

/// What the values of a group come to.
struct Aggregate {
    /// The function; nothing for the number of records.
    function: Option<Function>,
    kind: Kind,
    value: Expr,
}

impl Aggregate {
    fn expr(&self, sqlite: bool) -> Expr {
        let Some(function) = self.function else { return Func::count(Expr::cust("*")).into() };
        let own = self.value.clone();
        let id = || column(ROWS, ID);
        let call = |name: &'static str, own: Expr| -> Expr { Func::cust(Alias::new(name)).arg(own).into() };
        let exact = || read::exact(self.value.clone(), self.kind, sqlite);
        match function {
            Function::Sum => Func::sum(own).into(),
            Function::Avg => Func::avg(own).into(),
            // SQLite's booleans are numbers.
            Function::Min => Func::min(own).into(),
            Function::Max => Func::max(own).into(),
            Function::BoolAnd if sqlite => Func::min(own).into(),
            Function::BoolOr if sqlite => Func::max(own).into(),
            Function::BoolAnd => call("bool_and", own),
            Function::BoolOr => call("bool_or", own),
            Function::Count => Func::count(own).into(),
            Function::CountDistinct => Func::count_distinct(own).into(),
            Function::ArrayAgg | Function::Recordset if sqlite => {
                Expr::cust_with_exprs("json_group_array(? ORDER BY ?)", [exact(), id()])
            }
            Function::ArrayAggDistinct if sqlite => {
                Expr::cust_with_exprs("json_group_array(DISTINCT ? ORDER BY ?)", [exact(), exact()])
            }
            Function::ArrayAgg | Function::Recordset => Expr::cust_with_exprs("json_agg($1 ORDER BY $2)", [own, id()]),
            Function::ArrayAggDistinct => {
                Expr::cust_with_exprs("json_agg(DISTINCT $1 ORDER BY $2)", [own.clone(), own])
            }
        }
    }

    fn as_json(&self, sqlite: bool) -> Expr {
        let expr = self.expr(sqlite);
        match self.function {
            Some(Function::Avg) => read::exact(expr, Kind::Float, sqlite),
            Some(Function::Sum | Function::Min | Function::Max) => read::exact(expr, self.kind, sqlite),
            _ => expr,
        }
    }

    /// The value as the database wrote it, as the wire has it.
    fn read(&self, value: Value) -> Value {
        let list = |value: Value| match value {
            Value::Array(values) => values,
            _ => Vec::new(),
        };
        match self.function {
            Some(Function::ArrayAgg | Function::ArrayAggDistinct) => {
                let one = |value: Value| if value == Value::Null { value } else { read::from_column(self.kind, value) };
                list(value).into_iter().map(one).collect()
            }
            Some(Function::Recordset) => {
                let mut ids: Vec<Value> = Vec::new();
                for id in list(value) {
                    if id != Value::Null && !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                ids.into()
            }
            _ if value == Value::Null => false.into(),
            Some(Function::BoolAnd | Function::BoolOr) => query::is_true(&value).into(),
            Some(Function::Avg) => read::from_column(Kind::Float, value),
            Some(Function::Sum | Function::Min | Function::Max) => read::from_column(self.kind, value),
            _ => value,
        }
    }
}

/// The statement in the making.
struct Grouping<'e, 'a> {
    env: &'e Env<'a>,
    model: &'e Arc<Model>,
    query: Query<'e, 'a>,
    /// The tables that paths lead to, by the table and the field before.
    joins: HashMap<(String, String), String>,
    /// The columns of the sub-select that are aggregated, by path.
    values: HashMap<String, (String, Kind)>,
    by: Vec<By>,
    specs: Vec<String>,
    aggregates: Vec<Aggregate>,
    having: Option<Expr>,
    orders: Vec<(Expr, Order, NullOrdering)>,
    /// What else is grouped by, since it is sorted by.
    also: Vec<Expr>,
    inner: Vec<(String, Expr)>,
}

impl<'e, 'a> Grouping<'e, 'a> {
    async fn new(env: &'e Env<'a>, model: &'e Arc<Model>, request: &Request<'_>) -> Result<Self> {
        let query = search::query(env, model, request.domain).await?;
        let id = column(query.alias(), "id");
        let mut grouping = Self {
            env,
            model,
            query,
            joins: HashMap::new(),
            values: HashMap::new(),
            by: Vec::new(),
            specs: request.groups.to_vec(),
            aggregates: Vec::new(),
            having: None,
            orders: Vec::new(),
            also: Vec::new(),
            inner: vec![(ID.to_owned(), id)],
        };
        for spec in request.groups {
            grouping.group_by(spec).await?;
        }
        for spec in request.aggregates {
            let aggregate = grouping.aggregate(spec).await?;
            grouping.aggregates.push(aggregate);
        }
        grouping.having = grouping.having(request.having).await?;
        Ok(grouping)
    }

    fn into_select(self, page: Option<&Page>) -> SelectStatement {
        let sqlite = self.env.is_sqlite();
        let mut inner = self.query.into_select();
        for (name, expr) in self.inner {
            inner.expr_as(expr, Alias::new(name));
        }
        let mut select = Sql::select().from_subquery(inner, Alias::new(ROWS)).take();
        select.add_group_by((0..self.by.len().max(self.specs.len())).map(|index| column(ROWS, &group_column(index))));
        select.add_group_by(self.also);
        if let Some(having) = self.having {
            select.and_having(having);
        }
        for (expr, order, nulls) in self.orders {
            select.order_by_expr_with_nulls(expr, order, nulls);
        }
        let Some(page) = page else { return select };
        match page.limit {
            Some(limit) => {
                select.limit(limit);
            }
            // SQLite has no offset without a limit.
            None if page.offset > 0 && sqlite => {
                select.limit(i64::MAX.unsigned_abs());
            }
            None => {}
        }
        if page.offset > 0 {
            select.offset(page.offset);
        }
        select
    }

    /// The field at the end of a path, its model, and the name of the model's table there.
    async fn follow(&mut self, path: &str) -> Result<(Arc<Model>, String, Arc<Field>)> {
        let not_stored = |model: &Model, name: &str| self.env.series().ungroupable_field(&model.name, name);
        let (mut model, mut alias) = (Arc::clone(self.model), self.query.alias().to_owned());
        let mut rest: VecDeque<String> = path.split('.').map(str::to_owned).collect();
        let mut followed = 0;
        while let Some(name) = rest.pop_front() {
            let Some(field) = model.field(&name).cloned() else {
                return Err(Error::value_error(format!(
                    "Invalid field {} on model {}",
                    quoted(&name),
                    quoted(&model.name)
                )));
            };
            followed += 1;
            if followed > DEPTH {
                return Err(not_stored(&model, &name));
            }
            if let Some(related) = &field.related {
                for name in related.rsplit('.') {
                    rest.push_front(name.to_owned());
                }
                continue;
            }
            if rest.is_empty() {
                return Ok((model, alias, field));
            }
            if field.kind != Kind::Many2one || !field.is_column() {
                return Err(not_stored(&model, &name));
            }
            let comodel = self.env.model(field.comodel()).await?;
            let next = format!("{ROWS}{}", self.joins.len());
            let joined = self.joins.entry((alias.clone(), name.clone())).or_insert_with(|| next.clone()).clone();
            if joined == next {
                let on = column(&alias, &name).eq(column(&joined, "id"));
                let (table, joined) = (Alias::new(&comodel.table), Alias::new(&joined));
                self.query.select().join_as(JoinType::LeftJoin, table, joined, on);
            }
            (model, alias) = (comodel, joined);
        }
        Err(Error::value_error(format!("Invalid field '' on model {}", quoted(&model.name))))
    }

    /// The value of a field that is a column of the table of that name.
    async fn value(&self, model: &Model, alias: &str, field: &Field) -> Result<Expr> {
        if !field.is_column() {
            return Err(self.env.series().ungroupable_field(&model.name, &field.name));
        }
        let own = column(alias, &field.name);
        if field.translate { Ok(translated(own, &self.env.lang().await?)) } else { Ok(own) }
    }

    async fn group_by(&mut self, text: &str) -> Result<()> {
        let (env, series) = (self.env, self.env.series());
        let spec = Spec::parse(text)?;
        let Some(first) = self.model.field(spec.field()).cloned() else {
            let message = format!("Invalid field {} on model {}", quoted(spec.field()), quoted(&self.model.name));
            return Err(Error::value_error(message));
        };
        access::check_field(env, self.model, &first, Operation::Read).await?;
        if let Some((_, property)) = spec.path.split_once('.')
            && !(series.groups_along_paths() && first.kind == Kind::Many2one)
        {
            return Err(series.invalid_group_path(text, property));
        }
        let (model, alias, field) = self.follow(&spec.path).await?;
        if spec.path.contains('.') {
            access::check_field(env, &model, &field, Operation::Read).await?;
        }
        let unit = match (&spec.suffix, field.kind.is_temporal()) {
            (Some(name), true) => Some(Unit::parse(name, series)?),
            (Some(_), false) => {
                let message = format!("Granularity set on a no-datetime field or property: {}", quoted(text));
                return Err(Error::value_error(message));
            }
            (None, true) => {
                return Err(Error::value_error(format!("Granularity not set on a date(time) field: {}", quoted(text))));
            }
            (None, false) => None,
        };
        let comodel = match field.kind {
            Kind::Many2one | Kind::Many2many => field.relation.clone(),
            Kind::Integer if field.name == "id" => Some(model.name.clone()),
            _ => None,
        };
        let value = if field.kind == Kind::Many2many {
            self.many2many(&model, &alias, &field).await?
        } else {
            self.value(&model, &alias, &field).await?
        };
        let value = match unit {
            Some(Unit::Period(granularity)) => {
                let local = time::local_time(env, &field, value).await?;
                let first_day = time::week_start(env, &env.lang().await?).await?;
                time::truncated(local, granularity, first_day, env.is_sqlite())
            }
            Some(Unit::Number(part)) => date_part(time::local_time(env, &field, value).await?, part, env.is_sqlite()),
            None if field.kind == Kind::Boolean => Func::coalesce([value, false.into()]).into(),
            None => value,
        };
        self.inner.push((group_column(self.by.len()), value));
        self.by.push(By { path: spec.path, field, unit, suffix: spec.suffix, comodel });
        Ok(())
    }

    /// The records of a many2many that the caller may see, archived or not; a row for each.
    async fn many2many(&mut self, model: &Model, alias: &str, field: &Field) -> Result<Expr> {
        let Some(relation) = field.table.as_ref().filter(|_| field.store) else {
            return Err(self.env.series().ungroupable_field(&model.name, &field.name));
        };
        let comodel = self.env.model(field.comodel()).await?;
        let joined = format!("m{}", self.by.len());
        let other = column(&joined, &relation.other);
        let mut on = column(&joined, &relation.own).eq(column(alias, "id"));
        let mut visible = Query::new(self.env, &comodel);
        if access::restrict(self.env, &mut visible, Operation::Read).await? {
            let id = column(visible.alias(), "id");
            on = on.and(other.clone().in_subquery(visible.into_select().expr(id).take()));
        }
        let table = Alias::new(&relation.table);
        self.query.select().join_as(JoinType::LeftJoin, table, Alias::new(&joined), on);
        Ok(other)
    }

    async fn aggregate(&mut self, text: &str) -> Result<Aggregate> {
        if text == COUNT {
            return Ok(Aggregate { function: None, kind: Kind::Integer, value: Expr::val(1) });
        }
        let series = self.env.series();
        let spec = Spec::parse(text)?;
        let shown = quoted(text);
        if spec.path.contains('.') {
            return Err(Error::value_error(format!("Invalid {shown}, this dot notation is not supported")));
        }
        let Some(field) = self.model.field(&spec.path).cloned() else {
            let (name, model) = (quoted(&spec.path), quoted(&self.model.name));
            return Err(Error::value_error(format!("Invalid field {name} on model {model} for {shown}.")));
        };
        access::check_field(self.env, self.model, &field, Operation::Read).await?;
        let Some(name) = &spec.suffix else {
            return Err(Error::value_error(format!("Aggregate method is mandatory for {}", quoted(&spec.path))));
        };
        let Some(function) = Function::parse(name, series) else {
            return Err(Error::value_error(format!("Invalid aggregate method {} for {shown}.", quoted(name))));
        };
        if function == Function::Recordset && !field.kind.is_relational() && field.name != "id" {
            return Err(Error::value_error(format!(
                "Aggregate method {} can be only used on relational field (or id) (for {shown}).",
                quoted(name)
            )));
        }
        if let Some((name, kind)) = self.values.get(&spec.path) {
            return Ok(Aggregate { function: Some(function), kind: *kind, value: column(ROWS, name) });
        }
        let (model, alias, field) = self.follow(&spec.path).await?;
        let value = self.value(&model, &alias, &field).await?;
        let name = format!("a{}", self.values.len());
        self.inner.push((name.clone(), value));
        self.values.insert(spec.path, (name.clone(), field.kind));
        Ok(Aggregate { function: Some(function), kind: field.kind, value: column(ROWS, &name) })
    }

    /// The condition on aggregates.
    async fn having(&mut self, clause: &Value) -> Result<Option<Expr>> {
        let mut stack: Vec<Expr> = Vec::new();
        let empty = || Error::Python { name: "builtins.IndexError", message: "pop from empty list".to_owned() };
        let items = clause.as_array().cloned().unwrap_or_default();
        for item in items.iter().rev() {
            let expr = match (item, item.as_array().map(Vec::as_slice)) {
                (Value::String(operator), _) if operator == "!" => stack.pop().ok_or_else(empty)?.not(),
                (Value::String(operator), _) if operator == "&" || operator == "|" => {
                    let (left, right) = (stack.pop().ok_or_else(empty)?, stack.pop().ok_or_else(empty)?);
                    if operator == "&" { left.and(right) } else { left.or(right) }
                }
                (_, Some([Value::String(left), operator, right])) => self.compared(left, operator, right, item).await?,
                _ => {
                    let shown = crate::python::repr(item);
                    let message = format!("Invalid having clause {shown}: it should be a domain-like clause");
                    return Err(Error::value_error(message));
                }
            };
            stack.push(expr);
        }
        Ok(stack.into_iter().rev().reduce(ExprTrait::and))
    }

    async fn compared(&mut self, left: &str, operator: &Value, right: &Value, item: &Value) -> Result<Expr> {
        let aggregate = self.aggregate(left).await?.expr(self.env.is_sqlite());
        let bind = |value: &Value| match value {
            Value::Null => Expr::null(),
            Value::Bool(truth) => Expr::val(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Expr::val(number),
                None => Expr::val(number.as_f64().unwrap_or_default()),
            },
            other => Expr::val(crate::python::text(other)),
        };
        let list = || right.as_array().into_iter().flatten().map(bind);
        Ok(match operator.as_str().unwrap_or_default() {
            "=" => aggregate.eq(bind(right)),
            "!=" => aggregate.ne(bind(right)),
            "<" => aggregate.lt(bind(right)),
            "<=" => aggregate.lte(bind(right)),
            ">" => aggregate.gt(bind(right)),
            ">=" => aggregate.gte(bind(right)),
            "in" => aggregate.is_in(list()),
            "not in" => aggregate.is_not_in(list()),
            _ => {
                let shown = crate::python::repr(item);
                return Err(Error::value_error(format!(
                    "Invalid having clause {shown}: supported comparators are ('in', 'not in', '<', '>', '<=', '>=', \
                     '=', '!=')"
                )));
            }
        })
    }

    /// What groups are sorted by.
    async fn order(&mut self, request: &Request<'_>) -> Result<Vec<(Expr, Order, NullOrdering)>> {
        let mut orders = Vec::new();
        let terms: Vec<OrderTerm> = match request.page.order.as_deref().filter(|order| !order.trim().is_empty()) {
            Some(order) => parse_order(order)
                .map_err(|_| Error::value_error(format!("Invalid order {} for _read_group()", quoted(order))))?,
            None => self
                .specs
                .iter()
                .map(|spec| OrderTerm { field: spec.clone(), descending: false, nulls_first: None })
                .collect(),
        };
        for term in terms {
            let sorted = match self.specs.iter().position(|spec| *spec == term.field) {
                Some(index) => self.group_order(index, &term).await?,
                None => match self.aggregate(&term.field).await {
                    Ok(aggregate) => vec![(aggregate.expr(self.env.is_sqlite()), term.descending)],
                    Err(Error::Python { .. }) => {
                        let direction = if term.descending { " desc" } else { "" };
                        let term = quoted(&format!("{}{direction}", term.field));
                        let message = format!("Order term {term} is not a valid aggregate nor valid groupby");
                        return Err(Error::value_error(message));
                    }
                    Err(error) => return Err(error),
                },
            };
            for (expr, descending) in sorted {
                let order = if descending { Order::Desc } else { Order::Asc };
                let nulls_first = term.nulls_first.unwrap_or(descending);
                orders.push((expr, order, if nulls_first { NullOrdering::First } else { NullOrdering::Last }));
            }
        }
        // What is equal in all that is in the same order on every database.
        let groups = (0..self.specs.len()).map(|index| column(ROWS, &group_column(index)));
        orders.extend(groups.map(|own| (own, Order::Asc, NullOrdering::Last)));
        Ok(orders)
    }

    /// What a group is sorted by: its own value, or the order of the records that it is grouped by.
    async fn group_order(&mut self, index: usize, term: &OrderTerm) -> Result<Vec<(Expr, bool)>> {
        let own = column(ROWS, &group_column(index));
        if self.by[index].field.kind != Kind::Many2one || self.by[index].path.contains('.') {
            return Ok(vec![(own, term.descending)]);
        }
        // The caller may not be allowed to see what the other model is sorted by.
        let mut sorted = Vec::new();
        for (expr, descending) in self.query.sorted_by(term).await? {
            let name = format!("o{}", self.inner.len());
            self.inner.push((name.clone(), expr));
            self.also.push(column(ROWS, &name));
            sorted.push((column(ROWS, &name), descending));
        }
        Ok(sorted)
    }
}

/// The names of the records that are grouped by, by model.
#[derive(Debug, Default)]
pub struct Names(HashMap<String, HashMap<i32, String>>);

impl Names {
    /// Reads those of the keys in groups.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn of(env: &Env<'_>, by: &[By], groups: &[Group]) -> Result<Self> {
        let mut wanted: HashMap<&str, BTreeSet<i32>> = HashMap::new();
        for group in groups {
            for (by, key) in by.iter().zip(&group.keys) {
                if let (Some(comodel), Key::Record(Some(id))) = (&by.comodel, key) {
                    wanted.entry(comodel).or_default().insert(*id);
                }
            }
        }
        // Whoever may see that a record is there may see what it is called.
        let sudo = env.sudo();
        let mut names = Self::default();
        for (comodel, ids) in wanted {
            let model = env.model(comodel).await?;
            let ids: Vec<i32> = ids.into_iter().collect();
            names.0.insert(comodel.to_owned(), read::display_names(&sudo, &model, &ids).await?);
        }
        Ok(names)
    }

    /// `[id, name]`.
    #[must_use]
    pub fn pair(&self, comodel: &str, id: i32) -> Value {
        let name = self.0.get(comodel).and_then(|names| names.get(&id)).cloned().unwrap_or_default();
        json!([id, name])
    }
}
