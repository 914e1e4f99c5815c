//! `/xmlrpc/2/<service>` and `/xmlrpc/<service>`.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wiredoo::wire::xmlrpc;
use wiredoo::{Series, Wiredoo};

use crate::common::{Answer, Client, make_user, odoo, stores};

const OBJECT: &str = "/xmlrpc/2/object";
const COMMON: &str = "/xmlrpc/2/common";
const DB: &str = "/xmlrpc/2/db";

/// A value as `<value>…</value>`.
fn written(value: &Value) -> String {
    let whole = xmlrpc::response(value).unwrap();
    let start = whole.find("<value>").unwrap();
    whole[start..whole.rfind("</param>").unwrap()].to_owned()
}

/// The body of a call whose parameters are written already.
fn body(method: &str, params: &[String]) -> String {
    let params: String = params.iter().flat_map(|param| ["<param>", param, "</param>"]).collect();
    format!("<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>")
}

/// A call of `execute_kw` by the administrator; `args` is written already.
fn execute_kw(model: &str, method: &str, args: &str) -> String {
    let mut params: Vec<_> =
        [json!("odoo"), json!(2), json!("admin"), json!(model), json!(method)].iter().map(written).collect();
    params.push(args.to_owned());
    body("execute_kw", &params)
}

/// A result, or the code and the text of a fault.
fn read(answer: &Answer) -> Result<Value, (Value, String)> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8");
    let text = answer.text();
    let is_fault = text.contains("<fault>");
    let text = text.replace("<fault>", "<params><param>").replace("</fault>", "</param></params>");
    let mut params = xmlrpc::read(text.as_bytes()).unwrap().params;
    assert_eq!(params.len(), 1, "{text}");
    let value = params.remove(0);
    if !is_fault {
        return Ok(value);
    }
    Err((value["faultCode"].clone(), value["faultString"].as_str().unwrap().to_owned()))
}

async fn post(
    client: &mut Client<'_>,
    path: &str,
    body: impl Into<axum::body::Body>,
) -> Result<Value, (Value, String)> {
    read(&client.post(path, "text/xml", body).await)
}

async fn call(client: &mut Client<'_>, path: &str, method: &str, params: Value) -> Result<Value, (Value, String)> {
    let params: Vec<_> = params.as_array().unwrap().iter().map(written).collect();
    post(client, path, body(method, &params)).await
}

async fn object(client: &mut Client<'_>, model: &str, method: &str, args: Value, kwargs: Value) -> Value {
    let params = json!(["odoo", 2, "admin", model, method, args, kwargs]);
    call(client, OBJECT, "execute_kw", params).await.unwrap()
}

async fn partners(client: &mut Client<'_>) -> Value {
    object(client, "res.partner", "search_count", json!([[]]), json!({})).await
}

#[tokio::test]
async fn services_are_those_of_json_rpc() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        for path in ["/xmlrpc/2", "/xmlrpc"] {
            let common = format!("{path}/common");
            let version = call(&mut client, &common, "version", json!([])).await.unwrap();
            let same = Client::new(&server).service("common", "version", json!([])).await.result();
            assert_eq!(version, same, "{series}");
            for (password, uid) in [("admin", json!(2)), ("wrong", json!(false))] {
                let params = json!(["odoo", "admin", password, {}]);
                assert_eq!(call(&mut client, &common, "authenticate", params).await, Ok(uid));
            }
            let list = call(&mut client, &format!("{path}/db"), "list", json!([])).await;
            assert_eq!(list, Ok(json!(["odoo"])));
            let read = json!(["odoo", 2, "admin", "res.users", "read", [[2], ["login"]], {}]);
            let users = call(&mut client, &format!("{path}/object"), "execute_kw", read).await;
            assert_eq!(users, Ok(json!([{"id": 2, "login": "admin"}])));
            let read = json!(["odoo", 2, "admin", "res.users", "read", [2], ["login"]]);
            let users = call(&mut client, &format!("{path}/object"), "execute", read).await;
            assert_eq!(users, Ok(json!([{"id": 2, "login": "admin"}])));
        }
        assert_eq!(client.sid, None, "no session comes of it");
        let get = client.get(COMMON).await;
        assert_eq!((get.status, &get.headers["allow"]), (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap()));
    }
}

