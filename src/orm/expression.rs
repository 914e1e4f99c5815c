//! The texts of record rules and the like: the expressions of Python in which Odoo writes domains down. The part of
//! the language that data need is read and computed here, and nothing of it can run away: no loops, no definitions,
//! no attributes other than those that the caller resolves.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::iter;

use serde_json::{Map, Number, Value};

use crate::python::{truth, type_name};

/// How deep an expression may be nested: deeper than any that people write, and shallow enough for every stack.
const DEEPEST: usize = 64;

/// Words that are no names.
const RESERVED: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Why an expression cannot be read or computed, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {position}")]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// The number of the character where it is, counted from 1.
    pub position: usize,
}

impl Refused {
    fn new(position: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), position: position + 1 }
    }
}

/// What an expression takes from outside: a dotted name, or what a call of it returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The name's parts: `user.company_id.id` has three.
    pub path: Vec<String>,
    /// The arguments, where it is called.
    pub arguments: Option<Vec<Value>>,
}

impl Reference {
    /// A name that is not called.
    #[must_use]
    pub fn name(dotted: &str) -> Self {
        Self { path: dotted.split('.').map(str::to_owned).collect(), arguments: None }
    }

    // JSON values have no order of their own.
    fn key(&self) -> (&[String], Option<Vec<String>>) {
        (&self.path, self.arguments.as_ref().map(|all| all.iter().map(Value::to_string).collect()))
    }
}

impl Eq for Reference {}

impl Ord for Reference {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path.join("."))?;
        let Some(arguments) = &self.arguments else { return Ok(()) };
        let shown: Vec<_> = arguments.iter().map(Value::to_string).collect();
        write!(f, "({})", shown.join(", "))
    }
}

