//! The JSON-RPC envelope over the router, and what clients may not exceed.

use axum::http::{StatusCode, header};
use proptest::prelude::*;
use serde_json::{Value, json};
use wiredoo::{Series, Wiredoo};

use crate::common::{Client, odoo};

const PATH: &str = "/web/webclient/version_info";

#[tokio::test]
async fn params_that_make_no_dictionary() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    for (params, exception) in [
        (json!(null), ("builtins.TypeError", "'NoneType' object is not iterable")),
        (json!(1), ("builtins.TypeError", "'int' object is not iterable")),
        (json!([1]), ("builtins.TypeError", "cannot convert dictionary update sequence element #0 to a sequence")),
    ] {
        let answer = client.call(PATH, params).await;
        assert_eq!(answer.exception(), (exception.0.to_owned(), exception.1.to_owned()));
        assert_eq!(answer.json()["id"], 7);
    }
    assert_eq!(client.call(PATH, json!([])).await.result()["server_version"], "17.0");
}

#[tokio::test]
async fn bodies_that_are_no_envelope() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut client = Client::new(&server);
        for (kind, body, status) in [
            ("application/json", "{nope", 400),
            ("application/json", "", 400),
            ("application/json", "[]", 400),
            ("application/json", "\"x\"", 400),
            ("text/plain", "{}", series.wrong_content_type_status()),
            ("application/x-www-form-urlencoded", "{}", series.wrong_content_type_status()),
        ] {
            let answer = client.post(PATH, kind, body).await;
            assert_eq!(answer.status, status, "{series} {kind} {body}");
            assert!(answer.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
            assert_eq!(answer.cookie(), None);
        }
    }
}

#[tokio::test]
async fn depth_is_bounded_and_told() {
    let server = odoo(Series::V19).await;
    let mut client = Client::new(&server);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = client.post(PATH, "application/json", format!(r#"{{"params": {{"x": {deep}}}, "id": 1}}"#)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.exception().1.contains("recursion limit"), "{}", answer.text());
    let answer = client.post(PATH, "application/json", format!(r#"{{"params": {{}}, "id": {deep}}}"#)).await;
    assert!(answer.text().contains(&deep), "an id comes back whatever it is");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let server = Wiredoo::builder().configure(|config| config.limits.body = 1000).start().await.unwrap();
    let mut client = Client::new(&server);
    let body = |size: usize| format!(r#"{{"x": "{}"}}"#, "x".repeat(size - 9));
    assert_eq!(client.post(PATH, "application/json", body(1000)).await.status, StatusCode::OK);
    let answer = client.post(PATH, "application/json", body(1001)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let streamed = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(100)));
    let answer = client.post(PATH, "application/json", axum::body::Body::from_stream(streamed)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "without a declared length, too");
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    let json = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,10}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    });
    json.prop_map(|json| json.to_string())
}

/// Runs `test` for generated inputs on one server and one runtime.
fn with_server<S: Strategy>(
    inputs: &S,
    test: impl Fn(&tokio::runtime::Runtime, &Wiredoo, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(odoo(Series::V19));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner.run(inputs, |input| test(&runtime, &server, input)).unwrap();
    runtime.block_on(server.shutdown());
}

#[test]
fn any_json_as_envelope_is_answered_with_its_id() {
    let paths = prop::sample::select(vec![PATH, "/web/session/authenticate", "/session/auth/login", "/jsonrpc"]);
    with_server(&(paths, json_text(), json_text()), |runtime, server, (path, params, id)| {
        let body = format!(r#"{{"jsonrpc": "2.0", "params": {params}, "id": {id}}}"#);
        let answer = runtime.block_on(Client::new(server).post(path, "application/json", body));
        prop_assert_eq!(answer.status, StatusCode::OK);
        prop_assert!(answer.text().starts_with(&format!("{{\"jsonrpc\": \"2.0\", \"id\": {id}")), "{}", answer.text());
        Ok(())
    });
}

#[test]
fn any_bytes_as_body_are_answered() {
    let paths = prop::sample::select(vec![PATH, "/session/auth/login", "/session/auth/logout", "/jsonrpc", "/nothing"]);
    let kinds = prop::sample::select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ]);
    with_server(&(paths, kinds, any::<Vec<u8>>()), |runtime, server, (path, kind, body)| {
        let answer = runtime.block_on(Client::new(server).post(path, kind, body));
        prop_assert!(!answer.status.is_server_error(), "{} {}", answer.status, answer.text());
        Ok(())
    });
}
