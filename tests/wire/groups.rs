//! Groups of records: `read_group` and `formatted_read_group`, the same on every store, and of the records that they say.

use serde_json::{Value, json};
use wiredoo::Series;

use crate::common::{Client, on_every_store, options, stores};

const MODEL: &str = "x_sale";

/// Makes records of all kinds of values, the same each time.
async fn sales(client: &mut Client<'_>) {
    let fields = json!([
        {"name": "x_day", "ttype": "date"},
        {"name": "x_at", "ttype": "datetime"},
        {"name": "x_num", "ttype": "integer"},
        {"name": "x_price", "ttype": "float"},
        {"name": "x_ok", "ttype": "boolean"},
        {"name": "x_state", "ttype": "selection", "selection_ids": options(&["new", "old"])},
        {"name": "x_partner_id", "ttype": "many2one", "relation": "res.partner"},
        {"name": "x_tag_ids", "ttype": "many2many", "relation": "res.partner.category"},
    ]);
    client.manual_model(MODEL, fields).await;
    let names = |what: &str| -> Value { (0..4).map(|n| json!({"name": format!("{what} {n}")})).collect() };
    let partners = client.kw("res.partner", "create", json!([names("Partner")]), json!({})).await;
    let tags = client.kw("res.partner.category", "create", json!([names("Tag")]), json!({})).await;
    let mut state = 12_345_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut records = Vec::new();
    for number in 0..80 {
        let day = format!("20{}-{:02}-{:02}", 23 + next(2), 1 + next(12), 1 + next(28));
        let mut record = json!({"x_name": format!("Name {}", number % 7), "x_day": day, "x_num": next(9), "x_ok": next(2) == 1,
            "x_at": format!("{day} {:02}:{:02}:{:02}", next(24), next(60), next(60)), "x_price": f64::from(u32::try_from(next(400)).unwrap()) / 4.0,
            "x_state": if next(2) == 1 { "new" } else { "old" }, "x_partner_id": partners[index(next(4))],
            "x_tag_ids": [[6, 0, [tags[index(next(4))], tags[index(next(4))]]]]});
        for field in ["x_day", "x_at", "x_num", "x_price", "x_state", "x_partner_id", "x_name"] {
            if next(8) == 0 {
                record[field] = json!(false);
            }
        }
        if next(5) == 0 {
            record["x_tag_ids"] = json!([]);
        }
        records.push(record);
    }
    client.kw(MODEL, "create", json!([records]), json!({})).await;
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn granularities(series: Series) -> Vec<&'static str> {
    let mut all = vec!["day", "week", "month", "quarter", "year"];
    if series >= Series::V18 {
        all.extend([
            "year_number",
            "quarter_number",
            "month_number",
            "iso_week_number",
            "day_of_year",
            "day_of_month",
            "day_of_week",
        ]);
    }
    all
}

/// A call that groups, and its context.
fn calls(series: Series) -> Vec<(Value, Value)> {
    let mut calls = Vec::new();
    for zone in ["UTC", "Europe/Brussels", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"] {
        for by in ["x_day", "x_at"] {
            for granularity in granularities(series) {
                calls.push((json!([format!("{by}:{granularity}")]), json!({"tz": zone})));
            }
        }
    }
    calls.push((json!(["x_at:hour"]), json!({"tz": "Asia/Kolkata"})));
    calls.push((json!(["x_at:hour"]), json!({})));
    for by in ["x_name", "x_ok", "x_state", "x_partner_id", "x_tag_ids", "x_num", "create_uid"] {
        calls.push((json!([by]), json!({})));
    }
    for by in [
        json!(["x_state", "x_ok"]),
        json!(["x_partner_id", "x_day:quarter"]),
        json!(["x_tag_ids", "x_state"]),
        json!([]),
    ] {
        calls.push((by, json!({})));
    }
    calls
}

const AGGREGATES: [&str; 9] = [
    "x_num:sum",
    "x_price:sum",
    "x_price:avg",
    "x_num:min",
    "x_price:max",
    "x_at:max",
    "x_day:min",
    "x_name:count_distinct",
    "x_partner_id:array_agg",
];
/// The same, of which several of one field need names of their own.
const NAMED_AGGREGATES: [&str; 9] = [
    "x_num:sum",
    "x_price:sum",
    "mean:avg(x_price)",
    "least:min(x_num)",
    "most:max(x_price)",
    "x_at:max",
    "first:min(x_day)",
    "names:count_distinct(x_name)",
    "partners:array_agg(x_partner_id)",
];

