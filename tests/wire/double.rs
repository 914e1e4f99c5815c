//! The test double: databases on demand, the journal, faults, stubs, clocks; by HTTP and from Rust.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wiredoo::double::faults::{Connection, ErrorKind, Fault};
use wiredoo::double::fixtures::Source;
use wiredoo::double::journal::{Expectation, Outcome, Query};
use wiredoo::double::stubs::Stub;
use wiredoo::double::{Settings, testing};
use wiredoo::{Series, Wiredoo};

use crate::common::{Client, odoo, stores};

const PARTNER: &str = "res.partner";

async fn double(series: Series) -> Wiredoo {
    Wiredoo::builder().series(series).double(Settings::default()).start().await.unwrap()
}

/// Asks the double something, and answers with the status and the JSON.
async fn ask(server: &Wiredoo, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder().method(method).uri(format!("/__wiredoo{path}")).body(body).unwrap();
    let answer = Client::new(server).send(request).await;
    let json = if answer.body.is_empty() { Value::Null } else { answer.json() };
    (answer.status, json)
}

/// As [`ask`], where it must be done.
#[track_caller]
fn done((status, answer): (StatusCode, Value)) -> Value {
    assert!(status.is_success(), "{status}: {answer}");
    answer
}

/// The user's id of a call of `common.login`.
async fn login(server: &Wiredoo, db: &str) -> Value {
    Client::new(server).service("common", "login", json!([db, "admin", "admin"])).await.result()
}

/// Calls a method over `/jsonrpc`.
async fn execute(server: &Wiredoo, db: &str, model: &str, method: &str, args: Value) -> Value {
    let args = json!([db, 2, "admin", model, method, args]);
    Client::new(server).service("object", "execute_kw", args).await.json()
}

