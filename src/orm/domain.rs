//! Domains: which records are meant. The wire's prefix notation becomes a tree here; [`query`](super::query) makes SQL
//! of it.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::python;
use crate::series::Series;

/// A condition on records.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    True,
    False,
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(Leaf),
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// The field, or a path of them: `country_id.code`.
    pub path: String,
    pub operator: Operator,
    pub value: Value,
    /// The operator as it was written, for messages.
    pub written: String,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Like,
    Ilike,
    NotLike,
    NotIlike,
    EqLike,
    EqIlike,
    NotEqLike,
    NotEqIlike,
    /// `=?`: equal, or anything where the value is false.
    Maybe,
    ChildOf,
    ParentOf,
    Any,
    NotAny,
}

impl Operator {
    /// Reads an operator as it is written in a series.
    #[must_use]
    pub fn parse(text: &str, series: Series) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "=" => Self::Eq,
            "==" if series.has_negated_equal_like() => Self::Eq,
            "!=" | "<>" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            "in" => Self::In,
            "not in" => Self::NotIn,
            "like" => Self::Like,
            "ilike" => Self::Ilike,
            "not like" => Self::NotLike,
            "not ilike" => Self::NotIlike,
            "=like" => Self::EqLike,
            "=ilike" => Self::EqIlike,
            "not =like" if series.has_negated_equal_like() => Self::NotEqLike,
            "not =ilike" if series.has_negated_equal_like() => Self::NotEqIlike,
            "=?" => Self::Maybe,
            "child_of" => Self::ChildOf,
            "parent_of" => Self::ParentOf,
            "any" if series.has_any() => Self::Any,
            "not any" if series.has_any() => Self::NotAny,
            _ => return None,
        })
    }

    /// The operator as it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Like => "like",
            Self::Ilike => "ilike",
            Self::NotLike => "not like",
            Self::NotIlike => "not ilike",
            Self::EqLike => "=like",
            Self::EqIlike => "=ilike",
            Self::NotEqLike => "not =like",
            Self::NotEqIlike => "not =ilike",
            Self::Maybe => "=?",
            Self::ChildOf => "child_of",
            Self::ParentOf => "parent_of",
            Self::Any => "any",
            Self::NotAny => "not any",
        }
    }

    /// Whether it is met by records that the positive operator is not met by.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.positive() != self
    }

    /// The operator without its negation.
    #[must_use]
    pub fn positive(self) -> Self {
        match self {
            Self::Ne => Self::Eq,
            Self::NotIn => Self::In,
            Self::NotLike => Self::Like,
            Self::NotIlike => Self::Ilike,
            Self::NotEqLike => Self::EqLike,
            Self::NotEqIlike => Self::EqIlike,
            Self::NotAny => Self::Any,
            other => other,
        }
    }

    /// The operator that `!` makes of it up to 18.0, if there is one.
    #[must_use]
    pub fn opposite(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Ge => Self::Lt,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
            Self::In => Self::NotIn,
            Self::NotIn => Self::In,
            Self::Like => Self::NotLike,
            Self::NotLike => Self::Like,
            Self::Ilike => Self::NotIlike,
            Self::NotIlike => Self::Ilike,
            Self::Any => Self::NotAny,
            Self::NotAny => Self::Any,
            _ => return None,
        })
    }

    /// Whether it compares texts by a pattern.
    #[must_use]
    pub fn is_like(self) -> bool {
        matches!(self.positive(), Self::Like | Self::Ilike | Self::EqLike | Self::EqIlike)
    }
}

/// The grammar's operators.
const AND: &str = "&";
const OR: &str = "|";
const NOT: &str = "!";

/// How deep domains may be nested, so that no request overflows the stack.
const DEPTH: usize = 250;

