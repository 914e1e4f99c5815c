//! What single parts of a request take: `cargo bench --bench parts [PART]`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::BodyExt as _;
use sea_orm::sea_query::SqliteQueryBuilder;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use wiredoo::auth::Caller;
use wiredoo::auth::password::{Hash, ROUNDS};
use wiredoo::generate::{self, Amounts};
use wiredoo::orm::domain::Domain;
use wiredoo::orm::env::{Env, SUPERUSER};
use wiredoo::orm::query::Query;
use wiredoo::wire::{envelope, xmlrpc};
use wiredoo::{Series, Wiredoo};

criterion_main!(parts);
criterion_group! {
    name = parts;
    config = Criterion::default().sample_size(30);
    targets = envelopes, xml, domains, calls, passwords
}

/// Records such as `search_read` answers with.
fn records(count: usize) -> Value {
    let record = |number: usize| {
        json!({"id": number, "name": format!("Partner {number}"), "email": format!("partner{number}@example.com"),
            "is_company": number.is_multiple_of(5), "country_id": [20, "Belgium"], "credit": 1234.5})
    };
    (0..count).map(record).collect()
}

fn envelopes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope");
    let values: Vec<Value> = records(80).as_array().cloned().unwrap_or_default();
    let params = json!({"model": "res.partner", "method": "create", "args": [values], "kwargs": {}});
    let body = json!({"jsonrpc": "2.0", "method": "call", "params": params, "id": 7}).to_string();
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| envelope::Envelope::parse(black_box(body.as_bytes())).map(|envelope| envelope.id().len()).ok());
    });
    let result = records(80).to_string();
    group.throughput(Throughput::Bytes(result.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(|| envelope::success("7", black_box(&result))));
    group.finish();
}

fn xml(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("XML-RPC");
    let answer = xmlrpc::response(&records(80)).expect("records can be written");
    // A call has the same values as an answer.
    let values = answer.split_once("<params>").map_or("", |(_, rest)| rest).split_once("</methodResponse>");
    let values = values.map_or("", |(values, _)| values);
    let call = format!("<?xml version='1.0'?><methodCall><methodName>m</methodName><params>{values}</methodCall>");
    assert_eq!(xmlrpc::read(call.as_bytes()).map(|call| call.params.len()).ok(), Some(1));
    group.throughput(Throughput::Bytes(call.len() as u64));
    group.bench_function("read", |bencher| bencher.iter(|| xmlrpc::read(black_box(call.as_bytes())).is_ok()));
    let records = records(80);
    group.throughput(Throughput::Bytes(answer.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(|| xmlrpc::response(black_box(&records)).is_ok()));
    group.finish();
}

/// A domain from JSON to a statement, with rights and everything but the database.
fn domains(criterion: &mut Criterion) {
    let (runtime, odoo) = server();
    let app = Arc::clone(odoo.app());
    let domains = [
        ("simple", json!([["name", "=", "Azure"]])),
        (
            "mixed",
            json!([
                "|",
                ["name", "ilike", "az"],
                "&",
                ["country_id.code", "in", ["BE", "FR"]],
                ["category_id", "=", 3],
                ["create_date", ">=", "2026-01-01"]
            ]),
        ),
    ];
    let mut group = criterion.benchmark_group("domain to SQL");
    for (name, domain) in domains {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let (app, domain) = (Arc::clone(&app), domain.clone());
                runtime.block_on(async move {
                    let database = app.databases.open("odoo").await.expect("it is there");
                    let version = database.version().await.expect("it has a version");
                    let user = wiredoo::models::res_users::get(database.connection(), SUPERUSER).await;
                    let user = user.ok().flatten().expect("there is a superuser");
                    let caller = Caller { database: Arc::clone(&database), version, user: Arc::new(user) };
                    let tools = app.tools();
                    let compiled = database.read(move |tx| {
                        Box::pin(async move {
                            let env = Env::new(tx, &caller, &tools, Map::new()).await?;
                            let model = env.model("res.partner").await?;
                            let begun = Instant::now();
                            for _ in 0..times {
                                let domain = Domain::parse(black_box(&domain), env.series())?;
                                let mut query = Query::new(&env, &model);
                                query.filter(&domain).await?;
                                query.order(&model.order).await?;
                                black_box(query.into_select().build(SqliteQueryBuilder));
                            }
                            Ok(begun.elapsed())
                        })
                    });
                    compiled.await.expect("the domain is right")
                })
            });
        });
    }
    group.finish();
}

