//! `/web/content` and `/web/image`: files and images of records, and who gets them.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use wiredoo::Series;

use crate::common::{Answer, Client, make_user, odoo, png, size_of};

async fn request(client: &mut Client<'_>, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Body::empty()).unwrap()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_file_comes_with_what_browsers_need_to_know() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let file = json!({"name": "für alle.txt", "raw": "0123456789"});
        let id = admin.create("ir.attachment", file).await;
        let answer = admin.get(&format!("/web/content/{id}")).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "0123456789"), "{series}");
        assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(&answer, "content-security-policy"), "default-src 'none'");
        let etag = header(&answer, "etag").to_owned();
        assert!(etag.len() > 2, "{etag}");
        let kept = request(&mut admin, &format!("/web/content/{id}"), &[("if-none-match", &etag)]).await;
        assert_eq!((kept.status.as_u16(), kept.body.len()), (304, 0));
        let unique = admin.get(&format!("/web/content/{id}-abc/x.txt")).await;
        assert!(header(&unique, "cache-control").contains("immutable"), "{:?}", unique.headers);
        let download = admin.get(&format!("/web/content/{id}?download=true")).await;
        let named = header(&download, "content-disposition");
        assert!(named.starts_with("attachment; ") && named.contains("UTF-8''f%C3%BCr%20alle.txt"), "{named}");
        let renamed = admin.get(&format!("/web/content/{id}/other.csv?download=1&mimetype=text/csv")).await;
        assert!(header(&renamed, "content-disposition").contains("other.csv"));
        assert_eq!(header(&renamed, "content-type"), "text/csv; charset=utf-8");
        let head = Request::head(format!("/web/content/{id}")).body(Body::empty()).unwrap();
        let head = admin.send(head).await;
        assert_eq!((header(&head, "content-length"), head.body.len()), ("10", 0));
        let post = admin.post(&format!("/web/content/{id}"), "text/plain", "").await;
        assert_eq!(post.status, 405, "{series}");
    }
}

#[tokio::test]
async fn parts_of_files() {
    for series in [Series::V15, Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let id = admin.create("ir.attachment", json!({"name": "a", "raw": "0123456789"})).await;
        let path = format!("/web/content/{id}");
        for (range, status, content) in [
            ("bytes=0-3", 206, "0123"),
            ("bytes=-2", 206, "89"),
            ("bytes=8-99999999999999999999", 416, ""),
            ("bytes=8-900", 206, "89"),
            ("bytes=10-", 416, ""),
            ("bytes=5-2", 416, ""),
            ("bytes=0-1,4-5", 416, ""),
            ("pages=1-2", 416, ""),
        ] {
            let answer = request(&mut admin, &path, &[("range", range)]).await;
            if series == Series::V15 {
                assert_eq!(answer.status, 200, "15.0 serves no parts");
                continue;
            }
            assert_eq!(answer.status.as_u16(), status, "{range}");
            if status == 206 {
                assert_eq!(answer.text(), content, "{range}");
                assert!(header(&answer, "content-range").ends_with("/10"), "{range}");
            }
        }
    }
}