impl Domain {
    /// Reads a domain as the wire has it.
    ///
    /// # Errors
    /// A `ValueError`, `TypeError` or `AssertionError` for a malformed one, in the words of the series.
    pub fn parse(value: &Value, series: Series) -> Result<Self> {
        let items = match value {
            Value::Null | Value::Bool(false) => return Ok(Self::True),
            Value::Array(items) => items,
            other => return Err(series.domain_of_wrong_type(&python::repr(other))),
        };
        if items.is_empty() {
            return Ok(Self::True);
        }
        // Backwards, each operator finds its operands on the stack.
        let mut stack: Vec<(Self, usize)> = Vec::new();
        let malformed = || series.malformed_domain(&python::repr(value));
        for item in items.iter().rev() {
            let (domain, depth) = match item.as_str() {
                Some(operator @ (AND | OR)) => {
                    let (left, right) = stack.pop().zip(stack.pop()).ok_or_else(malformed)?;
                    // What is joined the same way becomes one list.
                    let joined = |part: &(Self, usize)| match (&part.0, operator) {
                        (Self::And(_), AND) | (Self::Or(_), OR) => part.1,
                        _ => part.1 + 1,
                    };
                    let depth = joined(&left).max(joined(&right));
                    let both = vec![left.0, right.0];
                    (if operator == AND { Self::and(both) } else { Self::or(both) }, depth)
                }
                Some(NOT) => {
                    let (operand, depth) = stack.pop().ok_or_else(malformed)?;
                    (operand.negated_in(series), depth)
                }
                _ => (leaf(item, value, series)?, 1),
            };
            if depth > DEPTH {
                return Err(Error::recursion());
            }
            stack.push((domain, depth));
        }
        stack.reverse();
        Ok(Self::and(stack.into_iter().map(|(domain, _)| domain).collect()))
    }

    /// All of these.
    #[must_use]
    pub fn and(domains: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        for domain in domains {
            match domain {
                Self::True => {}
                Self::False => return Self::False,
                Self::And(more) => parts.extend(more),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::True,
            1 => parts.remove(0),
            _ => Self::And(parts),
        }
    }

    /// Any of these.
    #[must_use]
    pub fn or(domains: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        for domain in domains {
            match domain {
                Self::False => {}
                Self::True => return Self::True,
                Self::Or(more) => parts.extend(more),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::False,
            1 => parts.remove(0),
            _ => Self::Or(parts),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Not(inner) => *inner,
            Self::And(parts) => Self::or(parts.into_iter().map(Self::negated).collect()),
            Self::Or(parts) => Self::and(parts.into_iter().map(Self::negated).collect()),
            leaf @ Self::Leaf(_) => Self::Not(Box::new(leaf)),
        }
    }

    /// What `!` makes of it in a series.
    fn negated_in(self, series: Series) -> Self {
        match self {
            Self::And(parts) => Self::or(parts.into_iter().map(|part| part.negated_in(series)).collect()),
            Self::Or(parts) => Self::and(parts.into_iter().map(|part| part.negated_in(series)).collect()),
            Self::Leaf(leaf) if series.negates_operators() => match leaf.operator.opposite() {
                Some(opposite) => Self::leaf(leaf.path, opposite, leaf.value),
                None => Self::Not(Box::new(Self::Leaf(leaf))),
            },
            other => other.negated(),
        }
    }

    /// `path operator value`.
    #[must_use]
    pub fn leaf(path: impl Into<String>, operator: Operator, value: impl Into<Value>) -> Self {
        Self::Leaf(Leaf { path: path.into(), operator, value: value.into(), written: operator.text().to_owned() })
    }

    /// Whether a text that a field is compared with, also within a list or a domain of its own, is so.
    #[must_use]
    pub fn any_text(&self, is_so: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::True | Self::False => false,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.any_text(is_so)),
            Self::Not(inner) => inner.any_text(is_so),
            Self::Leaf(leaf) => any_text(&leaf.value, is_so),
        }
    }

    /// Whether a condition on `field` (not on a path from it) is in it.
    #[must_use]
    pub fn mentions(&self, field: &str) -> bool {
        match self {
            Self::True | Self::False => false,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.mentions(field)),
            Self::Not(inner) => inner.mentions(field),
            Self::Leaf(leaf) => leaf.path == field,
        }
    }
}

