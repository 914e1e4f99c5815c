//! Dates and times: how values are read and written, what they are grouped by, and what groups are called.
//!
//! Datetimes are in UTC wherever nothing else is said; a local one is what clocks in the user's time zone show.

use std::fmt::Write;
use std::str::FromStr;

use chrono::{
    Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Weekday,
};
use chrono_tz::Tz;
use icu_datetime::fieldsets::enums::DateFieldSet;
use icu_datetime::input::Date as CldrDate;
use icu_datetime::pattern::{DateTimePattern, FixedCalendarDateTimeNames, MonthNameLength};
use icu_locale_core::Locale;
use serde_json::Value;
use writeable::TryWriteable;

use crate::error::{Error, Result};
use crate::python::{text, truth, type_name};

const DATE_FORMAT: &str = "%Y-%m-%d";
const DATETIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

// --- On the wire ---

/// A date as the wire has it.
#[must_use]
pub fn date_text(date: NaiveDate) -> String {
    date.format(DATE_FORMAT).to_string()
}

/// A datetime as the wire has it, without fractions of seconds.
#[must_use]
pub fn datetime_text(at: NaiveDateTime) -> String {
    at.format(DATETIME_FORMAT).to_string()
}

/// Reads back what [`date_text`] wrote.
#[must_use]
pub fn read_date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, DATE_FORMAT).ok()
}

/// Reads back what [`datetime_text`] wrote, with or without fractions of seconds.
#[must_use]
pub fn read_datetime(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

// --- Written values ---

/// Reads the value that is written to a date field. Of a datetime, the date is taken.
///
/// # Errors
/// What Python's `strptime` raises for it.
pub fn parse_date(value: &Value) -> Result<Option<NaiveDate>> {
    if !truth(value) {
        return Ok(None);
    }
    let written = match value {
        Value::String(written) => written,
        Value::Array(_) => return Err(no_text(value)),
        Value::Object(_) => return Err(Error::type_error("unhashable type: 'slice'")),
        _ => return Err(Error::type_error(format!("'{}' object is not subscriptable", type_name(value)))),
    };
    let written: String = written.chars().take("2024-05-06".len()).collect();
    strptime(&written, DATE_FORMAT).map(|at| Some(at.date()))
}

/// Reads the value that is written to a datetime field. One that is shorter than a full one is read in the format of
/// as many parts as it is long: a date is its midnight.
///
/// # Errors
/// What Python's `strptime` raises for it.
pub fn parse_datetime(value: &Value) -> Result<Option<NaiveDateTime>> {
    if !truth(value) {
        return Ok(None);
    }
    let written = match value {
        Value::String(written) => written,
        Value::Array(_) | Value::Object(_) => return Err(no_text(value)),
        _ => return Err(Error::type_error(format!("object of type '{}' has no len()", type_name(value)))),
    };
    // The format is cut two characters shorter than the value, since a year is twice as long as `%Y`, and everything
    // else as long as its directive. From 15.0 to 19.0, `noon` is thus no `%Y`.
    let whole = DATETIME_FORMAT.len();
    let length = match written.chars().count() {
        // Python counts a negative end from the other one.
        1 => whole - 1,
        count => (count - 2).min(whole),
    };
    strptime(written, &DATETIME_FORMAT[..length]).map(Some)
}

fn no_text(value: &Value) -> Error {
    Error::type_error(format!("strptime() argument 1 must be str, not {}", type_name(value)))
}

fn value_error(message: impl Into<String>) -> Error {
    Error::Python { name: "builtins.ValueError", message: message.into() }
}

/// A text as Python shows it in messages: `'soon'`.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c == quote => {
                shown.push('\\');
                shown.push(c);
            }
            c if u32::from(c) < 0x20 || (0x7f..=0xa0).contains(&u32::from(c)) => {
                let _ = write!(shown, "\\x{:02x}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown.push(quote);
    shown
}

/// Python's `datetime.strptime` for the directives that dates have on the wire.
fn strptime(written: &str, format: &str) -> Result<NaiveDateTime> {
    let mut rest = written;
    let mut parts = Parts { year: 1900, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    let mut directives = format.chars();
    let mismatch = || value_error(format!("time data {} does not match format {}", quoted(written), quoted(format)));
    if format.ends_with('%') {
        return Err(value_error(format!("stray % in format '{format}'")));
    }
    while let Some(directive) = directives.next() {
        let matched = match directive {
            '%' => match directives.next() {
                Some('Y') => digits(&mut rest, 4, 4, 0..=9999).map(|year| parts.year = i32::from(year)),
                Some('m') => digits(&mut rest, 1, 2, 1..=12).map(|month| parts.month = month.into()),
                // A day may stand behind a blank instead of a zero.
                Some('d') => digits(&mut rest, 1, 2, 1..=31)
                    .or_else(|| {
                        let mut after = rest.strip_prefix(' ')?;
                        let day = digits(&mut after, 1, 1, 1..=9)?;
                        rest = after;
                        Some(day)
                    })
                    .map(|day| parts.day = day.into()),
                Some('H') => digits(&mut rest, 1, 2, 0..=23).map(|hour| parts.hour = hour.into()),
                Some('M') => digits(&mut rest, 1, 2, 0..=59).map(|minute| parts.minute = minute.into()),
                // Leap seconds match, only to be refused later.
                Some('S') => digits(&mut rest, 1, 2, 0..=61).map(|second| parts.second = second.into()),
                _ => None,
            },
            ' ' => {
                let after = rest.trim_start();
                let found = after.len() < rest.len();
                rest = after;
                found.then_some(())
            }
            literal => rest.strip_prefix(literal).map(|after| rest = after),
        };
        matched.ok_or_else(mismatch)?;
    }
    if !rest.is_empty() {
        return Err(value_error(format!("unconverted data remains: {rest}")));
    }
    parts.datetime()
}

/// Takes up to `most` digits that make a number in a range: fewer of them, if more would be too many.
fn digits(rest: &mut &str, least: usize, most: usize, range: std::ops::RangeInclusive<u16>) -> Option<u16> {
    let there = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (least..=there).rev().find_map(|length| {
        let number = rest[..length].parse().ok().filter(|number| range.contains(number))?;
        *rest = &rest[length..];
        Some(number)
    })
}

struct Parts {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Parts {
    /// What Python's `datetime(…)` makes of these.
    fn datetime(&self) -> Result<NaiveDateTime> {
        if !(1..=9999).contains(&self.year) {
            return Err(value_error(format!("year {} is out of range", self.year)));
        }
        if !(1..=12).contains(&self.month) {
            return Err(value_error("month must be in 1..12"));
        }
        let date = NaiveDate::from_ymd_opt(self.year, self.month, self.day)
            .ok_or_else(|| value_error("day is out of range for month"))?;
        for (part, name, last) in [(self.hour, "hour", 23), (self.minute, "minute", 59), (self.second, "second", 59)] {
            if part > last {
                return Err(value_error(format!("{name} must be in 0..{last}")));
            }
        }
        date.and_hms_opt(self.hour, self.minute, self.second).ok_or_else(|| value_error("second must be in 0..59"))
    }
}

// --- Values in domains ---

/// Who reads the dates in domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// PostgreSQL does, which gets them as they are: up to 18.0.
    Database,
    /// Odoo does, as ISO dates or as expressions like `today -1d`: 19.0.
    Server,
}

/// What the meaning of a date in a domain depends on.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Who reads it.
    pub reader: Reader,
    /// The time.
    pub now: NaiveDateTime,
    /// The user's time zone.
    pub zone: Tz,
    /// The first day of the week in the user's language.
    pub week_start: Weekday,
}

/// A datetime in a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// When, or when the day begins.
    pub at: NaiveDateTime,
    /// Whether it was a date, by which a day is meant rather than a moment.
    pub whole_day: bool,
}

