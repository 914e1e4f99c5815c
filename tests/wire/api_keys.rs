//! API keys: made, seen, used and removed over the wire, as rows of a real database, and by the command line's functions.

use chrono::TimeDelta;
use entity::res_users_apikeys;
use sea_orm::ActiveModelTrait as _;
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};
use wiredoo::auth::api_key::{self, NewKey};
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, durable_stores, make_user, odoo};

const WIZARD: &str = "res.users.apikeys.description";
const CHECK: &str = "res.users.identitycheck";
/// Hashed by passlib 1.7.4, as Odoo does: `CryptContext(['pbkdf2_sha512'], pbkdf2_sha512__rounds=6000).hash(KEY)`.
const KEY: &str = "35cb8d9297b3b3f7c3c7b20e2d2c3a0e1f2d3c4b";
const HASH: &str = "$pbkdf2-sha512$6000$DIEw5pzzHgNAqPW.F2IMgQ$K.hw9zfDhSQ/ZKs/gRJLtpk.HSjyDsE0ezphRlVbpOKeRv.M0qnG9t86bnvIbmFJegTJhfo2W/oT.lqP4KHhqg";

fn takes_password_in_context(series: Series) -> bool {
    series == Series::V19
}

/// Answers the question for the password that an action asks, and gives what the method then answers.
async fn prove(client: &mut Client<'_>, series: Series, action: &Value, password: &str) -> common::Answer {
    assert_eq!(action["res_model"], CHECK, "{action}");
    let id = action["res_id"].as_i64().unwrap();
    if takes_password_in_context(series) {
        return client.call_kw(CHECK, "run_check", json!([[id]]), json!({"context": {"password": password}})).await;
    }
    client.kw(CHECK, "write", json!([[id], {"password": password}]), json!({})).await;
    client.call_kw(CHECK, "run_check", json!([[id]]), json!({})).await
}

/// The key that a wizard makes for whoever is logged in.
async fn make_key(client: &mut Client<'_>, series: Series, values: Value, password: &str) -> String {
    let wizard = client.create(WIZARD, values).await;
    let mut action = client.kw(WIZARD, "make_key", json!([[wizard]]), json!({})).await;
    if action["res_model"] == CHECK {
        action = prove(client, series, &action, password).await.result();
    }
    assert_eq!((&action["res_model"], &action["target"]), (&json!("res.users.apikeys.show"), &json!("new")));
    // The wizard is gone, so it makes no second key.
    assert_eq!(client.kw(WIZARD, "read", json!([[wizard]]), json!({})).await, json!([]));
    action["context"]["default_key"].as_str().unwrap().to_owned()
}

/// Whether a key stands for a user in `/jsonrpc`.
async fn counts(server: &Wiredoo, user: i32, key: &str) -> bool {
    let args = json!([server.db(), user, key, "res.users", "context_get", [], {}]);
    let answer = Client::new(server).service("object", "execute_kw", args).await.json();
    answer["result"]["uid"] == user
}

/// Whether a key stands for its user in JSON-2.
async fn bears(server: &Wiredoo, key: &str) -> bool {
    let mut client = Client::new(server).with("authorization", format!("Bearer {key}"));
    client.post_json("/json/2/res.users/context_get", &json!({})).await.status == 200
}

#[tokio::test]
async fn a_key_is_made_used_and_removed() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut c = Client::administrator(&server).await;
        let action = c.kw("res.users", "api_key_wizard", json!([[2]]), json!({})).await;
        let action = prove(&mut c, series, &action, "admin").await.result();
        assert_eq!(action["res_model"], WIZARD);
        // Who has just proved who they are is not asked again.
        let wizard = c.create(WIZARD, json!({"name": "ci"})).await;
        let action = c.kw(WIZARD, "make_key", json!([[wizard]]), json!({})).await;
        let key = action["context"]["default_key"].as_str().unwrap().to_owned();
        assert!(api_key::is_key(&key) && key == key.to_lowercase());
        assert!(counts(&server, 2, &key).await, "{series}");
        assert!(!counts(&server, 1, &key).await, "another user's key");
        // It is a key for calls, not a password for people.
        assert!(Client::new(&server).authenticate("admin", &key).await.json().get("error").is_some());
        let found =
            c.kw("res.users.apikeys", "search_read", json!([[], ["name", "scope", "user_id"]]), json!({})).await;
        let id = found[0]["id"].as_i64().unwrap();
        assert_eq!(found, json!([{"id": id, "name": "ci", "scope": false, "user_id": [2, "Administrator"]}]));
        let (name, _) = c.fault("res.users.apikeys", "search_read", json!([[], ["key"]]), json!({})).await;
        assert_eq!(name, "ValueError", "{series}");
        server.app().clock.advance(std::time::Duration::from_secs(601));
        let action = c.kw("res.users.apikeys", "remove", json!([[id]]), json!({})).await;
        let action = prove(&mut c, series, &action, "admin").await.result();
        assert_eq!(action, json!({"type": "ir.actions.act_window_close"}));
        assert!(!counts(&server, 2, &key).await, "{series}");
    }
}

