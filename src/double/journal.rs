//! The journal: every call with what came of it, in a ring of bounded size; questions to it, and waiting for calls.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::error::Refusal;
use super::seen::Seen;
use super::selection::{Difference, Match};
use crate::interception::Failure;

/// How many calls a journal holds unless told otherwise.
pub const SIZE: usize = 10_000;
/// How many near misses a failed verification tells of.
const NEAREST: usize = 3;

/// What came of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was answered with a result.
    #[default]
    Ok,
    /// It was answered with an error.
    Error,
    /// The client got no whole answer: a fault cut or garbled it.
    Cut,
}

/// Why a call was answered with an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The exception: `odoo.exceptions.UserError`.
    pub name: String,
    pub message: String,
}

impl From<Failure> for Problem {
    fn from(Failure { name, message }: Failure) -> Self {
        Self { name, message }
    }
}

/// A call in the journal.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    /// Counts the calls of a server, from 1 on.
    pub id: u64,
    /// When it began, by the system's clock, which a test cannot set.
    pub time: DateTime<Utc>,
    #[serde(flatten)]
    pub seen: Seen,
    pub outcome: Outcome,
    pub error: Option<Problem>,
    /// The HTTP status of the answer; null while it is not sent.
    pub status: Option<u16>,
    pub duration_ms: f64,
    /// The id of the fault or stub that answered.
    pub rule: Option<u64>,
    /// The body of the request, where bodies are kept, with nothing secret in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
    /// The body of the answer, where bodies are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
}

impl Entry {
    /// In one line: `#12 res.partner.create by admin in test_1: ok`.
    #[must_use]
    pub fn headline(&self) -> String {
        let Seen { service, user, model, method, db, path, .. } = &self.seen;
        let mut line = format!("#{} ", self.id);
        match (model, method) {
            (Some(model), Some(method)) => line.extend([model, ".", method]),
            (None, Some(method)) => line.extend([service, ".", method]),
            _ => line.push_str(path),
        }
        if let Some(user) = user {
            line.extend([" by ", &user.login]);
        }
        if let Some(db) = db {
            line.extend([" in ", db]);
        }
        match &self.error {
            Some(Problem { name, message }) => {
                let _ = write!(line, ": {} ({})", name, message.lines().next().unwrap_or_default());
            }
            None if self.outcome == Outcome::Cut => line.push_str(": no answer"),
            None => line.push_str(": ok"),
        }
        line
    }
}

/// Which entries are asked for; all that is said must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    pub db: Option<String>,
    #[serde(rename = "match")]
    pub matching: Match,
    pub outcome: Option<Outcome>,
    /// Only those after the entry with this id.
    pub since: Option<u64>,
    /// Only so many, the newest.
    pub limit: Option<usize>,
}

/// What is expected of the calls. Exactly one of `exactly`, `at_least`, `at_most`, `never` and `in_order` may be said;
/// where none is, it is `at_least` one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    pub db: Option<String>,
    #[serde(rename = "match")]
    pub matching: Match,
    pub since: Option<u64>,
    pub exactly: Option<usize>,
    pub at_least: Option<usize>,
    pub at_most: Option<usize>,
    pub never: bool,
    pub in_order: Option<Vec<Match>>,
}

/// An entry that is nearly what was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct NearMiss {
    pub entry: Entry,
    pub differences: Vec<Difference>,
}

/// Whether an expectation holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub ok: bool,
    /// How many calls were as described.
    pub count: usize,
    /// Why not, for people; empty where it holds.
    pub message: String,
    pub entries: Vec<Entry>,
    pub nearest: Vec<NearMiss>,
}

/// The journal of a server.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
    /// Tells how many calls there have been, for those who wait.
    noted: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    entries: VecDeque<Entry>,
    last: u64,
    size: usize,
    bodies: bool,
}

