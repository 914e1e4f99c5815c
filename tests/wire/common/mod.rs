//! Typed callers: requests through the router in process, as a client would send them.

pub mod link;
pub mod process;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use entity::res_users;
use http_body_util::BodyExt as _;
use sea_orm::ActiveModelTrait as _;
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wiredoo::{Builder, Series, Wiredoo};

/// Turns on the tests with PostgreSQL: the URL of a server on which databases can be made.
pub const POSTGRES: &str = "WIREDOO_TEST_POSTGRES";
/// Turns on the tests with Python: an interpreter that has passlib and the client libraries.
pub const PYTHON: &str = "WIREDOO_TEST_PYTHON";

/// A fresh server of a series, in memory.
pub async fn odoo(series: Series) -> Wiredoo {
    Wiredoo::builder().series(series).start().await.unwrap()
}

/// A name that no other test uses, for what outlives a test.
pub fn unique(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{what}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A folder that is removed with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique("wiredoo"));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A store for a test, with what must live as long as it.
pub struct Store {
    pub name: &'static str,
    pub db: String,
    folder: Option<Folder>,
    url: Option<String>,
}

impl Store {
    /// A server on this store, with its database.
    pub fn builder(&self, series: Series) -> Builder {
        let builder =
            Wiredoo::builder().series(series).db(&self.db).configure(|config| config.pbkdf2_rounds = Some(1000));
        // Other tests make databases on the same PostgreSQL server.
        let only_ours = wiredoo::database::Filter::new(&format!("^{}", self.db)).unwrap();
        match (&self.folder, &self.url) {
            (Some(folder), _) => builder.data_dir(&folder.0),
            (_, Some(url)) => builder.database_url(url).configure(|config| config.db_filter = only_ours),
            _ => builder,
        }
    }
}

impl Store {
    /// The folder of its files, where it has one.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_ref().map(|folder| folder.0.as_path())
    }

    /// Where its PostgreSQL server is, if it is one.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Stops a server and removes its database, which would stay on a PostgreSQL server.
    pub async fn finish(&self, server: Wiredoo) {
        server.app().databases.drop(&self.db).await.unwrap();
        server.shutdown().await;
    }
}

/// All stores: memory, files, and PostgreSQL where there is one.
pub fn stores() -> Vec<Store> {
    let store = |name, folder, url| Store { name, db: unique("wiredoo_test"), folder, url };
    let mut stores = vec![store("memory", None, None), store("files", Some(Folder::new()), None)];
    if let Ok(url) = std::env::var(POSTGRES) {
        stores.push(store("PostgreSQL", None, Some(url)));
    }
    stores
}

/// The stores that outlive a server.
pub fn durable_stores() -> Vec<Store> {
    stores().into_iter().filter(|store| store.name != "memory").collect()
}

