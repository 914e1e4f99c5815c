//! Around all routes: what of a fault happens to the answer and its connection, and what of a request belongs into the
//! journal beside its calls.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use chrono::Utc;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};

use super::Double;
use super::faults::{Connection, Effect};
use super::journal::{Entry, Outcome, Problem};
use super::seen::{Dialect, Seen, hide, of_service, shorten};
use crate::database::threads;
use crate::interception::{Exchange, Failure};
use crate::python;
use crate::server::HangUp;
use crate::wire::xmlrpc;

/// How long half of an answer has to be sent.
const TO_BE_SENT: Duration = Duration::from_millis(10);

/// What calls know of the request that they came in.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub path: String,
}

/// The effect that the answer carries.
#[derive(Clone, Debug)]
pub struct Carried(pub Effect);

/// The journal's entries of a request.
#[derive(Clone, Debug, Default)]
pub struct Noted(pub Vec<u64>);

/// The routes with this around them.
pub fn around(double: &Arc<Double>, routes: Router) -> Router {
    routes.layer(middleware::from_fn_with_state(Arc::clone(double), carry))
}

async fn carry(State(double): State<Arc<Double>>, request: HttpRequest, next: Next) -> Response {
    if double.is_down() {
        return hang_up();
    }
    // What is noted must not depend on whether the client waits.
    let carried = threads::movable(async move { exchange(&double, request, next).await });
    carried.await.unwrap_or_else(|_| {
        tracing::error!("a request failed unexpectedly");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

async fn exchange(double: &Arc<Double>, mut request: HttpRequest, next: Next) -> Response {
    let (begun, time) = (Instant::now(), Utc::now());
    let path = request.uri().path().to_owned();
    let whole = Seen { dialect: Dialect::of(&path), path: path.clone(), ..Seen::default() };
    let fault = double.faults.take_of_request(&whole, &double.chance);
    let exchange = Exchange::default();
    exchange.leave(Request { path });
    request.extensions_mut().insert(exchange.clone());
    let mut entry = Entry { time, seen: whole, rule: fault.as_ref().map(|fault| fault.id), ..Entry::default() };
    let bodies = double.journal.keeps_bodies();
    let mut sent = None;
    if bodies {
        let (parts, body) = request.into_parts();
        let body = bytes_of(body).await;
        sent = Some(shown_request(entry.seen.dialect, &entry.seen.path, &body));
        request = HttpRequest::from_parts(parts, body.into());
    }
    let effect = fault.map(|fault| fault.rule.does.effect.clone());
    let mut answer = match &effect {
        Some(effect) => {
            if let Some(time) = effect.delay_ms {
                tokio::time::sleep(Duration::from_millis(time)).await;
            }
            if let Some(restart) = effect.restart {
                double.go_down(Duration::from_millis(restart.down_ms));
            }
            let instead = effect.http.is_some() || effect.restart.is_some();
            if instead || effect.connection == Some(Connection::CutBefore) {
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            } else {
                next.run(request).await
            }
        }
        None => next.run(request).await,
    };
    let effect = effect.or_else(|| exchange.take::<Carried>().map(|carried| carried.0));
    let cut = effect.as_ref().is_some_and(|effect| effect.connection.is_some_and(cuts) || effect.restart.is_some());
    if let Some(effect) = &effect {
        answer = changed(effect, answer).await;
    }
    let mut received = None;
    if bodies && !cut {
        let (parts, body) = answer.into_parts();
        let body = bytes_of(body).await;
        received = Some(shown_answer(&body));
        answer = Response::from_parts(parts, body.into());
    }
    let status = answer.status().as_u16();
    let failure = exchange.take::<Failure>();
    let noted = exchange.take::<Noted>().unwrap_or_default().0;
    let finish = |entry: &mut Entry| {
        entry.status = (!cut).then_some(status);
        if cut {
            entry.outcome = Outcome::Cut;
        } else if effect.as_ref().is_some_and(|effect| effect.http.is_some()) {
            entry.outcome = Outcome::Error;
            entry.error = Some(Problem { name: format!("HTTP {status}"), message: String::new() });
        }
        entry.request.clone_from(&sent);
        entry.response.clone_from(&received);
    };
    if noted.is_empty() {
        entry.duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
        entry.error = failure.map(Problem::from);
        if entry.error.is_some() || status >= 400 {
            entry.outcome = Outcome::Error;
        }
        finish(&mut entry);
        double.journal.note(entry);
    }
    for id in noted {
        double.journal.amend(id, finish);
    }
    answer
}

fn cuts(connection: Connection) -> bool {
    matches!(connection, Connection::CutBefore | Connection::CutAfter | Connection::Truncated)
}

/// An answer that is not sent: the connection is closed.
fn hang_up() -> Response {
    let mut answer = StatusCode::SERVICE_UNAVAILABLE.into_response();
    answer.extensions_mut().insert(HangUp);
    answer
}

/// The answer as the effect leaves it.
async fn changed(effect: &Effect, answer: Response) -> Response {
    if let Some(status) = effect.http {
        return proxy_page(status, effect);
    }
    match effect.connection {
        _ if effect.restart.is_some() => hang_up(),
        Some(Connection::CutBefore | Connection::CutAfter) => hang_up(),
        Some(Connection::Truncated) => truncated(answer).await,
        Some(Connection::Malformed) => malformed(answer).await,
        Some(Connection::Slow) => slow(answer, effect.bytes_per_second.unwrap_or(100)).await,
        None => answer,
    }
}

/// What a proxy says when the server behind it does not answer, or not yet again.
fn proxy_page(status: u16, effect: &Effect) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let page = effect.body.clone().unwrap_or_else(|| {
        format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
             <hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
        )
    });
    let mut answer = (status, [(header::CONTENT_TYPE, "text/html")], page).into_response();
    if let Some(seconds) = effect.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

async fn bytes_of(body: Body) -> Bytes {
    body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
}

/// Half of the answer, though its length is declared, and then the connection is closed.
async fn truncated(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = bytes_of(body).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let pieces = futures_util::stream::unfold(Some(half), async |half| {
        if let Some(half) = half {
            return Some((Ok(half), None));
        }
        // What is not sent by then would be thrown away with the connection.
        tokio::time::sleep(TO_BE_SENT).await;
        Some((Err(std::io::Error::other("the answer is truncated")), None))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// An answer of the same type and status 200 that nobody can read.
async fn malformed(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = bytes_of(body).await;
    parts.status = StatusCode::OK;
    parts.headers.remove(header::CONTENT_LENGTH);
    let garbled = [&body[..body.len() / 2], b"\xff\x00<<garbled"].concat();
    Response::from_parts(parts, garbled.into())
}

/// The answer byte by byte.
async fn slow(answer: Response, bytes_per_second: u64) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = bytes_of(body).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    // At most twenty pieces a second: more would only be work.
    let step = usize::try_from(bytes_per_second.div_ceil(20)).unwrap_or(usize::MAX).max(1);
    let pause = Duration::from_secs_f64(f64::from(u32::try_from(step).unwrap_or(u32::MAX)) / seconds(bytes_per_second));
    let pieces = futures_util::stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(step.min(rest.len()));
        Some((Ok::<_, Infallible>(piece), rest))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

fn seconds(rate: u64) -> f64 {
    f64::from(u32::try_from(rate).unwrap_or(u32::MAX))
}

/// A request's body as the journal shows it, with nothing secret in it. The arguments of services, which go by position,
/// get names; XML-RPC becomes JSON.
fn shown_request(dialect: Dialect, path: &str, body: &[u8]) -> Value {
    if dialect == Dialect::Xmlrpc {
        let service = path.rsplit('/').next().unwrap_or_default();
        return xmlrpc::read(body).map_or(Value::Null, |call| {
            let method = python::text(&call.method);
            let params = of_service(service, &method, call.params, Map::new());
            hidden(json!({"service": service, "method": method, "args": params}))
        });
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        let fields = form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned().into()));
        return hidden(Value::Object(fields.collect()));
    };
    if dialect == Dialect::Jsonrpc
        && let Some(Value::Object(params)) = value.get_mut("params")
        && let Some(Value::Array(args)) = params.get("args").cloned()
    {
        let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (service, method) = (text("service"), text("method"));
        params.insert("args".to_owned(), of_service(&service, &method, args, Map::new()).into());
    }
    hidden(value)
}

/// An answer's body as the journal shows it, with nothing secret in it: JSON where it is that, else a text.
fn shown_answer(body: &[u8]) -> Value {
    hidden(serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into()))
}

fn hidden(mut value: Value) -> Value {
    hide((&String::new(), &mut value));
    shorten(&mut value);
    value
}