#[tokio::test]
async fn an_api_key_is_a_password_here() {
    let key = "0123456789abcdef0123456789abcdef01234567";
    let server =
        Wiredoo::builder().configure(|config| config.admin_api_key = Some(key.to_owned())).start().await.unwrap();
    let mut client = Client::new(&server);
    let count = |key: &str| json!(["odoo", 2, key, "res.users", "search_count", [[["id", "=", 2]]]]);
    assert_eq!(call(&mut client, COMMON, "login", json!(["odoo", "admin", key])).await, Ok(json!(2)));
    assert_eq!(call(&mut client, OBJECT, "execute_kw", count(key)).await, Ok(json!(1)));
    let wrong = call(&mut client, OBJECT, "execute_kw", count(&key.replace('f', "e"))).await;
    assert_eq!(wrong, Err((json!(3), "Access Denied".to_owned())));
}

#[tokio::test]
async fn faults_are_told_by_numbers_or_by_texts() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let uma = make_user(&server, "uma", "secret", &["base.group_portal"]).await;
        let mut client = Client::new(&server);
        let admin = |model: &str, method: &str, args: Value| json!(["odoo", 2, "admin", model, method, args]);
        for (params, number, kind, words) in [
            (json!(["odoo", 2, "nope", "res.partner", "search", [[]]]), 3, "AccessDenied", "Access Denied"),
            (
                json!(["odoo", uma, "secret", "ir.cron", "search", [[]]]),
                4,
                "warning -- AccessError\n\n",
                "You are not allowed to access",
            ),
            (admin("no.such", "search", json!([[]])), 2, "warning -- UserError\n\n", "Object no.such doesn't exist"),
            (
                admin("res.partner", "write", json!([[3], {"parent_id": 3}])),
                2,
                "warning -- UserError\n\n",
                "You cannot create recursive",
            ),
            (
                admin("res.partner", "write", json!([[98765], {"name": "x"}])),
                2,
                "warning -- MissingError\n\n",
                "Record does not exist or has been deleted.",
            ),
            (
                json!(["odoo", "x", "admin", "res.partner", "search", [[]]]),
                1,
                "invalid literal for int() with base 10: 'x'",
                "ValueError: invalid literal for int() with base 10: 'x'\n",
            ),
            (
                json!(["nowhere", 2, "admin", "res.partner", "search", [[]]]),
                1,
                "connection to server at ",
                "psycopg2.OperationalError: connection to server at ",
            ),
        ] {
            let (code, text) = call(&mut client, OBJECT, "execute_kw", params.clone()).await.unwrap_err();
            assert_eq!(code, json!(number), "{series} {params} {text}");
            let text = if number == 1 {
                let traceback = text.strip_prefix("Traceback (most recent call last):\n");
                traceback.unwrap_or_else(|| panic!("{text}")).to_owned()
            } else {
                text
            };
            assert!(text.starts_with(words), "{series} {text}");
            let (code, old) = call(&mut client, "/xmlrpc/object", "execute_kw", params).await.unwrap_err();
            let code = code.as_str().unwrap();
            match number {
                1 => assert!(code.starts_with(kind) && old.ends_with(&text), "{series} {code} {old}"),
                3 => assert_eq!((code, old.as_str()), (kind, words)),
                _ => assert_eq!((code, old.as_str()), (format!("{kind}{text}").as_str(), "")),
            }
        }
        for (path, method, message) in [
            (COMMON, "nope", "Exception: Method not found: nope\n"),
            (DB, "nope", "KeyError: 'Method not found: nope'\n"),
            (DB, "drop", "IndexError: list index out of range\n"),
            (COMMON, "login", "TypeError: exp_login() missing 3 required positional arguments"),
        ] {
            let (code, text) = call(&mut client, path, method, json!([])).await.unwrap_err();
            assert_eq!(code, json!(1));
            assert!(text.contains(message), "{series} {text}");
        }
        let (code, text) = call(&mut client, "/xmlrpc/2/nothing", "version", json!([])).await.unwrap_err();
        let unbound = "UnboundLocalError: local variable 'dispatch' referenced before assignment\n";
        let expected = if series == Series::V15 { unbound } else { "KeyError: 'nothing'\n" };
        assert!(code == json!(1) && text.ends_with(expected), "{series} {text}");
    }
}

