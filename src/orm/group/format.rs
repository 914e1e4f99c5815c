//! How groups look on the wire: as `read_group` has them, and as `formatted_read_group` does (19.0).

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Days, NaiveDateTime, NaiveTime, Weekday};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::grouping::{self, By, Group, Key, Names, Request};
use super::spec::{COUNT, FieldSpec, Function, Spec, Unit, quoted};
use super::time;
use crate::error::{Error, Result};
use crate::orm::domain::Domain;
use crate::orm::domain_value;
use crate::orm::env::Env;
use crate::orm::field::{Field, Kind};
use crate::orm::registry::Model;
use crate::orm::search::Page;
use crate::orm::temporal::{self, Granularity};
use crate::python;
use crate::series::Series;

/// How many periods `fill_temporal` may come to.
const PERIODS: usize = 100_000;

/// How the period of a group is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// By its name.
    Classic,
    /// `[start, name]`
    Formatted,
}

/// The key of a group on the wire.
struct Shown {
    value: Value,
    /// The domain of its records.
    domain: Vec<Value>,
    /// Where the period begins and ends.
    range: Option<Value>,
}

struct Formatter<'f, 'a> {
    env: &'f Env<'a>,
    style: Style,
    lang: String,
    names: Names,
}

impl<'f, 'a> Formatter<'f, 'a> {
    async fn new(env: &'f Env<'a>, style: Style, by: &[By], groups: &[Group]) -> Result<Self> {
        Ok(Self { env, style, lang: env.lang().await?, names: Names::of(env, by, groups).await? })
    }

    fn show(&self, by: &By, key: &Key) -> Shown {
        let equals = |value: Value| vec![json!([by.path, "=", value])];
        match key {
            Key::Period(start) => {
                let granularity = match by.unit {
                    Some(Unit::Period(granularity)) => granularity,
                    _ => Granularity::Month,
                };
                match start {
                    Some(start) => self.period(by, *start, granularity),
                    None => Shown { value: false.into(), domain: equals(false.into()), range: Some(false.into()) },
                }
            }
            Key::Number(number) => {
                let value = match number {
                    None => Value::Bool(false),
                    Some(number) if self.env.series().has_floating_date_parts() => {
                        f64::from(i32::try_from(*number).unwrap_or_default()).into()
                    }
                    Some(number) => Value::from(*number),
                };
                let path = format!("{}.{}", by.path, by.suffix.as_deref().unwrap_or_default());
                Shown { value: value.clone(), domain: vec![json!([path, "=", value])], range: None }
            }
            Key::Record(Some(id)) => {
                let pair = self.names.pair(by.comodel.as_deref().unwrap_or_default(), *id);
                Shown { value: pair, domain: equals((*id).into()), range: None }
            }
            Key::Record(None) => Shown { value: false.into(), domain: equals(false.into()), range: None },
            Key::Plain(value) => Shown { value: value.clone(), domain: equals(value.clone()), range: None },
        }
    }

    fn period(&self, by: &By, start: NaiveDateTime, granularity: Granularity) -> Shown {
        let text = |local: NaiveDateTime| -> Value {
            match by.field.kind {
                Kind::Date => temporal::date_text(local.date()).into(),
                _ => temporal::datetime_text(to_utc(self.env, &by.field, local)).into(),
            }
        };
        let (from, to) = (text(start), text(temporal::next(start, granularity)));
        let label = temporal::label(start, granularity, &self.lang, self.env.series().weeks_of_groups());
        let value = match self.style {
            Style::Classic => label.into(),
            Style::Formatted => json!([from, label]),
        };
        let domain = vec!["&".into(), json!([by.path, ">=", from]), json!([by.path, "<", to])];
        Shown { value, domain, range: Some(json!({"from": from, "to": to})) }
    }
}

/// When clocks show that, in the time zone that the periods of a field begin in.
fn to_utc(env: &Env<'_>, field: &Field, local: NaiveDateTime) -> NaiveDateTime {
    match time::zone(env).filter(|_| field.kind == Kind::Datetime) {
        Some(zone) => temporal::to_utc(local, zone),
        None => local,
    }
}

/// What `read_group` is asked for.
#[derive(Clone, Debug)]
pub struct ReadGroup {
    pub domain: Value,
    pub fields: Vec<String>,
    pub groupby: Vec<String>,
    /// With the order that the caller gave.
    pub page: Page,
    /// Whether by the first of `groupby` only.
    pub lazy: bool,
}

