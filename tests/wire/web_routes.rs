//! What the web client fetches: translations, menus, and calls of old series.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use wiredoo::Series;

use crate::common::{Client, make_user, odoo};

#[tokio::test]
async fn translations_tell_how_a_language_is_written() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let path = if series == Series::V19 { "/web/webclient/translations" } else { "/web/webclient/translations/x" };
        let answer = client.get(&format!("{path}?lang=en_US&mods=base,web")).await;
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let told = answer.json();
        assert_eq!(told["lang"], "en_US", "{series}");
        assert_eq!(told["modules"], json!({"base": {"messages": []}, "web": {"messages": []}}));
        assert_eq!((&told["lang_parameters"]["week_start"], &told["multi_lang"]), (&json!(7), &json!(false)));
        assert_eq!(told["lang_parameters"].get("id").is_some(), series <= Series::V17);
        let all = client.get(path).await.json();
        assert!(all["modules"]["base"].is_object() && all["lang_parameters"].is_null(), "{all}");
        let unknown = client.get(&format!("{path}?lang=xx_XX")).await;
        assert_eq!((unknown.status.as_u16(), &unknown.json()["lang_parameters"]), (200, &Value::Null));
        if let Some(hash) = told["hash"].as_str() {
            let known = client.get(&format!("{path}?lang=en_US&mods=base,web&hash={hash}")).await.json();
            assert_eq!(known, json!({"lang": "en_US", "hash": hash}));
        }
    }
}

#[tokio::test]
async fn menus_are_a_tree() {
    for series in Series::ALL {
        let server = odoo(series).await;
        make_user(&server, "clerk", "clerk", &["base.group_user"]).await;
        let mut admin = Client::administrator(&server).await;
        let path = if series == Series::V19 { "/web/webclient/load_menus" } else { "/web/webclient/load_menus/x" };
        let groups = if series == Series::V19 { "group_ids" } else { "groups_id" };
        let system = admin.search("res.groups", json!([["name", "in", ["Settings", "Role / Administrator"]]])).await;
        let app = admin.create("ir.ui.menu", json!({"name": "App", "sequence": 1})).await;
        let below = admin.create("ir.ui.menu", json!({"name": "Below", "parent_id": app})).await;
        let hidden = json!({"name": "Hidden", "parent_id": app, groups: [[6, 0, system]]});
        let hidden = admin.create("ir.ui.menu", hidden).await;
        let menus = admin.get(path).await.json();
        assert!(menus["root"]["children"].as_array().unwrap().contains(&app.into()), "{series}: {menus}");
        assert_eq!(menus[below.to_string()]["appID"], app);
        let mut clerk = Client::new(&server);
        assert_eq!(clerk.get(path).await.status, 303);
        clerk.authenticate("clerk", "clerk").await.result();
        let seen = clerk.get(path).await.json();
        assert_eq!(seen[app.to_string()]["children"], json!([below]), "{series}");
        assert!(seen.get(hidden.to_string()).is_none(), "{series}");
    }
}

#[tokio::test]
async fn old_routes_of_the_dataset() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let params = json!({"model": "res.partner", "fields": ["name"], "domain": [["id", "=", 3]], "limit": 1});
        let answer = admin.call("/web/dataset/search_read", params).await;
        if series > Series::V16 {
            assert_eq!(answer.status, 404, "{series}");
            continue;
        }
        let is = json!({"length": 1, "records": [{"id": 3, "name": "Administrator"}]});
        assert_eq!(answer.result(), is, "{series}");
        let all = admin.call("/web/dataset/search_read", json!({"model": "res.lang"})).await.result();
        assert_eq!(all["length"], all["records"].as_array().unwrap().len());
        let call = json!({"model": "res.partner", "method": "read", "args": [[3], ["name"]]});
        assert_eq!(admin.call("/web/dataset/call", call).await.result()[0]["name"], "Administrator");
        let load = json!({"model": "res.partner", "id": 3, "fields": []});
        assert_eq!(admin.call("/web/dataset/load", load).await.result()["value"]["id"], 3);
        let (name, _) =
            admin.call("/web/dataset/call", json!({"model": "no.such", "method": "x", "args": []})).await.exception();
        assert_eq!(name, "builtins.KeyError", "{series}");
        let (name, _) = admin.call("/web/dataset/call", json!({"model": "res.partner"})).await.exception();
        assert_eq!(name, "builtins.TypeError", "{series}");
        let (name, _) = Client::new(&server).call("/web/dataset/call", json!({})).await.exception();
        assert_eq!(name, "odoo.http.SessionExpiredException", "{series}");
    }
}

#[tokio::test]
async fn live_updates_are_refused() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let poll = client.call("/longpolling/poll", json!({"channels": [], "last": 0})).await;
        let websocket = client.get("/websocket").await;
        if series == Series::V15 {
            assert_eq!(poll.exception(), ("builtins.Exception".to_owned(), "bus.Bus unavailable".to_owned()));
            assert_eq!(websocket.status, 404);
            continue;
        }
        assert_eq!(poll.status, 404, "{series}");
        assert_eq!(websocket.status, 400, "{series}");
        assert!(websocket.text().contains("Empty or missing header(s): "), "{}", websocket.text());
        let handshake = Request::get("/websocket")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("host", "localhost")
            .header("origin", "http://localhost")
            .header("sec-websocket-key", "eA==")
            .header("sec-websocket-version", "13");
        let refused = client.send(handshake.body(Body::empty()).unwrap()).await;
        assert_eq!(refused.status, 500, "{series}");
    }
}

#[tokio::test]
async fn who_is_logged_in_needs_no_login_page() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    assert_eq!(client.get("/web/login?redirect=/web/content/1").await.status, 200);
    let mut admin = Client::administrator(&server).await;
    let sent = admin.get("/web/login?redirect=%2Fweb%3Fa%3Db").await;
    assert_eq!((sent.status.as_u16(), &sent.headers["location"]), (303, &"/web?a=b".parse().unwrap()));
    for elsewhere in ["//evil.example", "https://evil.example", "%2F%5Cevil.example"] {
        assert_eq!(admin.get(&format!("/web/login?redirect={elsewhere}")).await.status, 200, "{elsewhere}");
    }
}
