//! Reading on PostgreSQL in the state in which the database is supposed to be: that of the last request.
//!
//! To ask for the version first, and then for what a call is about, is two turns to the server. Most often nothing has
//! changed that concerns what is remembered, so here a call is answered with what is remembered of the last version, and
//! each of its statements tells with its rows which snapshot it saw. Where that is of another version, or two statements
//! saw different states, nothing of the answer counts, and the request goes the way that asks first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{DbErr, QueryResult, Statement};
use tokio::sync::Mutex;

use super::postgres::Pool;
use super::signal::Version;
use super::snapshot::Snapshots;

/// The name of the last column of each row, which is the snapshot.
const SNAPSHOT: &str = "wiredoo_snapshot";

/// A reader who supposes that the database has a version.
#[derive(Debug)]
pub struct Supposition {
    pool: Arc<Pool>,
    snapshots: Arc<Snapshots>,
    version: Version,
    sight: Mutex<Sight>,
    /// Whether it was to do what it cannot.
    refused: AtomicBool,
}

/// What has been seen of the state.
#[derive(Debug)]
enum Sight {
    /// Nothing was asked yet.
    Nothing,
    /// A statement is under way, or its answer was not waited for.
    Asking,
    /// All statements saw this snapshot, which is of the supposed version.
    Snapshot(String),
    /// The last statement has answered no row, so it is not known what it saw; those before it, if any, saw this snapshot.
    Unknown(Option<String>),
    /// It is not as was supposed.
    Wrong,
    /// A statement failed, which it may have done for that.
    Failed,
}

/// What has come of a supposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was seen in one state of the supposed version.
    Held,
    /// It has not held.
    Wrong,
    /// A statement failed, or cannot be run so, which says nothing.
    Failed,
    /// A statement was not answered in time.
    Stalled,
}

fn wrong() -> DbErr {
    DbErr::Custom("the database is not in the state that was supposed".to_owned())
}

impl Supposition {
    pub fn new(pool: &Arc<Pool>, snapshots: &Arc<Snapshots>, version: &Version) -> Self {
        let (pool, snapshots) = (Arc::clone(pool), Arc::clone(snapshots));
        let (sight, refused) = (Mutex::new(Sight::Nothing), AtomicBool::new(false));
        Self { pool, snapshots, version: version.alone(), sight, refused }
    }

    /// The error of whoever wants to write, or to have a part of the transaction taken back.
    pub fn refuse(&self) -> DbErr {
        self.refused.store(true, Ordering::Relaxed);
        DbErr::Custom("what was only supposed cannot be changed".to_owned())
    }

    /// The rows that a statement answers which only reads; they have one column more, at their end.
    ///
    /// # Errors
    /// A failure of the database, or it is not in the supposed state.
    pub async fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut sight = self.sight.lock().await;
        let before = match std::mem::replace(&mut *sight, Sight::Asking) {
            Sight::Nothing => None,
            // The one without rows has seen the same, if the next one does.
            Sight::Snapshot(seen) | Sight::Unknown(Some(seen)) => Some(seen),
            Sight::Wrong => {
                *sight = Sight::Wrong;
                return Err(wrong());
            }
            Sight::Asking | Sight::Unknown(None) | Sight::Failed => {
                *sight = Sight::Failed;
                return Err(wrong());
            }
        };
        let answered = self.pool.query(with_snapshot(statement)).await;
        *sight = Sight::Failed;
        let rows = answered?;
        let Some(row) = rows.first() else {
            *sight = Sight::Unknown(before);
            return Ok(rows);
        };
        let seen: String = row.try_get("", SNAPSHOT)?;
        if !self.fits(&seen, before.as_ref()) {
            *sight = Sight::Wrong;
            return Err(wrong());
        }
        *sight = Sight::Snapshot(seen);
        Ok(rows)
    }

    /// Whether a snapshot is the one `before` it, or else of the supposed version.
    fn fits(&self, seen: &str, before: Option<&String>) -> bool {
        match before {
            Some(before) => before == seen,
            None => self.snapshots.version(seen.to_owned()) == self.version,
        }
    }

    /// What has come of it; asks where no row has told.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn outcome(&self) -> Result<Outcome, DbErr> {
        let sight = self.sight.lock().await;
        if self.refused.load(Ordering::Relaxed) {
            return Ok(Outcome::Failed);
        }
        let before = match &*sight {
            Sight::Snapshot(_) => return Ok(Outcome::Held),
            Sight::Wrong => return Ok(Outcome::Wrong),
            Sight::Failed => return Ok(Outcome::Failed),
            Sight::Asking => return Ok(Outcome::Stalled),
            Sight::Nothing => None,
            Sight::Unknown(before) => before.as_ref(),
        };
        let now = self.pool.snapshot().await?;
        Ok(if self.fits(&now, before) { Outcome::Held } else { Outcome::Wrong })
    }
}

/// The statement with the snapshot that it sees as a column more.
fn with_snapshot(statement: Statement) -> Statement {
    let sql = format!(
        "SELECT \"answer\".*, (SELECT pg_current_snapshot()::text) AS \"{SNAPSHOT}\" FROM ({}) AS \"answer\"",
        statement.sql
    );
    Statement { sql, ..statement }
}
