//! Fixtures: what files say is there afterwards, for every client, and nothing of it where they are wrong.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use wiredoo::double::fixtures::{self, Fixture, FixtureError, Loaded, Source};
use wiredoo::{Series, Wiredoo};

use crate::common::{Client, Folder, durable_stores, odoo, stores};

const PARTNER: &str = "res.partner";
const SERIES: [Series; 3] = [Series::V15, Series::V17, Series::V19];
const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

const SHOP: &str = "
parameters:
  web.base.url: http://shop.example
  shop.limit: 12
  shop.open: true
models:
  sale.order:
    description: Sales Order
    order: date_order desc, id
    fields:
      name: {type: char, required: true, string: Number, help: Its number}
      partner_id: {type: many2one, relation: res.partner}
      state: {type: selection, selection: [[draft, Quotation], [sale, Sales Order]], default: draft}
      date_order: datetime
      active: boolean
      parent_id: {type: many2one, relation: sale.order}
      city: {type: char, related: partner_id.city, readonly: true}
      tag_ids: {type: many2many, relation: res.partner.category}
      order_line: {type: one2many, relation: sale.order.line, relation_field: order_id}
  sale.order.line:
    fields:
      order_id: {type: many2one, relation: sale.order, required: true}
      quantity: {type: float, default: 1}
  res.partner:
    fields:
      x_loyalty: {type: integer}
users:
  - login: shop
    name: Shop
    password: secret
    groups: [base.group_user, base.group_partner_manager]
    api_key: 0123456789abcdef0123456789abcdef01234567
records:
  sale.order:
    - id: order
      name: S001
      partner_id: acme
      date_order: 2026-01-02T03:04:05Z
      tag_ids: [vip]
      order_line:
        - {name: Desk, quantity: 2.5}
        - {name: Chair}
  res.partner:
    - id: acme
      name: Acme
      city: Gent
      zip: 09000
      is_company: true
      country_id: base.be
      x_loyalty: 7
      category_id: [vip, {name: Retail}]
      child_ids:
        - {name: Joe, email: joe@acme.example}
      user_id: {login: shop}
  res.partner.category:
    - {id: vip, name: VIP}
";

fn source(name: &str, text: &str) -> Source {
    Source::new(name, text)
}

async fn load(server: &Wiredoo, sources: &[Source]) -> Result<Loaded, FixtureError> {
    let app = server.app();
    let database = app.databases.open(server.db()).await.unwrap();
    fixtures::load(&database, &app.tools(), sources).await
}

