//! Manual models and fields (`x_…`): made, changed and removed over the wire, on every store and for every server of it.

use serde_json::{Value, json};
use wiredoo::Series;

use crate::common::{self, Client, Store, durable_stores, odoo, on_every_store, options, stores};

const PARTNER: &str = "res.partner";

fn ids(value: &Value) -> Vec<i64> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).iter().map(|id| id.as_i64().unwrap()).collect()
}

/// A model `x_node` with relations of each kind, to itself and to contacts.
async fn node(client: &mut Client<'_>) -> i64 {
    let fields = json!([
        {"name": "x_parent_id", "ttype": "many2one", "relation": "x_node", "on_delete": "cascade"},
        {"name": "x_partner_id", "ttype": "many2one", "relation": PARTNER},
        {"name": "x_friend_ids", "ttype": "many2many", "relation": "x_node"},
        {"name": "x_tag_ids", "ttype": "many2many", "relation": "res.partner.category"},
        {"name": "x_child_ids", "ttype": "one2many", "relation": "x_node", "relation_field": "x_parent_id"},
        {"name": "x_state", "ttype": "selection", "selection_ids": options(&["new", "old"])},
        {"name": "x_city", "ttype": "char", "related": "x_partner_id.city", "readonly": true},
        {"name": "x_country_id", "ttype": "many2one", "relation": "res.country", "related": "x_partner_id.country_id",
            "readonly": true},
    ]);
    client.manual_model("x_node", fields).await
}

#[tokio::test]
async fn relations_of_every_kind_work_on_every_store() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        node(client).await;
        let partner = client.create(PARTNER, json!({"name": "P", "city": "Gent", "country_id": 20})).await;
        let tree = json!({"x_name": "root", "x_partner_id": partner, "x_state": "new",
            "x_tag_ids": [[0, 0, {"name": "T"}]], "x_child_ids": [[0, 0, {"x_name": "a"}], [0, 0, {"x_name": "b"}]]});
        let root = client.create("x_node", tree).await;
        let children = client.search("x_node", json!([["x_parent_id", "=", root]])).await;
        client.kw("x_node", "write", json!([[root], {"x_friend_ids": [[6, 0, children]]}]), json!({})).await;
        let fields =
            json!(["display_name", "x_partner_id", "x_child_ids", "x_friend_ids", "x_state", "x_city", "x_country_id"]);
        let read = json!({"display_name": "root", "x_partner_id": [partner, "P"], "x_child_ids": children,
            "x_friend_ids": children, "x_state": "new", "x_city": "Gent", "x_country_id": [20, "Belgium"]});
        assert_eq!(client.values("x_node", root, fields).await, read, "{context}");
        assert_eq!(
            client.values("x_node", children[0], json!(["x_friend_ids", "x_city"])).await,
            json!({"x_friend_ids": [], "x_city": false}),
            "{context}"
        );
        // What a field mirrors is as it is there, is searched and grouped there.
        client.kw(PARTNER, "write", json!([[partner], {"city": "Mons"}]), json!({})).await;
        assert_eq!(client.values("x_node", root, json!(["x_city"])).await, json!({"x_city": "Mons"}), "{context}");
        assert_eq!(client.search("x_node", json!([["x_city", "=", "Mons"]])).await, [root], "{context}");
        assert_eq!(client.search("x_node", json!([["x_city", "=", false]])).await, children, "{context}");
        assert_eq!(client.search("x_node", json!([["x_country_id.code", "=", "BE"]])).await, [root], "{context}");
        assert_eq!(client.search("x_node", json!([["id", "child_of", root]])).await, [root, children[0], children[1]]);
        assert_eq!(client.search("x_node", json!([["x_tag_ids.name", "=", "T"]])).await, [root], "{context}");
        assert_eq!(client.search("x_node", json!([["x_friend_ids", "in", [children[1]]]])).await, [root], "{context}");
        // Records go with their parent, pairs with their records.
        client.kw(PARTNER, "unlink", json!([[partner]]), json!({})).await;
        assert_eq!(
            client.values("x_node", root, json!(["x_partner_id", "x_city"])).await,
            json!({"x_partner_id": false, "x_city": false}),
            "{context}"
        );
        client.kw("x_node", "unlink", json!([[children[0]]]), json!({})).await;
        assert_eq!(
            client.values("x_node", root, json!(["x_friend_ids"])).await,
            json!({"x_friend_ids": [children[1]]})
        );
        client.kw("x_node", "unlink", json!([[root]]), json!({})).await;
        assert_eq!(client.search("x_node", json!([])).await, [0; 0], "{context}");
    })
    .await;
}

