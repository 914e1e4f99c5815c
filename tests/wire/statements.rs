//! How many statements the methods of models send: as many for fifty records as for one.
//!
//! The numbers are those of the transaction of the call. A call after a change that may concern the caller reads anew what is
//! remembered of them; the second one does not.

use std::sync::Arc;

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::{Value, json};
use wiredoo::database::Database;
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, odoo, stores};

/// Calls methods and counts.
struct Counter<'a> {
    client: Client<'a>,
    database: Arc<Database>,
    wrong: Vec<String>,
}

impl<'a> Counter<'a> {
    async fn new(server: &'a Wiredoo) -> Self {
        let database = server.app().databases.open(server.db()).await.unwrap();
        Self { client: Client::administrator(server).await, database, wrong: Vec::new() }
    }

    /// Notes a call that takes another number of statements than it did.
    fn compare(&mut self, call: &str, sent: u64, expected: u64) {
        if sent != expected {
            self.wrong.push(format!("{call}: {sent}, not {expected}"));
        }
    }

    fn assert(&self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }

    /// The statements of a call, and what it answers.
    async fn count(&mut self, model: &str, method: &str, args: Value, kwargs: Value) -> (u64, Value) {
        let before = self.database.statements();
        let answer = self.client.kw(model, method, args, kwargs).await;
        (self.database.statements() - before, answer)
    }

    /// The statements of a call that reads: right after a change, and again.
    async fn reading(&mut self, model: &str, method: &str, args: Value, kwargs: Value) -> (u64, u64) {
        self.client.create("ir.config_parameter", json!({"key": common::unique("k"), "value": "v"})).await;
        let first = self.count(model, method, args.clone(), kwargs.clone()).await.0;
        (first, self.count(model, method, args, kwargs).await.0)
    }

    /// The statements of creating that many records, and their ids.
    async fn creating(&mut self, model: &str, n: usize, values: impl Fn(usize) -> Value) -> (u64, Vec<i64>) {
        // What is remembered of the caller is there.
        self.client.search(model, json!([["id", "=", 1]])).await;
        let values: Vec<Value> = (0..n).map(values).collect();
        let (count, ids) = self.count(model, "create", json!([values]), json!({})).await;
        (count, ids.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect())
    }

    /// The statements of a change.
    async fn changing(&mut self, model: &str, method: &str, args: Value) -> u64 {
        self.client.search(model, json!([["id", "=", 1]])).await;
        self.count(model, method, args, json!({})).await.0
    }
}

#[tokio::test]
async fn reading_takes_as_many_statements_for_many_records() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut counter = Counter::new(&server).await;
        let tags = counter.creating("res.partner.category", 5, |n| json!({"name": format!("Tag {n}")})).await.1;
        let (_, above) = counter.creating("res.partner", 8, |n| json!({"name": format!("Company {n}")})).await;
        let partner = |n: usize| {
            let own = [tags[n % 5], tags[(n + 1) % 5]];
            json!({"name": format!("Name {n}"), "parent_id": above[n % 8], "category_id": [[6, 0, own]]})
        };
        let (_, partners) = counter.creating("res.partner", 80, partner).await;
        let five = json!(["name", "email", "color", "parent_id", "category_id"]);
        let specification = json!({"name": {}, "parent_id": {"fields": {"display_name": {}, "color": {}}},
            "category_id": {"fields": {"name": {}}}, "child_ids": {}});
        let named = json!([["name", "like", "Name"]]);
        for n in [1, 80] {
            let ids = &partners[..n];
            let page = json!({"limit": n});
            let web_page = json!({"limit": n, "specification": specification});
            // One statement reads anew who the caller is.
            let reads: [(&str, Value, Value, (u64, u64)); 11] = [
                ("search", json!([named]), page.clone(), (2, 1)),
                ("search_count", json!([named]), json!({}), (2, 1)),
                ("search_read", json!([named, five]), page.clone(), (5, 4)),
                ("read", json!([ids, ["name", "city"]]), json!({}), (2, 1)),
                ("read", json!([ids, five]), json!({}), (4, 3)),
                ("name_search", json!(["Name"]), page, (3, 2)),
                ("web_search_read", json!([named]), web_page, (9, 8)),
                ("web_read", json!([ids]), json!({"specification": specification}), (7, 6)),
                ("read_group", json!([named, ["color:sum"], ["parent_id"]]), json!({}), (3, 2)),
                ("export_data", json!([ids, ["name", "parent_id/name", "category_id/name"]]), json!({}), (5, 4)),
                ("fields_get", json!([]), json!({}), (1, 0)),
            ];
            for (method, args, kwargs, expected) in reads {
                let sent = counter.reading("res.partner", method, args, kwargs).await;
                assert_eq!(sent, expected, "{series}: {method} of {n}");
            }
            let users = json!([[], ["name", "company_ids"]]);
            assert_eq!(counter.reading("res.users", "search_read", users, json!({})).await, (6, 5), "{series}");
        }
    }
}

