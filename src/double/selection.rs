//! Which calls are meant: the `match` of faults, stubs and questions to the journal.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use regex::Regex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::seen::{Dialect, Seen};

/// Which calls are meant. What is not said is not asked; all that is said must hold. The default means every call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db: Option<Glob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<OneOf<Dialect>>,
    /// Login or id of who calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<OneOf<Glob>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<OneOf<Glob>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<OneOf<Glob>>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Glob>,
    /// Conditions on `ids`, `args` and `context`, as a domain.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// Only the n-th of the calls that are meant otherwise, from 1 on. For rules only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Only so many of them. For rules only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only this part of them, chance decides which. For rules only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

/// A wanted value that a call does not have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What differs: `model`, `args.vals.name`.
    pub at: String,
    pub wanted: Value,
    pub was: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, was {}", self.at, self.wanted, self.was)
    }
}

impl Match {
    /// Calls of a method of a model; `*` stands for any.
    #[must_use]
    pub fn of(model: &str, method: &str) -> Self {
        let one = |pattern: &str| (pattern != "*").then(|| OneOf(vec![Glob::from(pattern)]));
        Self { model: one(model), method: one(method), ..Self::default() }
    }

    /// Whether a call is meant; `nth`, `times` and `probability` are for rules to know.
    #[must_use]
    pub fn admits(&self, seen: &Seen) -> bool {
        self.differences(seen).is_empty()
    }

    /// What of a call is not as wanted.
    #[must_use]
    pub fn differences(&self, seen: &Seen) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut check = |at: &str, holds: bool, wanted: Value, was: Value| {
            if !holds {
                differences.push(Difference { at: at.to_owned(), wanted, was });
            }
        };
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        if let Some(db) = &self.db {
            check("db", db.admits_some(seen.db.as_deref()), json!(db), text(&seen.db));
        }
        if let Some(dialects) = &self.dialect {
            check("dialect", dialects.0.contains(&seen.dialect), json!(dialects), json!(seen.dialect));
        }
        if let Some(person) = &self.user {
            check("user", person.is(seen), json!(person), json!(seen.user));
        }
        for (at, wanted, was) in [
            ("service", &self.service, Some(&seen.service)),
            ("model", &self.model, seen.model.as_ref()),
            ("method", &self.method, seen.method.as_ref()),
        ] {
            if let Some(globs) = wanted {
                let holds = globs.0.iter().any(|glob| glob.admits_some(was.map(String::as_str)));
                check(at, holds, json!(globs), was.map_or(Value::Null, |was| was.as_str().into()));
            }
        }
        if let Some(path) = &self.path {
            check("path", path.admits(&seen.path), json!(path), json!(seen.path));
        }
        if let Some(conditions) = &self.conditions {
            conditions.differences(seen, &mut differences);
        }
        differences
    }

    /// Whether only the path and the dialect are asked for, which are known before a request is read.
    #[must_use]
    pub fn is_of_requests(&self) -> bool {
        let Self { db, user, service, model, method, conditions, .. } = self;
        self.path.is_some()
            && db.is_none()
            && user.is_none()
            && conditions.is_none()
            && [service, model, method].iter().all(|wanted| wanted.is_none())
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = json!(self);
        let mut take = |name: &str| shown.as_object_mut().and_then(|shown| shown.shift_remove(name));
        let plain = |value: Option<Value>| match value {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => "*".to_owned(),
        };
        match (take("model"), take("method")) {
            (None, None) => f.write_str("any call")?,
            (model, method) => write!(f, "{}.{}", plain(model), plain(method))?,
        }
        match shown.as_object() {
            Some(rest) if !rest.is_empty() => write!(f, " with {shown}"),
            _ => Ok(()),
        }
    }
}

/// One value, or any of a list.
#[derive(Clone, Debug)]
pub struct OneOf<T>(pub Vec<T>);

impl<T: Serialize> Serialize for OneOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(serializer),
            all => all.serialize(serializer),
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values,
            one => vec![one],
        };
        let values: Result<_, _> = values.into_iter().map(serde_json::from_value).collect();
        values.map(Self).map_err(D::Error::custom)
    }
}

/// A text in which `*` stands for anything and `?` for one character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Glob(String);

impl From<&str> for Glob {
    fn from(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }
}

