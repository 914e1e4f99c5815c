//! `/session/auth/login` and `/session/auth/logout`.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use wiredoo::database::Filter;
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, make_user, odoo, stores};

const LOGIN: &str = "/session/auth/login";
const LOGOUT: &str = "/session/auth/logout";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_login_answers_with_session_info_and_session_on_every_store() {
    for series in Series::ALL {
        for store in stores() {
            let server = store.builder(series).start().await.unwrap();
            let mut client = Client::new(&server);
            let answer = client.log_in("admin", "admin").await;
            assert_eq!(answer.status, StatusCode::OK, "{} {}", store.name, answer.text());
            let body = answer.json();
            assert_eq!(body["uid"], 2);
            assert_eq!(body["user_context"], json!({"lang": "en_US", "tz": false, "uid": 2}));
            assert_eq!(body["session"]["sid"], answer.cookie().unwrap());
            assert_eq!(body.as_object().unwrap().keys().next_back().unwrap(), "session");
            assert_eq!(client.uid().await, Some(2), "{}", store.name);
            assert_eq!(client.post_json(LOGOUT, &json!({})).await.json(), json!({"message": "Successful logout"}));
            assert_eq!(client.uid().await, None);
            store.finish(server).await;
        }
    }
}

#[tokio::test]
async fn every_form_of_a_body_is_read() {
    let server = odoo(Series::V17).await;
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\nadmin\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"password\"\r\n\r\nadmin\r\n--x--\r\n";
    for (kind, body) in [
        ("application/json", r#"{"login": "admin", "password": "admin"}"#),
        ("application/json; charset=utf-8", r#"{"db": null, "login": "admin", "password": "admin", "more": 1}"#),
        (FORM, "login=admin&password=admin&db=odoo"),
        // What `curl -d` sends.
        (FORM, r#" {"login": "admin", "password": "admin"}"#),
        ("multipart/form-data; boundary=x", multipart),
    ] {
        let answer = Client::new(&server).post(LOGIN, kind, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind} {body}: {}", answer.text());
        assert_eq!(answer.json()["uid"], 2);
    }
    let query = format!("{LOGIN}?db=odoo&login=admin&password=admin");
    let request = Request::post(&query).body(Body::empty()).unwrap();
    assert_eq!(Client::new(&server).send(request).await.json()["uid"], 2);
}

#[tokio::test]
async fn an_envelope_gets_an_envelope() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let right = client.call(LOGIN, json!({"login": "admin", "password": "admin"})).await;
        assert_eq!(right.json()["id"], 7);
        assert_eq!(right.result()["session"]["sid"], right.cookie().unwrap());
        let wrong = client.call(LOGIN, json!({"login": "admin", "password": "nope"})).await;
        assert_eq!(wrong.status, StatusCode::OK);
        assert_eq!(wrong.exception(), ("odoo.exceptions.AccessDenied".to_owned(), "Access Denied".to_owned()));
        assert_eq!(wrong.json()["error"]["code"], series.error_code());
        assert_eq!(client.uid().await, Some(2), "a failed login leaves the session as it was");
        assert_eq!(client.call(LOGOUT, json!({})).await.result()["message"], "Successful logout");
        assert_eq!(client.call(LOGOUT, json!({})).await.json()["error"]["code"], 100);
    }
}

#[tokio::test]
async fn the_sid_is_taken_from_query_then_header_then_cookie() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        client.log_in("admin", "admin").await;
        let good = client.sid.take().unwrap();
        let bad = "0".repeat(good.len());
        let info = "/web/session/get_session_info";
        for (query, header, cookie, lives, says_cookie) in [
            (None, None, Some(&good), true, true),
            (None, Some(&good), None, true, false),
            (Some(&good), None, None, true, false),
            (Some(&good), Some(&bad), Some(&bad), true, false),
            (None, Some(&good), Some(&bad), true, false),
            (None, Some(&bad), Some(&good), false, false),
            (Some(&bad), Some(&good), Some(&good), false, false),
        ] {
            let path = query.map_or_else(|| info.to_owned(), |sid| format!("{info}?session_id={sid}"));
            let mut client = Client::new(&server);
            if let Some(sid) = header {
                client = client.with("x-openerp-session-id", sid);
            }
            client.sid = cookie.cloned();
            let answer = client.call(&path, json!({})).await;
            assert_eq!(answer.json()["result"]["uid"] == 2, lives, "{series} {query:?} {header:?} {cookie:?}");
            assert_eq!(answer.cookie().is_some(), says_cookie, "{series} {query:?} {header:?} {cookie:?}");
        }
        let mut empty_header = Client::new(&server).with("x-openerp-session-id", "");
        empty_header.sid = Some(good);
        assert_eq!(empty_header.uid().await, Some(2), "an empty header decides nothing");
    }
}

