//! `res.currency` and `res.currency.rate`: currencies, and what they were worth when.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::res_lang::Notation;
use super::{Behaviour, Values};
use crate::error::{Error, Result};
use crate::orm::call::{Bound, singleton};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, search, temporal, write};
use crate::python;
use crate::series::Series;

const RATES: &str = "res.currency.rate";
/// How many digits the web client shows of amounts at most.
const DIGITS: u32 = 69;

/// The behaviour of `res.currency`.
#[derive(Debug)]
pub struct ResCurrency;

#[async_trait]
impl Behaviour for ResCurrency {
    fn names_searched(&self, _series: Series) -> &'static [&'static str] {
        &["name", "full_name"]
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        match field.name.as_str() {
            "rate" => Ok(Some(Market::of(env, ids).await?.map(ids, |_, rate| rate.into()))),
            "inverse_rate" => Ok(Some(Market::of(env, ids).await?.map(ids, |_, rate| (1.0 / rate).into()))),
            "rate_string" => rate_strings(env, model, ids).await.map(Some),
            "date" => latest_dates(env, ids).await.map(Some),
            "is_current_company_currency" => {
                let own = company_currency(env, env.company().await?).await?;
                Ok(Some(ids.iter().map(|id| (*id, (Some(*id) == own).into())).collect()))
            }
            _ => Ok(None),
        }
    }

    async fn prepare_create(&self, _env: &Env<'_>, _model: &Model, values: &mut Vec<Values>) -> Result<()> {
        values.iter_mut().try_for_each(store_decimal_places)
    }

    async fn prepare_write(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], values: &mut Values) -> Result<()> {
        store_decimal_places(values)
    }

    async fn written(&self, env: &Env<'_>, _model: &Model, ids: &[i32], values: &Values) -> Result<()> {
        if values.get("active").is_none_or(python::truth) {
            return Ok(());
        }
        let companies = env.model("res.company").await?;
        let using = Domain::leaf("currency_id", Operator::In, ids.to_vec());
        if search::count(&env.sudo(), &companies, &using, Some(1)).await? == 0 {
            return Ok(());
        }
        let message = "This currency is set on a company and therefore cannot be deactivated.";
        Err(Error::UserError(message.to_owned()))
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        let amount = |name: &str| python::float(call.get(name));
        Ok(Some(match call.method.name.as_str() {
            "round" => Value::from(Money::load(env, model, call).await?.round(amount("amount")?)),
            "is_zero" => Money::load(env, model, call).await?.is_zero(amount("amount")?).into(),
            "compare_amounts" => {
                Money::load(env, model, call).await?.compare(amount("amount1")?, amount("amount2")?).into()
            }
            "format" => {
                let notation = Notation::of_context(env).await?;
                Money::load(env, model, call).await?.format(amount("amount")?, &notation).into()
            }
            "get_all_currencies" => all(env, model).await?,
            _ => return Ok(None),
        }))
    }
}

/// The behaviour of `res.currency.rate`.
#[derive(Debug)]
pub struct ResCurrencyRate;

