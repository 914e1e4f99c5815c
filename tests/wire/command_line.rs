//! The binary: how it starts, what it says, how it ends.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::json;

use crate::common::process::{Server, printed, run, wiredoo};
use crate::common::{self, Folder};

#[test]
fn one_line_says_that_it_is_ready_and_signals_end_it_well() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&["--ephemeral", "--series", "17.0"]);
        let port = server.address().rsplit(':').next().unwrap().to_owned();
        let expected = json!({"ready": true, "url": format!("http://127.0.0.1:{port}"), "db": "odoo", "series": "17.0",
            "pid": server.child.id()});
        assert_eq!(server.ready, expected);
        assert!(run(&["healthcheck", "--url", server.url()]).status.success());
        assert_eq!(server.log_in("admin", "admin")["uid"], 2);
        server.signal(signal);
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        server.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing else on standard output");
        let url = server.url().to_owned();
        let sick = run(&["healthcheck", "--url", &url]);
        assert_eq!(sick.status.code(), Some(1));
    }
}

#[test]
fn what_cannot_work_ends_with_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, status, says) in [
        (vec!["--ephemeral", "--port", &port], 1, "cannot listen on 127.0.0.1:"),
        (vec!["--database-url", "mysql://x"], 1, "wiredoo: the database URL is wrong: it must begin with postgres://"),
        (vec!["--database-url", "postgres://127.0.0.1:1/"], 1, "cannot connect to the PostgreSQL server at 127.0.0.1:"),
        (vec!["--ephemeral", "--db", "a/b"], 1, "cannot be the name of a database"),
        (vec!["--ephemeral", "--log", "a=b=c"], 1, "--log"),
        (vec!["--series", "12.0"], 2, "unknown series '12.0'"),
        (vec!["--db-filter", "("], 2, "no regular expression"),
        (vec!["--port", "70000"], 2, "--port"),
        (vec!["--nonsense"], 2, "--nonsense"),
        (vec!["--ephemeral", "--host", "0.0.0.0"], 1, "does not start with the default master password"),
        (vec!["--ephemeral", "--host", "0.0.0.0", "--master-password", "m"], 1, "the default administrator's password"),
    ] {
        let output = run(&args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {told}");
        assert!(told.contains(says), "{args:?}: {told}");
        assert_eq!(output.stdout, b"");
    }
    let server =
        Server::start(&["--ephemeral", "--host", "0.0.0.0", "--master-password", "m", "--admin-password", "p"]);
    assert!(server.url().starts_with("http://0.0.0.0:"));
}

#[test]
fn an_acknowledged_login_survives_kill_9() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let args = ["--data-dir", data, "--pbkdf2-rounds", "10"];
    let mut sids = Vec::new();
    for _ in 0..5 {
        let server = Server::start(&args);
        for sid in &sids {
            assert!(server.lives(sid));
        }
        sids.push(server.log_in("admin", "admin")["session"]["sid"].clone());
        server.signal("-KILL");
    }
    let server = Server::start(&args);
    for sid in &sids {
        assert!(server.lives(sid));
    }
}

#[test]
fn users_and_keys_are_managed_beside_a_running_server() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let server = Server::start(&["--data-dir", data, "--pbkdf2-rounds", "10"]);
    let manage = |args: &[&str]| run(&[args, &["--data-dir", data]].concat());
    let id = printed(&manage(&["user", "create", "uma", "--name", "Uma", "--password", "secret"]));
    let session = server.log_in("uma", "secret");
    assert_eq!(session["uid"].to_string(), id.trim());
    let list = printed(&manage(&["user", "list"]));
    assert!(list.contains(&format!("{}\tuma\tUma\tactive\n", id.trim())), "{list}");
    let sid = server.log_in("admin", "admin")["session"]["sid"].clone();
    assert!(server.lives(&sid));
    printed(&manage(&["user", "password", "admin", "--password", "better"]));
    assert!(!server.lives(&sid), "a changed password ends the sessions at once");
    assert_eq!(server.log_in("admin", "better")["uid"], 2);
    printed(&manage(&["user", "deactivate", "uma"]));
    assert_eq!(server.log_in("uma", "secret")["code"], 403);
    printed(&manage(&["user", "activate", "uma"]));
    assert_eq!(server.log_in("uma", "secret")["name"], "Uma");

    let key = printed(&manage(&["apikey", "create", "uma", "--name", "ci", "--days", "3"]));
    let call = json!({"params": {"service": "common", "method": "login", "args": ["odoo", "uma", key.trim()]}});
    assert!(server.post("/jsonrpc", "", &call.to_string()).contains(&format!("\"result\": {}", id.trim())));
    let keys = printed(&manage(&["apikey", "list", "uma"]));
    let row = keys.trim().split('\t').collect::<Vec<_>>();
    assert_eq!(row[1..3], ["ci", "rpc"]);
    printed(&manage(&["apikey", "revoke", row[0]]));
    assert!(server.post("/jsonrpc", "", &call.to_string()).contains("\"result\": false"));
    printed(&manage(&["apikey", "create", "uma", "--scope", "any", "--expires", "2999-12-31"]));
    printed(&manage(&["apikey", "create", "uma", "--scope", "odoo.plugin", "--expires", "2999-12-31 12:00:00"]));
    let keys = printed(&manage(&["apikey", "list", "uma"]));
    let rows: Vec<Vec<&str>> = keys.lines().map(|line| line.split('\t').skip(1).collect()).collect();
    assert_eq!(rows[0], ["command line", "any", "2999-12-31 00:00:00"]);
    assert_eq!(rows[1], ["command line", "odoo.plugin", "2999-12-31 12:00:00"]);

    for wrong in [
        vec!["user", "password", "ghost", "--password", "x"],
        vec!["apikey", "revoke", "999"],
        vec!["apikey", "create", "ghost"],
        vec!["apikey", "create", "uma", "--expires", "2001-01-01"],
        vec!["apikey", "create", "uma", "--days", "0"],
        vec!["apikey", "create", "uma", "--days", "4294967295"],
        vec!["user", "create", "uma", "--password", "x"],
        vec!["user", "create", "x", "--password", "x", "--group", "a.b"],
        vec!["user", "list", "--db", "nope"],
        vec!["user", "list", "--series", "17.0"],
    ] {
        let output = manage(&wrong);
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{wrong:?}");
    }
}

