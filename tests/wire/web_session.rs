//! `/web/session/…`, per series.

use std::time::Duration;

use axum::http::{StatusCode, header};
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, Folder, make_user, odoo, update_user};

#[tokio::test]
async fn cookies_of_each_series() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let answer = client.authenticate("admin", "admin").await;
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        let (days, length) = (if series == Series::V15 { 90 } else { 7 }, if series < Series::V18 { 40 } else { 84 });
        assert!(cookie.ends_with(&format!("; Max-Age={}; HttpOnly; Path=/", days * 86400)), "{cookie}");
        assert_eq!(client.sid.as_ref().unwrap().len(), length);
        // 18.0 notes the device at the first request after the login.
        let first = client.call("/web/session/check", json!({})).await.cookie();
        let second = client.call("/web/session/check", json!({})).await.cookie();
        assert_eq!(
            (first.is_some(), second.is_some()),
            (series == Series::V15 || series >= Series::V18, series == Series::V15)
        );
        assert!(first.is_none_or(|sid| Some(sid) == client.sid), "the sid stays the same");
    }
}

#[tokio::test]
async fn session_info_is_computed_from_the_records() {
    let server = odoo(Series::V17).await;
    make_user(&server, "uma@example.com", "secret", &[]).await;
    make_user(&server, "pia", "secret", &["base.group_portal"]).await;
    let mut client = Client::new(&server);
    let info = client.authenticate("uma@example.com", "secret").await.result();
    assert_eq!(
        (&info["is_system"], &info["is_admin"], &info["is_internal_user"]),
        (&json!(false), &json!(false), &json!(true))
    );
    assert_eq!((&info["name"], &info["username"]), (&json!("UMA@EXAMPLE.COM"), &json!("uma@example.com")));
    assert_eq!(info.get("web_tours"), None, "only administrators have tours");
    let info = client.authenticate("pia", "secret").await.result();
    assert_eq!(info["is_internal_user"], false);
    assert_eq!(info.get("user_companies"), None);
    let uid = info["uid"].as_i64().unwrap();
    update_user(&server, i32::try_from(uid).unwrap(), |user| user.action_id = Set(Some(12))).await;
    let info = client.call("/web/session/get_session_info", json!({})).await.result();
    assert_eq!(info["home_action_id"], 12, "what is remembered follows the records");
}

#[tokio::test]
async fn the_base_url_follows_the_administrator() {
    let server = odoo(Series::V18).await;
    make_user(&server, "uma", "secret", &[]).await;
    let mut uma = Client::new(&server).with("host", "uma.example.com");
    assert_eq!(uma.authenticate("uma", "secret").await.result()["web.base.url"], "http://localhost:8069");
    let mut admin = Client::new(&server).with("host", "odoo.example.com");
    assert_eq!(admin.authenticate("admin", "admin").await.result()["web.base.url"], "http://odoo.example.com");
    assert_eq!(uma.authenticate("uma", "secret").await.result()["web.base.url"], "http://odoo.example.com");
}

#[tokio::test]
async fn sessions_end_with_what_they_were_begun_for() {
    type Change = fn(&mut entity::res_users::ActiveModel);
    let changes: [(&str, Change); 4] = [
        ("password", |user| user.password = Set(Some("other".to_owned()))),
        ("no password", |user| user.password = Set(None)),
        ("login", |user| user.login = Set("renamed".to_owned())),
        ("active", |user| user.active = Set(false)),
    ];
    for (what, change) in changes {
        let server = odoo(Series::V19).await;
        let uma = make_user(&server, "uma", "secret", &[]).await;
        let mut client = Client::new(&server);
        client.authenticate("uma", "secret").await;
        update_user(&server, uma, |user| user.signature = Set(Some("Uma".to_owned()))).await;
        assert!(client.uid().await.is_some(), "other changes end nothing");
        update_user(&server, uma, change).await;
        assert_eq!(client.uid().await, None, "{what}");
    }
}

