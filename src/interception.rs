//! Who may stand between a call and its answer. Nobody does, unless the server is a test double: then every call of
//! a method or of a service goes through one [`Interceptor`], which lets it run, answers in its place, or notes it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::http::Extensions;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::reply::Reply;

tokio::task_local! {
    static EXCHANGE: Exchange;
}

/// A request and its answer: what those who stand around the handler, and those within, tell each other.
#[derive(Clone, Default)]
pub struct Exchange(Arc<Mutex<Extensions>>);

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

impl Exchange {
    /// The exchange that this task serves, where somebody stands around it.
    #[must_use]
    pub fn current() -> Option<Self> {
        EXCHANGE.try_with(Clone::clone).ok()
    }

    /// Leaves a note, in the place of one of the same kind.
    pub fn leave<T: Clone + Send + Sync + 'static>(&self, note: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(note);
    }

    /// The note of this kind.
    #[must_use]
    pub fn look<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get().cloned()
    }

    /// Takes the note of this kind away.
    #[must_use]
    pub fn take<T: Send + Sync + 'static>(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove()
    }

    /// Runs what serves this exchange.
    pub async fn serve<F: Future>(self, serve: F) -> F::Output {
        EXCHANGE.scope(self, serve).await
    }
}

/// Notes why a request is answered with an error, for whoever stands around the handler.
pub fn note_failure(error: &Error) {
    if let Some(exchange) = Exchange::current() {
        exchange.leave(Failure { name: error.name().to_owned(), message: error.to_string() });
    }
}

/// Why a request was answered with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub name: String,
    pub message: String,
}

/// A call of a method of a model, or of a function of a service, before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// `object` for methods of models, else `common`, `db` or `session`.
    pub service: &'c str,
    pub database: Option<&'c str>,
    /// Id and login of who calls, where somebody is logged in.
    pub user: Option<(i32, &'c str)>,
    pub model: Option<&'c str>,
    pub method: &'c str,
    /// The records, where they came apart from the arguments.
    pub ids: Option<&'c Value>,
    /// By position.
    pub args: &'c [Value],
    /// By name.
    pub kwargs: &'c Map<String, Value>,
}

/// What a call comes to.
pub type Running<'c> = Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'c>>;

/// One who stands between calls and their answers.
#[async_trait]
pub trait Interceptor: fmt::Debug + Send + Sync {
    /// Answers a call: by letting it `run`, or otherwise.
    ///
    /// # Errors
    /// Those of the call, or others in their place.
    async fn answer<'c>(&self, call: Call<'c>, run: &(dyn Fn() -> Running<'c> + Send + Sync)) -> Result<Reply>;

    /// Whether calls of a model that the database does not have can be answered.
    fn knows_model(&self, database: &str, model: &str) -> bool;
}

/// The interceptor of a server that has one.
pub type Intercepting = Option<Arc<dyn Interceptor>>;

/// Answers a call through the interceptor, if there is one.
///
/// # Errors
/// Those of the call, or others in their place.
pub async fn answer<'c>(
    interceptor: &Intercepting,
    call: Call<'c>,
    run: impl Fn() -> Running<'c> + Send + Sync,
) -> Result<Reply> {
    match interceptor {
        Some(interceptor) => interceptor.answer(call, &run).await,
        None => run().await,
    }
}