/// Reads what a date field is compared with. `false` and `null` are none.
///
/// # Errors
/// The `ValueError` of Odoo, or what PostgreSQL says through its driver.
pub fn domain_date(value: &Value, surroundings: &Surroundings) -> Result<Option<NaiveDate>> {
    if matches!(value, Value::Null | Value::Bool(false)) {
        return Ok(None);
    }
    match (surroundings.reader, value) {
        (Reader::Database, _) => read_by_database(&text(value), "date", surroundings.now).map(|at| Some(at.date())),
        (Reader::Server, Value::String(written)) => Ok(Some(match surroundings.expression(written)? {
            Term::Day(day) => day,
            Term::Local(at, _) | Term::Moment(at) => at.date(),
        })),
        (Reader::Server, _) => Err(value_error(format!("Failed to cast {} into a date", text(value)))),
    }
}

/// Reads what a datetime field is compared with. `false` and `null` are none.
///
/// # Errors
/// The `ValueError` of Odoo, or what PostgreSQL says through its driver.
pub fn domain_datetime(value: &Value, surroundings: &Surroundings) -> Result<Option<Bound>> {
    if matches!(value, Value::Null | Value::Bool(false)) {
        return Ok(None);
    }
    match (surroundings.reader, value) {
        (Reader::Database, _) => {
            let written = text(value);
            let at = read_by_database(&written, "timestamp", surroundings.now)?;
            Ok(Some(Bound { at, whole_day: written.chars().count() == "2024-05-06".len() }))
        }
        (Reader::Server, Value::String(written)) => Ok(Some(match surroundings.expression(written)? {
            // A day is one of the user's.
            Term::Day(day) => Bound { at: to_utc(day.and_time(NaiveTime::MIN), surroundings.zone), whole_day: true },
            Term::Local(at, _) | Term::Moment(at) => Bound { at, whole_day: false },
        })),
        (Reader::Server, _) => Err(value_error(format!("Failed to cast {} into a datetime", text(value)))),
    }
}

/// Whether a text could be read as a date or time that depends on when it is read: `today -3d`, `+1w`, `Yesterday`.
#[must_use]
pub fn is_of_the_moment(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    first.starts_with(['+', '-', '=']) || matches!(first.as_str(), "now" | "today" | "tomorrow" | "yesterday")
}

/// The comparison that stands for one with a date or a moment: after a day is after its end, and up to a day is up to
/// that.
#[must_use]
pub fn comparison(operator: &str, bound: Bound, reader: Reader) -> (&str, NaiveDateTime) {
    let later = |by: TimeDelta| bound.at.checked_add_signed(by).unwrap_or(bound.at);
    match (reader, operator, bound.whole_day) {
        (Reader::Database, ">" | "<=", true) => (operator, bound.at.date().and_hms_opt(23, 59, 59).unwrap_or(bound.at)),
        // 19.0 compares with where the next day begins, or the next second, since stored times may have fractions.
        (Reader::Server, ">", true) => (">=", later(TimeDelta::days(1))),
        (Reader::Server, "<=", true) => ("<", later(TimeDelta::days(1))),
        (Reader::Server, ">", false) => (">=", later(TimeDelta::seconds(1))),
        (Reader::Server, "<=", false) => ("<", later(TimeDelta::seconds(1))),
        _ => (operator, bound.at),
    }
}

/// A date or a time as PostgreSQL reads it, as far as clients send such.
fn read_by_database(written: &str, kind: &str, now: NaiveDateTime) -> Result<NaiveDateTime> {
    let syntax = || Error::Python {
        name: "psycopg2.errors.InvalidDatetimeFormat",
        message: format!("invalid input syntax for type {kind}: \"{written}\""),
    };
    let range = || Error::Python {
        name: "psycopg2.errors.DatetimeFieldOverflow",
        message: format!("date/time field value out of range: \"{written}\""),
    };
    let trimmed = written.trim();
    let midnight = now.date().and_time(NaiveTime::MIN);
    match trimmed.to_ascii_lowercase().as_str() {
        "now" => return Ok(now),
        "today" => return Ok(midnight),
        "tomorrow" => return midnight.checked_add_days(Days::new(1)).ok_or_else(range),
        "yesterday" => return midnight.checked_sub_days(Days::new(1)).ok_or_else(range),
        "epoch" => return Ok(chrono::DateTime::UNIX_EPOCH.naive_utc()),
        _ => {}
    }
    let (date, time) = match trimmed.find([' ', 'T', 't']) {
        Some(end) => (&trimmed[..end], trimmed[end + 1..].trim_start()),
        None => (trimmed, ""),
    };
    let number = |digits: &str| -> Result<u32> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(syntax());
        }
        digits.parse().map_err(|_| range())
    };
    let fields: Vec<_> = date.split(['-', '/', '.']).collect();
    let (year, month, day) = match fields[..] {
        [year, month, day] if year.len() >= 3 => (number(year)?, number(month)?, number(day)?),
        [whole] if whole.len() == 8 && whole.bytes().all(|byte| byte.is_ascii_digit()) => {
            (number(&whole[..4])?, number(&whole[4..6])?, number(&whole[6..])?)
        }
        _ => return Err(syntax()),
    };
    let year = i32::try_from(year).ok().filter(|year| *year > 0).ok_or_else(range)?;
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or_else(range)?;
    if time.is_empty() {
        return Ok(date.and_time(NaiveTime::MIN));
    }
    // The time zone of a column that has none is ignored.
    let time = time.split(['+', '-', 'Z', 'z']).next().unwrap_or_default().trim_end();
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let clock: Vec<_> = whole.split(':').map(&number).collect::<Result<_>>()?;
    let (hour, minute, second) = match clock[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return Err(syntax()),
    };
    number(fraction)?;
    let microsecond: u32 = format!("{fraction:0<6.6}").parse().map_err(|_| syntax())?;
    date.and_hms_micro_opt(hour, minute, second, microsecond).ok_or_else(range)
}

/// What an expression of 19.0 comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    Day(NaiveDate),
    /// A local time, and how far its clock is ahead of UTC. In the end it is a moment.
    Local(NaiveDateTime, TimeDelta),
    Moment(NaiveDateTime),
}

