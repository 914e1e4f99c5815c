//! `ir.attachment`: contents, which are kept once, and files that pages send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Alias, Func, Query};
use serde_json::{Value, json};
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Answer, Client, make_user, multipart, odoo, png, stores};

async fn contents(server: &Wiredoo) -> i64 {
    let database = server.app().databases.open(server.db()).await.unwrap();
    let count = Query::select()
        .expr(Func::count(sea_orm::sea_query::Expr::col(Alias::new("store_fname"))))
        .from(Alias::new("ir_attachment_blob"))
        .take();
    let row = database.connection().query_one(&count).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_content_is_kept_once_and_as_long_as_it_is_used() {
    for store in stores() {
        let server = store.builder(Series::V18).start().await.unwrap();
        let mut admin = Client::administrator(&server).await;
        let before = contents(&server).await;
        let large = BASE64.encode(vec![7; 3 * 1024 * 1024]);
        let mut ids = Vec::new();
        for name in ["a.bin", "b.bin", "c.txt"] {
            ids.push(admin.create("ir.attachment", json!({"name": name, "datas": large})).await);
        }
        let copy = admin.kw("ir.attachment", "copy", json!([[ids[0]]]), json!({})).await;
        assert_eq!(contents(&server).await, before + 1, "{}", store.name);
        let read = admin.values("ir.attachment", copy[0].as_i64().unwrap(), json!(["datas", "file_size"])).await;
        assert_eq!(read, json!({"datas": large, "file_size": 3 * 1024 * 1024}), "{}", store.name);
        admin.kw("ir.attachment", "write", json!([[ids[0]], {"raw": "other"}]), json!({})).await;
        assert_eq!(contents(&server).await, before + 2);
        admin.kw("ir.attachment", "unlink", json!([ids]), json!({})).await;
        server.app().sweep().await;
        assert_eq!(contents(&server).await, before + 1, "{}: the copy has it still", store.name);
        let read = admin.values("ir.attachment", copy[0].as_i64().unwrap(), json!(["datas"])).await;
        assert_eq!(read["datas"], large);
        admin.kw("ir.attachment", "unlink", json!([copy]), json!({})).await;
        server.app().sweep().await;
        assert_eq!(contents(&server).await, before, "{}", store.name);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn processes_share_contents() {
    for store in common::durable_stores() {
        let first = store.builder(Series::V17).start().await.unwrap();
        let second = store.builder(Series::V17).start().await.unwrap();
        let (mut one, mut other) = (Client::administrator(&first).await, Client::administrator(&second).await);
        let file = json!({"name": "a.txt", "raw": "shared"});
        let (a, b) = (one.create("ir.attachment", file.clone()).await, other.create("ir.attachment", file).await);
        for (client, id) in [(&mut one, b), (&mut other, a)] {
            assert_eq!(client.get(&format!("/web/content/{id}")).await.text(), "shared", "{}", store.name);
        }
        one.kw("ir.attachment", "unlink", json!([[a]]), json!({})).await;
        second.app().sweep().await;
        assert_eq!(one.get(&format!("/web/content/{b}")).await.text(), "shared", "{}", store.name);
        second.shutdown().await;
        store.finish(first).await;
    }
}

#[tokio::test]
async fn what_is_told_of_a_content() {
    let server = odoo(Series::V19).await;
    let mut admin = Client::administrator(&server).await;
    for (values, mimetype, size) in [
        (json!({"name": "a", "datas": BASE64.encode(png(3, 3))}), "image/png", png(3, 3).len()),
        (json!({"name": "a", "datas": BASE64.encode("%PDF-1.4")}), "application/pdf", 8),
        (json!({"name": "a", "raw": "words"}), "text/plain", 5),
        (json!({"name": "a.css", "raw": "words"}), "text/css", 5),
        (json!({"name": "a.css", "raw": "words", "mimetype": "text/csv"}), "text/csv", 5),
        (json!({"name": "a", "datas": "AAEC"}), "application/octet-stream", 3),
        (json!({"name": "a"}), "application/octet-stream", 0),
        // What no caller decides.
        (json!({"name": "a", "raw": "abc", "checksum": "no", "file_size": 99, "store_fname": "x/y"}), "text/plain", 3),
    ] {
        let id = admin.create("ir.attachment", values.clone()).await;
        let told = admin.values("ir.attachment", id, json!(["mimetype", "file_size", "checksum"])).await;
        assert_eq!(told["mimetype"], mimetype, "{values}");
        assert_eq!(told["file_size"].as_u64().unwrap(), size as u64, "{values}");
        assert_ne!(told["checksum"], "no");
    }
    for wrong in ["abc", "a", "===="] {
        let (name, _) = admin.fault("ir.attachment", "create", json!([{"name": "a", "datas": wrong}]), json!({})).await;
        assert_eq!(name, "binascii.Error", "{wrong}");
    }
}

#[tokio::test]
async fn rights_are_those_of_the_record() {
    for series in [Series::V16, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "clerk", "clerk", &["base.group_user"]).await;
        let mut admin = Client::administrator(&server).await;
        let mut clerk = Client::new(&server);
        clerk.authenticate("clerk", "clerk").await.result();
        let parameter = admin.search("ir.config_parameter", json!([])).await[0];
        let secret = json!({"name": "s", "raw": "s", "res_model": "ir.config_parameter", "res_id": parameter});
        let id = admin.create("ir.attachment", secret.clone()).await;
        let (name, _) = clerk.fault("ir.attachment", "create", json!([secret]), json!({})).await;
        assert_eq!(name, "AccessError", "{series}");
        for (method, args) in
            [("read", json!([[id], ["datas"]])), ("write", json!([[id], {"name": "x"}])), ("unlink", json!([[id]]))]
        {
            let (name, _) = clerk.fault("ir.attachment", method, args, json!({})).await;
            assert_eq!(name, "AccessError", "{series}: {method}");
        }
        assert_eq!(clerk.search("ir.attachment", json!([["id", "=", id]])).await, Vec::<i64>::new(), "{series}");
        let own = clerk.create("ir.attachment", json!({"name": "own", "raw": "own"})).await;
        assert_eq!(clerk.get(&format!("/web/content/{own}")).await.text(), "own");
        assert_eq!(clerk.search("ir.attachment", json!([["id", "=", own]])).await, [own]);
    }
}

async fn upload(client: &mut Client<'_>, parts: &[common::Part<'_>]) -> Answer {
    let (kind, body) = multipart(parts);
    client.post("/web/binary/upload_attachment", kind, body).await
}

async fn token(client: &mut Client<'_>) -> String {
    let page = client.get("/web").await.text();
    let (_, rest) = page.split_once("csrf_token: \"").expect(&page);
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn files_that_pages_send() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let csrf = token(&mut admin).await;
        let picture = png(3, 3);
        let answer = upload(
            &mut admin,
            &[
                ("csrf_token", None, csrf.as_bytes()),
                ("model", None, b"res.partner"),
                ("id", None, b"3"),
                ("ufile", Some("one.png"), &picture),
                ("ufile", Some("zwölf \u{1F600}.txt"), b"words"),
            ],
        )
        .await;
        assert_eq!(answer.status, 200, "{series}: {}", answer.text());
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        let told = answer.json();
        assert_eq!(told[0]["filename"], "one.png");
        assert_eq!((&told[0]["mimetype"], &told[0]["size"]), (&json!("image/png"), &json!(picture.len())));
        assert_eq!((&told[1]["mimetype"], &told[1]["size"]), (&json!("text/plain"), &json!(5)));
        let id = told[1]["id"].as_i64().unwrap();
        let values = admin.values("ir.attachment", id, json!(["name", "res_model", "res_id", "raw"])).await;
        let is = json!({"name": "zwölf \u{1F600}.txt", "res_model": "res.partner", "res_id": 3, "raw": "words"});
        assert_eq!(values, is, "{series}");
    }
}

