//! Dates in groups, in SQL: the clock of the user's time zone, and the periods that moments are in.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, Func, Query as Sql};
use serde_json::Value;

use crate::error::Result;
use crate::orm::env::Env;
use crate::orm::field::{Field, Kind};
use crate::orm::query::column;
use crate::orm::temporal::{self, Granularity};

/// The years of which SQLite is told when the clocks of a zone change.
const YEARS: (i32, i32) = (1970, 2050);

/// Since when the clocks of a zone are how many seconds ahead of UTC.
type Offsets = Arc<[(NaiveDateTime, i64)]>;

/// The time zone of the context; nothing for UTC.
pub fn zone(env: &Env<'_>) -> Option<Tz> {
    let named = env.context().get("tz").and_then(Value::as_str).and_then(temporal::zone);
    named.filter(|zone| *zone != Tz::UTC)
}

/// What the clocks in the time zone of the context show at the moments of a datetime field, and the dates of a date
/// field as they are.
///
/// # Errors
/// A failure of the database, should the offsets of zones ever come from there.
pub async fn local_time(env: &Env<'_>, field: &Field, expr: Expr) -> Result<Expr> {
    Ok(match zone(env).filter(|_| field.kind == Kind::Datetime) {
        None => expr,
        Some(zone) => in_zone(&expr, zone, env.is_sqlite()),
    })
}

fn function<const N: usize>(name: &'static str, arguments: [Expr; N]) -> Expr {
    Func::cust(Alias::new(name)).args(arguments).into()
}

fn in_zone(moment: &Expr, zone: Tz, sqlite: bool) -> Expr {
    if !sqlite {
        let in_utc = function("timezone", [Expr::val("UTC"), moment.clone()]);
        return function("timezone", [Expr::val(zone.name()), in_utc]);
    }
    let offsets = offsets(zone);
    function("datetime", [moment.clone(), modifier(moment, &offsets)])
}

/// How far a zone's clocks are ahead, by halving the times at which they change: SQLite knows no time zones.
fn modifier(moment: &Expr, offsets: &[(NaiveDateTime, i64)]) -> Expr {
    match offsets {
        [] => Expr::val("+0 seconds"),
        [(_, ahead)] => Expr::val(format!("{ahead:+} seconds")),
        _ => {
            let (before, after) = offsets.split_at(offsets.len() / 2);
            CaseStatement::new()
                .case(moment.clone().lt(after[0].0), modifier(moment, before))
                .finally(modifier(moment, after))
                .into()
        }
    }
}

/// The changes of a zone's clocks, which are looked for once.
fn offsets(zone: Tz) -> Offsets {
    static KNOWN: LazyLock<Mutex<HashMap<Tz, Offsets>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(zone).or_insert_with(|| changes(zone).into()))
}

fn changes(zone: Tz) -> Vec<(NaiveDateTime, i64)> {
    let ahead = |at: NaiveDateTime| (temporal::to_local(at, zone) - at).num_seconds();
    let first_of = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
    let (mut at, end) = (first_of(YEARS.0), first_of(YEARS.1));
    let mut offsets = vec![(at, ahead(at))];
    while at < end {
        // No zone changes its clocks twice a day.
        let next = at + TimeDelta::days(1);
        if ahead(next) != ahead(at) {
            let (mut low, mut high) = (at, next);
            while high - low > TimeDelta::seconds(1) {
                let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
                if ahead(middle) == ahead(at) { low = middle } else { high = middle }
            }
            offsets.push((high, ahead(high)));
        }
        at = next;
    }
    offsets
}

/// When the period begins that a local time is in: as a timestamp on PostgreSQL, as a text on SQLite.
pub fn truncated(local: Expr, granularity: Granularity, first: Weekday, sqlite: bool) -> Expr {
    if sqlite { truncated_text(local, granularity, first) } else { truncated_timestamp(local, granularity, first) }
}