impl Surroundings {
    fn expression(&self, expression: &str) -> Result<Term> {
        let after_digits = expression.trim_start_matches(|c: char| c.is_ascii_digit());
        if after_digits.len() < expression.len() && after_digits.starts_with('-') {
            return iso(expression);
        }
        let invalid = |term: &str| {
            value_error(format!("Invalid term {} in expression date: {}", quoted(term), quoted(expression)))
        };
        let mut terms = expression.split_whitespace().peekable();
        let now = to_local(self.now, self.zone);
        let mut value = match terms.peek() {
            None => return Err(value_error("Empty date expression")),
            Some(&"today") => {
                terms.next();
                Term::Day(now.date())
            }
            Some(first) => {
                if *first == "now" {
                    terms.next();
                }
                Term::Local(now, now - self.now)
            }
        };
        for term in terms {
            value = self.step(value, term).ok_or_else(|| invalid(term))?;
        }
        Ok(match value {
            Term::Local(at, ahead) => Term::Moment(at.checked_sub_signed(ahead).ok_or_else(|| invalid(expression))?),
            other => other,
        })
    }

    /// Adds to a time, takes from it, or sets a part of it.
    fn step(&self, value: Term, term: &str) -> Option<Term> {
        let operator = term.chars().next().filter(|operator| matches!(operator, '+' | '-' | '='))?;
        let operand = &term[1..];
        let day = match operand {
            "week_start" => Some(self.week_start),
            _ => WEEKDAYS.into_iter().find(|(name, _)| *name == operand).map(|(_, day)| day),
        };
        if let Some(day) = day {
            return self.at_weekday(value, operator, day);
        }
        let unit = operand.chars().next_back()?;
        let number: i64 = operand[..operand.len() - unit.len_utf8()].parse().ok()?;
        let in_time = matches!(unit, 'H' | 'M' | 'S');
        // A day that gets a time is no longer the user's, but one of UTC.
        let (at, rebuilt): (_, &dyn Fn(NaiveDateTime) -> Term) = match value {
            Term::Day(day) if in_time => (day.and_time(NaiveTime::MIN), &Term::Moment),
            Term::Day(day) => (day.and_time(NaiveTime::MIN), &|at| Term::Day(at.date())),
            Term::Local(at, ahead) => (at, &move |at| Term::Local(at, ahead)),
            Term::Moment(at) => (at, &Term::Moment),
        };
        let at = match operator {
            '=' => set(at, unit, u32::try_from(number).ok()?)?,
            '-' => shift(at, unit, number.checked_neg()?)?,
            _ => shift(at, unit, number)?,
        };
        (1..=9999).contains(&at.year()).then(|| rebuilt(at))
    }

    /// Goes to a day of the week: in the same week with `=`, otherwise to the nearest in the direction.
    fn at_weekday(&self, value: Term, operator: char, day: Weekday) -> Option<Term> {
        let days = |at: NaiveDate| {
            let place = |day: Weekday| i64::from(day.days_since(self.week_start));
            let days = place(day) - place(at.weekday());
            TimeDelta::days(match operator {
                '+' if days < 0 => days + 7,
                '-' if days > 0 => days - 7,
                _ => days,
            })
        };
        let moved = |at: NaiveDateTime| {
            let at = if operator == '=' { at.date().and_time(NaiveTime::MIN) } else { at };
            at.checked_add_signed(days(at.date()))
        };
        Some(match value {
            Term::Day(at) => Term::Day(at.checked_add_signed(days(at))?),
            Term::Local(at, ahead) => Term::Local(moved(at)?, ahead),
            Term::Moment(at) => Term::Moment(moved(at)?),
        })
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

fn shift(at: NaiveDateTime, unit: char, number: i64) -> Option<NaiveDateTime> {
    let months = |factor: i64| {
        let by = number.checked_mul(factor)?;
        let months = Months::new(u32::try_from(by.unsigned_abs()).ok()?);
        if by < 0 { at.checked_sub_months(months) } else { at.checked_add_months(months) }
    };
    let delta = match unit {
        'y' => return months(12),
        'm' => return months(1),
        'w' => TimeDelta::try_weeks(number),
        'd' => TimeDelta::try_days(number),
        'H' => TimeDelta::try_hours(number),
        'M' => TimeDelta::try_minutes(number),
        'S' => TimeDelta::try_seconds(number),
        _ => None,
    };
    at.checked_add_signed(delta?)
}

/// Sets a part, and what is finer than it to zero.
fn set(at: NaiveDateTime, unit: char, number: u32) -> Option<NaiveDateTime> {
    let date = at.date();
    // The last day of a month is the day of a shorter one.
    let with_day_within = |year: i32, month: u32| {
        (28..=date.day()).rev().chain([date.day()]).find_map(|day| NaiveDate::from_ymd_opt(year, month, day))
    };
    let date_only = |date: Option<NaiveDate>| date.map(|date| date.and_time(NaiveTime::MIN));
    match unit {
        'y' => date_only(with_day_within(i32::try_from(number).ok()?, date.month())),
        'm' => date_only(with_day_within(date.year(), number)),
        'd' => date_only((28..=number).rev().chain([number]).take(32).find_map(|day| date.with_day(day))),
        'H' => date.and_hms_opt(number, 0, 0),
        'M' => date.and_hms_opt(at.hour(), number, 0),
        'S' => date.and_hms_opt(at.hour(), at.minute(), number),
        _ => None,
    }
}

/// Python's `fromisoformat`: a date, or a time without a time zone.
fn iso(written: &str) -> Result<Term> {
    let invalid = || value_error(format!("Invalid isoformat string: {}", quoted(written)));
    let characters: Vec<char> = written.chars().collect();
    let number = |from: usize, length: usize| -> Option<u32> {
        characters.get(from..from + length)?.iter().try_fold(0, |sum, c| Some(sum * 10 + c.to_digit(10)?))
    };
    let is = |at: usize, wanted: char| characters.get(at) == Some(&wanted);
    if !(is(4, '-') && is(7, '-')) {
        return Err(invalid());
    }
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 2), number(8, 2)) else {
        return Err(invalid());
    };
    let year = i32::try_from(year).map_err(|_| invalid())?;
    let mut parts = Parts { year, month, day, hour: 0, minute: 0, second: 0 };
    if characters.len() == 10 {
        return Ok(Term::Day(parts.datetime()?.date()));
    }
    parts.hour = number(11, 2).ok_or_else(invalid)?;
    let mut at = 13;
    let colons = is(at, ':');
    for part in [&mut parts.minute, &mut parts.second] {
        let start = at + usize::from(colons);
        let there = if colons { is(at, ':') } else { characters.get(at).is_some_and(char::is_ascii_digit) };
        if !there {
            break;
        }
        *part = number(start, 2).ok_or_else(invalid)?;
        at = start + 2;
    }
    let mut microsecond = 0;
    if is(at, '.') || is(at, ',') {
        let fraction: String = characters[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
        microsecond = format!("{fraction:0<6.6}").parse().map_err(|_| invalid())?;
        at += 1 + fraction.len();
        if fraction.is_empty() {
            return Err(invalid());
        }
    }
    match characters.get(at) {
        None => {}
        Some('Z' | '+' | '-') => {
            return Err(value_error(format!("expecting only datetimes with no timezone: {}", quoted(written))));
        }
        Some(_) => return Err(invalid()),
    }
    let datetime = parts.datetime()?;
    Ok(Term::Moment(datetime.with_nanosecond(microsecond * 1000).unwrap_or(datetime)))
}

// --- Time zones ---

/// The time zone of a name like `Europe/Brussels`.
#[must_use]
pub fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// The names of all time zones.
pub fn zones() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
}