#[tokio::test]
async fn without_it_its_routes_do_not_exist() {
    let server = odoo(Series::V19).await;
    for path in ["", "/", "/journal", "/openapi.json"] {
        assert_eq!(Client::new(&server).get(&format!("/__wiredoo{path}")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn databases_are_made_reset_kept_and_dropped_on_every_store() {
    for store in stores() {
        let server = store.builder(Series::V19).double(Settings::default()).start().await.unwrap();
        let made = done(ask(&server, "POST", "/databases", json!({"prefix": format!("{}_", store.db)})).await);
        let db = made["name"].as_str().unwrap().to_owned();
        assert!(db.starts_with(&store.db), "{db}");
        assert_eq!(login(&server, &db).await, 2, "{}", store.name);
        let count = async || execute(&server, &db, PARTNER, "search_count", json!([[]])).await["result"].clone();
        let before = count().await;
        let made = execute(&server, &db, PARTNER, "create", json!([{"name": "Acme"}])).await["result"].clone();
        done(ask(&server, "POST", &format!("/databases/{db}/snapshots"), json!({"name": "acme"})).await);
        execute(&server, &db, PARTNER, "unlink", json!([[made]])).await;
        assert_eq!(count().await, before, "{}", store.name);
        done(ask(&server, "POST", &format!("/databases/{db}/snapshots/acme/restore"), Value::Null).await);
        let read = execute(&server, &db, PARTNER, "read", json!([[made], ["name"]])).await;
        assert_eq!(read["result"][0]["name"], "Acme", "{}", store.name);
        // Another of this one, which goes its own way.
        let copy = format!("{db}_copy");
        done(ask(&server, "POST", "/databases", json!({"name": copy, "from": db})).await);
        execute(&server, &copy, PARTNER, "write", json!([[made], {"name": "Copy"}])).await;
        let read = execute(&server, &db, PARTNER, "read", json!([[made], ["name"]])).await;
        assert_eq!(read["result"][0]["name"], "Acme", "{}", store.name);
        done(ask(&server, "POST", &format!("/databases/{copy}/reset"), Value::Null).await);
        let read = execute(&server, &copy, PARTNER, "read", json!([[made], ["name"]])).await;
        assert_eq!(read["result"][0]["name"], "Acme", "{}", store.name);
        done(ask(&server, "POST", &format!("/databases/{db}/reset"), Value::Null).await);
        assert_eq!(count().await, before, "{}", store.name);
        let listed = done(ask(&server, "GET", "/databases", Value::Null).await);
        assert!(listed.as_array().unwrap().contains(&json!({"name": db, "snapshots": ["acme"]})), "{listed}");
        for (method, path, body, status) in [
            ("POST", "/databases".to_owned(), json!({"name": db}), 409),
            ("POST", "/databases".to_owned(), json!({"name": "a/b"}), 422),
            ("POST", "/databases".to_owned(), json!({"form": "x"}), 422),
            ("POST", "/databases".to_owned(), json!({"from": "nowhere"}), 404),
            ("POST", format!("/databases/{db}/snapshots"), json!({"name": "acme"}), 409),
            ("POST", format!("/databases/{db}/snapshots/x/restore"), Value::Null, 404),
            ("POST", "/databases/nowhere/reset".to_owned(), Value::Null, 404),
        ] {
            let (answered, why) = ask(&server, method, &path, body.clone()).await;
            assert_eq!(answered, status, "{method} {path} {body}: {why}");
            assert!(why["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{why}");
        }
        for db in [&db, &copy] {
            done(ask(&server, "DELETE", &format!("/databases/{db}"), Value::Null).await);
        }
        assert!(execute(&server, &db, PARTNER, "search", json!([[]])).await.get("error").is_some());
        store.finish(server).await;
    }
}

#[tokio::test]
async fn databases_with_the_same_fixtures_have_their_own_time_and_go_their_own_way() {
    let server = double(Series::V19).await;
    let fixture = |name: &str| {
        json!({"users": [{"login": "shop", "password": "secret", "api_key": "5".repeat(40)}],
            "models": {"x_order": {"fields": {"name": "char", "since": "datetime"}}},
            "records": {"res.partner": [{"id": "acme", "name": name}],
                "x_order": [{"id": "order", "name": "W-1", "since": "2020-01-01 00:00:00"}]}})
    };
    let make = async |name: &str| done(ask(&server, "POST", "/databases", json!({"fixtures": [fixture(name)]})).await);
    let set = async |time: &str| done(ask(&server, "PUT", "/clock", json!({"fixed": time})).await);
    let read = async |made: &Value| {
        let (db, acme, order) = (made["name"].as_str().unwrap(), &made["ids"]["acme"][1], &made["ids"]["order"][1]);
        let fields = json!([[acme], ["name", "create_date", "write_date"]]);
        let acme = execute(&server, db, PARTNER, "read", fields).await["result"][0].clone();
        let order = execute(&server, db, "x_order", "read", json!([[order], ["since", "create_date"]])).await;
        (acme, order["result"][0].clone())
    };
    let times = ["2030-01-01 10:00:00", "2030-01-01 10:00:00", "2030-01-01 11:30:00", "2030-01-02 09:00:00"];
    let mut first = Value::Null;
    for time in times {
        set(time).await;
        let filled = make("Acme").await;
        let (acme, order) = read(&filled).await;
        for (value, expected) in [
            (&acme["name"], "Acme"),
            (&acme["create_date"], time),
            (&acme["write_date"], time),
            (&order["create_date"], time),
            (&order["since"], "2020-01-01 00:00:00"),
        ] {
            assert_eq!(value, expected, "{time}");
        }
        let db = filled["name"].as_str().unwrap();
        let rest = json!({"db": db, "login": "shop", "password": "secret"});
        assert_eq!(Client::new(&server).post_json("/session/auth/login", &rest).await.status, 200);
        // What is done in one is in no other, and not after a reset.
        execute(&server, db, PARTNER, "write", json!([[filled["ids"]["acme"][1]], {"name": "Bee"}])).await;
        done(ask(&server, "POST", &format!("/databases/{db}/reset"), Value::Null).await);
        assert_eq!(read(&filled).await, (acme, order), "{time}");
        if first.is_null() {
            first = filled["ids"].clone();
        }
        assert_eq!(filled["ids"], first);
    }
    // Others are others.
    assert_eq!(read(&make("Cee").await).await.0["name"], "Cee");
    let wrong = json!({"fixtures": [{"records": {"res.partner": [{"id": "acme", "nmae": "Acme"}]}}]});
    for _ in 0..2 {
        assert_eq!(ask(&server, "POST", "/databases", wrong.clone()).await.0, 422);
    }
}

#[tokio::test]
async fn databases_are_made_when_they_are_first_asked_for() {
    let auto = Settings { auto: vec!["worker_*".into()], ..Settings::default() };
    let server = Wiredoo::builder().series(Series::V19).double(auto).start().await.unwrap();
    assert_eq!(login(&server, "worker_1").await, 2);
    execute(&server, "worker_1", PARTNER, "create", json!([{"name": "Acme"}])).await;
    let of = |db: &'static str| execute(&server, db, PARTNER, "search_count", json!([[["name", "=", "Acme"]]]));
    assert_eq!(of("worker_1").await["result"], 1);
    assert_eq!(of("worker_2").await["result"], 0);
    let mut browser = Client::new(&server);
    let params = json!({"db": "worker_3", "login": "admin", "password": "admin"});
    assert_eq!(browser.call("/web/session/authenticate", params).await.result()["uid"], 2);
    assert!(of("other").await.get("error").is_some());
}

#[tokio::test]
async fn the_journal_has_every_call_in_the_same_form() {
    let server = double(Series::V19).await;
    let db = server.db();
    let mut browser = Client::administrator(&server).await;
    browser.kw(PARTNER, "create", json!([{"name": "Acme"}]), json!({"context": {"lang": "en_US"}})).await;
    execute(&server, db, PARTNER, "create", json!([{"name": "Acme"}])).await;
    execute(&server, db, PARTNER, "no_such_method", json!([])).await;
    Client::new(&server).service("common", "login", json!([db, "admin", "wrong"])).await;
    execute(&server, "nowhere", PARTNER, "search", json!([[]])).await;
    let entries = done(ask(&server, "GET", "/journal", Value::Null).await);
    let shown: Vec<String> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            [text("dialect"), text("service"), text("model"), text("method"), text("outcome")].join(" ")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "web session - authenticate ok",
            "web object res.partner create ok",
            "jsonrpc object res.partner create ok",
            "jsonrpc object res.partner no_such_method error",
            "jsonrpc common - login ok",
            "jsonrpc  - - error",
        ]
    );
    assert_eq!(entries[1]["args"], json!({"vals_list": {"name": "Acme"}}));
    assert_eq!(entries[2]["args"], entries[1]["args"]);
    assert_eq!((&entries[1]["context"], &entries[1]["user"]["login"]), (&json!({"lang": "en_US"}), &json!("admin")));
    assert_eq!(entries[3]["error"]["name"], "builtins.AttributeError");
    assert_eq!(entries[4]["args"], json!({"db": db, "login": "admin", "password": "***"}));
    assert!(!entries.to_string().contains("wrong"));
    let created = json!({"match": {"model": PARTNER, "where": [["args.vals_list.name", "=", "Acme"]]}, "exactly": 2});
    assert_eq!(done(ask(&server, "POST", "/journal/verify", created).await)["ok"], true);
    let failed = json!({"match": {"model": PARTNER, "where": [["args.vals_list.name", "=", "Acne"]]}});
    let failed = done(ask(&server, "POST", "/journal/verify", failed).await);
    assert_eq!(
        failed["nearest"][0]["differences"][0],
        json!({"at": "args.vals_list.name", "wanted": "Acne", "was": "Acme"})
    );
    let found =
        done(ask(&server, "GET", "/journal?dialect=jsonrpc&method=create&user=admin&limit=5", Value::Null).await);
    assert_eq!(found.as_array().unwrap().len(), 1);
    let har = done(ask(&server, "GET", "/journal.har", Value::Null).await);
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), shown.len());
    done(ask(&server, "DELETE", "/journal", Value::Null).await);
    assert_eq!(done(ask(&server, "GET", "/journal", Value::Null).await), json!([]));
}

#[tokio::test]
async fn bodies_are_kept_on_demand_without_secrets() {
    let server = double(Series::V17).await;
    done(ask(&server, "PUT", "/journal/settings", json!({"bodies": true})).await);
    Client::administrator(&server).await;
    let entries = server.double().calls(&Query::default());
    let request = entries[0].request.as_ref().unwrap();
    assert_eq!(request["params"], json!({"db": server.db(), "login": "admin", "password": "***"}));
    assert_eq!(entries[0].response.as_ref().unwrap()["result"]["uid"], 2);
    execute(&server, server.db(), PARTNER, "search_count", json!([[], {"context": {"password": "admin"}}])).await;
    let body = format!(
        "<methodCall><methodName>authenticate</methodName><params>{}</params></methodCall>",
        [server.db(), "admin", "sesame", "x"].map(|text| format!("<param><value>{text}</value></param>")).concat()
    );
    Client::new(&server).post("/xmlrpc/2/common", "text/xml", body).await;
    let calls = server.double().calls(&Query { since: Some(entries[0].id), ..Query::default() });
    let requests: Vec<&Value> = calls.iter().map(|call| call.request.as_ref().unwrap()).collect();
    assert_eq!(requests[0]["params"]["args"]["password"], "***");
    let args = json!({"db": server.db(), "login": "admin", "password": "***", "user_agent_env": "x"});
    assert_eq!(*requests[1], json!({"service": "common", "method": "authenticate", "args": args}));
}

#[tokio::test]
async fn waiting_ends_when_the_call_comes() {
    let server = double(Series::V19).await;
    let wait = json!({"match": {"method": "search_count"}, "count": 2, "timeout_ms": 60_000});
    let calls = async {
        for _ in 0..2 {
            execute(&server, server.db(), PARTNER, "search_count", json!([[]])).await;
        }
    };
    let (waited, ()) = tokio::join!(ask(&server, "POST", "/journal/wait", wait), calls);
    assert_eq!(done(waited)["count"], 2);
    let wait = json!({"match": {"method": "unlink"}, "timeout_ms": 1});
    assert_eq!(done(ask(&server, "POST", "/journal/wait", wait).await)["ok"], false);
}

#[tokio::test]
async fn errors_on_demand_have_the_form_of_dialect_and_series() {
    for series in [Series::V17, Series::V19] {
        let server = double(series).await;
        let mut admin = Client::administrator(&server).await;
        for (kind, name, message) in [
            (ErrorKind::UserError, "UserError", "No."),
            (ErrorKind::ValidationError, "ValidationError", "Never."),
            (ErrorKind::AccessError, "AccessError", "You may not."),
            (ErrorKind::MissingError, "MissingError", "Gone."),
            (ErrorKind::SerializationFailure, "psycopg2.errors.SerializationFailure", "concurrently"),
        ] {
            let fault = Fault::on(PARTNER, "read").error(kind, message).times(1);
            server.double().add_fault(fault).unwrap();
            let fault = admin.fault(PARTNER, "read", json!([[1]]), json!({})).await;
            assert_eq!(fault, (name.to_owned(), message.to_owned()), "{series}");
            admin.kw(PARTNER, "read", json!([[1], ["name"]]), json!({})).await;
        }
        let expired = json!({"match": {"model": PARTNER, "nth": 2}, "effect": {"error": "session_expired"}});
        done(ask(&server, "POST", "/faults", expired).await);
        admin.kw(PARTNER, "search", json!([[]]), json!({})).await;
        let answer = admin.call_kw(PARTNER, "search", json!([[]]), json!({})).await.json();
        assert_eq!(answer["error"]["code"], 100, "{series}");
        admin.kw(PARTNER, "search", json!([[]]), json!({})).await;
        let denied = Fault::on("*", "authenticate").error(ErrorKind::AccessDenied, "");
        server.double().add_fault(denied).unwrap();
        let refused = Client::new(&server).authenticate("admin", "admin").await.exception();
        assert_eq!(refused, ("odoo.exceptions.AccessDenied".to_owned(), "Access Denied".to_owned()), "{series}");
    }
}

#[tokio::test]
async fn a_proxy_answers_on_demand() {
    let server = double(Series::V19).await;
    let limit = json!({"match": {"method": "search", "times": 1}, "effect": {"http": 429, "retry_after": 7}});
    done(ask(&server, "POST", "/faults", limit).await);
    let down = json!({"match": {"path": "/web/health"}, "effect": {"http": 503}});
    let id = done(ask(&server, "POST", "/faults", down).await)["id"].clone();
    let mut admin = Client::administrator(&server).await;
    let answer = admin.call_kw(PARTNER, "search", json!([[]]), json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.headers["retry-after"].to_str().unwrap()), (429, "7"));
    assert!(answer.text().contains("<h1>429 Too Many Requests</h1>"), "{}", answer.text());
    assert_eq!(admin.call_kw(PARTNER, "search", json!([[]]), json!({})).await.status, 200);
    assert_eq!(admin.get("/web/health").await.status, 503);
    assert_eq!(done(ask(&server, "GET", &format!("/faults/{id}"), Value::Null).await)["hits"], 1);
    done(ask(&server, "DELETE", &format!("/faults/{id}"), Value::Null).await);
    assert_eq!(admin.get("/web/health").await.status, 200);
}