#[tokio::test]
async fn who_gets_a_file() {
    let server = odoo(Series::V17).await;
    make_user(&server, "clerk", "clerk", &["base.group_user"]).await;
    make_user(&server, "portal", "portal", &["base.group_portal"]).await;
    let mut admin = Client::administrator(&server).await;
    let partner = admin.create("res.partner", json!({"name": "P"})).await;
    let parameter = admin.search("ir.config_parameter", json!([])).await[0];
    let of = |name: &str, model: Option<&str>, id: i64| json!({"name": name, "raw": name, "res_model": model.map_or(json!(false), |model| json!(model)), "res_id": id});
    let alone = admin.create("ir.attachment", of("alone", None, 0)).await;
    let shared = admin.create("ir.attachment", of("shared", Some("res.partner"), partner)).await;
    let secret = admin.create("ir.attachment", of("secret", Some("ir.config_parameter"), parameter)).await;
    let public = admin.create("ir.attachment", json!({"name": "public", "raw": "public", "public": true})).await;
    let token = admin.kw("ir.attachment", "generate_access_token", json!([[alone]]), json!({})).await[0].clone();
    let token = token.as_str().unwrap();
    for (login, seen) in [("admin", vec![alone, shared, secret, public]), ("clerk", vec![shared, public])] {
        let mut client = Client::new(&server);
        client.authenticate(login, login).await.result();
        for id in [alone, shared, secret, public] {
            let status = client.get(&format!("/web/content/{id}")).await.status.as_u16();
            assert_eq!(status == 200, seen.contains(&id), "{login}: {id} is {status}");
            assert!(status == 200 || status == 404, "{login}: {id} is {status}");
        }
    }
    let mut nobody = Client::new(&server);
    for (path, status) in [
        (format!("/web/content/{public}"), 200),
        (format!("/web/content/{alone}"), 404),
        (format!("/web/content/{alone}?access_token={token}"), 200),
        (format!("/web/content/{alone}?access_token="), 404),
        (format!("/web/content/{shared}?access_token={token}"), 404),
        (format!("/web/content/ir.attachment/{alone}/datas/x?access_token={token}"), 200),
        ("/web/content/res.users/2/password".to_owned(), 404),
        ("/web/content/ir.attachment/1/db_datas".to_owned(), 404),
    ] {
        let answer = nobody.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_runs_is_not_served_for_everybody() {
    let server = odoo(Series::V18).await;
    make_user(&server, "clerk", "clerk", &["base.group_user"]).await;
    let mut clerk = Client::new(&server);
    clerk.authenticate("clerk", "clerk").await.result();
    for (name, kind) in [("a.html", "text/html"), ("a.svg", "image/svg+xml"), ("a.xml", "application/xml")] {
        let file = json!({"name": name, "raw": "<svg onload='x()'/>", "mimetype": kind});
        let id = clerk.create("ir.attachment", file).await;
        assert_eq!(clerk.values("ir.attachment", id, json!(["mimetype"])).await["mimetype"], "text/plain");
        let answer = clerk.get(&format!("/web/content/{id}")).await;
        assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
    }
}

#[tokio::test]
async fn a_file_that_is_elsewhere_leads_there() {
    let server = odoo(Series::V19).await;
    let mut admin = Client::administrator(&server).await;
    let file = json!({"name": "there", "type": "url", "url": "https://files.example/a"});
    let id = admin.create("ir.attachment", file).await;
    let answer = admin.get(&format!("/web/content/{id}")).await;
    assert_eq!((answer.status.as_u16(), header(&answer, "location")), (301, "https://files.example/a"));
}

#[tokio::test]
async fn images_in_all_sizes() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let large = BASE64.encode(png(2000, 250));
        let id = admin.create("res.partner", json!({"name": "Large", "image_1920": large})).await;
        for (field, size) in [
            ("image_1920", (1920, 240)),
            ("image_1024", (1024, 128)),
            ("image_512", (512, 64)),
            ("image_256", (256, 32)),
            ("image_128", (128, 16)),
            ("avatar_128", (128, 16)),
        ] {
            let value = admin.values("res.partner", id, json!([field])).await;
            let read = BASE64.decode(value[field].as_str().unwrap()).unwrap();
            assert_eq!(size_of(&read), size, "{series} {field}");
            let image = admin.get(&format!("/web/image/res.partner/{id}/{field}")).await;
            assert_eq!((header(&image, "content-type"), size_of(&image.body)), ("image/png", size), "{field}");
        }
        for (end, size) in [
            ("/300x300", (300, 38)),
            ("/100x100?crop=1", (100, 100)),
            ("/5000x5000", (1920, 240)),
            ("?width=160", (160, 20)),
            ("?height=100", (800, 100)),
            ("/4000000000x1", (8, 1)),
            ("/99999999999999999999x99999999999999999999", (1920, 240)),
        ] {
            let image = admin.get(&format!("/web/image/res.partner/{id}/image_1920{end}")).await;
            assert_eq!(size_of(&image.body), size, "{series} {end}");
        }
        let small = BASE64.encode(png(100, 50));
        admin.kw("res.partner", "write", json!([[id], {"image_1920": small}]), json!({})).await;
        let fields = json!(["image_1920", "image_1024", "image_256", "image_128"]);
        let values = admin.values("res.partner", id, fields).await;
        assert!(values.as_object().unwrap().values().all(|value| *value == small), "{series}: none is enlarged");
        admin.kw("res.partner", "write", json!([[id], {"image_1920": false}]), json!({})).await;
        let values = admin.values("res.partner", id, json!(["image_1920", "image_128"])).await;
        assert_eq!(values, json!({"image_1920": false, "image_128": false}), "{series}");
    }
}

