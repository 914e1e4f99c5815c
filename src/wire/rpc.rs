//! Calls through jsonrpsee: the methods of an `RpcModule` are called by name, without jsonrpsee's own transport, whose
//! rules for envelopes are not Odoo's.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Instant;

use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceBuilder, RpcServiceT};
use jsonrpsee::core::server::{ConnectionId, MethodCallback, MethodResponse, Methods};
use jsonrpsee::types::{ErrorCode, Extensions, Id, Params, Request};
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::Instrument as _;
use tracing::field::Empty;

/// The methods of a server behind their middleware.
#[derive(Clone)]
pub struct Rpc(Traced<Bottom>);

impl std::fmt::Debug for Rpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rpc")
    }
}

/// What a method answered: JSON of its result, or of its error object.
pub type Outcome = Result<Box<RawValue>, Box<RawValue>>;

impl Rpc {
    /// Puts the middleware in front of `methods`.
    #[must_use]
    pub fn new(methods: Methods) -> Self {
        let bottom = Bottom { methods: Arc::new(methods) };
        Self(RpcServiceBuilder::new().layer_fn(|service| Traced { service: Arc::new(service) }).service(bottom))
    }

    /// Calls the method of that name. `extensions` are what it gets to know beside its parameters.
    ///
    /// # Errors
    /// The error object, as JSON.
    ///
    /// # Panics
    /// jsonrpsee answers something that is not JSON-RPC.
    pub async fn call(&self, method: &'static str, params: Option<&RawValue>, extensions: Extensions) -> Outcome {
        #[derive(Deserialize)]
        struct Answer {
            result: Option<Box<RawValue>>,
            error: Option<Box<RawValue>>,
        }
        let mut request = Request::owned(method.to_owned(), params.map(ToOwned::to_owned), Id::Number(0));
        request.extensions = extensions;
        let response = self.0.call(request).await;
        let answer: Answer = serde_json::from_str(response.as_json().get()).expect("jsonrpsee answers JSON-RPC");
        match (answer.result, answer.error) {
            (_, Some(error)) => Err(error),
            (result, None) => Ok(result.unwrap_or_else(|| RawValue::NULL.to_owned())),
        }
    }
}

/// Where a call arrives at its method.
#[derive(Clone)]
struct Bottom {
    methods: Arc<Methods>,
}

impl RpcServiceT for Bottom {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let methods = Arc::clone(&self.methods);
        async move {
            let Request { id, method, params, extensions, .. } = request;
            let Some(MethodCallback::Async(callback)) = methods.method(&method) else {
                return MethodResponse::error(id, ErrorCode::MethodNotFound);
            };
            let params = Params::new(params.as_ref().map(|params| params.get())).into_owned();
            callback(id.into_owned(), params, ConnectionId(0), usize::MAX, extensions).await
        }
    }

    /// Odoo has no batches; the envelope lets none through.
    fn batch<'a>(&self, _: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        ready(MethodResponse::error(Id::Null, ErrorCode::InvalidRequest))
    }

    /// Odoo has no notifications: what has no id is a call with the id null.
    fn notification<'a>(&self, _: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        ready(MethodResponse::notification())
    }
}

/// Middleware that gives each call a span with its route; who learns the database and the user records them there.
/// Parameters and results are never logged, since they have passwords and sids in them.
#[derive(Clone)]
struct Traced<S> {
    service: Arc<S>,
}

impl<S> RpcServiceT for Traced<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.service);
        let span = tracing::info_span!("call", route = &*request.method, db = Empty, uid = Empty);
        async move {
            let began = Instant::now();
            let response = service.call(request).await;
            let duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(duration_us, error = response.as_error_code(), "answered");
            response
        }
        .instrument(span)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = S::BatchResponse> + Send + 'a {
        self.service.batch(batch)
    }

    fn notification<'a>(&self, n: Notification<'a>) -> impl Future<Output = S::NotificationResponse> + Send + 'a {
        self.service.notification(n)
    }
}