/// As many decimals as a sum of floats has on any database.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() * 1e6).round() / 1e6),
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), rounded(value))).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn every_store_groups_alike() {
    for series in [Series::V17, Series::V19] {
        let mut first: Vec<Value> = Vec::new();
        for store in stores() {
            let server = store.builder(series).start().await.unwrap();
            let mut client = Client::administrator(&server).await;
            sales(&mut client).await;
            let mut answers = Vec::new();
            for (by, context) in calls(series) {
                let domain = json!([["x_num", "!=", 3]]);
                let answer = if series == Series::V19 {
                    let kwargs = json!({"context": context});
                    client.kw(MODEL, "formatted_read_group", json!([domain, by, AGGREGATES]), kwargs).await
                } else {
                    let kwargs = json!({"lazy": false, "context": context});
                    client.kw(MODEL, "read_group", json!([domain, NAMED_AGGREGATES, by]), kwargs).await
                };
                answers.push(rounded(&answer));
            }
            if first.is_empty() {
                first = answers;
            } else {
                for ((answer, expected), call) in answers.iter().zip(&first).zip(calls(series)) {
                    assert_eq!(answer, expected, "{series} on {}: {call:?}", store.name);
                }
            }
            store.finish(server).await;
        }
    }
}

/// The domain of a group finds as many records as it has, of the same sum, and all groups together have all records.
#[tokio::test]
async fn groups_have_the_records_that_their_domains_find() {
    on_every_store(
        &[Series::V17, Series::V18, Series::V19],
        async |client: &mut Client<'_>, series: Series, context: &str| {
            sales(client).await;
            let domain = json!([["x_num", "<", 8]]);
            let total = client.search(MODEL, domain.clone()).await.len();
            for (by, of_call) in calls(series) {
                let newest = series == Series::V19;
                let groups = if newest {
                    let kwargs = json!({"context": of_call});
                    client
                        .kw(MODEL, "formatted_read_group", json!([domain, by, ["__count", "x_num:sum"]]), kwargs)
                        .await
                } else {
                    let kwargs = json!({"lazy": false, "context": of_call});
                    client.kw(MODEL, "read_group", json!([domain, ["x_num:sum"], by]), kwargs).await
                };
                let mut counted = 0;
                for group in groups.as_array().unwrap() {
                    let count = group["__count"].as_u64().unwrap();
                    counted += index(count);
                    let own = if newest {
                        let mut all = vec![domain[0].clone()];
                        all.extend(group["__extra_domain"].as_array().unwrap().iter().cloned());
                        Value::from(all)
                    } else {
                        group["__domain"].clone()
                    };
                    let rows =
                        client.kw(MODEL, "search_read", json!([own, ["x_num"]]), json!({"context": of_call})).await;
                    let rows = rows.as_array().unwrap();
                    assert_eq!(index(count), rows.len(), "{context}: {by} {of_call} {group}");
                    let sum: i64 = rows.iter().map(|row| row["x_num"].as_i64().unwrap()).sum();
                    let said = if newest { &group["x_num:sum"] } else { &group["x_num"] };
                    assert_eq!(said.as_i64().unwrap_or_default(), sum, "{context}: {by} {group}");
                }
                // A record with two tags is in two groups.
                if by.to_string().contains("x_tag_ids") {
                    assert!(counted > total, "{context}: {by}");
                } else {
                    assert_eq!(counted, total, "{context}: {by} {of_call}");
                }
            }
        },
    )
    .await;
}

