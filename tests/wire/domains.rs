//! Domains: which records they mean, on every database the same, and what is said of those that mean nothing.
//!
//! The property test compares what the servers find with what [`World::meets`] says, a plain evaluation over the
//! records. It follows these rules, the same in all series unless told otherwise:
//!
//! * Nothing compares to a value that is not there, except: `= false` finds it, `in` with false in the list finds it; all
//!   of `!=`, `not in`, `not like`, `not ilike` find it, unless false is what it must differ from.
//! * Up to 18.0, `!=` a value that is empty but not false (`0`, `""`) does not find what is not there.
//! * In 19.0, zero and no number, the empty and no text are the same: `=`, `in` and their opposites take one for the
//!   other, `<` and `>` take what is not there for zero or the empty text.
//! * A boolean that is not there is false.
//! * `like ""` finds everything, and `not like ""` what is not there; in 19.0 nothing, and `=like ""` means `= false`.
//! * `=?` false finds everything; in 19.0 so does `=?` with zero or the empty text.
//! * A path finds records of which any record at the end of the path meets the condition; so do conditions with `!=` and
//!   the like. `not any` is the opposite of `any`.
//! * A record is among its own descendants (`child_of`) and ancestors (`parent_of`). For a many2one to the same model
//!   these are about the record itself and the hierarchy of that field.
//! * `!` finds what the condition does not find in 19.0. Before, it turns the operator of a condition into its opposite
//!   (`<` into `>=`, `=` into `!=`, also at the end of a path), where it has one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use regex::RegexBuilder;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, Store, options};

const MODEL: &str = "x_node";
const TAG: &str = "res.partner.category";

/// A domain as a tree.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(String, &'static str, Value),
    /// `any` or `not any`.
    Any(String, &'static str, Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
}

impl Tree {
    /// As the wire has it.
    fn items(&self) -> Vec<Value> {
        let two =
            |operator: &str, left: &Self, right: &Self| [vec![json!(operator)], left.items(), right.items()].concat();
        match self {
            Self::Leaf(path, operator, value) => vec![json!([path, operator, value])],
            Self::Any(path, operator, inner) => vec![json!([path, operator, inner.items()])],
            Self::And(left, right) => two("&", left, right),
            Self::Or(left, right) => two("|", left, right),
            Self::Not(inner) => [vec![json!("!")], inner.items()].concat(),
        }
    }
}

/// The records, with null for what is not there.
struct World {
    series: Series,
    nodes: BTreeMap<i64, Map<String, Value>>,
    tags: BTreeMap<i64, Map<String, Value>>,
}

impl World {
    fn of(&self, model: &str) -> &BTreeMap<i64, Map<String, Value>> {
        if model == MODEL { &self.nodes } else { &self.tags }
    }

    /// The model that a relation refers to, and its records.
    fn targets(&self, model: &str, id: i64, field: &str) -> (&'static str, Vec<i64>) {
        let one = |name: &str| self.of(model)[&id][name].as_i64().into_iter().collect();
        match field {
            "x_tag_ids" => (TAG, self.nodes[&id][field].as_array().unwrap().iter().filter_map(Value::as_i64).collect()),
            "x_child_ids" => {
                (MODEL, self.nodes.keys().copied().filter(|c| self.nodes[c]["x_parent_id"] == id).collect())
            }
            "parent_id" => (TAG, one(field)),
            _ => (MODEL, one(field)),
        }
    }

    fn search(&self, tree: &Tree) -> Vec<i64> {
        self.nodes.keys().copied().filter(|id| self.meets(MODEL, *id, tree, false)).collect()
    }

    /// Whether a record meets the domain, or its opposite.
    fn meets(&self, model: &str, id: i64, tree: &Tree, negated: bool) -> bool {
        match tree {
            Tree::Not(inner) => self.meets(model, id, inner, !negated),
            Tree::And(left, right) if !negated => {
                self.meets(model, id, left, false) && self.meets(model, id, right, false)
            }
            Tree::And(left, right) => self.meets(model, id, left, true) || self.meets(model, id, right, true),
            Tree::Or(left, right) if !negated => {
                self.meets(model, id, left, false) || self.meets(model, id, right, false)
            }
            Tree::Or(left, right) => self.meets(model, id, left, true) && self.meets(model, id, right, true),
            Tree::Any(field, operator, inner) => {
                let (comodel, targets) = self.targets(model, id, field);
                let any = targets.into_iter().any(|target| self.meets(comodel, target, inner, false));
                any != ((*operator == "not any") != negated)
            }
            Tree::Leaf(path, operator, value) if !negated => self.leaf(model, id, path, operator, value) == Some(true),
            Tree::Leaf(path, operator, value) => match opposite(operator).filter(|_| self.series <= Series::V18) {
                Some(opposite) => self.leaf(model, id, path, opposite, value) == Some(true),
                None if self.series <= Series::V18 => self.leaf(model, id, path, operator, value) == Some(false),
                None => self.leaf(model, id, path, operator, value) != Some(true),
            },
        }
    }