#[tokio::test]
async fn a_fault_of_a_path_happens_once_and_an_error_has_the_dialects_form() {
    let server = double(Series::V19).await;
    let slow = json!({"match": {"path": "/jsonrpc", "times": 2}, "effect": {"delay_ms": 1}});
    let slow = done(ask(&server, "POST", "/faults", slow).await)["id"].clone();
    execute(&server, server.db(), PARTNER, "search_count", json!([[]])).await;
    assert_eq!(done(ask(&server, "GET", &format!("/faults/{slow}"), Value::Null).await)["hits"], 1);
    let refused = json!({"match": {"path": "/jsonrpc"}, "effect": {"error": "user_error", "message": "No."}});
    done(ask(&server, "POST", "/faults", refused).await);
    let answer = execute(&server, server.db(), PARTNER, "search_count", json!([[]])).await;
    assert_eq!(answer["error"]["data"]["message"], "No.");
}

/// What comes back, over a connection of its own, for a call of `/jsonrpc`; all that comes before its end.
async fn raw(server: &Wiredoo, method: &str, args: Value) -> Vec<u8> {
    let args = json!([server.db(), 2, "admin", PARTNER, method, args]);
    post(server.address(), &json!({"params": {"service": "object", "method": "execute_kw", "args": args}}).to_string())
        .await
}

