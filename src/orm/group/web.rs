//! What the web client asks for of groups: `web_read_group`, `read_progress_bar`.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::format::{self, Formatted, ReadGroup};
use super::grouping::{self, Request};
use super::spec::{COUNT, field_of};
use crate::error::{Error, Result};
use crate::orm::call::Bound;
use crate::orm::domain::Domain;
use crate::orm::env::Env;
use crate::orm::field::Kind;
use crate::orm::query::{OrderTerm, parse_order};
use crate::orm::registry::Model;
use crate::orm::search::{self, Page};
use crate::orm::{read, web};
use crate::python;

/// How many groups are opened at once, where the context says nothing else.
const OPENED: u64 = 10;

type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

fn is_full(page: &Page, count: usize) -> bool {
    page.limit.is_some_and(|limit| u64::try_from(count) == Ok(limit))
}

/// How many groups there are, given one page of them.
async fn length(env: &Env<'_>, model: &Arc<Model>, request: &Request<'_>, shown: usize) -> Result<Value> {
    if shown == 0 {
        return Ok(0.into());
    }
    if is_full(request.page, shown) {
        return Ok(grouping::count(env, model, request).await?.into());
    }
    Ok((request.page.offset + u64::try_from(shown).unwrap_or_default()).into())
}

/// `web_read_group` up to 18.0: what `read_group` answers, and how many groups there are.
///
/// # Errors
/// Those of `read_group`.
pub async fn classic(env: &Env<'_>, model: &Arc<Model>, asked: &ReadGroup) -> Result<Value> {
    let env = env.with("read_group_expand", true);
    let groups = format::read_group(&env, model, asked).await?;
    let domain = Domain::parse(&asked.domain, env.series())?;
    let specs = asked.specs(model)?;
    let request = Request { domain: &domain, groups: &specs, aggregates: &[], having: &Value::Null, page: &asked.page };
    let length = length(&env, model, &request, groups.len()).await?;
    Ok(json!({"groups": groups, "length": length}))
}

/// `web_read_group` in 19.0: groups, with the groups and records in those that are open.
struct Opening<'o, 'a> {
    env: &'o Env<'a>,
    model: &'o Arc<Model>,
    domain: Domain,
    groupby: Vec<String>,
    aggregates: Vec<String>,
    order: Vec<OrderTerm>,
    auto_unfold: bool,
    has_info: bool,
    default_limit: Option<u64>,
}

/// A group whose records are shown: where it is, and which records.
struct Open {
    path: Vec<usize>,
    ids: Vec<i32>,
}