/// What is loaded, or the error.
async fn yaml(server: &Wiredoo, text: &str) -> Loaded {
    load(server, &[source("shop.yaml", text)]).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The one line that is said of a fixture that is wrong.
async fn refused(server: &Wiredoo, text: &str) -> String {
    load(server, &[source("shop.yaml", text)]).await.expect_err(text).to_string()
}

/// Runs a test on every store, in these series.
async fn on_every_server(series: &[Series], test: impl AsyncFn(&Wiredoo, Series, &str)) {
    for series in series {
        for store in stores() {
            let server = store.builder(*series).start().await.unwrap();
            test(&server, *series, &format!("{series} on {}", store.name)).await;
            store.finish(server).await;
        }
    }
}

#[tokio::test]
async fn a_shop_is_there_for_clients() {
    on_every_server(&SERIES, async |server: &Wiredoo, _: Series, context: &str| {
        let loaded = yaml(server, SHOP).await;
        assert_eq!((loaded.records, loaded.users), (7, 1), "{context} {loaded:?}");
        let id = |name: &str| i64::from(loaded.ids[name].1);
        assert_eq!(loaded.ids["acme"].0, PARTNER);
        assert_eq!(loaded.ids["order_order_line_2"].0, "sale.order.line");
        let mut admin = Client::administrator(server).await;
        let fields = json!(["name", "zip", "is_company", "country_id", "x_loyalty", "user_id"]);
        let user = admin.search("res.users", json!([["login", "=", "shop"]])).await[0];
        let acme = json!({"name": "Acme", "zip": "09000", "is_company": true, "country_id": [20, "Belgium"],
            "x_loyalty": 7, "user_id": [user, "Shop"]});
        assert_eq!(admin.values(PARTNER, id("acme"), fields).await, acme, "{context}");
        let children = admin.search(PARTNER, json!([["parent_id", "=", id("acme")]])).await;
        assert_eq!(children, [id("acme_child_ids_1")], "{context}");
        let tags = admin.search("res.partner.category", json!([["name", "in", ["VIP", "Retail"]]])).await;
        assert_eq!(admin.search(PARTNER, json!([["category_id", "in", tags]])).await, [id("acme")], "{context}");
        assert_eq!(tags, [id("vip"), id("acme_category_id_2")], "{context}");
        // The user of the fixture works with the model of the fixture.
        let mut shop = Client::new(server);
        assert_eq!(shop.authenticate("shop", "secret").await.result()["uid"], user, "{context}");
        let order = shop.values("sale.order", id("order"), json!(["display_name", "state", "date_order", "city", "active"])).await;
        let expected = json!({"display_name": "S001", "state": "draft", "date_order": "2026-01-02 03:04:05",
            "city": "Gent", "active": true});
        assert_eq!(order, expected, "{context}");
        let rows = json!({"order": "id", "fields": ["name", "quantity"]});
        let lines = shop.kw("sale.order.line", "search_read", json!([[["order_id.partner_id", "=", id("acme")]]]), rows).await;
        let lines: Vec<_> = lines.as_array().unwrap().iter().map(|line| (line["name"].clone(), line["quantity"].clone())).collect();
        assert_eq!(lines, [(json!("Desk"), json!(2.5)), (json!("Chair"), json!(1.0))], "{context}");
        let made = json!({"name": "S002", "partner_id": id("acme"), "parent_id": id("order"), "order_line": [[0, 0, {"name": "Lamp"}]]});
        let second = shop.create("sale.order", made).await;
        assert_eq!(shop.search("sale.order", json!([["id", "child_of", id("order")]])).await, [id("order"), second]);
        shop.kw("sale.order", "write", json!([[second], {"state": "sale"}]), json!({})).await;
        shop.kw("sale.order", "unlink", json!([[second]]), json!({})).await;
        assert_eq!(shop.search("sale.order.line", json!([])).await.len(), 2, "lines go with their order on {context}");
        let described = shop.kw("sale.order", "fields_get", json!([["name"], ["string", "help", "required"]]), json!({})).await;
        assert_eq!(described, json!({"name": {"string": "Number", "help": "Its number", "required": true}}), "{context}");
        // Keys work where passwords do.
        let args = json!([server.db(), user, KEY, PARTNER, "search_count", [[["id", "=", id("acme")]]]]);
        assert_eq!(shop.service("object", "execute_kw", args).await.result(), 1, "{context}");
        for (key, value) in [("web.base.url", "http://shop.example"), ("shop.limit", "12"), ("shop.open", "True")] {
            let found = admin.kw("ir.config_parameter", "get_param", json!([key]), json!({})).await;
            assert_eq!(found, value, "{context}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_fixture_that_is_loaded_again_changes_what_is_there() {
    on_every_server(&[Series::V17, Series::V19], async |server: &Wiredoo, _: Series, context: &str| {
        let first = yaml(server, SHOP).await;
        let mut shop = Client::new(server);
        shop.authenticate("shop", "secret").await.result();
        let again = SHOP.replace("name: Acme", "name: Acme & Co").replace("quantity: 2.5", "quantity: 3");
        let second = yaml(server, &again.replace("string: Number", "string: Reference")).await;
        assert_eq!(first, Loaded { at: first.at, ..second }, "{context}");
        // The password is the same, so the session lives.
        let acme = i64::from(first.ids["acme"].1);
        assert_eq!(shop.values(PARTNER, acme, json!(["name"])).await, json!({"name": "Acme & Co"}), "{context}");
        assert_eq!(shop.search("sale.order.line", json!([["quantity", "=", 3]])).await.len(), 1, "{context}");
        let described = shop.kw("sale.order", "fields_get", json!([["name"], ["string"]]), json!({})).await;
        assert_eq!(described["name"]["string"], "Reference", "{context}");
        let mut admin = Client::administrator(server).await;
        for (model, count) in [("sale.order", 1), ("sale.order.line", 2), ("res.partner.category", 2)] {
            let domain =
                if model == "res.partner.category" { json!([["name", "in", ["VIP", "Retail"]]]) } else { json!([]) };
            assert_eq!(admin.search(model, domain).await.len(), count, "{model} {context}");
        }
        let keys = admin.search("res.users.apikeys", json!([])).await;
        let user = admin.search("res.users", json!([["login", "=", "shop"]])).await;
        assert!(keys.len() <= 1 && user.len() == 1, "{context}");
        yaml(server, "users: [{login: shop, password: other, active: false}, {login: admin, name: Boss}]").await;
        assert_eq!(shop.uid().await, None, "{context}");
        assert_eq!(admin.values("res.users", 2, json!(["name"])).await, json!({"name": "Boss"}), "{context}");
        // Records of modules have external ids, too.
        yaml(server, "records: {res.company: [{id: base.main_company, name: Main}]}").await;
        assert_eq!(admin.values("res.company", 1, json!(["name"])).await, json!({"name": "Main"}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn records_refer_to_each_other_in_any_order() {
    on_every_server(&[Series::V17, Series::V19], async |server: &Wiredoo, _: Series, context: &str| {
        let text = "
models:
  x_a:
    fields:
      b_id: {type: many2one, relation: x_b}
      any: {type: reference, selection: [[x_b, B], [res.partner, Contact]]}
      peer_ids: {type: many2many, relation: x_a}
  x_b:
    fields:
      a_id: {type: many2one, relation: x_a, required: true}
records:
  x_a:
    - {id: a, name: A, b_id: b, any: 'x_b,b', peer_ids: [a2, a]}
    - {id: a2, name: A2, any: 'res.partner,3', peer_ids: [[4, a], [6, 0, [a2, {name: A}]]]}
  x_b:
    - {id: b, name: B, a_id: a}
  res.partner:
    - {id: child, name: Child, parent_id: parent, category_id: []}
    - {id: parent, name: Parent, bank_ids: [{acc_number: '12 34'}], create_date: 2020-01-01 00:00:00, create_uid: {login: admin}}
    - {name: Nameless, parent_id: {name: Parent}}
    - {name: {en_US: One, fr_FR: Un}}
";
        let refused = refused(server, text).await;
        assert_eq!(refused, "shop.yaml:21: res.partner #4, field 'name': this text is not translated, so it is one text and no mapping");
        let text = text.replace("    - {name: {en_US: One, fr_FR: Un}}\n", "  res.partner.category: [{id: tag, name: {fr_FR: Un}}]\n").replace("category_id: []", "category_id: [tag]");
        let mut admin = Client::administrator(server).await;
        let lang = admin.kw("res.lang", "search", json!([[["code", "=", "fr_FR"]]]), json!({"context": {"active_test": false}})).await;
        admin.kw("res.lang", "write", json!([lang, {"active": true}]), json!({})).await;
        let loaded = yaml(server, &text).await;
        let id = |name: &str| i64::from(loaded.ids[name].1);
        let a = json!({"b_id": [id("b"), "B"], "any": format!("x_b,{}", id("b")), "peer_ids": [id("a"), id("a2")]});
        assert_eq!(admin.values("x_a", id("a"), json!(["b_id", "any", "peer_ids"])).await, a, "{context}");
        let a2 = json!({"any": "res.partner,3", "peer_ids": [id("a"), id("a2")]});
        assert_eq!(admin.values("x_a", id("a2"), json!(["any", "peer_ids"])).await, a2, "{context}");
        assert_eq!(admin.values("x_b", id("b"), json!(["a_id"])).await, json!({"a_id": [id("a"), "A"]}), "{context}");
        let parent = json!({"create_date": "2020-01-01 00:00:00", "create_uid": [2, "Administrator"]});
        let read = admin.values(PARTNER, id("parent"), json!(["create_date", "create_uid"])).await;
        assert_eq!(read["create_date"], parent["create_date"], "{context}");
        assert_eq!(read["create_uid"][0], 2, "{context}");
        let children = admin.search(PARTNER, json!([["parent_id", "=", id("parent")]])).await;
        assert_eq!(children.len(), 2, "{context}");
        let bank = admin.search("res.partner.bank", json!([["partner_id", "=", id("parent")]])).await;
        assert_eq!(bank, [id("parent_bank_ids_1")], "{context}");
        let tag = json!({"lang": "fr_FR"});
        let read = admin.kw("res.partner.category", "read", json!([[id("tag")], ["name"]]), json!({"context": tag})).await;
        assert_eq!(read[0]["name"], "Un", "{context}");
        // What must be there at once cannot wait for itself.
        let circle = "
models:
  x_c: {fields: {d_id: {type: many2one, relation: x_d, required: true}}}
  x_d: {fields: {c_id: {type: many2one, relation: x_c, required: true}}}
records:
  x_c: [{id: c, name: C, d_id: d}]
  x_d: [{id: d, name: D, c_id: c}]
";
        let refused = load(server, &[source("c.yaml", circle)]).await.unwrap_err();
        assert_eq!((refused.file.as_str(), refused.line), ("c.yaml", Some(6)), "{context}");
        assert!(refused.message.ends_with("x_c 'c' → x_d 'd' → x_c 'c'; leave one of the references out"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn csv_is_loaded_as_load_does() {
    on_every_server(&[Series::V15, Series::V17, Series::V19], async |server: &Wiredoo, _: Series, context: &str| {
        let csv = "id,name,country_id/id,category_id/id,is_company,child_ids/name\nacme,Acme,base.be,\"vip,retail\",1,Joe\n,,,,,Ann\nbolt,\"Bolt,\nInc\",,,0,\n";
        let tags = "id,name,parent_id/id\nretail,Retail,vip\n";
        let sources = [
            source("10-res.partner.csv", csv),
            source("res.partner.category.csv", tags),
            source("z.yaml", "records: {res.partner.category: [{id: vip, name: VIP}], res.partner: [{id: kid, name: Kid, parent_id: bolt}]}"),
        ];
        let loaded = load(server, &sources).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(loaded.records, 5, "{context}");
        let id = |name: &str| i64::from(loaded.ids[name].1);
        let mut admin = Client::administrator(server).await;
        let acme = admin.values(PARTNER, id("acme"), json!(["country_id", "category_id", "is_company", "child_ids"])).await;
        assert_eq!((&acme["country_id"], &acme["is_company"]), (&json!([20, "Belgium"]), &json!(true)), "{context}");
        assert_eq!(acme["child_ids"].as_array().unwrap().len(), 2, "{context}");
        assert_eq!(admin.values(PARTNER, id("kid"), json!(["parent_id"])).await["parent_id"][0], id("bolt"), "{context}");
        for (name, text, message) in [
            ("res.partner.csv", "name,country_id/id\nA,base.be\nB,base.bee\n", "res.partner.csv:3: res.partner #2, field 'country_id': No matching record found for external id 'base.bee' in field 'Country'"),
            ("res.partner.csv", "id,nam\na,A\n", "res.partner.csv:1: res.partner, field 'nam': res.partner has no field 'nam'; did you mean 'name'?"),
            ("res.partner.csv", "id,name\nx,\"a\nb\"\nx,B\n", "res.partner.csv:4: res.partner: the id 'x' is taken by res.partner.csv:2; an id is that of one record"),
            ("res.partner.csv", "id,is_company,name\nx,perhaps,B\n", "res.partner.csv:2: res.partner 'x', field 'is_company': Unknown value 'perhaps' for boolean field 'Is a Company'"),
            ("partners.csv", "name\nA\n", "partners.csv:1: partners: there is no model 'partners'; a new one is defined in the section models"),
            ("my partners.csv", "name\nA\n", "my partners.csv: the name of a CSV file tells the model of its records, as res.partner.csv or 10-res.partner.csv"),
        ] {
            let refused = load(server, &[source(name, text)]).await.unwrap_err().to_string();
            let refused = refused.replace("'Is a Company?'", "'Is a Company'");
            assert_eq!(refused, message, "{context}");
        }
        assert_eq!(admin.search(PARTNER, json!([["name", "in", ["A", "B"]]])).await, [0; 0], "{context}");
    })
    .await;
}

/// What is wrong, and what is said of it.
const WRONG: [(&str, &str); 40] = [
    ("recods: {}", "shop.yaml:1: there is no section 'recods'; did you mean 'records'?"),
    (
        "res.partner: []",
        "shop.yaml:1: there is no section 'res.partner'; records of a model are in the section records",
    ),
    ("[1]", "shop.yaml:1: a fixture has the sections parameters, models, users and records; this is a list"),
    ("records: [1]", "shop.yaml:1: records are a mapping of models and lists of their records; this is a list"),
    (
        "records:\n  res.partnr: [{name: A}]",
        "shop.yaml:2: res.partnr #1: there is no model 'res.partnr'; did you mean 'res.partner'?; a new one is defined in the section models",
    ),
    (
        "records:\n  res.partner:\n    name: A",
        "shop.yaml:2: res.partner: here is a list of records, each with a - before it, and not a mapping",
    ),
    (
        "records:\n  res.partner: [{id: acme, nme: A}]",
        "shop.yaml:2: res.partner 'acme', field 'nme': res.partner has no such field; did you mean 'name'?",
    ),
    (
        "records:\n  res.partner:\n    - id: acme\n      name: A\n      country_id: base.bee",
        "shop.yaml:5: res.partner 'acme', field 'country_id': there is no record 'base.bee'; did you mean 'base.be'?",
    ),
    (
        "records: {res.partner: [{name: A, country_id: Belgium}]}",
        "shop.yaml:1: res.partner #1, field 'country_id': there is no record 'Belgium'; to find it by its name, write {name: Belgium}",
    ),
    (
        "records: {res.partner: [{name: A, country_id: {name: Nowhere}}]}",
        "shop.yaml:1: res.partner #1, field 'country_id': there is no res.country with name 'Nowhere'",
    ),
    (
        "records: {res.partner: [{name: A, country_id: {nam: B}}]}",
        "shop.yaml:1: res.partner #1, field 'country_id': res.country is not found by 'nam'; did you mean 'name'?",
    ),
    (
        "records: {res.partner: [{name: A}, {name: A}, {name: B, parent_id: {name: A}}]}",
        "shop.yaml:1: res.partner #3, field 'parent_id': there are 2 res.partner with name 'A'; write the external id of the one that is meant",
    ),
    (
        "records: {res.partner: [{name: A, country_id: 9999}]}",
        "shop.yaml:1: res.partner #1, field 'country_id': there is no res.country with the id 9999",
    ),
    (
        "records: {res.partner: [{name: A, country_id: base.main_company}]}",
        "shop.yaml:1: res.partner #1, field 'country_id': 'base.main_company' is a record of res.company, and the field has one of res.country",
    ),
    (
        "records: {res.partner: [{name: A, country_id: [base.be]}]}",
        "shop.yaml:1: res.partner #1, field 'country_id': a list is no res.country; write its external id (acme, base.be), its id in the database, or {name: …}",
    ),
    (
        "records: {res.partner: [{name: A, category_id: vip}]}",
        "shop.yaml:1: res.partner #1, field 'category_id': here is a list, as [vip], and not 'vip'",
    ),
    (
        "records: {res.partner: [{name: A, category_id: [6, 0, [1]]}]}",
        "shop.yaml:1: res.partner #1, field 'category_id': a command is [0, 0, {…}], [1, id, {…}], [2, id], [3, id], [4, id], [5] or [6, 0, [id, …]], and there is a list of commands",
    ),
    (
        "records: {res.partner: [{name: A, is_company: yes}]}",
        "shop.yaml:1: res.partner #1, field 'is_company': 'yes' is neither true nor false",
    ),
    (
        "records: {res.partner: [{name: A, color: '3'}]}",
        "shop.yaml:1: res.partner #1, field 'color': '3' is no whole number; write it without quotes",
    ),
    (
        "records: {res.partner: [{name: A, color: 99999999999}]}",
        "shop.yaml:1: res.partner #1, field 'color': integer out of range",
    ),
    (
        "records: {res.partner: [{name: A, partner_latitude: x}]}",
        "shop.yaml:1: res.partner #1, field 'partner_latitude': 'x' is no number",
    ),
    (
        "records: {res.partner: [{name: A, type: invoce}]}",
        "shop.yaml:1: res.partner #1, field 'type': the selection has no 'invoce'; did you mean 'invoice'?",
    ),
    (
        "records: {res.partner: [{name: true}]}",
        "shop.yaml:1: res.partner #1, field 'name': this is true, and the field has a text; put it into quotes",
    ),
    (
        "records: {res.partner: [{name: [A]}]}",
        "shop.yaml:1: res.partner #1, field 'name': this is a list, and the type of the field is char",
    ),
    (
        "records: {res.partner: [{name: A, image_1920: '%'}]}",
        "shop.yaml:1: res.partner #1, field 'image_1920': '%' is no base64, in which contents of files are written",
    ),
    (
        "records: {res.partner: [{name: A, display_name: B}]}",
        "shop.yaml:1: res.partner #1, field 'display_name': this field is computed, so it is not written",
    ),
    (
        "records: {res.partner: [{name: A, create_date: soon}]}",
        "shop.yaml:1: res.partner #1, field 'create_date': 'soon' is no time; write it as 2026-12-31 23:59:59 (UTC)",
    ),
    (
        "records:\n  res.partner:\n    - {id: a, name: A}\n    - {id: fixture.a, name: B}",
        "shop.yaml:4: res.partner 'a': the id 'a' is taken by shop.yaml:3; an id is that of one record",
    ),
    (
        "records: {res.partner: [{id: a b, name: A}]}",
        "shop.yaml:1: res.partner #1, field 'id': an external id has no spaces, commas and slashes, and dots only between names",
    ),
    (
        "records: {res.partner: [{id: base.be, name: A}]}",
        "shop.yaml:1: res.partner 'base.be', field 'id': 'base.be' is a record of res.country in this database",
    ),
    (
        "records: {res.partner: [{name: A}], res.partner.category: [{color: 1}]}",
        "shop.yaml:1: res.partner.category #1, field 'name': a record must have a value here",
    ),
    ("users: [{name: A}]", "shop.yaml:1: user #1: a user has a login; write login: …"),
    (
        "users: [{login: a, groups: [base.group_usr]}]",
        "shop.yaml:1: user 'a', field 'groups_id': there is no record 'base.group_usr'; did you mean 'base.group_user'?",
    ),
    ("users: [{login: a}, {login: a}]", "shop.yaml:1: user 'a': there is a user with this login above"),
    (
        "models: {Sale: {fields: {}}}",
        "shop.yaml:1: model 'Sale': the name of a model has small letters, digits, _ and dots between them",
    ),
    ("models: {x_a: {field: {}}}", "shop.yaml:1: model 'x_a': a model has no 'field'; did you mean 'fields'?"),
    (
        "models: {x_a: {fields: {b: chr}}}",
        "shop.yaml:1: model 'x_a', field 'b': there is no type 'chr'; did you mean 'char'?",
    ),
    (
        "models: {x_a: {fields: {b: {type: many2one, relation: res.partnr}}}}",
        "shop.yaml:1: model 'x_a', field 'b': there is no model 'res.partnr'; did you mean 'res.partner'?; define it in the section models",
    ),
    (
        "models: {x_a: {fields: {b: {type: one2many, relation: res.partner, relation_field: a_id}}}}",
        "shop.yaml:1: model 'x_a', field 'b': res.partner has no field 'a_id'; add it in the section models, as many2one to x_a",
    ),
    (
        "models: {res.partner: {fields: {name: integer}}}",
        "shop.yaml:1: model 'res.partner', field 'name': the model has this field already, and its type is char",
    ),
];

#[tokio::test]
async fn what_is_wrong_is_told_and_nothing_is_loaded() {
    let good = source(
        "a.yaml",
        "parameters: {a.b: c}\nmodels: {x_thing: {fields: {n: integer}}}\nusers: [{login: new}]\nrecords: {res.partner: [{name: Good}], x_thing: [{name: T}]}",
    );
    for store in stores() {
        let server = store.builder(Series::V17).start().await.unwrap();
        let mut admin = Client::administrator(&server).await;
        for (text, message) in WRONG {
            let refused = load(&server, &[good.clone(), source("shop.yaml", text)]).await.expect_err(text).to_string();
            assert_eq!(refused, message, "{text} on {}", store.name);
        }
        let count = async |admin: &mut Client<'_>, model: &str, domain: Value| admin.search(model, domain).await.len();
        assert_eq!(count(&mut admin, PARTNER, json!([["name", "=", "Good"]])).await, 0);
        assert_eq!(count(&mut admin, "res.users", json!([["login", "=", "new"]])).await, 0);
        assert_eq!(count(&mut admin, "ir.model", json!([["model", "=", "x_thing"]])).await, 0);
        assert_eq!(count(&mut admin, "ir.config_parameter", json!([["key", "=", "a.b"]])).await, 0);
        assert_eq!(count(&mut admin, "ir.model.data", json!([["module", "=", "fixture"]])).await, 0);
        // What was taken back does not stand in the way.
        let loaded = load(&server, std::slice::from_ref(&good)).await.unwrap();
        assert_eq!((loaded.records, loaded.users), (2, 1), "{}", store.name);
        assert_eq!(admin.search("x_thing", json!([])).await, [1], "{}", store.name);
        store.finish(server).await;
    }
}

/// What a real server may answer for a model.
fn fields_get() -> Value {
    json!({
        "id": {"type": "integer", "readonly": true, "string": "ID"},
        "display_name": {"type": "char", "readonly": true},
        "name": {"type": "char", "string": "Order Reference", "required": true, "readonly": true, "translate": false},
        "state": {"type": "selection", "required": true, "selection": [["draft", "Quotation"], ["sale", "Sales Order"]]},
        "partner_id": {"type": "many2one", "relation": "res.partner", "required": true, "string": "Customer", "domain": "[]", "context": {}},
        "payment_term_id": {"type": "many2one", "relation": "account.payment.term", "string": "Payment Terms"},
        "order_line": {"type": "one2many", "relation": "sale.order.line", "relation_field": "order_id", "string": "Lines"},
        "message_ids": {"type": "one2many", "relation": "mail.message", "string": "Messages"},
        "children": {"type": "one2many", "relation": "res.partner", "relation_field": "order_id"},
        "tag_ids": {"type": "many2many", "relation": "crm.tag", "string": "Tags"},
        "amount_total": {"type": "monetary", "currency_field": "currency_id", "store": true, "readonly": true, "depends": ["order_line"]},
        "currency_id": {"type": "many2one", "relation": "res.currency", "related": "company_id.currency_id", "readonly": true},
        "tax_totals": {"type": "binary", "store": false, "readonly": true},
        "note": {"type": "html", "string": "Terms", "help": "What holds"},
        "properties": {"type": "properties", "definition_record": "x", "definition_record_field": "y"},
        "date_order": {"type": "datetime", "required": true},
    })
}

#[tokio::test]
async fn models_come_from_what_fields_get_answers() {
    on_every_server(&SERIES, async |server: &Wiredoo, _: Series, context: &str| {
        let envelope = json!({"jsonrpc": "2.0", "id": 1, "result": fields_get()});
        let fixture = json!({
            "models": {"sale.order": {"description": "Sales Order", "fields_get": envelope, "fields": {"state": {"type": "selection", "selection": ["draft", "sale"], "default": "draft"}}},
                "res.partner": {"fields_get": {"name": {"type": "char"}, "sale_order_ids": {"type": "one2many", "relation": "sale.order", "relation_field": "partner_id"}}}},
            "records": {"account.payment.term": [{"id": "later", "name": "30 Days"}],
                "sale.order": [{"id": "order", "name": "S1", "partner_id": 3, "payment_term_id": "later", "amount_total": 12.5, "order_line": [{"name": "Desk"}]}]},
        });
        let loaded = load(server, &[source("sale.json", &fixture.to_string())]).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        let left_out = [
            "sale.order.message_ids: it has no relation_field",
            "sale.order.children: res.partner has no many2one field 'order_id'",
        ];
        assert_eq!(loaded.left_out, left_out, "{context}");
        let mut admin = Client::administrator(server).await;
        let order = i64::from(loaded.ids["order"].1);
        let read = admin.values("sale.order", order, json!(["payment_term_id", "state", "amount_total", "order_line"])).await;
        let expected = json!({"payment_term_id": [loaded.ids["later"].1, "30 Days"], "state": "draft", "amount_total": 12.5,
            "order_line": [loaded.ids["order_order_line_1"].1]});
        assert_eq!(read, expected, "{context}");
        assert_eq!(admin.values(PARTNER, 3, json!(["sale_order_ids"])).await, json!({"sale_order_ids": [order]}));
        let described = admin.kw("sale.order", "fields_get", json!([["note"], ["type", "string", "help"]]), json!({})).await;
        assert_eq!(described, json!({"note": {"type": "html", "string": "Terms", "help": "What holds"}}), "{context}");
        // Nothing is required, since the server that it is from has defaults.
        admin.create("sale.order", json!({"partner_id": 3})).await;
    })
    .await;
}

#[tokio::test]
async fn models_of_fixtures_stay_with_their_database() {
    for store in durable_stores() {
        let server = store.builder(Series::V17).start().await.unwrap();
        let loaded = yaml(&server, SHOP).await;
        let order = i64::from(loaded.ids["order"].1);
        server.shutdown().await;
        let server = store.builder(Series::V17).start().await.unwrap();
        let mut admin = Client::administrator(&server).await;
        let read = json!({"city": "Gent", "order_line": [1, 2]});
        assert_eq!(admin.values("sale.order", order, json!(["city", "order_line"])).await, read, "{}", store.name);
        // Copies and dumps have them.
        let (copy, restored) = (format!("{}_copy", store.db), format!("{}_restored", store.db));
        let app = server.app();
        app.databases.duplicate(&store.db, &copy).await.unwrap();
        let dump = admin.service("db", "dump", json!(["admin", store.db, "zip"])).await.result();
        admin.service("db", "restore", json!(["admin", restored, dump, true])).await.result();
        for name in [&copy, &restored] {
            let database = app.databases.open(name).await.unwrap();
            let text = SHOP.replace("name: S001", "name: S009");
            let again = fixtures::load(&database, &app.tools(), &[source("shop.yaml", &text)]).await.unwrap();
            assert_eq!(again.ids["order"], loaded.ids["order"], "{name}");
            let args = json!([name, 2, "admin", "sale.order", "search_read", [[], ["name", "city"]]]);
            let rows = admin.service("object", "execute_kw", args).await.result();
            assert_eq!(rows, json!([{"id": order, "name": "S009", "city": "Gent"}]), "{name}");
            app.databases.drop(name).await.unwrap();
        }
        store.finish(server).await;
    }
}

#[tokio::test]
async fn a_fixture_is_read_once_for_many_databases() {
    let fixture = Fixture::parse(&[source("shop.yaml", SHOP)]).unwrap();
    let first = odoo(Series::V19).await;
    let second = odoo(Series::V15).await;
    for server in [&first, &second] {
        let app = server.app();
        let database = app.databases.open(server.db()).await.unwrap();
        let loaded = fixture.load(&database, &app.tools()).await.unwrap();
        assert_eq!(loaded.users, 1);
    }
}

#[tokio::test]
async fn the_example_of_the_manual_can_be_loaded() {
    let manual = include_str!("../../docs/double.md");
    let example = manual.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let server = odoo(Series::V18).await;
    let loaded = yaml(&server, example).await;
    assert_eq!((loaded.records, loaded.users), (5, 1));
}

#[test]
fn folders_are_read_in_the_order_of_names() {
    let folder = Folder::new();
    for name in ["b.yaml", "a.json", "10-res.partner.csv", "README.md"] {
        std::fs::write(folder.0.join(name), "{}").unwrap();
    }
    std::fs::create_dir(folder.0.join("c.yaml")).unwrap();
    let sources = Source::read(&folder.0).unwrap();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["10-res.partner.csv", "a.json", "b.yaml"]);
    assert_eq!(Source::read(&folder.0.join("b.yaml")).unwrap(), [source("b.yaml", "{}")]);
    std::fs::write(folder.0.join("b.yaml"), [0xff]).unwrap();
    assert!(Source::read(&folder.0).unwrap_err().to_string().contains("b.yaml"));
    assert!(Source::read(&folder.0.join("none")).unwrap_err().to_string().contains("none"));
    let error = Fixture::parse(&[source("shop.txt", "")]).unwrap_err().to_string();
    assert_eq!(
        error,
        "shop.txt: what a fixture is written in is told by its name, which ends in one of .yaml, .yml, .json, .csv"
    );
}

/// Values of any form, with words that mean something to the loader.
fn node() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "a",
        "b",
        "fixture.a",
        "base.be",
        "base.group_user",
        "res.partner",
        "res.partner,a",
        "name",
        "2026-01-01",
        "",
        "x_new",
        "char",
        "many2one",
        "\u{0}",
        "ir.model",
        "é",
        "0",
        "{}",
        "login",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..9).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let keys = prop::sample::select(vec![
            "id",
            "name",
            "login",
            "password",
            "groups",
            "parent_id",
            "child_ids",
            "category_id",
            "country_id",
            "type",
            "relation",
            "fields",
            "fields_get",
            "x_new",
            "company",
            "user_ids",
            "create_date",
            "ref",
            "b",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..4).prop_map(|entries| Value::Object(
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

fn fixture() -> impl Strategy<Value = Value> {
    let records = || prop::collection::vec(node(), 0..4);
    (node(), node(), records(), records(), node(), node()).prop_map(|(a, model, partners, tags, users, any)| {
        json!({
            "parameters": {"a": a},
            "models": {"x_new": model},
            "users": users,
            "records": {"res.partner": partners, "res.partner.category": tags, "x_new": any},
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", yaml in "[a-c:\\-\\[\\]{},&*!|>'\"#?%@ \n\t<0-9~]{0,60}") {
        for name in ["a.yaml", "a.json", "res.partner.csv"] {
            for text in [&text, &yaml] {
                drop(Fixture::parse(&[source(name, text)]));
                drop(Fixture::parse(&[source(name, &format!("records: {text}"))]));
            }
        }
    }

    #[test]
    fn no_fixture_makes_the_loader_panic(fixtures in prop::collection::vec(fixture(), 4), cells in prop::collection::vec("[a-z,/.\"\n0-9]{0,12}", 4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = odoo(Series::V17).await;
            let app = server.app();
            let database = app.databases.open(server.db()).await.unwrap();
            for fixture in fixtures {
                let csv = format!("id,name,parent_id/id,child_ids/name\n{}", cells.join(","));
                for (name, text) in [("a.json", fixture.to_string()), ("res.partner.csv", csv)] {
                    if let Err(error) = fixtures::load(&database, &app.tools(), &[source(name, &text)]).await {
                        assert!(!error.to_string().contains('\n'), "{error}");
                        assert!(!error.message.starts_with("it could not be loaded"), "{error} {text}");
                    }
                }
            }
        });
    }
}

#[test]
fn fixtures_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Fixture>>();
}