impl ReadGroup {
    fn groups(&self) -> &[String] {
        if self.lazy { &self.groupby[..self.groupby.len().min(1)] } else { &self.groupby }
    }

    /// What is grouped by, with the month that dates are grouped by where nothing else is said.
    ///
    /// # Errors
    /// A `ValueError` for a field that there is not.
    pub fn specs(&self, model: &Model) -> Result<Vec<String>> {
        let spec = |text: &String| {
            let spec = Spec::parse(text)?;
            let Some(field) = model.field(spec.field()) else {
                let message = format!("Invalid field {} on model {}", quoted(spec.field()), quoted(&model.name));
                return Err(Error::value_error(message));
            };
            let by_month = field.kind.is_temporal() && spec.suffix.is_none();
            Ok(if by_month { format!("{text}:month") } else { text.clone() })
        };
        self.groups().iter().map(spec).collect()
    }

    /// What is aggregated, by key of the answer.
    fn aggregates(&self, model: &Model) -> Result<IndexMap<String, String>> {
        let count = match self.groups() {
            [one] if self.lazy => format!("{}_count", one.split(':').next().unwrap_or_default()),
            _ => COUNT.to_owned(),
        };
        let mut aggregates = IndexMap::from([(count, COUNT.to_owned())]);
        for text in self.fields.iter().filter(|text| *text != COUNT) {
            let spec = FieldSpec::parse(text)?;
            if let Some(function) = spec.function {
                let field = spec.field.as_ref().unwrap_or(&spec.name);
                aggregates.insert(spec.name.clone(), format!("{field}:{function}"));
                continue;
            }
            let Some(field) = model.field(&spec.name) else {
                let message = format!("Invalid field {} on model {}", quoted(&spec.name), quoted(&model.name));
                return Err(Error::value_error(message));
            };
            let stored = field.store && !field.kind.is_x2many() || field.related.is_some();
            if let Some(aggregator) = aggregator(field).filter(|_| stored && !self.groups().contains(text)) {
                aggregates.insert(spec.name, format!("{}:{aggregator}", field.name));
            }
        }
        Ok(aggregates)
    }

    /// The order, in which keys of the answer stand for what they are the keys of.
    fn order(&self, series: Series, specs: &[String], aggregates: &IndexMap<String, String>) -> Option<String> {
        let order = self.page.order.as_deref()?;
        let plain = |key: &String| key.split(':').next().unwrap_or_default().to_owned();
        let groups = self.groups().iter().zip(specs).rev().map(|(key, spec)| (plain(key), spec));
        let keys: Vec<(String, &String)> =
            groups.chain(aggregates.iter().map(|(key, spec)| (plain(key), spec))).collect();
        let mut terms = Vec::new();
        for term in order.split(',').map(str::trim) {
            let (name, rest) = term.split_at(term.find(char::is_whitespace).unwrap_or(term.len()));
            let known = keys.iter().find(|(key, _)| key == name);
            let is_meant = specs.iter().chain(aggregates.values()).any(|spec| spec == name);
            match known {
                Some((_, spec)) => terms.push(format!("{spec}{rest}")),
                // Up to 16.0, what groups cannot be sorted by is passed over.
                None if !is_meant && !series.refuses_unknown_group_order() => {}
                None => terms.push(term.to_owned()),
            }
        }
        Some(terms.join(", "))
    }
}

/// The function that a field is aggregated by where none is named.
fn aggregator(field: &Field) -> Option<&str> {
    let is_number = matches!(field.kind, Kind::Integer | Kind::Float | Kind::Monetary) && field.name != "id";
    field.aggregator.as_deref().or_else(|| (field.manual && is_number).then_some("sum"))
}

/// The value of an aggregate of no records.
fn empty(aggregate: &str, series: Series) -> Value {
    let function = aggregate.split_once(':').and_then(|(_, name)| Function::parse(name, series));
    match function {
        None if aggregate == COUNT => 0.into(),
        Some(Function::Count | Function::CountDistinct) => 0.into(),
        Some(Function::ArrayAgg | Function::ArrayAggDistinct | Function::Recordset) => json!([]),
        _ => false.into(),
    }
}

