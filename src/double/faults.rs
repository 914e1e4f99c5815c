//! Faults: what goes wrong on demand.

use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::rules::{Does, Rule};
use crate::error::Error;

/// A rule by which something goes wrong.
pub type Fault = Rule<Goes>;

/// The part of a fault that says what goes wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Goes {
    pub effect: Effect,
}

/// What goes wrong: a delay, and at most one of `error`, `http`, `connection` and `restart`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effect {
    /// Before anything else the call waits so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// The call is not run; it is answered with this error, as its dialect and the series write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    /// The error's text; Odoo's usual one where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For `serialization_failure`: the server tries again and succeeds, after so many tries in vain (1 to 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried: Option<u32>,
    /// The call is not run; a proxy in front of the server answers with this status and a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// For `http`: the header `Retry-After`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// For `http`: the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// For `slow`: how fast the answer comes; 100 where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// The server goes down: the connection is cut before the call runs, and what the process remembers is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
}

/// The errors that a call can be answered with on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    SessionExpired,
    AccessDenied,
    AccessError,
    UserError,
    ValidationError,
    MissingError,
    SerializationFailure,
}

/// What a connection suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It is closed before the call runs.
    CutBefore,
    /// The call runs and what it wrote is there; then the connection is closed without an answer.
    CutAfter,
    /// Half of the answer is sent, then the connection is closed.
    Truncated,
    /// The answer is garbled: status 200, and a body that nobody can read.
    Malformed,
    /// The answer comes byte by byte.
    Slow,
}

/// How a server goes down.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {
    /// For so long after it, all connections are closed unanswered.
    pub down_ms: u64,
}

/// The statuses that a proxy writes by itself.
const STATUSES: [u16; 6] = [429, 500, 502, 503, 504, 413];

impl Does for Goes {
    fn can_precede_calls(&self) -> bool {
        // An error has the form of the dialect, which only a call has.
        self.effect.error.is_none()
    }

    fn check(&self) -> Result<(), Refusal> {
        self.effect.check().map_err(|refusal| match &refusal.at {
            Some(at) => Refusal { at: Some(format!("effect.{at}")), ..refusal },
            None => refusal.at("effect"),
        })
    }
}

impl Effect {
    fn check(&self) -> Result<(), Refusal> {
        let main = [self.error.is_some(), self.http.is_some(), self.connection.is_some(), self.restart.is_some()];
        match main.iter().filter(|said| **said).count() {
            0 if self.delay_ms.is_none() => {
                return Err(Refusal::wrong(
                    "nothing goes wrong: write delay_ms, error, http, connection or restart, as in {\"error\": \"user_error\"}",
                ));
            }
            0 | 1 => {}
            _ => return Err(Refusal::wrong("only one of error, http, connection and restart can happen to a call")),
        }
        if let Some(status) = self.http.filter(|status| !STATUSES.contains(status)) {
            return Err(Refusal::wrong(format!(
                "a proxy answers with 413, 429, 500, 502, 503 or 504, not {status}; for what Odoo itself says, use \"error\""
            ))
            .at("http"));
        }
        let retries = self.error == Some(ErrorKind::SerializationFailure);
        for (name, said, with, fits) in [
            ("message", self.message.is_some(), "error", self.error.is_some()),
            ("retried", self.retried.is_some(), "\"error\": \"serialization_failure\"", retries),
            ("retry_after", self.retry_after.is_some(), "http", self.http.is_some()),
            ("body", self.body.is_some(), "http", self.http.is_some()),
            (
                "bytes_per_second",
                self.bytes_per_second.is_some(),
                "\"connection\": \"slow\"",
                self.connection == Some(Connection::Slow),
            ),
        ] {
            if said && !fits {
                return Err(Refusal::wrong(format!("{name} says something of {with}, which is missing")).at(name));
            }
        }
        if self.retried.is_some_and(|tries| !(1..=4).contains(&tries)) {
            return Err(
                Refusal::wrong("Odoo tries a transaction five times, so 1 to 4 tries can be in vain").at("retried")
            );
        }
        if self.bytes_per_second == Some(0) {
            return Err(
                Refusal::wrong("at least one byte in a second; to send none, use cut_before").at("bytes_per_second")
            );
        }
        Ok(())
    }

    /// The error that a call is answered with.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        let text = |usual: &str| self.message.clone().unwrap_or_else(|| usual.to_owned());
        Some(match self.error? {
            ErrorKind::SessionExpired => Error::SessionExpired,
            ErrorKind::AccessDenied => Error::AccessDenied(text("Access Denied")),
            ErrorKind::AccessError => Error::AccessError(text("You are not allowed to access this record.")),
            ErrorKind::UserError => Error::UserError(text("The operation cannot be completed.")),
            ErrorKind::ValidationError => Error::ValidationError(text("The operation cannot be completed.")),
            ErrorKind::MissingError => Error::MissingError(text("Record does not exist or has been deleted.")),
            ErrorKind::SerializationFailure if self.retried.is_some() => return None,
            ErrorKind::SerializationFailure => Error::Python {
                name: "psycopg2.errors.SerializationFailure",
                message: text("could not serialize access due to concurrent update\n"),
            },
        })
    }
}

impl Rule<Goes> {
    /// The call is answered with this error.
    #[must_use]
    pub fn error(mut self, kind: ErrorKind, message: &str) -> Self {
        self.does.effect.error = Some(kind);
        self.does.effect.message = (!message.is_empty()).then(|| message.to_owned());
        self
    }

    /// The call waits first.
    #[must_use]
    pub fn delay(mut self, time: std::time::Duration) -> Self {
        self.does.effect.delay_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// A proxy answers.
    #[must_use]
    pub fn http(mut self, status: u16) -> Self {
        self.does.effect.http = Some(status);
        self
    }

    /// The proxy says after how many seconds the client may come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.does.effect.retry_after = Some(seconds);
        self
    }

    /// The call cannot be serialised, which the server settles by itself after so many tries (1 to 4).
    #[must_use]
    pub fn retried(mut self, tries: u32) -> Self {
        self.does.effect.error = Some(ErrorKind::SerializationFailure);
        self.does.effect.retried = Some(tries);
        self
    }

    /// The server goes down before the call runs, and answers nobody for that time.
    #[must_use]
    pub fn restart(mut self, down: std::time::Duration) -> Self {
        self.does.effect.restart = Some(Restart { down_ms: u64::try_from(down.as_millis()).unwrap_or(u64::MAX) });
        self
    }

    /// The connection suffers.
    #[must_use]
    pub fn connection(mut self, what: Connection) -> Self {
        self.does.effect.connection = Some(what);
        self
    }
}
