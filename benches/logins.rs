//! Logins per second, beside a bare PBKDF2 loop on as many threads: `cargo bench --bench logins`.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use tokio::task::JoinSet;
use wiredoo::Wiredoo;
use wiredoo::auth::password::{Hash, ROUNDS};

const TIME: Duration = Duration::from_secs(10);

fn main() {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    let bare = bare_loop(cores);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let (logins, slowest) = runtime.block_on(logins(4 * cores));
    println!("bare PBKDF2 loop, {ROUNDS} rounds, {cores} threads: {bare:.2}/s");
    println!("logins, {} clients: {logins:.2}/s, {:.3} of the bare loop", 4 * cores, logins / bare);
    println!("slowest /web/health meanwhile: {slowest:?}");
}

fn bare_loop(threads: usize) -> f64 {
    let hash = Arc::new(Hash::new("admin", ROUNDS));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let hash = Arc::clone(&hash);
            std::thread::spawn(move || {
                let (began, mut count) = (Instant::now(), 0_u32);
                while began.elapsed() < TIME {
                    assert!(hash.verifies("admin"));
                    count += 1;
                }
                f64::from(count) / began.elapsed().as_secs_f64()
            })
        })
        .collect();
    workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum()
}

/// The rate of logins by `clients` at once, and the longest that `/web/health` took meanwhile.
async fn logins(clients: usize) -> (f64, Duration) {
    let server = Wiredoo::builder().configure(|config| config.pbkdf2_rounds = Some(ROUNDS)).start().await;
    let server = Arc::new(server.expect("a server starts"));
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let server = Arc::clone(&server);
        running.spawn(async move {
            let mut ends = Vec::new();
            while began.elapsed() < TIME {
                let body = Body::from(r#"{"login": "admin", "password": "admin"}"#);
                let login = Request::post("/session/auth/login").header("Content-Type", "application/json").body(body);
                let answer = server.respond(login.expect("a request")).await;
                assert_eq!(answer.status(), 200);
                ends.push(began.elapsed());
            }
            ends
        });
    }
    let mut slowest = Duration::ZERO;
    while began.elapsed() < TIME {
        let asked = Instant::now();
        server.respond(Request::get("/web/health").body(Body::empty()).expect("a request")).await;
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ends = running.join_all().await.concat();
    let last = ends.iter().max().copied().unwrap_or(TIME);
    (f64::from(u32::try_from(ends.len()).unwrap_or(u32::MAX)) / last.as_secs_f64(), slowest)
}
