//! The time by which sessions, keys and cooldowns expire, and that records are stamped with.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};

/// The system's clock, which tests can put forward, set, or stop. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    state: Arc<RwLock<Option<State>>>,
    /// Whose time it shows as long as it has none of its own.
    parent: Option<Box<Clock>>,
}

/// What a clock shows that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It goes, and is so far ahead of the system's.
    Ahead(TimeDelta),
    /// It stands.
    Fixed(NaiveDateTime),
}

impl Clock {
    /// A clock that shows the time of this one until it is set.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { state: Arc::default(), parent: Some(Box::new(self.clone())) }
    }

    /// Now, in UTC.
    #[must_use]
    pub fn now(&self) -> NaiveDateTime {
        match (self.state(), &self.parent) {
            (Some(State::Fixed(time)), _) => time,
            (Some(State::Ahead(time)), _) => system().checked_add_signed(time).unwrap_or(NaiveDateTime::MAX),
            (None, Some(parent)) => parent.now(),
            (None, None) => system(),
        }
    }

    /// Whether it stands.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match (self.state(), &self.parent) {
            (Some(state), _) => matches!(state, State::Fixed(_)),
            (None, Some(parent)) => parent.is_fixed(),
            (None, None) => false,
        }
    }

    /// Puts this clock (and its clones) forward by `time`.
    pub fn advance(&self, time: Duration) {
        let time = TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        let (now, fixed) = (self.now(), self.is_fixed());
        let later = now.checked_add_signed(time).unwrap_or(NaiveDateTime::MAX);
        if fixed {
            self.fix(later);
        } else {
            self.set(later);
        }
    }

    /// Sets it to `time`, from which it goes on.
    pub fn set(&self, time: NaiveDateTime) {
        self.put(Some(State::Ahead(time - system())));
    }

    /// Sets it to `time`, and stops it there.
    pub fn fix(&self, time: NaiveDateTime) {
        self.put(Some(State::Fixed(time)));
    }

    /// Lets it show the time of its parent again, or the system's.
    pub fn reset(&self) {
        self.put(None);
    }

    fn state(&self) -> Option<State> {
        *self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, state: Option<State>) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

fn system() -> NaiveDateTime {
    Utc::now().naive_utc()
}

/// A time as Odoo writes it: `2021-09-21 16:53:56`.
#[must_use]
pub fn to_string(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_its_parent_until_it_is_set() {
        let parent = Clock::default();
        let child = parent.child();
        let past = NaiveDateTime::default();
        parent.fix(past);
        assert_eq!(child.now(), past);
        parent.advance(Duration::from_mins(1));
        assert_eq!(child.now(), past + TimeDelta::seconds(60));
        child.fix(past);
        child.advance(Duration::from_secs(1));
        assert_eq!(child.now(), past + TimeDelta::seconds(1));
        assert_eq!(parent.now(), past + TimeDelta::seconds(60));
        child.reset();
        assert_eq!(child.now(), parent.now());
        parent.set(past);
        assert!(!child.is_fixed() && child.now() < past + TimeDelta::hours(1));
        parent.reset();
        assert!(parent.now() > past + TimeDelta::days(10_000));
    }
}
