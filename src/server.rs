//! Listening: connections, their limits, and stopping without losing what is under way.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

use crate::again::again;
use crate::config::Limits;
use crate::routes::Peer;

/// The size of a request's headers together, roughly: hyper compares it with what it has buffered.
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
/// How often a timer ends that nobody waits for. A timer that is nearer than all others wakes the thread that waits for
/// events, and with none but those of requests each request would have one.
const TICK: Duration = Duration::from_millis(500);
/// How long requests that are under way at the end may take.
const GRACE: Duration = Duration::from_secs(5);

/// Marks an answer that is not to be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub struct HangUp;

/// Serves `router` until `stopped`, then lets the requests that are under way finish.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stopped: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stopped = std::pin::pin!(stopped);
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ticks.tick() => continue,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, peer)) => connect(stream, peer.ip(), &router, limits, &graceful),
            // Too many open files, or a client that is gone already: others may fare better.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped while requests were still under way");
    }
}

fn connect(stream: TcpStream, peer: IpAddr, router: &Router, limits: Limits, graceful: &GracefulShutdown) {
    // Without it answers to small requests would wait for the client's acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let router = router.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let answer = router.clone().call(request.map(Body::new));
        async move {
            let Ok(answer) = answer.await;
            match answer.extensions().get::<HangUp>() {
                Some(HangUp) => Err(io::Error::other("the answer is not to be sent")),
                None => Ok(answer),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(again(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke off");
        }
    }));
}