/// Calls in process, without a socket.
fn calls(criterion: &mut Criterion) {
    let (runtime, odoo) = server();
    let login = r#"{"login": "admin", "password": "admin"}"#;
    let (_, cookie) = runtime.block_on(ask(&odoo, "/session/auth/login", "", login.to_owned()));
    let kw = |method: &str, args: Value, kwargs: Value| {
        let params = json!({"model": "res.partner", "method": method, "args": args, "kwargs": kwargs});
        ("/web/dataset/call_kw", json!({"jsonrpc": "2.0", "params": params, "id": 7}).to_string())
    };
    let service = json!(["odoo", 2, "admin", "res.partner", "read", [[1], ["name", "email"]]]);
    let service = json!({"params": {"service": "object", "method": "execute_kw", "args": service}});
    let cases = [
        ("version_info", ("/web/webclient/version_info", "{}".to_owned())),
        ("get_session_info", ("/web/session/get_session_info", "{}".to_owned())),
        ("read of one", kw("read", json!([[1], ["name", "email"]]), json!({}))),
        (
            "search_read 80 x 5",
            kw("search_read", json!([[], ["name", "email", "phone", "city", "is_company"]]), json!({"limit": 80})),
        ),
        ("search_read 1000 x 3", kw("search_read", json!([[], ["name", "email", "city"]]), json!({"limit": 1000}))),
        ("fields_get", kw("fields_get", json!([]), json!({"attributes": ["string", "type"]}))),
        ("create", kw("create", json!([{"name": "Made"}]), json!({}))),
        ("execute_kw with a password", ("/jsonrpc", service.to_string())),
    ];
    let mut group = criterion.benchmark_group("call");
    for (name, (path, body)) in cases {
        let (answer, _) = runtime.block_on(ask(&odoo, path, &cookie, body.clone()));
        assert!(!answer.starts_with(b"{\"jsonrpc\": \"2.0\", \"id\": 7, \"error\""), "{name}: {answer:?}");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(async {
                    let begun = Instant::now();
                    for _ in 0..times {
                        black_box(ask(&odoo, path, &cookie, body.clone()).await);
                    }
                    begun.elapsed()
                })
            });
        });
    }
    group.finish();
}

fn passwords(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("password");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let hash = Hash::new("admin", ROUNDS);
    group.bench_function("check", |bencher| bencher.iter(|| hash.verifies(black_box("admin"))));
    group.finish();
}

/// A server in memory with some thousand partners, and the runtime on which it is.
fn server() -> (Runtime, Wiredoo) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let odoo = runtime.block_on(async {
        let odoo = Wiredoo::builder().series(Series::V19).start().await.expect("a server starts");
        let database = odoo.app().databases.open("odoo").await.expect("it is there");
        let amounts = Amounts { partners: 2_000, users: 0, categories: 20, seed: 1 };
        generate::fill(&database, &odoo.app().tools(), amounts, |_| ()).await.expect("it can be filled");
        odoo
    });
    (runtime, odoo)
}

/// The answer of the server, and the cookie that it sets.
async fn ask(odoo: &Wiredoo, path: &str, cookie: &str, body: String) -> (Bytes, String) {
    let request = Request::post(path).header("Content-Type", "application/json").header("Cookie", cookie);
    let answer: Response<Body> = odoo.respond(request.body(Body::from(body)).expect("a request")).await;
    let cookie = answer.headers().get("Set-Cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (body, cookie)
}