#[tokio::test]
async fn values_of_all_types() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        let png =
            "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC";
        let member = |name: &str, value: &str| format!("<member><name>{name}</name><value>{value}</value></member>");
        let values = [
            member("name", "Zo\u{eb} &amp; <![CDATA[<Co>]]> &#x1F600;"),
            member("color", "<i8>7</i8>"),
            member("partner_latitude", "<double>50.8503396</double>"),
            member("active", "<boolean>0</boolean>"),
            member("ref", "<nil/>"),
            member("image_1920", &format!("<base64>\n{}\n{}\n</base64>", &png[..60], &png[60..])),
            member("category_id", "<array><data><value><array><data><value><int>0</int></value><value><i4>0</i4></value>\
                <value><struct><member><name>name</name><value>Tag</value></member></struct></value></data></array></value>\
                </data></array>"),
        ]
        .concat();
        let args = format!("<value><array><data><value><struct>{values}</struct></value></data></array></value>");
        let id = post(&mut client, OBJECT, execute_kw("res.partner", "create", &args)).await.unwrap();
        let fields = json!(["name", "color", "partner_latitude", "active", "ref", "image_1920", "create_date"]);
        let read = object(&mut client, "res.partner", "read", json!([[id], fields]), json!({})).await;
        let partner = &read[0];
        assert_eq!(partner["name"], "Zo\u{eb} & <Co> \u{1F600}");
        assert_eq!((&partner["color"], &partner["active"], &partner["ref"]), (&json!(7), &json!(false), &json!(false)));
        assert_eq!(partner["partner_latitude"], 50.850_339_6);
        assert!(STANDARD.decode(partner["image_1920"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"));
        let date = partner["create_date"].as_str().unwrap();
        assert_eq!((date.len(), &date[10..11]), (19, " "), "dates are texts");
        let rate = "<value><array><data><value><struct><member><name>name</name><value><dateTime.iso8601>20200229T10:11:12\
            </dateTime.iso8601></value></member><member><name>currency_id</name><value><int>1</int></value></member>\
            <member><name>rate</name><value><double>2</double></value></member></struct></value></data></array></value>";
        let rate = post(&mut client, OBJECT, execute_kw("res.currency.rate", "create", rate)).await.unwrap();
        let rate = object(&mut client, "res.currency.rate", "read", json!([[rate], ["name"]]), json!({})).await;
        assert_eq!(rate[0]["name"], "2020-02-29");
        let names = object(
            &mut client,
            "res.partner",
            "name_search",
            json!(["Zo"]),
            json!({"context": {"active_test": false}}),
        )
        .await;
        assert_eq!(names[0][0], id, "tuples are arrays");
        assert_eq!(object(&mut client, "res.partner", "unlink", json!([[id]]), json!({})).await, true);
    }
}

#[tokio::test]
async fn what_python_cannot_write_is_a_fault() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    let xml_id = "<value><array><data><value><array><data><value><int>1</int></value></data></array></value></data></array>\
        </value>";
    let fault = post(&mut client, OBJECT, execute_kw("res.partner", "get_external_id", xml_id)).await.unwrap_err();
    assert_eq!(fault.0, json!(1));
    assert!(fault.1.ends_with("TypeError: dictionary key must be string\n"), "{}", fault.1);
    let rule = json!(["odoo", 2, "admin", "res.partner", "check_access_rule", [[3], "read"]]);
    let (code, text) = call(&mut client, OBJECT, "execute_kw", rule).await.unwrap_err();
    assert_eq!(code, json!(1));
    assert!(text.ends_with("TypeError: cannot marshal None unless allow_none is enabled\n"), "{text}");
    // Control characters are left out of what is answered.
    let domain = json!([{"name": "a\u{1}b"}]);
    let id = client.service("object", "execute_kw", json!(["odoo", 2, "admin", "res.partner", "create", domain])).await;
    let read = object(&mut client, "res.partner", "read", json!([[id.result()], ["name"]]), json!({})).await;
    assert_eq!(read[0]["name"], "ab");
}