#[tokio::test]
async fn an_image_of_a_user_is_the_contact_s() {
    let server = odoo(Series::V16).await;
    let mut admin = Client::administrator(&server).await;
    let image = BASE64.encode(png(300, 300));
    admin.kw("res.users", "write", json!([[2], {"image_1920": image}]), json!({})).await;
    let image = admin.get("/web/image/res.users/2/image_128").await;
    assert_eq!(size_of(&image.body), (128, 128));
    let image = admin.get("/web/image?model=res.users&id=2&field=image_256").await;
    assert_eq!(size_of(&image.body), (256, 256));
    let copy = admin.kw("res.partner", "copy", json!([[3]]), json!({})).await;
    let copy = copy.as_i64().or_else(|| copy[0].as_i64()).unwrap();
    let values = admin.values("res.partner", copy, json!(["image_128"])).await;
    assert_eq!(size_of(&BASE64.decode(values["image_128"].as_str().unwrap()).unwrap()), (128, 128));
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let mut bomb = png(1, 1);
    // Width and height in the header: 65,535 each. The checksum is not looked at before the size.
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let mut gif =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;".to_vec();
    gif.truncate(40);
    let mut broken = png(40, 40);
    broken.truncate(60);
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let id = admin.create("res.partner", json!({"name": "P"})).await;
        for content in [b"words".as_slice(), b"\x89PNG", &broken, &bomb, &gif, b"%PDF-1.4", b"\xff\xd8\xff\xe0"] {
            let values = json!({"image_1920": BASE64.encode(content)});
            let (name, message) = admin.fault("res.partner", "write", json!([[id], values]), json!({})).await;
            assert!(name == "UserError" || series == Series::V15 && name == "ValueError", "{series}: {name}");
            assert!(message.contains("image"), "{series}: {message}");
        }
        let (name, _) = admin.fault("res.partner", "write", json!([[id], {"image_1920": "abc"}]), json!({})).await;
        assert_eq!(name, "UserError", "{series}");
        let (name, _) = admin
            .fault("res.partner", "create", json!([{"name": "no", "image_1920": BASE64.encode("no")}]), json!({}))
            .await;
        assert_eq!(name, "UserError", "{series}");
        assert_eq!(admin.search("res.partner", json!([["name", "=", "no"]])).await, Vec::<i64>::new());
        assert_eq!(admin.values("res.partner", id, json!(["image_128"])).await["image_128"], false, "{series}");
        // Drawings stay as they are, in all sizes.
        let drawing = BASE64.encode("<svg xmlns='http://www.w3.org/2000/svg'/>");
        admin.kw("res.partner", "write", json!([[id], {"image_1920": drawing}]), json!({})).await;
        let values = admin.values("res.partner", id, json!(["image_1920", "image_128"])).await;
        assert_eq!(values, json!({"image_1920": drawing, "image_128": drawing}), "{series}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_image_is_no_burden() {
    let mut bomb = png(1, 1);
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let server = odoo(Series::V19).await;
    let mut admin = Client::administrator(&server).await;
    for content in [bomb.as_slice(), b"\x89PNG\r\n\x1a\njunk", b"words"] {
        let file = json!({"name": "a.png", "datas": BASE64.encode(content)});
        let id = admin.create("ir.attachment", file).await;
        let plain = admin.get(&format!("/web/image/{id}")).await;
        assert_eq!((plain.status.as_u16(), &plain.body[..]), (200, content));
        let sized = admin.get(&format!("/web/image/{id}/10x10")).await;
        assert_eq!((sized.status.as_u16(), size_of(&sized.body)), (200, (10, 10)), "a picture stands in");
    }
}

#[tokio::test]
async fn what_stands_in() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    for path in [
        "/web/image",
        "/web/image/99999999",
        "/web/image/no.such/1/field",
        "/web/image/res.partner/1/name",
        "/web/image/res.partner/99999/image_128",
        "/web/image/base.nothing",
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.status.as_u16(), header(&answer, "content-type")), (200, "image/png"), "{path}");
        size_of(&answer.body);
    }
    for (path, status) in [
        ("/web/image/99999999?download=1", 404),
        ("/web/image/1?width=wide", 400),
        ("/web/image/1/2/3/4/5/6", 404),
        ("/web/content/%ff%fe", 404),
        ("/web/content?id=-1", 400),
        ("/web/content/99999999999999999999999", 404),
        ("/web/content/res.partner/1/image_128/a/b", 404),
    ] {
        assert_eq!(client.get(path).await.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn the_logo_of_a_company() {
    for series in [Series::V15, Series::V19] {
        let server = odoo(series).await;
        let mut nobody = Client::new(&server);
        for path in ["/web/binary/company_logo", "/logo.png", "/logo?company=1", "/logo?company=99"] {
            let answer = nobody.get(path).await;
            assert_eq!((answer.status.as_u16(), header(&answer, "content-type")), (200, "image/png"), "{path}");
        }
        let mut admin = Client::administrator(&server).await;
        let logo = BASE64.encode(png(360, 100));
        admin.kw("res.company", "write", json!([[1], {"logo": logo}]), json!({})).await;
        for path in ["/web/binary/company_logo", "/logo?company=1"] {
            assert_eq!(size_of(&nobody.get(path).await.body), (180, 50), "{series} {path}");
        }
        assert_eq!(nobody.get("/logo?company=no").await.status, 400);
    }
}

#[tokio::test]
async fn visitors_mean_the_database_of_the_server() {
    let server = odoo(Series::V18).await;
    let mut admin = Client::administrator(&server).await;
    let id = admin.create("ir.attachment", json!({"name": "a", "raw": "public", "public": true})).await;
    server.app().databases.duplicate(server.db(), "another").await.unwrap();
    let mut nobody = Client::new(&server);
    assert_eq!(nobody.get(&format!("/web/content/{id}")).await.text(), "public");
    let mut elsewhere = Client::new(&server).with("x-odoo-database", "another");
    admin.kw("ir.attachment", "unlink", json!([[id]]), json!({})).await;
    assert_eq!(nobody.get(&format!("/web/content/{id}")).await.status, 404);
    assert_eq!(elsewhere.get(&format!("/web/content/{id}")).await.text(), "public");
    let mut nowhere = Client::new(&server).with("x-odoo-database", "none");
    assert_eq!(nowhere.get(&format!("/web/content/{id}")).await.status, 404);
}