/// `read_group`.
///
/// # Errors
/// What the series says of what cannot be grouped; a failure of the database.
pub async fn read_group(env: &Env<'_>, model: &Arc<Model>, asked: &ReadGroup) -> Result<Vec<Value>> {
    let series = env.series();
    let specs = asked.specs(model)?;
    let mut aggregates = asked.aggregates(model)?;
    let order = asked.order(series, &specs, &aggregates);
    // Up to 16.0 a row without groups is as the database answers it, with the least id.
    let raw = specs.is_empty() && !series.formats_ungrouped_rows();
    if raw {
        aggregates.shift_insert(0, "id".to_owned(), "id:min".to_owned());
    }
    let functions: Vec<String> = aggregates.values().cloned().collect();
    let page = Page { order, ..asked.page.clone() };
    let domain = Domain::parse(&asked.domain, series)?;
    let request =
        Request { domain: &domain, groups: &specs, aggregates: &functions, having: &Value::Null, page: &page };
    let (by, mut groups) = grouping::groups(env, model, &request).await?;
    groups = fill_temporal(env, &by, groups, &functions).await?;
    if asked.lazy {
        groups = expand(env, &by, groups, &functions);
    }
    let formatter = Formatter::new(env, Style::Classic, &by, &groups).await?;
    let rest = asked.groupby.get(asked.groups().len()..).unwrap_or_default();
    let mut rows = Vec::new();
    for group in groups {
        let mut row = Map::new();
        let (mut ranges, mut domains) = (Map::new(), Vec::new());
        for ((by, key), name) in by.iter().zip(&group.keys).zip(asked.groups()) {
            let shown = formatter.show(by, key);
            row.insert(name.clone(), shown.value);
            domains.push(shown.domain);
            if let Some(range) = shown.range {
                ranges.insert(name.clone(), range);
            }
        }
        for (name, value) in aggregates.keys().zip(group.aggregates) {
            let value = if raw && value == false { Value::Null } else { value };
            row.insert(name.clone(), value);
        }
        if !raw {
            row.insert("__domain".to_owned(), joined(series, &asked.domain, domains)?);
        }
        if !rest.is_empty() {
            row.insert("__context".to_owned(), json!({"group_by": rest}));
        }
        if !ranges.is_empty() {
            row.insert("__range".to_owned(), ranges.into());
        }
        rows.push(row.into());
    }
    Ok(rows)
}

/// What `formatted_read_group` is asked for.
#[derive(Clone, Debug)]
pub struct Formatted<'f> {
    pub domain: &'f Domain,
    pub groupby: &'f [String],
    pub aggregates: &'f [String],
    pub having: &'f Value,
    pub page: &'f Page,
}

/// `formatted_read_group` (19.0).
///
/// # Errors
/// What is said of what cannot be grouped; a failure of the database.
pub async fn formatted_read_group(
    env: &Env<'_>,
    model: &Arc<Model>,
    asked: &Formatted<'_>,
) -> Result<Vec<Map<String, Value>>> {
    let series = env.series();
    let request = Request {
        domain: asked.domain,
        groups: asked.groupby,
        aggregates: asked.aggregates,
        having: asked.having,
        page: asked.page,
    };
    let (by, mut groups) = grouping::groups(env, model, &request).await?;
    groups = fill_temporal(env, &by, groups, asked.aggregates).await?;
    if by.len() == 1 {
        groups = expand(env, &by, groups, asked.aggregates);
    }
    let formatter = Formatter::new(env, Style::Formatted, &by, &groups).await?;
    let mut rows = Vec::new();
    for group in groups {
        let mut row = Map::new();
        let mut domains = Vec::new();
        for ((by, key), name) in by.iter().zip(&group.keys).zip(asked.groupby) {
            let shown = formatter.show(by, key);
            row.insert(name.clone(), shown.value);
            domains.push(Domain::parse(&shown.domain.into(), series)?);
        }
        row.insert("__extra_domain".to_owned(), domain_value(Domain::and(domains)));
        row.extend(asked.aggregates.iter().cloned().zip(group.aggregates));
        rows.push(row);
    }
    Ok(rows)
}

// --- Domains ---