/// What clocks in a time zone show.
#[must_use]
pub fn to_local(at: NaiveDateTime, zone: Tz) -> NaiveDateTime {
    let ahead = zone.offset_from_utc_datetime(&at).fix().local_minus_utc();
    at.checked_add_signed(TimeDelta::seconds(ahead.into())).unwrap_or(at)
}

/// When clocks in a time zone show something. What they show twice is the second time, and what they skip is told by
/// the clock from before, as PostgreSQL and pytz have it.
#[must_use]
pub fn to_utc(local: NaiveDateTime, zone: Tz) -> NaiveDateTime {
    let offset = zone.offset_from_local_datetime(&local).latest().or_else(|| {
        let before = local.checked_sub_days(Days::new(1))?;
        zone.offset_from_local_datetime(&before).latest()
    });
    let ahead = offset.map_or(0, |offset| offset.fix().local_minus_utc());
    local.checked_sub_signed(TimeDelta::seconds(ahead.into())).unwrap_or(local)
}

// --- Groups ---

/// What a name of a granularity is not one of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Granularity specification isn't correct: {}", quoted(.0))]
pub struct UnknownGranularity(pub String);

/// The periods that dates are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they say all")]
pub enum Granularity {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl FromStr for Granularity {
    type Err = UnknownGranularity;

    fn from_str(name: &str) -> Result<Self, UnknownGranularity> {
        Ok(match name {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => return Err(UnknownGranularity(name.to_owned())),
        })
    }
}

/// The numbers in dates that are grouped by, from 18.0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they say all")]
pub enum NumberPart {
    Year,
    Quarter,
    Month,
    IsoWeek,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    Hour,
    Minute,
    Second,
}

impl FromStr for NumberPart {
    type Err = UnknownGranularity;

    fn from_str(name: &str) -> Result<Self, UnknownGranularity> {
        Ok(match name {
            "year_number" => Self::Year,
            "quarter_number" => Self::Quarter,
            "month_number" => Self::Month,
            "iso_week_number" => Self::IsoWeek,
            "day_of_year" => Self::DayOfYear,
            "day_of_month" => Self::DayOfMonth,
            "day_of_week" => Self::DayOfWeek,
            "hour_number" => Self::Hour,
            "minute_number" => Self::Minute,
            "second_number" => Self::Second,
            _ => return Err(UnknownGranularity(name.to_owned())),
        })
    }
}

impl NumberPart {
    /// The number, as PostgreSQL extracts it: Sunday is 0.
    #[must_use]
    pub fn of(self, local: NaiveDateTime) -> i64 {
        match self {
            Self::Year => local.year().into(),
            Self::Quarter => local.quarter().into(),
            Self::Month => local.month().into(),
            Self::IsoWeek => local.iso_week().week().into(),
            Self::DayOfYear => local.ordinal().into(),
            Self::DayOfMonth => local.day().into(),
            Self::DayOfWeek => local.weekday().num_days_from_sunday().into(),
            Self::Hour => local.hour().into(),
            Self::Minute => local.minute().into(),
            Self::Second => local.second().into(),
        }
    }
}

/// The weekday that a language's `week_start` names, from `1` for Monday to `7` for Sunday.
#[must_use]
pub fn week_start(number: &str) -> Weekday {
    let number = number.parse::<u8>().unwrap_or(7);
    Weekday::try_from(number.wrapping_sub(1)).unwrap_or(Weekday::Sun)
}

/// When the period begins that a local time is in.
#[must_use]
pub fn truncate(local: NaiveDateTime, granularity: Granularity, first_week_day: Weekday) -> NaiveDateTime {
    let date = local.date();
    let first = match granularity {
        Granularity::Hour => return date.and_hms_opt(local.hour(), 0, 0).unwrap_or(local),
        Granularity::Day => Some(date),
        Granularity::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().days_since(first_week_day)))),
        Granularity::Month => date.with_day(1),
        Granularity::Quarter => NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1),
        Granularity::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1),
    };
    first.unwrap_or(date).and_time(NaiveTime::MIN)
}

/// When the period after the one that begins at `start` begins.
#[must_use]
pub fn next(start: NaiveDateTime, granularity: Granularity) -> NaiveDateTime {
    let next = match granularity {
        Granularity::Hour => start.checked_add_signed(TimeDelta::hours(1)),
        Granularity::Day => start.checked_add_days(Days::new(1)),
        Granularity::Week => start.checked_add_days(Days::new(7)),
        Granularity::Month => start.checked_add_months(Months::new(1)),
        Granularity::Quarter => start.checked_add_months(Months::new(3)),
        Granularity::Year => start.checked_add_months(Months::new(12)),
    };
    next.unwrap_or(start)
}

/// How the weeks in labels are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weeks {
    /// As the library Babel (up to 2.8) formats a day: up to 17.0, where the week of 31 December 2023 is `W53 2023` in
    /// the United States, and the one of 1 January 2023 is `W1 2022`.
    Formatted,
    /// As calendars of the country number them: from 18.0 on.
    Calendar,
}

/// What a group of the period that begins at `start` is called in a language like `fr_FR`. All formats are the same
/// in every language, and the clock goes up to 12 without saying which half of the day it is.
#[must_use]
pub fn label(start: NaiveDateTime, granularity: Granularity, language: &str, weeks: Weeks) -> String {
    let (day, year) = (start.day(), start.year());
    match granularity {
        Granularity::Hour => {
            let month = month_name(start.month(), MonthNameLength::Abbreviated, language);
            format!("{:02}:00 {day:02} {month}", start.hour12().1)
        }
        Granularity::Day => {
            let month = month_name(start.month(), MonthNameLength::Abbreviated, language);
            format!("{day:02} {month} {year:04}")
        }
        Granularity::Week => {
            let rules = WeekRules::of(language);
            let (year, week) = match weeks {
                Weeks::Formatted => rules.formatted(start.date()),
                Weeks::Calendar => rules.calendar(start.date()),
            };
            format!("W{week} {year:04}")
        }
        Granularity::Month => {
            format!("{} {year:04}", month_name(start.month(), MonthNameLength::Wide, language))
        }
        Granularity::Quarter => format!("{} {year:04}", quarter_name(start.quarter(), language)),
        Granularity::Year => format!("{year:04}"),
    }
}

/// The parts of a language's code: `fr` and `FR`.
fn language_and_country(language: &str) -> (&str, &str) {
    let plain = language.split('@').next().unwrap_or_default();
    plain.split_once('_').unwrap_or((plain, ""))
}

fn month_name(month: u32, length: MonthNameLength, language: &str) -> String {
    // CLDR has Tagalog under its other name.
    let code = match language_and_country(language) {
        ("tl", _) => "fil".to_owned(),
        _ => language.replace("@latin", "-Latn").replace("@Cyrl", "-Cyrl").replace('_', "-"),
    };
    // Months of languages that are not known are called `M01` and so on.
    let named = cldr_month(month, length, &code).filter(|name| *name != format!("M{month:02}"));
    named.or_else(|| cldr_month(month, length, "en")).unwrap_or_else(|| month.to_string())
}