#[tokio::test]
async fn the_wrong_password_makes_no_key() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut c = Client::administrator(&server).await;
        let wizard = c.create(WIZARD, json!({"name": "ci"})).await;
        let action = c.kw(WIZARD, "make_key", json!([[wizard]]), json!({})).await;
        for password in ["wrong", ""] {
            let (name, message) = prove(&mut c, series, &action, password).await.exception();
            assert_eq!(name, "odoo.exceptions.UserError");
            assert!(message.starts_with("Incorrect Password"), "{message}");
        }
        assert_eq!(c.kw("res.users.apikeys", "search_count", json!([[]]), json!({})).await, 0);
        // Nobody answers for somebody else, and what is asked for cannot be made up.
        make_user(&server, "uma", "uma", &[]).await;
        let mut uma = Client::new(&server);
        uma.authenticate("uma", "uma").await;
        let answer =
            uma.call_kw(CHECK, "run_check", json!([[action["res_id"]]]), json!({"context": {"password": "uma"}}));
        assert_eq!(answer.await.exception().0, "odoo.exceptions.AccessError");
        let (name, _) = uma.fault(CHECK, "read", json!([[action["res_id"]], ["request"]]), json!({})).await;
        assert_eq!(name, "AccessError");
        let made = uma.call_kw(
            CHECK,
            "create",
            json!([{"request": "[{}, \"res.users\", [2], \"unlink\", [], {}]"}]),
            json!({}),
        );
        let made = made.await.json();
        if let Some(id) = made["result"].as_i64() {
            let answer = uma.call_kw(CHECK, "run_check", json!([[id]]), json!({"context": {"password": "uma"}})).await;
            assert!(answer.json().get("error").is_some(), "{series}");
        }
    }
}

#[tokio::test]
async fn keys_are_their_owners() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let (uma, ula) = (make_user(&server, "uma", "uma", &[]).await, make_user(&server, "ula", "ula", &[]).await);
        let mut first = Client::new(&server);
        first.authenticate("uma", "uma").await;
        let key = make_key(&mut first, series, json!({"name": "hers"}), "uma").await;
        assert!(counts(&server, uma, &key).await && !counts(&server, ula, &key).await);
        let own = first.search("res.users.apikeys", json!([])).await;
        assert_eq!(own.len(), 1);
        let mut second = Client::new(&server);
        second.authenticate("ula", "ula").await;
        assert_eq!(second.search("res.users.apikeys", json!([])).await, [0_i64; 0]);
        let action = second.kw("res.users.apikeys", "remove", json!([own]), json!({})).await;
        let (name, message) = prove(&mut second, series, &action, "ula").await.exception();
        assert_eq!(name, "odoo.exceptions.AccessError");
        assert_eq!(message, "You can not remove API keys unless they're yours or you are a system user");
        assert_eq!(second.fault("res.users.apikeys", "unlink", json!([own]), json!({})).await.0, "AccessError");
        assert_eq!(
            first.fault("res.users.apikeys", "write", json!([own, {"name": "x"}]), json!({})).await.0,
            "AccessError"
        );
        assert_eq!(
            first.fault("res.users.apikeys", "create", json!([{"name": "x"}]), json!({})).await.0,
            "AccessError"
        );
        // An administrator sees and removes any.
        let mut admin = Client::administrator(&server).await;
        assert_eq!(admin.search("res.users.apikeys", json!([])).await, own);
        let action = admin.kw("res.users.apikeys", "remove", json!([own]), json!({})).await;
        prove(&mut admin, series, &action, "admin").await.result();
        assert!(!counts(&server, uma, &key).await);
    }
}