#[tokio::test]
async fn files_that_nobody_may_send() {
    let server = odoo(Series::V17).await;
    make_user(&server, "clerk", "clerk", &["base.group_user", "base.group_partner_manager"]).await;
    let mut clerk = Client::new(&server);
    let form = |csrf: &'static str, id: &'static str, model: &'static str| -> Vec<common::Part<'static>> {
        vec![
            ("csrf_token", None, csrf.as_bytes()),
            ("model", None, model.as_bytes()),
            ("id", None, id.as_bytes()),
            ("ufile", Some("a.txt"), b"words"),
        ]
    };
    let answer = upload(&mut clerk, &form("", "3", "res.partner")).await;
    assert_eq!(answer.status, 303, "to the login");
    clerk.authenticate("clerk", "clerk").await.result();
    let csrf: &'static str = token(&mut clerk).await.leak();
    for wrong in ["", "no", "1o99999999999"] {
        let answer = upload(&mut clerk, &form(wrong, "3", "res.partner")).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("CSRF"), "{}", answer.text());
    }
    for (id, model, error) in [
        ("1", "ir.config_parameter", "You are not allowed to upload an attachment here."),
        ("three", "res.partner", "Something horrible happened"),
    ] {
        let answer = upload(&mut clerk, &form(csrf, id, model)).await;
        assert_eq!(answer.json(), json!([{"error": error}]));
    }
    // A client that names its session itself is no browser that was led here.
    let sid = clerk.sid.take().unwrap();
    let mut script = Client::new(&server).with("x-openerp-session-id", sid);
    let told: Value = upload(&mut script, &form("", "3", "res.partner")).await.json();
    assert!(told[0]["id"].is_number(), "{told}");
}

#[tokio::test]
async fn broken_forms() {
    let server = odoo(Series::V18).await;
    let mut admin = Client::administrator(&server).await;
    let count = admin.search("ir.attachment", json!([])).await.len();
    let csrf = token(&mut admin).await;
    let path = format!("/web/binary/upload_attachment?csrf_token={csrf}&model=res.partner&id=3");
    let many: Vec<common::Part<'_>> = (0..2000).map(|_| ("ufile", Some("a"), b"a".as_slice())).collect();
    let (kind, many) = multipart(&many);
    for (kind, body) in [
        (kind, many),
        ("multipart/form-data", b"--x--".to_vec()),
        ("multipart/form-data; boundary=x", b"no boundary".to_vec()),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"ufile\"; filename=\"a\"\r\n\r\nabc".to_vec(),
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n\xff\xff--x--".to_vec()),
        ("application/x-www-form-urlencoded", b"ufile=a".to_vec()),
        ("text/plain", Vec::new()),
    ] {
        let answer = admin.post(&path, kind, body).await;
        assert_eq!(answer.status, 400, "{kind}: {}", answer.text());
    }
    assert_eq!(admin.search("ir.attachment", json!([])).await.len(), count, "nothing is kept");
}
