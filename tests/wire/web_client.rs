//! What the web client asks of models beside their records.

use serde_json::json;
use wiredoo::Series;

use crate::common::{self, Client, odoo};

const SERIES: [Series; 3] = [Series::V17, Series::V18, Series::V19];

#[tokio::test]
async fn forms_are_opened_by_an_action() {
    for series in SERIES {
        let server = odoo(series).await;
        let mut client = Client::administrator(&server).await;
        assert_eq!(client.kw("res.partner", "get_formview_id", json!([[3]]), json!({})).await, false);
        let action =
            client.kw("res.partner", "get_formview_action", json!([[3]]), json!({"context": {"lang": "en_US"}})).await;
        assert_eq!(
            (&action["type"], &action["res_model"], &action["res_id"], &action["context"]["lang"]),
            (&json!("ir.actions.act_window"), &json!("res.partner"), &json!(3), &json!("en_US"))
        );
        assert_eq!(action["views"], json!([[false, "form"]]));
        let (name, message) = client.fault("res.partner", "get_formview_action", json!([[1, 3]]), json!({})).await;
        assert_eq!((name.as_str(), message.as_str()), ("ValueError", "Expected singleton: res.partner(1, 3)"));
    }
}

#[tokio::test]
async fn models_to_choose_from_are_those_that_the_user_may_read() {
    let server = odoo(Series::V18).await;
    let mut admin = Client::administrator(&server).await;
    let labels = admin.kw("ir.model", "display_name_for", json!([["res.partner", "no.model"]]), json!({})).await;
    assert_eq!(
        labels,
        json!([{"display_name": "Contact", "model": "res.partner"}, {"display_name": "no.model", "model": "no.model"}])
    );
    common::make_user(&server, "uma", "uma", &["base.group_user"]).await;
    let mut uma = Client::new(&server);
    uma.authenticate("uma", "uma").await.result();
    let models = uma.kw("ir.model", "get_available_models", json!([]), json!({})).await;
    let names: Vec<_> = models.as_array().unwrap().iter().map(|model| model["model"].as_str().unwrap()).collect();
    assert!(names.contains(&"res.partner") && !names.contains(&"ir.rule"), "{names:?}");
}

#[tokio::test]
async fn the_order_of_records_is_written_down() {
    let server = odoo(Series::V19).await;
    let mut client = Client::administrator(&server).await;
    client.manual_model("x_step", json!([{"name": "x_sequence", "ttype": "integer"}])).await;
    let (one, two) = (
        client.create("x_step", json!({"x_name": "one"})).await,
        client.create("x_step", json!({"x_name": "two"})).await,
    );
    let kwargs = json!({"specification": {"x_sequence": {}}, "field_name": "x_sequence", "offset": 5});
    let rows = client.kw("x_step", "web_resequence", json!([[two, one]]), kwargs).await;
    assert_eq!(rows, json!([{"id": two, "x_sequence": 5}, {"id": one, "x_sequence": 6}]));
}

#[tokio::test]
async fn the_address_of_the_server_is_told_to_everybody() {
    let server = odoo(Series::V17).await;
    common::make_user(&server, "uma", "uma", &["base.group_user"]).await;
    let mut uma = Client::new(&server);
    uma.authenticate("uma", "uma").await.result();
    let url = uma.kw("res.partner", "get_base_url", json!([[1]]), json!({})).await;
    assert!(url.as_str().unwrap().starts_with("http://"), "{url}");
    assert_eq!(uma.kw("res.partner", "get_empty_list_help", json!(["Nothing"]), json!({})).await, "Nothing");
    assert_eq!(uma.kw("res.partner", "get_import_templates", json!([]), json!({})).await, json!([]));
    let found = uma.kw("res.partner", "search_fetch", json!([[["id", "=", 1]], ["name"]]), json!({})).await;
    assert_eq!(found, json!([1]));
}
