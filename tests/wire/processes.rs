//! Several servers on one store, as several processes behind a balancer: whatever one of them changes, the others know at
//! the very next request. For each thing that a process remembers of a database there is a test here in which one server
//! has it in mind while another changes it; `api_keys.rs`, `rights.rs` and `manual_models.rs` have those of keys, rights
//! and models.

use futures_util::future::join_all;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use wiredoo::{Series, Wiredoo};

use crate::common::{Client, Store, durable_stores, make_user};

const PARTNER: &str = "res.partner";

/// Two servers on one store.
struct Two {
    store: Store,
    one: Wiredoo,
    other: Wiredoo,
}

impl Two {
    /// Both start at once on nothing, and one of them makes the database.
    async fn start(store: Store) -> Self {
        let (one, other) = tokio::join!(store.builder(Series::V19).start(), store.builder(Series::V19).start());
        Self { store, one: one.unwrap(), other: other.unwrap() }
    }

    /// The administrator at both.
    async fn administrators(&self) -> (Client<'_>, Client<'_>) {
        (Client::administrator(&self.one).await, Client::administrator(&self.other).await)
    }

    async fn finish(self) {
        self.other.shutdown().await;
        self.store.finish(self.one).await;
    }
}

/// Runs a test on each store that two servers can share.
async fn on_two(test: impl AsyncFn(&Two, &str)) {
    for store in durable_stores() {
        let name = store.name;
        let two = Box::pin(Two::start(store)).await;
        test(&two, name).await;
        two.finish().await;
    }
}

/// Whether a password stands for a user in `/jsonrpc`.
async fn counts(server: &Wiredoo, user: i32, password: &str) -> bool {
    let args = json!([server.db(), user, password, "res.users", "context_get", [], {}]);
    Client::new(server).service("object", "execute_kw", args).await.json()["result"]["uid"] == user
}

/// The session info at once after another look at it, so that it was in mind if nothing has changed.
async fn info(client: &mut Client<'_>) -> Value {
    client.call("/web/session/get_session_info", json!({})).await.result()
}