#[tokio::test]
async fn encodings() {
    let server = odoo(Series::V18).await;
    let mut client = Client::new(&server);
    let document = |encoding: &str, name: &str| {
        let args = written(&json!([[["name", "=", name]]]));
        let call = execute_kw("res.partner", "search_count", &args);
        call.replace("<?xml version='1.0'?>", &format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>"))
    };
    let create = json!([{"name": "\u{e9}\u{20ac}"}, {"name": "\u{e9}"}]);
    object(&mut client, "res.partner", "create", json!([create]), json!({})).await;
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(bytes).collect::<Vec<u8>>()
    };
    let both = "\u{e9}\u{20ac}";
    for bytes in [
        document("UTF-8", both).into_bytes(),
        format!("\u{feff}{}", document("utf-8", both)).into_bytes(),
        utf16(&document("UTF-16", both), u16::to_le_bytes),
        utf16(&document("utf-16", both), u16::to_be_bytes),
        latin(&document("ISO-8859-1", "\u{e9}")),
        latin(&document("windows-1252", "\u{e9}\u{80}")),
        document("us-ascii", "&#233;&#x20AC;").replace("&amp;", "&").into_bytes(),
    ] {
        assert_eq!(post(&mut client, OBJECT, bytes.clone()).await, Ok(json!(1)), "{}", String::from_utf8_lossy(&bytes));
    }
    for (bytes, message) in [
        (latin(&document("UTF-8", "\u{e9}")), "xml.parsers.expat.ExpatError: not well-formed (invalid token): line 1"),
        (
            latin(&document("us-ascii", "\u{e9}")),
            "xml.parsers.expat.ExpatError: not well-formed (invalid token): line 1",
        ),
        (document("klingon", "x").into_bytes(), "LookupError: unknown encoding: klingon"),
        (document("shift_jis", "x").into_bytes(), "ValueError: multi-byte encodings are not supported"),
        (document("utf-16", "x").into_bytes(), "encoding specified in XML declaration is incorrect: line 1, column 30"),
        (utf16("<a>\u{0}", u16::to_le_bytes), "not well-formed (invalid token): line 1, column 3"),
    ] {
        let (code, text) = post(&mut client, OBJECT, bytes).await.unwrap_err();
        assert!(code == json!(1) && text.contains(message), "{text}");
    }
}