/// The domain of a group among the records of `domain`.
fn joined(series: Series, domain: &Value, groups: Vec<Vec<Value>>) -> Result<Value> {
    if groups.is_empty() {
        return Ok(domain.clone());
    }
    if series.flattens_group_domains() {
        let mut all = vec![Domain::parse(domain, series)?];
        for group in groups {
            all.push(Domain::parse(&group.into(), series)?);
        }
        return Ok(domain_value(Domain::and(all)));
    }
    let mut all: Vec<Value> = Vec::new();
    let own = domain.as_array().cloned().unwrap_or_default();
    let everything = own == [json!([1, "=", 1])];
    let mut parts: Vec<Vec<Value>> = if everything { Vec::new() } else { vec![own] };
    parts.extend(groups);
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if !all.is_empty() {
            all.insert(0, "&".into());
        }
        all.extend(normalized(part));
    }
    Ok(all.into())
}

/// A domain in which no `&` is left out.
fn normalized(domain: Vec<Value>) -> Vec<Value> {
    let mut items = Vec::new();
    let mut expected = 1_usize;
    for item in domain {
        if expected == 0 {
            items.insert(0, "&".into());
            expected = 1;
        }
        match item.as_str() {
            Some("&" | "|") => expected += 1,
            Some("!") => {}
            _ => expected -= 1,
        }
        items.push(item);
    }
    items
}

// --- Groups without records ---

/// Adds the groups of periods without records, if the context asks for it.
async fn fill_temporal(env: &Env<'_>, by: &[By], groups: Vec<Group>, aggregates: &[String]) -> Result<Vec<Group>> {
    let Some(asked) = env.context().get("fill_temporal") else { return Ok(groups) };
    let nothing = Map::new();
    let options = match asked {
        Value::Object(options) => options,
        asked if python::truth(asked) && !groups.is_empty() => &nothing,
        _ => return Ok(groups),
    };
    let Some(Some(Unit::Period(granularity))) = by.first().map(|by| by.unit) else { return Ok(groups) };
    let first_day = time::week_start(env, &env.lang().await?).await?;
    let bound = |name: &str| -> Result<Option<NaiveDateTime>> {
        let day = temporal::parse_date(options.get(name).unwrap_or(&Value::Null))?;
        Ok(day.map(|day| bound_of(day.and_time(NaiveTime::MIN), granularity, first_day)))
    };
    let start = |group: &Group| match group.keys.first() {
        Some(Key::Period(start)) => *start,
        _ => None,
    };
    let existing: Vec<NaiveDateTime> = groups.iter().filter_map(start).collect();
    let from = bound("fill_from")?.or_else(|| existing.first().copied());
    let to = bound("fill_to")?.or_else(|| existing.last().copied());
    let (Some(from), Some(mut to)) = (from.or(to), to.or(from)) else { return Ok(groups) };
    let wanted = options.get("min_groups").and_then(Value::as_u64).unwrap_or_default();
    if wanted > 0 {
        let mut last = from;
        for _ in 1..wanted.min(PERIODS as u64) {
            last = temporal::next(last, granularity);
        }
        to = to.max(last);
    }
    if to < from {
        return Ok(groups);
    }
    let mut starts: BTreeSet<NaiveDateTime> = existing.into_iter().collect();
    let mut at = from;
    while at <= to {
        starts.insert(at);
        let next = temporal::next(at, granularity);
        if next <= at || starts.len() > PERIODS {
            return Err(Error::value_error(format!("fill_temporal comes to more than {PERIODS} groups")));
        }
        at = next;
    }
    let blank = |at: NaiveDateTime| Group {
        keys: std::iter::once(Key::Period(Some(at))).chain(by[1..].iter().map(By::nothing)).collect(),
        aggregates: aggregates.iter().map(|aggregate| empty(aggregate, env.series())).collect(),
    };
    let mut of_start: IndexMap<Option<NaiveDateTime>, Vec<Group>> = IndexMap::new();
    for group in groups {
        of_start.entry(start(&group)).or_default().push(group);
    }
    let mut filled = Vec::new();
    for at in starts {
        match of_start.get_mut(&Some(at)) {
            Some(groups) => filled.append(groups),
            None => filled.push(blank(at)),
        }
    }
    filled.append(&mut of_start.swap_remove(&None).unwrap_or_default());
    Ok(filled)
}

/// The period that a bound of `fill_temporal` is in. Weeks are counted back from Monday, so that a Sunday is in the
/// week before its own where weeks begin on Sunday; from 15.0 to 19.0.
fn bound_of(day: NaiveDateTime, granularity: Granularity, first_day: Weekday) -> NaiveDateTime {
    if granularity != Granularity::Week {
        return temporal::truncate(day, granularity, first_day);
    }
    let monday = temporal::truncate(day, granularity, Weekday::Mon);
    let back = Weekday::Mon.days_since(first_day);
    monday.checked_sub_days(Days::new(back.into())).unwrap_or(monday)
}

