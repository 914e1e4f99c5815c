//! `/doc-bearer` and `/doc` (19.0): what machines and people can read of models and methods.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use wiredoo::auth::api_key::{self, NewKey};
use wiredoo::orm::answered::is_answered;
use wiredoo::orm::methods;
use wiredoo::orm::registry::Registry;
use wiredoo::{Series, Wiredoo};

use crate::common::{Client, make_user};

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

async fn server() -> Wiredoo {
    Wiredoo::builder().configure(|config| config.admin_api_key = Some(KEY.to_owned())).start().await.unwrap()
}

fn client(server: &Wiredoo) -> Client<'_> {
    Client::new(server).with("authorization", format!("Bearer {KEY}"))
}

#[tokio::test]
async fn the_index_has_models_with_fields_and_methods() {
    let server = server().await;
    let mut c = client(&server);
    let answer = c.get("/doc-bearer/index.json").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    let index = answer.json();
    assert!(index["modules"].as_array().unwrap().contains(&json!("base")));
    let models = index["models"].as_array().unwrap();
    let partner = models.iter().find(|model| model["model"] == "res.partner").unwrap();
    assert_eq!(partner["name"], "Contact");
    assert_eq!(partner["fields"]["name"], json!({"string": "Name"}));
    let methods = partner["methods"].as_array().unwrap();
    for there in ["search", "create", "web_read", "address_get"] {
        assert!(methods.contains(&json!(there)), "{there}");
    }
    for not_there in ["_search", "browse", "search_fetch", "make_key", "view_header_get"] {
        assert!(!methods.contains(&json!(not_there)), "{not_there}");
    }
}