#[tokio::test]
async fn plain_text_set_by_sql_works_once_and_is_hashed() {
    let server = odoo(Series::V19).await;
    update_user(&server, 2, |user| user.password = Set(Some("by-sql".to_owned()))).await;
    let mut client = Client::new(&server);
    assert_eq!(client.authenticate("admin", "wrong").await.exception().1, "Access Denied");
    assert_eq!(client.authenticate("admin", "by-sql").await.result()["uid"], 2);
    let database = server.app().databases.open("odoo").await.unwrap();
    let user = wiredoo::models::res_users::find(database.connection(), "admin").await.unwrap().unwrap();
    assert!(user.password.unwrap().starts_with("$pbkdf2-sha512$1000$"));
    assert_eq!(client.uid().await, Some(2));
}

#[tokio::test]
async fn routes_beside_the_session() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::administrator(&server).await;
        let modules = client.call("/web/session/modules", json!({})).await.result();
        assert!(modules.as_array().unwrap().contains(&json!("web")), "{modules}");
        let languages = client.call("/web/session/get_lang_list", json!({})).await.result();
        assert!(languages.as_array().unwrap().contains(&json!(["fr_FR", "French / Français"])));
        let account = client.call("/web/session/account", json!({})).await.result();
        assert!(account.as_str().unwrap().starts_with("https://accounts.odoo.com/oauth2/auth?"), "{account}");
        let context = json!({"model": "res.users", "method": "context_get", "args": [], "kwargs": {}});
        for path in ["/web/dataset/call_kw", "/web/dataset/call_kw/res.users/context_get"] {
            let answer = client.call(path, context.clone()).await.result();
            assert_eq!(answer, json!({"lang": "en_US", "tz": false, "uid": 2}));
        }
        let web = client.get(series.web_home()).await;
        assert!(web.text().contains("logged in"), "{}", web.text());
        let logout = client.get("/web/session/logout?redirect=/web/login").await;
        assert_eq!(
            (logout.status, logout.headers[header::LOCATION].to_str().unwrap()),
            (StatusCode::SEE_OTHER, "/web/login")
        );
        assert_eq!(client.uid().await, None);
        assert_eq!(client.get("/web").await.headers[header::LOCATION], "/web/login");
        for elsewhere in
            ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example", "&redirect=x"]
        {
            let answer = client.get(&format!("/web/session/logout?redirect={elsewhere}")).await;
            assert_eq!(answer.headers[header::LOCATION], series.web_home());
        }
        let version = client.get("/web/version").await;
        assert_eq!(version.status == StatusCode::OK, series == Series::V19);
    }
}