fn cldr_month(month: u32, length: MonthNameLength, code: &str) -> Option<String> {
    let locale: Locale = code.parse().ok()?;
    let mut names: FixedCalendarDateTimeNames<_, DateFieldSet> =
        FixedCalendarDateTimeNames::new_without_number_formatting(locale.into());
    let pattern: DateTimePattern = if length == MonthNameLength::Wide { "MMMM" } else { "MMM" }.parse().ok()?;
    names.include_month_names(length).ok()?;
    let date = CldrDate::try_new_gregorian(2024, u8::try_from(month).ok()?, 1).ok()?;
    let mut name = String::new();
    let formatted = names.with_pattern_unchecked(&pattern).format(&date);
    formatted.try_write_to(&mut name).ok()?.ok()?;
    Some(name)
}

/// The short names of quarters. They are CLDR's, as the months are, but the library of those has none.
fn quarter_name(quarter: u32, language: &str) -> String {
    let number = quarter.clamp(1, 4);
    let nth = |names: [&str; 4]| names.into_iter().nth(number as usize - 1).unwrap_or_default().to_owned();
    let roman = nth(["I", "II", "III", "IV"]);
    match language_and_country(language) {
        ("am", _) => format!("ሩብ{number}"),
        ("ar", _) => format!("الربع {}", nth(["الأول", "الثاني", "الثالث", "الرابع"])),
        ("az", _) => format!("{number}-{} kv.", nth(["ci", "ci", "cü", "cü"])),
        ("be", _) => format!("{number}-{} кв.", nth(["шы", "гі", "ці", "ты"])),
        ("bg", _) => format!("{number}. трим."),
        ("bn", _) => nth(["ত্রৈমাসিক", "দ্বিতীয় ত্রৈমাসিক", "তৃতীয় ত্রৈমাসিক", "চতুর্থ ত্রৈমাসিক"]),
        ("bs", _) => format!("KV{number}"),
        ("ca", _) => format!("{number}T"),
        ("da", _) => format!("{number}. kvt."),
        ("el", _) => format!("Τ{number}"),
        ("es", country) if country != "DO" => format!("T{number}"),
        ("fr" | "gl" | "it" | "pt", _) => format!("T{number}"),
        ("et" | "id" | "nb" | "nl" | "sv", _) => format!("K{number}"),
        ("eu", _) => format!("{number}Hh"),
        ("fa", _) => format!("س\u{200c}م{}", nth(["۱", "۲", "۳", "۴"])),
        ("fi", _) => format!("{number}. nelj."),
        ("hi", _) => format!("ति{number}"),
        ("hr", _) => format!("{number}kv"),
        ("hu", _) => format!("{roman}. n.év"),
        ("ka", _) => format!("{roman} კვ."),
        ("kab", _) => format!("Kḍg{number}"),
        ("km", _) => format!("ត្រីមាសទី {number}"),
        ("ko", _) => format!("{number}분기"),
        ("lo", _) => format!("ຕມ{number}"),
        ("lt", _) => format!("{roman} k."),
        ("lv", _) => format!("{number}.\u{a0}cet."),
        ("mk", _) => nth(["јан. – мар.", "апр. – јун.", "јул. – сеп.", "окт. – дек."]),
        ("ml", _) => format!("{} പാദം", nth(["ഒന്നാം", "രണ്ടാം", "മൂന്നാം", "നാലാം"])),
        ("mn", _) => format!("{roman} улирал"),
        ("ms", _) => format!("S{number}"),
        ("pl", _) => format!("{roman} kw."),
        ("ro", _) => format!("trim. {roman}"),
        ("ru" | "uk", _) => format!("{number}-й кв."),
        ("sl", _) => format!("{number}. čet."),
        ("sq", _) => format!("tremujori {roman}"),
        ("sr", _) if language.ends_with("@latin") => format!("{number}. kv."),
        ("sr", _) => format!("{number}. кв."),
        ("sw", _) => format!("Robo ya {number}"),
        ("te", _) => format!("త్రై{number}"),
        ("th", _) => format!("ไตรมาส {number}"),
        ("tr", _) => format!("Ç{number}"),
        ("zh", "CN") => format!("{number}季度"),
        ("zh", "TW") => format!("第{number}季"),
        _ => format!("Q{number}"),
    }
}

/// Countries where weeks begin on Saturday, on Sunday, and those whose first week of the year is the first one with
/// at least four days in it. Elsewhere they begin on Monday, and one day is enough. This is CLDR's data, too.
const SATURDAY: [&str; 14] = ["AF", "BH", "DJ", "DZ", "EG", "IQ", "IR", "JO", "KW", "LY", "OM", "QA", "SD", "SY"];
const SUNDAY: [&str; 59] = [
    "AG", "AO", "AS", "BD", "BR", "BS", "BT", "BW", "BZ", "CA", "CO", "CV", "DM", "DO", "ET", "GT", "GU", "HK", "HN",
    "ID", "IL", "IN", "JM", "JP", "KE", "KH", "KR", "LA", "MH", "MM", "MO", "MT", "MX", "MZ", "NI", "NP", "PA", "PE",
    "PH", "PK", "PR", "PT", "PY", "SA", "SG", "ST", "SV", "TH", "TL", "TT", "TW", "UM", "US", "VE", "VI", "WS", "YE",
    "ZA", "ZW",
];
const FOUR_DAYS: [&str; 47] = [
    "AD", "AO", "AT", "AX", "BE", "BG", "CH", "CV", "CZ", "DE", "DK", "EE", "ES", "FI", "FJ", "FO", "FR", "GB", "GF",
    "GG", "GI", "GP", "GR", "HU", "IE", "IM", "IS", "IT", "JE", "LI", "LT", "LU", "MC", "MQ", "NL", "NO", "PL", "PT",
    "RE", "RU", "SE", "SJ", "SK", "SM", "ST", "TL", "VA",
];

struct WeekRules {
    first: Weekday,
    least_days: u32,
}

impl WeekRules {
    fn of(language: &str) -> Self {
        let (_, country) = language_and_country(language);
        let first = if SUNDAY.contains(&country) {
            Weekday::Sun
        } else if SATURDAY.contains(&country) {
            Weekday::Sat
        } else {
            Weekday::Mon
        };
        Self { first, least_days: if FOUR_DAYS.contains(&country) { 4 } else { 1 } }
    }

    /// The year and the week: ISO's where these are the country's, otherwise 1 January is in the first week.
    fn calendar(&self, date: NaiveDate) -> (i32, u32) {
        if self.first == Weekday::Mon && self.least_days == 4 {
            return (date.iso_week().year(), date.iso_week().week());
        }
        let days_into_week = date.weekday().days_since(self.first);
        let last_of_week = date.checked_add_days(Days::new(u64::from(6 - days_into_week))).unwrap_or(date);
        if last_of_week.year() > date.year() {
            return (last_of_week.year(), 1);
        }
        (date.year(), last_of_week.ordinal0() / 7 + 1)
    }