fn truncated_timestamp(local: Expr, granularity: Granularity, first: Weekday) -> Expr {
    let unit = match granularity {
        Granularity::Hour => "hour",
        Granularity::Day => "day",
        Granularity::Week => "week",
        Granularity::Month => "month",
        Granularity::Quarter => "quarter",
        Granularity::Year => "year",
    };
    // A date would become a time in the zone of the connection.
    let local = local.cast_as(Alias::new("timestamp"));
    let truncate = |at: Expr| function("date_trunc", [Expr::val(unit), at]);
    let days = i32::try_from(first.num_days_from_monday()).unwrap_or_default();
    if granularity != Granularity::Week || days == 0 {
        return truncate(local);
    }
    // PostgreSQL's weeks begin on Monday.
    let shift = function("make_interval", [0, 0, 0, days].map(Expr::val));
    truncate(local.sub(shift.clone())).add(shift)
}

fn truncated_text(local: Expr, granularity: Granularity, first: Weekday) -> Expr {
    let date = |modifiers: &[&str]| -> Expr {
        let modifiers = modifiers.iter().map(|modifier| Expr::val(*modifier));
        Func::cust(Alias::new("date")).args(std::iter::once(local.clone()).chain(modifiers)).into()
    };
    match granularity {
        Granularity::Hour => function("strftime", [Expr::val("%Y-%m-%d %H:00:00"), local]),
        Granularity::Day => date(&[]),
        Granularity::Week => {
            let weekday = match first {
                Weekday::Sun => "weekday 0",
                Weekday::Mon => "weekday 1",
                Weekday::Tue => "weekday 2",
                Weekday::Wed => "weekday 3",
                Weekday::Thu => "weekday 4",
                Weekday::Fri => "weekday 5",
                Weekday::Sat => "weekday 6",
            };
            date(&["-6 days", weekday])
        }
        Granularity::Month => date(&["start of month"]),
        Granularity::Quarter => {
            let month = function("strftime", [Expr::val("%m"), local.clone()]).cast_as(Alias::new("integer"));
            let back = function("printf", [Expr::val("-%d months"), month.sub(1).modulo(3)]);
            function("date", [local, Expr::val("start of month"), back])
        }
        Granularity::Year => date(&["start of year"]),
    }
}

/// Reads what [`truncated`] came to, as the database wrote it as JSON.
pub fn read_start(value: &Value) -> Option<NaiveDateTime> {
    let text = value.as_str()?.replace('T', " ");
    temporal::read_datetime(&text).or_else(|| temporal::read_date(&text).map(|day| day.and_time(NaiveTime::MIN)))
}

/// The first day of the week in a language.
///
/// # Errors
/// A failure of the database.
pub async fn week_start(env: &Env<'_>, lang: &str) -> Result<Weekday> {
    let load = || async {
        let table = "res_lang";
        let select = Sql::select().from(Alias::new(table)).and_where(column(table, "code").eq(lang)).take();
        let rows = env.json_rows(select, vec![column(table, "week_start")]).await?;
        Ok(rows.first().and_then(|row| row.first()?.as_str().map(str::to_owned)).unwrap_or_default())
    };
    // Forgotten whenever languages are.
    let number = env.remembered("langs", &format!("week_start {lang}"), load).await?;
    Ok(temporal::week_start(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_change_twice_a_year() {
        let brussels = temporal::zone("Europe/Brussels").unwrap();
        let offsets = offsets(brussels);
        let found = |text: &str| offsets.iter().find(|(at, _)| *at == temporal::read_datetime(text).unwrap());
        assert_eq!(found("2024-03-31 01:00:00").map(|(_, ahead)| *ahead), Some(7_200));
        assert_eq!(found("2024-10-27 01:00:00").map(|(_, ahead)| *ahead), Some(3_600));
        assert_eq!(offsets.iter().filter(|(at, _)| at.to_string().starts_with("2024")).count(), 2);
        assert!(offsets.is_sorted());
    }

    #[test]
    fn starts_are_read_from_both_databases() {
        for text in ["2024-02-01", "2024-02-01T00:00:00", "2024-02-01 00:00:00"] {
            assert_eq!(read_start(&text.into()), temporal::read_datetime("2024-02-01 00:00:00"));
        }
        assert_eq!(read_start(&Value::Null), None);
    }
}
