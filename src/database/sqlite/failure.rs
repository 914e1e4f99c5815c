//! Errors of SQLite in the form in which sea-orm has those of its drivers, so that they are looked into at one place.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rusqlite::ffi;
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// What SQLite said.
#[derive(Debug)]
struct Failure {
    /// The extended result code.
    code: i32,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for Failure {}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => ErrorKind::UniqueViolation,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ErrorKind::ForeignKeyViolation,
            ffi::SQLITE_CONSTRAINT_NOTNULL => ErrorKind::NotNullViolation,
            ffi::SQLITE_CONSTRAINT_CHECK => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}

/// An error of SQLite as one of sea-orm.
pub fn of(error: rusqlite::Error) -> DbErr {
    let failure = match error {
        rusqlite::Error::SqliteFailure(error, message) => {
            Failure { code: error.extended_code, message: message.unwrap_or_else(|| error.to_string()) }
        }
        rusqlite::Error::SqlInputError { error, msg, .. } => Failure { code: error.extended_code, message: msg },
        other => return DbErr::Custom(other.to_string()),
    };
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Database(Box::new(failure)))))
}

/// Said where there is no connection to be had in time.
pub fn pool_timed_out() -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::PoolTimedOut)))
}

/// Said where the database was closed.
pub fn closed() -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::PoolClosed)))
}