#[tokio::test]
async fn fields_come_change_and_go() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        let model = client.manual_model("x_thing", json!([])).await;
        let id = client.create("x_thing", json!({"x_name": "a"})).await;
        let described = async |client: &mut Client<'_>, field: &str| {
            client
                .kw("x_thing", "fields_get", json!([[field], ["string", "type", "required", "selection"]]), json!({}))
                .await[field]
                .clone()
        };
        let field =
            client.manual_field(model, json!({"name": "x_num", "ttype": "integer", "field_description": "Num"})).await;
        assert_eq!(
            described(client, "x_num").await,
            json!({"string": "Num", "type": "integer", "required": false}),
            "{context}"
        );
        assert_eq!(client.values("x_thing", id, json!(["x_num"])).await, json!({"x_num": 0}), "{context}");
        client.kw("x_thing", "write", json!([[id], {"x_num": 7}]), json!({})).await;
        client
            .kw(
                "ir.model.fields",
                "write",
                json!([[field], {"field_description": "Number", "required": true}]),
                json!({}),
            )
            .await;
        assert_eq!(
            described(client, "x_num").await,
            json!({"string": "Number", "type": "integer", "required": true}),
            "{context}"
        );
        client.kw("ir.model.fields", "unlink", json!([[field]]), json!({})).await;
        assert_eq!(described(client, "x_num").await, Value::Null, "{context}");
        let (name, message) = client.fault("x_thing", "read", json!([[id], ["x_num"]]), json!({})).await;
        let on = if series == Series::V17 { "on model" } else { "on" };
        assert_eq!(
            (name.as_str(), message),
            ("ValueError", format!("Invalid field 'x_num' {on} 'x_thing'")),
            "{context}"
        );
        // A field of that name, and of another type, begins with nothing.
        client.manual_field(model, json!({"name": "x_num", "ttype": "char"})).await;
        assert_eq!(client.values("x_thing", id, json!(["x_num"])).await, json!({"x_num": false}), "{context}");
        client.kw("x_thing", "write", json!([[id], {"x_num": "seven"}]), json!({})).await;
        // The options of a selection.
        let selection = json!({"name": "x_sel", "ttype": "selection", "selection_ids": options(&["a", "b"])});
        let field = client.manual_field(model, selection).await;
        client.kw("x_thing", "write", json!([[id], {"x_sel": "b"}]), json!({})).await;
        client
            .create(
                "ir.model.fields.selection",
                json!({"field_id": field, "value": "c", "name": "See", "sequence": 2000}),
            )
            .await;
        assert_eq!(
            described(client, "x_sel").await["selection"],
            json!([["a", "A"], ["b", "B"], ["c", "See"]]),
            "{context}"
        );
        let gone =
            client.search("ir.model.fields.selection", json!([["field_id", "=", field], ["value", "=", "b"]])).await;
        client.kw("ir.model.fields.selection", "unlink", json!([gone]), json!({})).await;
        assert_eq!(client.values("x_thing", id, json!(["x_sel"])).await, json!({"x_sel": false}), "{context}");
        let fault = client.fault("x_thing", "write", json!([[id], {"x_sel": "b"}]), json!({})).await;
        assert_eq!(fault, ("ValueError".to_owned(), "Wrong value for x_thing.x_sel: 'b'".to_owned()), "{context}");
    })
    .await;
}

