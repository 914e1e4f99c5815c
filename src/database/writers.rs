//! Writers of one SQLite database: one after the other, and those that wait for each other are committed together.
//!
//! A commit waits for the disk, which takes longer than what most calls write. So a writer whom others wait for does not commit:
//! the next one goes on in its transaction, each in a part of its own that can be taken back, and the last one commits
//! for all. Nobody is told that something is written before it is committed.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::sync::{Mutex, MutexGuard};

use super::connection::Purpose;
use super::signal::Signal;
use super::{Connection, Step, Transaction, threads};
use crate::error::Result;

/// How many writers are committed together at most.
const MEMBERS: usize = 64;

/// The writers of one database.
#[derive(Debug, Default)]
pub struct Writers {
    open: Mutex<Option<Open>>,
    /// How many wait for their turn.
    queued: AtomicUsize,
}

/// A transaction in which several have written. With it go those who wait for its end: where it is rolled back, for whatever
/// reason, they learn that by their channels.
#[derive(Debug)]
pub struct Open {
    transaction: Transaction,
    members: Vec<Sender<Result<(), DbErr>>>,
}

impl Open {
    /// Commits, and tells all members what came of it.
    async fn commit(self, signal: &Signal) -> Result<(), DbErr> {
        let done = signal.commit(self.transaction).await;
        for member in self.members {
            // Who does not wait any more need not know.
            member.send(done.clone()).ok();
        }
        done
    }
}

/// One who waits for a turn.
struct Queued<'w>(&'w AtomicUsize);

impl<'w> Queued<'w> {
    fn new(queued: &'w AtomicUsize) -> Self {
        queued.fetch_add(1, Ordering::Relaxed);
        Self(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A member who waits for the commit. If it stops waiting and nobody has a turn, what is written is rolled back.
struct Member<'w>(&'w Writers);

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if let Ok(mut open) = self.0.open.try_lock() {
            drop(open.take());
        }
    }
}