/// `web_read_group` (19.0).
///
/// # Errors
/// Those of `formatted_read_group` and `web_read`.
pub async fn unfolded(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Value> {
    let env = &env.with("read_group_expand", true);
    let groupby = super::texts(call.get("groupby"))?;
    if groupby.is_empty() {
        return Err(Error::Python { name: "builtins.AssertionError", message: String::new() });
    }
    let mut aggregates = super::texts(call.get("aggregates"))?;
    if !aggregates.iter().any(|aggregate| aggregate == COUNT) {
        aggregates.push(COUNT.to_owned());
    }
    let page = Page::parse(call.get("offset"), call.get("limit"), call.get("order"))?;
    let opening = Opening {
        env,
        model,
        domain: Domain::parse(call.get("domain"), env.series())?,
        groupby,
        aggregates,
        order: page.order.as_deref().map(parse_order).transpose()?.unwrap_or_default(),
        auto_unfold: python::truth(call.get("auto_unfold")),
        has_info: python::truth(call.get("opening_info")),
        default_limit: Page::parse(&Value::Null, call.get("unfold_read_default_limit"), &Value::Null)?.limit,
    };
    let (mut groups, length) = opening.level(&opening.domain, 0, &page).await?;
    let mut open = Vec::new();
    let info = call.get("opening_info");
    opening.open(&mut groups, &opening.domain, 0, info, &mut Vec::new(), &mut open).await?;
    let specification = call.get("unfold_read_specification").as_object().cloned().unwrap_or_default();
    opening.read(&mut groups, open, &specification).await?;
    if let Value::Object(wanted) = call.get("groupby_read_specification") {
        opening.read_values(&mut groups, wanted, 0).await?;
    }
    Ok(json!({"groups": groups, "length": length}))
}

impl Opening<'_, '_> {
    /// What groups of a level are sorted by.
    fn group_order(&self, spec: &str) -> Option<String> {
        let mut terms = Vec::new();
        let mut sorted = false;
        for term in &self.order {
            let direction = if term.descending { "desc" } else { "asc" };
            let nulls = match term.nulls_first {
                None => "",
                Some(true) => " nulls first",
                Some(false) => " nulls last",
            };
            let name = term.field.as_str();
            if name == field_of(spec) || name == spec {
                terms.push(format!("{spec} {direction}{nulls}"));
                sorted = true;
            } else if let Some(known) = self.aggregates.iter().find(|known| *known == name || field_of(known) == name) {
                terms.push(format!("{known} {direction}{nulls}"));
            }
        }
        if terms.is_empty() {
            return None;
        }
        if !sorted {
            terms.push(spec.to_owned());
        }
        Some(terms.join(", "))
    }

    /// What records are sorted by.
    fn record_order(&self) -> Option<String> {
        let terms: Vec<String> = self
            .order
            .iter()
            .filter(|term| self.model.field(field_of(&term.field)).is_some())
            .map(|term| format!("{} {}", field_of(&term.field), if term.descending { "desc" } else { "asc" }))
            .collect();
        Some(terms.join(", ")).filter(|order| !order.is_empty())
    }

    /// The groups of one level, and how many there are.
    async fn level(&self, domain: &Domain, depth: usize, page: &Page) -> Result<(Vec<Map<String, Value>>, Value)> {
        let spec = std::slice::from_ref(&self.groupby[depth]);
        let page = Page { order: self.group_order(&spec[0]), ..page.clone() };
        let having = &Value::Null;
        let asked = Formatted { domain, groupby: spec, aggregates: &self.aggregates, having, page: &page };
        let groups = format::formatted_read_group(self.env, self.model, &asked).await?;
        let request = Request { domain, groups: spec, aggregates: &[], having, page: &page };
        let length = length(self.env, self.model, &request, groups.len()).await?;
        Ok((groups, length))
    }

    /// Opens groups: puts their groups into them, and notes which records they have.
    fn open<'s>(
        &'s self,
        groups: &'s mut [Map<String, Value>],
        domain: &'s Domain,
        depth: usize,
        info: &'s Value,
        path: &'s mut Vec<usize>,
        open: &'s mut Vec<Open>,
    ) -> Step<'s, ()> {
        Box::pin(async move {
            let spec = &self.groupby[depth];
            let most = self.env.context().get("max_number_opened_groups").and_then(Value::as_u64);
            let most = most.filter(|most| *most > 0).unwrap_or(OPENED);
            let relational = self.model.field(field_of(spec)).is_some_and(|field| field.kind.is_relational());
            let mut opened = 0;
            for (index, group) in groups.iter_mut().enumerate() {
                let value = match group.get(spec) {
                    Some(Value::Array(pair)) => pair.first().cloned().unwrap_or_default(),
                    other => other.cloned().unwrap_or_default(),
                };
                let known = info.as_array().into_iter().flatten();
                let known = known.filter_map(Value::as_object).find(|info| info.get("value") == Some(&value));
                let known = known.filter(|_| self.has_info);
                let null = Value::Null;
                let get = |name: &str| known.and_then(|info| info.get(name)).unwrap_or(&null);
                let mut page = Page { limit: self.default_limit, ..Page::default() };
                if known.is_some() {
                    if python::truth(get("folded")) {
                        continue;
                    }
                    page = Page::parse(get("offset"), get("limit"), &Value::Null)?;
                    let count = group.get(COUNT).and_then(Value::as_u64).unwrap_or_default();
                    if page.offset > 0 && page.offset >= count {
                        page.offset = 0;
                        group.insert("__offset".to_owned(), 0.into());
                    }
                } else if !self.auto_unfold || opened >= most || relational && value == false {
                    continue;
                }
                opened += 1;
                let extra = Domain::parse(group.get("__extra_domain").unwrap_or(&null), self.env.series())?;
                let mut inner = Domain::and(vec![domain.clone(), extra]);
                path.push(index);
                if depth + 1 < self.groupby.len() {
                    let (mut inner_groups, length) = self.level(&inner, depth + 1, &page).await?;
                    self.open(&mut inner_groups, &inner, depth + 1, get("groups"), path, open).await?;
                    group.insert("__groups".to_owned(), json!({"groups": inner_groups, "length": length}));
                } else {
                    if python::truth(get("progressbar_domain")) {
                        let part = Domain::parse(get("progressbar_domain"), self.env.series())?;
                        inner = Domain::and(vec![inner, part]);
                    }
                    page.order = self.record_order();
                    let ids = search::search(self.env, self.model, &inner, &page).await?;
                    open.push(Open { path: path.clone(), ids });
                }
                path.pop();
            }
            Ok(())
        })
    }

    /// Reads the records of open groups, all at once.
    async fn read(
        &self,
        groups: &mut [Map<String, Value>],
        open: Vec<Open>,
        specification: &Map<String, Value>,
    ) -> Result<()> {
        let ids: BTreeSet<i32> = open.iter().flat_map(|open| open.ids.iter().copied()).collect();
        let ids: Vec<i32> = ids.into_iter().collect();
        let rows = web::web_read(self.env, self.model, &ids, specification).await?;
        let records: HashMap<i32, Value> =
            rows.into_iter().filter_map(|row| Some((*read::ids_in(&row["id"]).first()?, row))).collect();
        for Open { path, ids } in open {
            let shown: Value = ids.iter().filter_map(|id| records.get(id).cloned()).collect();
            if let Some(group) = at(groups, &path) {
                group.insert("__records".to_owned(), shown);
            }
        }
        Ok(())
    }

    /// Reads the records that are grouped by.
    fn read_values<'s>(
        &'s self,
        groups: &'s mut [Map<String, Value>],
        wanted: &'s Map<String, Value>,
        depth: usize,
    ) -> Step<'s, ()> {
        Box::pin(async move {
            let Some(spec) = self.groupby.get(depth) else { return Ok(()) };
            let field = self.model.field(spec).filter(|field| field.kind.is_relational());
            if let (Some(field), Some(Value::Object(specification))) = (field, wanted.get(spec)) {
                let comodel = self.env.model(field.comodel()).await?;
                let id = |group: &Map<String, Value>| group.get(spec)?.get(0).and_then(|id| read::ids_in(id).pop());
                let ids: Vec<i32> = groups.iter().filter_map(id).collect();
                let rows = web::web_read(self.env, &comodel, &ids, specification).await?;
                for group in groups.iter_mut() {
                    let values = match id(group) {
                        None => json!({"id": false}),
                        Some(id) => rows.iter().find(|row| row["id"] == id).cloned().unwrap_or_default(),
                    };
                    group.insert("__values".to_owned(), values);
                }
            }
            for group in groups {
                let Some(Value::Array(inner)) = group.get_mut("__groups").and_then(|inner| inner.get_mut("groups"))
                else {
                    continue;
                };
                let mut maps: Vec<Map<String, Value>> = Vec::new();
                for value in inner.drain(..) {
                    if let Value::Object(map) = value {
                        maps.push(map);
                    }
                }
                self.read_values(&mut maps, wanted, depth + 1).await?;
                inner.extend(maps.into_iter().map(Value::from));
            }
            Ok(())
        })
    }
}