#[tokio::test]
async fn fields_of_base_models_are_there_wherever_these_are() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let model = client.search("ir.model", json!([["model", "=", PARTNER]])).await[0];
        let field = client.manual_field(model, json!({"name": "x_score", "ttype": "integer"})).await;
        client.manual_field(model, json!({"name": "x_boss_id", "ttype": "many2one", "relation": PARTNER})).await;
        client.manual_field(model, json!({"name": "x_minion_ids", "ttype": "one2many", "relation": PARTNER, "relation_field": "x_boss_id"})).await;
        client.kw(PARTNER, "write", json!([[3], {"x_score": 5}]), json!({})).await;
        let minion = client.create(PARTNER, json!({"name": "M", "x_boss_id": 3})).await;
        assert_eq!(client.values(PARTNER, 3, json!(["x_minion_ids"])).await, json!({"x_minion_ids": [minion]}), "{context}");
        // Users have the fields of their contacts.
        assert_eq!(client.values("res.users", 2, json!(["x_score"])).await, json!({"x_score": 5}), "{context}");
        client.kw("res.users", "write", json!([[2], {"x_score": 6}]), json!({})).await;
        assert_eq!(client.search(PARTNER, json!([["x_score", ">", 5]])).await, [3], "{context}");
        assert_eq!(client.search("res.users", json!([["x_score", "=", 6]])).await, [2], "{context}");
        client.kw("ir.model.fields", "unlink", json!([[field]]), json!({})).await;
        let (name, _) = client.fault("res.users", "read", json!([[2], ["x_score"]]), json!({})).await;
        assert_eq!(name, "ValueError", "{context}");
        let base = client.search("ir.model.fields", json!([["model", "=", PARTNER], ["name", "=", "city"]])).await;
        let fault = client.fault("ir.model.fields", "unlink", json!([base]), json!({})).await;
        assert_eq!(fault, ("UserError".to_owned(), "This column contains module data and cannot be removed!".to_owned()));
        let (name, _) = client.fault("ir.model", "unlink", json!([[model]]), json!({})).await;
        assert_eq!(name, "UserError", "{context}");
        assert_eq!(client.values(PARTNER, 3, json!(["city"])).await, json!({"city": false}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn models_go_with_all_that_is_of_them() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        let target = client.manual_model("x_target", json!([])).await;
        let model = client
            .manual_model(
                "x_thing",
                json!([{"name": "x_tag_ids", "ttype": "many2many", "relation": "res.partner.category"}]),
            )
            .await;
        client
            .kw(
                "x_thing",
                "create",
                json!([[{"x_name": "a", "x_tag_ids": [[0, 0, {"name": "T"}]]}, {"x_name": "b"}]]),
                json!({}),
            )
            .await;
        client
            .create("ir.rule", json!({"name": "r", "model_id": model, "domain_force": "[('x_name', '!=', 'c')]"}))
            .await;
        client.create("ir.attachment", json!({"name": "f", "raw": "x", "res_model": "x_thing", "res_id": 1})).await;
        client.kw("x_thing", "load", json!([["id", "x_name"], [["test.thing", "c"]]]), json!({})).await;
        let refers = client
            .manual_field(model, json!({"name": "x_target_id", "ttype": "many2one", "relation": "x_target"}))
            .await;
        // What others refer to stays, or goes with the fields that do.
        let body = client.call_kw("ir.model", "unlink", json!([[target]]), json!({})).await.json();
        if body.get("error").is_some() {
            client.kw("ir.model.fields", "unlink", json!([[refers]]), json!({})).await;
            client.kw("ir.model", "unlink", json!([[target]]), json!({})).await;
        }
        client.kw("x_thing", "search_read", json!([[]]), json!({})).await;
        client.kw("ir.model", "unlink", json!([[model]]), json!({})).await;
        let gone = client.call_kw("x_thing", "search", json!([[]]), json!({})).await.json();
        let name = if series == Series::V19 { "werkzeug.exceptions.NotFound" } else { "builtins.KeyError" };
        assert_eq!(gone["error"]["data"]["name"], name, "{context}");
        for (of, domain) in [
            ("ir.model.fields", json!([["model", "=", "x_thing"]])),
            ("ir.model.access", json!([["model_id", "=", model]])),
            ("ir.rule", json!([["model_id", "=", model]])),
            ("ir.attachment", json!([["res_model", "=", "x_thing"]])),
            ("ir.model.data", json!([["model", "=", "x_thing"]])),
        ] {
            assert_eq!(client.search(of, domain).await, [0; 0], "{context}: {of}");
        }
        // One of the same name begins anew.
        client
            .manual_model(
                "x_thing",
                json!([{"name": "x_tag_ids", "ttype": "many2many", "relation": "res.partner.category"}]),
            )
            .await;
        assert_eq!(client.search("x_thing", json!([])).await, [0; 0], "{context}");
        let first = client.create("x_thing", json!({"x_name": "new"})).await;
        assert_eq!(first, 1, "{context}");
        assert_eq!(client.values("x_thing", first, json!(["x_tag_ids"])).await, json!({"x_tag_ids": []}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let long = format!("x_{}", "a".repeat(70));
        for name in ["thing", "x-thing", "x_Thing", "x_thing é", "x_thing;drop", "x_\"", "", long.as_str()] {
            let values = json!({"name": "Thing", "model": name, "state": "manual"});
            let (error, message) = client.fault("ir.model", "create", json!([values]), json!({})).await;
            assert_eq!(error, "ValidationError", "{context}: {name}: {message}");
        }
        let model = client.manual_model("x_thing", json!([{"name": "x_num", "ttype": "integer"}])).await;
        let field = |name: &str, more: Value| {
            let mut values = json!({"model_id": model, "name": name, "field_description": "F", "ttype": "char", "state": "manual"});
            values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!([values])
        };
        for name in ["num", "X_num", "x-num", "x_é", "x_\"", "x_a b", "", long.as_str(), "x_num"] {
            let (error, message) = client.fault("ir.model.fields", "create", field(name, json!({})), json!({})).await;
            assert_eq!(error, "ValidationError", "{context}: {name}: {message}");
        }
        for (more, said) in [
            (json!({"ttype": "many2one", "relation": "no.such.model"}), "Model no.such.model does not exist!"),
            (json!({"ttype": "one2many", "relation": "x_thing", "relation_field": "x_no_id"}), "Many2one x_no_id on model x_thing does not exist!"),
        ] {
            let fault = client.fault("ir.model.fields", "create", field("x_new", more), json!({})).await;
            assert_eq!(fault, ("UserError".to_owned(), said.to_owned()), "{context}");
        }
        for more in [
            json!({"ttype": "char", "related": "x_num.city"}),
            json!({"ttype": "char", "related": "nope"}),
            json!({"ttype": "nonsense"}),
            json!({"ttype": "selection", "selection_ids": [[0, 0, {"value": "a", "name": "A"}], [0, 0, {"value": "a", "name": "B"}]]}),
            json!({"ttype": "many2one"}),
        ] {
            let (name, message) = client.fault("ir.model.fields", "create", field("x_new", more.clone()), json!({})).await;
            assert!(["ValidationError", "UserError", "ValueError"].contains(&name.as_str()), "{context}: {more}: {name} {message}");
        }
        let (name, _) = client.fault("ir.model", "create", json!([{"name": "Again", "model": "x_thing", "state": "manual"}]), json!({})).await;
        assert_eq!(name, "ValidationError", "{context}");
        let (name, _) = client.fault("ir.model", "write", json!([[model], {"model": "x_other"}]), json!({})).await;
        assert_eq!(name, "UserError", "{context}");
        // Nothing of all that is left.
        assert_eq!(client.search("ir.model", json!([["state", "=", "manual"]])).await, [model], "{context}");
        let fields = client.kw("x_thing", "fields_get", json!([[], []]), json!({})).await;
        let own: Vec<&String> = fields.as_object().unwrap().keys().filter(|name| name.starts_with("x_")).collect();
        assert_eq!(own, ["x_name", "x_num"], "{context}");
        let id = client.create("x_thing", json!({"x_num": 1})).await;
        assert_eq!(client.values("x_thing", id, json!(["x_num"])).await, json!({"x_num": 1}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn long_names_of_tables_are_no_problem() {
    on_every_store(&[Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let (one, other) = (format!("x_{}", "a".repeat(40)), format!("x_{}", "b".repeat(40)));
        client.manual_model(&other, json!([])).await;
        let fields = json!([
            {"name": "x_first_ids", "ttype": "many2many", "relation": other},
            {"name": "x_second_ids", "ttype": "many2many", "relation": other},
            {"name": format!("x_{}_id", "c".repeat(58)), "ttype": "many2one", "relation": other},
        ]);
        client.manual_model(&one, fields).await;
        let target = client.create(&other, json!({"x_name": "t"})).await;
        let id = client.create(&one, json!({"x_first_ids": [[6, 0, [target]]]})).await;
        let row = client.values(&one, id, json!(["x_first_ids", "x_second_ids"])).await;
        assert_eq!(row, json!({"x_first_ids": [target], "x_second_ids": []}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn another_server_of_the_store_knows_them_at_once() {
    for store in durable_stores() {
        let series = Series::V17;
        let (one, other) = (store.builder(series).start().await.unwrap(), store.builder(series).start().await.unwrap());
        let (mut here, mut there) = (Client::administrator(&one).await, Client::administrator(&other).await);
        let (name, _) = there.fault("x_thing", "search", json!([[]]), json!({})).await;
        assert_eq!(name, "KeyError", "{}", store.name);
        let model = here.manual_model("x_thing", json!([{"name": "x_num", "ttype": "integer"}])).await;
        let id = there.create("x_thing", json!({"x_name": "there", "x_num": 3})).await;
        let next = here.create("x_thing", json!({"x_name": "here"})).await;
        assert!(next > id, "{}", store.name);
        assert_eq!(here.values("x_thing", id, json!(["x_num"])).await, json!({"x_num": 3}), "{}", store.name);
        let field = there.manual_field(model, json!({"name": "x_new", "ttype": "char"})).await;
        here.kw("x_thing", "write", json!([[id], {"x_new": "value"}]), json!({})).await;
        assert_eq!(there.values("x_thing", id, json!(["x_new"])).await, json!({"x_new": "value"}), "{}", store.name);
        here.kw("ir.model.fields", "unlink", json!([[field]]), json!({})).await;
        let (name, _) = there.fault("x_thing", "read", json!([[id], ["x_new"]]), json!({})).await;
        assert_eq!(name, "ValueError", "{}", store.name);
        assert_eq!(there.kw("x_thing", "read", json!([[id]]), json!({})).await[0]["x_num"], 3, "{}", store.name);
        there.kw("ir.model", "unlink", json!([[model]]), json!({})).await;
        let (name, _) = here.fault("x_thing", "search", json!([[]]), json!({})).await;
        assert_eq!(name, "KeyError", "{}", store.name);
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn a_dump_has_them_and_a_restored_database_works_with_them() {
    for store in stores() {
        let series = Series::V19;
        let server = store.builder(series).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        node(&mut client).await;
        let base = client.search("ir.model", json!([["model", "=", PARTNER]])).await[0];
        client.manual_field(base, json!({"name": "x_score", "ttype": "float"})).await;
        client.kw(PARTNER, "write", json!([[3], {"x_score": 1.5}]), json!({})).await;
        let root = json!({"x_name": "é \"root\"", "x_partner_id": 3, "x_state": "old", "x_tag_ids": [[0, 0, {"name": "T"}]],
            "x_child_ids": [[0, 0, {"x_name": "a"}]]});
        let root = client.create("x_node", root).await;
        let fields =
            json!(["x_name", "x_partner_id", "x_state", "x_tag_ids", "x_child_ids", "x_parent_id", "create_date"]);
        let before = client.values("x_node", root, fields.clone()).await;

        let copies = restored(&mut client, &store).await;
        for copy in copies {
            let mut there = Client::new(&server);
            let login = json!({"db": copy, "login": "admin", "password": "admin"});
            there.call("/web/session/authenticate", login).await.result();
            assert_eq!(there.values("x_node", root, fields.clone()).await, before, "{}: {copy}", store.name);
            assert_eq!(there.values(PARTNER, 3, json!(["x_score"])).await, json!({"x_score": 1.5}), "{}", store.name);
            // The ids go on, the tables keep their rules, and more can be made of them.
            let last = *there.search("x_node", json!([])).await.last().unwrap();
            assert_eq!(there.create("x_node", json!({"x_parent_id": root})).await, last + 1, "{}", store.name);
            there.kw("x_node", "unlink", json!([[root]]), json!({})).await;
            assert_eq!(there.search("x_node", json!([])).await, [0; 0], "the cascade is kept: {}", store.name);
            let model = there.search("ir.model", json!([["model", "=", "x_node"]])).await[0];
            there.manual_field(model, json!({"name": "x_more", "ttype": "char"})).await;
            there.create("x_node", json!({"x_more": "m"})).await;
            there.kw("ir.model", "unlink", json!([[model]]), json!({})).await;
            client.service("db", "drop", json!(["admin", copy])).await.result();
        }
        assert_eq!(client.values("x_node", root, fields).await, before, "{}", store.name);
        store.finish(server).await;
    }
}

/// The database, restored from its dump, and duplicated; their names.
async fn restored(client: &mut Client<'_>, store: &Store) -> Vec<String> {
    let (restored, duplicate) = (format!("{}_restored", store.db), format!("{}_duplicate", store.db));
    let dump = client.service("db", "dump", json!(["admin", store.db, "zip"])).await.result();
    client.service("db", "restore", json!(["admin", restored, dump])).await.result();
    client.service("db", "duplicate_database", json!(["admin", store.db, duplicate])).await.result();
    vec![restored, duplicate]
}

#[tokio::test]
async fn who_may_not_change_models_changes_none() {
    let server = odoo(Series::V19).await;
    common::make_user(&server, "uma", "secret", &["base.group_user"]).await;
    let mut admin = Client::administrator(&server).await;
    let model = admin.manual_model("x_thing", json!([])).await;
    let mut uma = Client::new(&server);
    uma.authenticate("uma", "secret").await.result();
    let field =
        json!({"model_id": model, "name": "x_num", "ttype": "integer", "state": "manual", "field_description": "x"});
    let own = admin.search("ir.model.fields", json!([["model", "=", "x_thing"], ["name", "=", "x_name"]])).await;
    for (of, method, args) in [
        ("ir.model", "create", json!([{"name": "x", "model": "x_new", "state": "manual"}])),
        ("ir.model.fields", "create", json!([field])),
        ("ir.model.fields", "unlink", json!([own])),
        ("ir.model", "unlink", json!([[model]])),
        ("ir.model", "write", json!([[model], {"field_id": [[2, own[0]]]}])),
    ] {
        let (name, message) = uma.fault(of, method, args.clone(), json!({})).await;
        assert_eq!(name, "AccessError", "{of}.{method}({args}): {message}");
    }
    let id = uma.create("x_thing", json!({"x_name": "still there"})).await;
    assert_eq!(ids(&json!([id])).len(), 1);
}