#[async_trait]
impl Behaviour for ResCurrencyRate {
    async fn default(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        Ok(match field.name.as_str() {
            "company_id" => Some(root_company(env).await?.into()),
            "name" => Some(temporal::date_text(today(env)).into()),
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
        let inverse = match field.name.as_str() {
            "company_rate" => false,
            "inverse_company_rate" => true,
            _ => return Ok(None),
        };
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, model, ["rate", "company_id"]).await?;
        let mut values = HashMap::new();
        for (id, record) in read::fetch(&sudo, model, ids, &fields).await? {
            let rate = record["rate"].as_f64().filter(|rate| *rate != 0.0).unwrap_or(1.0);
            let of_company = rate / company_rate(env, &record["company_id"]).await?;
            values.insert(id, if inverse { 1.0 / of_company } else { of_company }.into());
        }
        Ok(Some(values))
    }

    async fn inverse(&self, env: &Env<'_>, model: &Model, ids: &[i32], field: &Field, value: &Value) -> Result<bool> {
        let number = if python::truth(value) { python::float(value)? } else { 1.0 };
        let of_company = match field.name.as_str() {
            "company_rate" => number,
            "inverse_company_rate" => 1.0 / number,
            _ => return Ok(false),
        };
        let Some(company) = model.field("company_id") else { return Ok(false) };
        for id in ids {
            let company = read::values(&env.sudo(), model, &[*id], company).await?.pop().unwrap_or_default();
            let rate = of_company * company_rate(env, &company).await?;
            write::write(env, model, &[*id], Map::from_iter([("rate".to_owned(), rate.into())])).await?;
        }
        Ok(true)
    }
}

/// The date in the time zone of the context.
fn today(env: &Env<'_>) -> NaiveDate {
    let zone = env.context().get("tz").and_then(Value::as_str).and_then(temporal::zone);
    zone.map_or_else(|| env.now(), |zone| temporal::to_local(env.now(), zone)).date()
}

/// The company whose rates count: that of the context or in which the caller works, or the one that is above all of its
/// parents.
async fn root_company(env: &Env<'_>) -> Result<i32> {
    let named = env.context().get("company_id").map(read::ids_in).unwrap_or_default();
    let company = match named.first() {
        Some(company) => *company,
        None => env.company().await?,
    };
    let companies = env.model("res.company").await?;
    let Some(root) = companies.field("root_id") else { return Ok(company) };
    let root = read::values(&env.sudo(), &companies, &[company], root).await?;
    Ok(root.iter().flat_map(read::ids_in).next().unwrap_or(company))
}

async fn company_currency(env: &Env<'_>, company: i32) -> Result<Option<i32>> {
    let companies = env.model("res.company").await?;
    let Some(currency) = companies.field("currency_id") else { return Ok(None) };
    let currency = read::values(&env.sudo(), &companies, &[company], currency).await?;
    Ok(currency.iter().flat_map(read::ids_in).next())
}

/// The latest rate of the currency of a company (or of the caller's), by which its other rates are divided.
async fn company_rate(env: &Env<'_>, company: &Value) -> Result<f64> {
    let company = match read::ids_in(company).first() {
        Some(company) => *company,
        None => root_company(env).await?,
    };
    let Some(currency) = company_currency(env, company).await? else { return Ok(1.0) };
    let rates = rates(env, &[currency], Some(company)).await?;
    let latest = rates.iter().max_by_key(|rate| rate.date);
    Ok(latest.map(|rate| rate.value).filter(|rate| *rate != 0.0).unwrap_or(1.0))
}

/// What a currency is worth from a day on.
#[derive(Clone, Copy, Debug)]
struct Rate {
    currency: i32,
    date: NaiveDate,
    value: f64,
    /// Whether it is a company's own, and not all companies'.
    own: bool,
}

/// The rates of currencies: those that a company has and those for all; of all companies where none is named.
async fn rates(env: &Env<'_>, currencies: &[i32], company: Option<i32>) -> Result<Vec<Rate>> {
    let sudo = env.sudo();
    let model = env.model(RATES).await?;
    let mut conditions = vec![Domain::leaf("currency_id", Operator::In, currencies.to_vec())];
    if let Some(company) = company {
        conditions.push(Domain::leaf("company_id", Operator::In, json!([company, false])));
    }
    let ids = search::ids(&sudo, &model, &Domain::and(conditions)).await?;
    let fields = read::named_fields(&sudo, &model, ["currency_id", "company_id", "name", "rate"]).await?;
    let records = read::fetch(&sudo, &model, &ids, &fields).await?;
    let rate = |record: &Map<String, Value>| {
        Some(Rate {
            currency: read::ids_in(&record["currency_id"]).first().copied()?,
            date: record["name"].as_str().and_then(temporal::read_date)?,
            value: record["rate"].as_f64()?,
            own: python::truth(&record["company_id"]),
        })
    };
    Ok(records.values().filter_map(rate).collect())
}

/// The rate of a currency on a day: the last one before, a company's own first.
fn rate_on(rates: &[Rate], currency: i32, day: NaiveDate, falls_back: bool) -> f64 {
    let of_currency = || rates.iter().filter(|rate| rate.currency == currency);
    let before = of_currency().filter(|rate| rate.date <= day).max_by_key(|rate| (rate.own, rate.date));
    let first = of_currency().filter(|_| falls_back).min_by_key(|rate| (!rate.own, rate.date));
    before.or(first).map(|rate| rate.value).filter(|rate| *rate != 0.0).unwrap_or(1.0)
}

/// What currencies are worth on the day of the context, in the currency that the context or the company has.
struct Market {
    rates: Vec<Rate>,
    day: NaiveDate,
    falls_back: bool,
    /// The currency in which the others are told.
    unit: Option<i32>,
    company_currency: Option<i32>,
}

impl Market {
    async fn of(env: &Env<'_>, ids: &[i32]) -> Result<Self> {
        let company = root_company(env).await?;
        let company_currency = company_currency(env, company).await?;
        let named = env.context().get("to_currency").map(read::ids_in).unwrap_or_default();
        let unit = named.first().copied().or(company_currency);
        let day = env.context().get("date").filter(|day| python::truth(day));
        let day = day.map(temporal::parse_date).transpose()?.flatten().unwrap_or_else(|| today(env));
        let mut wanted: BTreeSet<i32> = ids.iter().copied().collect();
        wanted.extend(unit);
        let rates = rates(env, &wanted.into_iter().collect::<Vec<_>>(), Some(company)).await?;
        Ok(Self { rates, day, falls_back: env.series().falls_back_to_first_rate(), unit, company_currency })
    }