/// Runs a test as the administrator on every store, in these series; it is told where it runs, for messages.
pub async fn on_every_store(series: &[Series], test: impl AsyncFn(&mut Client<'_>, Series, &str)) {
    for series in series {
        for store in stores() {
            let server = store.builder(*series).start().await.unwrap();
            let mut client = Client::administrator(&server).await;
            test(&mut client, *series, &format!("{series} on {}", store.name)).await;
            store.finish(server).await;
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `result` of an envelope.
    #[track_caller]
    pub fn result(&self) -> Value {
        let mut body = self.json();
        assert!(body.get("error").is_none(), "an error: {body}");
        body["result"].take()
    }

    /// Name and message of the exception in an envelope.
    #[track_caller]
    pub fn exception(&self) -> (String, String) {
        let body = self.json();
        let data = &body["error"]["data"];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no exception: {body}")).to_owned();
        (text(&data["name"]), text(&data["message"]))
    }

    /// The value of the session cookie that the answer sets.
    pub fn cookie(&self) -> Option<String> {
        let cookie = self.headers.get(header::SET_COOKIE)?.to_str().ok()?;
        Some(cookie.strip_prefix("session_id=")?.split(';').next()?.to_owned())
    }
}

/// A client with a cookie jar.
pub struct Client<'a> {
    server: &'a Wiredoo,
    /// More servers of the same store, and what decides to which of all the next request goes.
    others: Vec<&'a Wiredoo>,
    chance: u64,
    pub sid: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    pub fn new(server: &'a Wiredoo) -> Self {
        Self { server, others: Vec::new(), chance: 0, sid: None, headers: Vec::new() }
    }

    /// A client each of whose requests goes to one or the other of two servers, as `seed` has it: what a balancer does that
    /// does not look at sessions.
    pub fn between(server: &'a Wiredoo, other: &'a Wiredoo, seed: u64) -> Self {
        Self { others: vec![other], chance: seed.max(1), ..Self::new(server) }
    }

    /// The server that gets the next request.
    fn next_server(&mut self) -> &'a Wiredoo {
        // Xorshift: any sequence without a pattern does.
        for shift in [13, -7, 17] {
            let shifted = if shift > 0 { self.chance << shift } else { self.chance >> -shift };
            self.chance ^= shifted;
        }
        let servers = u64::try_from(self.others.len()).unwrap() + 1;
        let chosen = usize::try_from((self.chance >> 20) % servers).unwrap();
        if chosen == 0 { self.server } else { self.others[chosen - 1] }
    }

    /// A client that has logged in as the administrator.
    pub async fn administrator(server: &'a Wiredoo) -> Self {
        let mut client = Self::new(server);
        let answer = client.authenticate("admin", "admin").await;
        assert_eq!(answer.result()["uid"], 2);
        client
    }

    /// A client of the same server that has not logged in.
    pub fn another(&self) -> Self {
        Self::new(self.server)
    }

    /// The same with a header in every request.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The characters at the start of a sid of 40 that tell its database.
    pub fn tag(db: &str) -> String {
        hex::encode(&Sha256::digest(db)[..2])
    }

    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let (mut parts, body) = request.into_parts();
        for (name, value) in &self.headers {
            parts.headers.insert(*name, value.parse().unwrap());
        }
        if let Some(sid) = &self.sid {
            parts.headers.insert(header::COOKIE, format!("session_id={sid}").parse().unwrap());
        }
        let response = self.next_server().respond(Request::from_parts(parts, body)).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        if let Some(sid) = answer.cookie() {
            self.sid = Some(sid);
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&mut self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.post(path, "application/json", body.to_string()).await
    }

    /// Calls a JSON-RPC route with the id 7.
    pub async fn call(&mut self, path: &str, params: Value) -> Answer {
        self.post_json(path, &json!({"jsonrpc": "2.0", "method": "call", "params": params, "id": 7})).await
    }

    pub async fn authenticate(&mut self, login: &str, password: &str) -> Answer {
        let params = json!({"db": self.server.db(), "login": login, "password": password});
        self.call("/web/session/authenticate", params).await
    }

    /// Logs in at `/session/auth/login`.
    pub async fn log_in(&mut self, login: &str, password: &str) -> Answer {
        self.post_json("/session/auth/login", &json!({"login": login, "password": password})).await
    }

    /// The user as whom the session is logged in, if it lives.
    pub async fn uid(&mut self) -> Option<i64> {
        let answer = self.call("/web/session/get_session_info", json!({})).await;
        answer.json()["result"]["uid"].as_i64()
    }

    /// Calls a method of a model.
    pub async fn call_kw(&mut self, model: &str, method: &str, args: Value, kwargs: Value) -> Answer {
        let params = json!({"model": model, "method": method, "args": args, "kwargs": kwargs});
        self.call("/web/dataset/call_kw", params).await
    }

    /// What a method of a model answers, which must not be an error.
    pub async fn kw(&mut self, model: &str, method: &str, args: Value, kwargs: Value) -> Value {
        let call = format!("{model}.{method}({args}, {kwargs})");
        let mut body = self.call_kw(model, method, args, kwargs).await.json();
        let data = &body["error"]["data"];
        assert!(body.get("error").is_none(), "{}: {}\nof {call}", data["name"], data["message"]);
        body["result"].take()
    }

    /// Name and message of the exception that a method of a model raises; the name without `odoo.exceptions.` and
    /// `builtins.`.
    pub async fn fault(&mut self, model: &str, method: &str, args: Value, kwargs: Value) -> (String, String) {
        let call = format!("{model}.{method}({args}, {kwargs})");
        let body = self.call_kw(model, method, args, kwargs).await.json();
        let data = &body["error"]["data"];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{call} is no error: {body}")).to_owned();
        let name = text(&data["name"]);
        let short = ["odoo.exceptions.", "builtins."].iter().find_map(|prefix| name.strip_prefix(prefix));
        (short.unwrap_or(&name).to_owned(), text(&data["message"]))
    }

    /// The id of the record that is made of these values.
    pub async fn create(&mut self, model: &str, values: Value) -> i64 {
        let id = self.kw(model, "create", json!([values]), json!({})).await;
        id.as_i64().unwrap_or_else(|| panic!("no id: {id}"))
    }

    /// The values of these fields of one record, without its id.
    pub async fn values(&mut self, model: &str, id: i64, fields: Value) -> Value {
        let mut rows = self.kw(model, "read", json!([[id], fields]), json!({})).await;
        let mut row = rows[0].take();
        row.as_object_mut().unwrap_or_else(|| panic!("{model} {id} is not there")).shift_remove("id");
        row
    }

    /// The ids of records, in their order.
    pub async fn search(&mut self, model: &str, domain: Value) -> Vec<i64> {
        let found = self.kw(model, "search", json!([domain]), json!({"order": "id"})).await;
        found.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
    }

    /// Makes a manual model that all internal users may use, with `x_name` and these fields, and answers with its id.
    pub async fn manual_model(&mut self, model: &str, fields: Value) -> i64 {
        let mut fields: Vec<Value> = fields.as_array().unwrap().iter().map(manual_field).collect();
        fields.insert(0, manual_field(&json!({"name": "x_name", "ttype": "char"})));
        // A one2many needs a many2one that is there.
        let (lists, fields): (Vec<Value>, Vec<Value>) = fields.into_iter().partition(|f| f["ttype"] == "one2many");
        let commands: Vec<Value> = fields.into_iter().map(|field| json!([0, 0, field])).collect();
        let rights = json!({"name": "all", "group_id": 1, "perm_read": true, "perm_write": true, "perm_create": true,
            "perm_unlink": true});
        let values = json!({"name": model, "model": model, "state": "manual", "field_id": commands,
            "access_ids": [[0, 0, rights]]});
        let id = self.create("ir.model", values).await;
        for field in lists {
            self.manual_field(id, field).await;
        }
        id
    }

    /// Makes a manual field and answers with its id.
    pub async fn manual_field(&mut self, model: i64, field: Value) -> i64 {
        let mut values = manual_field(&field);
        values["model_id"] = model.into();
        self.create("ir.model.fields", values).await
    }

    /// Calls a function of an RPC service.
    pub async fn service(&mut self, service: &str, method: &str, args: Value) -> Answer {
        self.call("/jsonrpc", json!({"service": service, "method": method, "args": args})).await
    }
}

/// A manual field with what is not told of it.
fn manual_field(field: &Value) -> Value {
    let mut values = json!({"field_description": field["name"], "state": "manual"});
    values.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
    values
}

/// `[0, 0, {"value": …, "name": …}]` of the options of a selection.
pub fn options(values: &[&str]) -> Value {
    values.iter().map(|value| json!([0, 0, {"value": value, "name": value.to_uppercase()}])).collect()
}

/// Makes a user, as `wiredoo user create` does.
pub async fn make_user(server: &Wiredoo, login: &str, password: &str, groups: &[&str]) -> i32 {
    use wiredoo::models::res_users::{NewUser, create};
    let app = server.app();
    let database = app.databases.open(server.db()).await.unwrap();
    let new = NewUser {
        name: login.to_uppercase(),
        login: login.to_owned(),
        password_hash: app.passwords.hash(password).await,
        groups: groups.iter().map(ToString::to_string).collect(),
    };
    let now = app.clock.now();
    let made = database.write(|tx| {
        let new = new.clone();
        Box::pin(async move { create(tx, &new, now).await })
    });
    made.await.unwrap().id
}

/// Gives a user a second factor.
pub async fn set_totp(server: &Wiredoo, user: i32) {
    update_user(server, user, |user| user.totp_secret = Set(Some("JBSWY3DPEHPK3PXP".to_owned()))).await;
}

/// Changes columns of a user, behind the server's back.
pub async fn update_user(server: &Wiredoo, user: i32, change: impl Fn(&mut res_users::ActiveModel) + Sync + Send) {
    let database = server.app().databases.open(server.db()).await.unwrap();
    let mut row = res_users::ActiveModel { id: Set(user), ..Default::default() };
    change(&mut row);
    let updated = database.write(|tx| {
        let row = row.clone();
        Box::pin(async move { Ok(row.update(tx).await?) })
    });
    updated.await.unwrap();
}

/// A part of a multipart body: its name, the name of the file if it is one, and its content.
pub type Part<'p> = (&'p str, Option<&'p str>, &'p [u8]);

/// Content type and body of a form with files.
pub fn multipart(parts: &[Part<'_>]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, filename, content) in parts {
        let filename = filename.map(|filename| format!("; filename=\"{filename}\"")).unwrap_or_default();
        let head = format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--limit--\r\n");
    ("multipart/form-data; boundary=limit", body)
}

/// A picture that compresses badly, as a PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    use image::{DynamicImage, ImageFormat, RgbImage};
    let pixel = |x: u32, y: u32| image::Rgb([x, y, x * y].map(|value| u8::try_from(value % 256).unwrap()));
    let mut png = std::io::Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::from_fn(width, height, pixel)).write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

/// Width and height of an image.
pub fn size_of(image: &[u8]) -> (u32, u32) {
    let image = image::load_from_memory(image).unwrap();
    (image.width(), image.height())
}