    /// What a condition is, or nothing where the database does not know.
    fn leaf(&self, model: &str, id: i64, path: &str, operator: &str, value: &Value) -> Option<bool> {
        if let Some((field, rest)) = path.split_once('.') {
            if field == "x_day" {
                let month = self.nodes[&id][field].as_str().and_then(|day| day[5..7].parse::<i64>().ok());
                return self.scalar(&json!(month), operator, value, None);
            }
            let (comodel, targets) = self.targets(model, id, field);
            let any = |ids: &[i64]| ids.iter().any(|id| self.leaf(comodel, *id, rest, operator, value) == Some(true));
            // As in SQL, what is not there is in no empty set, and nobody knows whether it is in another.
            let all: Vec<i64> = self.of(comodel).keys().copied().collect();
            let unknown = targets.is_empty() && field.ends_with("parent_id") && any(&all);
            return if unknown { None } else { Some(any(&targets)) };
        }
        let falsy = *value == false;
        match (path, operator) {
            ("id" | "x_parent_id" | "x_tag_ids", "child_of" | "parent_of") => {
                let (comodel, parent, own) = match path {
                    "x_tag_ids" => (TAG, "parent_id", self.targets(model, id, path).1),
                    _ => (MODEL, "x_parent_id", vec![id]),
                };
                let family = self.family(comodel, parent, operator == "child_of", value);
                Some(own.iter().any(|id| family.contains(id)))
            }
            ("x_tag_ids" | "x_child_ids", _) => {
                let own = self.targets(model, id, path).1;
                let listed = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                let is =
                    |wanted: &Value| if *wanted == false { own.is_empty() } else { own.iter().any(|id| wanted == id) };
                let found = listed(value).iter().any(is);
                match operator {
                    "=?" if falsy => Some(true),
                    "=" | "in" | "=?" => Some(found),
                    _ => Some(!found),
                }
            }
            ("x_parent_id", _) if value.is_string() => {
                let target = self.targets(model, id, path).1.first().copied();
                let (negative, positive) = positive(operator);
                let name = target.is_some_and(|id| self.leaf(MODEL, id, "x_name", positive, value) == Some(true));
                Some(name != negative)
            }
            ("id", _) => self.scalar(&json!(id), operator, value, None),
            _ => {
                let empty = match path {
                    "x_int" | "x_float" => Some(json!(0)),
                    "x_name" | "name" => Some(json!("")),
                    _ => None,
                };
                self.scalar(&self.of(model)[&id][path], operator, value, empty.filter(|_| self.series == Series::V19))
            }
        }
    }

    /// The records of `value` with their descendants or ancestors.
    fn family(&self, model: &str, parent: &str, down: bool, value: &Value) -> BTreeSet<i64> {
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let named =
            |id: i64, value: &Value| value.is_string() && self.leaf(model, id, "x_name", "ilike", value) == Some(true);
        let all = self.of(model);
        let roots = all.keys().copied().filter(|id| list.iter().any(|value| value == id || named(*id, value)));
        let mut family: BTreeSet<i64> = roots.collect();
        loop {
            let more: BTreeSet<i64> = if down {
                let below = |id: &i64| all[id][parent].as_i64().is_some_and(|parent| family.contains(&parent));
                all.keys().copied().filter(below).collect()
            } else {
                family.iter().filter_map(|id| all[id][parent].as_i64()).collect()
            };
            if more.is_subset(&family) {
                return family;
            }
            family.extend(more);
        }
    }

