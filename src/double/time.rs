//! The clocks of databases: set, stopped, moved by calls.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::error::Refusal;
use crate::app::App;
use crate::clock::Clock;

/// How far each call moves a clock: that of a database, or under no name that of the server.
#[derive(Debug, Default)]
pub struct Ticks(Mutex<HashMap<Option<String>, Duration>>);

/// What a clock is set to; nothing at all is the system's time.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// It shows this time, and goes on.
    pub now: Option<Moment>,
    /// It shows this time, and stands.
    pub fixed: Option<Moment>,
    /// Beside `now` or `fixed`: it stands, and each call moves it by so much.
    pub tick_seconds: Option<f64>,
}

/// A time as clients write it: with a zone, or in UTC as Odoo writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub NaiveDateTime);

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(time.naive_utc()));
        }
        let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S%.f"];
        if let Some(time) = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()) {
            return Ok(Self(time));
        }
        let midnight =
            chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
        midnight.map(Self).ok_or_else(|| format!("'{text}' is no time; write it as 2026-01-31T08:00:00Z"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A clock's setting as the command line takes it: `TIME`, `fixed:TIME` or `tick:TIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Now(Moment),
    Fixed(Moment),
    /// By a second with each call.
    Tick(Moment),
}

impl std::str::FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(time) = text.strip_prefix("fixed:") {
            return time.parse().map(Self::Fixed);
        }
        match text.strip_prefix("tick:") {
            Some(time) => time.parse().map(Self::Tick),
            None => text.parse().map(Self::Now),
        }
    }
}

impl From<Preset> for Setting {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Now(now) => Self { now: Some(now), ..Self::default() },
            Preset::Fixed(at) => Self { fixed: Some(at), ..Self::default() },
            Preset::Tick(now) => Self { now: Some(now), tick_seconds: Some(1.0), ..Self::default() },
        }
    }
}

/// What a clock shows.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub now: String,
    /// `running`, `fixed` or `ticking`.
    pub mode: &'static str,
}

impl Ticks {
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<String>, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the clock of a database, or of the server.
    ///
    /// # Errors
    /// The setting contradicts itself.
    pub fn set(&self, app: &App, db: Option<&str>, setting: &Setting) -> Result<(), Refusal> {
        let clock = clock(app, db);
        let tick = match setting.tick_seconds.map(Duration::try_from_secs_f64) {
            None => None,
            Some(Ok(tick)) if !tick.is_zero() => Some(tick),
            Some(_) => return Err(Refusal::wrong("a clock ticks forward, by more than 0").at("tick_seconds")),
        };
        match (setting.now, setting.fixed) {
            (Some(_), Some(_)) => return Err(Refusal::wrong("a clock goes on from now or is fixed, not both")),
            (None, None) if tick.is_some() => {
                return Err(
                    Refusal::wrong("a clock that ticks begins somewhere: write \"now\" as well").at("tick_seconds")
                );
            }
            (None, None) => clock.reset(),
            (Some(Moment(now)), None) if tick.is_none() => clock.set(now),
            (Some(Moment(at)), None) | (None, Some(Moment(at))) => clock.fix(at),
        }
        let key = db.map(str::to_owned);
        match tick {
            Some(tick) => self.lock().insert(key, tick),
            None => self.lock().remove(&key),
        };
        Ok(())
    }

    /// Puts the clock of a database, or of the server, forward.
    pub fn advance(&self, app: &App, db: Option<&str>, time: Duration) {
        clock(app, db).advance(time);
    }

    /// What the clock of a database, or of the server, shows.
    pub fn show(&self, app: &App, db: Option<&str>) -> Shown {
        let clock = clock(app, db);
        let ticks = self.lock().contains_key(&db.map(str::to_owned));
        let mode = match (ticks, clock.is_fixed()) {
            (true, _) => "ticking",
            (false, true) => "fixed",
            (false, false) => "running",
        };
        let now = DateTime::<Utc>::from_naive_utc_and_offset(clock.now(), Utc);
        Shown { now: now.to_rfc3339_opts(SecondsFormat::AutoSi, true), mode }
    }

    /// Moves the clocks that a call in this database moves.
    pub fn tick(&self, app: &App, db: Option<&str>) {
        let ticks = self.lock();
        if ticks.is_empty() {
            return;
        }
        let own = db.and_then(|db| ticks.get(&Some(db.to_owned())).map(|tick| (Some(db), *tick)));
        let moved = own.or_else(|| ticks.get(&None).map(|tick| (None, *tick)));
        if let Some((db, tick)) = moved {
            clock(app, db).advance(tick);
        }
    }

    /// Forgets what is set for a database, or for all.
    pub fn clear(&self, db: Option<&str>) {
        match db {
            Some(db) => {
                self.lock().remove(&Some(db.to_owned()));
            }
            None => self.lock().clear(),
        }
    }
}

fn clock(app: &App, db: Option<&str>) -> Clock {
    db.map_or_else(|| app.clock.clone(), |db| app.databases.clock(db))
}