#[tokio::test]
async fn change_password_of_15() {
    let server = odoo(Series::V15).await;
    let mut client = Client::administrator(&server).await;
    let mut other = Client::administrator(&server).await;
    let fields = |old: &str, new: &str, confirmed: &str| {
        let field = |name: &str, value: &str| json!({"name": name, "value": value});
        json!({"fields": [field("old_pwd", old), field("new_password", new), field("confirm_pwd", confirmed)]})
    };
    let path = "/web/session/change_password";
    for (params, error) in [
        (fields("admin", "", ""), "You cannot leave any password empty."),
        (fields("admin", "new", "knew"), "The new password and its confirmation must be identical."),
        (fields("wrong", "new", "new"), "The old password you provided is incorrect, your password was not changed."),
    ] {
        assert_eq!(client.call(path, params).await.result()["error"], error);
    }
    assert_eq!(client.call(path, fields("admin", "new", "new")).await.result(), json!({"new_password": "new"}));
    assert_eq!((client.uid().await, other.uid().await), (Some(2), None), "all other sessions end");
    assert_eq!(other.authenticate("admin", "new").await.result()["uid"], 2);
    let newer = odoo(Series::V16).await;
    let mut client = Client::administrator(&newer).await;
    assert_eq!(client.call(path, json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn sessions_survive_a_restart_and_are_shared_by_servers_of_one_store() {
    for store in common::durable_stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let sid = client.sid.take();
        server.shutdown().await;

        let (one, other) =
            (store.builder(Series::V19).start().await.unwrap(), store.builder(Series::V19).start().await.unwrap());
        let (mut at_one, mut at_other) = (Client::new(&one), Client::new(&other));
        (at_one.sid, at_other.sid) = (sid.clone(), sid.clone());
        assert_eq!((at_one.uid().await, at_other.uid().await), (Some(2), Some(2)), "{}", store.name);
        // What one server changes, the other knows at the very next request.
        at_one.call("/web/session/destroy", json!({})).await.result();
        assert_eq!(at_other.uid().await, None, "{}", store.name);
        let uma = make_user(&one, "uma", "secret", &[]).await;
        at_other.authenticate("uma", "secret").await.result();
        assert!(at_other.uid().await.is_some());
        update_user(&one, uma, |user| user.active = Set(false)).await;
        assert_eq!(at_other.uid().await, None, "{}", store.name);
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn a_database_of_another_series_or_kind_is_left_alone() {
    let folder = Folder::new();
    Wiredoo::builder().series(Series::V16).data_dir(&folder.0).start().await.unwrap().shutdown().await;
    let error = Wiredoo::builder().series(Series::V17).data_dir(&folder.0).start().await.unwrap_err();
    assert!(error.to_string().contains("was made for series 16.0"), "{error}");

    let foreign = rusqlite::Connection::open(folder.0.join("foreign.sqlite3")).unwrap();
    foreign.execute_batch("CREATE TABLE res_users (id integer)").unwrap();
    drop(foreign);
    let error = Wiredoo::builder().db("foreign").data_dir(&folder.0).start().await.unwrap_err();
    assert!(error.to_string().contains("not a wiredoo database"), "{error}");
}

#[tokio::test]
async fn a_short_lifetime_is_kept() {
    let short = Duration::from_secs(5);
    let server = Wiredoo::builder().configure(|config| config.session_lifetime = Some(short)).start().await.unwrap();
    let mut client = Client::new(&server);
    let cookie = client.authenticate("admin", "admin").await.headers[header::SET_COOKIE].clone();
    assert!(cookie.to_str().unwrap().contains("Max-Age=5;"));
    for _ in 0..4 {
        server.clock().advance(Duration::from_secs(4));
        assert_eq!(client.uid().await, Some(2));
    }
    server.clock().advance(short);
    assert_eq!(client.uid().await, None);
    let expired = client.call("/web/session/get_session_info", json!({})).await.json();
    assert_eq!(expired["id"], Value::Null);
}

#[tokio::test]
async fn a_database_that_another_server_made_anew_is_the_new_one() {
    for store in common::durable_stores() {
        let (one, other) =
            (store.builder(Series::V19).start().await.unwrap(), store.builder(Series::V19).start().await.unwrap());
        let (mut at_one, mut at_other) = (Client::administrator(&one).await, Client::administrator(&other).await);
        at_one.service("db", "drop", json!(["admin", store.db])).await.result();
        assert_eq!(at_other.uid().await, None, "{}", store.name);
        at_one.service("db", "create_database", json!(["admin", store.db, false, "en_US", "new"])).await.result();
        at_one.authenticate("admin", "new").await.result();
        at_other.sid = at_one.sid.clone();
        assert_eq!(at_other.uid().await, Some(2), "{}", store.name);
        let renamed = format!("{}_renamed", store.db);
        at_one.service("db", "rename", json!(["admin", store.db, renamed])).await.result();
        assert_eq!(at_other.uid().await, None, "{}", store.name);
        let gone = at_other.service("common", "login", json!([store.db, "admin", "new"])).await.exception();
        assert_eq!(gone.0, "psycopg2.OperationalError", "{}", store.name);
        at_other.service("db", "drop", json!(["admin", renamed])).await.result();
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn a_user_who_changes_during_a_login_is_shown_as_changed() {
    for store in common::stores() {
        let server = store.builder(Series::V17).configure(|config| config.pbkdf2_rounds = Some(20_000));
        let server = server.start().await.unwrap();
        let mut client = Client::new(&server);
        let login = client.authenticate("admin", "admin");
        let change = async {
            while server.app().tries.is_empty() {
                tokio::task::yield_now().await;
            }
            update_user(&server, 2, |user| user.action_id = Set(Some(7))).await;
        };
        let (answer, ()) = tokio::join!(login, change);
        assert_eq!(answer.result()["home_action_id"], 7, "{}", store.name);
        let info = client.call("/web/session/get_session_info", json!({})).await.result();
        assert_eq!(info["home_action_id"], 7, "{}", store.name);
        store.finish(server).await;
    }
}