    /// A condition on a value that is no relation; `empty` is what stands for a value that is not there.
    fn scalar(&self, own: &Value, operator: &str, value: &Value, empty: Option<Value>) -> Option<bool> {
        let newest = self.series == Series::V19;
        let (negative, positive) = positive(operator);
        let same = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9,
            _ => a == b,
        };
        let blank = |value: &Value| *value == 0 || *value == 0.0 || *value == "" || *value == false;
        match positive {
            "=?" if *value == false || newest && blank(value) => Some(true),
            "=" | "=?" | "in" => {
                let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                let wanted = |wanted: &Value| match (wanted, own) {
                    (Value::Bool(false), Value::Null | Value::Bool(false)) => true,
                    (Value::Bool(false), own) => empty.as_ref().is_some_and(|empty| same(empty, own)),
                    (wanted, Value::Null) => empty.as_ref().is_some_and(|empty| same(empty, wanted)),
                    (wanted, own) => same(wanted, own),
                };
                let found = list.iter().any(wanted);
                // `!= 0` and `!= ""` do not know what is not there.
                let blank = *value != false && blank(value);
                let unknown = own.is_null() && (operator == "!=" && !newest && blank || operator == "=?" && !found);
                if unknown { None } else { Some(found != negative) }
            }
            "like" | "ilike" if *value == "" => match (negative, newest) {
                (false, _) => Some(true),
                (true, false) => Some(own.is_null()),
                (true, true) => Some(false),
            },
            "=like" | "=ilike" if newest && *value == "" => {
                self.scalar(own, if negative { "!=" } else { "=" }, &json!(false), empty)
            }
            "like" | "ilike" | "=like" | "=ilike" => {
                let text = match own {
                    Value::Null => return if negative { Some(true) } else { None },
                    Value::String(text) => text.clone(),
                    // PostgreSQL writes 2.0 as 2.
                    Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
                        format!("{:.0}", number.as_f64().unwrap())
                    }
                    other => other.to_string(),
                };
                let pattern = value.as_str().unwrap();
                let pattern = if positive.starts_with('=') { pattern.to_owned() } else { format!("%{pattern}%") };
                Some(like(&text, &pattern, positive.ends_with("ilike")) != negative)
            }
            _ if *value == false && empty.is_none() && !own.is_number() => None,
            _ => {
                let own = if own.is_null() { empty.as_ref()? } else { own };
                let order = match (own, value) {
                    (Value::String(own), Value::String(value)) => own.as_bytes().cmp(value.as_bytes()),
                    _ => own.as_f64()?.total_cmp(&value.as_f64().unwrap_or_default()),
                };
                Some(match operator {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
        }
    }
}

/// `LIKE` of PostgreSQL.
fn like(text: &str, pattern: &str, insensitive: bool) -> bool {
    let mut expression = String::from("^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            '\\' => expression.push_str(&regex::escape(&chars.next().unwrap().to_string())),
            c => expression.push_str(&regex::escape(&c.to_string())),
        }
    }
    expression.push('$');
    let expression = RegexBuilder::new(&expression).case_insensitive(insensitive).dot_matches_new_line(true).build();
    expression.unwrap().is_match(text)
}

/// Whether an operator is negative, and the one that it negates.
fn positive(operator: &str) -> (bool, &str) {
    match operator {
        "!=" | "<>" => (true, "="),
        _ => operator.strip_prefix("not ").map_or((false, operator), |positive| (true, positive)),
    }
}

/// The operator into which `!` turns one up to 18.0.
fn opposite(operator: &str) -> Option<&'static str> {
    let pairs = [("=", "!="), ("<", ">="), (">", "<="), ("in", "not in"), ("like", "not like"), ("ilike", "not ilike")];
    pairs.into_iter().find_map(|(a, b)| match operator {
        _ if operator == a => Some(b),
        _ if operator == b => Some(a),
        _ => None,
    })
}

const TEXTS: [&str; 14] = [
    "Alpha", "alpha", "beta", "Beta", "Épsilon", "épsilon", "100%", "a_b", "a\\b", "", " pad ", "x*y?[z]", "日本",
    "a'b\"c",
];
const DAYS: [&str; 4] = ["2023-12-31", "2024-01-01", "2024-02-29", "2024-08-15"];
const TIMES: [&str; 4] = ["2023-12-31 23:30:00", "2024-01-01 00:00:00", "2024-01-01 12:30:00", "2024-01-01 23:59:59"];
const NODES: usize = 36;
const TAGS: usize = 5;

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + Clone + use<T> {
    prop::sample::select(values.to_vec())
}