#[tokio::test]
async fn malformed_calls_are_faults_and_write_nothing() {
    let server = odoo(Series::V19).await;
    let mut client = Client::new(&server);
    let before = partners(&mut client).await;
    let created = |inner: &str| {
        let member = format!("<member><name>name</name>{inner}</member>");
        let struct_ = format!("<value><struct>{member}</struct></value>");
        execute_kw("res.partner", "create", &format!("<value><array><data>{struct_}</data></array></value>"))
    };
    let good = created("<value>x</value>");
    let laughs = good
        .replace("<methodCall>", "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><methodCall>");
    for (body, message) in [
        (String::new(), "no element found: line 1, column 0"),
        ("  \n ".to_owned(), "no element found: line 2, column 1"),
        ("x".to_owned(), "syntax error: line 1, column 0"),
        ("{\"jsonrpc\": \"2.0\"}".to_owned(), "syntax error: line 1, column 0"),
        ("<x/>".to_owned(), "xmlrpc.client.ResponseError: ResponseError()"),
        ("<methodCall><nope".to_owned(), "ExpatError: unclosed token: line 1, column 12"),
        (good.replace("</methodCall>", ""), "ExpatError: no element found"),
        (good.replace("</methodCall>", "</methodcall>"), "ExpatError: mismatched tag"),
        (format!("{good}<more/>"), "ExpatError: junk after document element"),
        (good.replace("<value>x</value>", "<value>&nope;</value>"), "ExpatError: undefined entity"),
        (good.replace("<value>x</value>", "<value>&#0;</value>"), "ExpatError: reference to invalid character number"),
        (good.replace("<value>x</value>", "<value>\u{1}</value>"), "ExpatError: not well-formed (invalid token)"),
        (good.replace("<value>x</value>", "<value a='1' a='2'>x</value>"), "ExpatError: duplicate attribute"),
        (laughs.clone(), "ValueError: document types and entities are refused"),
        (laughs.replace("<!DOCTYPE", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><!DOCTYPE"), "are refused"),
        (created("<value><int>x</int></value>"), "ValueError: invalid literal for int() with base 10: 'x'"),
        (created("<value><int></int></value>"), "ValueError: invalid literal for int() with base 10: ''"),
        (created("<value><double>1,5</double></value>"), "ValueError: could not convert string to float: '1,5'"),
        (created("<value><boolean>yes</boolean></value>"), "TypeError: bad boolean value"),
        (created("<value><foo>1</foo></value>"), "xmlrpc.client.ResponseError: ResponseError(\"unknown tag 'foo'\")"),
        (created("<value><base64>a</base64></value>"), "binascii.Error: Invalid base64-encoded string"),
        (
            created("<value><dateTime.iso8601>2020-01-01</dateTime.iso8601></value>"),
            "ValueError: time data '2020-01-01' does not match format '%Y%m%dT%H:%M:%S'",
        ),
        (created(""), "IndexError: list index out of range"),
        (good.replace("<name>name</name>", "<value><array></array></value>"), "TypeError: unhashable type: 'list'"),
        (good.replace("<methodName>execute_kw</methodName>", ""), "NameError: Method not available None"),
        (good.replace("execute_kw", "fly"), "NameError: Method not available fly"),
        (good.replace("<value><int>2</int></value>", "<value><nil/></value>"), "TypeError: int() argument must be"),
        (
            body("execute_kw", &["odoo", "2"].map(|text| written(&json!(text)))),
            "ValueError: not enough values to unpack (expected at least 5, got 2)",
        ),
        (
            good.replace("<params>", "<fault>")
                .replace("</params>", "</fault>")
                .replace("methodCall", "methodResponse"),
            "xmlrpc.client.Fault",
        ),
    ] {
        let (code, text) = post(&mut client, OBJECT, body.clone()).await.unwrap_err();
        assert_eq!(code, json!(1), "{body}");
        assert!(text.starts_with("Traceback (most recent call last):\n"), "{text}");
        assert!(text.contains(message), "{body}\n{text}");
        let (code, old) = post(&mut client, "/xmlrpc/object", body).await.unwrap_err();
        assert!(code.is_string() && old == text, "{code} {old}");
    }
    // A form has been read as one when the body is looked for.
    for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let (code, text) = read(&client.post(OBJECT, kind, good.clone()).await).unwrap_err();
        assert!(code == json!(1) && text.contains("no element found"), "{text}");
    }
    assert_eq!(partners(&mut client).await, before);
    assert!(post(&mut client, OBJECT, good).await.is_ok());
}

#[tokio::test]
async fn large_and_deep_calls_are_refused() {
    let server = Wiredoo::builder().configure(|config| config.limits.body = 4 * 1024 * 1024).start().await.unwrap();
    let mut client = Client::new(&server);
    let before = partners(&mut client).await;
    let large = execute_kw("res.partner", "create", &written(&json!([{"name": "x".repeat(5 * 1024 * 1024)}])));
    assert_eq!(client.post(OBJECT, "text/xml", large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let nested = |open: &str, close: &str, times: usize| {
        let args = format!("<value>{}{}</value>", open.repeat(times), close.repeat(times));
        execute_kw("res.partner", "create", &args)
    };
    let arrays = ("<array><data><value>", "</value></data></array>");
    let structs = ("<struct><member><name>a</name><value>", "</value></member></struct>");
    for (open, close) in [arrays, structs] {
        for times in [128, 10_000, 50_000] {
            let (code, text) = post(&mut client, OBJECT, nested(open, close, times)).await.unwrap_err();
            assert_eq!(code, json!(1));
            assert!(text.ends_with("RecursionError: maximum recursion depth exceeded\n"), "{text}");
        }
        let (_, text) = post(&mut client, OBJECT, nested(open, close, 127)).await.unwrap_err();
        assert!(!text.contains("RecursionError"), "{text}");
    }
    // Elements without a meaning are passed over, however deep they are.
    let deep = format!("{}{}", "<a>".repeat(400_000), "</a>".repeat(400_000));
    let (code, text) = post(&mut client, OBJECT, deep).await.unwrap_err();
    assert!(code == json!(1) && text.contains("ResponseError()"), "{text}");
    let (_, text) = post(&mut client, OBJECT, "<a>".repeat(1_000_000)).await.unwrap_err();
    assert!(text.contains("no element found"), "{text}");
    assert_eq!(partners(&mut client).await, before);
}

#[tokio::test]
async fn databases_as_a_whole() {
    for store in stores() {
        let server = store.builder(Series::V17).start().await.unwrap();
        let mut client = Client::new(&server);
        let name = |what: &str| format!("{}_{what}", store.db);
        let (made, twin, moved, again) = (name("made"), name("twin"), name("moved"), name("again"));
        let create = json!(["admin", made, false, "fr_FR", "secret", "boss@example.com", "be", "+32 2 290 34 90"]);
        assert_eq!(call(&mut client, DB, "create_database", create).await, Ok(json!(true)));
        let boss = |db: &str, model: &str, method: &str, args: Value| json!([db, 2, "secret", model, method, args]);
        let company = boss(&made, "res.company", "read", json!([[1], ["phone"]]));
        let company = call(&mut client, OBJECT, "execute_kw", company).await.unwrap();
        assert_eq!(company[0]["phone"], "+32 2 290 34 90");
        let user = boss(&made, "res.users", "read", json!([[2], ["login", "email", "lang", "tz"]]));
        let user = call(&mut client, OBJECT, "execute_kw", user).await.unwrap();
        let expected = json!([{"id": 2, "login": "boss@example.com", "email": "boss@example.com", "lang": "fr_FR",
            "tz": "Europe/Brussels"}]);
        assert_eq!(user, expected);
        let tag = boss(&made, "res.partner.category", "create", json!([{"name": "Tag"}]));
        let tag = call(&mut client, OBJECT, "execute_kw", tag).await.unwrap();
        let picture = json!([{"name": "file", "datas": STANDARD.encode([0_u8, 1, 2, 255]), "mimetype": "x/y"}]);
        let picture = boss(&made, "ir.attachment", "create", picture);
        let picture = call(&mut client, OBJECT, "execute_kw", picture).await.unwrap();

        for (method, params) in
            [("duplicate_database", json!(["admin", made, twin])), ("rename", json!(["admin", twin, moved]))]
        {
            assert_eq!(call(&mut client, DB, method, params).await, Ok(json!(true)), "{method}");
        }
        let dump = call(&mut client, DB, "dump", json!(["admin", moved, "zip"])).await.unwrap();
        let restore = json!(["admin", again, dump, true]);
        assert_eq!(call(&mut client, DB, "restore", restore.clone()).await, Ok(json!(true)));
        let taken = call(&mut client, DB, "restore", restore).await.unwrap_err();
        assert!(taken.1.ends_with("Exception: Database already exists\n"), "{}", taken.1);
        for db in [&moved, &again] {
            let tags = boss(db, "res.partner.category", "search", json!([[["name", "=", "Tag"]]]));
            assert_eq!(call(&mut client, OBJECT, "execute_kw", tags).await, Ok(json!([tag])), "{}", store.name);
            let files = boss(db, "ir.attachment", "read", json!([[picture], ["datas"]]));
            let files = call(&mut client, OBJECT, "execute_kw", files).await.unwrap();
            assert_eq!(files[0]["datas"], STANDARD.encode([0_u8, 1, 2, 255]), "{}", store.name);
        }
        for (method, params, message) in [
            ("rename", json!(["admin", made, moved]), format!("Couldn't rename database {made} to {moved}: ")),
            ("rename", json!(["admin", name("x"), twin]), format!("database \"{}\" does not exist", name("x"))),
            ("dump", json!(["admin", name("x"), "zip"]), format!("database \"{}\" does not exist", name("x"))),
        ] {
            let (code, text) = call(&mut client, DB, method, params).await.unwrap_err();
            assert!(code == json!(1) && text.contains(&message), "{text}");
        }
        for (method, params) in [("dump", json!(["no", made, "zip"])), ("restore", json!(["no", name("x"), "", false]))]
        {
            let denied = call(&mut client, DB, method, params).await;
            assert_eq!(denied, Err((json!(3), "Access Denied".to_owned())));
        }
        for db in [&made, &moved, &again] {
            assert_eq!(call(&mut client, DB, "drop", json!(["admin", db])).await, Ok(json!(true)));
        }
        store.finish(server).await;
    }
}

#[tokio::test]
async fn a_host_sees_the_databases_of_its_filter() {
    let filter = wiredoo::database::Filter::new("^%d").unwrap();
    let server = Wiredoo::builder().configure(|config| config.db_filter = filter).start().await.unwrap();
    for (host, list) in [("odoo.example.com", json!(["odoo"])), ("other.example.com", json!([]))] {
        let mut client = Client::new(&server).with("host", host);
        assert_eq!(call(&mut client, DB, "list", json!([])).await, Ok(list), "{host}");
    }
}
