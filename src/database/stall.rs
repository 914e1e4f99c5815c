//! Connections to PostgreSQL that do not answer: the network has stalled, or the other side is gone without a word. To wait
//! for them would be to wait as long as the system does, which is a quarter of an hour.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::DbErr;
use sea_orm::sqlx::{Connection as _, Error, PgConnection, Postgres, pool::PoolOptions};

/// For how long after a stall connections are asked whether they answer, before others get them.
const SUSPICIOUS: Duration = Duration::from_mins(2);
/// How long a connection may take to say that it is there.
const PING: Duration = Duration::from_secs(3);
/// A connection that was used so lately is good; to ask each time would double the statements.
const LATELY: Duration = Duration::from_secs(1);

/// When a connection was last found not to answer: milliseconds since the first question, and one.
static LAST: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
}

/// Notes that a connection does not answer.
fn note() {
    LAST.store(now(), Ordering::Relaxed);
}

/// What the server answers, unless it takes longer than `patience`: then the connection is given up.
///
/// # Errors
/// Those of `question`, or that there was no answer.
pub async fn within<T, E: From<DbErr>>(
    patience: Duration,
    question: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    // In a box, since futures in futures become too large for the stack.
    let mut question = Box::pin(question);
    let Ok(answer) = tokio::time::timeout(patience, &mut question).await else {
        // Before the connection goes back to its pool.
        note();
        return Err(DbErr::Custom(format!("the server did not answer within {patience:?}")).into());
    };
    answer
}

/// Whether one has not answered in these minutes.
fn is_suspicious() -> bool {
    let last = LAST.load(Ordering::Relaxed);
    last > 0 && u128::from(now() - last) < SUSPICIOUS.as_millis()
}

async fn answers(connection: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(PING, connection.ping()).await, Ok(Ok(())))
}

/// A pool whose connections are looked at before somebody gets them who would wait for an answer in vain. Those that do not
/// answer are closed, and others take their place.
pub fn watched(pool: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
    pool.before_acquire(|connection, seen| {
        Box::pin(async move { Ok(seen.idle_for < LATELY || answers(connection).await) })
    })
    .after_release(|connection, _| {
        Box::pin(async move {
            // The pool itself waits for the answer of what is given back, without end.
            if !is_suspicious() || answers(connection).await { Ok(true) } else { Err(Error::PoolTimedOut) }
        })
    })
}