fn texts() -> impl Strategy<Value = Value> + Clone {
    one_of(&TEXTS).prop_map(Value::from)
}

fn integers() -> impl Strategy<Value = Value> + Clone {
    (-2i64..4).prop_map(Value::from)
}

fn floats() -> impl Strategy<Value = Value> + Clone {
    one_of(&[-2.5, 0.0, 0.1, 1.5, 2.0]).prop_map(Value::from)
}

/// A record, in which relations are indices (the ids are not known yet).
fn nodes() -> impl Strategy<Value = Vec<Map<String, Value>>> {
    let maybe = |values: BoxedStrategy<Value>| prop_oneof![3 => values, 1 => Just(Value::Null)];
    let node = (
        (maybe(texts().boxed()), maybe(integers().boxed()), maybe(floats().boxed()), any::<bool>()),
        (maybe(one_of(&DAYS).prop_map(Value::from).boxed()), maybe(one_of(&TIMES).prop_map(Value::from).boxed())),
        maybe(one_of(&["a", "b", "c"]).prop_map(Value::from).boxed()),
        prop_oneof![2 => (0..NODES).prop_map(Value::from), 1 => Just(Value::Null)],
        prop::collection::btree_set(0..TAGS, 0..3),
    );
    let node = node.prop_map(|((name, int, float, bool), (day, at), sel, parent, tags)| {
        let value = json!({"x_name": name, "x_int": int, "x_float": float, "x_bool": bool, "x_day": day, "x_at": at,
            "x_sel": sel, "x_parent_id": parent, "x_tag_ids": tags});
        value.as_object().unwrap().clone()
    });
    prop::collection::vec(node, NODES)
}

type Operators = &'static [&'static str];
const EQUAL: Operators = &["=", "!=", "=?"];
const ORDER: Operators = &["<", "<=", ">", ">="];
const IN: Operators = &["in", "not in"];
const LIKE: Operators = &["like", "not like", "ilike", "not ilike", "=like", "=ilike"];
const FAMILY: Operators = &["child_of", "parent_of"];