#[tokio::test]
async fn creating_takes_as_many_statements_for_many_records() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut counter = Counter::new(&server).await;
        let tags = counter.creating("res.partner.category", 3, |n| json!({"name": format!("Tag {n}")})).await.1;
        counter.client.manual_model("x_thing", json!([{"name": "x_int", "ttype": "integer"}])).await;
        // Languages are those of the partner's model up to 17.0.
        let older = u64::from(series == Series::V17);
        for n in [1, 50] {
            let city = |i: usize| json!({"name": format!("P{i}"), "city": "X"});
            let (plain, ids) = counter.creating("res.partner", n, city).await;
            let kid = |i: usize| {
                let own_tags = json!([[4, tags[0]], [0, 0, {"name": format!("New {n} {i}")}]]);
                json!({"name": format!("K{i}"), "parent_id": ids[0], "category_id": own_tags})
            };
            let company = |i: usize| {
                let kids = json!([[0, 0, {"name": "a"}], [0, 0, {"name": "b"}]]);
                json!({"name": format!("O{i}"), "is_company": true, "vat": "1", "child_ids": kids})
            };
            let user = |i: usize| json!({"name": format!("U{i}"), "login": format!("u{n}_{i}")});
            let tag = |i: usize| json!({"name": format!("T{n} {i}"), "parent_id": tags[1]});
            let file = |i: usize| json!({"name": format!("f{i}"), "raw": format!("{i}")});
            let sent = [
                ("contacts", plain, 4 + older),
                ("contacts with a company and tags", counter.creating("res.partner", n, kid).await.0, 19),
                ("companies with contacts", counter.creating("res.partner", n, company).await.0, 24),
                ("users", counter.creating("res.users", n, user).await.0, if series == Series::V17 { 30 } else { 27 }),
                ("tags", counter.creating("res.partner.category", n, tag).await.0, 7),
                ("files", counter.creating("ir.attachment", n, file).await.0, 6),
                ("things", counter.creating("x_thing", n, |i| json!({"x_name": "x", "x_int": i})).await.0, 4),
            ];
            for (what, sent, expected) in sent {
                counter.compare(&format!("{series}: {n} {what}"), sent, expected);
            }
        }
        counter.assert();
    }
}

#[tokio::test]
async fn changing_takes_as_many_statements_for_many_records() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut counter = Counter::new(&server).await;
        let tags = counter.creating("res.partner.category", 3, |n| json!({"name": format!("Tag {n}")})).await.1;
        counter.client.manual_model("x_thing", json!([{"name": "x_int", "ttype": "integer"}])).await;
        for n in [1, 50] {
            let (_, ids) = counter.creating("res.partner", n, |i| json!({"name": format!("P{i}"), "city": "X"})).await;
            let company = |i: usize| {
                let kids = json!([[0, 0, {"name": "a"}], [0, 0, {"name": "b"}]]);
                json!({"name": format!("O{i}"), "is_company": true, "child_ids": kids})
            };
            let (_, companies) = counter.creating("res.partner", n, company).await;
            let (_, things) = counter.creating("x_thing", n, |i| json!({"x_int": i})).await;
            let above = counter.client.create("res.partner", json!({"name": "Above", "is_company": true})).await;
            let own_tags = json!({"category_id": [[6, 0, [tags[0], tags[2]]]]});
            // In 19.0 a company without an address gets that of the first contact, and the others get it from the company.
            let shared = match (series, n) {
                (Series::V19, 1) => 7,
                (Series::V19, _) => 10,
                _ => 0,
            };
            let changes: [(&str, &str, Value, u64); 10] = [
                ("res.partner", "write", json!([ids, {"color": 3}]), 3),
                ("res.partner", "write", json!([ids, {"name": "Other"}]), 7),
                ("res.partner", "write", json!([ids, {"city": "Other"}]), 6),
                ("res.partner", "write", json!([ids, own_tags]), 7),
                ("res.partner", "write", json!([ids, {"parent_id": above}]), 12 + shared),
                ("res.partner", "write", json!([companies, {"name": "Org", "vat": "2"}]), 16),
                ("res.partner", "action_archive", json!([ids]), 5),
                ("res.partner", "unlink", json!([ids]), 7),
                ("x_thing", "write", json!([things, {"x_int": 5}]), 2),
                ("x_thing", "unlink", json!([things]), 5),
            ];
            for (model, method, args, expected) in changes {
                let call = format!("{model}.{method}({})", args[1]);
                let sent = counter.changing(model, method, args).await;
                counter.compare(&format!("{series}: {call} of {n}"), sent, expected);
            }
        }
        counter.assert();
    }
}

