//! `ir.sequence`: numbers that are given out one after the other, between a prefix and a suffix.
//!
//! Both implementations count in the row of the sequence: an update locks it until the transaction ends, so no number
//! is given out twice, and none is lost when a transaction fails.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query as Sql};
use serde_json::{Map, Value, json};

use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::call::{Bound, singleton};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::search::{self, Page};
use crate::orm::temporal::{self, SequenceTimes, Unfilled};
use crate::orm::{read, write};
use crate::python;

/// The context's date for which a number is, in prefix and suffix.
const EFFECTIVE: &str = "ir_sequence_date";
/// The context's first day of the range in which a number is.
const RANGE: &str = "ir_sequence_date_range";
/// The column that has the number that is given out next.
const NEXT: &str = "number_next";
const RANGES: &str = "ir.sequence.date_range";

/// The behaviour of `ir.sequence`.
#[derive(Debug)]
pub struct IrSequence;

#[async_trait]
impl Behaviour for IrSequence {
    async fn default(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        Ok(match field.name.as_str() {
            "company_id" => Some(env.company().await?.into()),
            "padding" => Some(0.into()),
            _ => None,
        })
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        next_numbers(env, model, field, ids).await
    }

    async fn inverse(&self, env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
        set_next_number(env, model, ids, field, value).await
    }

    async fn prepare_create(&self, _env: &Env<'_>, _model: &Model, values: &mut Vec<Values>) -> Result<()> {
        values.iter().try_for_each(check_step)
    }

    async fn prepare_write(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], values: &mut Values) -> Result<()> {
        check_step(values)
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "next_by_code" => next_by_code(env, model, call.get("sequence_code"), call.get("sequence_date")).await?,
            "next_by_id" => {
                let id = singleton(model, &call.ids)?;
                next_by_id(env, model, id, call.get("sequence_date")).await?
            }
            "get" => next_by_code(env, model, call.get("code"), &Value::Null).await?,
            "get_id" => {
                let wanted = call.get("sequence_code_or_id");
                if call.get("code_or_id") == "id" {
                    let id = singleton(model, &crate::orm::call::parse_ids(wanted)?)?;
                    next_by_id(env, model, id, &Value::Null).await?
                } else {
                    next_by_code(env, model, wanted, &Value::Null).await?
                }
            }
            "get_next_char" => {
                let sequence = load(env, model, singleton(model, &call.ids)?).await?;
                number_text(env, &sequence, python::int(call.get("number_next"))?)?.into()
            }
            _ => return Ok(None),
        }))
    }
}

/// The behaviour of `ir.sequence.date_range`: a time in which a sequence counts for itself.
#[derive(Debug)]
pub struct IrSequenceDateRange;

#[async_trait]
impl Behaviour for IrSequenceDateRange {
    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        next_numbers(env, model, field, ids).await
    }

    async fn inverse(&self, env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
        set_next_number(env, model, ids, field, value).await
    }
}

/// `number_next_actual`, which is the number that the row has.
async fn next_numbers(env: &Env<'_>, model: &Model, field: &Field, ids: &[i32]) -> Result<Option<HashMap<i32, Value>>> {
    if field.name != "number_next_actual" {
        return Ok(None);
    }
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, [NEXT]).await?;
    let records = read::fetch(&sudo, model, ids, &fields).await?;
    Ok(Some(records.into_iter().map(|(id, record)| (id, record[NEXT].clone())).collect()))
}

async fn set_next_number(env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
    if field.name != "number_next_actual" {
        return Ok(false);
    }
    let number = if python::truth(value) { value.clone() } else { 1.into() };
    write::write(env, model, ids, Map::from_iter([(NEXT.to_owned(), number)])).await?;
    Ok(true)
}

/// A sequence that does not get on is refused.
fn check_step(values: &Values) -> Result<()> {
    match values.get("number_increment") {
        Some(step) if !python::truth(step) => Err(Error::UserError("Step must not be zero.".to_owned())),
        _ => Ok(()),
    }
}