#[tokio::test]
async fn a_model_has_all_that_there_is_to_say_of_it() {
    let server = server().await;
    let mut c = client(&server);
    let about = c.get("/doc-bearer/res.partner.json").await.json();
    let keys: Vec<_> = about.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["model", "name", "doc", "fields", "methods"]);
    let country = &about["fields"]["country_id"];
    assert_eq!((&country["type"], &country["relation"]), (&json!("many2one"), &json!("res.country")));
    assert_eq!((&country["name"], &country["module"]), (&json!("country_id"), &json!("base")));
    let search = &about["methods"]["search"];
    assert_eq!(search["signature"], "(domain, offset=0, limit=None, order=None)");
    let parameters: Vec<_> = search["parameters"].as_object().unwrap().keys().collect();
    assert_eq!(parameters, ["domain", "offset", "limit", "order"]);
    assert_eq!(
        (&search["parameters"]["domain"], &search["parameters"]["offset"]),
        (&json!({}), &json!({"default": 0}))
    );
    assert_eq!(search["api"], json!(["model", "readonly"]));
    let more = &about["methods"]["search_read"]["parameters"]["read_kwargs"];
    let unfolded = &about["methods"]["web_read_group"]["parameters"]["auto_unfold"];
    assert_eq!((more, unfolded), (&json!({"kind": "VAR_KEYWORD"}), &json!({"kind": "KEYWORD_ONLY", "default": false})));
    assert_eq!(about["methods"]["write"]["api"], json!([]));
    assert_eq!(about["methods"]["address_get"]["model"], "res.partner");
    let answer = c.get("/doc-bearer/no.model.json").await;
    assert_eq!(
        (answer.status, &answer.json()["name"]),
        (StatusCode::NOT_FOUND, &json!("werkzeug.exceptions.NotFound"))
    );
    assert_eq!(c.get("/doc-bearer/res.partner").await.status, StatusCode::NOT_FOUND);
    // Some clients post.
    assert_eq!(c.post_json("/doc-bearer/index.json", &json!({})).await.status, StatusCode::OK);
    assert_eq!(
        c.send(Request::delete("/doc-bearer/index.json").body(Body::empty()).unwrap()).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn manual_models_and_fields_are_there_at_once() {
    let server = server().await;
    let mut admin = Client::administrator(&server).await;
    admin.manual_model("x_thing", json!([{"name": "x_size", "ttype": "integer"}])).await;
    let mut c = client(&server);
    let index = c.get("/doc-bearer/index.json").await.json();
    let thing = index["models"].as_array().unwrap().iter().find(|model| model["model"] == "x_thing").unwrap().clone();
    assert_eq!(thing["fields"]["x_size"]["string"], "x_size");
    let about = c.get("/doc-bearer/x_thing.json").await.json();
    assert_eq!(about["fields"]["x_size"]["type"], "integer");
    assert!(about["methods"].get("web_save").is_some());
}

#[tokio::test]
async fn copies_are_good_until_something_changes() {
    let server = server().await;
    let mut c = client(&server);
    let answer = c.get("/doc-bearer/res.partner.json").await;
    let tag = answer.headers[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(answer.headers[header::CACHE_CONTROL], "private, no-cache");
    let mut again = client(&server).with("if-none-match", format!("\"x\", W/{tag}"));
    let answer = again.get("/doc-bearer/res.partner.json").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let mut admin = Client::administrator(&server).await;
    let model = admin.search("ir.model", json!([["model", "=", "res.partner"]])).await[0];
    admin.manual_field(model, json!({"name": "x_more", "ttype": "char"})).await;
    assert_eq!(again.get("/doc-bearer/res.partner.json").await.status, StatusCode::OK);
    let tag = again.get("/doc-bearer/res.partner.json").await.headers[header::ETAG].to_str().unwrap().to_owned();
    let mut anew = client(&server).with("if-none-match", tag).with("cache-control", "no-cache");
    let answer = anew.get("/doc-bearer/res.partner.json").await;
    assert_eq!((answer.status, &answer.headers[header::CACHE_CONTROL]), (StatusCode::OK, &"no-store".parse().unwrap()));
}

#[tokio::test]
async fn readers_are_who_may() {
    let server = server().await;
    for path in ["/doc-bearer/index.json", "/doc-bearer/res.partner.json"] {
        let answer = Client::new(&server).get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let mut c = Client::new(&server).with("authorization", "bearer nope");
        assert_eq!(c.get(path).await.json()["message"], "Invalid apikey");
    }
    let plain = make_user(&server, "uma", "uma", &[]).await;
    let reader = make_user(&server, "ula", "ula", &["base.group_user", "api_doc.group_allow_doc"]).await;
    let database = server.app().databases.open(server.db()).await.unwrap();
    let now = server.app().clock.now();
    let mut keys = Vec::new();
    for user in [plain, reader] {
        let key = api_key::generate();
        let stored = database.write(|tx| {
            let key = key.clone();
            Box::pin(async move { api_key::store(tx, user, &NewKey::default(), &key, now).await })
        });
        stored.await.unwrap();
        keys.push(key);
    }
    let mut c = Client::new(&server).with("authorization", format!("Bearer {}", keys[0]));
    assert_eq!(c.get("/doc-bearer/index.json").await.status, StatusCode::FORBIDDEN);
    // A reader sees the models that they may read, and the fields.
    let mut c = Client::new(&server).with("authorization", format!("Bearer {}", keys[1]));
    let index = c.get("/doc-bearer/index.json").await.json();
    let has = |name: &str| index["models"].as_array().unwrap().iter().any(|model| model["model"] == name);
    assert!(has("res.partner") && !has("ir.config_parameter"));
    assert_eq!(c.get("/doc-bearer/ir.config_parameter.json").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn people_get_a_page() {
    let server = server().await;
    let mut c = Client::new(&server);
    let answer = c.get("/doc").await;
    assert_eq!(
        (answer.status, &answer.headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/web/login".parse().unwrap())
    );
    let mut admin = Client::administrator(&server).await;
    let answer = admin.get("/doc").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("<details><summary><b>res.partner</b> Contact"));
    assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "deny");
    assert!(admin.get("/doc/res.partner").await.text().contains("<details open><summary><b>res.partner</b> Contact"));
    assert_eq!(admin.get("/doc/index.html").await.status, StatusCode::OK);
    make_user(&server, "uma", "uma", &[]).await;
    c.authenticate("uma", "uma").await;
    for path in ["/doc", "/doc/index.json", "/doc/res.partner.json"] {
        assert_eq!(c.get(path).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_session_reads_the_same_as_a_key() {
    let server = server().await;
    let (mut key, mut session) = (client(&server), Client::administrator(&server).await);
    for file in ["index.json", "res.partner.json"] {
        let answer = session.get(&format!("/doc/{file}")).await;
        assert_eq!(answer.json(), key.get(&format!("/doc-bearer/{file}")).await.json());
        assert!(answer.headers.contains_key(header::ETAG));
    }
    assert_eq!(session.get("/doc/no.model.json").await.status, StatusCode::NOT_FOUND);
    let answer = Client::new(&server).get("/doc/index.json").await;
    assert_eq!(
        (answer.status, &answer.json()["name"]),
        (StatusCode::FORBIDDEN, &json!("odoo.http.SessionExpiredException"))
    );
}

#[tokio::test]
async fn names_that_are_none() {
    let server = server().await;
    let (mut key, mut session) = (client(&server), Client::administrator(&server).await);
    for name in ["%FF", "..%2Findex", "res.partner%00", "%F0%9F%92%A9", &"x".repeat(5000), "a%20b", "<b>", ""] {
        let name = name.replace('<', "%3C").replace('>', "%3E");
        for path in [format!("/doc-bearer/{name}.json"), format!("/doc-bearer/{name}")] {
            let status = key.get(&path).await.status;
            assert!([StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&status), "{path}: {status}");
        }
        let status = session.get(&format!("/doc/{name}.json")).await.status;
        assert!(status.is_client_error(), "{name}: {status}");
        let answer = session.get(&format!("/doc/{name}")).await;
        assert!(!answer.text().contains("<b></b>") && !answer.text().contains(" open>"), "{name}: {}", answer.text());
    }
}

/// Calls every method with nothing for each argument: those that are told of answer something else than that they do not
/// exist, all others answer that.
#[tokio::test]
async fn what_is_told_of_is_there() {
    let server = server().await;
    let mut c = client(&server);
    let registry = Registry::base(Series::V19);
    let (mut secret, mut empty) = (Vec::new(), Vec::new());
    for model in registry.models() {
        for method in methods::of(Series::V19, model) {
            let everywhere = methods::is_shared(Series::V19, &method.name);
            if everywhere && model.name != "res.partner.industry" {
                continue;
            }
            let arguments: Value = method.parameters().map(|(name, _)| (name.to_owned(), Value::Null)).collect();
            let answer = c.post_json(&format!("/json/2/{}/{}", model.name, method.name), &arguments).await;
            let body = answer.json();
            let there = !body["message"].as_str().is_some_and(|why| why.starts_with("The method "));
            let name = format!("{}.{}", model.name, method.name);
            match (is_answered(Series::V19, &model.name, &method.name), there) {
                (false, true) => secret.push(name),
                (true, false) => empty.push(name),
                _ => {}
            }
        }
    }
    assert!(secret.is_empty() && empty.is_empty(), "answered, but not told of: {secret:?}; the reverse: {empty:?}");
}