#[tokio::test]
async fn what_is_remembered_of_the_caller_outlasts_changes_of_others() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let mut counter = Counter::new(&server).await;
        counter.client.manual_model("x_thing", json!([{"name": "x_int", "ttype": "integer"}])).await;
        let tag = counter.client.create("res.partner.category", json!({"name": "Tag"})).await;
        let acme = counter.client.create("res.partner", json!({"name": "Acme", "is_company": true})).await;
        let own = counter.client.values("res.users", 2, json!(["partner_id"])).await["partner_id"][0].clone();
        let new = |values: Value| json!([values]);
        // Whether the next call has to read anew who calls.
        let changes = |goes: i64, thing: i64| {
            [
                (
                    false,
                    "res.partner",
                    "create",
                    new(json!({"name": "Ann", "parent_id": acme, "category_id": [[4, tag]]})),
                ),
                (false, "res.partner", "write", json!([[acme], {"name": "Acme & Co", "lang": "en_US", "color": 3}])),
                (false, "res.partner", "write", json!([[acme], {"category_id": [[0, 0, {"name": "Other"}]]}])),
                (false, "res.partner.category", "write", json!([[tag], {"color": 3}])),
                (false, "x_thing", "create", new(json!({"x_int": 2}))),
                (false, "x_thing", "write", json!([[thing], {"x_int": 3}])),
                (false, "res.partner", "unlink", json!([[goes]])),
                (false, "x_thing", "unlink", json!([[thing]])),
                (true, "res.partner", "write", json!([[own], {"color": 3}])),
                (true, "res.partner", "write", json!([[acme, own], {"color": 4}])),
                (true, "res.users", "write", json!([[2], {"signature": "S"}])),
                (true, "ir.config_parameter", "create", new(json!({"key": common::unique("k"), "value": "v"}))),
            ]
        };
        for change in 0..changes(0, 0).len() {
            // Others may use the same PostgreSQL, and whatever they commit there may concern everybody.
            let mut tries = 10;
            loop {
                let goes = counter.client.create("res.partner", json!({"name": "Goes"})).await;
                let thing = counter.client.create("x_thing", json!({"x_int": 1})).await;
                let (concerns, model, method, args) = changes(goes, thing)[change].clone();
                let read = json!([[acme], ["color"]]);
                counter.client.kw("res.partner", "read", read.clone(), json!({})).await;
                let told = format!("{}: {model}.{method}({args})", store.name);
                counter.client.kw(model, method, args, json!({})).await;
                let (sent, _) = counter.count("res.partner", "read", read, json!({})).await;
                let expected = 1 + u64::from(concerns);
                tries -= 1;
                if sent == expected || tries == 0 {
                    counter.compare(&told, sent, expected);
                    break;
                }
            }
        }
        counter.assert();
        drop(counter);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn parts_of_names_have_indexes_where_postgresql_can_make_them() {
    for store in stores().into_iter().filter(|store| store.name == "PostgreSQL") {
        let server = store.builder(Series::V19).start().await.unwrap();
        let database = server.app().databases.open(server.db()).await.unwrap();
        let texts = async |sql: &'static str| {
            let rows = database.read(|tx| {
                let statement = Statement::from_string(DbBackend::Postgres, sql);
                Box::pin(async move { Ok(tx.query_all_raw(statement).await?) })
            });
            let rows = rows.await.unwrap();
            rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect::<Vec<String>>()
        };
        let can_be = !texts("SELECT name::text FROM pg_available_extensions WHERE name = 'pg_trgm'").await.is_empty();
        let indexes =
            texts("SELECT indexname::text FROM pg_indexes WHERE indexdef LIKE '%gin_trgm_ops%' ORDER BY 1").await;
        let columns = ["company_registry", "complete_name", "email", "name", "ref", "vat"];
        let expected = columns.map(|column| format!("res_partner_{column}_trigrams"));
        assert_eq!(indexes, if can_be { expected.to_vec() } else { Vec::new() });
        drop(database);
        store.finish(server).await;
    }
}