impl Glob {
    /// Whether the pattern fits a text.
    #[must_use]
    pub fn admits(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        // Where to go on after the last `*`, should what follows not fit.
        let mut again = None;
        let (mut p, mut t) = (0, 0);
        while t < text.len() {
            match pattern.get(p) {
                Some('*') => {
                    again = Some((p, t));
                    p += 1;
                }
                Some(&c) if c == '?' || c == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => match again {
                    Some((star, taken)) => {
                        again = Some((star, taken + 1));
                        (p, t) = (star + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }

    /// Whether it is this very text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.0 == text
    }

    fn admits_some(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| self.admits(text))
    }
}

/// A user, by login or by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Person {
    Id(i32),
    Login(String),
}

impl Person {
    fn is(&self, seen: &Seen) -> bool {
        let Some(user) = &seen.user else { return false };
        match self {
            Self::Id(id) => user.id == *id,
            Self::Login(login) => user.login == *login,
        }
    }
}

/// Conditions on what a call is given, written as a domain: `[["args.vals.name", "=", "Acme"]]`, with `&`, `|` and
/// `!` in front of what they join. A path leads into `ids`, `args` (by the names of parameters) and `context`; numbers
/// index lists, and a name leads into every item of one.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// All of these must hold.
    all: Vec<Condition>,
    source: Value,
}

#[derive(Clone, Debug)]
enum Condition {
    Leaf(Leaf),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

#[derive(Clone, Debug)]
struct Leaf {
    path: String,
    operator: Operator,
    value: Value,
}

#[derive(Clone, Debug)]
enum Operator {
    Equal,
    Unequal,
    Compared(fn(Ordering) -> bool),
    In,
    NotIn,
    Like,
    Ilike,
    Contains,
    Exists,
    Matches(Arc<Regex>),
}

const OPERATORS: &str =
    "=, !=, <, <=, >, >=, in, not in, like, ilike, contains, exists (true or false) and matches (a regular expression)";

impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Conditions {
    /// Reads conditions.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and what may be written instead.
    pub fn parse(source: Value) -> Result<Self, String> {
        let Some(terms) = source.as_array() else {
            return Err(format!("conditions are a list such as [[\"args.vals.name\", \"=\", \"Acme\"]], not {source}"));
        };
        let mut rest = terms.iter();
        let mut all = Vec::new();
        while rest.len() > 0 {
            all.push(Self::next(&mut rest, 0)?);
        }
        Ok(Self { all, source })
    }

    fn next(rest: &mut std::slice::Iter<'_, Value>, depth: usize) -> Result<Condition, String> {
        if depth > 100 {
            return Err("conditions are nested too deep".to_owned());
        }
        let Some(term) = rest.next() else {
            return Err("an operator is followed by too few conditions: '&' and '|' join two, '!' turns one".to_owned());
        };
        let mut operand = || Self::next(rest, depth + 1).map(Box::new);
        match term.as_str() {
            Some("&") => Ok(Condition::And(operand()?, operand()?)),
            Some("|") => Ok(Condition::Or(operand()?, operand()?)),
            Some("!") => Ok(Condition::Not(operand()?)),
            Some(other) => Err(format!("'{other}' joins nothing; write '&', '|', '!' or [path, operator, value]")),
            None => Leaf::parse(term).map(Condition::Leaf),
        }
    }

    fn differences(&self, seen: &Seen, differences: &mut Vec<Difference>) {
        for condition in self.all.iter().filter(|condition| !condition.holds(seen)) {
            differences.push(condition.difference(seen));
        }
    }
}

impl Condition {
    fn holds(&self, seen: &Seen) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.holds(seen),
            Self::And(one, other) => one.holds(seen) && other.holds(seen),
            Self::Or(one, other) => one.holds(seen) || other.holds(seen),
            Self::Not(one) => !one.holds(seen),
        }
    }

    fn difference(&self, seen: &Seen) -> Difference {
        let was = |leaf: &Leaf| match &seen.at(&leaf.path)[..] {
            [] => Value::Null,
            [one] | [one @ Value::Array(_), ..] => (*one).clone(),
            several => several.iter().map(|value| (*value).clone()).collect(),
        };
        match self {
            Self::Leaf(leaf) if matches!(leaf.operator, Operator::Equal) => {
                Difference { at: leaf.path.clone(), wanted: leaf.value.clone(), was: was(leaf) }
            }
            Self::Leaf(leaf) => Difference { at: leaf.path.clone(), wanted: self.shown(), was: was(leaf) },
            other => Difference { at: "where".to_owned(), wanted: other.shown(), was: Value::Bool(false) },
        }
    }