/// Adds the groups of a selection's values without records, if its definition and the caller want it.
fn expand(env: &Env<'_>, by: &[By], groups: Vec<Group>, aggregates: &[String]) -> Vec<Group> {
    let [one] = by else { return groups };
    let wanted = one.field.kind == Kind::Selection && one.field.attribute("group_expand").is_some_and(python::truth);
    if !wanted || !env.flag("read_group_expand") && env.series().formats_ungrouped_rows() {
        return groups;
    }
    let (mut known, mut expanded) = (groups, Vec::new());
    for (value, _) in &one.field.selection {
        let key = Key::Plain(value.as_str().into());
        let found = known.iter().position(|group| group.keys.first() == Some(&key));
        expanded.push(match found {
            Some(index) => known.remove(index),
            None => Group {
                keys: vec![key],
                aggregates: aggregates.iter().map(|aggregate| empty(aggregate, env.series())).collect(),
            },
        });
    }
    expanded.append(&mut known);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str) -> Series {
        name.parse().unwrap()
    }

    fn group(name: &str) -> Vec<Value> {
        vec![json!([name, "=", 1])]
    }

    #[test]
    fn domains_are_joined_as_the_series_does() {
        let between = || vec!["&".into(), json!(["d", ">=", 1]), json!(["d", "<", 2])];
        let join = |name: &str, domain: Value, groups| joined(series(name), &domain, groups).unwrap();
        for name in ["17.0", "19.0"] {
            assert_eq!(join(name, json!([]), vec![]), json!([]));
            assert_eq!(join(name, json!([]), vec![group("a")]), json!([["a", "=", 1]]));
            assert_eq!(
                join(name, json!([["x", "=", 1]]), vec![group("a"), group("b")]),
                json!(["&", "&", ["x", "=", 1], ["a", "=", 1], ["b", "=", 1]])
            );
            assert_eq!(join(name, json!([]), vec![between()]), json!(["&", ["d", ">=", 1], ["d", "<", 2]]));
        }
        let two = json!([["x", "=", 1], ["y", "=", 2]]);
        assert_eq!(
            join("18.0", two.clone(), vec![between()]),
            json!(["&", "&", ["x", "=", 1], ["y", "=", 2], "&", ["d", ">=", 1], ["d", "<", 2]])
        );
        assert_eq!(
            join("19.0", two, vec![between()]),
            json!(["&", "&", "&", ["x", "=", 1], ["y", "=", 2], ["d", ">=", 1], ["d", "<", 2]])
        );
    }

    #[test]
    fn bounds_of_weeks_are_counted_back_from_monday() {
        let at = |text: &str| temporal::read_date(text).unwrap().and_time(NaiveTime::MIN);
        for (day, first_day, start) in [
            ("2024-02-29", Weekday::Sun, "2024-02-25"),
            ("2024-02-25", Weekday::Sun, "2024-02-18"),
            ("2024-02-29", Weekday::Mon, "2024-02-26"),
            ("2024-02-29", Weekday::Sat, "2024-02-24"),
        ] {
            assert_eq!(bound_of(at(day), Granularity::Week, first_day), at(start), "{day}");
        }
        assert_eq!(bound_of(at("2024-02-29"), Granularity::Month, Weekday::Sun), at("2024-02-01"));
    }

    #[test]
    fn keys_of_the_answer_are_sorted_by() {
        let asked = |order: &str| ReadGroup {
            domain: json!([]),
            fields: Vec::new(),
            groupby: vec!["day:week".to_owned()],
            page: Page { order: Some(order.to_owned()), ..Page::default() },
            lazy: true,
        };
        let aggregates =
            IndexMap::from([("day_count".to_owned(), COUNT.to_owned()), ("color".to_owned(), "color:max".to_owned())]);
        let order = |text: &str, name: &str| {
            asked(text).order(series(name), &["day:week".to_owned()], &aggregates).unwrap_or_default()
        };
        assert_eq!(order("color desc,day", "17.0"), "color:max desc, day:week");
        assert_eq!(order("day:week desc", "17.0"), "day:week desc");
        assert_eq!(order("day_count desc, nope", "17.0"), "__count desc, nope");
        assert_eq!(order("day_count desc, nope", "16.0"), "__count desc");
    }
}
