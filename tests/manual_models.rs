//! Models and fields that users make: their tables and columns come and go with them, in every process at once.

mod common;

use serde_json::json;
use wiredoo::Series;

use common::{Client, durable_stores, odoo, options, stores};

#[tokio::test]
async fn a_field_is_there_for_every_process_at_once() {
    for store in durable_stores() {
        let one = store.builder(Series::V18).start().await.unwrap();
        let other = store.builder(Series::V18).start().await.unwrap();
        let mut here = Client::administrator(&one).await;
        let mut there = Client::administrator(&other).await;
        let model = here.manual_model("x_thing", json!([])).await;
        let thing = there.create("x_thing", json!({"x_name": "first"})).await;
        let field = there.manual_field(model, json!({"name": "x_size", "ttype": "integer"})).await;
        here.kw("x_thing", "write", json!([[thing], {"x_size": 3}]), json!({})).await;
        assert_eq!(there.values("x_thing", thing, json!(["x_size"])).await, json!({"x_size": 3}), "{}", store.name);
        here.kw("ir.model.fields", "unlink", json!([[field]]), json!({})).await;
        let (name, message) = there.fault("x_thing", "read", json!([[thing], ["x_size"]]), json!({})).await;
        assert_eq!((name.as_str(), message.as_str()), ("ValueError", "Invalid field 'x_size' on model 'x_thing'"));
        there.kw("ir.model", "unlink", json!([[model]]), json!({})).await;
        assert!(here.call_kw("x_thing", "search", json!([[]]), json!({})).await.json().get("error").is_some());
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn every_type_of_field_keeps_its_values() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let fields = json!([
            {"name": "x_code", "ttype": "char", "size": 4},
            {"name": "x_text", "ttype": "text"},
            {"name": "x_html", "ttype": "html"},
            {"name": "x_int", "ttype": "integer"},
            {"name": "x_float", "ttype": "float"},
            {"name": "x_bool", "ttype": "boolean"},
            {"name": "x_day", "ttype": "date"},
            {"name": "x_at", "ttype": "datetime"},
            {"name": "x_state", "ttype": "selection", "selection_ids": options(&["a", "b"])},
            {"name": "x_bin", "ttype": "binary"},
            {"name": "x_ref", "ttype": "reference", "selection_ids": options(&["res.partner"])},
            {"name": "x_partner_id", "ttype": "many2one", "relation": "res.partner"},
            {"name": "x_city", "ttype": "char", "related": "x_partner_id.city", "readonly": true},
            {"name": "x_tag_ids", "ttype": "many2many", "relation": "res.partner.category"},
            {"name": "x_parent_id", "ttype": "many2one", "relation": "x_thing", "on_delete": "cascade"},
            {"name": "x_child_ids", "ttype": "one2many", "relation": "x_thing", "relation_field": "x_parent_id"},
        ]);
        client.manual_model("x_thing", fields).await;
        let tag = client.create("res.partner.category", json!({"name": "Tag"})).await;
        let partner = client.create("res.partner", json!({"name": "Ann", "city": "Athens"})).await;
        let values = json!({"x_name": "top", "x_code": "toolong", "x_text": "a\nb", "x_html": "<p>x<script>y</script></p>",
            "x_int": "7", "x_float": 0.1, "x_bool": 1, "x_day": "2024-02-29", "x_at": "2024-02-29 23:59:59",
            "x_state": "b", "x_bin": "aGVsbG8=", "x_ref": format!("res.partner,{partner}"), "x_partner_id": partner,
            "x_tag_ids": [[4, tag]], "x_child_ids": [[0, 0, {"x_name": "kid", "x_child_ids": [[0, 0, {"x_name": "grandkid"}]]}]]});
        let thing = client.create("x_thing", values).await;
        let kid = client.search("x_thing", json!([["x_name", "=", "kid"]])).await[0];
        let names = json!([
            "x_code",
            "x_text",
            "x_html",
            "x_int",
            "x_float",
            "x_bool",
            "x_day",
            "x_at",
            "x_state",
            "x_bin",
            "x_ref",
            "x_partner_id",
            "x_city",
            "x_tag_ids",
            "x_parent_id",
            "x_child_ids"
        ]);
        let expected = json!({"x_code": "tool", "x_text": "a\nb", "x_html": "<p>x</p>", "x_int": 7, "x_float": 0.1,
            "x_bool": true, "x_day": "2024-02-29", "x_at": "2024-02-29 23:59:59", "x_state": "b", "x_bin": "aGVsbG8=",
            "x_ref": format!("res.partner,{partner}"), "x_partner_id": [partner, "Ann"], "x_city": "Athens",
            "x_tag_ids": [tag], "x_parent_id": false, "x_child_ids": [kid]});
        assert_eq!(client.values("x_thing", thing, names.clone()).await, expected, "{}", store.name);
        // Removed parents take their children along.
        client.kw("x_thing", "unlink", json!([[thing]]), json!({})).await;
        assert_eq!(client.search("x_thing", json!([])).await, [0; 0]);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn what_cannot_be_a_field_is_refused_and_leaves_nothing() {
    for series in [Series::V17, Series::V18, Series::V19] {
        let server = odoo(series).await;
        let mut client = Client::administrator(&server).await;
        let model = client.manual_model("x_thing", json!([])).await;
        let before = client.kw("x_thing", "fields_get", json!([]), json!({"attributes": ["type"]})).await;
        for (field, error, message) in [
            (json!({"name": "size", "ttype": "char"}), "ValidationError", "Custom fields must have a name that starts"),
            (json!({"name": "x_a b", "ttype": "char"}), "ValidationError", "can only contain characters, digits"),
            (
                json!({"name": "x_a", "ttype": "many2one", "relation": "no.model"}),
                "UserError",
                "Model no.model does not",
            ),
            (json!({"name": "x_name", "ttype": "char"}), "ValidationError", "Field names must be unique per model"),
            (
                json!({"name": "x_a", "ttype": "nothing"}),
                "ValueError",
                "Wrong value for ir.model.fields.ttype: 'nothing'",
            ),
        ] {
            let mut values = json!({"model_id": model, "field_description": "A", "state": "manual"});
            values.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
            let fault = client.fault("ir.model.fields", "create", json!([values]), json!({})).await;
            assert!(fault.0 == error && fault.1.contains(message), "{field}: {fault:?}");
        }
        let after = client.kw("x_thing", "fields_get", json!([]), json!({"attributes": ["type"]})).await;
        assert_eq!(before, after);
        let (name, message) =
            client.fault("ir.model", "create", json!([{"name": "T", "model": "thing"}]), json!({})).await;
        assert_eq!(name, "ValidationError", "{message}");
    }
}