async fn post(address: SocketAddr, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /jsonrpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is cut may end with an error.
    drop(stream.read_to_end(&mut answer).await);
    answer
}

#[tokio::test]
async fn connections_suffer_on_demand() {
    let server = double(Series::V19).await;
    let count = async |name: &str| {
        let domain = json!([[["name", "=", name]]]);
        execute(&server, server.db(), PARTNER, "search_count", domain).await["result"].as_i64().unwrap()
    };
    let suffer = |what| server.double().add_fault(Fault::on(PARTNER, "create").connection(what).times(1)).unwrap();
    suffer(Connection::CutBefore);
    assert_eq!(raw(&server, "create", json!([{"name": "before"}])).await, b"");
    assert_eq!(count("before").await, 0);
    suffer(Connection::CutAfter);
    assert_eq!(raw(&server, "create", json!([{"name": "after"}])).await, b"");
    assert_eq!(count("after").await, 1, "the call ran");
    suffer(Connection::Truncated);
    let answer = String::from_utf8(raw(&server, "create", json!([{"name": "half"}])).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    assert_eq!(length.map(|length: usize| length / 2), Some(body.len()), "{answer}");
    suffer(Connection::Malformed);
    let answer = raw(&server, "create", json!([{"name": "garbled"}])).await;
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && serde_json::from_slice::<Value>(&answer[at + 4..]).is_err());
    let outcomes: Vec<Outcome> = server
        .double()
        .calls(&serde_json::from_value(json!({"match": {"method": "create"}})).unwrap())
        .iter()
        .map(|entry| entry.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Cut, Outcome::Cut, Outcome::Cut, Outcome::Ok]);
}