    /// The year and the week as Babel formats a day: ISO's year, whatever the week is.
    fn formatted(&self, date: NaiveDate) -> (i32, u32) {
        let mut week = self.week_of_year(date);
        if week == 0 {
            let last_of_year_before = date.with_ordinal(1).and_then(|first| first.pred_opt());
            week = last_of_year_before.map_or(0, |last| self.week_of_year(last));
        }
        if self.first == Weekday::Mon {
            // The weeks of the day's own year, even if the week is one of the year before.
            let weeks = NaiveDate::from_ymd_opt(date.year(), 12, 28).map_or(52, |last| last.iso_week().week());
            if week > weeks {
                week -= weeks;
            }
        }
        (date.iso_week().year(), week)
    }

    fn week_of_year(&self, date: NaiveDate) -> u32 {
        // How many days of its week are before the first of January.
        let missing = (date.weekday().days_since(self.first) + 7 - date.ordinal0() % 7) % 7;
        (date.ordinal0() + missing) / 7 + u32::from(7 - missing >= self.least_days)
    }
}

// --- Sequences ---

/// Why a sequence's prefix or suffix cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// There is no such key: a `KeyError` up to 18.0, told to the user in 19.0.
    #[error("{0}")]
    UnknownKey(String),
    /// It is no format of Python's.
    #[error("{0}")]
    Malformed(&'static str),
}

/// The local times that the keys of a sequence's prefix stand for.
#[derive(Clone, Copy, Debug)]
pub struct SequenceTimes {
    /// For `%(year)s` and so on: the time that the number is for.
    pub effective: NaiveDateTime,
    /// For `%(range_year)s`: the time that the range of dates is for.
    pub range: NaiveDateTime,
    /// For `%(current_year)s`: now.
    pub current: NaiveDateTime,
}

/// Fills in the prefix or suffix of a sequence.
///
/// # Errors
/// Keys that there are not, and what is no format.
pub fn interpolate(template: &str, times: &SequenceTimes) -> Result<String, Unfilled> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            filled.push('%');
            rest = after;
            continue;
        }
        let Some(after) = after.strip_prefix('(') else {
            return Err(Unfilled::Malformed(if after.is_empty() {
                "incomplete format"
            } else {
                "format requires a key"
            }));
        };
        let (key, after) = after.split_once(')').ok_or(Unfilled::Malformed("incomplete format key"))?;
        let value = sequence_value(key, times).ok_or_else(|| Unfilled::UnknownKey(key.to_owned()))?;
        rest = match after.chars().next() {
            Some('s') => &after[1..],
            Some(_) => return Err(Unfilled::Malformed("unsupported format character")),
            None => return Err(Unfilled::Malformed("incomplete format")),
        };
        filled.push_str(&value);
    }
    filled.push_str(rest);
    Ok(filled)
}