/// The next number of the sequence with that code, of the caller's company if there is one; false where there is none.
async fn next_by_code(env: &Env<'_>, model: &Model, code: &Value, date: &Value) -> Result<Value> {
    access::check_model(env, model, Operation::Read).await?;
    let page = Page { limit: Some(1), order: Some("id".to_owned()), ..Page::default() };
    for company in [Value::from(env.company().await?), Value::Bool(false)] {
        let domain = Domain::and(vec![
            Domain::leaf("code", Operator::Eq, code.clone()),
            Domain::leaf("company_id", Operator::Eq, company),
        ]);
        if let Some(id) = search::search(env, model, &domain, &page).await?.first() {
            return next(env, model, *id, date).await;
        }
    }
    Ok(Value::Bool(false))
}

async fn next_by_id(env: &Env<'_>, model: &Model, id: i32, date: &Value) -> Result<Value> {
    access::check_model(env, model, Operation::Read).await?;
    next(env, model, id, date).await
}

/// The values of a sequence that make a number's text.
async fn load(env: &Env<'_>, model: &Model, id: i32) -> Result<Values> {
    let names = ["name", "prefix", "suffix", "padding", "number_increment", "use_date_range"];
    let fields = read::named_fields(env, model, names).await?;
    let mut records = read::fetch(env, model, &[id], &fields).await?;
    records.shift_remove(&id).ok_or_else(|| access::missing_error(env, model, &[id]))
}

/// Gives out the next number of a sequence, or of its range in which the date is.
async fn next(env: &Env<'_>, model: &Model, id: i32, date: &Value) -> Result<Value> {
    let sequence = load(env, model, id).await?;
    let step = sequence["number_increment"].as_i64().unwrap_or(1);
    if !python::truth(&sequence["use_date_range"]) {
        let number = take(env, model, id, step).await?;
        return Ok(number_text(env, &sequence, number)?.into());
    }
    let given = [Some(date), env.context().get(EFFECTIVE)].into_iter().flatten().find(|date| python::truth(date));
    let date = given.map(temporal::parse_date).transpose()?.flatten().unwrap_or_else(|| env.now().date());
    let ranges = env.model(RANGES).await?;
    let (range, first) = match range_of(env, &ranges, id, date).await? {
        Some(range) => range,
        None => make_range(env, &ranges, id, date).await?,
    };
    let number = take(env, &ranges, range, step).await?;
    let of_range = env.with(RANGE, temporal::date_text(first));
    Ok(number_text(&of_range, &sequence, number)?.into())
}

/// Takes the next number from a row, with one statement, so that nobody else gets it.
async fn take(env: &Env<'_>, model: &Model, id: i32, step: i64) -> Result<i64> {
    env.note_write(&model.name).await?;
    let update = Sql::update()
        .table(Alias::new(&model.table))
        .value(Alias::new(NEXT), Expr::col(Alias::new(NEXT)).add(step))
        .and_where(Expr::col(Alias::new("id")).eq(id))
        .returning_col(Alias::new(NEXT))
        .take();
    let row = env.row(&update).await?.ok_or_else(|| access::missing_error(env, model, &[id]))?;
    let following: i32 = row.get(0)?;
    Ok(i64::from(following) - step)
}

/// The first or last day of the range that is found first in an order, with its id.
async fn find_range(
    env: &Env<'_>,
    ranges: &Model,
    conditions: Vec<Domain>,
    order: &str,
    day: &str,
) -> Result<Option<(i32, NaiveDate)>> {
    let sudo = env.sudo();
    let page = Page { limit: Some(1), order: Some(order.to_owned()), ..Page::default() };
    let found = search::search(&sudo, ranges, &Domain::and(conditions), &page).await?;
    let Some(id) = found.first().copied() else { return Ok(None) };
    let fields = read::named_fields(&sudo, ranges, [day]).await?;
    let records = read::fetch(&sudo, ranges, &[id], &fields).await?;
    let day = records.get(&id).and_then(|record| record[day].as_str()).and_then(temporal::read_date);
    Ok(day.map(|day| (id, day)))
}

/// The range of a sequence in which a date is, with its first day.
async fn range_of(env: &Env<'_>, ranges: &Model, sequence: i32, date: NaiveDate) -> Result<Option<(i32, NaiveDate)>> {
    let conditions = vec![
        Domain::leaf("sequence_id", Operator::Eq, sequence),
        Domain::leaf("date_from", Operator::Le, temporal::date_text(date)),
        Domain::leaf("date_to", Operator::Ge, temporal::date_text(date)),
    ];
    find_range(env, ranges, conditions, "id", "date_from").await
}