    fn shown(&self) -> Value {
        match self {
            Self::Leaf(Leaf { path, operator, value }) => json!([path, operator.shown(), value]),
            Self::And(one, other) => json!(["&", one.shown(), other.shown()]),
            Self::Or(one, other) => json!(["|", one.shown(), other.shown()]),
            Self::Not(one) => json!(["!", one.shown()]),
        }
    }
}

impl Leaf {
    fn parse(term: &Value) -> Result<Self, String> {
        let Some([Value::String(path), Value::String(operator), value]) = term.as_array().map(Vec::as_slice) else {
            return Err(format!("a condition is [path, operator, value], not {term}"));
        };
        let root = path.split('.').next().unwrap_or_default();
        if !["ids", "args", "context"].contains(&root) {
            return Err(format!("'{path}' leads nowhere: a path begins with ids, args or context"));
        }
        let operator = Operator::parse(operator, value)?;
        Ok(Self { path: path.clone(), operator, value: value.clone() })
    }

    fn holds(&self, seen: &Seen) -> bool {
        let found = seen.at(&self.path);
        let any = |test: &dyn Fn(&Value) -> bool| found.iter().any(|value| test(value));
        match &self.operator {
            Operator::Equal => any(&|value| same(value, &self.value)) || self.value.is_null() && found.is_empty(),
            Operator::Unequal => !any(&|value| same(value, &self.value)),
            Operator::Compared(holds) => any(&|value| compare(value, &self.value).is_some_and(holds)),
            Operator::In => any(&|value| is_among(value, &self.value)),
            Operator::NotIn => !any(&|value| is_among(value, &self.value)),
            Operator::Like => any(&|value| holds_text(value, &self.value, false)),
            Operator::Ilike => any(&|value| holds_text(value, &self.value, true)),
            Operator::Contains => any(&|value| contains(value, &self.value)),
            Operator::Exists => self.value.as_bool().unwrap_or(true) != found.is_empty(),
            Operator::Matches(regex) => any(&|value| value.as_str().is_some_and(|text| regex.is_match(text))),
        }
    }
}

impl Operator {
    fn parse(name: &str, value: &Value) -> Result<Self, String> {
        Ok(match name {
            "=" | "==" => Self::Equal,
            "!=" | "<>" => Self::Unequal,
            "<" => Self::Compared(Ordering::is_lt),
            "<=" => Self::Compared(Ordering::is_le),
            ">" => Self::Compared(Ordering::is_gt),
            ">=" => Self::Compared(Ordering::is_ge),
            "in" | "not in" if !value.is_array() => return Err(format!("'{name}' takes a list, not {value}")),
            "in" => Self::In,
            "not in" => Self::NotIn,
            "like" => Self::Like,
            "ilike" => Self::Ilike,
            "contains" => Self::Contains,
            "exists" if !value.is_boolean() => return Err(format!("'exists' takes true or false, not {value}")),
            "exists" => Self::Exists,
            "matches" => {
                let pattern = value.as_str().ok_or_else(|| format!("'matches' takes a text, not {value}"))?;
                let regex = Regex::new(pattern).map_err(|error| format!("no regular expression: {error}"))?;
                Self::Matches(Arc::new(regex))
            }
            other => return Err(format!("there is no operator '{other}'; there are {OPERATORS}")),
        })
    }

    fn shown(&self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Compared(holds) => match (holds(Ordering::Less), holds(Ordering::Equal)) {
                (true, false) => "<",
                (true, true) => "<=",
                (false, false) => ">",
                (false, true) => ">=",
            },
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Like => "like",
            Self::Ilike => "ilike",
            Self::Contains => "contains",
            Self::Exists => "exists",
            Self::Matches(_) => "matches",
        }
    }
}

/// As JSON, but that 1 and 1.0 are the same, as in the languages that call.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let found = |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(found)
        }
        (one, other) => one == other,
    }
}

fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn is_among(value: &Value, list: &Value) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| same(item, value)))
}

fn holds_text(value: &Value, part: &Value, any_case: bool) -> bool {
    let (Some(text), Some(part)) = (value.as_str(), part.as_str()) else { return false };
    if any_case { text.to_lowercase().contains(&part.to_lowercase()) } else { text.contains(part) }
}

/// Whether a list holds an item, an object a key (or all of another object), a text a text.
fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Array(items), wanted) => items.iter().any(|item| same(item, wanted)),
        (Value::Object(object), Value::Object(part)) => {
            part.iter().all(|(name, wanted)| object.get(name).is_some_and(|value| same(value, wanted)))
        }
        (Value::Object(object), Value::String(key)) => object.contains_key(key),
        (value, wanted) => holds_text(value, wanted, false),
    }
}