    fn rate(&self, currency: i32) -> f64 {
        let on_day = |currency| rate_on(&self.rates, currency, self.day, self.falls_back);
        on_day(currency) / self.unit.map_or(1.0, on_day)
    }

    fn map(&self, ids: &[i32], value: impl Fn(i32, f64) -> Value) -> HashMap<i32, Value> {
        ids.iter().map(|id| (*id, value(*id, self.rate(*id)))).collect()
    }
}

/// `1 EUR = 1.100000 USD`; nothing for the company's own currency.
async fn rate_strings(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<HashMap<i32, Value>> {
    let market = Market::of(env, ids).await?;
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["name"]).await?;
    let wanted: Vec<i32> = ids.iter().copied().chain(market.unit).collect();
    let names = read::fetch(&sudo, model, &wanted, &fields).await?;
    let name = |id: i32| names.get(&id).and_then(|record| record["name"].as_str()).unwrap_or_default();
    let unit = market.unit.map(name).unwrap_or_default();
    Ok(market.map(ids, |id, rate| {
        if Some(id) == market.company_currency {
            "".into()
        } else {
            format!("1 {unit} = {rate:.6} {}", name(id)).into()
        }
    }))
}

/// The dates of the latest rates.
async fn latest_dates(env: &Env<'_>, ids: &[i32]) -> Result<HashMap<i32, Value>> {
    let mut latest: HashMap<i32, NaiveDate> = HashMap::new();
    for rate in rates(env, ids, None).await? {
        let known = latest.entry(rate.currency).or_insert(rate.date);
        *known = rate.date.max(*known);
    }
    Ok(latest.into_iter().map(|(id, date)| (id, temporal::date_text(date).into())).collect())
}

/// `get_all_currencies`: how amounts in each active currency are shown.
async fn all(env: &Env<'_>, model: &Model) -> Result<Value> {
    let sudo = env.sudo();
    let ids = search::ids(&sudo, model, &Domain::leaf("active", Operator::Eq, true)).await?;
    let fields = read::named_fields(&sudo, model, ["name", "symbol", "position", "decimal_places"]).await?;
    let shown = |(id, record): (i32, Map<String, Value>)| {
        let currency = json!({
            "name": record["name"],
            "symbol": record["symbol"],
            "position": record["position"],
            "digits": [DIGITS, record["decimal_places"]],
        });
        (id.to_string(), currency)
    };
    let records = read::fetch(&sudo, model, &ids, &fields).await?;
    Ok(Value::Object(records.into_iter().map(shown).collect()))
}

fn store_decimal_places(values: &mut Values) -> Result<()> {
    if let Some(rounding) = values.get("rounding") {
        let rounding = if python::truth(rounding) { python::float(rounding)? } else { 0.0 };
        values.insert("decimal_places".to_owned(), decimal_places(rounding).into());
    }
    Ok(())
}

/// How many decimals amounts have that are multiples of `rounding`.
fn decimal_places(rounding: f64) -> u32 {
    let (mut places, mut unit) = (0, 1.0);
    // As the column has them: six.
    while rounding > 0.0 && rounding < unit - f64::EPSILON && places < 6 {
        places += 1;
        unit /= 10.0;
    }
    places
}

/// A currency as its amounts need it.
#[derive(Clone, Debug)]
struct Money {
    rounding: f64,
    symbol: String,
    before: bool,
}

impl Money {
    async fn load(env: &Env<'_>, model: &Model, call: &Bound) -> Result<Self> {
        let id = singleton(model, &call.ids)?;
        let fields = read::named_fields(env, model, ["rounding", "symbol", "position"]).await?;
        let records = read::fetch(env, model, &[id], &fields).await?;
        let missing = || crate::orm::access::missing_error(env, model, &[id]);
        let record = records.get(&id).ok_or_else(missing)?;
        Ok(Self {
            rounding: record["rounding"].as_f64().unwrap_or_default(),
            symbol: record["symbol"].as_str().unwrap_or_default().to_owned(),
            before: record["position"] == "before",
        })
    }