/// An expression that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    at: usize,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Literal(Value),
    List(Vec<Node>),
    Dict(Vec<(Node, Node)>),
    Reference(Reference),
    Or(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Positive(Box<Node>),
    Choice(Box<Choice>),
    Comparison(Box<Node>, Vec<(Comparison, Node)>),
    Arithmetic(Box<Node>, Vec<(Operator, Node)>),
    Item(Box<Node>, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
struct Choice {
    condition: Node,
    then: Node,
    otherwise: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Is,
    IsNot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

/// Reads an expression.
///
/// # Errors
/// What is no expression of Python, or one beyond the part that data need.
pub fn parse(text: &str) -> Result<Expression, Refused> {
    let mut parser = Parser { tokens: tokens(text)?, end: text.chars().count(), depth: 0 };
    let root = parser.tuple_or_one()?;
    match parser.tokens.front() {
        None => Ok(Expression { root }),
        Some((at, token)) => Err(Refused::new(*at, format!("unexpected {token}"))),
    }
}

impl Expression {
    /// Everything that has to be resolved before [`evaluate`](Self::evaluate).
    #[must_use]
    pub fn references(&self) -> BTreeSet<Reference> {
        let mut found = BTreeSet::new();
        self.root.collect(&mut found);
        found
    }

    /// Computes the value. A tuple becomes an array, as a list does.
    ///
    /// # Errors
    /// A reference that `values` does not know, and operations that Python refuses, or whose result JSON cannot hold.
    pub fn evaluate(&self, values: &dyn Fn(&Reference) -> Option<Value>) -> Result<Value, Refused> {
        self.root.evaluate(values)
    }
}

// --- Words of the text ---

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Literal(Value),
    Name(String),
    Word(&'static str),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(value) => write!(f, "{value}"),
            Self::Name(name) => write!(f, "'{name}'"),
            Self::Word(word) => write!(f, "'{word}'"),
            Self::Sign(sign) => write!(f, "'{sign}'"),
        }
    }
}

/// Longer ones first, since `<=` begins with `<`. What only Python has is here so that its refusal names it whole.
const SIGNS: [&str; 31] = [
    "**", "//", "<<", ">>", "==", "!=", "<=", ">=", ":=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "+", "-", "*",
    "/", "%", "<", ">", "=", "&", "|", "^", "~", "@",
];

fn tokens(text: &str) -> Result<VecDeque<(usize, Token)>, Refused> {
    let characters: Vec<char> = text.chars().collect();
    let mut reader = Reader { characters: &characters, at: 0 };
    let mut found = VecDeque::new();
    while let Some(c) = reader.peek(0) {
        let start = reader.at;
        if c.is_whitespace() || c == '\u{feff}' {
            reader.at += 1;
        } else if c == '#' {
            while reader.peek(0).is_some_and(|c| c != '\n') {
                reader.at += 1;
            }
        } else if c == '\\' && matches!(reader.peek(1), Some('\n' | '\r')) {
            reader.at += 1;
        } else if c == '\'' || c == '"' {
            found.push_back((start, Token::Literal(reader.string(false)?.into())));
        } else if c.is_alphabetic() || c == '_' {
            let word = reader.word();
            if matches!(reader.peek(0), Some('\'' | '"')) {
                let raw = match word.as_str() {
                    "u" | "U" => false,
                    "r" | "R" => true,
                    _ => {
                        return Err(Refused::new(start, format!("strings with the prefix '{word}' are not supported")));
                    }
                };
                found.push_back((start, Token::Literal(reader.string(raw)?.into())));
                continue;
            }
            found.push_back((
                start,
                match word.as_str() {
                    "True" => Token::Literal(true.into()),
                    "False" => Token::Literal(false.into()),
                    "None" => Token::Literal(Value::Null),
                    _ => match RESERVED.iter().find(|reserved| **reserved == word) {
                        Some(reserved) => Token::Word(reserved),
                        None => Token::Name(word),
                    },
                },
            ));
        } else if c.is_ascii_digit() || (c == '.' && reader.peek(1).is_some_and(|c| c.is_ascii_digit())) {
            found.push_back((start, Token::Literal(reader.number()?.into())));
        } else {
            let sign = SIGNS.iter().find(|sign| sign.chars().enumerate().all(|(n, c)| reader.peek(n) == Some(c)));
            let Some(sign) = sign else { return Err(Refused::new(start, format!("unexpected character {c:?}"))) };
            reader.at += sign.len();
            found.push_back((start, Token::Sign(sign)));
        }
    }
    Ok(found)
}

struct Reader<'a> {
    characters: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        Some(c)
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.at += 1;
        }
        word
    }

    fn string(&mut self, raw: bool) -> Result<String, Refused> {
        let start = self.at;
        let unterminated = || Refused::new(start, "unterminated string");
        let quote = self.next().ok_or_else(unterminated)?;
        let long = self.peek(0) == Some(quote) && self.peek(1) == Some(quote);
        if long {
            self.at += 2;
        }
        let mut text = String::new();
        loop {
            let c = self.next().ok_or_else(unterminated)?;
            if c == quote && !long {
                return Ok(text);
            } else if c == quote && self.peek(0) == Some(quote) && self.peek(1) == Some(quote) {
                self.at += 2;
                return Ok(text);
            } else if c == '\n' && !long {
                return Err(unterminated());
            } else if c == '\\' && raw {
                text.push(c);
                text.push(self.next().ok_or_else(unterminated)?);
            } else if c == '\\' {
                self.escape(&mut text)?;
            } else {
                text.push(c);
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Refused> {
        let start = self.at - 1;
        let invalid = || Refused::new(start, "invalid escape in a string");
        let c = self.next().ok_or_else(invalid)?;
        let code = match c {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => u32::from(c),
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'v' => 0x0b,
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                code
            }
            'x' => self.hexadecimal(2).ok_or_else(invalid)?,
            'u' => self.hexadecimal(4).ok_or_else(invalid)?,
            'U' => self.hexadecimal(8).ok_or_else(invalid)?,
            'N' => return Err(invalid()),
            // Python keeps the backslash of what is no escape.
            _ => {
                text.push('\\');
                u32::from(c)
            }
        };
        text.push(char::from_u32(code).ok_or_else(invalid)?);
        Ok(())
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let mut code: u32 = 0;
        for _ in 0..digits {
            code = code.checked_mul(16)?.checked_add(self.next()?.to_digit(16)?)?;
        }
        Some(code)
    }

    fn number(&mut self) -> Result<Number, Refused> {
        let start = self.at;
        let invalid = || Refused::new(start, "not a number that is supported");
        let base = match (self.peek(0), self.peek(1)) {
            (Some('0'), Some('x' | 'X')) => 16,
            (Some('0'), Some('o' | 'O')) => 8,
            (Some('0'), Some('b' | 'B')) => 2,
            _ => 10,
        };
        if base != 10 {
            self.at += 2;
            let digits = self.word();
            return i64::from_str_radix(&digits.replace('_', ""), base).map(Number::from).map_err(|_| invalid());
        }
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            let sign_of_exponent = matches!(c, '+' | '-') && text.ends_with(['e', 'E']);
            if !(c.is_alphanumeric() || c == '_' || c == '.' || sign_of_exponent) {
                break;
            }
            text.push(c);
            self.at += 1;
        }
        let underscored = text.starts_with('_') || text.ends_with('_') || text.contains("__");
        let text = text.replace('_', "");
        if underscored || !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-')) {
            return Err(invalid());
        }
        if text.chars().all(|c| c.is_ascii_digit()) {
            // Python has no numbers like 007.
            if text.starts_with('0') && text.chars().any(|c| c != '0') {
                return Err(invalid());
            }
            return text.parse::<i64>().map(Number::from).map_err(|_| invalid());
        }
        text.parse().ok().and_then(Number::from_f64).ok_or_else(invalid)
    }
}