/// Makes the range for the year of a date, as far as other ranges leave it free.
async fn make_range(env: &Env<'_>, ranges: &Model, sequence: i32, date: NaiveDate) -> Result<(i32, NaiveDate)> {
    let mut first = NaiveDate::from_ymd_opt(date.year(), 1, 1).unwrap_or(date);
    let mut last = NaiveDate::from_ymd_opt(date.year(), 12, 31).unwrap_or(date);
    let within = |day: &str, from: NaiveDate, to: NaiveDate| {
        vec![
            Domain::leaf("sequence_id", Operator::Eq, sequence),
            Domain::leaf(day, Operator::Ge, temporal::date_text(from)),
            Domain::leaf(day, Operator::Le, temporal::date_text(to)),
        ]
    };
    let later = within("date_from", date, last);
    if let Some((_, day)) = find_range(env, ranges, later, "date_from desc", "date_from").await? {
        last = day.checked_sub_days(Days::new(1)).unwrap_or(day);
    }
    let earlier = within("date_to", first, date);
    if let Some((_, day)) = find_range(env, ranges, earlier, "date_to desc", "date_to").await? {
        first = day.checked_add_days(Days::new(1)).unwrap_or(day);
    }
    let values = json!({
        "date_from": temporal::date_text(first),
        "date_to": temporal::date_text(last),
        "sequence_id": sequence,
    });
    let Value::Object(values) = values else { return Err(access::missing_error(env, ranges, &[])) };
    let made = write::create(&env.sudo().without_defaults(), ranges, vec![values]).await?;
    Ok((made.first().copied().unwrap_or_default(), first))
}

/// A number between prefix and suffix.
fn number_text(env: &Env<'_>, sequence: &Values, number: i64) -> Result<String> {
    let times = times(env)?;
    let text = |name: &str| sequence[name].as_str().unwrap_or_default();
    let fill = |template: &str| {
        temporal::interpolate(template, &times).map_err(|unfilled| match unfilled {
            Unfilled::UnknownKey(key) => env.series().unknown_sequence_key(&key, text("name")),
            Unfilled::Malformed(_) => Error::UserError(env.series().invalid_sequence(text("name"))),
        })
    };
    let (prefix, suffix) = (fill(text("prefix"))?, fill(text("suffix"))?);
    let padding = sequence["padding"].as_u64().and_then(|padding| usize::try_from(padding).ok()).unwrap_or_default();
    Ok(format!("{prefix}{}{suffix}", padded(number, padding)))
}

/// More zeros than that nobody wants.
const WIDEST: usize = 1000;

fn padded(number: i64, width: usize) -> String {
    format!("{number:0width$}", width = width.min(WIDEST))
}

/// What prefix and suffix tell of: local times, those that the context names or else now.
fn times(env: &Env<'_>) -> Result<SequenceTimes> {
    let zone = env.context().get("tz").and_then(Value::as_str).and_then(temporal::zone);
    let current = zone.map_or_else(|| env.now(), |zone| temporal::to_local(env.now(), zone));
    let named = |key: &str| -> Result<NaiveDateTime> {
        let given = env.context().get(key).filter(|date| python::truth(date));
        Ok(given.map(temporal::parse_datetime).transpose()?.flatten().unwrap_or(current))
    };
    Ok(SequenceTimes { effective: named(EFFECTIVE)?, range: named(RANGE)?, current })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_as_python_does() {
        for (number, width, text) in [(7, 3, "007"), (1234, 3, "1234"), (-1, 4, "-001"), (5, 0, "5")] {
            assert_eq!(padded(number, width), text);
        }
    }

    #[test]
    fn a_sequence_must_get_on() {
        let values = |step: i64| Map::from_iter([("number_increment".to_owned(), step.into())]);
        assert!(check_step(&values(2)).is_ok());
        assert!(check_step(&Map::new()).is_ok());
        assert_eq!(check_step(&values(0)).unwrap_err().to_string(), "Step must not be zero.");
    }
}
