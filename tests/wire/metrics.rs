//! What is told for Prometheus, and that nothing is told unless it is asked for.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use wiredoo::{Series, Wiredoo, routes};

use crate::common::{Client, odoo, stores};

/// What is told at `/metrics`, as lines.
async fn told(server: &Wiredoo) -> Vec<String> {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = routes::metrics::router(server.app()).oneshot(request).await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(text.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

/// The value of a line.
#[track_caller]
fn value(lines: &[String], name: &str) -> u64 {
    let line = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("there is no {name} in {lines:#?}")).trim_end_matches(".0").parse().unwrap()
}

#[tokio::test]
async fn requests_calls_and_logins_are_counted() {
    for store in stores() {
        let server = store.builder(Series::V19).metrics("127.0.0.1:0").start().await.unwrap();
        assert!(server.metrics_url().unwrap().ends_with("/metrics"));
        let mut client = Client::administrator(&server).await;
        Client::new(&server).authenticate("admin", "wrong").await.exception();
        for _ in 0..3 {
            client.values("res.partner", 3, json!(["name"])).await;
        }
        client.fault("res.partner", "create", json!([{"nothing": 1}]), json!({})).await;
        client.fault("res.partner", "made_up", json!([[]]), json!({})).await;
        client.fault("made.up", "read", json!([[1]]), json!({})).await;
        client.get("/made/up").await;
        client.get("/web/content/99999").await;
        let lines = told(&server).await;
        let calls = |labels: &str| value(&lines, &format!("wiredoo_calls_total{{{labels}}}"));
        assert_eq!(calls(r#"model="res.partner",method="read",outcome="ok""#), 3, "{}", store.name);
        assert_eq!(calls(r#"model="other",method="other",outcome="refused""#), 2, "{}", store.name);
        let logins = |outcome: &str| value(&lines, &format!("wiredoo_logins_total{{outcome=\"{outcome}\"}}"));
        assert_eq!((logins("ok"), logins("failed")), (1, 1), "{}", store.name);
        let requests = |labels: &str| value(&lines, &format!("wiredoo_requests_total{{{labels}}}"));
        assert_eq!(requests(r#"route="other",method="GET",status="404""#), 1, "{}", store.name);
        assert_eq!(requests(r#"route="/web/content/{*path}",method="GET",status="404""#), 1, "{}", store.name);
        assert_eq!(requests(r#"route="/web/session/authenticate",method="POST",status="200""#), 2, "{}", store.name);
        let read = r#"wiredoo_call_duration_seconds_count{model="res.partner",method="read"}"#;
        assert_eq!(value(&lines, read), 3, "{}", store.name);
        assert_eq!(value(&lines, "wiredoo_requests_under_way"), 0, "{}", store.name);
        assert_eq!(value(&lines, "wiredoo_databases_open"), 1, "{}", store.name);
        assert!(value(&lines, "wiredoo_cache_lookups_total{outcome=\"hit\"}") > 0, "{}", store.name);
        let pool = lines.iter().any(|line| line.starts_with("wiredoo_pool_connections{"));
        assert_eq!(pool, store.url().is_some(), "{}", store.name);
        if cfg!(target_os = "linux") {
            assert!(value(&lines, "wiredoo_resident_memory_bytes") > 1_000_000);
        }
        assert!(
            !lines.iter().any(|line| line.contains("made")),
            "names that somebody makes up are no labels: {lines:#?}"
        );
        store.finish(server).await;
    }
}

#[tokio::test]
async fn nothing_is_told_unless_it_is_asked_for() {
    let server = odoo(Series::V19).await;
    let mut client = Client::administrator(&server).await;
    assert_eq!(client.get("/metrics").await.status, 404);
    assert_eq!((server.metrics_url(), told(&server).await), (None, Vec::new()));
    let server = Wiredoo::builder().metrics("127.0.0.1:0").start().await.unwrap();
    assert_eq!(Client::new(&server).get("/metrics").await.status, 404, "they are at an address of their own");
}
