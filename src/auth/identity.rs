//! When a caller last proved who they are by their password, which some methods want to have been a short time ago.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{NaiveDateTime, TimeDelta};

/// How long a proof counts.
const COUNTS: TimeDelta = TimeDelta::minutes(10);

/// The last proof of a session; none where a call has no session. Copies share it.
#[derive(Clone, Debug, Default)]
pub struct Identity(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    proved: Option<NaiveDateTime>,
    changed: bool,
}

impl Identity {
    /// As a session remembers it.
    #[must_use]
    pub fn new(proved: Option<NaiveDateTime>) -> Self {
        Self(Arc::new(Mutex::new(State { proved, changed: false })))
    }

    /// Whether there was a proof a short time before `now`.
    #[must_use]
    pub fn is_proved(&self, now: NaiveDateTime) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.proved.is_some_and(|proved| now - proved < COUNTS)
    }

    /// Notes a proof.
    pub fn prove(&self, now: NaiveDateTime) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { proved: Some(now), changed: true };
    }

    /// The proof that was noted since the session was read.
    #[must_use]
    pub fn changed(&self) -> Option<NaiveDateTime> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.proved.filter(|_| state.changed)
    }
}