impl Journal {
    /// An empty journal for so many calls.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let state = State { entries: VecDeque::new(), last: 0, size, bodies: false };
        Self { state: Mutex::new(state), noted: watch::channel(0).0 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call, and answers with its id.
    pub fn note(&self, mut entry: Entry) -> u64 {
        let mut state = self.lock();
        state.last += 1;
        entry.id = state.last;
        if state.size > 0 {
            while state.entries.len() >= state.size {
                state.entries.pop_front();
            }
            state.entries.push_back(entry);
        }
        self.noted.send_replace(state.last);
        state.last
    }

    /// Changes an entry, where it is still there.
    pub fn amend(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        let mut state = self.lock();
        let Some(first) = state.entries.front().map(|entry| entry.id) else { return };
        // Where some were removed in between, an entry is no further than its id says.
        let upper = usize::try_from(id.saturating_sub(first)).unwrap_or(usize::MAX).min(state.entries.len() - 1);
        if let Some(entry) = state.entries.range_mut(..=upper).rev().find(|entry| entry.id == id) {
            change(entry);
        }
        drop(state);
        self.noted.send_modify(|_| {});
    }

    /// Whether bodies are kept.
    #[must_use]
    pub fn keeps_bodies(&self) -> bool {
        self.lock().bodies
    }

    /// Sets whether bodies are kept, and how many calls.
    pub fn set(&self, bodies: Option<bool>, size: Option<usize>) {
        let mut state = self.lock();
        state.bodies = bodies.unwrap_or(state.bodies);
        state.size = size.unwrap_or(state.size);
        while state.entries.len() > state.size {
            state.entries.pop_front();
        }
    }

    /// Entries, oldest first.
    #[must_use]
    pub fn find(&self, query: &Query) -> Vec<Entry> {
        let state = self.lock();
        let meant = |entry: &&Entry| {
            is_of(entry, query.db.as_deref(), query.since)
                && query.outcome.is_none_or(|outcome| entry.outcome == outcome)
                && query.matching.admits(&entry.seen)
        };
        let mut found: Vec<Entry> =
            state.entries.iter().rev().filter(meant).take(query.limit.unwrap_or(usize::MAX)).cloned().collect();
        found.reverse();
        found
    }

    /// Forgets the entries of one database, or all.
    pub fn clear(&self, db: Option<&str>) {
        match db {
            Some(db) => self.lock().entries.retain(|entry| entry.seen.db.as_deref() != Some(db)),
            None => self.lock().entries.clear(),
        }
    }

    /// Whether the calls so far are as expected; if not, which came nearest.
    ///
    /// # Errors
    /// The expectation contradicts itself.
    pub fn verify(&self, expected: &Expectation) -> Result<Verdict, Refusal> {
        let wanted = expected.wanted()?;
        let entries: Vec<Entry> = {
            let state = self.lock();
            let meant = |entry: &&Entry| is_of(entry, expected.db.as_deref(), expected.since);
            state.entries.iter().filter(meant).cloned().collect()
        };
        if let Some(sequence) = &expected.in_order {
            return Ok(verify_order(sequence, entries));
        }
        let (found, others): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| expected.matching.admits(&entry.seen));
        let count = found.len();
        if wanted.admits(count) {
            return Ok(Verdict { ok: true, count, entries: found, ..Verdict::default() });
        }
        let mut message = format!("expected {wanted} of {}, saw {count}", expected.matching);
        for entry in &found {
            let _ = write!(message, "\n  {}", entry.headline());
        }
        let nearest = if wanted.wants_more_than(count) { nearest(&expected.matching, others) } else { Vec::new() };
        tell_nearest(&mut message, &nearest);
        Ok(Verdict { ok: false, count, message, entries: found, nearest })
    }

    /// Waits until the calls are as expected, at most so long; then answers as [`verify`](Self::verify) does.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn wait_for(&self, expected: &Expectation, patience: Duration) -> Result<Verdict, Refusal> {
        let mut noted = self.noted.subscribe();
        let holds = async {
            loop {
                noted.borrow_and_update();
                let verdict = self.verify(expected)?;
                if verdict.ok || noted.changed().await.is_err() {
                    return Ok(verdict);
                }
            }
        };
        match tokio::time::timeout(patience, holds).await {
            Ok(verdict) => verdict,
            Err(_) => self.verify(expected),
        }
    }
}

fn is_of(entry: &Entry, db: Option<&str>, since: Option<u64>) -> bool {
    since.is_none_or(|since| entry.id > since) && db.is_none_or(|db| entry.seen.db.as_deref() == Some(db))
}