fn any_text(value: &Value, is_so: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_so(text),
        Value::Array(values) => values.iter().any(|value| any_text(value, is_so)),
        Value::Object(values) => values.values().any(|value| any_text(value, is_so)),
        _ => false,
    }
}

impl Leaf {
    /// The condition as Python shows it: `('name', '=', 'a')`.
    #[must_use]
    pub fn repr(&self) -> String {
        format!("('{}', '{}', {})", self.path, self.written, python::repr(&self.value))
    }
}

/// `[field, operator, value]`, or the constants `[1, "=", 1]` and `[0, "=", 1]`.
fn leaf(item: &Value, domain: &Value, series: Series) -> Result<Domain> {
    if let Value::Bool(truth) = item
        && series.has_negated_equal_like()
    {
        return Ok(if *truth { Domain::True } else { Domain::False });
    }
    let Value::Array(parts) = item else {
        return Err(series.invalid_domain_item(&python::repr(item), None, &python::repr(domain)));
    };
    let [left, operator, right] = parts.as_slice() else {
        return Err(series.invalid_domain_item(&python::repr(item), Some(parts.len()), &python::repr(domain)));
    };
    let tuple = || format!("({}, {}, {})", python::repr(left), python::repr(operator), python::repr(right));
    if let (Some(constant), Some("=" | "!="), Some(1)) = (left.as_i64(), operator.as_str(), right.as_i64())
        && (constant == 0 || constant == 1)
    {
        return Ok(if (constant == 1) == (operator == "=") { Domain::True } else { Domain::False });
    }
    let parsed = operator.as_str().and_then(|text| Operator::parse(text, series));
    let (Some(path), Some(operator_of)) = (left.as_str().filter(|path| !path.is_empty()), parsed) else {
        return Err(series.invalid_leaf(&tuple()));
    };
    let written = operator.as_str().unwrap_or_default().to_owned();
    Ok(Domain::Leaf(Leaf { path: path.to_owned(), operator: operator_of, value: right.clone(), written }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Domain> {
        Domain::parse(value, Series::V19)
    }

    fn a() -> Value {
        json!(["a", "=", 1])
    }

    #[test]
    fn prefix_notation_becomes_a_tree() {
        let leaf = |name: &str| Domain::leaf(name, Operator::Eq, 1);
        let b = json!(["b", "=", 1]);
        for (written, meant) in [
            (json!([]), Domain::True),
            (json!(false), Domain::True),
            (json!([a()]), leaf("a")),
            (json!([a(), b]), Domain::And(vec![leaf("a"), leaf("b")])),
            (json!(["|", a(), b]), Domain::Or(vec![leaf("a"), leaf("b")])),
            (json!(["!", "|", a(), b]), Domain::And(vec![leaf("a").negated(), leaf("b").negated()])),
            (json!(["!", "!", a()]), leaf("a")),
            (json!([[1, "=", 1], a()]), leaf("a")),
            (json!([[0, "=", 1], a()]), Domain::False),
        ] {
            assert_eq!(parse(&written).unwrap(), meant, "{written}");
        }
    }

    #[test]
    fn malformed_ones_are_refused_in_the_words_of_the_series() {
        let message = |value: Value, series| Domain::parse(&value, series).unwrap_err().to_string();
        let short = json!([["name", "="]]);
        assert_eq!(message(short.clone(), Series::V19), "Domain() invalid item in domain: ['name', '=']");
        assert_eq!(message(short, Series::V18), "not enough values to unpack (expected 3, got 2)");
        let odd = json!(["|", ["name", "=", "a"]]);
        assert_eq!(message(odd.clone(), Series::V19), "Domain() malformed domain ['|', ['name', '=', 'a']]");
        assert_eq!(message(odd, Series::V17), "Domain ['|', ['name', '=', 'a']] is syntactically not correct.");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof![Just("&"), Just("|"), Just("!"), Just("="), Just("any"), Just("id")].prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| prop::collection::vec(inner, 0..5).prop_map(Value::from))
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(value in any_json()) {
            for series in Series::ALL {
                let _ = Domain::parse(&value, series);
            }
        }
    }
}