#[tokio::test]
async fn a_restart_cuts_the_connection_and_loses_nothing() {
    let server = double(Series::V19).await;
    let mut admin = Client::administrator(&server).await;
    let restart = json!({"match": {"method": "create", "times": 1}, "effect": {"restart": {}}});
    done(ask(&server, "POST", "/faults", restart).await);
    assert_eq!(raw(&server, "create", json!([{"name": "x"}])).await, b"");
    assert!(raw(&server, "create", json!([{"name": "y"}])).await.starts_with(b"HTTP/1.1 200"));
    assert_eq!(admin.uid().await, Some(2), "sessions outlive it");
}

#[tokio::test]
async fn stubs_answer_in_the_place_of_the_database() {
    let server = double(Series::V19).await;
    let db = server.db();
    let double = server.double();
    double.add_stub(Stub::on("sale.order", "action_confirm").answer(true)).unwrap();
    double.add_stub(Stub::on("sale.order", "search").answers([json!([1]), json!([1, 2])])).unwrap();
    let template = json!({
        "match": {"model": "sale.order", "method": "create"},
        "template": {"id": 7, "name": "{{args.vals_list.name}}", "by": "{{user.login}} in {{db}}"},
    });
    done(ask(&server, "POST", "/stubs", template).await);
    done(
        ask(
            &server,
            "POST",
            "/stubs",
            json!({"match": {"model": "res.lang"}, "error": "user_error", "message": "No."}),
        )
        .await,
    );
    let result = |model: &'static str, method: &'static str, args: Value| {
        let server = &server;
        async move { execute(server, server.db(), model, method, args).await["result"].clone() }
    };
    assert_eq!(result("sale.order", "action_confirm", json!([[1]])).await, true);
    for expected in [json!([1]), json!([1, 2]), json!([1, 2])] {
        assert_eq!(result("sale.order", "search", json!([[]])).await, expected);
    }
    assert_eq!(
        result("sale.order", "create", json!([{"name": "S1"}])).await,
        json!({"id": 7, "name": "S1", "by": format!("admin in {db}")})
    );
    let refused = execute(&server, db, "res.lang", "search", json!([[]])).await;
    assert_eq!(refused["error"]["data"]["message"], "No.");
    // What no stub is for goes to the database, where there is no such model.
    let unknown = execute(&server, db, "sale.order.line", "search", json!([[]])).await;
    assert!(unknown["error"]["data"]["message"].as_str().unwrap().contains("sale.order.line"), "{unknown}");
    double.add_stub(Stub::on("res.bank", "read").answer(1)).unwrap();
    assert_eq!(double.unused_stubs(None).len(), 1);
    assert_eq!(done(ask(&server, "GET", "/stubs/unused", Value::Null).await)[0]["match"]["model"], "res.bank");
    done(ask(&server, "DELETE", "/stubs", Value::Null).await);
    assert_eq!(done(ask(&server, "GET", "/stubs", Value::Null).await), json!([]));
}