/// How many calls are expected.
enum Wanted {
    Exactly(usize),
    AtLeast(usize),
    AtMost(usize),
}

impl Wanted {
    fn admits(&self, count: usize) -> bool {
        match self {
            Self::Exactly(wanted) => count == *wanted,
            Self::AtLeast(wanted) => count >= *wanted,
            Self::AtMost(wanted) => count <= *wanted,
        }
    }

    fn wants_more_than(&self, count: usize) -> bool {
        match self {
            Self::Exactly(wanted) | Self::AtLeast(wanted) => count < *wanted,
            Self::AtMost(_) => false,
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (words, wanted) = match self {
            Self::Exactly(0) => return f.write_str("no call"),
            Self::Exactly(wanted) => ("exactly", *wanted),
            Self::AtLeast(wanted) => ("at least", *wanted),
            Self::AtMost(wanted) => ("at most", *wanted),
        };
        write!(f, "{words} {wanted} call{}", if wanted == 1 { "" } else { "s" })
    }
}

impl Expectation {
    fn wanted(&self) -> Result<Wanted, Refusal> {
        let said = [
            self.exactly.map(Wanted::Exactly),
            self.at_least.map(Wanted::AtLeast),
            self.at_most.map(Wanted::AtMost),
            self.never.then_some(Wanted::Exactly(0)),
            self.in_order.as_ref().map(|all| Wanted::Exactly(all.len())),
        ];
        let mut said: Vec<Wanted> = said.into_iter().flatten().collect();
        if said.len() > 1 {
            return Err(Refusal::wrong("say only one of exactly, at_least, at_most, never and in_order"));
        }
        Ok(said.pop().unwrap_or(Wanted::AtLeast(1)))
    }
}

/// Whether there are calls as these, each after the one before it.
fn verify_order(sequence: &[Match], entries: Vec<Entry>) -> Verdict {
    let mut found: Vec<Entry> = Vec::new();
    let mut rest = entries.iter();
    for wanted in sequence {
        if let Some(entry) = rest.find(|entry| wanted.admits(&entry.seen)) {
            found.push(entry.clone());
            continue;
        }
        let count = found.len();
        let mut message = format!("expected {wanted} as call {} of {}", count + 1, sequence.len());
        let after = found.last().map_or(0, |entry| entry.id);
        match found.last() {
            Some(last) => {
                let _ = write!(message, ", after {}", last.headline());
            }
            None => message.push_str(", saw none"),
        }
        let (late, early): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.id > after);
        if let Some(early) = early.iter().find(|entry| wanted.admits(&entry.seen)) {
            let _ = write!(message, "\nthere was one before: {}", early.headline());
        }
        let nearest = nearest(wanted, late);
        tell_nearest(&mut message, &nearest);
        return Verdict { ok: false, count, message, entries: found, nearest };
    }
    Verdict { ok: true, count: found.len(), entries: found, ..Verdict::default() }
}

/// The entries that differ least from what is wanted.
fn nearest(wanted: &Match, entries: Vec<Entry>) -> Vec<NearMiss> {
    let mut misses: Vec<NearMiss> = entries
        .into_iter()
        .map(|entry| NearMiss { differences: wanted.differences(&entry.seen), entry })
        .filter(|miss| !miss.differences.is_empty() && !is_another(miss))
        .collect();
    // What was called counts for more than with what; of equals the newest.
    let distance = |miss: &NearMiss| {
        let weight = |difference: &Difference| match difference.at.as_str() {
            "model" | "method" => 3,
            // What is not there at all is further away than what is another.
            _ if difference.was.is_null() => 2,
            _ => 1,
        };
        miss.differences.iter().map(weight).sum::<usize>()
    };
    misses.sort_by_key(|miss| (distance(miss), u64::MAX - miss.entry.id));
    misses.truncate(NEAREST);
    misses
}

/// Whether it is neither the model nor the method that is wanted.
fn is_another(miss: &NearMiss) -> bool {
    ["model", "method"].iter().all(|part| miss.differences.iter().any(|difference| difference.at == *part))
}