fn sequence_value(key: &str, times: &SequenceTimes) -> Option<String> {
    let (at, part) = if let Some(part) = key.strip_prefix("range_") {
        (times.range, part)
    } else if let Some(part) = key.strip_prefix("current_") {
        (times.current, part)
    } else {
        (times.effective, key)
    };
    let format = match part {
        "year" => "%Y",
        "month" => "%m",
        "day" => "%d",
        "y" => "%y",
        "doy" => "%j",
        "woy" => "%W",
        "weekday" => "%w",
        "h24" => "%H",
        "h12" => "%I",
        "min" => "%M",
        "sec" => "%S",
        "isoyear" => "%G",
        "isoy" => "%g",
        "isoweek" => "%V",
        _ => return None,
    };
    Some(at.format(format).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        read_datetime(text).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        read_date(text).unwrap()
    }

    fn said<T: std::fmt::Debug>(result: Result<T>) -> (String, String) {
        let error = result.unwrap_err();
        (error.name().to_owned(), error.to_string())
    }

    fn surroundings(reader: Reader, zone_name: &str) -> Surroundings {
        let now = at("2024-05-08 13:14:15");
        Surroundings { reader, now, zone: zone(zone_name).unwrap(), week_start: Weekday::Mon }
    }

    #[test]
    fn written_dates() {
        for (value, date) in [
            (json!("2024-05-06"), Some("2024-05-06")),
            (json!("2024-05-06 23:59:59"), Some("2024-05-06")),
            (json!("2024-5-6"), Some("2024-05-06")),
            (json!(false), None),
            (json!(null), None),
            (json!(""), None),
            (json!(0), None),
        ] {
            assert_eq!(parse_date(&value).unwrap().map(date_text).as_deref(), date, "{value}");
        }
        for (value, name, message) in [
            (json!("2024/05/06"), "ValueError", "time data '2024/05/06' does not match format '%Y-%m-%d'"),
            (json!("2024-13-01"), "ValueError", "time data '2024-13-01' does not match format '%Y-%m-%d'"),
            (json!("soon"), "ValueError", "time data 'soon' does not match format '%Y-%m-%d'"),
            (json!("it's"), "ValueError", "time data \"it's\" does not match format '%Y-%m-%d'"),
            (json!("2024-02-30"), "ValueError", "day is out of range for month"),
            (json!("2024-01-32"), "ValueError", "unconverted data remains: 2"),
            (json!("0000-01-01"), "ValueError", "year 0 is out of range"),
            (json!(20_240_506), "TypeError", "'int' object is not subscriptable"),
            (json!(true), "TypeError", "'bool' object is not subscriptable"),
            (json!([1]), "TypeError", "strptime() argument 1 must be str, not list"),
        ] {
            assert_eq!(said(parse_date(&value)), (format!("builtins.{name}"), message.to_owned()), "{value}");
        }
    }

    #[test]
    fn written_datetimes() {
        for (value, written) in [
            (json!("2024-05-06 10:20:30"), Some("2024-05-06 10:20:30")),
            (json!("2024-05-06"), Some("2024-05-06 00:00:00")),
            (json!("2024-05-06 10:20"), Some("2024-05-06 10:20:00")),
            (json!("2024-05"), Some("2024-05-01 00:00:00")),
            (json!(null), None),
        ] {
            assert_eq!(parse_datetime(&value).unwrap().map(datetime_text).as_deref(), written, "{value}");
        }
        for (value, name, message) in [
            (
                "2024-05-06T10:20:30",
                "ValueError",
                "time data '2024-05-06T10:20:30' does not match format '%Y-%m-%d %H:%M:%S'",
            ),
            (
                "2024-05-06T10:20:30Z",
                "ValueError",
                "time data '2024-05-06T10:20:30Z' does not match format '%Y-%m-%d %H:%M:%S'",
            ),
            ("2024-05-06 10:20:30.123456", "ValueError", "unconverted data remains: .123456"),
            ("noon", "ValueError", "time data 'noon' does not match format '%Y'"),
            ("ab", "ValueError", "unconverted data remains: ab"),
            ("abc", "ValueError", "stray % in format '%'"),
            ("a", "ValueError", "stray % in format '%Y-%m-%d %H:%M:%'"),
            ("2024-05-06 10:20:60", "ValueError", "second must be in 0..59"),
        ] {
            assert_eq!(said(parse_datetime(&json!(value))), (format!("builtins.{name}"), message.to_owned()));
        }
        let message = "object of type 'int' has no len()".to_owned();
        assert_eq!(said(parse_datetime(&json!(5))), ("builtins.TypeError".to_owned(), message));
    }

    #[test]
    fn dates_for_the_database() {
        let here = surroundings(Reader::Database, "Europe/Brussels");
        for (value, date) in [
            (json!("2024-02-29 10:00:00"), "2024-02-29"),
            (json!("2024/2/9"), "2024-02-09"),
            (json!(20_240_209), "2024-02-09"),
            (json!("today"), "2024-05-08"),
        ] {
            assert_eq!(domain_date(&value, &here).unwrap(), Some(day(date)), "{value}");
        }
        assert_eq!(domain_date(&json!(false), &here).unwrap(), None);
        for (value, name, message) in [
            (json!("2024-02-30"), "DatetimeFieldOverflow", "date/time field value out of range: \"2024-02-30\""),
            (json!("soon"), "InvalidDatetimeFormat", "invalid input syntax for type date: \"soon\""),
            (json!(5), "InvalidDatetimeFormat", "invalid input syntax for type date: \"5\""),
        ] {
            let expected = (format!("psycopg2.errors.{name}"), message.to_owned());
            assert_eq!(said(domain_date(&value, &here)), expected);
        }
        let bound = |value: &str| domain_datetime(&json!(value), &here).unwrap().unwrap();
        let compared = |operator, value| comparison(operator, bound(value), Reader::Database);
        assert_eq!(compared("<=", "2023-12-31"), ("<=", at("2023-12-31 23:59:59")));
        assert_eq!(compared(">", "2023-12-31"), (">", at("2023-12-31 23:59:59")));
        assert_eq!(compared(">=", "2023-12-31"), (">=", at("2023-12-31 00:00:00")));
        assert_eq!(compared("<", "2024-01-01T04:00:00"), ("<", at("2024-01-01 04:00:00")));
        assert_eq!(compared("<=", "2024-01-01 04:00:00"), ("<=", at("2024-01-01 04:00:00")));
    }

    #[test]
    fn dates_for_the_server() {
        let here = surroundings(Reader::Server, "Europe/Brussels");
        for (value, date) in [
            ("2024-02-29", "2024-02-29"),
            ("2024-02-29 10:00:00", "2024-02-29"),
            ("today", "2024-05-08"),
            ("+1d", "2024-05-09"),
            ("today -1w", "2024-05-01"),
            ("today -3m =1d", "2024-02-01"),
            ("today =31d +1m", "2024-06-30"),
            ("today =2m =31d", "2024-02-29"),
            ("today +1y", "2025-05-08"),
            ("today =monday", "2024-05-06"),
            // A time is taken for the day that it is in UTC.
            ("=monday", "2024-05-05"),
            ("today +monday", "2024-05-13"),
            ("today -friday", "2024-05-03"),
            ("today =week_start", "2024-05-06"),
        ] {
            assert_eq!(domain_date(&json!(value), &here).unwrap(), Some(day(date)), "{value}");
        }
        for (value, moment, whole_day) in [
            ("2024-01-01", "2023-12-31 23:00:00", true),
            ("2024-07-01", "2024-06-30 22:00:00", true),
            ("today", "2024-05-07 22:00:00", true),
            ("now", "2024-05-08 13:14:15", false),
            ("-1H", "2024-05-08 12:14:15", false),
            ("now =1H", "2024-05-07 23:00:00", false),
            ("now +90M =0S", "2024-05-08 14:44:00", false),
            ("=monday", "2024-05-05 22:00:00", false),
            ("today -1d =1H", "2024-05-07 01:00:00", false),
            ("2024-01-01T04:00:00", "2024-01-01 04:00:00", false),
            ("2024-01-01 04:05", "2024-01-01 04:05:00", false),
            ("2024-01-01 04:05:06.5", "2024-01-01 04:05:06.5", false),
        ] {
            let expected = Some(Bound { at: at(moment), whole_day });
            assert_eq!(domain_datetime(&json!(value), &here).unwrap(), expected, "{value}");
        }
        for (value, message) in [
            (json!("2024-02-30"), "day is out of range for month"),
            (json!("2024-13-01"), "month must be in 1..12"),
            (json!("2024-1-1"), "Invalid isoformat string: '2024-1-1'"),
            (json!("2024-01-01T25:00:00"), "hour must be in 0..23"),
            (json!("2024-01-01T04:00:00Z"), "expecting only datetimes with no timezone: '2024-01-01T04:00:00Z'"),
            (json!("soon"), "Invalid term 'soon' in expression date: 'soon'"),
            (json!("today +1x"), "Invalid term '+1x' in expression date: 'today +1x'"),
            (json!("today =1w"), "Invalid term '=1w' in expression date: 'today =1w'"),
            (json!("+99999y"), "Invalid term '+99999y' in expression date: '+99999y'"),
            (json!(5), "Failed to cast 5 into a date"),
            (json!(true), "Failed to cast True into a date"),
        ] {
            assert_eq!(said(domain_date(&value, &here)), ("builtins.ValueError".to_owned(), message.to_owned()));
        }
        let utc = surroundings(Reader::Server, "UTC");
        let compared = |operator, value: &str| {
            comparison(operator, domain_datetime(&json!(value), &utc).unwrap().unwrap(), Reader::Server)
        };
        assert_eq!(compared("<=", "2023-12-31"), ("<", at("2024-01-01 00:00:00")));
        assert_eq!(compared(">", "2023-12-31"), (">=", at("2024-01-01 00:00:00")));
        assert_eq!(compared(">", "2023-12-31 10:00:00"), (">=", at("2023-12-31 10:00:01")));
        assert_eq!(compared(">=", "2024-01-01"), (">=", at("2024-01-01 00:00:00")));
    }

    #[test]
    fn time_zones() {
        let brussels = zone("Europe/Brussels").unwrap();
        assert_eq!(to_local(at("2024-08-15 22:15:30"), brussels), at("2024-08-16 00:15:30"));
        for (local, utc) in [
            ("2024-01-01 00:00:00", "2023-12-31 23:00:00"),
            ("2024-08-16 00:00:00", "2024-08-15 22:00:00"),
            // Skipped, and shown twice.
            ("2024-03-31 02:30:00", "2024-03-31 01:30:00"),
            ("2024-10-27 02:30:00", "2024-10-27 01:30:00"),
        ] {
            assert_eq!(to_utc(at(local), brussels), at(utc), "{local}");
        }
        assert_eq!(zone("Mars/Olympus"), None);
    }

    #[test]
    fn periods() {
        let moment = at("2024-02-29 12:34:56");
        for (name, start, end) in [
            ("hour", "2024-02-29 12:00:00", "2024-02-29 13:00:00"),
            ("day", "2024-02-29 00:00:00", "2024-03-01 00:00:00"),
            ("week", "2024-02-25 00:00:00", "2024-03-03 00:00:00"),
            ("month", "2024-02-01 00:00:00", "2024-03-01 00:00:00"),
            ("quarter", "2024-01-01 00:00:00", "2024-04-01 00:00:00"),
            ("year", "2024-01-01 00:00:00", "2025-01-01 00:00:00"),
        ] {
            let granularity = name.parse().unwrap();
            let first = truncate(moment, granularity, week_start("7"));
            assert_eq!((first, next(first, granularity)), (at(start), at(end)), "{name}");
        }
        assert_eq!(truncate(moment, Granularity::Week, week_start("1")), at("2024-02-26 00:00:00"));
        let unknown = "fortnight".parse::<Granularity>().unwrap_err().to_string();
        assert_eq!(unknown, "Granularity specification isn't correct: 'fortnight'");
    }

    #[test]
    fn labels() {
        for (start, granularity, language, expected) in [
            ("2023-12-31 23:00:00", Granularity::Hour, "en_US", "11:00 31 Dec"),
            ("2024-01-01 00:00:00", Granularity::Hour, "en_US", "12:00 01 Jan"),
            ("2024-02-29 12:00:00", Granularity::Hour, "en_US", "12:00 29 Feb"),
            ("2023-12-31 00:00:00", Granularity::Day, "en_US", "31 Dec 2023"),
            ("2023-12-31 00:00:00", Granularity::Day, "fr_FR", "31 déc. 2023"),
            ("2023-12-31 00:00:00", Granularity::Day, "de_DE", "31 Dez. 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "en_US", "December 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "fr_FR", "décembre 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "de_DE", "Dezember 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "ru_RU", "декабря 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "sr@latin", "decembar 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "xx_XX", "December 2023"),
            ("2023-12-01 00:00:00", Granularity::Month, "tl_PH", "Disyembre 2023"),
            ("2023-10-01 00:00:00", Granularity::Quarter, "en_US", "Q4 2023"),
            ("2023-10-01 00:00:00", Granularity::Quarter, "fr_FR", "T4 2023"),
            ("2023-10-01 00:00:00", Granularity::Quarter, "nl_BE", "K4 2023"),
            ("2023-01-01 00:00:00", Granularity::Year, "en_US", "2023"),
        ] {
            assert_eq!(label(at(start), granularity, language, Weeks::Calendar), expected);
        }
    }

    #[test]
    fn weeks() {
        for (first, language, formatted, calendar) in [
            ("2023-12-31", "en_US", "W53 2023", "W1 2024"),
            ("2024-02-25", "en_US", "W9 2024", "W9 2024"),
            ("2024-08-11", "en_US", "W33 2024", "W33 2024"),
            ("2022-12-25", "en_US", "W53 2022", "W53 2022"),
            ("2023-01-01", "en_US", "W1 2022", "W1 2023"),
            ("2020-12-27", "en_US", "W53 2020", "W1 2021"),
            ("2021-01-03", "en_US", "W2 2020", "W2 2021"),
            ("2022-12-26", "fr_FR", "W52 2022", "W52 2022"),
            ("2024-12-30", "fr_FR", "W1 2025", "W1 2025"),
            ("2020-12-28", "fr_FR", "W53 2020", "W53 2020"),
            ("2022-12-25", "pt_PT", "W52 2022", "W53 2022"),
        ] {
            let start = day(first).and_time(NaiveTime::MIN);
            assert_eq!(label(start, Granularity::Week, language, Weeks::Formatted), formatted, "{first} {language}");
            assert_eq!(label(start, Granularity::Week, language, Weeks::Calendar), calendar, "{first} {language}");
        }
    }

    #[test]
    fn numbers() {
        let moment = at("2023-12-31 23:30:15");
        for (name, number) in [
            ("year_number", 2023),
            ("quarter_number", 4),
            ("month_number", 12),
            ("iso_week_number", 52),
            ("day_of_year", 365),
            ("day_of_month", 31),
            ("day_of_week", 0),
            ("hour_number", 23),
            ("minute_number", 30),
            ("second_number", 15),
        ] {
            assert_eq!(name.parse::<NumberPart>().unwrap().of(moment), number, "{name}");
        }
    }

    #[test]
    fn sequences() {
        let times = SequenceTimes {
            effective: at("2024-05-06 15:07:08"),
            range: at("2023-01-01 00:00:00"),
            current: at("2025-12-31 00:00:00"),
        };
        let all = "%(year)s %(month)s %(day)s %(y)s %(doy)s %(woy)s %(weekday)s %(h24)s %(h12)s %(min)s %(sec)s";
        assert_eq!(interpolate(all, &times).unwrap(), "2024 05 06 24 127 19 1 15 03 07 08");
        let iso = "%(isoyear)s-%(isoy)s-%(isoweek)s %(range_isoyear)s %(current_isoweek)s 100%%";
        assert_eq!(interpolate(iso, &times).unwrap(), "2024-24-19 2022 01 100%");
        assert_eq!(interpolate("A/é", &times).unwrap(), "A/é");
        assert_eq!(interpolate("%(nope)s", &times), Err(Unfilled::UnknownKey("nope".to_owned())));
        for malformed in ["%", "%(year", "%(year)", "%(year)d", "%s"] {
            assert!(matches!(interpolate(malformed, &times), Err(Unfilled::Malformed(_))), "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*", number: i64) {
            for value in [json!(text), json!(number), json!([text]), json!({"a": number})] {
                let _ = (parse_date(&value), parse_datetime(&value));
                for reader in [Reader::Database, Reader::Server] {
                    let here = surroundings(reader, "Europe/Brussels");
                    let _ = (domain_date(&value, &here), domain_datetime(&value, &here));
                }
            }
            let (effective, range, current) = (NaiveDateTime::MAX, NaiveDateTime::MIN, at("2024-01-01 00:00:00"));
            let times = SequenceTimes { effective, range, current };
            let _ = interpolate(&text, &times);
        }

        #[test]
        fn no_expression_panics(
            text in "(today|now)?( ?[-+=](-?[0-9]{1,20}|monday|week_start)[dwmyHMSx€])*",
            date in "[0-9]{1,5}[-/.][0-9]{1,3}[-/.][0-9€]{1,3}[ T]?([0-9]{1,2}:?){0,4}[.,]?[0-9]{0,8}[Z+-]?",
        ) {
            for value in [json!(text), json!(date)] {
                let _ = (parse_date(&value), parse_datetime(&value));
                for reader in [Reader::Database, Reader::Server] {
                    let here = surroundings(reader, "America/New_York");
                    let _ = (domain_date(&value, &here), domain_datetime(&value, &here));
                }
            }
        }

        #[test]
        fn texts_are_read_back(seconds in -62_135_596_800_i64..253_402_300_800) {
            let moment = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            prop_assert_eq!(read_datetime(&datetime_text(moment)), Some(moment));
            prop_assert_eq!(parse_datetime(&json!(datetime_text(moment))).unwrap(), Some(moment));
            prop_assert_eq!(read_date(&date_text(moment.date())), Some(moment.date()));
            let brussels = zone("Europe/Brussels").unwrap();
            let there = to_local(moment, brussels);
            prop_assert!((to_utc(there, brussels) - moment).abs() <= TimeDelta::hours(1));
        }

        #[test]
        fn moments_are_in_their_periods(
            seconds in -62_135_596_800_i64..253_402_300_800,
            language in "[a-z]{0,3}(_[A-Z]{0,3})?(@latin)?",
        ) {
            let moment = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            for name in ["hour", "day", "week", "month", "quarter", "year"] {
                let granularity = name.parse().unwrap();
                let start = truncate(moment, granularity, Weekday::Sun);
                prop_assert!(start <= moment && moment < next(start, granularity));
                for weeks in [Weeks::Formatted, Weeks::Calendar] {
                    prop_assert!(!label(start, granularity, &language, weeks).is_empty());
                }
            }
        }
    }
}