// --- Reading ---

struct Parser {
    tokens: VecDeque<(usize, Token)>,
    end: usize,
    depth: usize,
}

impl Parser {
    fn at(&self) -> usize {
        self.tokens.front().map_or(self.end, |(at, _)| *at)
    }

    fn next_is(&self, wanted: &str) -> bool {
        match self.tokens.front() {
            Some((_, Token::Sign(text) | Token::Word(text))) => *text == wanted,
            _ => false,
        }
    }

    fn second_is(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(1), Some((_, Token::Sign(text) | Token::Word(text))) if *text == wanted)
    }

    fn take(&mut self, wanted: &str) -> bool {
        let taken = self.next_is(wanted);
        if taken {
            self.tokens.pop_front();
        }
        taken
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Refused> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(&format!("where '{wanted}' should be"))) }
    }

    fn unexpected(&self, place: &str) -> Refused {
        match self.tokens.front() {
            Some((at, token)) => Refused::new(*at, format!("unexpected {token} {place}")),
            None => Refused::new(self.end, format!("the expression ends {place}")),
        }
    }

    /// `a` or, without parentheses, `a, b`.
    fn tuple_or_one(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let first = self.expression()?;
        if !self.take(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while !self.tokens.is_empty() && !self.next_is(")") {
            items.push(self.expression()?);
            if !self.take(",") {
                break;
            }
        }
        Ok(Node { at, kind: Kind::List(items) })
    }

    fn expression(&mut self) -> Result<Node, Refused> {
        self.deeper(|parser| {
            let at = parser.at();
            let then = parser.any()?;
            if !parser.take("if") {
                return Ok(then);
            }
            let condition = parser.any()?;
            parser.expect("else")?;
            let otherwise = parser.expression()?;
            Ok(Node { at, kind: Kind::Choice(Box::new(Choice { condition, then, otherwise })) })
        })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Refused>) -> Result<T, Refused> {
        if self.depth == DEEPEST {
            return Err(Refused::new(self.at(), "the expression is nested too deeply"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn any(&mut self) -> Result<Node, Refused> {
        self.several("or", Self::all, Kind::Or)
    }

    fn all(&mut self) -> Result<Node, Refused> {
        self.several("and", Self::negation, Kind::And)
    }

    fn several(
        &mut self,
        word: &str,
        operand: fn(&mut Self) -> Result<Node, Refused>,
        kind: fn(Vec<Node>) -> Kind,
    ) -> Result<Node, Refused> {
        let at = self.at();
        let first = operand(self)?;
        if !self.next_is(word) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.take(word) {
            operands.push(operand(self)?);
        }
        Ok(Node { at, kind: kind(operands) })
    }

    fn negation(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        if !self.take("not") {
            return self.comparison();
        }
        let operand = self.deeper(Self::negation)?;
        Ok(Node { at, kind: Kind::Not(Box::new(operand)) })
    }

    fn comparison(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_operator() {
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Node { at, kind: Kind::Comparison(Box::new(first), rest) })
    }

    fn comparison_operator(&mut self) -> Option<Comparison> {
        if self.next_is("not") && self.second_is("in") {
            self.tokens.drain(..2);
            return Some(Comparison::NotIn);
        }
        if self.take("is") {
            return Some(if self.take("not") { Comparison::IsNot } else { Comparison::Is });
        }
        let (_, comparison) = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<", Comparison::Less),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            (">=", Comparison::GreaterOrEqual),
            ("in", Comparison::In),
        ]
        .into_iter()
        .find(|(text, _)| self.take(text))?;
        Some(comparison)
    }

    fn sum(&mut self) -> Result<Node, Refused> {
        self.chain(&[("+", Operator::Plus), ("-", Operator::Minus)], Self::product)
    }

    fn product(&mut self) -> Result<Node, Refused> {
        let operators = [("*", Operator::Times), ("/", Operator::Divide), ("%", Operator::Modulo)];
        self.chain(&operators, Self::signed)
    }

    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Node, Refused>,
    ) -> Result<Node, Refused> {
        let at = self.at();
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take(sign)) {
            rest.push((*operator, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Node { at, kind: Kind::Arithmetic(Box::new(first), rest) })
    }

    fn signed(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let kind = if self.take("-") {
            Kind::Negative
        } else if self.take("+") {
            Kind::Positive
        } else {
            return self.item();
        };
        let operand = self.deeper(Self::signed)?;
        Ok(Node { at, kind: kind(Box::new(operand)) })
    }

    fn item(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let node = self.atom()?;
        let mut keys = Vec::new();
        while self.take("[") {
            keys.push(self.expression()?);
            if self.next_is(":") {
                return Err(Refused::new(self.at(), "slices are not supported"));
            }
            self.expect("]")?;
        }
        if self.next_is(".") || self.next_is("(") {
            return Err(Refused::new(self.at(), "only names have attributes and can be called"));
        }
        if keys.is_empty() {
            return Ok(node);
        }
        Ok(Node { at, kind: Kind::Item(Box::new(node), keys) })
    }

    fn atom(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        if self.take("(") {
            if self.take(")") {
                return Ok(Node { at, kind: Kind::List(Vec::new()) });
            }
            let inner = self.tuple_or_one()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            let items = self.items("]")?;
            return Ok(Node { at, kind: Kind::List(items) });
        }
        if self.take("{") {
            return self.dictionary(at);
        }
        match self.tokens.pop_front() {
            Some((_, Token::Literal(Value::String(mut text)))) => {
                while let Some((_, Token::Literal(Value::String(more)))) = self.tokens.front() {
                    text.push_str(more);
                    self.tokens.pop_front();
                }
                Ok(Node { at, kind: Kind::Literal(text.into()) })
            }
            Some((_, Token::Literal(value))) => Ok(Node { at, kind: Kind::Literal(value) }),
            Some((_, Token::Name(name))) => self.reference(at, name),
            Some(other) => {
                self.tokens.push_front(other);
                Err(self.unexpected("where a value should be"))
            }
            None => Err(self.unexpected("where a value should be")),
        }
    }

    fn items(&mut self, end: &str) -> Result<Vec<Node>, Refused> {
        let mut items = Vec::new();
        while !self.take(end) {
            items.push(self.expression()?);
            if !self.take(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(items)
    }

    fn dictionary(&mut self, at: usize) -> Result<Node, Refused> {
        let mut entries = Vec::new();
        while !self.take("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Node { at, kind: Kind::Dict(entries) })
    }

    fn reference(&mut self, at: usize, first: String) -> Result<Node, Refused> {
        let mut path = vec![first];
        while self.take(".") {
            match self.tokens.pop_front() {
                Some((_, Token::Name(name))) => path.push(name),
                Some(other) => {
                    self.tokens.push_front(other);
                    return Err(self.unexpected("where an attribute should be"));
                }
                None => return Err(self.unexpected("where an attribute should be")),
            }
        }
        let mut arguments = None;
        if self.take("(") {
            let mut values = Vec::new();
            for argument in self.items(")")? {
                let literal = argument.evaluate(&|_| None);
                values.push(literal.map_err(|_| Refused::new(argument.at, "arguments of calls must be literals"))?);
            }
            arguments = Some(values);
        }
        Ok(Node { at, kind: Kind::Reference(Reference { path, arguments }) })
    }
}

// --- Computing ---

impl Node {
    fn collect(&self, found: &mut BTreeSet<Reference>) {
        let parts: Vec<&Node> = match &self.kind {
            Kind::Literal(_) => Vec::new(),
            Kind::Reference(reference) => {
                found.insert(reference.clone());
                Vec::new()
            }
            Kind::List(nodes) | Kind::Or(nodes) | Kind::And(nodes) => nodes.iter().collect(),
            Kind::Dict(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Kind::Not(node) | Kind::Negative(node) | Kind::Positive(node) => vec![&**node],
            Kind::Choice(choice) => vec![&choice.condition, &choice.then, &choice.otherwise],
            Kind::Comparison(first, rest) => iter::once(&**first).chain(rest.iter().map(|(_, node)| node)).collect(),
            Kind::Arithmetic(first, rest) => iter::once(&**first).chain(rest.iter().map(|(_, node)| node)).collect(),
            Kind::Item(node, keys) => iter::once(&**node).chain(keys).collect(),
        };
        for part in parts {
            part.collect(found);
        }
    }

    fn evaluate(&self, values: &dyn Fn(&Reference) -> Option<Value>) -> Result<Value, Refused> {
        let failed = |message: String| Refused::new(self.at, message);
        match &self.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Reference(reference) => {
                values(reference).ok_or_else(|| failed(format!("'{reference}' is not known here")))
            }
            Kind::List(nodes) => nodes.iter().map(|node| node.evaluate(values)).collect(),
            Kind::Dict(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let Value::String(name) = key.evaluate(values)? else {
                        return Err(Refused::new(key.at, "only strings can be keys"));
                    };
                    map.insert(name, value.evaluate(values)?);
                }
                Ok(map.into())
            }
            Kind::Or(nodes) | Kind::And(nodes) => {
                let settling = matches!(self.kind, Kind::Or(_));
                let mut last = Value::Null;
                for node in nodes {
                    last = node.evaluate(values)?;
                    if truth(&last) == settling {
                        break;
                    }
                }
                Ok(last)
            }
            Kind::Not(node) => Ok((!truth(&node.evaluate(values)?)).into()),
            Kind::Negative(node) => {
                let operand = node.evaluate(values)?;
                arithmetic(Operator::Minus, 0.into(), operand).map_err(failed)
            }
            Kind::Positive(node) => {
                let operand = node.evaluate(values)?;
                match Figure::of(&operand) {
                    Some(figure) => figure.value().map_err(failed),
                    None => Err(failed(format!("bad operand type for unary +: '{}'", type_name(&operand)))),
                }
            }
            Kind::Choice(choice) => {
                let chosen = truth(&choice.condition.evaluate(values)?);
                if chosen { choice.then.evaluate(values) } else { choice.otherwise.evaluate(values) }
            }
            Kind::Comparison(first, rest) => {
                let mut left = first.evaluate(values)?;
                for (comparison, node) in rest {
                    let right = node.evaluate(values)?;
                    if !comparison.holds(&left, &right).map_err(|message| Refused::new(node.at, message))? {
                        return Ok(false.into());
                    }
                    left = right;
                }
                Ok(true.into())
            }
            Kind::Arithmetic(first, rest) => {
                let mut left = first.evaluate(values)?;
                for (operator, node) in rest {
                    let right = node.evaluate(values)?;
                    left = arithmetic(*operator, left, right).map_err(|message| Refused::new(node.at, message))?;
                }
                Ok(left)
            }
            Kind::Item(node, keys) => {
                let mut value = node.evaluate(values)?;
                for key in keys {
                    let index = key.evaluate(values)?;
                    value = item(&value, &index).map_err(|message| Refused::new(key.at, message))?;
                }
                Ok(value)
            }
        }
    }
}

/// A number as Python computes with it; its booleans are numbers.
#[derive(Clone, Copy)]
enum Figure {
    Whole(i64),
    Real(f64),
}

impl Figure {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Whole(i64::from(*flag))),
            Value::Number(number) => number.as_i64().map(Self::Whole).or_else(|| number.as_f64().map(Self::Real)),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Python converts in the same way")]
    fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    fn value(self) -> Result<Value, String> {
        match self {
            Self::Whole(whole) => Ok(whole.into()),
            Self::Real(real) => {
                Number::from_f64(real).map(Value::Number).ok_or_else(|| "the number is too large".to_owned())
            }
        }
    }

    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => Some(left.cmp(&right)),
            _ => self.real().partial_cmp(&other.real()),
        }
    }
}

fn arithmetic(operator: Operator, left: Value, right: Value) -> Result<Value, String> {
    if let (Some(left), Some(right)) = (Figure::of(&left), Figure::of(&right)) {
        return compute(operator, left, right)?.value();
    }
    let sign = match operator {
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Times => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
    };
    match (operator, left, right) {
        (Operator::Plus, Value::String(mut left), Value::String(right)) => {
            left.push_str(&right);
            Ok(left.into())
        }
        (Operator::Plus, Value::Array(mut left), Value::Array(right)) => {
            left.extend(right);
            Ok(left.into())
        }
        (_, left, right) => {
            Err(format!("unsupported operand type(s) for {sign}: '{}' and '{}'", type_name(&left), type_name(&right)))
        }
    }
}

fn compute(operator: Operator, left: Figure, right: Figure) -> Result<Figure, String> {
    let too_large = || "the number is too large".to_owned();
    if matches!(operator, Operator::Divide | Operator::Modulo) && right.real() == 0.0 {
        return Err("division by zero".to_owned());
    }
    Ok(match (operator, left, right) {
        (Operator::Plus, Figure::Whole(a), Figure::Whole(b)) => Figure::Whole(a.checked_add(b).ok_or_else(too_large)?),
        (Operator::Minus, Figure::Whole(a), Figure::Whole(b)) => Figure::Whole(a.checked_sub(b).ok_or_else(too_large)?),
        (Operator::Times, Figure::Whole(a), Figure::Whole(b)) => Figure::Whole(a.checked_mul(b).ok_or_else(too_large)?),
        // Python's remainder has the sign of the divisor.
        (Operator::Modulo, Figure::Whole(a), Figure::Whole(b)) => {
            let rest = a.checked_rem(b).unwrap_or(0);
            Figure::Whole(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        (operator, left, right) => {
            let (a, b) = (left.real(), right.real());
            Figure::Real(match operator {
                Operator::Plus => a + b,
                Operator::Minus => a - b,
                Operator::Times => a * b,
                Operator::Divide => a / b,
                Operator::Modulo => {
                    let rest = a % b;
                    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
                }
            })
        }
    })
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> Result<bool, String> {
        let ordered = |wanted: fn(Ordering) -> bool, sign: &str| {
            order(left, right).map(wanted).ok_or_else(|| {
                let (left, right) = (type_name(left), type_name(right));
                format!("'{sign}' not supported between instances of '{left}' and '{right}'")
            })
        };
        match self {
            Self::Equal => Ok(equal(left, right)),
            Self::Unequal => Ok(!equal(left, right)),
            Self::Less => ordered(Ordering::is_lt, "<"),
            Self::LessOrEqual => ordered(Ordering::is_le, "<="),
            Self::Greater => ordered(Ordering::is_gt, ">"),
            Self::GreaterOrEqual => ordered(Ordering::is_ge, ">="),
            Self::In => contains(right, left),
            Self::NotIn => contains(right, left).map(|found| !found),
            Self::Is => Ok(left == right),
            Self::IsNot => Ok(left != right),
        }
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (Figure::of(left), Figure::of(right)) {
        return left.order(right) == Some(Ordering::Equal);
    }
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| equal(left, right)))
        }
        _ => left == right,
    }
}

/// The order of two values, if Python compares them. JSON has no numbers that are in no order.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (Figure::of(left), Figure::of(right)) {
        return left.order(right);
    }
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Array(left), Value::Array(right)) => {
            match left.iter().zip(right).find(|(left, right)| !equal(left, right)) {
                Some((left, right)) => order(left, right),
                None => Some(left.len().cmp(&right.len())),
            }
        }
        _ => None,
    }
}

