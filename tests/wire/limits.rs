//! Slow, large and many: over a socket, where that is the point.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wiredoo::{Series, Wiredoo};

use crate::common::{Answer, Client, odoo};

async fn talk(server: &Wiredoo, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has no more to say.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_cut_off() {
    let patience = Duration::from_millis(100);
    let server = Wiredoo::builder().configure(|config| config.limits.patience = patience).start().await.unwrap();
    assert_eq!(talk(&server, b"GET /web/health HTTP/1.1\r\nHost").await, "", "headers");
    let body = b"POST /jsonrpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let answer = talk(&server, body).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let server = Wiredoo::builder().start().await.unwrap();
    for header in ["X: y\r\n".repeat(200), format!("X: {}\r\n", "y".repeat(600_000))] {
        let answer =
            talk(&server, format!("GET /web/health HTTP/1.1\r\nConnection: close\r\n{header}\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    for nonsense in ["nonsense\r\n\r\n", "GET /\u{0} HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}"] {
        let answer = talk(&server, format!("{nonsense}\r\n\r\n").as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test]
async fn a_large_body_is_read_where_it_is_wanted() {
    let server = Wiredoo::builder().start().await.unwrap();
    let mut client = Client::new(&server);
    let padding = "x".repeat(5 * 1024 * 1024);
    let call = json!({"service": "common", "method": "version", "args": [], "padding": padding});
    assert_eq!(client.call("/jsonrpc", call).await.result()["protocol_version"], 1);
    for path in ["/session/auth/login", "/web/session/authenticate", "/nothing"] {
        assert_eq!(client.call(path, json!({"padding": padding})).await.status, 413, "{path}");
    }
}

#[tokio::test]
async fn odd_headers_are_no_trouble() {
    let server = Wiredoo::builder().start().await.unwrap();
    for header in [
        "Cookie: session_id",
        "Cookie: =;;session_id=\"x\"; session_id=\u{ff}",
        "X-Openerp-Session-Id: ../../etc/passwd",
        "X-Odoo-Database: ../../etc/passwd",
        "Content-Type: ;;;",
        "Host: [::1",
    ] {
        let request =
            format!("POST /session/auth/logout HTTP/1.1\r\n{header}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let answer = talk(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{header}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_answers_while_many_log_in() {
    // Enough rounds that the logins take long together, whatever the machine.
    let server = Wiredoo::builder().configure(|config| config.pbkdf2_rounds = Some(20_000)).start().await.unwrap();
    let server = std::sync::Arc::new(server);
    let mut logins = JoinSet::new();
    for _ in 0..20 {
        let server = std::sync::Arc::clone(&server);
        logins.spawn(async move { Client::new(&server).log_in("admin", "admin").await.status });
    }
    let mut healthy = 0;
    let began = Instant::now();
    while let Ok(open) = tokio::time::timeout(Duration::ZERO, logins.join_next()).await {
        match open {
            Some(status) => assert_eq!(status.unwrap(), 200),
            None => break,
        }
    }
    while !logins.is_empty() {
        assert_eq!(Client::new(&server).get("/web/health").await.json(), json!({"status": "pass"}));
        healthy += 1;
        while let Some(status) = logins.try_join_next() {
            assert_eq!(status.unwrap(), 200);
        }
        tokio::task::yield_now().await;
    }
    assert!(healthy > 20, "{healthy} answers in {:?}", began.elapsed());
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_accepts_it() {
    let server = odoo(Series::V19).await;
    let sid = Client::administrator(&server).await.sid;
    let mut plain = Client::new(&server);
    plain.sid.clone_from(&sid);
    let mut accepting = Client::new(&server).with("accept-encoding", "gzip, deflate");
    accepting.sid = sid;
    let encoding =
        |answer: &Answer| answer.headers.get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
    let large =
        ("/web/dataset/call_kw", json!({"model": "res.partner", "method": "fields_get", "args": [], "kwargs": {}}));
    let expected = plain.call(large.0, large.1.clone()).await;
    assert_eq!(encoding(&expected), None);
    let compressed = accepting.call(large.0, large.1).await;
    assert_eq!(encoding(&compressed).as_deref(), Some("gzip"));
    assert!(compressed.body.len() * 3 < expected.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*compressed.body).read_to_string(&mut text).unwrap();
    assert_eq!(text, expected.text());
    assert_eq!(encoding(&accepting.call("/web/session/check", json!({})).await), None, "small ones are not");
}
