//! Odoo over its web session.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum OdooError {
    /// Odoo has answered with an error: the name of the exception, and its text.
    #[error("{message}")]
    Refused { name: String, message: String },
    /// Login or password are wrong; trying again is no use.
    #[error("the login is refused: {0}")]
    Credentials(String),
    /// There is no answer. Whether the call has run, nobody knows.
    #[error("no answer: {0}")]
    Lost(String),
}

/// Methods that change nothing, so that a call whose answer was lost can simply be made again.
const READING: [&str; 5] = ["search", "search_read", "search_count", "read", "fields_get"];
const SESSION_EXPIRED: &str = "odoo.http.SessionExpiredException";
const ACCESS_DENIED: &str = "odoo.exceptions.AccessDenied";
const TOO_MANY_REQUESTS: u16 = 429;
/// How often a call is tried.
const TRIES: u32 = 4;

/// Calls methods of models. Logs in when it has to, waits where it is told to, repeats what is safe to repeat.
pub struct Odoo {
    http: reqwest::Client,
    url: String,
    credentials: Value,
    logged_in: Mutex<bool>,
    /// How long is waited before a second try; twice as long before a third.
    pause: Duration,
}

impl Odoo {
    /// A client of the server at `url` that has not logged in yet.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(url: &str, db: &str, login: &str, password: &str) -> Result<Self, OdooError> {
        let http = reqwest::Client::builder().cookie_store(true).timeout(Duration::from_secs(30)).build();
        Ok(Self {
            http: http.map_err(|error| lost(&error))?,
            url: url.trim_end_matches('/').to_owned(),
            credentials: json!({"db": db, "login": login, "password": password}),
            logged_in: Mutex::new(false),
            pause: Duration::from_millis(500),
        })
    }

    /// The same with another pause before a second try.
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// What a method answers: `args` is a list, `kwargs` an object.
    ///
    /// # Errors
    /// See [`OdooError`]. `Lost` is told of methods that may have changed something, and after the last try.
    pub async fn call(&self, model: &str, method: &str, args: Value, kwargs: Value) -> Result<Value, OdooError> {
        let params = json!({"model": model, "method": method, "args": args, "kwargs": kwargs});
        let mut attempt = 1;
        loop {
            let answer = match self.log_in().await {
                Ok(()) => self.post("/web/dataset/call_kw", &params).await,
                refused => refused.map(|()| Value::Null),
            };
            match answer {
                // An expired session has run nothing.
                Err(OdooError::Refused { name, .. }) if name == SESSION_EXPIRED && attempt < TRIES => {
                    *self.logged_in.lock().await = false;
                }
                Err(OdooError::Lost(_)) if READING.contains(&method) && attempt < TRIES => self.pause(attempt).await,
                answer => return answer,
            }
            attempt += 1;
        }
    }

    /// Waits, the longer the more attempts there were.
    pub async fn pause(&self, attempt: u32) {
        tokio::time::sleep(self.pause * 2_u32.pow(attempt - 1)).await;
    }

    /// Begins a session, where none is under way.
    async fn log_in(&self) -> Result<(), OdooError> {
        let mut logged_in = self.logged_in.lock().await;
        if !*logged_in {
            match self.post("/web/session/authenticate", &self.credentials).await {
                Err(OdooError::Refused { name, message }) if name == ACCESS_DENIED => {
                    return Err(OdooError::Credentials(message));
                }
                answer => answer?,
            };
            *logged_in = true;
        }
        Ok(())
    }

    async fn post(&self, path: &str, params: &Value) -> Result<Value, OdooError> {
        let envelope = json!({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params});
        for _ in 0..TRIES {
            let answer = self.http.post(format!("{}{path}", self.url)).json(&envelope).send().await;
            let answer = answer.map_err(|error| lost(&error))?;
            let status = answer.status();
            if status.as_u16() == TOO_MANY_REQUESTS {
                // This one was not let through, so it can be made again.
                let after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
                tokio::time::sleep(Duration::from_secs(after.unwrap_or(1))).await;
                continue;
            }
            if !status.is_success() {
                return Err(OdooError::Lost(format!("status {status}")));
            }
            let mut answer: Value = answer.json().await.map_err(|error| lost(&error))?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            return match &answer["error"] {
                Value::Null => Ok(answer["result"].take()),
                error => Err(OdooError::Refused {
                    name: text(&error["data"]["name"]),
                    message: text(&error["data"]["message"]),
                }),
            };
        }
        Err(OdooError::Lost("the server lets nobody through".to_owned()))
    }
}

fn lost(error: &reqwest::Error) -> OdooError {
    OdooError::Lost(error.to_string())
}