impl Writers {
    /// Waits for the writers before this one. All of them may be waiting for another process.
    ///
    /// # Errors
    /// They took longer than `patience`.
    pub async fn turn(&self, patience: Duration) -> Result<MutexGuard<'_, Option<Open>>, DbErr> {
        // Before the queue, which those on the runtime would else hold up while they move.
        threads::may_wait().await;
        let _queued = Queued::new(&self.queued);
        let late = |_| DbErr::Custom(format!("other writers took longer than {patience:?}"));
        tokio::time::timeout(patience, self.open.lock()).await.map_err(late)
    }

    /// Runs `step` when it is its turn, and answers when what it wrote is committed.
    ///
    /// # Errors
    /// Whatever `step` returns, or a failure of the database; nothing of it is written then.
    pub async fn run<T, F>(&self, connection: &Connection, signal: &Signal, patience: Duration, step: &F) -> Result<T>
    where
        F: for<'a> Fn(&'a Transaction) -> Step<'a, T>,
    {
        let mut turn = self.turn(patience).await?;
        let mut open = match turn.take() {
            Some(open) => Open { transaction: open.transaction.joined(), ..open },
            None => Open { transaction: connection.begin(Purpose::Writing).await?, members: Vec::new() },
        };
        open.transaction.savepoint().await?;
        let done = step(&open.transaction).await;
        if let Err(error) = open.transaction.end_savepoint(done.is_ok()).await {
            // SQLite has rolled back the whole transaction, as it does where the disk is full.
            return done.and(Err(error.into()));
        }
        let written = done.is_ok();
        if !written && open.members.is_empty() {
            return done;
        }
        if self.queued.load(Ordering::Relaxed) == 0 || open.members.len() >= MEMBERS {
            let committed = open.commit(signal).await;
            return if written { done.and_then(|value| committed.map(|()| value).map_err(Into::into)) } else { done };
        }
        if !written {
            *turn = Some(open);
            return done;
        }
        let (tell, told) = oneshot::channel();
        open.members.push(tell);
        *turn = Some(open);
        drop(turn);
        self.committed(signal, told, patience).await?;
        done
    }

    /// Waits until those who were waiting have written too, and commits if none of them has.
    async fn committed(
        &self,
        signal: &Signal,
        mut told: Receiver<Result<(), DbErr>>,
        patience: Duration,
    ) -> Result<(), DbErr> {
        let member = Member(self);
        let mut turn = self.turn(patience).await?;
        let done = match (told.try_recv(), turn.take()) {
            (Ok(done), open) => {
                // Others have begun the next one meanwhile.
                *turn = open;
                done
            }
            // Nobody has ended it, so it is the one that is open.
            (Err(TryRecvError::Empty), Some(open)) => open.commit(signal).await,
            (Err(_), open) => {
                *turn = open;
                Err(DbErr::Custom("the transaction was rolled back".to_owned()))
            }
        };
        drop(turn);
        mem::forget(member);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sea_orm::ConnectionTrait as _;
    use sea_orm::sea_query::{Alias, Expr, Func, Query};
    use tokio::sync::Barrier;

    use super::*;
    use crate::database::dialect;
    use crate::error::Error;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn table(connection: &Connection, rule: &str) {
        let sql = format!("CREATE TABLE numbers (number integer{rule})");
        dialect::run_script(connection, &[sql]).await.unwrap();
    }

    async fn count(connection: &Connection) -> i64 {
        let all = Query::select().expr(Func::count(Expr::val(1))).from(Alias::new("numbers")).take();
        connection.begin(Purpose::Reading).await.unwrap().row(&all).await.unwrap().unwrap().get(0).unwrap()
    }

    /// Writes a number. What is a multiple of five fails after it has been written.
    fn insert(number: i32) -> impl for<'a> Fn(&'a Transaction) -> Step<'a, i32> {
        move |tx| {
            Box::pin(async move {
                let insert = Query::insert()
                    .into_table(Alias::new("numbers"))
                    .columns([Alias::new("number")])
                    .values_panic([Expr::val(number)])
                    .take();
                tx.execute(&insert).await?;
                if number % 5 == 0 { Err(Error::exception("no".to_owned())) } else { Ok(number) }
            })
        }
    }

    async fn add(writers: &Writers, connection: &Connection, number: i32) -> Result<i32> {
        writers.run(connection, &Signal::Process(0.into()), PATIENCE, &insert(number)).await
    }

    #[tokio::test]
    async fn each_is_written_or_told() {
        let connection = Connection::in_memory().await;
        table(&connection, " UNIQUE").await;
        let (writers, together) = (Arc::new(Writers::default()), Arc::new(Barrier::new(40)));
        let tasks: Vec<_> = (0..40)
            .map(|number| {
                let (writers, connection, together) = (Arc::clone(&writers), connection.clone(), Arc::clone(&together));
                tokio::spawn(async move {
                    together.wait().await;
                    // Some are there already.
                    (number, add(&writers, &connection, number % 30).await)
                })
            })
            .collect();
        let mut written = 0;
        for task in tasks {
            let (number, done) = task.await.unwrap();
            written += i64::from(done.is_ok());
            assert!(number % 5 > 0 || done.is_err());
        }
        assert_eq!(written, 24);
        assert_eq!(count(&connection).await, written);
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_open() {
        let connection = Connection::in_memory().await;
        table(&connection, "").await;
        let writers = Arc::new(Writers::default());
        for number in 1..4 {
            let held = writers.turn(PATIENCE).await.unwrap();
            let tasks: Vec<_> = [number, number + 10]
                .into_iter()
                .map(|number| {
                    let (writers, connection) = (Arc::clone(&writers), connection.clone());
                    tokio::spawn(async move { add(&writers, &connection, number).await })
                })
                .collect();
            drop(held);
            tokio::task::yield_now().await;
            tasks.iter().for_each(tokio::task::JoinHandle::abort);
            for task in tasks {
                task.await.ok();
            }
            assert!(writers.open.lock().await.is_none());
        }
        assert_eq!(add(&writers, &connection, 21).await.unwrap(), 21);
    }
}