#[tokio::test]
async fn who_is_no_internal_user_makes_none() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "pat", "pat", &["base.group_portal"]).await;
        let mut c = Client::new(&server);
        c.authenticate("pat", "pat").await;
        let (name, message) = c.fault(WIZARD, "check_access_make_key", json!([[]]), json!({})).await;
        assert_eq!((name.as_str(), message.as_str()), ("AccessError", "Only internal users can create API keys"));
    }
}

#[tokio::test]
async fn keys_expire_from_18_on() {
    for series in [Series::V18, Series::V19] {
        let server = odoo(series).await;
        let uma = make_user(&server, "uma", "uma", &[]).await;
        let mut c = Client::new(&server);
        c.authenticate("uma", "uma").await;
        let choices = c.kw(WIZARD, "fields_get", json!([["duration"]]), json!({})).await;
        let choices: Vec<_> =
            choices["duration"]["selection"].as_array().unwrap().iter().map(|c| c[0].clone()).collect();
        assert_eq!(choices, ["1", "7", "30", "90", "-1"]);
        for (values, name, message) in [
            (
                json!({"name": "x", "duration": "365"}),
                "ValueError",
                "Wrong value for res.users.apikeys.description.duration: '365'",
            ),
            (
                json!({"name": "x", "duration": "0"}),
                "ValueError",
                "Wrong value for res.users.apikeys.description.duration: '0'",
            ),
            (json!({"name": "x", "duration": "-1"}), "UserError", "The API key must have an expiration date"),
            (
                json!({"name": "x", "duration": "-1", "expiration_date": "2999-01-01 00:00:00"}),
                "UserError",
                "You cannot exceed 90.0 days.",
            ),
        ] {
            let fault = c.fault(WIZARD, "create", json!([values]), json!({})).await;
            assert_eq!(fault, (name.to_owned(), message.to_owned()), "{series}");
        }
        // A form shows the end, which is the beginning of a day.
        let spec = json!({"duration": {}, "expiration_date": {}});
        let shown = c.kw(WIZARD, "onchange", json!([[], {"duration": "7"}, ["duration"], spec]), json!({})).await;
        let end = (server.app().clock.now().date() + TimeDelta::days(7)).format("%Y-%m-%d 00:00:00").to_string();
        assert_eq!(shown["value"]["expiration_date"], end.as_str());
        let key = make_key(&mut c, series, json!({"name": "week", "duration": "7"}), "uma").await;
        let keys = c.kw("res.users.apikeys", "search_read", json!([[], ["expiration_date"]]), json!({})).await;
        assert_eq!(keys[0]["expiration_date"], end.as_str());
        assert!(counts(&server, uma, &key).await);
        server.app().clock.advance(std::time::Duration::from_hours(7 * 24));
        assert!(!counts(&server, uma, &key).await);
        // Administrators may have keys that last.
        let mut admin = Client::administrator(&server).await;
        let key = make_key(&mut admin, series, json!({"name": "long", "duration": "0"}), "admin").await;
        server.app().clock.advance(std::time::Duration::from_hours(10_000 * 24));
        assert!(counts(&server, 2, &key).await);
    }
}

#[tokio::test]
async fn a_question_outside_of_a_session_is_answered_there() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut c = Client::new(&server);
        let mut call = async |model: &str, method: &str, args: Value, kwargs: Value| {
            c.service("object", "execute_kw", json!([server.db(), 2, "admin", model, method, args, kwargs]))
                .await
                .result()
        };
        let wizard = call(WIZARD, "create", json!([{"name": "x"}]), json!({})).await;
        let action = call(WIZARD, "make_key", json!([[wizard]]), json!({})).await;
        let id = &action["res_id"];
        let context = json!({"context": {"password": "admin"}});
        let shown = call(CHECK, "run_check", json!([[id]]), context).await;
        let key = shown["context"]["default_key"].as_str().unwrap().to_owned();
        assert!(counts(&server, 2, &key).await);
        // There is no session that would remember it.
        let wizard = call(WIZARD, "create", json!([{"name": "y"}]), json!({})).await;
        let action = call(WIZARD, "make_key", json!([[wizard]]), json!({})).await;
        assert_eq!(action["res_model"], CHECK);
    }
}

