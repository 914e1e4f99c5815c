//! `/web/database/…`: the forms by which scripts manage databases.

use std::io::Cursor;

use serde_json::json;
use wiredoo::{Series, Wiredoo};

use crate::common::{Answer, Client, multipart, odoo};

const FORM: &str = "application/x-www-form-urlencoded";

async fn send(client: &mut Client<'_>, action: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.post(&format!("/web/database/{action}"), FORM, body).await
}

async fn names(server: &Wiredoo) -> Vec<String> {
    server.app().databases.list().await.unwrap()
}

#[track_caller]
fn assert_sent_to(answer: &Answer, location: &str) {
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.headers["location"], location);
}

#[tokio::test]
async fn a_database_from_its_making_to_its_end() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let new = [
            ("master_pwd", "admin"),
            ("name", "made"),
            ("login", "boss"),
            ("password", "secret"),
            ("phone", "+32 1"),
            ("lang", "en_US"),
            ("country_code", "be"),
        ];
        let answer = send(&mut client, "create", &new).await;
        assert_sent_to(&answer, if series >= Series::V18 { "/odoo" } else { "/web" });
        assert_eq!(client.uid().await, Some(2), "{series}: the administrator is logged in");
        let who = client.kw("res.users", "read", json!([[2], ["login"]]), json!({})).await;
        assert_eq!(who[0]["login"], "boss");
        let file = client.create("ir.attachment", json!({"name": "a.txt", "raw": "kept in dumps"})).await;

        let mut script = Client::new(&server);
        let copy = [("master_pwd", "admin"), ("name", "made"), ("new_name", "copy")];
        assert_sent_to(&send(&mut script, "duplicate", &copy).await, "/web/database/manager");
        let backup = [("master_pwd", "admin"), ("name", "made"), ("backup_format", "zip")];
        let dump = send(&mut script, "backup", &backup).await;
        assert_eq!(dump.headers["content-type"], "application/octet-stream; charset=binary");
        let named = dump.headers["content-disposition"].to_str().unwrap();
        assert!(
            named.starts_with("attachment; filename*=UTF-8''made_") && named.split('.').next_back() == Some("zip"),
            "{named}"
        );
        let mut zip = zip::ZipArchive::new(Cursor::new(dump.body.clone())).unwrap();
        assert!(zip.by_name("manifest.json").is_ok());

        let (kind, body) = multipart(&[
            ("master_pwd", None, b"admin"),
            ("name", None, b"restored"),
            ("copy", None, b"true"),
            ("backup_file", Some("made.zip"), &dump.body),
        ]);
        assert_sent_to(&script.post("/web/database/restore", kind, body).await, "/web/database/manager");
        assert_eq!(names(&server).await, ["copy", "made", "odoo", "restored"]);
        for name in ["copy", "restored"] {
            let mut client = Client::new(&server);
            let login = json!({"db": name, "login": "boss", "password": "secret"});
            assert_eq!(client.call("/web/session/authenticate", login).await.result()["uid"], 2, "{series} {name}");
            assert_eq!(client.get(&format!("/web/content/{file}")).await.text(), "kept in dumps", "{series} {name}");
        }
        for name in ["copy", "made", "restored"] {
            let gone = send(&mut script, "drop", &[("master_pwd", "admin"), ("name", name)]).await;
            assert_sent_to(&gone, "/web/database/manager");
        }
        assert_eq!(names(&server).await, ["odoo"], "{series}");
        assert_eq!(client.uid().await, None);
    }
}

