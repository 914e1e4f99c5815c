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

/// What a method answered, as jsonrpsee wrote it.
#[derive(Debug)]
pub struct Answer {
    text: Box<RawValue>,
    is_success: bool,
}

/// What jsonrpsee writes before and after the result of a call with the [`ID`].
const AROUND_RESULT: (&str, &str) = (r#"{"jsonrpc":"2.0","id":0,"result":"#, "}");
/// The id of all calls: that of the caller stays in the envelope.
const ID: Id<'static> = Id::Number(0);

impl Answer {
    /// JSON of the result, or of the error object.
    ///
    /// # Errors
    /// The error object.
    ///
    /// # Panics
    /// jsonrpsee has answered something that is not JSON-RPC.
    pub fn outcome(&self) -> Result<&str, &str> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            #[serde(borrow)]
            result: Option<&'a RawValue>,
            error: Option<&'a RawValue>,
        }
        if let Some(result) = self.result() {
            return Ok(result);
        }
        let parts: Parts<'_> = serde_json::from_str(self.text.get()).expect("jsonrpsee answers JSON-RPC");
        match parts {
            Parts { error: Some(error), .. } => Err(error.get()),
            Parts { result, error: None } => Ok(result.unwrap_or(RawValue::NULL).get()),
        }
    }

    /// The result where it is known where it is, since it may be too large to look for its end.
    fn result(&self) -> Option<&str> {
        let (before, after) = AROUND_RESULT;
        self.is_success.then(|| self.text.get().strip_prefix(before)?.strip_suffix(after)).flatten()
    }
}

impl Rpc {
    /// Puts the middleware in front of `methods`.
    #[must_use]
    pub fn new(methods: Methods) -> Self {
        let bottom = Bottom { methods: Arc::new(methods) };
        Self(RpcServiceBuilder::new().layer_fn(|service| Traced { service: Arc::new(service) }).service(bottom))
    }

    /// Calls the method of that name. `extensions` are what it gets to know beside its parameters.
    pub async fn call(&self, method: &'static str, params: Option<&RawValue>, extensions: Extensions) -> Answer {
        let mut request = Request::owned(method.to_owned(), params.map(ToOwned::to_owned), ID);
        request.extensions = extensions;
        let response = self.0.call(request).await;
        Answer { is_success: response.is_success(), text: response.into_json() }
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

#[cfg(test)]
mod tests {
    use jsonrpsee::RpcModule;
    use jsonrpsee::types::ErrorObjectOwned;

    use super::*;

    #[tokio::test]
    async fn results_are_where_they_are_looked_for() {
        let mut module = RpcModule::new(());
        for (name, result) in [("list", "[1,\"}\"]"), ("nothing", "null"), ("object", "{\"error\":{}}")] {
            let method = move |_: Params<'static>, _: Arc<()>, _: Extensions| async move {
                RawValue::from_string(result.to_owned()).map_err(|_| ErrorObjectOwned::from(ErrorCode::InternalError))
            };
            module.register_async_method(name, method).unwrap();
        }
        let rpc = Rpc::new(module.into());
        for (name, result) in [("list", "[1,\"}\"]"), ("nothing", "null"), ("object", "{\"error\":{}}")] {
            let answer = rpc.call(name, None, Extensions::new()).await;
            assert_eq!(answer.result(), Some(result));
            assert_eq!(answer.outcome(), Ok(result));
            // Where it is looked for.
            assert_eq!(Answer { is_success: false, ..answer }.outcome(), Ok(result));
        }
        let failed = rpc.call("unknown", None, Extensions::new()).await;
        assert_eq!(failed.outcome(), Err(r#"{"code":-32601,"message":"Method not found"}"#));
    }
}