#[tokio::test]
async fn a_row_of_a_real_database_works() {
    let server = odoo(Series::V17).await;
    let database = server.app().databases.open(server.db()).await.unwrap();
    for (scope, expires, good) in [
        (None, None, true),
        (Some("rpc"), Some(TimeDelta::days(1)), true),
        (Some("rpc"), Some(TimeDelta::days(-1)), false),
        (Some("odoo.plugin.outlook"), None, false),
    ] {
        let row = res_users_apikeys::ActiveModel {
            name: Set("copied".to_owned()),
            user_id: Set(2),
            scope: Set(scope.map(str::to_owned)),
            expiration_date: Set(expires.map(|after| server.app().clock.now() + after)),
            index: Set(KEY[..8].to_owned()),
            key: Set(HASH.to_owned()),
            ..Default::default()
        };
        let stored = database.write(|tx| {
            let row = row.clone();
            Box::pin(async move { Ok(row.insert(tx).await?) })
        });
        let id = stored.await.unwrap().id;
        assert_eq!(counts(&server, 2, KEY).await, good, "{scope:?} {expires:?}");
        // The index only finds it; the whole must be right.
        assert!(!counts(&server, 2, &format!("{}{}", &KEY[..39], "c")).await);
        assert!(database.write(|tx| Box::pin(api_key::revoke(tx, id))).await.unwrap());
        assert!(!counts(&server, 2, KEY).await);
    }
}

#[tokio::test]
async fn another_process_feels_what_one_does() {
    for store in durable_stores() {
        let one = store.builder(Series::V19).start().await.unwrap();
        let other = store.builder(Series::V19).start().await.unwrap();
        let (mut here, mut there) = (Client::administrator(&one).await, Client::administrator(&other).await);
        let key = make_key(&mut here, Series::V19, json!({"name": "x", "duration": "0"}), "admin").await;
        assert!(counts(&one, 2, &key).await && counts(&other, 2, &key).await, "{}", store.name);
        assert!(bears(&one, &key).await && bears(&other, &key).await, "{}", store.name);
        let keys = there.search("res.users.apikeys", json!([])).await;
        let action = there.kw("res.users.apikeys", "remove", json!([keys]), json!({})).await;
        prove(&mut there, Series::V19, &action, "admin").await.result();
        assert!(!counts(&one, 2, &key).await && !counts(&other, 2, &key).await, "{}", store.name);
        assert!(!bears(&one, &key).await && !bears(&other, &key).await, "{}", store.name);
        drop((here, there));
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn a_key_ends_with_its_user() {
    for store in durable_stores() {
        let one = store.builder(Series::V19).start().await.unwrap();
        let other = store.builder(Series::V19).start().await.unwrap();
        let uma = make_user(&one, "uma", "uma", &[]).await;
        let mut c = Client::new(&one);
        c.authenticate("uma", "uma").await;
        let key = make_key(&mut c, Series::V19, json!({"name": "x"}), "uma").await;
        assert!(bears(&one, &key).await && counts(&other, uma, &key).await, "{}", store.name);
        let mut admin = Client::administrator(&other).await;
        // A new password leaves the keys, an archived user has none that count.
        admin.kw("res.users", "write", json!([[uma], {"password": "new"}]), json!({})).await;
        assert!(bears(&one, &key).await && counts(&one, uma, &key).await, "{}", store.name);
        admin.kw("res.users", "write", json!([[uma], {"active": false}]), json!({})).await;
        assert!(!bears(&one, &key).await && !counts(&one, uma, &key).await, "{}", store.name);
        admin.kw("res.users", "write", json!([[uma], {"active": true}]), json!({})).await;
        assert!(bears(&one, &key).await, "{}", store.name);
        admin.kw("res.users", "unlink", json!([[uma]]), json!({})).await;
        assert!(!bears(&one, &key).await && !counts(&one, uma, &key).await, "{}", store.name);
        assert_eq!(admin.search("res.users.apikeys", json!([])).await, [0_i64; 0]);
        drop((c, admin));
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn what_is_no_key_is_not_stored() {
    let server = odoo(Series::V19).await;
    let database = server.app().databases.open(server.db()).await.unwrap();
    for wrong in ["", "abc", &"g".repeat(40), &"0".repeat(39), &"0".repeat(41), &"ä".repeat(20)] {
        let now = server.app().clock.now();
        let stored = database.write(|tx| {
            let wrong = wrong.to_owned();
            Box::pin(async move { api_key::store(tx, 2, &NewKey::default(), &wrong, now).await })
        });
        assert!(stored.await.is_err(), "{wrong}");
    }
}