#[test]
fn databases_are_managed_beside_a_running_server() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let db = |args: &[&str]| run(&[&["db"], args, &["--data-dir", data]].concat());
    printed(&db(&["create", "one", "--admin-password", "secret"]));
    printed(&db(&["duplicate", "one", "two"]));
    assert_eq!(printed(&db(&["list"])), "one\ntwo\n");
    printed(&db(&["drop", "one"]));
    assert_eq!(printed(&db(&["list"])), "two\n");
    assert_eq!(db(&["drop", "one"]).status.code(), Some(1));
    assert_eq!(db(&["create", "two"]).status.code(), Some(1));
}

#[test]
fn a_database_is_filled_with_as_many_records_as_one_likes() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let generate = |args: &[&str]| run(&[&["db", "generate", "odoo", "--data-dir", data], args].concat());
    let output = generate(&["--partners", "30", "--users", "2", "--categories", "4", "--seed", "7"]);
    printed(&output);
    let told = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = told.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["4 of 4 categories", "2 of 2 users", "30 of 30 partners"]);
    let again = generate(&["--users", "1"]);
    assert_eq!(again.status.code(), Some(1));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(told, "wiredoo: there is a user with the login 'user1' already\n");
    let server = Server::start(&["--data-dir", data, "--pbkdf2-rounds", "10"]);
    assert_eq!(server.log_in("user2", "generated")["username"], "user2");
}

#[test]
fn a_password_is_hashed_from_standard_input() {
    let mut child = wiredoo(&["hash-password", "--pbkdf2-rounds", "12"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("pässwörd\n".as_bytes()).unwrap();
    let hash = printed(&child.wait_with_output().unwrap());
    assert!(hash.starts_with("$pbkdf2-sha512$12$"), "{hash}");
    assert!(wiredoo::auth::password::Hash::parse(hash.trim()).unwrap().verifies("pässwörd"));
}

#[test]
fn the_help_names_every_flag() {
    let help = printed(&run(&["--help"]));
    for flag in
        ["--series", "--ephemeral", "--data-dir", "--database-url", "--db-filter", "--session-lifetime", "--log-format"]
    {
        assert!(help.contains(flag), "{flag}");
        assert!(help.contains(&format!("WIREDOO{}", flag[1..].to_uppercase().replace('-', "_"))), "{flag}");
    }
}

#[test]
fn a_start_that_is_killed_can_be_repeated() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let args = ["--data-dir", data, "--pbkdf2-rounds", "10", "--port", "0"];
    for _ in 0..10 {
        let mut child = wiredoo(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Until it has begun to write, or is done.
        while std::fs::read_dir(&folder.0).unwrap().next().is_none() {}
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(Server::start(&args[..4]).log_in("admin", "admin")["uid"], 2);
}

#[test]
fn two_that_start_at_once_share_the_database() {
    for store in common::durable_stores() {
        let filter = format!("^{}$", store.db);
        let place = match (store.folder(), store.url()) {
            (Some(folder), _) => ["--data-dir", folder.to_str().unwrap()],
            (None, url) => ["--database-url", url.unwrap()],
        };
        let args = [&place[..], &["--db", &store.db, "--db-filter", &filter, "--pbkdf2-rounds", "10"]].concat();
        let servers = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Server::start(&args))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        let sid = servers[0].log_in("admin", "admin")["session"]["sid"].clone();
        assert!(servers.iter().all(|server| server.lives(&sid)), "{}", store.name);
        drop(servers);
        printed(&run(&[&["db", "drop", &store.db], &place[..]].concat()));
    }
}

#[test]
fn a_database_that_is_dropped_beside_a_server_is_gone_for_it() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let args = ["--data-dir", data, "--pbkdf2-rounds", "10"];
    let server = Server::start(&args);
    let sid = server.log_in("admin", "admin")["session"]["sid"].clone();
    printed(&run(&["db", "drop", "odoo", "--data-dir", data]));
    assert!(!server.lives(&sid));
    assert_eq!(server.log_in("admin", "admin")["code"], 400);
    printed(&run(&["db", "create", "odoo", "--admin-password", "other", "--data-dir", data]));
    assert_eq!(server.log_in("admin", "other")["uid"], 2);
    assert!(!server.lives(&sid));
}
