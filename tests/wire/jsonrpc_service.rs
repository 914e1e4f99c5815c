//! `/jsonrpc`: the services `common` and `db`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wiredoo::auth::api_key::{self, NewKey};
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, Folder, make_user, odoo, stores};

#[tokio::test]
async fn databases_are_made_copied_renamed_and_dropped() {
    for store in stores() {
        let server = store.builder(Series::V17).start().await.unwrap();
        let mut client = Client::new(&server);
        let name = |what: &str| format!("{}_{what}", store.db);
        let (made, twin, moved) = (name("made"), name("twin"), name("moved"));
        let create = json!(["admin", made, false, "fr_FR", "secret", "boss", "be", "+32 2 290 34 90"]);
        assert_eq!(client.service("db", "create_database", create.clone()).await.result(), true);
        let again = client.service("db", "create_database", create).await.exception();
        assert_eq!(again.0, "odoo.service.db.DatabaseExists");
        assert_eq!(again.1, format!("database '{made}' already exists!"));

        let authenticate = |db: &str, login: &str| json!([db, login, "secret", {}]);
        assert_eq!(client.service("common", "authenticate", authenticate(&made, "boss")).await.result(), 2);
        assert_eq!(client.service("common", "authenticate", authenticate(&made, "admin")).await.result(), false);
        let params = json!({"db": made, "login": "boss", "password": "secret"});
        let info = client.call("/web/session/authenticate", params).await.result();
        assert_eq!(info["user_context"]["lang"], "fr_FR");
        let currencies = info["currencies"].as_object().unwrap();
        assert!(currencies.values().any(|currency| currency["symbol"] == "€"), "Belgium's is activated: {info}");

        assert_eq!(client.service("db", "duplicate_database", json!(["admin", made, twin])).await.result(), true);
        assert_eq!(client.uid().await, Some(2), "the original goes on");
        let taken = client.service("db", "duplicate_database", json!(["admin", made, twin])).await.exception();
        assert_eq!(taken.0, "psycopg2.errors.DuplicateDatabase");
        let nothing = client.service("db", "duplicate_database", json!(["admin", name("none"), name("x")])).await;
        assert_eq!(nothing.exception().0, "psycopg2.errors.InvalidCatalogName");
        assert_eq!(client.service("db", "rename", json!(["admin", twin, moved])).await.result(), true);
        assert_eq!(client.service("db", "db_exist", json!([twin])).await.result(), false);
        assert_eq!(client.service("common", "login", json!([moved, "boss", "secret"])).await.result(), 2);
        let list = client.service("db", "list", json!([])).await.result();
        for name in [&store.db, &made, &moved] {
            assert!(list.as_array().unwrap().contains(&json!(name)), "{} {list}", store.name);
        }
        for (name, there) in [(&made, true), (&moved, true), (&made, false)] {
            assert_eq!(client.service("db", "drop", json!(["admin", name])).await.result(), there);
        }
        let gone = client.service("common", "authenticate", authenticate(&made, "boss")).await.exception();
        assert_eq!(gone.0, "psycopg2.OperationalError");
        assert_eq!(client.uid().await, None);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn a_dump_restores_on_every_store() {
    let mut dumps = Vec::new();
    for store in stores() {
        let server = store.builder(Series::V18).start().await.unwrap();
        make_user(&server, "uma", "secret", &["base.group_portal"]).await;
        let mut client = Client::new(&server);
        let dump = client.service("db", "dump", json!(["admin", store.db, "zip"])).await.result();
        dumps.push((store.name, dump.as_str().unwrap().to_owned()));
        store.finish(server).await;
    }
    for store in stores() {
        let server = store.builder(Series::V18).start().await.unwrap();
        let mut client = Client::new(&server);
        let uuid = |info: Value| info["user_companies"].clone();
        for (from, dump) in &dumps {
            let name = format!("{}_from_{}", store.db, from.to_lowercase());
            let restore = json!(["admin", name, dump, false]);
            assert_eq!(client.service("db", "restore", restore).await.result(), true, "{from} on {}", store.name);
            let params = json!({"db": name, "login": "uma", "password": "secret"});
            let info = client.call("/web/session/authenticate", params).await.result();
            assert_eq!((&info["name"], &info["is_internal_user"]), (&json!("UMA"), &json!(false)));
            let params = json!({"db": name, "login": "admin", "password": "admin"});
            let info = client.call("/web/session/authenticate", params).await.result();
            assert_eq!(uuid(info)["current_company"], 1);
            // New rows do not collide with restored ones.
            let database = server.app().databases.open(&name).await.unwrap();
            let key = database.write(|tx| {
                let now = server.app().clock.now();
                Box::pin(async move { api_key::store(tx, 2, &NewKey::default(), &api_key::generate(), now).await })
            });
            key.await.unwrap();
            client.service("db", "drop", json!(["admin", name])).await.result();
        }
        store.finish(server).await;
    }
}

#[tokio::test]
async fn what_is_no_dump_makes_no_database() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    let other = Wiredoo::builder().series(Series::V16).start().await.unwrap();
    let of_other_series = Client::new(&other).service("db", "dump", json!(["admin", "odoo", "zip"])).await.result();
    for data in [json!(""), json!("%%%"), json!(STANDARD.encode("PK")), json!(5), of_other_series] {
        let answer = client.service("db", "restore", json!(["admin", "made", data])).await;
        assert_eq!(answer.exception().0, "odoo.exceptions.UserError", "{}", answer.text());
    }
    let taken = client.service("db", "restore", json!(["admin", "odoo", ""])).await;
    assert_eq!(taken.exception(), ("builtins.Exception".to_owned(), "Database already exists".to_owned()));
    assert_eq!(client.service("db", "list", json!([])).await.result(), json!(["odoo"]));
}

#[tokio::test]
async fn the_master_password_is_wanted_and_can_be_changed() {
    let folder = Folder::new();
    let start = || {
        Wiredoo::builder()
            .series(Series::V19)
            .data_dir(&folder.0)
            .configure(|config| config.pbkdf2_rounds = Some(1000))
            .start()
    };
    let server = start().await.unwrap();
    let mut client = Client::new(&server);
    for method in [
        "create_database",
        "duplicate_database",
        "drop",
        "rename",
        "dump",
        "restore",
        "list_countries",
        "change_admin_password",
        "migrate_databases",
    ] {
        for master in [json!("nope"), json!(""), json!(null), json!(1)] {
            let answer = client.service("db", method, json!([master, "odoo"])).await;
            assert_eq!(answer.exception().0, "odoo.exceptions.AccessDenied", "{method}");
        }
        let answer = client.service("db", method, json!([])).await;
        assert_eq!(answer.exception(), ("builtins.IndexError".to_owned(), "list index out of range".to_owned()));
    }
    let migrate = client.service("db", "migrate_databases", json!(["admin", ["odoo"]])).await;
    assert_eq!(migrate.exception().0, "odoo.exceptions.UserError");
    assert_eq!(client.service("db", "change_admin_password", json!(["admin", "better"])).await.result(), true);
    let list = |master: &str| json!([master]);
    assert_eq!(client.service("db", "list_countries", list("admin")).await.exception().1, "Access Denied");
    assert!(client.service("db", "list_countries", list("better")).await.result().is_array());
    server.shutdown().await;
    let server = start().await.unwrap();
    let mut client = Client::new(&server);
    assert_eq!(client.service("db", "list_countries", list("admin")).await.exception().1, "Access Denied");
    assert!(client.service("db", "list_countries", list("better")).await.result().is_array());
}

#[tokio::test]
async fn names_that_are_none() {
    let server = odoo(Series::V19).await;
    let mut client = Client::new(&server);
    for name in ["", "../x", "a b", "x/y", "_x", "\u{0}"] {
        let answer = client.service("db", "create_database", json!(["admin", name, false, "en_US"])).await;
        assert_eq!(answer.exception().0, "builtins.ValueError", "{name:?}");
        assert_eq!(client.service("db", "db_exist", json!([name])).await.result(), false);
        assert_eq!(client.service("db", "drop", json!(["admin", name])).await.result(), false);
        let answer = client.service("common", "login", json!([name, "admin", "admin"])).await;
        assert_eq!(answer.exception().0, "psycopg2.OperationalError");
    }
}

#[tokio::test]
async fn the_list_can_be_kept_secret() {
    let server = Wiredoo::builder().configure(|config| config.list_db = false).start().await.unwrap();
    let mut client = Client::new(&server);
    assert_eq!(client.service("db", "list", json!([])).await.exception().1, "Access Denied");
    assert_eq!(client.call("/web/database/list", json!({})).await.exception().1, "Access Denied");
    assert!(!client.get("/web/login").await.text().contains("<option>"));
    assert_eq!(client.service("db", "db_exist", json!(["odoo"])).await.result(), true);
    for method in ["create_database", "drop", "dump", "change_admin_password"] {
        let answer = client.service("db", method, json!(["admin", "odoo", "zip"])).await;
        assert_eq!(answer.exception().1, "Access Denied", "{method}");
    }
    assert!(client.service("db", "list_countries", json!(["admin"])).await.result().is_array());
}

#[tokio::test]
async fn what_is_not_ours_is_neither_dropped_nor_renamed() {
    let folder = Folder::new();
    let server = Wiredoo::builder().data_dir(&folder.0).start().await.unwrap();
    let foreign = folder.0.join("foreign.sqlite3");
    std::fs::write(&foreign, "not a database").unwrap();
    let mut client = Client::new(&server);
    for (method, args) in [
        ("drop", json!(["admin", "foreign"])),
        ("rename", json!(["admin", "foreign", "x"])),
        ("dump", json!(["admin", "foreign", "zip"])),
    ] {
        assert!(client.service("db", method, args).await.exception().0.starts_with("psycopg2."), "{method}");
        assert!(foreign.exists(), "{method}");
    }
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_runs_to_its_end() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let name = format!("{}_made", store.db);
        let mut client = Client::new(&server);
        let create = json!(["admin", name, false, "en_US"]);
        // Polled once, then dropped.
        let answer = futures_util::FutureExt::now_or_never(client.service("db", "create_database", create));
        assert!(answer.is_none());
        let login = json!([name, "admin", "admin"]);
        while client.service("common", "login", login.clone()).await.json()["result"] != 2 {
            tokio::task::yield_now().await;
        }
        Client::new(&server).service("db", "drop", json!(["admin", name])).await.result();
        store.finish(server).await;
    }
}