    /// The nearest multiple of the rounding, away from zero where two are as near.
    fn round(&self, amount: f64) -> f64 {
        if self.rounding == 0.0 || amount == 0.0 {
            return 0.0;
        }
        // How often it is in 1 is mostly a whole number, and has then no error of its own.
        let inverse = 1.0 / self.rounding;
        let inverse = if (inverse - inverse.round()).abs() < 1e-6 { inverse.round() } else { inverse };
        let small = self.rounding < 1.0;
        let scaled = if small { amount * inverse } else { amount / self.rounding };
        let rounded = (scaled.abs() * (1.0 + f64::EPSILON) + 0.5).floor().copysign(scaled);
        let rounded = if small { rounded / inverse } else { rounded * self.rounding };
        if rounded.is_finite() { rounded } else { amount }
    }

    fn is_zero(&self, amount: f64) -> bool {
        amount == 0.0 || self.round(amount).abs() < self.rounding
    }

    fn compare(&self, one: f64, other: f64) -> i32 {
        let (one, other) = (self.round(one), self.round(other));
        if self.is_zero(one - other) {
            return 0;
        }
        if one < other { -1 } else { 1 }
    }

    /// The amount with the symbol, held together by spaces that do not break.
    fn format(&self, amount: f64, notation: &Notation) -> String {
        let places = usize::try_from(decimal_places(self.rounding)).unwrap_or_default();
        // No amount is shown as negative that is shown as zero.
        let rounded = self.round(amount) + 0.0;
        let number = notation.write(&format!("{rounded:.places$}"), true);
        let number = number.replace(' ', "\u{a0}").replace('-', "-\u{feff}");
        let symbol = &self.symbol;
        if self.before { format!("{symbol}\u{a0}{number}") } else { format!("{number}\u{a0}{symbol}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(rounding: f64) -> Money {
        Money { rounding, symbol: "€".to_owned(), before: false }
    }

    #[test]
    fn amounts_are_rounded_half_away_from_zero() {
        for (amount, rounding, rounded) in [
            (2.675, 0.01, 2.68),
            (-2.675, 0.01, -2.68),
            (1.15, 0.01, 1.15),
            (7.0, 5.0, 5.0),
            (7.5, 5.0, 10.0),
            (0.0, 0.01, 0.0),
        ] {
            assert_eq!(money(rounding).round(amount).to_string(), f64::to_string(&rounded), "{amount}");
        }
        assert_eq!(money(0.05).round(1.23).to_string(), "1.25");
    }

    #[test]
    fn amounts_are_compared_as_they_are_rounded() {
        let euro = money(0.01);
        assert!(euro.is_zero(0.004));
        assert!(!euro.is_zero(0.006));
        assert_eq!(euro.compare(1.001, 1.002), 0);
        assert_eq!(euro.compare(1.0, 1.01), -1);
        assert_eq!(euro.compare(1.02, 1.01), 1);
    }

    #[test]
    fn places_follow_from_the_rounding() {
        for (rounding, places) in
            [(0.01, 2), (1.0, 0), (0.05, 2), (0.001, 3), (0.000_001, 6), (5.0, 0), (0.0, 0), (0.1, 1)]
        {
            assert_eq!(decimal_places(rounding), places, "{rounding}");
        }
    }

    #[test]
    fn the_last_rate_counts() {
        let day = |text: &str| temporal::read_date(text).unwrap();
        let rate = |date: &str, value: f64, own: bool| Rate { currency: 1, date: day(date), value, own };
        let rates = [rate("2024-01-01", 2.0, true), rate("2024-02-01", 3.0, true), rate("2024-01-15", 4.0, false)];
        let on = |date: &str, falls_back: bool| rate_on(&rates, 1, day(date), falls_back).to_string();
        assert_eq!(on("2024-01-20", true), "2");
        assert_eq!(on("2024-02-01", true), "3");
        assert_eq!(on("2023-01-01", true), "2");
        assert_eq!(on("2023-01-01", false), "1");
        assert_eq!(rate_on(&rates, 9, day("2024-01-01"), true).to_string(), "1");
    }
}