fn tell_nearest(message: &mut String, nearest: &[NearMiss]) {
    if !nearest.is_empty() {
        message.push_str("\nnearest:");
    }
    for NearMiss { entry, differences } in nearest {
        let _ = write!(message, "\n  {}", entry.headline());
        for difference in differences {
            let _ = write!(message, "\n    {difference}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(model: &str, method: &str, args: &Value) -> Entry {
        let seen = Seen {
            db: Some("test".to_owned()),
            service: "object".to_owned(),
            model: Some(model.to_owned()),
            method: Some(method.to_owned()),
            args: args.as_object().unwrap().clone(),
            ..Seen::default()
        };
        Entry { seen, ..Entry::default() }
    }

    fn journal() -> Journal {
        let journal = Journal::new(3);
        for (method, name) in [("search", "gone"), ("create", "Acme"), ("create", "Beta"), ("write", "Acme")] {
            journal.note(entry("res.partner", method, &json!({"name": name})));
        }
        journal
    }

    fn verify(expectation: Value) -> Verdict {
        journal().verify(&serde_json::from_value(expectation).unwrap()).unwrap()
    }

    #[test]
    fn the_oldest_make_room() {
        let ids = |query: Value| -> Vec<u64> {
            journal().find(&serde_json::from_value(query).unwrap()).iter().map(|entry| entry.id).collect()
        };
        assert_eq!(ids(json!({})), [2, 3, 4]);
        assert_eq!(ids(json!({"limit": 2})), [3, 4]);
        assert_eq!(ids(json!({"since": 3})), [4]);
        assert_eq!(ids(json!({"match": {"method": "create"}})), [2, 3]);
        assert_eq!(ids(json!({"db": "other"})), [0_u64; 0]);
    }

    #[test]
    fn expectations_hold_or_it_is_said_what_came_nearest() {
        let acme = json!({"method": "create", "where": [["args.name", "=", "Acme"]]});
        assert!(verify(json!({"match": acme, "exactly": 1})).ok);
        assert!(verify(json!({"match": {"method": "unlink"}, "never": true})).ok);
        assert!(verify(json!({"in_order": [acme, {"method": "write"}]})).ok);
        let failed = verify(json!({"match": {"method": "create", "where": [["args.name", "=", "Acne"]]}}));
        assert!(!failed.ok);
        assert_eq!(
            failed.message,
            "expected at least 1 call of *.create with {\"where\":[[\"args.name\",\"=\",\"Acne\"]]}, saw 0\nnearest:\n  \
             #3 res.partner.create in test: ok\n    args.name: wanted \"Acne\", was \"Beta\"\n  \
             #2 res.partner.create in test: ok\n    args.name: wanted \"Acne\", was \"Acme\"\n  \
             #4 res.partner.write in test: ok\n    method: wanted \"create\", was \"write\"\n    \
             args.name: wanted \"Acne\", was \"Acme\""
        );
        let failed = verify(json!({"match": {"method": "create"}, "exactly": 1}));
        assert!(failed.message.starts_with("expected exactly 1 call of *.create, saw 2\n  #2"), "{}", failed.message);
        let failed = verify(json!({"in_order": [{"method": "write"}, {"method": "create"}]}));
        assert!(failed.message.contains("there was one before: #2"), "{}", failed.message);
        assert!(journal().verify(&Expectation { never: true, exactly: Some(1), ..Expectation::default() }).is_err());
    }

    #[test]
    fn entries_are_amended_where_they_are_still_there() {
        let journal = journal();
        for id in [1, 3, 9] {
            journal.amend(id, |entry| entry.status = Some(200));
        }
        let statuses: Vec<_> = journal.find(&Query::default()).iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [None, Some(200), None]);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_call_or_with_patience() {
        let journal = std::sync::Arc::new(Journal::new(10));
        let expected: Expectation = serde_json::from_value(json!({"match": {"method": "create"}})).unwrap();
        assert!(!journal.wait_for(&expected, Duration::from_millis(1)).await.unwrap().ok);
        let (other, waited) = (std::sync::Arc::clone(&journal), expected.clone());
        let waiting = tokio::spawn(async move { other.wait_for(&waited, Duration::from_mins(1)).await });
        journal.note(entry("res.partner", "create", &json!({})));
        assert!(waiting.await.unwrap().unwrap().ok);
    }
}