/// What a path of names and numbers leads to. A name leads into every item of a list.
pub(super) fn follow<'v>(root: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    let Some((name, rest)) = path.split_first() else { return vec![root] };
    match root {
        Value::Object(object) => object.get(*name).map_or_else(Vec::new, |value| follow(value, rest)),
        Value::Array(items) => match name.parse::<usize>() {
            Ok(index) => items.get(index).map_or_else(Vec::new, |value| follow(value, rest)),
            Err(_) => items.iter().flat_map(|item| follow(item, path)).collect(),
        },
        _ => Vec::new(),
    }
}

/// As [`follow`], into an object.
pub(super) fn follow_map<'v>(root: &'v Map<String, Value>, path: &[&str]) -> Vec<&'v Value> {
    let Some((name, rest)) = path.split_first() else { return Vec::new() };
    root.get(*name).map_or_else(Vec::new, |value| follow(value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            db: Some("test_1".to_owned()),
            dialect: Dialect::Jsonrpc,
            path: "/jsonrpc".to_owned(),
            service: "object".to_owned(),
            model: Some("res.partner".to_owned()),
            method: Some("create".to_owned()),
            ids: vec![json!(7)].into(),
            args: json!({"vals_list": [{"name": "Acme", "color": 3}, {"name": "Beta"}]}).as_object().unwrap().clone(),
            context: json!({"lang": "fr_FR"}).as_object().unwrap().clone(),
            ..Seen::default()
        }
    }

    fn matches(wanted: Value) -> bool {
        serde_json::from_value::<Match>(wanted).unwrap().admits(&seen())
    }

    #[test]
    fn all_that_is_said_must_hold() {
        assert!(matches(json!({})));
        assert!(matches(
            json!({"db": "test_*", "model": "res.*", "method": ["write", "cr?ate"], "dialect": "jsonrpc"})
        ));
        assert!(!matches(json!({"dialect": ["web", "json2"]})));
        assert!(!matches(json!({"user": "admin"})));
        assert!(!matches(json!({"model": "res"})));
    }

    #[test]
    fn conditions_lead_into_arguments() {
        for (conditions, expected) in [
            (json!([["args.vals_list.name", "=", "Beta"]]), true),
            (json!([["args.vals_list.1.name", "=", "Acme"]]), false),
            (json!([["args.vals_list.color", ">", 2.5]]), true),
            (json!([["args.vals_list.color", "=", 3.0], ["context.lang", "in", ["fr_FR"]]]), true),
            (json!(["|", ["context.tz", "exists", true], ["ids", "contains", 7]]), true),
            (json!(["!", ["args.vals_list.name", "ilike", "ACM"]]), false),
            (json!([["args.vals_list.name", "not in", ["Gamma"]]]), true),
            (json!([["args.vals_list.0.name", "matches", "^A.*e$"]]), true),
            (json!([["args.vals_list.0", "contains", {"name": "Acme"}]]), true),
            (json!([["context.tz", "=", null]]), true),
        ] {
            assert_eq!(matches(json!({"where": conditions})), expected, "{conditions}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (wrong, words) in [
            (json!({"modle": "x"}), "unknown field `modle`, expected one of `db`"),
            (json!({"dialect": "soap"}), "unknown variant `soap`, expected one of `web`"),
            (json!({"where": [["name", "=", 1]]}), "a path begins with ids, args or context"),
            (json!({"where": [["args.a", "~", 1]]}), "there is no operator '~'; there are =, !="),
            (json!({"where": [["args.a", "in", 1]]}), "'in' takes a list, not 1"),
            (json!({"where": ["&", ["args.a", "=", 1]]}), "followed by too few conditions"),
            (json!({"where": "x"}), "conditions are a list such as"),
        ] {
            let error = serde_json::from_value::<Match>(wrong.clone()).unwrap_err().to_string();
            assert!(error.contains(words), "{wrong}: {error}");
        }
    }

    #[test]
    fn differences_are_told_argument_by_argument() {
        let wanted = json!({"method": "write", "where": [["args.vals_list.0.name", "=", "Acne"], ["ids", "=", [7]]]});
        let wanted: Match = serde_json::from_value(wanted).unwrap();
        let differences: Vec<String> = wanted.differences(&seen()).iter().map(ToString::to_string).collect();
        assert_eq!(
            differences,
            ["method: wanted \"write\", was \"create\"", "args.vals_list.0.name: wanted \"Acne\", was \"Acme\""]
        );
        assert_eq!(wanted.to_string().split(" with ").next(), Some("*.write"));
    }
}
