//! What becomes of calls when the store fails: they are answered in their dialect, within a bounded time, and all is well
//! again when the store is.

use std::process::{Command, Stdio};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use wiredoo::{Series, Wiredoo};

use crate::common::link::Link;
use crate::common::process::{BINARY, Server};
use crate::common::{Answer, Client, Folder, POSTGRES, Store, durable_stores};

const PARTNER: &str = "res.partner";
/// How long the servers of these tests wait for their store.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longer than a call may take with that patience, on a slow machine.
const BOUND: Duration = Duration::from_mins(1);

/// The store on PostgreSQL, where there is one.
fn postgres() -> Option<(Store, url::Url)> {
    let store = durable_stores().into_iter().find(|store| store.url().is_some())?;
    let url = std::env::var(POSTGRES).unwrap().parse().unwrap();
    Some((store, url))
}

async fn start(store: &Store) -> Wiredoo {
    store.builder(Series::V19).configure(|config| config.store_patience = PATIENCE).start().await.unwrap()
}

/// A connection of somebody else to the server's database.
async fn beside(url: &url::Url, db: &str) -> DatabaseConnection {
    let mut url = url.clone();
    url.set_path(db);
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

/// Ends connections of the server: those of this `kind`, a condition on `pg_stat_activity`. Answers how many.
async fn terminate(beside: &DatabaseConnection, kind: &str) -> usize {
    let sql = format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND \
         application_name = 'wiredoo' AND {kind}"
    );
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
    beside.query_all_raw(statement).await.unwrap().len()
}

/// Ends the connections that wait for a lock, as soon as there are any.
async fn terminate_waiting(beside: &DatabaseConnection) {
    while terminate(beside, "wait_event_type = 'Lock'").await == 0 {
        tokio::task::yield_now().await;
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, what).await.expect("it takes too long")
}

/// Asserts that an envelope tells that the store has failed.
#[track_caller]
fn assert_failed(answer: &Answer) {
    assert_eq!(answer.exception().0, "psycopg2.DatabaseError", "{}", answer.text());
}

/// Calls in every dialect, and what they answered: JSON-RPC with a session, `/jsonrpc`, XML-RPC, JSON-2, REST.
async fn in_every_dialect(server: &Wiredoo, sid: Option<&str>, key: &str) -> [Answer; 5] {
    let db = server.db();
    let mut client = Client::new(server);
    client.sid = sid.map(str::to_owned);
    let session = client.call_kw(PARTNER, "read", json!([[3], ["name"]]), json!({})).await;
    let args = json!([db, 2, "admin", PARTNER, "read", [[3], ["name"]]]);
    let service = Client::new(server).service("object", "execute_kw", args).await;
    let login = format!(
        "<methodCall><methodName>login</methodName><params><param><value>{db}</value></param><param><value>admin\
         </value></param><param><value>admin</value></param></params></methodCall>"
    );
    let xmlrpc = Client::new(server).post("/xmlrpc/2/common", "text/xml", login).await;
    let mut bearer = Client::new(server).with("authorization", format!("Bearer {key}")).with("x-odoo-database", db);
    let json2 = bearer.post_json("/json/2/res.partner/read", &json!({"ids": [3], "fields": ["name"]})).await;
    let body = json!({"db": db, "login": "admin", "password": "admin"}).to_string();
    let request = Request::post("/session/auth/login").header("content-type", "application/json");
    let rest = Client::new(server).send(request.body(Body::from(body)).unwrap()).await;
    [session, service, xmlrpc, json2, rest]
}

#[track_caller]
fn assert_all_failed(answers: &[Answer; 5]) {
    let [session, service, xmlrpc, json2, rest] = answers;
    assert_failed(session);
    assert_failed(service);
    assert!(xmlrpc.text().contains("<fault>"), "{}", xmlrpc.text());
    assert_eq!((json2.status.as_u16(), &json2.json()["name"]), (500, &json!("psycopg2.DatabaseError")));
    assert_eq!(rest.status, 500, "{}", rest.text());
    assert!(rest.json().is_object(), "{}", rest.text());
}

#[track_caller]
fn assert_all_well(answers: &[Answer; 5]) {
    let [session, service, xmlrpc, json2, rest] = answers;
    session.result();
    service.result();
    assert!(xmlrpc.text().contains("<int>2</int>"), "{}", xmlrpc.text());
    assert_eq!((json2.status.as_u16(), rest.status.as_u16()), (200, 200), "{} {}", json2.text(), rest.text());
}