fn contains(container: &Value, value: &Value) -> Result<bool, String> {
    match (container, value) {
        (Value::Array(items), _) => Ok(items.iter().any(|item| equal(item, value))),
        (Value::Object(map), Value::String(key)) => Ok(map.contains_key(key)),
        (Value::Object(_), _) => Ok(false),
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Value::String(_), _) => {
            Err(format!("'in <string>' requires string as left operand, not {}", type_name(value)))
        }
        _ => Err(format!("argument of type '{}' is not iterable", type_name(container))),
    }
}

fn item(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key, Figure::of(key)) {
        (Value::Object(map), Value::String(name), _) => map.get(name).cloned().ok_or_else(|| format!("no key {key}")),
        (Value::Object(_), ..) => Err(format!("no key {key}")),
        (Value::Array(items), _, Some(Figure::Whole(index))) => {
            let found = place(index, items.len()).and_then(|place| items.get(place));
            found.cloned().ok_or_else(|| "list index out of range".to_owned())
        }
        (Value::String(text), _, Some(Figure::Whole(index))) => {
            let found = place(index, text.chars().count()).and_then(|place| text.chars().nth(place));
            found.map(|c| c.to_string().into()).ok_or_else(|| "string index out of range".to_owned())
        }
        (Value::Array(_) | Value::String(_), ..) => {
            Err(format!("{} indices must be integers, not '{}'", type_name(value), type_name(key)))
        }
        _ => Err(format!("'{}' object is not subscriptable", type_name(value))),
    }
}