#[tokio::test]
async fn wrong_credentials_are_all_refused_alike() {
    let server = odoo(Series::V19).await;
    make_user(&server, "gone", "secret", &[]).await;
    let database = server.app().databases.open("odoo").await.unwrap();
    let gone = wiredoo::models::res_users::find(database.connection(), "gone").await.unwrap().unwrap().id;
    let deactivated = database.write(|tx| Box::pin(wiredoo::models::res_users::set_active(tx, gone, false)));
    deactivated.await.unwrap();
    let mut client = Client::new(&server);
    for body in [
        json!({"login": "admin", "password": "nope"}),
        json!({"login": "ghost", "password": "admin"}),
        json!({"login": "gone", "password": "secret"}),
        json!({"login": "__system__", "password": "admin"}),
        json!({"login": "admin", "password": null}),
        json!({"login": "admin", "password": ""}),
        json!({"login": "", "password": ""}),
        json!({"login": "admin", "password": "x".repeat(5000)}),
    ] {
        let answer = client.post_json(LOGIN, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{body}");
        assert_eq!(answer.json(), json!({"code": 403, "name": "Forbidden"}));
        assert_eq!(answer.cookie(), None);
    }
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    for (body, description) in [
        (json!({}), "'login' is missing"),
        (json!({"login": "admin"}), "'password' is missing"),
        (json!({"login": 1, "password": "admin"}), "'login' must be a string"),
        (json!({"login": "admin", "password": ["admin"]}), "'password' must be a string"),
        (json!({"login": "admin", "password": "admin", "db": 5}), "'db' must be a string"),
        (json!({"login": "admin", "password": "admin", "db": "../odoo"}), "database '../odoo' does not exist"),
        (json!([1]), "the body must be a JSON object"),
    ] {
        let answer = client.post_json(LOGIN, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json(), json!({"code": 400, "name": "Bad Request", "description": description}));
    }
    for body in ["{", "{\"db\": ", "nope", "\u{0}"] {
        let answer = client.post(LOGIN, "application/json", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder().method(method.clone()).uri(LOGIN).body(Body::empty()).unwrap();
        let answer = client.send(request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers[header::ALLOW], "POST");
    }
    assert_eq!(client.post_json("/session/auth/nothing", &json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_login_rotates_the_sid_and_leaves_other_sessions_alone() {
    let server = odoo(Series::V18).await;
    let (mut one, mut other) = (Client::new(&server), Client::new(&server));
    one.log_in("admin", "admin").await;
    other.log_in("admin", "admin").await;
    let first = one.sid.clone().unwrap();
    one.log_in("admin", "admin").await;
    assert_ne!(one.sid.as_ref(), Some(&first));
    let mut old = Client::new(&server);
    old.sid = Some(first);
    assert_eq!(old.uid().await, None);
    assert_eq!((one.uid().await, other.uid().await), (Some(2), Some(2)));
    one.post_json(LOGOUT, &json!({})).await;
    assert_eq!(other.uid().await, Some(2));
}

#[tokio::test]
async fn logout_takes_any_body_and_wants_a_live_session() {
    let server = odoo(Series::V19).await;
    for (kind, body) in [("application/json", ""), ("application/json", "{"), ("text/plain", "x"), (FORM, "a=b")] {
        let mut client = Client::new(&server);
        client.log_in("admin", "admin").await;
        let before = client.sid.clone();
        let answer = client.post(LOGOUT, kind, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind} {body}");
        assert!(answer.cookie().is_some(), "a new anonymous sid");
        assert_ne!(client.sid, before);
        let again = client.post(LOGOUT, kind, body).await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED);
        assert_eq!(again.json(), json!({"code": 401, "name": "Unauthorized"}));
    }
}

#[tokio::test]
async fn of_several_databases_one_must_be_named() {
    let two = |filter: &'static str| {
        Wiredoo::builder().configure(move |config| {
            config.databases = vec!["acme".to_owned(), "other".to_owned()];
            config.db_filter = Filter::new(filter).unwrap();
        })
    };
    let credentials = json!({"login": "admin", "password": "admin"});
    let named = |db: &str| json!({"db": db, "login": "admin", "password": "admin"});

    let server = two(".*").start().await.unwrap();
    let answer = Client::new(&server).post_json(LOGIN, &credentials).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["description"].as_str().unwrap().contains("'db'"), "{}", answer.text());
    assert_eq!(Client::new(&server).post_json(LOGIN, &named("other")).await.json()["db"], "other");
    let mut by_header = Client::new(&server).with("x-odoo-database", "acme");
    assert_eq!(by_header.post_json(LOGIN, &credentials).await.json()["db"], "acme");
    let mut unknown = Client::new(&server).with("x-odoo-database", "nope");
    assert_eq!(unknown.post_json(LOGIN, &credentials).await.status, StatusCode::BAD_REQUEST);
    // A session remembers its database, also after the logout.
    let mut client = Client::new(&server);
    client.post_json(LOGIN, &named("other")).await;
    assert_eq!(client.post_json(LOGIN, &credentials).await.json()["db"], "other");
    client.post_json(LOGOUT, &json!({})).await;
    assert_eq!(client.post_json(LOGIN, &credentials).await.json()["db"], "other");

    let server = two("^%d$").start().await.unwrap();
    let mut filtered = Client::new(&server).with("host", "acme.example.com:8069");
    assert_eq!(filtered.post_json(LOGIN, &credentials).await.json()["db"], "acme");
    let hidden = filtered.post_json(LOGIN, &named("other")).await;
    assert_eq!(hidden.status, StatusCode::BAD_REQUEST, "{}", hidden.text());
    // A sid of a database that the host does not see is no session.
    let mut elsewhere = Client::new(&server).with("host", "other.example.com");
    elsewhere.sid = filtered.sid.clone();
    assert_eq!(elsewhere.uid().await, None);
}

#[tokio::test]
async fn a_session_ends_when_it_says_it_does_and_use_renews_it() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    let session = client.log_in("admin", "admin").await.json()["session"].clone();
    let lifetime = Duration::from_hours(7 * 24);
    assert_eq!(expires(&session), at(&server, lifetime));
    server.clock().advance(lifetime / 2);
    assert_eq!(client.uid().await, Some(2));
    server.clock().advance(lifetime / 2 + Duration::from_hours(1));
    assert_eq!(client.uid().await, Some(2), "half a life ago it was used");
    server.clock().advance(lifetime);
    assert_eq!(client.uid().await, None);
    server.app().sweep().await;
    assert_eq!(client.uid().await, None);
}

fn expires(session: &Value) -> String {
    session["expires_at"].as_str().unwrap().to_owned()
}

fn at(server: &Wiredoo, later: Duration) -> String {
    wiredoo::clock::to_string(server.clock().now() + later)
}

#[tokio::test]
async fn a_second_factor_leaves_the_session_logged_out() {
    let server = odoo(Series::V19).await;
    common::set_totp(&server, 2).await;
    let mut client = Client::new(&server);
    let body = client.log_in("admin", "admin").await.json();
    assert_eq!(body["uid"], Value::Null);
    assert!(body["session"]["sid"].is_string());
    assert_eq!(client.uid().await, None);
    assert_eq!(client.authenticate("admin", "admin").await.result(), json!({"uid": null}));
    let rpc = client.service("common", "authenticate", json!(["odoo", "admin", "admin", {}])).await;
    assert_eq!(rpc.result(), false, "RPC wants an API key then");
}

#[tokio::test]
async fn after_ten_failures_one_address_waits_a_minute_for_one_login() {
    for store in stores() {
        let server = store.builder(Series::V16).start().await.unwrap();
        let mut client = Client::new(&server);
        for _ in 0..10 {
            assert_eq!(client.log_in("admin", "nope").await.status, StatusCode::FORBIDDEN);
        }
        let refused = client.authenticate("admin", "admin").await;
        assert!(refused.exception().1.starts_with("Too many login failures"), "{}", store.name);
        assert_eq!(client.log_in("admin", "admin").await.json(), json!({"code": 403, "name": "Forbidden"}));
        make_user(&server, "other", "secret", &[]).await;
        assert_eq!(client.log_in("other", "secret").await.status, StatusCode::OK, "another login is free");
        server.clock().advance(Duration::from_mins(1));
        assert_eq!(client.log_in("admin", "admin").await.status, StatusCode::OK, "{}", store.name);
        assert_eq!(client.log_in("admin", "nope").await.status, StatusCode::FORBIDDEN);
        assert_eq!(client.log_in("admin", "admin").await.status, StatusCode::OK, "success forgets the failures");
        store.finish(server).await;
    }
}

#[tokio::test]
async fn many_tries_at_once_are_no_way_around_the_cooldown() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let tries = (0..40).map(|_| async { Client::new(&server).authenticate("admin", "nope").await.exception().1 });
        let told = futures_util::future::join_all(tries).await;
        let looked_at = told.iter().filter(|message| *message == "Access Denied").count();
        assert_eq!(looked_at, 10, "{}: {told:?}", store.name);
        assert_eq!(Client::new(&server).log_in("admin", "admin").await.status, StatusCode::FORBIDDEN);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn only_what_the_proxy_saw_itself_is_believed() {
    let server = Wiredoo::builder().configure(|config| config.proxy_mode = true).start().await.unwrap();
    for attempt in 0..11 {
        let mut client = Client::new(&server).with("x-forwarded-for", format!("10.0.0.{attempt}, 192.0.2.1"));
        client.log_in("admin", "nope").await;
    }
    let mut same = Client::new(&server).with("x-forwarded-for", "10.0.0.99, 192.0.2.1");
    assert_eq!(same.log_in("admin", "admin").await.status, StatusCode::FORBIDDEN);
    let mut other = Client::new(&server)
        .with("x-forwarded-for", "192.0.2.1, 192.0.2.2")
        .with("x-forwarded-host", "evil.example, odoo.example.com")
        .with("x-forwarded-proto", "javascript, https");
    assert_eq!(other.log_in("admin", "admin").await.json()["web.base.url"], "https://odoo.example.com");
}

#[tokio::test]
async fn databases_whose_sids_look_alike_keep_their_sessions() {
    // The first four characters of the SHA-256 of these two names are the same.
    let (one, other) = ("t271", "t525");
    let server = Wiredoo::builder().series(Series::V17).configure(|config| {
        config.databases = vec![one.to_owned(), other.to_owned()];
    });
    let server = server.start().await.unwrap();
    for db in [one, other] {
        let mut client = Client::new(&server);
        client.post_json(LOGIN, &json!({"db": db, "login": "admin", "password": "admin"})).await;
        assert_eq!(client.sid.as_ref().unwrap()[..4], Client::tag(one), "as said");
        assert_eq!(client.call("/web/session/get_session_info", json!({})).await.result()["db"], db);
    }
}

#[tokio::test]
async fn a_logout_by_header_leaves_nothing_behind() {
    let server = odoo(Series::V19).await;
    let database = server.app().databases.open("odoo").await.unwrap();
    for _ in 0..3 {
        let mut client = Client::new(&server);
        client.log_in("admin", "admin").await;
        let sid = client.sid.take().unwrap();
        let mut client = Client::new(&server).with("x-openerp-session-id", sid);
        assert_eq!(client.post_json(LOGOUT, &json!({})).await.status, StatusCode::OK);
        let left = entity::sessions::Entity::find().all(database.connection()).await.unwrap();
        assert_eq!(left, []);
    }
}

#[tokio::test]
async fn a_password_that_changes_during_a_login_is_not_changed_back() {
    for store in stores() {
        let server = store.builder(Series::V19).configure(|config| config.pbkdf2_rounds = Some(20_000));
        let server = server.start().await.unwrap();
        let weak = wiredoo::auth::password::Hash::new("old", 10_000).to_string();
        common::update_user(&server, 2, |user| user.password = Set(Some(weak.clone()))).await;
        let mut client = Client::new(&server);
        let login = client.log_in("admin", "old");
        let change = async {
            while server.app().tries.is_empty() {
                tokio::task::yield_now().await;
            }
            common::update_user(&server, 2, |user| user.password = Set(Some("new".to_owned()))).await;
        };
        let (answer, ()) = tokio::join!(login, change);
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", store.name);
        assert_eq!(Client::new(&server).log_in("admin", "new").await.status, StatusCode::OK, "{}", store.name);
        store.finish(server).await;
    }
}