/// Conditions on a field of values like these.
fn scalars(path: &str, values: BoxedStrategy<Value>, ordered: bool) -> BoxedStrategy<Tree> {
    let leaf = {
        let path = path.to_owned();
        move |(operator, value): (&'static str, Value)| Tree::Leaf(path.clone(), operator, value)
    };
    let or_false = prop_oneof![4 => values.clone(), 1 => Just(json!(false))].boxed();
    let list = prop::collection::vec(or_false.clone(), 0..4).prop_map(Value::from);
    let order = if ordered { ORDER } else { EQUAL };
    prop_oneof![
        (one_of(EQUAL), or_false).prop_map(leaf.clone()),
        (one_of(order), values).prop_map(leaf.clone()),
        (one_of(IN), list).prop_map(leaf),
    ]
    .boxed()
}

fn likes(path: &str, patterns: BoxedStrategy<Value>, series: Series) -> BoxedStrategy<Tree> {
    let path = path.to_owned();
    let mut operators = LIKE.to_vec();
    if series == Series::V19 {
        operators.extend(["not =like", "not =ilike"]);
    }
    (one_of(&operators), patterns).prop_map(move |(operator, value)| Tree::Leaf(path.clone(), operator, value)).boxed()
}

/// Conditions on the model's own fields, or on those at the end of a path to the model.
fn leaves(prefix: &str, series: Series, nodes: &[i64], tags: &[i64]) -> BoxedStrategy<Tree> {
    let path = |field: &str| format!("{prefix}{field}");
    let patterns =
        one_of(&["a", "A", "é", "É", "_", "%", "\\%", "\\_b", "a\\\\", "", "*", "?[", "%a%", "_lpha", "日", "'"]);
    let patterns = patterns.prop_map(Value::from).boxed();
    let ids = |ids: &[i64]| prop_oneof![6 => one_of(ids).prop_map(Value::from), 1 => Just(json!(9_999_999))].boxed();
    let (nodes, tags) = (ids(nodes), ids(tags));
    let leaf = |path: String| move |(operator, value): (&'static str, Value)| Tree::Leaf(path.clone(), operator, value);
    let family = |roots: &BoxedStrategy<Value>| {
        let lists = prop::collection::vec(roots.clone(), 0..3).prop_map(Value::from);
        (one_of(FAMILY), prop_oneof![4 => roots.clone(), 2 => lists, 1 => Just(json!(false))])
    };
    let named = (one_of(&["=", "!=", "like", "not like", "ilike", "not ilike"]), one_of(&["Alpha", "beta", "É", "_b"]));
    let relations = |path: &str, ids: BoxedStrategy<Value>| {
        let lists = prop::collection::vec(ids.clone(), 0..4).prop_map(Value::from);
        let one = prop_oneof![4 => ids, 1 => Just(json!(false))];
        let (equal, lists) = ((one_of(EQUAL), one), (one_of(IN), lists));
        prop_oneof![equal.prop_map(leaf(path.to_owned())), lists.prop_map(leaf(path.to_owned()))].boxed()
    };
    let mut all = vec![
        scalars(&path("x_name"), texts().boxed(), true),
        likes(&path("x_name"), patterns.clone(), series),
        scalars(&path("x_int"), integers().boxed(), true),
        likes(&path("x_int"), one_of(&["1", "-", "_", ""]).prop_map(Value::from).boxed(), series),
        scalars(&path("x_float"), floats().boxed(), true),
        likes(&path("x_float"), one_of(&["2", "1.", "0", "_"]).prop_map(Value::from).boxed(), series),
        scalars(&path("x_bool"), any::<bool>().prop_map(Value::from).boxed(), false),
        likes(&path("x_bool"), one_of(&["t", "FALSE", "_a%"]).prop_map(Value::from).boxed(), series),
        scalars(&path("x_day"), one_of(&DAYS).prop_map(Value::from).boxed(), true),
        likes(&path("x_day"), one_of(&["2024", "-01", "2024-__-01"]).prop_map(Value::from).boxed(), series),
        scalars(&path("x_at"), one_of(&TIMES).prop_map(Value::from).boxed(), true),
        likes(&path("x_at"), one_of(&["2024", "-01 ", "30:00"]).prop_map(Value::from).boxed(), series),
        scalars(&path("x_sel"), one_of(&["a", "b", "d"]).prop_map(Value::from).boxed(), false),
        likes(&path("x_sel"), one_of(&["a", "B", ""]).prop_map(Value::from).boxed(), series),
        scalars(&path("id"), nodes.clone(), true),
        scalars(&path("x_parent_id"), nodes.clone(), false),
        named.prop_map(|(operator, value)| (operator, json!(value))).prop_map(leaf(path("x_parent_id"))).boxed(),
        relations(&path("x_tag_ids"), tags.clone()),
        relations(&path("x_child_ids"), nodes.clone()),
        family(&nodes).prop_map(leaf(path("id"))).boxed(),
        (one_of(FAMILY), one_of(&["alpha", "É"]).prop_map(Value::from)).prop_map(leaf(path("id"))).boxed(),
        family(&nodes).prop_map(leaf(path("x_parent_id"))).boxed(),
        family(&tags).prop_map(leaf(path("x_tag_ids"))).boxed(),
        likes(&path("x_tag_ids.name"), one_of(&["tag", "2", ""]).prop_map(Value::from).boxed(), series),
        scalars(&path("x_tag_ids.parent_id"), tags, false),
    ];
    if series.has_date_parts() {
        all.push(scalars(&path("x_day.month_number"), one_of(&[1, 2, 8, 9]).prop_map(Value::from).boxed(), true));
    }
    prop::strategy::Union::new(all).boxed()
}

fn trees(series: Series, nodes: &[i64], tags: &[i64]) -> BoxedStrategy<Tree> {
    let leaf = prop_oneof![
        4 => leaves("", series, nodes, tags),
        1 => leaves("x_parent_id.", series, nodes, tags),
        1 => leaves("x_child_ids.", series, nodes, tags),
        1 => leaves("x_child_ids.x_parent_id.x_parent_id.", series, nodes, tags),
    ];
    let inner = leaf.prop_recursive(3, 8, 2, move |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let relation = one_of(&["x_parent_id", "x_child_ids"]).prop_map(str::to_owned);
        prop_oneof![
            (boxed(), boxed()).prop_map(|(left, right)| Tree::And(left, right)),
            (boxed(), boxed()).prop_map(|(left, right)| Tree::Or(left, right)),
            boxed().prop_map(Tree::Not),
            (relation, one_of(&["any", "not any"]), boxed())
                .prop_map(|(path, operator, inner)| Tree::Any(path, operator, inner)),
        ]
    });
    inner.boxed()
}

/// A server with the records, and what they are.
async fn populate(store: &Store, series: Series, nodes: &[Map<String, Value>]) -> (Wiredoo, Option<String>, World) {
    let server = store.builder(series).start().await.unwrap();
    let mut client = Client::administrator(&server).await;
    let fields = json!([
        {"name": "x_int", "ttype": "integer"},
        {"name": "x_float", "ttype": "float"},
        {"name": "x_bool", "ttype": "boolean"},
        {"name": "x_day", "ttype": "date"},
        {"name": "x_at", "ttype": "datetime"},
        {"name": "x_sel", "ttype": "selection", "selection_ids": options(&["a", "b", "c", "d"])},
        {"name": "x_parent_id", "ttype": "many2one", "relation": MODEL},
        {"name": "x_tag_ids", "ttype": "many2many", "relation": TAG},
        {"name": "x_child_ids", "ttype": "one2many", "relation": MODEL, "relation_field": "x_parent_id"},
    ]);
    client.manual_model(MODEL, fields).await;
    let mut tags = BTreeMap::new();
    let mut above: Option<i64> = None;
    for number in 0..TAGS {
        let parent = above.filter(|_| number != 3);
        let values = json!({"name": format!("Tag {number}"), "parent_id": parent});
        let id = client.create(TAG, values.clone()).await;
        tags.insert(id, values.as_object().unwrap().clone());
        above = Some(id);
    }
    let tag_ids: Vec<i64> = tags.keys().copied().collect();
    let mut rows = nodes.to_vec();
    for row in &mut rows {
        let own: Vec<i64> = row["x_tag_ids"].as_array().unwrap().iter().map(|i| tag_ids[index(i)]).collect();
        row["x_tag_ids"] = own.into();
    }
    let new: Vec<Value> = rows
        .iter()
        .map(|row| {
            let given = row.iter().filter(|(name, value)| !value.is_null() && *name != "x_parent_id");
            let mut new: Map<String, Value> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
            new.insert("x_tag_ids".to_owned(), json!([[6, 0, row["x_tag_ids"]]]));
            new.into()
        })
        .collect();
    let ids = client.kw(MODEL, "create", json!([new]), json!({})).await;
    let ids: Vec<i64> = ids.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
    for (id, row) in ids.iter().zip(&mut rows) {
        if !row["x_parent_id"].is_null() {
            row["x_parent_id"] = ids[index(&row["x_parent_id"])].into();
            client.kw(MODEL, "write", json!([[id], {"x_parent_id": row["x_parent_id"]}]), json!({})).await;
        }
    }
    let world = World { series, nodes: ids.into_iter().zip(rows).collect(), tags };
    let sid = client.sid.take();
    (server, sid, world)
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// One value of a strategy, the same in each run: the records, that is. The domains differ.
fn sample<S: Strategy>(strategy: &S) -> S::Value {
    strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

#[test]
fn any_domain_finds_what_it_means_on_every_store() {
    let runtime = Runtime::new().unwrap();
    let records = sample(&nodes());
    for series in [Series::V17, Series::V18, Series::V19] {
        // Files are as memory, but for the folder.
        let stores: Vec<Store> = common::stores().into_iter().filter(|store| store.name != "files").collect();
        let servers: Vec<(Wiredoo, Option<String>, World)> =
            stores.iter().map(|store| runtime.block_on(populate(store, series, &records))).collect();
        let world = &servers[0].2;
        let nodes: Vec<i64> = world.nodes.keys().copied().collect();
        let tags: Vec<i64> = world.tags.keys().copied().collect();
        for (_, _, other) in &servers {
            assert_eq!(other.nodes, world.nodes, "the ids are the same everywhere");
        }
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&trees(series, &nodes, &tags), |tree| {
            let meant = world.search(&tree);
            let domain = Value::from(tree.items());
            for ((server, sid, _), store) in servers.iter().zip(&stores) {
                let mut client = Client::new(server);
                client.sid.clone_from(sid);
                let found = runtime.block_on(client.search(MODEL, domain.clone()));
                prop_assert_eq!(&found, &meant, "{} on {}: {}", series, store.name, domain);
                let count = client.kw(MODEL, "search_count", json!([domain]), json!({}));
                prop_assert_eq!(runtime.block_on(count), meant.len());
            }
            Ok(())
        });
        for (store, (server, ..)) in stores.iter().zip(servers) {
            runtime.block_on(store.finish(server));
        }
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// What the server answers to a search: ids, or the name and message of an exception.
async fn answer(client: &mut Client<'_>, domain: &Value) -> Result<Value, (String, String)> {
    let answer = client.call_kw(MODEL, "search", json!([domain]), json!({"order": "id"})).await;
    if answer.json().get("error").is_some() { Err(answer.exception()) } else { Ok(answer.result()) }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        one_of(&[0i64, 1, -1, 7, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MIN, i64::MAX])
            .prop_map(Value::from),
        one_of(&[0.5, -0.0, 1e300, 1e-300, 2.0]).prop_map(Value::from),
        one_of(&[
            "",
            "a",
            "1",
            "1.5",
            "nan",
            "inf",
            "2024-01-01",
            "2024-01-01 10:00:00",
            "2024-13-01",
            "today",
            "\\",
            "a\\",
            "%",
            "é"
        ])
        .prop_map(Value::from),
        one_of(&["a\0b", "=", "id", "x_name", "any", "&", "true", "'; drop table res_users; --"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            inner.prop_map(|value| json!({"a": value})),
        ]
    })
}

#[test]
fn any_condition_is_understood_or_refused_in_the_same_words_on_every_store() {
    let runtime = Runtime::new().unwrap();
    let records = sample(&nodes());
    for series in [Series::V17, Series::V19] {
        let stores: Vec<Store> = common::stores().into_iter().filter(|store| store.name != "files").collect();
        let servers: Vec<(Wiredoo, Option<String>, World)> =
            stores.iter().map(|store| runtime.block_on(populate(store, series, &records))).collect();
        let fields =
            ["id", "x_name", "x_int", "x_float", "x_bool", "x_day", "x_at", "x_sel", "x_parent_id", "x_tag_ids"];
        let paths = [
            "x_child_ids",
            "display_name",
            "create_date",
            "create_uid",
            "x_parent_id.x_int",
            "x_name.y",
            "nope",
            "",
            "x_day.x",
        ];
        let operators =
            ["=", "!=", "<>", "==", "<", ">=", "in", "not in", "like", "not ilike", "=like", "not =like", "=?"];
        let more = ["=ilike", "child_of", "parent_of", "any", "not any", "~~", ""];
        let text = |texts: &[&'static str]| one_of(texts).prop_map(Value::from);
        let leaf =
            (text(&[fields.as_slice(), &paths].concat()), text(&[operators.as_slice(), &more].concat()), any_value());
        let leaf = leaf.prop_map(|(path, operator, value)| json!([path, operator, value])).boxed();
        let domains = prop_oneof![
            6 => leaf.clone().prop_map(|leaf| json!([leaf])),
            1 => leaf.clone().prop_map(|leaf| json!(["!", leaf])),
            1 => (leaf, any_value()).prop_map(|(leaf, value)| json!([leaf, value])),
            1 => any_value(),
        ];
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&domains, |domain| {
            let mut first = None;
            for ((server, sid, _), store) in servers.iter().zip(&stores) {
                let mut client = Client::new(server);
                client.sid.clone_from(sid);
                let found = runtime.block_on(answer(&mut client, &domain));
                if let Err((name, message)) = &found {
                    prop_assert_ne!(
                        message,
                        "the database failed",
                        "{} {} on {}: {}",
                        series,
                        name,
                        store.name,
                        domain
                    );
                }
                match &first {
                    Some(first) => prop_assert_eq!(&found, first, "{} on {}: {}", series, store.name, domain),
                    None => first = Some(found),
                }
            }
            Ok(())
        });
        for (store, (server, ..)) in stores.iter().zip(servers) {
            runtime.block_on(store.finish(server));
        }
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[tokio::test]
async fn malformed_domains_are_refused_in_the_words_of_the_series() {
    for series in [Series::V17, Series::V18, Series::V19] {
        let server = common::odoo(series).await;
        let mut client = Client::administrator(&server).await;
        let newest = series == Series::V19;
        let value_error = |old: &str, new: &str| ("ValueError".to_owned(), if newest { new } else { old }.to_owned());
        for (domain, said) in [
            (
                json!(["|", ["name", "=", "a"]]),
                value_error(
                    "Domain ['|', ['name', '=', 'a']] is syntactically not correct.",
                    "Domain() malformed domain ['|', ['name', '=', 'a']]",
                ),
            ),
            (
                json!(["!"]),
                value_error("Domain ['!'] is syntactically not correct.", "Domain() malformed domain ['!']"),
            ),
            (
                json!(["&"]),
                value_error("Domain ['&'] is syntactically not correct.", "Domain() malformed domain ['&']"),
            ),
            (
                json!([["name", "="]]),
                value_error(
                    "not enough values to unpack (expected 3, got 2)",
                    "Domain() invalid item in domain: ['name', '=']",
                ),
            ),
            (
                json!([["name", "=", 1, 2]]),
                value_error(
                    "too many values to unpack (expected 3)",
                    "Domain() invalid item in domain: ['name', '=', 1, 2]",
                ),
            ),
            (
                json!([["name", "~~", 1]]),
                value_error("Invalid leaf ('name', '~~', 1)", "Invalid operator in condition ('name', '~~', 1)"),
            ),
            (
                json!([["nope", "=", 1]]),
                value_error(
                    "Invalid field res.partner.nope in leaf ('nope', '=', 1)",
                    "Invalid field res.partner.nope in condition ('nope', '=', 1)",
                ),
            ),
            (
                json!([["parent_id.nope", "=", 1]]),
                value_error(
                    "Invalid field res.partner.nope in leaf ('nope', '=', 1)",
                    "Invalid field res.partner.nope in condition ('nope', '=', 1)",
                ),
            ),
            (
                json!([["child_ids", "any", [["nope", "=", 1]]]]),
                value_error(
                    "Invalid field res.partner.nope in leaf ('nope', '=', 1)",
                    "Invalid field res.partner.nope in condition ('nope', '=', 1)",
                ),
            ),
        ] {
            let fault = client.fault("res.partner", "search", json!([domain]), json!({})).await;
            assert_eq!(fault, said, "{series}: {domain}");
        }
        // Up to 18.0 an id is compared as a text, and 3.0 is another one than 3.
        let by_float = client.call_kw("res.partner", "search", json!([[["id", "=", 3.0]]]), json!({})).await;
        if newest {
            assert_eq!(by_float.result(), json!([3]));
        } else {
            let (name, message) = by_float.exception();
            assert!(name.starts_with("psycopg2.") && message.contains("integer: \"3.0\""), "{name} {message}");
        }
        let fault = client.fault("res.partner", "search", json!([5]), json!({})).await;
        assert_eq!(fault.0, if newest { "TypeError" } else { "AssertionError" });
        // So deep that a server that follows it overflows its stack: nested, along a path, and both in turns.
        let too_deep = ("RecursionError".to_owned(), "maximum recursion depth exceeded".to_owned());
        let mut nested = json!([["id", "=", 1]]);
        let mut turns = json!([["id", "=", 1]]);
        for level in 0..55 {
            nested = json!([["parent_id", if level % 2 == 0 { "any" } else { "not any" }, nested]]);
            turns = json!(["!", ["child_ids.parent_id", "any", turns]]);
        }
        let path = format!("{}id", "parent_id.".repeat(5000));
        for domain in [nested, turns, json!([[path, "=", 1]])] {
            assert_eq!(client.fault("res.partner", "search", json!([domain]), json!({})).await, too_deep);
        }
        let mut alternate = vec![json!(["id", "=", 1])];
        for level in 0..2000 {
            alternate.splice(0..0, [json!(if level % 2 == 0 { "&" } else { "|" }), json!(["id", "<", level + 10])]);
        }
        assert_eq!(client.fault("res.partner", "search", json!([alternate]), json!({})).await, too_deep);
        alternate.drain(..3700);
        assert!(client.search("res.partner", alternate.into()).await.contains(&1));
        // What is only long is no problem.
        let mut long = vec![json!("!"); 1000];
        long.push(json!(["id", "=", 1]));
        assert_eq!(client.search("res.partner", long.into()).await, [1]);
        let wide = vec![json!("|"); 999].into_iter().chain((0..1000).map(|id| json!(["id", "=", id])));
        assert_eq!(client.search("res.partner", wide.collect()).await.first(), Some(&1));
    }
}