/// Where an index points to; negative ones count from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values(reference: &Reference) -> Option<Value> {
        match reference.to_string().as_str() {
            "company_ids" | "user.company_ids.ids" => Some(json!([1, 2])),
            "user.id" | "user.commercial_partner_id.id" => Some(json!(7)),
            "user.has_group(\"base.group_user\")" => Some(json!(true)),
            "time.strftime(\"%Y-%m-%d\")" => Some(json!("2024-05-06")),
            _ => None,
        }
    }

    fn evaluated(text: &str) -> Value {
        parse(text).and_then(|expression| expression.evaluate(&values)).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn refusal(text: &str) -> String {
        parse(text).and_then(|expression| expression.evaluate(&values)).unwrap_err().to_string()
    }

    #[test]
    fn rules_of_odoo() {
        for (text, value) in [
            (
                "\n  ['|', ('company_id', 'in', company_ids + [False]), ('id', 'child_of', user.id)]\n",
                json!(["|", ["company_id", "in", [1, 2, false]], ["id", "child_of", 7]]),
            ),
            ("[('user_id','in',[False,user.id])]", json!([["user_id", "in", [false, 7]]])),
            ("[(1, '=', 1)]", json!([[1, "=", 1]])),
            ("[(0,'=',1),]", json!([[0, "=", 1]])),
            ("[('a', '=', True)] if user.has_group('base.group_user') else [] # for all", json!([["a", "=", true]])),
            ("[('day', '<', time.strftime('%Y-%m-%d'))]", json!([["day", "<", "2024-05-06"]])),
            ("('a', 'b'\n 'c'), 1", json!([["a", "bc"], 1])),
        ] {
            assert_eq!(evaluated(text), value, "{text}");
        }
    }

    #[test]
    fn literals_and_operators() {
        for (text, value) in [
            ("1 + 2 * 3 - 4", json!(3)),
            ("7 / 2", json!(3.5)),
            ("-7 % 3", json!(2)),
            ("7 % -3", json!(-2)),
            ("-7.5 % 2", json!(0.5)),
            ("True + 1", json!(2)),
            ("--1", json!(1)),
            ("+True", json!(1)),
            ("1_000 + 0x1F + 0o7 + 0b1", json!(1039)),
            (".5 + 1. + 1e1", json!(11.5)),
            ("1 < 2 < 3", json!(true)),
            ("1 < 2 > 3", json!(false)),
            ("1 == True == 1.0", json!(true)),
            ("1 is True", json!(false)),
            ("None is None and None is not False", json!(true)),
            ("2 in (1, 2) and 3 not in [1]", json!(true)),
            ("'b' in 'abc'", json!(true)),
            ("'a' in {'a': None}", json!(true)),
            ("not not []", json!(false)),
            ("0 or [] or 'x' or nope", json!("x")),
            ("0 and nope", json!(0)),
            ("1 if 0 else 2 if 0 else 3", json!(3)),
            ("company_ids[0] + company_ids[-1]", json!(3)),
            ("{'a': [1, {'b': 2,}]}['a'][1]['b']", json!(2)),
            ("'é€'[1]", json!("€")),
            ("()", json!([])),
            ("(1)", json!(1)),
            ("(1,)", json!([1])),
            ("[1, 2] < [1, 3]", json!(true)),
            (r#"'\'\"\\\n\x41\u00e9\U0001F600\101\q'"#, json!("'\"\\\nAé😀A\\q")),
            (r"r'\n' u'x'", json!("\\nx")),
            ("'''a\n'b''' \"\"\"c\"\"\"", json!("a\n'bc")),
        ] {
            assert_eq!(evaluated(text), value, "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (text, message) in [
            ("", "the expression ends where a value should be at character 1"),
            ("[x for x in y]", "unexpected 'for' where ']' should be at character 4"),
            ("lambda: 1", "unexpected 'lambda' where a value should be at character 1"),
            ("f(x=1)", "unexpected '=' where ')' should be at character 4"),
            ("f(user.id)", "arguments of calls must be literals at character 3"),
            ("f(1).y", "only names have attributes and can be called at character 5"),
            ("'x'.upper()", "only names have attributes and can be called at character 4"),
            ("x[1:2]", "slices are not supported at character 4"),
            ("2 ** 3", "unexpected '**' at character 3"),
            ("a b", "unexpected 'b' at character 3"),
            ("f'{x}'", "strings with the prefix 'f' are not supported at character 1"),
            ("'abc", "unterminated string at character 1"),
            ("1 + $", "unexpected character '$' at character 5"),
            ("é + 'é' + ?", "unexpected character '?' at character 11"),
            ("nope.id", "'nope.id' is not known here at character 1"),
            ("[user.nope(1, 'a')]", "'user.nope(1, \"a\")' is not known here at character 2"),
            ("1 / 0", "division by zero at character 5"),
            ("9223372036854775807 + 1", "the number is too large at character 23"),
            ("99999999999999999999", "not a number that is supported at character 1"),
            ("1 + 'a'", "unsupported operand type(s) for +: 'int' and 'str' at character 5"),
            ("'a' * 3", "unsupported operand type(s) for *: 'str' and 'int' at character 7"),
            ("1 < 'a'", "'<' not supported between instances of 'int' and 'str' at character 5"),
            ("1 in 2", "argument of type 'int' is not iterable at character 6"),
            ("company_ids[5]", "list index out of range at character 13"),
            ("{1: 2}", "only strings can be keys at character 2"),
        ] {
            assert_eq!(refusal(text), message, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for opening in ["(", "[", "{'a':", "not ", "-", "1 if 1 else ", "f(", "x["] {
            let text = format!("{}1", opening.repeat(100_000));
            assert!(parse(&text).unwrap_err().message.contains("too deeply"), "{opening}");
        }
        for chained in ["1 + ", "1 or ", "1 < ", "1, "] {
            let text = format!("{}1", chained.repeat(20_000));
            assert!(parse(&text).unwrap().evaluate(&values).is_ok(), "{chained}");
        }
        let text = format!("{}1{}", "(".repeat(60), ")".repeat(60));
        assert_eq!(evaluated(&text), json!(1));
    }

    #[test]
    fn references_are_named() {
        let text = "[user.id, user.id, user.has_group('x'), user.has_group('y'), None, a.b[c] and d]";
        let found: Vec<_> = parse(text).unwrap().references().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["a.b", "c", "d", "user.has_group(\"x\")", "user.has_group(\"y\")", "user.id"]);
        assert_eq!(Reference::name("user.id").path, ["user", "id"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*") {
            let _ = parse(&text).and_then(|expression| expression.evaluate(&|_| Some(json!(1))));
        }

        #[test]
        fn no_combination_panics(words in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", ",", ":", ".", "+", "-", "*", "/", "%", "<", "==", "in", "not", "is", "and",
            "or", "if", "else", "a", "b", "1", "-9223372036854775808", "9223372036854775807", "0", "1.5", "1e308",
            "'a'", "\"\\", "True", "None", "#", "\n",
        ]), 0..40)) {
            let _ = parse(&words.join(" ")).and_then(|expression| expression.evaluate(&|_| Some(json!([1, "a"]))));
        }

        #[test]
        fn json_is_read_as_python(items in prop::collection::vec(any::<i32>(), 0..8), text in "[a-z '\"\\\\\n]*") {
            let value = json!([items, text]);
            prop_assert_eq!(parse(&value.to_string()).unwrap().evaluate(&values).unwrap(), value);
        }
    }
}