#[tokio::test]
async fn groups_are_chosen_sorted_and_filled_up() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        client.manual_model(MODEL, json!([{"name": "x_day", "ttype": "date"}, {"name": "x_num", "ttype": "integer"}])).await;
        let records = json!([[{"x_name": "a", "x_num": 1, "x_day": "2023-12-31"}, {"x_name": "b", "x_num": 2, "x_day": "2024-01-01"},
            {"x_name": "b", "x_num": 4, "x_day": "2024-03-15"}, {"x_name": "c", "x_num": 8}]]);
        client.kw(MODEL, "create", records, json!({})).await;
        let labels = |groups: &Value, key: &str| -> Vec<String> {
            let label = |value: &Value| match value {
                Value::Array(pair) => pair[1].as_str().unwrap().to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            groups.as_array().unwrap().iter().map(|group| label(&group[key])).collect()
        };
        let counts = |groups: &Value, key: &str| -> Vec<u64> {
            groups.as_array().unwrap().iter().map(|group| group[key].as_u64().unwrap()).collect()
        };
        let fill = json!({"fill_temporal": true});
        let from = json!({"fill_temporal": {"fill_from": "2023-11-05", "fill_to": "2024-04-05", "min_groups": 4}});
        let filled = ["December 2023", "January 2024", "February 2024", "March 2024", "false"];
        let more = ["November 2023", "December 2023", "January 2024", "February 2024", "March 2024", "April 2024", "false"];
        if series == Series::V17 {
            let group = async |client: &mut Client<'_>, by: &str, kwargs: Value| {
                client.kw(MODEL, "read_group", json!([[], ["x_num:sum"], [by]]), kwargs).await
            };
            let groups = group(client, "x_name", json!({"orderby": "x_num desc", "limit": 2})).await;
            assert_eq!(labels(&groups, "x_name"), ["c", "b"], "{context}");
            let groups = group(client, "x_name", json!({"orderby": "x_name desc", "offset": 1})).await;
            assert_eq!(labels(&groups, "x_name"), ["b", "a"], "{context}");
            let groups = group(client, "x_day:month", json!({})).await;
            assert_eq!(labels(&groups, "x_day:month"), ["December 2023", "January 2024", "March 2024", "false"], "{context}");
            let groups = group(client, "x_day:month", json!({"context": fill})).await;
            assert_eq!(labels(&groups, "x_day:month"), filled, "{context}");
            assert_eq!(counts(&groups, "x_day_count"), [1, 1, 0, 1, 1], "{context}");
            let groups = group(client, "x_day:month", json!({"context": from})).await;
            assert_eq!(labels(&groups, "x_day:month"), more, "{context}");
            let lazy = client.kw(MODEL, "read_group", json!([[], [], ["x_name", "x_day:year"]]), json!({})).await;
            assert_eq!(lazy[1]["__context"], json!({"group_by": ["x_day:year"]}), "{context}");
            assert_eq!(counts(&lazy, "x_name_count"), [1, 2, 1], "{context}");
        } else {
            let group = async |client: &mut Client<'_>, by: &str, kwargs: Value| {
                client.kw(MODEL, "formatted_read_group", json!([[], [by], ["__count", "x_num:sum"]]), kwargs).await
            };
            let groups = group(client, "x_name", json!({"order": "x_num:sum desc", "limit": 2})).await;
            assert_eq!(labels(&groups, "x_name"), ["c", "b"], "{context}");
            let groups = group(client, "x_name", json!({"having": [["__count", ">", 1]]})).await;
            assert_eq!(labels(&groups, "x_name"), ["b"], "{context}");
            let groups = group(client, "x_name", json!({"having": ["|", ["x_num:sum", "in", [1]], ["x_num:sum", ">=", 8]]})).await;
            assert_eq!(labels(&groups, "x_name"), ["a", "c"], "{context}");
            let groups = group(client, "x_day:month", json!({"context": fill})).await;
            assert_eq!(labels(&groups, "x_day:month"), filled, "{context}");
            assert_eq!(counts(&groups, "__count"), [1, 1, 0, 1, 1], "{context}");
            let groups = group(client, "x_day:month", json!({"context": from})).await;
            assert_eq!(labels(&groups, "x_day:month"), more, "{context}");
            for having in [json!([["__count", "like", 1]]), json!([["nope", ">", 1]]), json!([5]), json!([["__count", ">"]])] {
                let args = json!([[], ["x_name"], ["__count"]]);
                let (name, message) = client.fault(MODEL, "formatted_read_group", args, json!({"having": having})).await;
                assert!(name == "ValueError" || name == "TypeError", "{context}: {having}: {name} {message}");
            }
        }
        let wrong = |by: &str, said: &str| (by.to_owned(), said.to_owned());
        for (by, said) in [
            wrong("nope", "Invalid field 'nope' on model 'x_sale'"),
            wrong("x_day:fortnight", "Granularity specification isn't correct: 'fortnight'"),
            wrong("x_num:month", "Granularity set on a no-datetime field or property: 'x_num:month'"),
        ] {
            let (method, args) = match series {
                Series::V19 => ("formatted_read_group", json!([[], [by], ["__count"]])),
                _ => ("read_group", json!([[], [], [by]])),
            };
            let fault = client.fault(MODEL, method, args, json!({})).await;
            assert_eq!(fault, ("ValueError".to_owned(), said), "{context}: {by}");
        }
        // As many groups as make a server run for a year are refused.
        let long = json!({"context": {"fill_temporal": {"fill_from": "0001-01-01", "fill_to": "9999-12-31"}}});
        let (method, args) = match series {
            Series::V19 => ("formatted_read_group", json!([[], ["x_day:day"], ["__count"]])),
            _ => ("read_group", json!([[], [], ["x_day:day"]])),
        };
        assert_eq!(client.fault(MODEL, method, args, long).await.0, "ValueError", "{context}");
    })
    .await;
}
