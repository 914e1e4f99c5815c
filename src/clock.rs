//! The time by which sessions, keys and cooldowns expire.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};

/// The system's clock, which tests can put forward. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_micros: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in UTC.
    #[must_use]
    pub fn now(&self) -> NaiveDateTime {
        Utc::now().naive_utc() + TimeDelta::microseconds(self.ahead_micros.load(Ordering::Relaxed))
    }

    /// Puts this clock (and its clones) forward by `time`.
    pub fn advance(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.ahead_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// A time as Odoo writes it: `2021-09-21 16:53:56`.
#[must_use]
pub fn to_string(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}
