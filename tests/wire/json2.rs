//! JSON-2 (19.0): `/json/2/<model>/<method>`.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use wiredoo::auth::api_key;
use wiredoo::database::Filter;
use wiredoo::{Series, Wiredoo};

use crate::common::{Answer, Client, make_user, odoo, stores, update_user};

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

async fn server() -> Wiredoo {
    Wiredoo::builder().configure(|config| config.admin_api_key = Some(KEY.to_owned())).start().await.unwrap()
}

/// A client that brings the administrator's key.
fn client(server: &Wiredoo) -> Client<'_> {
    Client::new(server).with("authorization", format!("bearer {KEY}"))
}

async fn call(client: &mut Client<'_>, path: &str, body: Value) -> Answer {
    client.post_json(&format!("/json/2/{path}"), &body).await
}

/// The result of a call, which must not be an error.
#[track_caller]
fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    answer.json()
}

/// Status, name and message of a call that failed.
#[track_caller]
fn failure(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    let body = answer.json();
    let keys: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "message", "arguments", "context", "debug"]);
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    let name = text("name");
    (answer.status.as_u16(), name.rsplit('.').next().unwrap_or_default().to_owned(), text("message"))
}

#[tokio::test]
async fn records_from_beginning_to_end() {
    for store in stores() {
        let builder = store.builder(Series::V19).configure(|config| config.admin_api_key = Some(KEY.to_owned()));
        let server = builder.start().await.unwrap();
        let mut c = client(&server).with("x-odoo-database", server.db());
        let made = call(&mut c, "res.partner/create", json!({"vals_list": [{"name": "A"}, {"name": "B"}]})).await;
        let ids = result(&made);
        let (a, b) = (ids[0].as_i64().unwrap(), ids[1].as_i64().unwrap());
        let one = result(&call(&mut c, "res.partner/create", json!({"vals_list": {"name": "C"}})).await);
        let one = one[0].as_i64().unwrap();
        let read = call(&mut c, "res.partner/read", json!({"ids": [b, a], "fields": ["name"]})).await;
        assert_eq!(result(&read), json!([{"id": b, "name": "B"}, {"id": a, "name": "A"}]));
        let read = call(&mut c, "res.partner/read", json!({"ids": one, "fields": ["name"]})).await;
        assert_eq!(result(&read), json!([{"id": one, "name": "C"}]));
        let found = json!({"domain": [["id", "in", [a, b]]], "order": "name desc", "limit": 1});
        assert_eq!(result(&call(&mut c, "res.partner/search", found).await), json!([b]));
        let written = call(&mut c, "res.partner/write", json!({"ids": [a, b], "vals": {"city": "Gent"}})).await;
        assert_eq!(result(&written), true);
        let copied = result(&call(&mut c, "res.partner/copy", json!({"ids": [a], "default": {"name": "D"}})).await);
        assert_eq!(copied.as_array().unwrap().len(), 1);
        let found = json!({"email": "Eve <eve@example.com>"});
        let eve = result(&call(&mut c, "res.partner/find_or_create", found).await);
        assert_eq!(eve.as_array().unwrap().len(), 1);
        let none = call(&mut c, "res.partner/action_archive", json!({"ids": [a]})).await;
        assert_eq!(result(&none), Value::Null);
        let count = json!({"domain": [["city", "=", "Gent"]], "context": {"active_test": false}});
        assert_eq!(result(&call(&mut c, "res.partner/search_count", count).await), 3);
        assert_eq!(result(&call(&mut c, "res.partner/read", json!({})).await), json!([]));
        assert!(c.sid.is_none(), "a call with a key has no session");
        drop(c);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn arguments_that_do_not_fit() {
    let server = server().await;
    let mut c = client(&server);
    for (path, body, message) in [
        ("res.partner/search", json!({}), "missing a required argument: 'domain'"),
        ("res.partner/search", json!([[]]), "missing a required argument: 'domain'"),
        ("res.partner/search", json!({"args": [[]]}), "missing a required argument: 'domain'"),
        ("res.partner/search", json!({"domain": [], "x": 1}), "got an unexpected keyword argument 'x'"),
        ("res.partner/search", json!({"domain": [], "it's": 1}), "got an unexpected keyword argument \"it's\""),
        ("res.partner/search", json!({"domain": [], "self": 1}), "multiple values for argument 'self'"),
        ("res.partner/search", json!({"domain": [], "ids": [1]}), "cannot call res.partner.search with ids"),
        ("res.partner/create", json!({"vals_list": [], "ids": [1]}), "cannot call res.partner.create with ids"),
        ("res.partner/write", json!({"ids": [1]}), "missing a required argument: 'vals'"),
        ("res.users/has_group", json!({"ids": [2]}), "missing a required argument: 'group_ext_id'"),
    ] {
        let answer = call(&mut c, path, body.clone()).await;
        let expected = (422, "UnprocessableEntity".to_owned(), message.to_owned());
        assert_eq!(failure(&answer), expected, "{path} {body}");
        assert_eq!(answer.json()["arguments"], json!([message, 422]));
    }
    // The path has the model and the method.
    let other = json!({"domain": [["id", "=", 3]], "__model__": "res.users", "__method__": "unlink"});
    assert_eq!(result(&call(&mut c, "res.partner/search_count", other).await), 1);
    // `ids` that are nothing are none.
    for ids in [json!([]), json!(null), json!(false), json!(0)] {
        let answer = call(&mut c, "res.partner/search_count", json!({"ids": ids, "domain": [["id", "=", 3]]})).await;
        assert_eq!(result(&answer), 1);
    }
    let more = json!({"domain": [["id", "=", 3]], "fields": ["active"], "load": null});
    assert_eq!(result(&call(&mut c, "res.partner/search_read", more).await), json!([{"id": 3, "active": true}]));
}

#[tokio::test]
async fn what_there_is_not_and_what_is_private() {
    let server = server().await;
    let mut c = client(&server);
    for (path, expected) in [
        ("no.model/search", (404, "NotFound", "the model 'no.model' does not exist")),
        ("res.partner/nope", (404, "NotFound", "The method 'res.partner.nope' does not exist")),
        ("res.partner", (404, "NotFound", "Did you mean POST /json/2/<model>/<method>?")),
        ("", (404, "NotFound", "Did you mean POST /json/2/<model>/<method>?")),
        ("%FF/search", (404, "NotFound", "Did you mean POST /json/2/<model>/<method>?")),
        ("res.partner%00/search", (404, "NotFound", "the model 'res.partner\\x00' does not exist")),
        ("res.partner/read/3", (404, "NotFound", "Did you mean POST /json/2/<model>/<method>?")),
        (
            "res.partner/_search",
            (403, "AccessError", "Private methods (such as 'res.partner._search') cannot be called remotely."),
        ),
        (
            "res.partner/browse",
            (403, "AccessError", "Private methods (such as 'res.partner.browse') cannot be called remotely."),
        ),
    ] {
        let (status, name, message) = expected;
        let answer = call(&mut c, path, json!({})).await;
        assert_eq!(failure(&answer), (status, name.to_owned(), message.to_owned()), "{path}");
    }
    let answer = c.get("/json/2").await;
    assert_eq!(failure(&answer).0, 404);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(method).uri("/json/2/res.partner/search");
        let answer = c.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(failure(&answer).0, 404);
    }
    // Nothing answers OPTIONS but the method itself.
    let request = Request::options("/json/2/res.users/context_get").body(Body::empty()).unwrap();
    assert_eq!(result(&c.send(request).await)["uid"], 2);
    let request = Request::options("/json/2/res.users/context_get").body(Body::empty()).unwrap();
    let answer = Client::new(&server).send(request).await;
    assert_eq!(failure(&answer).0, 401);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn older_series_have_no_json_2() {
    for series in Series::ALL.into_iter().filter(|series| *series != Series::V19) {
        let server = odoo(series).await;
        let mut c = Client::new(&server);
        for path in ["/json/2", "/json/2/res.partner/search", "/doc-bearer/index.json"] {
            let answer = c.post(path, "text/plain", "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{series} {path}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        }
    }
}

#[tokio::test]
async fn faults_of_methods_have_statuses() {
    let server = server().await;
    let mut c = client(&server);
    let (status, name, _) =
        failure(&call(&mut c, "res.partner/write", json!({"ids": [3], "vals": {"parent_id": 3}})).await);
    assert_eq!((status, name.as_str()), (422, "ValidationError"));
    let (status, name, _) =
        failure(&call(&mut c, "res.users/write", json!({"ids": [2], "vals": {"active": false}})).await);
    assert_eq!((status, name.as_str()), (422, "UserError"));
    let missing = json!({"ids": [9_999_999], "vals": {"name": "x"}});
    let (status, name, _) = failure(&call(&mut c, "res.partner/write", missing).await);
    assert_eq!((status, name.as_str()), (404, "MissingError"));
    let (status, name, _) = failure(&call(&mut c, "res.partner/search", json!({"domain": [["x", "=", 1]]})).await);
    assert_eq!((status, name.as_str()), (500, "ValueError"));
    let (status, name, message) = failure(&call(&mut c, "res.users.apikeys.show/search", json!({"domain": []})).await);
    assert_eq!((status, name.as_str()), (500, "UndefinedTable"));
    assert_eq!(message, "relation \"res_users_apikeys_show\" does not exist\n");
    // A redirect is no mistake that JSON-2 has a status for.
    let answer = call(&mut c, "res.partner/write", json!({"ids": [3], "vals": {"active": false}})).await;
    assert_eq!(failure(&answer).0, 500, "{}", answer.text());
    assert_eq!(answer.json()["arguments"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn keys() {
    let server = server().await;
    let unauthenticated = "User not authenticated, use an API Key with a Bearer Authorization header.";
    let body = json!({"domain": [["id", "=", 3]]});
    for (header, message) in [
        (None, unauthenticated),
        (Some(KEY.to_owned()), unauthenticated),
        (Some("bearer".to_owned()), unauthenticated),
        (Some("bearer ".to_owned()), unauthenticated),
        (Some("Basic YWRtaW46YWRtaW4=".to_owned()), unauthenticated),
        (Some("bearer nope".to_owned()), "Invalid apikey"),
        (Some(format!("bearer {}", "0".repeat(40))), "Invalid apikey"),
        (Some(format!("bearer {KEY}0")), "Invalid apikey"),
        (Some("bearer \u{e9}".to_owned()), "Invalid apikey"),
        (Some(format!("bearer {}", KEY.to_uppercase())), "Invalid apikey"),
        (Some(format!("bearer {}", "9".repeat(100_000))), "Invalid apikey"),
    ] {
        let mut c = Client::new(&server);
        if let Some(header) = header {
            c = c.with("authorization", header);
        }
        let answer = call(&mut c, "res.partner/search_count", body.clone()).await;
        assert_eq!(failure(&answer), (401, "Unauthorized".to_owned(), message.to_owned()));
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    for scheme in ["bearer", "Bearer", "BEARER", "bearer  "] {
        let mut c = Client::new(&server).with("authorization", format!("{scheme} {KEY}"));
        assert_eq!(result(&call(&mut c, "res.partner/search_count", body.clone()).await), 1);
    }
}

#[tokio::test]
async fn keys_that_do_not_count_any_more() {
    let server = server().await;
    let user = make_user(&server, "uma", "uma", &[]).await;
    let app = server.app();
    let database = app.databases.open(server.db()).await.unwrap();
    let now = app.clock.now();
    let store = async |scope: Option<&str>, days: Option<i64>| {
        let key = api_key::generate();
        let new = api_key::NewKey {
            name: "x".to_owned(),
            scope: scope.map(str::to_owned),
            expires: days.map(|days| now + chrono::TimeDelta::days(days)),
        };
        let stored = database.write(|tx| {
            let (key, new) = (key.clone(), new.clone());
            Box::pin(async move { api_key::store(tx, user, &new, &key, now).await })
        });
        let id = stored.await.unwrap().id;
        (id, key)
    };
    let status = async |key: &str| {
        let mut c = Client::new(&server).with("authorization", format!("Bearer {key}"));
        call(&mut c, "res.users/context_get", json!({})).await.status.as_u16()
    };
    let (id, good) = store(Some("rpc"), None).await;
    let (_, any) = store(None, None).await;
    let (_, other) = store(Some("odoo.plugin"), None).await;
    let (_, brief) = store(Some("rpc"), Some(1)).await;
    assert_eq!(
        [status(&good).await, status(&any).await, status(&other).await, status(&brief).await],
        [200, 200, 401, 200]
    );
    app.clock.advance(std::time::Duration::from_secs(86_401));
    assert_eq!(status(&brief).await, 401);
    update_user(&server, user, |user| user.active = sea_orm::ActiveValue::Set(false)).await;
    assert_eq!(status(&good).await, 401);
    update_user(&server, user, |user| user.active = sea_orm::ActiveValue::Set(true)).await;
    assert_eq!(status(&good).await, 200);
    assert!(database.write(|tx| Box::pin(api_key::revoke(tx, id))).await.unwrap());
    assert_eq!(status(&good).await, 401);
}

#[tokio::test]
async fn sessions_beside_keys() {
    let server = server().await;
    make_user(&server, "uma", "uma", &[]).await;
    let mut session = Client::new(&server);
    session.authenticate("uma", "uma").await;
    let sid = session.sid.clone();
    // Another user's session does not go with a key.
    let mut c = client(&server);
    c.sid.clone_from(&sid);
    let (status, name, message) = failure(&call(&mut c, "res.users/context_get", json!({})).await);
    assert_eq!((status, name.as_str()), (403, "AccessDenied"));
    assert_eq!(message, "Session user does not match the used apikey");
    // A session alone is enough for a browser that was sent there by its user.
    let (status, _, message) = failure(&call(&mut session, "res.users/context_get", json!({})).await);
    assert_eq!((status, message.as_str()), (401, "Missing \"Authorization\" or Sec-headers for interactive usage."));
    let mut browser = Client::new(&server)
        .with("sec-fetch-dest", "document")
        .with("sec-fetch-mode", "navigate")
        .with("sec-fetch-site", "none")
        .with("sec-fetch-user", "?1");
    browser.sid = sid;
    assert_ne!(result(&call(&mut browser, "res.users/context_get", json!({})).await)["uid"], 2);
    // A sid that is no good is as none.
    let mut c = client(&server);
    c.sid = Some("x".repeat(84));
    assert_eq!(result(&call(&mut c, "res.users/context_get", json!({})).await)["uid"], 2);
}

#[tokio::test]
async fn rights_of_the_key_s_user_hold() {
    let server = server().await;
    let user = make_user(&server, "uma", "uma", &[]).await;
    let database = server.app().databases.open(server.db()).await.unwrap();
    let (key, now) = (api_key::generate(), server.app().clock.now());
    let new = api_key::NewKey { name: "x".to_owned(), scope: Some("rpc".to_owned()), expires: None };
    let stored = database.write(|tx| {
        let (key, new) = (key.clone(), new.clone());
        Box::pin(async move { api_key::store(tx, user, &new, &key, now).await })
    });
    stored.await.unwrap();
    let mut c = Client::new(&server).with("authorization", format!("Bearer {key}"));
    let (status, name, _) = failure(&call(&mut c, "ir.rule/create", json!({"vals_list": [{"name": "x"}]})).await);
    assert_eq!((status, name.as_str()), (403, "AccessError"));
    let (status, name, _) = failure(&call(&mut c, "res.users/write", json!({"ids": [2], "vals": {"name": "x"}})).await);
    assert_eq!((status, name.as_str()), (403, "AccessError"));
}

#[tokio::test]
async fn databases() {
    let builder = Wiredoo::builder().configure(|config| {
        config.admin_api_key = Some(KEY.to_owned());
        config.databases = vec!["one".to_owned(), "two".to_owned()];
    });
    let server = builder.start().await.unwrap();
    let count = json!({"domain": [["id", "=", 3]]});
    for db in ["one", "two"] {
        let mut c = client(&server).with("x-odoo-database", db);
        assert_eq!(result(&call(&mut c, "res.partner/search_count", count.clone()).await), 1);
    }
    // Without a database there is no such path.
    let mut unnamed = client(&server);
    let answer = call(&mut unnamed, "res.partner/search_count", count.clone()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    for name in ["three", "../one", "_draft_1", "ä"] {
        let mut c = client(&server).with("x-odoo-database", name);
        assert_eq!(call(&mut c, "res.partner/search_count", count.clone()).await.status, StatusCode::NOT_FOUND);
    }
    // A session of another database and the header do not go together.
    let mut c = Client::new(&server);
    c.call("/web/session/authenticate", json!({"db": "one", "login": "admin", "password": "admin"})).await;
    let mut both = client(&server).with("x-odoo-database", "two");
    both.sid.clone_from(&c.sid);
    assert_eq!(call(&mut both, "res.partner/search_count", count.clone()).await.status, StatusCode::FORBIDDEN);
    let mut same = client(&server).with("x-odoo-database", "one");
    same.sid.clone_from(&c.sid);
    assert_eq!(result(&call(&mut same, "res.partner/search_count", count).await), 1);
}

#[tokio::test]
async fn the_database_filter_holds() {
    let builder = Wiredoo::builder().configure(|config| {
        config.admin_api_key = Some(KEY.to_owned());
        config.databases = vec!["one".to_owned(), "two".to_owned()];
        config.db_filter = Filter::new("^%d$").unwrap();
    });
    let server = builder.start().await.unwrap();
    let count = json!({"domain": []});
    let mut c = client(&server).with("host", "one.example.com");
    assert_eq!(call(&mut c, "res.partner/search_count", count.clone()).await.status, StatusCode::OK);
    let mut c = client(&server).with("host", "one.example.com").with("x-odoo-database", "two");
    assert_eq!(call(&mut c, "res.partner/search_count", count).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bodies_that_are_no_arguments() {
    let server = server().await;
    let mut c = client(&server);
    let path = "/json/2/res.partner/search";
    for (body, message) in [
        ("{nope", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{\"domain\": [}", "Expecting value: line 1 column 13 (char 12)"),
        ("{\"domain\": []} x", "Extra data: line 1 column 16 (char 15)"),
        ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
    ] {
        let answer = c.post(path, "application/json", body).await;
        let expected = (400, "BadRequest".to_owned(), format!("could not parse the body as json: {message}"));
        assert_eq!(failure(&answer), expected);
    }
    // No body, and JSON that is no object, are no arguments.
    for body in ["", "[]", "null", "3", "\"x\"", "[{\"domain\": []}]"] {
        let answer = c.post(path, "application/json", body).await;
        assert_eq!(failure(&answer).2, "missing a required argument: 'domain'", "{body}");
    }
    assert_eq!(result(&c.post("/json/2/res.users/context_get", "application/json", "").await)["uid"], 2);
    assert_eq!(result(&c.post("/json/2/res.users/context_get", "text/plain", "").await)["uid"], 2);
    // What is not declared as JSON is not read.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json-rpc", ""] {
        let answer = c.post(path, kind, "{\"domain\": []}").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        assert_eq!(answer.headers[header::ACCEPT], "application/json");
    }
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=latin1"] {
        assert_eq!(c.post(path, kind, "{\"domain\": []}").await.status, StatusCode::OK, "{kind}");
    }
    // Bytes that are no UTF-8 are replaced, as werkzeug does; the last of two members counts.
    let answer = c.post("/json/2/res.partner/name_create", "application/json", &b"{\"name\": \"a\xff\"}"[..]).await;
    assert_eq!(result(&answer)[1], "a\u{fffd}");
    let twice = "{\"domain\": [], \"limit\": 0, \"limit\": 1}";
    assert_eq!(result(&c.post(path, "application/json", twice).await).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bodies_that_are_deep_large_or_of_wrong_types() {
    let server = server().await;
    let mut c = client(&server);
    let path = "/json/2/res.partner/search";
    for depth in [200, 100_000] {
        let deep = format!("{{\"domain\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        let (status, name, _) = failure(&c.post(path, "application/json", deep).await);
        assert_eq!((status, name.as_str()), (500, "RecursionError"), "{depth}");
    }
    let open = c.post(path, "application/json", "[".repeat(1_000_000)).await;
    assert_eq!(failure(&open).0, 400);
    let limit = server.app().config.limits.body;
    assert_eq!(c.post(path, "application/json", " ".repeat(limit + 1)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let before = c.post_json("/json/2/res.partner/search_count", &json!({"domain": []})).await.json();
    for (call_path, body, status) in [
        ("res.partner/read", json!({"ids": "abc"}), 500),
        ("res.partner/read", json!({"ids": 1.5}), 500),
        ("res.partner/read", json!({"ids": true}), 500),
        ("res.partner/read", json!({"ids": {"a": 1}}), 500),
        ("res.partner/read", json!({"ids": [[1]]}), 500),
        ("res.partner/read", json!({"ids": [{"a": 1}]}), 500),
        ("res.partner/read", json!({"ids": [1], "fields": [{}]}), 500),
        ("res.partner/search", json!({"domain": "x"}), 500),
        ("res.partner/search", json!({"domain": [], "limit": -1}), 500),
        ("res.partner/search", json!({"domain": [], "limit": "x"}), 500),
        ("res.partner/search", json!({"domain": [], "context": 5}), 500),
        ("res.partner/search", json!({"domain": [], "context": "x"}), 500),
        ("res.partner/create", json!({"vals_list": 5}), 500),
        ("res.partner/create", json!({"vals_list": [{"name": "x"}, 5]}), 500),
        ("res.partner/create", json!({"vals_list": [{"name": "x"}, {"color": "y"}]}), 500),
        ("res.partner/write", json!({"ids": [3], "vals": 5}), 500),
    ] {
        let answer = call(&mut c, call_path, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{call_path} {body}: {}", answer.text());
        failure(&answer);
    }
    // Nothing of what failed was written.
    let after = c.post_json("/json/2/res.partner/search_count", &json!({"domain": []})).await.json();
    assert_eq!(after, before);
}
