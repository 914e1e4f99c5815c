//! Dumps and what is restored of them.

use std::io::{Cursor, Error as IoError, Read as _, Result as IoResult, Write};

use serde_json::{Value, json};
use wiredoo::database::dump;
use wiredoo::services::management;
use wiredoo::{Series, Wiredoo};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::common::{Client, odoo, stores};

/// The files of a zip, in their order.
fn unpacked(zipped: &[u8]) -> Vec<(String, String)> {
    let mut zip = ZipArchive::new(Cursor::new(zipped)).unwrap();
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.push((file.name().unwrap().into_owned(), text));
    }
    files
}

fn packed(files: &[(String, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn dumped(server: &Wiredoo, name: &str) -> Vec<u8> {
    management::dump(server.app(), name, Vec::new()).await.unwrap()
}

#[tokio::test]
async fn a_dump_is_a_zip_with_a_manifest() {
    for series in [Series::V15, Series::V19] {
        let server = odoo(series).await;
        let files = unpacked(&dumped(&server, "odoo").await);
        assert_eq!(files[0].0, "manifest.json");
        let manifest: Value = serde_json::from_str(&files[0].1).unwrap();
        assert_eq!((&manifest["db_name"], &manifest["version"]), (&json!("odoo"), &json!(series.name())));
        assert_eq!((&manifest["major_version"], &manifest["odoo_dump"]), (&json!(series.name()), &json!("1")));
        assert!(manifest["modules"]["base"].as_str().unwrap().starts_with(series.name()));
        let tables = files.iter().filter(|(name, _)| name.starts_with("tables/")).count();
        assert_eq!(manifest["tables"].as_array().unwrap().len(), tables);
        assert!(files.iter().any(|(name, _)| name == "dump.sql"), "by it clients tell a dump");
        let users = &files.iter().find(|(name, _)| name == "tables/res_users.jsonl").unwrap().1;
        assert!(users.lines().next().unwrap().starts_with("{\"table\":\"res_users\",\"columns\":["));
        for left_out in ["sessions", "login_failures", "orm_signaling"] {
            assert!(files.iter().all(|(name, _)| !name.contains(left_out)), "{left_out}");
        }
    }
}

#[tokio::test]
async fn all_rows_come_back_with_manual_models_and_fields() {
    for store in stores() {
        let server = store.builder(Series::V18).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let tags: Value = (0..1203).map(|number| json!({"name": format!("T{number}")})).collect();
        let tags = client.kw("res.partner.category", "create", json!([tags]), json!({})).await;
        let partner = client.create("res.partner", json!({"name": "All", "category_id": [[6, 0, tags]]})).await;
        client.manual_model("x_thing", json!([{"name": "x_count", "ttype": "integer"}])).await;
        let thing = client.create("x_thing", json!({"x_name": "One", "x_count": 5})).await;

        let zipped = dumped(&server, &store.db).await;
        let name = format!("{}_again", store.db);
        management::restore(server.app(), &name, Cursor::new(zipped.clone()), false).await.unwrap();
        let taken = management::restore(server.app(), &name, Cursor::new(zipped), false).await.unwrap_err();
        assert_eq!(taken.to_string(), "Database already exists");
        let mut there = Client::new(&server);
        let login = json!({"db": name, "login": "admin", "password": "admin"});
        assert_eq!(there.call("/web/session/authenticate", login).await.result()["uid"], 2);
        let count =
            there.kw("res.partner.category", "search_count", json!([[["name", "=like", "T%"]]]), json!({})).await;
        assert_eq!(count, 1203, "{}", store.name);
        let values = there.values("res.partner", partner, json!(["category_id"])).await;
        let mut kept: Vec<_> = values["category_id"].as_array().unwrap().clone();
        kept.sort_by_key(Value::as_i64);
        assert_eq!(Value::from(kept), tags, "{}", store.name);
        let values = there.values("x_thing", thing, json!(["x_name", "x_count"])).await;
        assert_eq!(values, json!({"x_name": "One", "x_count": 5}), "{}", store.name);
        let next = there.create("res.partner", json!({"name": "Next"})).await;
        assert!(next > partner);
        // The copy of a dump is the same dump, but for the name and the time.
        let (first, second) = (dumped(&server, &store.db).await, dumped(&server, &store.db).await);
        assert_eq!(unpacked(&first)[1..], unpacked(&second)[1..], "{}", store.name);
        server.app().databases.drop(&name).await.unwrap();
        store.finish(server).await;
    }
}

#[tokio::test]
async fn manipulated_dumps_make_no_database() {
    let server = odoo(Series::V17).await;
    let zipped = dumped(&server, "odoo").await;
    let files = unpacked(&zipped);
    let changed = |name: &str, change: &dyn Fn(&str) -> String| {
        let mut files = files.clone();
        let file = files.iter_mut().find(|file| file.0 == name).unwrap();
        file.1 = change(&file.1);
        packed(&files)
    };
    let manifest = |from: &'static str, to: &'static str| {
        changed("manifest.json", &move |text: &str| {
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1)
        })
    };
    let more = |table: &str, text: &str| {
        let mut files = files.clone();
        files[0].1 = files[0].1.replace("\"tables\":[", &format!("\"tables\":[\"{table}\","));
        files.push((format!("tables/{table}.jsonl"), text.to_owned()));
        packed(&files)
    };
    let users = "tables/res_users.jsonl";
    let without = |name: &str| packed(&files.iter().filter(|file| file.0 != name).cloned().collect::<Vec<_>>());
    for (zipped, message) in [
        (Vec::new(), "The dump cannot be read: "),
        (b"PK\x03\x04".to_vec(), "The dump cannot be read: "),
        (zipped[..zipped.len() - 100].to_vec(), "The dump cannot be read: "),
        (without("manifest.json"), "The dump cannot be read: manifest.json: "),
        (without(users), "The dump cannot be read: tables/res_users.jsonl: "),
        (without("tables/ir_model.jsonl"), "The dump cannot be read: tables/ir_model.jsonl: "),
        (manifest("{", "["), "The dump cannot be read: "),
        (manifest("\"wiredoo_dump\"", "\"x\""), "it was not made by wiredoo"),
        (manifest("\"wiredoo_dump\":\"2\"", "\"wiredoo_dump\":\"1\""), "by another version of wiredoo"),
        (manifest("\"major_version\":\"17.0\"", "\"major_version\":\"18.0\""), "The database is of series 18.0"),
        (manifest("\"major_version\":\"17.0\"", "\"major_version\":7"), "The dump cannot be read: "),
        (changed(users, &|_| String::new()), "The dump cannot be read: tables/res_users.jsonl"),
        (changed(users, &|text| text.replace("\"res_users\"", "\"res_groups\"")), "tables/res_users.jsonl"),
        (changed(users, &|text| format!("{text}[1]\n")), "a row of 'res_users' has 1 values"),
        (changed(users, &|text| format!("{text}[1\n")), "The dump cannot be read: "),
        (changed(users, &|text| text.replace("\"login\"", "\"logout\"")), "'res_users' has no column 'logout'"),
        (changed(users, &|text| text.replace("\"admin\"", "[]")), "is no value of a column"),
        (more("nothing", "{\"table\":\"nothing\",\"columns\":[]}\n[]\n"), "there is no table 'nothing'"),
        (more("sessions", "{\"table\":\"sessions\",\"columns\":[]}\n"), "there is no table 'sessions'"),
    ] {
        let refused = management::restore(server.app(), "made", Cursor::new(zipped), false).await.unwrap_err();
        assert_eq!(refused.name(), "odoo.exceptions.UserError", "{refused}");
        assert!(refused.to_string().contains(message), "{refused}");
    }
    assert_eq!(server.app().databases.list().await.unwrap(), ["odoo"]);
}

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| IoError::other("no space left"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_target_that_fails_is_told() {
    let server = odoo(Series::V17).await;
    for space in [0, 1000, 20_000] {
        let failed = management::dump(server.app(), "odoo", Full(space)).await.map(drop).unwrap_err();
        assert!(failed.to_string().starts_with("The dump cannot be written: "), "{failed}");
        assert!(failed.to_string().ends_with("no space left"), "{failed}");
    }
    let database = server.app().databases.open("odoo").await.unwrap();
    assert!(!dump::dump(&database, server.app().clock.now()).await.unwrap().is_empty(), "it goes on");
}