#[tokio::test]
async fn stubs_ask_the_testers_process() {
    let tester = axum::Router::new().route(
        "/answer",
        axum::routing::post(async |body: String| {
            let call: Value = serde_json::from_str(&body).unwrap();
            let answer = match call["method"].as_str().unwrap() {
                "search" => json!({"pass": true}),
                "write" => json!({"error": "validation_error", "message": "Refused by the tester."}),
                _ => json!({"answer": call["args"]}),
            };
            answer.to_string()
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/answer", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, tester).await });
    let server = double(Series::V19).await;
    done(ask(&server, "POST", "/stubs", json!({"match": {"model": PARTNER}, "callback": url})).await);
    let mut admin = Client::administrator(&server).await;
    assert_eq!(
        admin.kw(PARTNER, "create", json!([{"name": "x"}]), json!({})).await,
        json!({"vals_list": {"name": "x"}})
    );
    let (name, message) = admin.fault(PARTNER, "write", json!([[1], {}]), json!({})).await;
    assert_eq!((name.as_str(), message.as_str()), ("ValidationError", "Refused by the tester."));
    assert!(
        admin.kw(PARTNER, "search", json!([[]]), json!({})).await.as_array().is_some_and(|found| !found.is_empty())
    );
}

#[tokio::test]
async fn rules_belong_to_a_database_or_to_all() {
    let server = double(Series::V19).await;
    let first = server.double().create_database(None, None, None, &[]).await.unwrap();
    let second = server.double().create_database(None, None, None, &[]).await.unwrap();
    server.double().add_stub(Stub::on(PARTNER, "search_count").answer(77).db(&first)).unwrap();
    let count = async |db: &str| execute(&server, db, PARTNER, "search_count", json!([[]])).await["result"].clone();
    assert_eq!(count(&first).await, 77);
    assert_ne!(count(&second).await, 77);
    server.double().assert_called(serde_json::from_value(json!({"db": first})).unwrap(), 1);
    server.double().drop_database(&first).await.unwrap();
    assert_eq!(done(ask(&server, "GET", "/stubs", Value::Null).await), json!([]));
    let of_first = Expectation { db: Some(first), never: true, ..Expectation::default() };
    assert!(server.double().verify(&of_first).unwrap().ok, "its calls are forgotten");
}

#[tokio::test]
async fn clocks_are_set_by_database_and_calls_follow_them() {
    let server = double(Series::V19).await;
    let db = server.db().to_owned();
    let other = server.double().create_database(None, None, None, &[]).await.unwrap();
    let made_at = async |db: &str| {
        let id = execute(&server, db, PARTNER, "create", json!([{"name": "x"}])).await["result"].clone();
        let read = execute(&server, db, PARTNER, "read", json!([[id], ["create_date"]])).await;
        read["result"][0]["create_date"].as_str().unwrap().to_owned()
    };
    let clock = format!("/clock?db={db}");
    done(ask(&server, "PUT", &clock, json!({"fixed": "2020-02-29T12:00:00Z"})).await);
    assert_eq!(made_at(&db).await, "2020-02-29 12:00:00");
    assert_ne!(made_at(&other).await, "2020-02-29 12:00:00");
    done(ask(&server, "POST", &format!("/clock/advance?db={db}"), json!({"seconds": 90})).await);
    assert_eq!(made_at(&db).await, "2020-02-29 12:01:30");
    let shown = done(ask(&server, "PUT", &clock, json!({"now": "2021-01-01 00:00:00", "tick_seconds": 10})).await);
    assert_eq!(shown, json!({"now": "2021-01-01T00:00:00Z", "mode": "ticking"}));
    assert_eq!(made_at(&db).await, "2021-01-01 00:00:10");
    assert_eq!(made_at(&db).await, "2021-01-01 00:00:30");
    done(ask(&server, "PUT", "/clock", json!({"fixed": "2030-01-01T00:00:00Z"})).await);
    assert_eq!(made_at(&other).await, "2030-01-01 00:00:00");
    // Sessions follow.
    done(ask(&server, "PUT", &clock, json!({})).await);
    let mut admin = Client::administrator(&server).await;
    assert_eq!(admin.uid().await, Some(2));
    done(ask(&server, "POST", &format!("/clock/advance?db={db}"), json!({"seconds": 8 * 24 * 3600})).await);
    assert_eq!(admin.uid().await, None);
    for (body, at) in
        [(json!({"now": "x"}), "now"), (json!({"tick_seconds": 1}), "tick_seconds"), (json!({"nwo": 1}), "nwo")]
    {
        let (status, why) = ask(&server, "PUT", "/clock", body).await;
        assert_eq!((status.as_u16(), &why["error"]["at"]), (422, &json!(at)), "{why}");
    }
}

#[tokio::test]
async fn mistakes_in_rules_are_refused_with_what_to_write() {
    let server = double(Series::V19).await;
    for (path, body, at, words) in [
        ("/faults", json!({"match": {}}), "effect", "nothing goes wrong"),
        ("/faults", json!({"effect": {"error": "oops"}}), "effect.error", "expected one of `session_expired`"),
        ("/faults", json!({"effect": {"http": 418}}), "effect.http", "a proxy answers with"),
        ("/faults", json!({"effect": {"http": 503, "error": "user_error"}}), "effect", "only one of"),
        ("/faults", json!({"effect": {"delay_ms": 1, "message": "x"}}), "effect.message", "which is missing"),
        ("/faults", json!({"mach": {}, "effect": {"http": 503}}), "mach", "unknown field `mach`"),
        ("/faults", json!({"match": {"modle": "x"}, "effect": {"http": 503}}), "match.modle", "unknown field `modle`"),
        ("/faults", json!({"match": {"nth": 0}, "effect": {"http": 503}}), "match.nth", "from 1 on"),
        ("/stubs", json!({"match": {"model": "x"}}), "", "a stub answers with one of"),
        ("/stubs", json!({"template": "{{vals.name}}"}), "template", "leads nowhere"),
        ("/journal/verify", json!({"never": true, "exactly": 1}), "", "say only one of"),
    ] {
        let (status, why) = ask(&server, "POST", path, body.clone()).await;
        assert_eq!(status, 422, "{body}: {why}");
        assert_eq!(why["error"]["at"].as_str().unwrap_or(""), at, "{body}: {why}");
        let message = why["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{body}: {message}");
    }
    let answer = Client::new(&server).post("/__wiredoo/faults", "application/json", "{").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn the_token_is_wanted_where_there_is_one() {
    let settings = Settings { token: Some("sesame".to_owned()), ..Settings::default() };
    let server = Wiredoo::builder().double(settings).start().await.unwrap();
    assert_eq!(ask(&server, "GET", "/databases", Value::Null).await.0, 401);
    let mut wrong = Client::new(&server).with("authorization", "Bearer x");
    assert_eq!(wrong.get("/__wiredoo/databases").await.status, 401);
    let mut right = Client::new(&server).with("authorization", "Bearer sesame");
    assert_eq!(right.get("/__wiredoo/databases").await.status, 200);
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let server = double(Series::V19).await;
    let description = done(ask(&server, "GET", "/openapi.json", Value::Null).await);
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, operations) in paths {
        let path = path.strip_prefix("/__wiredoo").unwrap();
        // What no path has is not found, what a path does not take is refused as such.
        let known = path.replace("{db}", "nowhere").replace("{name}", "x").replace("{id}", "99999");
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let (status, answer) = ask_anything(&server, method, &known).await;
            let described = operations.get(method.to_ascii_lowercase()).is_some();
            assert_eq!(status != 405, described, "{method} {path}: {answer}");
        }
    }
}

async fn ask_anything(server: &Wiredoo, method: &str, path: &str) -> (StatusCode, String) {
    let body = if path.contains("wait") { r#"{"timeout_ms": 1}"# } else { "{}" };
    let request = Request::builder().method(method).uri(format!("/__wiredoo{path}")).body(Body::from(body)).unwrap();
    let answer = Client::new(server).send(request).await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let server = double(Series::V19).await;
    let fault = Fault::on(PARTNER, "search_count").delay(Duration::from_millis(30));
    server.double().add_fault(fault).unwrap();
    let begun = std::time::Instant::now();
    execute(&server, server.db(), PARTNER, "search_count", json!([[]])).await;
    assert!(begun.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn tests_in_rust_share_a_server_and_have_their_own_databases() {
    let source = Source::new("shop.yaml", "records: {res.partner: [{id: acme, name: Acme}]}");
    let (first, second) =
        (testing::database(Series::V19).await.unwrap(), testing::database(Series::V19).await.unwrap());
    assert_eq!(first.url(), second.url());
    assert_ne!(first.name(), second.name());
    let loaded = first.load(&[source]).await.unwrap();
    assert_eq!(loaded.ids["acme"].0, PARTNER);
    first.add_stub(Stub::on(PARTNER, "search_count").answer(7)).unwrap();
    let count = async |odoo: &testing::TestDatabase| {
        let args = json!([odoo.name(), 2, odoo.password(), PARTNER, "search_count", [[["name", "=", "Acme"]]]]);
        let body = json!({"params": {"service": "object", "method": "execute_kw", "args": args}});
        let address = odoo.url().strip_prefix("http://").unwrap().parse().unwrap();
        let answer = post(address, &body.to_string()).await;
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        serde_json::from_slice::<Value>(&answer[at + 4..]).unwrap()["result"].clone()
    };
    assert_eq!(count(&first).await, 7);
    assert_eq!(count(&second).await, 0);
    first.assert_called(PARTNER, "search_count", 1);
    second.assert_called("*", "search_count", 1);
    second.assert_called(PARTNER, "create", 0);
    first.reset().await.unwrap();
    assert_eq!(first.calls().len(), 1);
}