#[tokio::test]
async fn arguments_that_do_not_fit() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    for (service, method, args, message) in [
        ("common", "login", json!([1, 2]), "exp_login() missing 1 required positional argument: 'password'"),
        ("common", "version", json!([1]), "exp_version() takes 0 positional arguments but 1 was given"),
        ("common", "about", json!([1, 2]), "exp_about() takes from 0 to 1 positional arguments but 2 were given"),
        ("db", "db_exist", json!([]), "exp_db_exist() missing 1 required positional argument: 'db_name'"),
        ("db", "drop", json!(["admin"]), "exp_drop() missing 1 required positional argument: 'db_name'"),
    ] {
        assert_eq!(
            client.service(service, method, args).await.exception(),
            ("builtins.TypeError".to_owned(), message.to_owned())
        );
    }
    for args in [json!(null), json!({}), json!("x"), json!(1)] {
        assert_eq!(client.service("common", "version", args).await.exception().0, "builtins.TypeError");
    }
    for login in [json!(null), json!(1), json!(["admin"])] {
        let answer = client.service("common", "login", json!(["odoo", login, "admin"])).await;
        assert_eq!(answer.result(), false, "{login}");
    }
}

#[tokio::test]
async fn an_api_key_is_a_password_for_rpc_only() {
    let key = "0123456789abcdef0123456789abcdef01234567";
    let server =
        Wiredoo::builder().configure(|config| config.admin_api_key = Some(key.to_owned())).start().await.unwrap();
    let mut client = Client::new(&server);
    let login = |login: &str, key: &str| json!(["odoo", login, key]);
    assert_eq!(client.service("common", "login", login("admin", key)).await.result(), 2);
    assert_eq!(client.service("common", "login", login("admin", &key.replace('f', "e"))).await.result(), false);
    make_user(&server, "uma", "secret", &[]).await;
    assert_eq!(client.service("common", "login", login("uma", key)).await.result(), false, "somebody else's key");
    assert_eq!(client.authenticate("admin", key).await.exception().1, "Access Denied");
    common::set_totp(&server, 2).await;
    assert_eq!(client.service("common", "login", login("admin", key)).await.result(), 2);
    let database = server.app().databases.open("odoo").await.unwrap();
    let keys = api_key::list(database.connection(), 2).await.unwrap();
    assert_eq!(keys[0].index, &key[..8]);
    assert!(keys[0].key.starts_with("$pbkdf2-sha512$6000$"));
    let id = keys[0].id;
    assert!(database.write(|tx| Box::pin(api_key::revoke(tx, id))).await.unwrap());
    assert_eq!(client.service("common", "login", login("admin", key)).await.result(), false);
}