/// The group at the end of a path of indexes.
fn at<'g>(groups: &'g mut [Map<String, Value>], path: &[usize]) -> Option<&'g mut Map<String, Value>> {
    let (first, rest) = path.split_first()?;
    let mut group = groups.get_mut(*first)?;
    for index in rest {
        group = group.get_mut("__groups")?.get_mut("groups")?.get_mut(*index)?.as_object_mut()?;
    }
    Some(group)
}

/// `read_progress_bar`: how many records of each value of a field there are in each group.
///
/// # Errors
/// Those of `read_group`.
pub async fn progress_bar(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Value> {
    let series = env.series();
    let bar = call.get("progress_bar");
    let (group, field) = (python::text(call.get("group_by")), python::text(&bar["field"]));
    let groupby = vec![group.clone(), field.clone()];
    let rows = if series.formats_groups() {
        let domain = Domain::parse(call.get("domain"), series)?;
        let aggregates = [COUNT.to_owned()];
        let (having, page) = (&Value::Null, &Page::default());
        let asked = Formatted { domain: &domain, groupby: &groupby, aggregates: &aggregates, having, page };
        format::formatted_read_group(env, model, &asked).await?.into_iter().map(Value::from).collect()
    } else {
        let asked = ReadGroup {
            domain: call.get("domain").clone(),
            fields: vec![field.clone()],
            groupby,
            page: Page::default(),
            lazy: false,
        };
        format::read_group(env, model, &asked).await?
    };
    let grouped = model.field(field_of(&group));
    let labels = grouped.filter(|field| field.kind == Kind::Selection && series.labels_progress_bars());
    let colors = bar["colors"].as_object().cloned().unwrap_or_default();
    let mut answer: IndexMap<String, Map<String, Value>> = IndexMap::new();
    for row in rows {
        let key = match (&row[&group], labels) {
            // The name up to 17.0, what it is the name of from 18.0 on.
            (Value::Array(pair), _) => pair.get(usize::from(series.labels_progress_bars())).cloned(),
            (value, Some(field)) => {
                let label = field.selection.iter().find(|(known, _)| value == known).map(|(_, label)| label.as_str());
                Some(label.map_or(Value::Bool(false), Value::from))
            }
            (value, None) => Some(value.clone()),
        };
        let counts = answer
            .entry(python::text(&key.unwrap_or_default()))
            .or_insert_with(|| colors.keys().map(|color| (color.clone(), 0.into())).collect());
        if let Some(count) = row[&field].as_str().and_then(|value| counts.get_mut(value)) {
            let more = row[COUNT].as_i64().unwrap_or_default();
            *count = (count.as_i64().unwrap_or_default() + more).into();
        }
    }
    Ok(answer.into_iter().map(|(key, counts)| (key, counts.into())).collect::<Map<String, Value>>().into())
}