#[tokio::test]
async fn a_wrong_master_password_changes_nothing() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    for (action, fields, what) in [
        ("create", vec![("name", "new"), ("login", "a"), ("password", "b"), ("lang", "en_US")], "creation"),
        ("duplicate", vec![("name", "odoo"), ("new_name", "new")], "duplication"),
        ("drop", vec![("name", "odoo")], "deletion"),
        ("backup", vec![("name", "odoo")], "backup"),
    ] {
        for master in ["", "no", "ADMIN"] {
            let mut fields = fields.clone();
            fields.push(("master_pwd", master));
            let answer = send(&mut client, action, &fields).await;
            assert_eq!(answer.status, 200);
            assert!(answer.text().contains(&format!("Database {what} error: Access Denied")), "{}", answer.text());
            assert_eq!(names(&server).await, ["odoo"], "{action}");
        }
    }
    let (kind, body) =
        multipart(&[("master_pwd", None, b"no"), ("name", None, b"new"), ("backup_file", Some("a"), b"PK")]);
    let answer = client.post("/web/database/restore", kind, body).await;
    assert!(answer.text().contains("Database restore error: Access Denied"), "{}", answer.text());
    let change = [("master_pwd", "no"), ("master_pwd_new", "other")];
    let answer = send(&mut client, "change_password", &change).await;
    assert!(answer.text().contains("Master password update error: Access Denied"), "{}", answer.text());
    let change = [("master_pwd", "admin"), ("master_pwd_new", "other")];
    assert_sent_to(&send(&mut client, "change_password", &change).await, "/web/database/manager");
    let answer = send(&mut client, "drop", &[("master_pwd", "admin"), ("name", "odoo")]).await;
    assert!(answer.text().contains("Access Denied"));
    assert_sent_to(
        &send(&mut client, "drop", &[("master_pwd", "other"), ("name", "odoo")]).await,
        "/web/database/manager",
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_told() {
    let server = odoo(Series::V18).await;
    let mut client = Client::new(&server);
    let master = ("master_pwd", "admin");
    for (action, fields, why) in [
        ("create", vec![("name", "odoo"), ("login", "a"), ("password", "b"), ("lang", "en_US")], "already exists"),
        ("create", vec![("name", "../x"), ("login", "a"), ("password", "b"), ("lang", "en_US")], "naming issue"),
        ("create", vec![("name", "new"), ("password", "b"), ("lang", "en_US")], "login"),
        ("duplicate", vec![("name", "odoo"), ("new_name", "<b>")], "naming issue"),
        ("duplicate", vec![("name", "none"), ("new_name", "new")], "does not exist"),
        ("backup", vec![("name", "none")], "does not exist"),
        ("backup", vec![("name", "odoo"), ("backup_format", "dump")], "zip"),
    ] {
        let mut fields = fields.clone();
        fields.push(master);
        let answer = send(&mut client, action, &fields).await;
        assert_eq!(answer.status, 200, "{action} {fields:?}");
        assert!(answer.text().contains(why), "{action} {fields:?}: {}", answer.text());
        assert_eq!(names(&server).await, ["odoo"]);
    }
    for (content, name) in [(b"PK\x03\x04".as_slice(), "new"), (b"", "new"), (b"words", "new"), (b"PK", "..")] {
        let (kind, body) = multipart(&[
            ("master_pwd", None, b"admin"),
            ("name", None, name.as_bytes()),
            ("backup_file", Some("a.zip"), content),
        ]);
        let answer = client.post("/web/database/restore", kind, body).await;
        assert!(answer.text().contains("Database restore error: "), "{}", answer.text());
        assert_eq!(names(&server).await, ["odoo"]);
    }
    for action in ["create", "duplicate", "drop", "backup", "restore", "change_password"] {
        assert_eq!(client.get(&format!("/web/database/{action}")).await.status, 405, "{action}");
        assert_eq!(send(&mut client, action, &[("name", "odoo")]).await.status, 400, "{action}");
        let broken = client.post(&format!("/web/database/{action}"), "multipart/form-data; boundary=x", "--x").await;
        assert_eq!(broken.status, 400, "{action}");
    }
}

#[tokio::test]
async fn pages_of_the_manager() {
    let server = odoo(Series::V16).await;
    let mut client = Client::new(&server);
    let manager = client.get("/web/database/manager").await;
    assert!(manager.text().contains("/web/database/restore") && manager.text().contains("odoo"));
    assert!(client.get("/web/database/selector").await.text().contains("/web?db=odoo"));
    let closed = Wiredoo::builder().configure(|config| config.list_db = false).start().await.unwrap();
    let mut client = Client::new(&closed);
    for path in ["/web/database/manager", "/web/database/selector"] {
        let page = client.get(path).await.text();
        assert!(page.contains("disabled") && !page.contains("db=odoo"), "{page}");
    }
    let answer = send(&mut client, "drop", &[("master_pwd", "admin"), ("name", "odoo")]).await;
    assert!(answer.text().contains("Access Denied"), "{}", answer.text());
    let answer = send(&mut client, "backup", &[("master_pwd", "admin"), ("name", "odoo")]).await;
    assert!(answer.text().contains("Access Denied"), "{}", answer.text());
    assert_eq!(names(&closed).await, ["odoo"]);
}