const KEY: &str = "00112233445566778899aabbccddeeff00112233";

/// A server whose way to PostgreSQL goes over a link, with the sid of the administrator.
async fn linked(store: &Store, url: &url::Url) -> (Link, Wiredoo, Option<String>) {
    let link = Link::to(url).await;
    let server = store
        .builder(Series::V19)
        .database_url(link.of(url))
        .configure(|config| config.store_patience = PATIENCE)
        .configure(|config| config.admin_api_key = Some(KEY.to_owned()))
        .start()
        .await
        .unwrap();
    let sid = Client::administrator(&server).await.sid.take();
    (link, server, sid)
}

/// Calls until all is well, which it is after a bounded time.
async fn recovered(server: &Wiredoo, sid: Option<&str>) {
    in_time(async {
        loop {
            let answers = in_every_dialect(server, sid, KEY).await;
            if answers.iter().all(|answer| answer.status == 200 && !answer.text().contains("psycopg2")) {
                return assert_all_well(&answers);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn lost_connections_are_replaced_without_anybody_noticing() {
    let Some((store, url)) = postgres() else { return };
    let server = store.builder(Series::V19).start().await.unwrap();
    let mut admin = Client::administrator(&server).await;
    let beside = beside(&url, &store.db).await;
    let many = (0..12).map(|_| async {
        let mut client = Client::new(&server);
        client.authenticate("admin", "admin").await.result();
        client
    });
    let clients = join_all(many).await;
    assert!(terminate(&beside, "true").await > 0);
    // Each is the first to come across what was lost.
    for mut client in clients {
        assert_eq!(client.values(PARTNER, 3, json!(["color"])).await, json!({"color": 0}));
        terminate(&beside, "true").await;
        client.create(PARTNER, json!({"name": "x"})).await;
        terminate(&beside, "true").await;
        client.service("common", "login", json!([store.db, "admin", "admin"])).await.result();
        terminate(&beside, "true").await;
    }
    assert_eq!(admin.search(PARTNER, json!([["name", "=", "x"]])).await.len(), 12);
    beside.close().await.unwrap();
    store.finish(server).await;
}

#[tokio::test]
async fn a_connection_that_dies_in_a_transaction() {
    let Some((store, url)) = postgres() else { return };
    // With time enough to be found waiting.
    let server = store.builder(Series::V19).start().await.unwrap();
    let (mut writer, mut reader) = (Client::administrator(&server).await, Client::administrator(&server).await);
    let (holder, beside) = (beside(&url, &store.db).await, beside(&url, &store.db).await);
    let lock = "BEGIN; LOCK TABLE res_partner IN ACCESS EXCLUSIVE MODE";
    holder.execute_unprepared(lock).await.unwrap();
    // What only reads is not begun again: it is told.
    let read = reader.call_kw(PARTNER, "read", json!([[3], ["name"]]), json!({}));
    let (read, ()) = in_time(async { tokio::join!(read, terminate_waiting(&beside)) }).await;
    assert_failed(&read);
    // What writes had written nothing, so it is done once more, and once only.
    let created = writer.create(PARTNER, json!({"name": "once"}));
    let ended = async {
        terminate_waiting(&beside).await;
        terminate_waiting(&beside).await;
        holder.execute_unprepared("ROLLBACK").await.unwrap();
    };
    let (id, ()) = in_time(async { tokio::join!(created, ended) }).await;
    assert_eq!(reader.search(PARTNER, json!([["name", "=", "once"]])).await, [id]);
    holder.close().await.unwrap();
    beside.close().await.unwrap();
    store.finish(server).await;
}

#[tokio::test]
async fn more_calls_than_connections_wait_for_a_bounded_time() {
    let Some((store, url)) = postgres() else { return };
    let (link, server, sid) = linked(&store, &url).await;
    let holder = beside(&url, &store.db).await;
    holder.execute_unprepared("BEGIN; LOCK TABLE res_partner IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let calls = (0..40).map(|n| {
        let (server, sid) = (&server, sid.clone());
        async move {
            let mut client = Client::new(server);
            client.sid = sid;
            match n % 2 {
                0 => client.call_kw(PARTNER, "read", json!([[3], ["name"]]), json!({})).await,
                _ => client.call_kw(PARTNER, "create", json!([{"name": "late"}]), json!({})).await,
            }
        }
    });
    for answer in in_time(join_all(calls)).await {
        assert_failed(&answer);
    }
    holder.execute_unprepared("ROLLBACK").await.unwrap();
    recovered(&server, sid.as_deref()).await;
    let mut client = Client::new(&server);
    client.sid = sid;
    assert_eq!(client.search(PARTNER, json!([["name", "=", "late"]])).await, [0; 0], "what was refused was not done");
    holder.close().await.unwrap();
    store.finish(server).await;
    drop(link);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn databases_are_closed_while_transactions_are_being_ended() {
    let Some((store, _)) = postgres() else { return };
    let server = store.builder(Series::V19).start().await.unwrap();
    let databases = &server.app().databases;
    for round in 0..60 {
        let database = databases.open(server.db()).await.unwrap();
        // The end of a transaction that has only read is not waited for.
        let reading = (0..8).map(|_| database.read(|tx| Box::pin(async move { Ok(tx.is_joined()) })));
        join_all(reading).await;
        let closed = tokio::time::timeout(Duration::from_secs(20), databases.close_all()).await;
        assert!(closed.is_ok(), "round {round}: a connection was not closed");
    }
    store.finish(server).await;
}

#[tokio::test]
async fn many_who_write_and_read_do_not_keep_connections_from_each_other() {
    let Some((store, _)) = postgres() else { return };
    let patience = Duration::from_secs(10);
    let server = store.builder(Series::V19).configure(|config| config.store_patience = patience).start().await.unwrap();
    let sid = Client::administrator(&server).await.sid.take();
    // After each of these writes nothing is remembered, so that all need a transaction and other statements at once.
    let calls = (0..64).map(|number| {
        let (server, sid) = (&server, sid.clone());
        async move {
            let mut client = Client::new(server);
            client.sid = sid;
            for turn in 0..8 {
                let values = json!({"name": format!("{number}-{turn}")});
                let made = client.call_kw(PARTNER, "create", json!([values]), json!({})).await.result();
                client.call_kw(PARTNER, "read", json!([[made], ["name"]]), json!({})).await.result();
            }
        }
    });
    in_time(join_all(calls)).await;
    store.finish(server).await;
}

#[tokio::test]
async fn a_network_that_stalls() {
    let Some((store, url)) = postgres() else { return };
    let (link, server, sid) = linked(&store, &url).await;
    assert_all_well(&in_every_dialect(&server, sid.as_deref(), KEY).await);
    for forgotten in [false, true] {
        link.stall();
        assert_all_failed(&in_time(in_every_dialect(&server, sid.as_deref(), KEY)).await);
        let calls = (0..20).map(|_| async {
            let mut client = Client::new(&server);
            client.sid.clone_from(&sid);
            client.call_kw(PARTNER, "create", json!([{"name": "x"}]), json!({})).await
        });
        for answer in in_time(join_all(calls)).await {
            assert_failed(&answer);
        }
        // Either all goes on as if nothing had been, or the old connections never say anything again.
        if forgotten {
            link.forget_old();
        } else {
            link.mend();
        }
        recovered(&server, sid.as_deref()).await;
    }
    link.mend();
    store.finish(server).await;
}

#[tokio::test]
async fn a_server_that_is_away_for_a_while() {
    let Some((store, url)) = postgres() else { return };
    let (link, server, sid) = linked(&store, &url).await;
    link.cut();
    assert_all_failed(&in_time(in_every_dialect(&server, sid.as_deref(), KEY)).await);
    link.mend();
    recovered(&server, sid.as_deref()).await;
    store.finish(server).await;
}

#[tokio::test]
async fn a_file_that_another_process_has_locked() {
    let store = durable_stores().remove(0);
    let (server, other) = (start(&store).await, start(&store).await);
    let mut admin = Client::administrator(&server).await;
    // The session notes its device, once.
    admin.uid().await;
    let database = other.app().databases.open(other.db()).await.unwrap();
    let (begun, has_begun) = oneshot::channel();
    let (end, to_end) = oneshot::channel::<()>();
    let held = tokio::spawn(async move {
        let channels = std::sync::Mutex::new(Some((begun, to_end)));
        let holding = database.write(|_| {
            let channels = channels.lock().unwrap().take();
            Box::pin(async move {
                if let Some((begun, to_end)) = channels {
                    begun.send(()).unwrap();
                    to_end.await.unwrap();
                }
                Ok(())
            })
        });
        holding.await.unwrap();
    });
    has_begun.await.unwrap();
    let calls = (0..10).map(|_| async {
        let mut client = Client::new(&server);
        client.sid.clone_from(&admin.sid);
        client.call_kw(PARTNER, "create", json!([{"name": "late"}]), json!({})).await
    });
    for answer in in_time(join_all(calls)).await {
        assert_failed(&answer);
    }
    let reading = admin.search(PARTNER, json!([["name", "=", "late"]]));
    assert_eq!(in_time(reading).await, [0; 0], "who reads need not wait");
    end.send(()).unwrap();
    held.await.unwrap();
    admin.create(PARTNER, json!({"name": "in time"})).await;
    other.shutdown().await;
    store.finish(server).await;
}

/// A file of 200 kB.
fn file(number: usize) -> Value {
    let lines: Vec<String> = (0..20_000).map(|line| format!("{:09}", line * 7919 + number)).collect();
    let content = lines.join(" ") + " ";
    json!({"name": format!("{number}.txt"), "raw": content})
}

/// The number of a file of which all is there.
fn number_of(row: &Value) -> String {
    let content = row["raw"].as_str().unwrap();
    assert_eq!(content.len(), 200_000);
    content.split(' ').next().unwrap().to_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full() {
    let folder = Folder::new();
    let args = ["--data-dir", folder.0.to_str().unwrap(), "--pbkdf2-rounds", "10", "--port", "0", "--log", "off"];
    // A limit to the size of files stands in for a full disk; it is told by a signal first, which is ignored here.
    let ignoring = "trap '' XFSZ; exec \"$0\" \"$@\"";
    let server = Server::run(Command::new("sh").args(["-c", ignoring, BINARY]).args(args).stdin(Stdio::null()));
    let limit = |size: &str| {
        let pid = server.child.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:")]).status().unwrap();
        assert!(set.success());
    };
    let create = |server: &Server, sid: &Value, number: usize| {
        let params = json!({"model": "ir.attachment", "method": "create", "args": [[file(number)]], "kwargs": {}});
        server.call("/web/dataset/call_kw", sid, &params)
    };
    let contents = |server: &Server, sid: &Value| {
        let args = json!([[["name", "like", ".txt"]], ["raw"]]);
        let params =
            json!({"model": "ir.attachment", "method": "search_read", "args": args, "kwargs": {"order": "id"}});
        let answer = server.call("/web/dataset/call_kw", sid, &params);
        let rows = answer["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        rows.iter().map(number_of).collect::<Vec<_>>()
    };
    let sid = server.log_in("admin", "admin")["session"]["sid"].clone();
    let mut kept = Vec::new();
    for round in 0..2 {
        let size = std::fs::metadata(folder.0.join("odoo.sqlite3")).unwrap().len();
        limit(&(size + 3_000_000).to_string());
        let refused = (0..200).find_map(|number| {
            let number = 1000 * (round + 1) + number;
            let answer = create(&server, &sid, number);
            if answer["result"].is_array() {
                kept.push(number_of(&file(number)));
                return None;
            }
            Some(answer)
        });
        let refused = refused.expect("there is no room for so much");
        assert_eq!(refused["error"]["data"]["name"], "psycopg2.DatabaseError", "{refused}");
        assert_eq!(create(&server, &sid, 1)["error"]["data"]["name"], "psycopg2.DatabaseError");
        assert_eq!(contents(&server, &sid), kept, "what is there can be read");
        limit("unlimited");
        assert!(create(&server, &sid, 10 + round)["result"].is_array());
        kept.push(number_of(&file(10 + round)));
        for _ in 0..10 {
            assert_eq!(contents(&server, &sid), kept, "all connections see it");
        }
    }
    drop(server);
    let server = Server::start(&args[..4]);
    let sid = server.log_in("admin", "admin")["session"]["sid"].clone();
    assert_eq!(contents(&server, &sid), kept);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_written() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = Folder::new();
    let data = folder.0.join("data");
    let args = ["--data-dir", data.to_str().unwrap(), "--pbkdf2-rounds", "10", "--port", "0", "--log", "off"];
    let mut server = Server::start(&args[..4]);
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    // Root may write to any file, so that it must be somebody else.
    let is_root = std::fs::metadata(&data).unwrap().uid() == 0;
    let (binary, nobody) = (folder.0.join("wiredoo"), ["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::copy(BINARY, &binary).unwrap();
    for entry in std::fs::read_dir(&data).unwrap() {
        mode(&entry.unwrap().path(), 0o444);
    }
    mode(&folder.0, 0o755);
    mode(&data, 0o555);
    let mut command = if is_root { Command::new("setpriv") } else { Command::new(&binary) };
    if is_root {
        command.args(nobody).arg(&binary);
    }
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    mode(&data, 0o755);
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("database 'odoo' cannot be opened"), "{told}");
}