#[tokio::test]
async fn objects_are_called_with_credentials_each_time() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let context = json!({"lang": "en_US", "tz": false, "uid": 2});
        for uid in [json!(2), json!("2"), json!(2.0)] {
            let args = json!(["odoo", uid, "admin", "res.users", "context_get"]);
            assert_eq!(client.service("object", "execute", args.clone()).await.result(), context);
            let args = json!(["odoo", uid, "admin", "res.users", "context_get", []]);
            assert_eq!(client.service("object", "execute_kw", args).await.result(), context);
        }
        assert_eq!(client.uid().await, None, "no session comes of it");
        let call =
            |uid: Value, password: &str, model: &str, method: &str| json!(["odoo", uid, password, model, method, []]);
        for (args, name, message) in [
            (call(json!(2), "nope", "res.users", "context_get"), "odoo.exceptions.AccessDenied", "Access Denied"),
            (call(json!(2), "", "res.users", "context_get"), "odoo.exceptions.AccessDenied", "Access Denied"),
            (call(json!(0), "admin", "res.users", "context_get"), "odoo.exceptions.AccessDenied", "Access Denied"),
            (call(json!(1), "admin", "res.users", "context_get"), "odoo.exceptions.AccessDenied", "Access Denied"),
            (
                call(json!(98765), "admin", "res.users", "context_get"),
                "odoo.exceptions.MissingError",
                "Record does not exist",
            ),
            (call(json!("x"), "admin", "res.users", "context_get"), "builtins.ValueError", "invalid literal for int()"),
            (call(json!(null), "admin", "res.users", "context_get"), "builtins.TypeError", "int() argument must be"),
            (call(json!(2), "admin", "no.such", "search"), "odoo.exceptions.UserError", "Object no.such doesn't exist"),
            (
                call(json!(2), "admin", "res.users", "_write"),
                "odoo.exceptions.AccessError",
                "Private methods (such as ",
            ),
            (call(json!(2), "admin", "res.users", "nope"), "builtins.AttributeError", "The method 'res.users.nope'"),
        ] {
            let (got_name, got_message) = client.service("object", "execute_kw", args.clone()).await.exception();
            let in_two_words =
                got_message.replace("'nope' does not exist on the model 'res.users'", "'res.users.nope'");
            assert_eq!(got_name, name, "{series} {args}");
            assert!(in_two_words.starts_with(message), "{series} {got_message}");
        }
        let private = client.service("object", "execute_kw", call(json!(2), "admin", "res.users", "_nope")).await;
        let expected = if series == Series::V16 { "builtins.AttributeError" } else { "odoo.exceptions.AccessError" };
        assert_eq!(private.exception().0, expected, "{series}: whether there is a private method");
        let unknown =
            client.service("object", "execute_foo", call(json!(2), "admin", "res.users", "context_get")).await;
        assert_eq!(unknown.exception().1, "Method not available execute_foo");
        assert!(
            client.service("object", "execute_kw", json!(["odoo", 2])).await.exception().0.starts_with("builtins.")
        );
    }
}