#[tokio::test]
async fn a_client_need_not_know_which_server_answers() {
    on_two(async |two, store| {
        for seed in 1..=4 {
            let mut client = Client::between(&two.one, &two.other, seed);
            client.authenticate("admin", "admin").await.result();
            let mut ids = Vec::new();
            for n in 0..6 {
                let id = client.create(PARTNER, json!({"name": format!("P{seed} {n}"), "color": n})).await;
                assert_eq!(client.values(PARTNER, id, json!(["color"])).await, json!({"color": n}), "{store}");
                client.kw(PARTNER, "write", json!([[id], {"color": n + 1}]), json!({})).await;
                assert_eq!(client.values(PARTNER, id, json!(["color"])).await, json!({"color": n + 1}), "{store}");
                ids.push(id);
            }
            let named = json!([["name", "like", format!("P{seed} ")]]);
            assert_eq!(client.search(PARTNER, named.clone()).await, ids, "{store}");
            client.kw(PARTNER, "unlink", json!([ids]), json!({})).await;
            assert_eq!(client.search(PARTNER, named).await, [0; 0], "{store}");
            let file = client.create("ir.attachment", json!({"name": "a.txt", "raw": format!("file {seed}")})).await;
            for _ in 0..3 {
                let content = client.get(&format!("/web/content/{file}")).await.text();
                assert_eq!(content, format!("file {seed}"), "{store}");
            }
            let sid = client.sid.clone();
            client.call("/web/session/destroy", json!({})).await.result();
            for server in [&two.one, &two.other] {
                let mut late = Client::new(server);
                late.sid.clone_from(&sid);
                assert_eq!(late.uid().await, None, "{store}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_end_everywhere_at_once() {
    on_two(async |two, store| {
        let mut admin = Client::administrator(&two.one).await;
        let uma = make_user(&two.one, "uma", "secret", &["base.group_user"]).await;
        let begin = async |password: &str| {
            let mut there = Client::new(&two.other);
            there.authenticate("uma", password).await.result();
            for _ in 0..2 {
                assert_eq!(there.uid().await, Some(uma.into()), "{store}");
            }
            there
        };
        let mut there = begin("secret").await;
        let mut here = Client::new(&two.one);
        here.sid.clone_from(&there.sid);
        here.call("/web/session/destroy", json!({})).await.result();
        assert_eq!(there.uid().await, None, "{store}: logged out");
        let mut there = begin("secret").await;
        admin.kw("res.users", "write", json!([[uma], {"password": "new"}]), json!({})).await;
        assert_eq!(there.uid().await, None, "{store}: another password");
        let mut there = begin("new").await;
        admin.kw("res.users", "write", json!([[uma], {"active": false}]), json!({})).await;
        assert_eq!(there.uid().await, None, "{store}: archived");
        admin.kw("res.users", "write", json!([[uma], {"active": true}]), json!({})).await;
        let mut there = begin("new").await;
        admin.kw("res.users", "write", json!([[uma], {"login": "umalu"}]), json!({})).await;
        assert_eq!(there.uid().await, None, "{store}: another login");
        admin.kw("res.users", "write", json!([[uma], {"login": "uma"}]), json!({})).await;
        // The secret keys the tokens of all sessions.
        let mut there = begin("new").await;
        let secret = json!(["database.secret", "another"]);
        admin.call_kw("ir.config_parameter", "set_param", secret, json!({})).await;
        assert_eq!((there.uid().await, admin.uid().await), (None, None), "{store}: another secret");
    })
    .await;
}

#[tokio::test]
async fn a_password_in_mind_is_not_taken_when_it_is_another() {
    on_two(async |two, store| {
        let mut admin = Client::administrator(&two.one).await;
        let uma = make_user(&two.one, "uma", "old", &["base.group_user"]).await;
        for server in [&two.one, &two.other, &two.one, &two.other] {
            assert!(counts(server, uma, "old").await, "{store}");
        }
        admin.kw("res.users", "write", json!([[uma], {"password": "new"}]), json!({})).await;
        for server in [&two.other, &two.one] {
            assert!(!counts(server, uma, "old").await && counts(server, uma, "new").await, "{store}");
        }
        admin.kw("res.users", "write", json!([[uma], {"active": false}]), json!({})).await;
        assert!(!counts(&two.other, uma, "new").await && !counts(&two.one, uma, "new").await, "{store}");
    })
    .await;
}

#[tokio::test]
async fn groups_and_companies_of_a_user() {
    on_two(async |two, store| {
        let (mut admin, _) = two.administrators().await;
        let groups = ["base.group_user", "base.group_partner_manager"];
        let uma = make_user(&two.one, "uma", "secret", &groups).await;
        let mut there = Client::new(&two.other);
        there.authenticate("uma", "secret").await.result();
        there.create(PARTNER, json!({"name": "x"})).await;
        let external = json!([["module", "=", "base"], ["name", "=", "group_partner_manager"]]);
        let data = admin.search("ir.model.data", external).await[0];
        let manager = admin.values("ir.model.data", data, json!(["res_id"])).await["res_id"].clone();
        admin.kw("res.users", "write", json!([[uma], {"group_ids": [[3, manager]]}]), json!({})).await;
        let (name, _) = there.fault(PARTNER, "create", json!([{"name": "x"}]), json!({})).await;
        assert_eq!(name, "AccessError", "{store}");

        let own = there.search("res.company", json!([])).await;
        let before = info(&mut there).await["user_companies"].clone();
        assert_eq!(before["current_company"], own[0], "{store}");
        let second = admin.create("res.company", json!({"name": format!("Second of {store}")})).await;
        assert_eq!(there.search("res.company", json!([])).await, own, "{store}");
        admin.kw("res.users", "write", json!([[uma], {"company_ids": [[4, second]]}]), json!({})).await;
        assert_eq!(there.search("res.company", json!([])).await, [own[0], second], "{store}");
        admin.kw("res.users", "write", json!([[uma], {"company_id": second}]), json!({})).await;
        let after = info(&mut there).await["user_companies"].clone();
        assert_eq!(after["current_company"], second, "{store}");
        assert_eq!(after["allowed_companies"].as_object().unwrap().len(), 2, "{store}");
        let context = there.kw("res.users", "context_get", json!([]), json!({})).await;
        admin.kw("res.users", "write", json!([[uma], {"tz": "Asia/Tokyo"}]), json!({})).await;
        let changed = there.kw("res.users", "context_get", json!([]), json!({})).await;
        assert_eq!((&context["tz"], &changed["tz"]), (&json!(false), &json!("Asia/Tokyo")), "{store}");
        assert_eq!(info(&mut there).await["user_context"]["tz"], "Asia/Tokyo", "{store}");
    })
    .await;
}

#[tokio::test]
async fn defaults_parameters_and_languages() {
    on_two(async |two, store| {
        let (mut here, mut there) = two.administrators().await;
        for city in ["Ghent", "Bruges"] {
            here.kw("ir.default", "set", json!([PARTNER, "city", city]), json!({})).await;
            for _ in 0..2 {
                let defaults = there.kw(PARTNER, "default_get", json!([["city"]]), json!({})).await;
                assert_eq!(defaults["city"], city, "{store}");
            }
        }
        // The session info has this parameter, and is in mind.
        let base = async |client: &mut Client<'_>| info(client).await["web.base.url"].clone();
        for url in ["http://one.test", "http://two.test"] {
            here.kw("ir.config_parameter", "set_param", json!(["web.base.url", url]), json!({})).await;
            for _ in 0..2 {
                assert_eq!(base(&mut there).await, url, "{store}");
                let told = there.kw("ir.config_parameter", "get_param", json!(["web.base.url"]), json!({})).await;
                assert_eq!(told, url, "{store}");
            }
        }

        let installed =
            async |client: &mut Client<'_>| client.kw("res.lang", "get_installed", json!([]), json!({})).await;
        assert_eq!(installed(&mut there).await.as_array().unwrap().len(), 1, "{store}");
        let french = json!([["code", "=", "fr_FR"], ["active", "=", false]]);
        let french = here.search("res.lang", french).await;
        here.kw("res.lang", "write", json!([french, {"active": true}]), json!({})).await;
        assert_eq!(installed(&mut there).await.as_array().unwrap().len(), 2, "{store}");
        let own = json!({"context": {"lang": "fr_FR"}});
        there.kw("res.country", "name_search", json!(["Belg"]), own.clone()).await;
        // On which day weeks begin is a property of the language.
        let english = here.search("res.lang", json!([["code", "=", "en_US"]])).await;
        let mut weeks = Vec::new();
        for day in ["1", "3", "7"] {
            here.kw("res.lang", "write", json!([english, {"week_start": day}]), json!({})).await;
            for _ in 0..2 {
                let groups = json!([[["id", "=", 3]], ["__count"], ["create_date:week"]]);
                let groups = there.kw(PARTNER, "read_group", groups, json!({})).await;
                weeks.push(groups[0]["__range"]["create_date:week"]["from"].clone());
            }
        }
        assert!(weeks[0] == weeks[1] && weeks[2] == weeks[3] && weeks[4] == weeks[5], "{store}: {weeks:?}");
        assert!(weeks[0] != weeks[2] && weeks[2] != weeks[4] && weeks[0] != weeks[4], "{store}: {weeks:?}");
    })
    .await;
}

#[tokio::test]
async fn changes_of_ones_own_do_not_hide_those_of_others() {
    on_two(async |two, store| {
        let (mut here, mut there) = two.administrators().await;
        let company = here.create(PARTNER, json!({"name": "Above", "is_company": true})).await;
        let uma = make_user(&two.one, "uma", "secret", &["base.group_user"]).await;
        let partner = here.values("res.users", uma.into(), json!(["partner_id"])).await["partner_id"][0].clone();
        here.kw(PARTNER, "write", json!([[partner], {"parent_id": company}]), json!({})).await;
        let mut session = Client::new(&two.one);
        session.authenticate("uma", "secret").await.result();
        let rename = |name: &str| (json!([[partner], {"name": name}]), json!([[uma], {"name": name}]));
        for round in 0..3 {
            // Theirs before and after one of ours, which concerns nobody.
            for (first, second) in [(true, false), (false, true), (true, true), (false, false)] {
                let before = info(&mut session).await["name"].clone();
                let (name, other) = (format!("First {round}"), format!("Second {round}"));
                if first {
                    there.kw("res.users", "write", rename(&name).1, json!({})).await;
                }
                here.create(PARTNER, json!({"name": "Nobody"})).await;
                let expected = if first { json!(name) } else { before };
                assert_eq!(info(&mut session).await["name"], expected, "{store}");
                here.kw(PARTNER, "write", json!([[company], {"color": round}]), json!({})).await;
                if second {
                    there.kw(PARTNER, "write", rename(&other).0, json!({})).await;
                }
                let expected = if second { json!(other) } else { expected };
                assert_eq!(info(&mut session).await["name"], expected, "{store}");
            }
            // Our own, of a partner that is a user's, and of one that is to be.
            here.kw(PARTNER, "write", rename("Third").0, json!({})).await;
            assert_eq!(info(&mut session).await["name"], "Third", "{store}");
            let new = here.create(PARTNER, json!({"name": "New"})).await;
            here.kw(PARTNER, "write", json!([[new], {"name": "Not yet"}]), json!({})).await;
            let login = format!("new {round}");
            let user = json!({"login": login, "partner_id": new, "password": "secret"});
            there.create("res.users", user).await;
            let mut session = Client::new(&two.one);
            session.authenticate(&login, "secret").await.result();
            assert_eq!(info(&mut session).await["name"], "Not yet", "{store}");
            here.kw(PARTNER, "write", json!([[new], {"name": "Now"}]), json!({})).await;
            assert_eq!(info(&mut session).await["name"], "Now", "{store}");
        }
    })
    .await;
}

#[tokio::test]
async fn calls_feel_what_others_have_changed_whatever_they_ask_for() {
    on_two(async |two, store| {
        let (mut admin, _) = two.administrators().await;
        let uma = make_user(&two.one, "uma", "secret", &["base.group_user"]).await;
        let mut session = Client::new(&two.other);
        // What finds records, what finds none, what needs no statement, and what writes.
        let calls = [
            ("search_read", json!([[["id", "=", 1]], ["name", "parent_id"]])),
            ("search", json!([[["name", "=", "nobody has this name"]]])),
            ("search_count", json!([[]])),
            ("fields_get", json!([["name"], ["type"]])),
            ("write", json!([[], {"color": 1}])),
        ];
        for (method, args) in &calls {
            admin.kw("res.users", "write", json!([[uma], {"active": true}]), json!({})).await;
            session.authenticate("uma", "secret").await.result();
            let object = json!([two.other.db(), uma, "secret", PARTNER, method, args]);
            let mut service = Client::new(&two.other);
            for _ in 0..3 {
                session.kw(PARTNER, method, args.clone(), json!({})).await;
                service.service("object", "execute_kw", object.clone()).await.result();
            }
            admin.kw("res.users", "write", json!([[uma], {"active": false}]), json!({})).await;
            let (name, _) = session.call_kw(PARTNER, method, args.clone(), json!({})).await.exception();
            assert_eq!(name, "odoo.http.SessionExpiredException", "{store} {method}");
            let (name, _) = service.service("object", "execute_kw", object).await.exception();
            assert_eq!(name, "odoo.exceptions.AccessDenied", "{store} {method}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_that_reads_sees_one_state() {
    on_two(async |two, store| {
        let (mut here, mut there) = two.administrators().await;
        let parent = here.create(PARTNER, json!({"name": "0", "is_company": true})).await;
        let child = here.create(PARTNER, json!({"name": "0", "type": "other", "parent_id": parent})).await;
        let writing = async {
            for n in 1..=40 {
                here.kw(PARTNER, "write", json!([[parent, child], {"name": n.to_string()}]), json!({})).await;
            }
        };
        let reading = async {
            let mut seen = String::new();
            while seen != "40" {
                let read = there.values(PARTNER, child, json!(["name", "parent_id"])).await;
                // The name of the one comes from one statement, that of the other from the next.
                assert_eq!(read["name"], read["parent_id"][1], "{store}");
                read["name"].as_str().unwrap().clone_into(&mut seen);
            }
        };
        tokio::join!(writing, reading);
    })
    .await;
}

#[tokio::test]
async fn who_visitors_are() {
    on_two(async |two, store| {
        let (mut here, _) = two.administrators().await;
        let file = here.create("ir.attachment", json!({"name": "a.txt", "raw": "for some"})).await;
        let path = format!("/web/content/{file}");
        let mut visitor = Client::new(&two.other).with("x-odoo-database", two.other.db());
        for _ in 0..2 {
            visitor.sid = None;
            assert_eq!(visitor.get(&path).await.status, 404, "{store}");
        }
        let external = json!([["module", "=", "base"], ["name", "=", "public_user"]]);
        let external = here.search("ir.model.data", external).await;
        here.kw("ir.model.data", "write", json!([external, {"res_id": 2}]), json!({})).await;
        visitor.sid = None;
        assert_eq!(visitor.get(&path).await.text(), "for some", "{store}");
    })
    .await;
}

#[tokio::test]
async fn failed_logins_are_counted_together() {
    on_two(async |two, store| {
        let mut client = Client::between(&two.one, &two.other, 7);
        for _ in 0..10 {
            let (name, message) = client.authenticate("admin", "wrong").await.exception();
            assert_eq!((name.as_str(), message.as_str()), ("odoo.exceptions.AccessDenied", "Access Denied"), "{store}");
        }
        for server in [&two.one, &two.other] {
            let (_, message) = Client::new(server).authenticate("admin", "admin").await.exception();
            assert!(message.starts_with("Too many login failures"), "{store}: {message}");
        }
    })
    .await;
}

#[tokio::test]
async fn writers_at_both_lose_nothing() {
    on_two(async |two, store| {
        let (mut here, there) = two.administrators().await;
        let sequence = json!({"name": "Numbers", "code": "numbers", "implementation": "no_gap"});
        here.create("ir.sequence", sequence).await;
        let calls = (0..12).map(|n| {
            let (server, sid) = if n % 2 == 0 { (&two.one, &here.sid) } else { (&two.other, &there.sid) };
            let sid = sid.clone();
            async move {
                let mut client = Client::new(server);
                client.sid = sid;
                let id = client.create(PARTNER, json!({"name": format!("N{n}")})).await;
                (client.kw("ir.sequence", "next_by_code", json!(["numbers"]), json!({})).await, id)
            }
        });
        let (mut numbers, mut ids): (Vec<u32>, Vec<i64>) = join_all(calls)
            .await
            .into_iter()
            .map(|(number, id)| (number.as_str().unwrap().parse::<u32>().unwrap(), id))
            .unzip();
        numbers.sort_unstable();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((numbers, ids.len()), ((1..=12).collect(), 12), "{store}");
    })
    .await;
}

#[tokio::test]
async fn models_and_rights_are_those_of_a_database_that_was_made_anew() {
    on_two(async |two, store| {
        let (mut here, mut there) = two.administrators().await;
        let db = two.one.db();
        here.manual_model("x_old", json!([])).await;
        there.create("x_old", json!({"x_name": "a"})).await;
        here.service("db", "drop", json!(["admin", db])).await.result();
        here.service("db", "create_database", json!(["admin", db, false, "en_US", "admin"])).await.result();
        // As many changes as the other server knows of the old one.
        here.authenticate("admin", "admin").await.result();
        here.manual_model("x_new", json!([])).await;
        there.authenticate("admin", "admin").await.result();
        there.create("x_new", json!({"x_name": "a"})).await;
        assert!(there.fault("x_old", "search", json!([[]]), json!({})).await.0.ends_with("NotFound"), "{store}");
    })
    .await;
}

#[tokio::test]
async fn an_empty_database_that_others_have_made_is_filled_once() {
    for store in durable_stores() {
        make_empty(&store).await;
        let starts = (0..4).map(|_| store.builder(Series::V19).start());
        let mut servers: Vec<Wiredoo> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
        let mut at_first = Client::administrator(&servers[0]).await;
        for server in &servers[1..] {
            let mut there = Client::new(server);
            there.sid.clone_from(&at_first.sid);
            assert_eq!(there.uid().await, Some(2), "{}", store.name);
        }
        assert_eq!(at_first.search("res.users", json!([["login", "=", "admin"]])).await, [2], "{}", store.name);
        let last = servers.pop().unwrap();
        for server in servers {
            server.shutdown().await;
        }
        store.finish(last).await;
    }
}

#[tokio::test]
async fn tables_that_a_newer_version_adds_are_made_once() {
    for store in durable_stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        // As a version has left it that knew one step less.
        let database = server.app().databases.open(server.db()).await.unwrap();
        let older = "DROP TABLE ir_attachment_blob; DELETE FROM seaql_migrations WHERE version = 'm0003_blobs'";
        database.connection().execute_unprepared(older).await.unwrap();
        drop(database);
        server.shutdown().await;
        let starts = (0..4).map(|_| store.builder(Series::V19).start());
        let mut servers: Vec<Wiredoo> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
        let last = servers.pop().unwrap();
        for server in servers {
            server.shutdown().await;
        }
        let mut client = Client::administrator(&last).await;
        let file = client.create("ir.attachment", json!({"name": "a.txt", "raw": "kept"})).await;
        assert_eq!(client.get(&format!("/web/content/{file}")).await.text(), "kept", "{}", store.name);
        store.finish(last).await;
    }
}

/// Makes a database with nothing in it, as whoever runs a PostgreSQL server does for a role that may not.
async fn make_empty(store: &Store) {
    match (store.folder(), store.url()) {
        (Some(folder), _) => drop(std::fs::File::create_new(folder.join(format!("{}.sqlite3", store.db))).unwrap()),
        (None, Some(url)) => {
            let server = sea_orm::Database::connect(url).await.unwrap();
            let create = format!("CREATE DATABASE \"{}\" TEMPLATE template0", store.db);
            server.execute_unprepared(&create).await.unwrap();
            server.close().await.unwrap();
        }
        (None, None) => {}
    }
}
