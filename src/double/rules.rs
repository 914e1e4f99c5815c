//! Rules: to which calls something happens, how often, and how often it has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chance::Chance;
use super::error::Refusal;
use super::seen::Seen;
use super::selection::Match;

/// What a client says of a rule; `does` is what happens.
#[derive(Clone, Debug, Serialize)]
pub struct Rule<T> {
    /// For whom it may concern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// To which calls.
    #[serde(rename = "match")]
    pub matching: Match,
    #[serde(flatten)]
    pub does: T,
}

impl<T: Default> Rule<T> {
    /// A rule for calls of a method of a model; `*` stands for any. Nothing happens before it is said what.
    #[must_use]
    pub fn on(model: &str, method: &str) -> Self {
        Self { name: None, matching: Match::of(model, method), does: T::default() }
    }
}

impl<T> Rule<T> {
    /// Only in this database.
    #[must_use]
    pub fn db(mut self, name: &str) -> Self {
        self.matching.db = Some(name.into());
        self
    }

    /// Only so many calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.matching.times = Some(times);
        self
    }

    /// Only the n-th call, from 1 on.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.matching.nth = Some(nth);
        self
    }
}

impl<T: DeserializeOwned> Rule<T> {
    /// Reads a rule: `{"name", "match", …}` with what happens beside them.
    ///
    /// # Errors
    /// It is none; what is wrong, and where.
    pub fn parse(rule: Value) -> Result<Self, Refusal> {
        let Value::Object(mut rule) = rule else {
            return Err(Refusal::wrong(format!("a rule is an object such as {{\"match\": {{…}}, …}}, not {rule}")));
        };
        let name = rule.shift_remove("name").map(|name| read(name, "name")).transpose()?;
        let matching = rule.shift_remove("match").map(|matching| read(matching, "match")).transpose()?;
        let does = read(Value::Object(rule), "")?;
        Ok(Self { name, matching: matching.unwrap_or_default(), does })
    }
}

/// Reads a value at `place`.
///
/// # Errors
/// What is wrong, and where.
pub fn read<T: DeserializeOwned>(value: Value, place: &str) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let within = error.path().to_string();
        let at =
            [place, &within].into_iter().filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join(".");
        let refusal = Refusal::wrong(error.into_inner().to_string());
        if at.is_empty() { refusal } else { refusal.at(at) }
    })
}

/// What can happen to a call.
pub trait Does {
    /// Whether it can happen to a request before it is known what is called.
    fn can_precede_calls(&self) -> bool;

    /// # Errors
    /// It contradicts itself, or is nothing.
    fn check(&self) -> Result<(), Refusal>;
}

/// A rule that is in force.
#[derive(Debug, Serialize)]
pub struct Standing<T> {
    pub id: u64,
    #[serde(flatten)]
    pub rule: Rule<T>,
    /// How often it was applied.
    pub hits: AtomicU64,
    /// How many calls it was for, applied or not.
    #[serde(skip)]
    meant: AtomicU64,
}

impl<T: Does> Standing<T> {
    /// Whether it happens to requests, before any call.
    fn precedes_calls(&self) -> bool {
        self.rule.matching.is_of_requests() && self.rule.does.can_precede_calls()
    }
}

impl<T> Standing<T> {
    /// Whether the rule is for this call, and its turn.
    fn takes(&self, seen: &Seen, chance: &Chance) -> bool {
        let Match { nth, times, probability, .. } = &self.rule.matching;
        if !self.rule.matching.admits(seen) {
            return false;
        }
        let turn = self.meant.fetch_add(1, Ordering::Relaxed) + 1;
        if nth.is_some_and(|nth| nth != turn) || probability.is_some_and(|part| !chance.decides(part)) {
            return false;
        }
        let within = |hits: u64| times.is_none_or(|times| hits < times).then_some(hits + 1);
        self.hits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// Whether it has been applied.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.hits.load(Ordering::Relaxed) > 0
    }

    /// Whether it is about this database and no other.
    fn is_of(&self, db: &str) -> bool {
        self.rule.matching.db.as_ref().is_some_and(|of| of.is(db))
    }
}

/// The rules of one kind, the newest first: it goes before those that were there.
#[derive(Debug)]
pub struct Rules<T>(Mutex<Vec<Arc<Standing<T>>>>);

impl<T> Default for Rules<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Does> Rules<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Standing<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a rule in force under a new `id`.
    ///
    /// # Errors
    /// It contradicts itself.
    pub fn add(&self, id: u64, rule: Rule<T>) -> Result<Arc<Standing<T>>, Refusal> {
        rule.does.check()?;
        check(&rule.matching)?;
        let standing = Arc::new(Standing { id, rule, hits: AtomicU64::new(0), meant: AtomicU64::new(0) });
        self.lock().insert(0, Arc::clone(&standing));
        Ok(standing)
    }

    /// The rule for a call, which counts as applied.
    pub fn take(&self, seen: &Seen, chance: &Chance) -> Option<Arc<Standing<T>>> {
        self.lock().iter().find(|rule| !rule.precedes_calls() && rule.takes(seen, chance)).cloned()
    }

    /// The rule for a request, before any call: one that asks for nothing but path and dialect. It counts as applied.
    pub fn take_of_request(&self, seen: &Seen, chance: &Chance) -> Option<Arc<Standing<T>>> {
        self.lock().iter().find(|rule| rule.precedes_calls() && rule.takes(seen, chance)).cloned()
    }

    /// Whether any rule is for this model by name, in this database.
    pub fn names_model(&self, db: &str, model: &str) -> bool {
        self.lock().iter().any(|rule| {
            let Match { db: of, model: named, .. } = &rule.rule.matching;
            of.as_ref().is_none_or(|of| of.admits(db))
                && named.as_ref().is_some_and(|named| named.0.iter().any(|glob| glob.admits(model)))
        })
    }

    /// The rules of one database and those for all; or all rules. Oldest first.
    pub fn list(&self, db: Option<&str>) -> Vec<Arc<Standing<T>>> {
        let of = |rule: &&Arc<Standing<T>>| {
            db.is_none_or(|db| rule.rule.matching.db.as_ref().is_none_or(|of| of.admits(db)))
        };
        self.lock().iter().rev().filter(of).cloned().collect()
    }

    /// The rule with this id.
    pub fn get(&self, id: u64) -> Option<Arc<Standing<T>>> {
        self.lock().iter().find(|rule| rule.id == id).cloned()
    }

    /// Removes a rule, and answers whether it was there.
    pub fn remove(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let before = rules.len();
        rules.retain(|rule| rule.id != id);
        rules.len() < before
    }

    /// Removes the rules that are about this database only; or all rules.
    pub fn clear(&self, db: Option<&str>) {
        match db {
            Some(db) => self.lock().retain(|rule| !rule.is_of(db)),
            None => self.lock().clear(),
        }
    }
}

fn check(matching: &Match) -> Result<(), Refusal> {
    if matching.nth == Some(0) {
        return Err(Refusal::wrong("calls are counted from 1 on: write \"nth\": 1 for the first").at("match.nth"));
    }
    if matching.times == Some(0) {
        return Err(
            Refusal::wrong("a rule that is never applied: leave it out, or write \"times\": 1").at("match.times")
        );
    }
    if matching.probability.is_some_and(|part| !(0.0..=1.0).contains(&part)) {
        return Err(Refusal::wrong("a probability is between 0 and 1").at("match.probability"));
    }
    Ok(())
}
