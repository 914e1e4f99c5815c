//! Where work may wait. A statement of SQLite runs on the thread that asks for it, and the threads of the runtime, which
//! serve the connections of all clients, are none for that.
//!
//! [`movable`] wraps the work for a request: it begins on the runtime, and at the first [`may_wait`] within it moves, for
//! the rest of its life, to a thread that may wait. So a request that needs no statement costs no change of threads, and
//! one that needs many costs one.
//!
//! A change of threads takes longer than most statements do. So where the runtime has threads to spare, work waits on
//! one of them, as long as some are left that do not wait: [`WORKERS`] is how many the command gives it.

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

/// How many threads the runtime of the command has, whatever the number of cores.
pub const WORKERS: usize = 8;
/// How many threads of a runtime never wait.
const KEPT_FREE: usize = 2;

/// How many threads of the runtimes of this process wait, or may.
static WAITING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Unknown) };
}

/// Where the current thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not within movable work; it waits where it is.
    Unknown,
    /// On the runtime, within movable work.
    Runtime,
    /// As `Runtime`, on a thread that can be spared.
    Spared,
    /// As `Runtime`, and the work has asked to be moved.
    Leaving,
    /// On a thread that may wait.
    Thread,
}

/// Sets where the thread is, and puts it back at its end.
struct At(Place);

impl At {
    fn now(place: Place) -> Self {
        Self(PLACE.replace(place))
    }
}

impl Drop for At {
    fn drop(&mut self) {
        if PLACE.replace(self.0) == Place::Spared {
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What follows runs where it may wait.
pub async fn may_wait() {
    poll_fn(|_| match PLACE.get() {
        Place::Unknown | Place::Thread | Place::Spared => Poll::Ready(()),
        Place::Runtime if can_be_spared() => {
            PLACE.set(Place::Spared);
            Poll::Ready(())
        }
        Place::Runtime | Place::Leaving => {
            PLACE.set(Place::Leaving);
            Poll::Pending
        }
    })
    .await;
}

/// Whether this thread can wait and others are left. If so, it is counted.
fn can_be_spared() -> bool {
    let workers = Handle::try_current().map_or(0, |runtime| runtime.metrics().num_workers());
    let spared = workers.saturating_sub(KEPT_FREE);
    let one_more = |waiting| (waiting < spared).then_some(waiting + 1);
    WAITING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}

/// What panicked work leaves.
pub type Panic = Box<dyn Any + Send>;

/// Work that moves to a thread that may wait when it comes to that. It goes on to its end if nobody waits for it any
/// more.
#[derive(Debug)]
pub struct Movable<T: Send + 'static> {
    state: State<T>,
    /// Whether it waits where it is, so that it may do so again.
    waits: bool,
    /// Whether nobody waits for it any more.
    orphaned: bool,
}

enum State<T> {
    Here(Pin<Box<dyn Future<Output = T> + Send>>),
    There(JoinHandle<T>),
    Done,
}

impl<T> std::fmt::Debug for State<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::There(_) => "There",
            Self::Done => "Done",
        })
    }
}

/// Runs `work`, of which a panic is told as such.
pub fn movable<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Movable<T> {
    Movable { state: State::Here(Box::pin(work)), waits: false, orphaned: false }
}

impl<T: Send + 'static> Future for Movable<T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { state, waits, .. } = &mut *self;
        if let State::Here(work) = state {
            let polled = place(*waits).map(|place| {
                let _at = At::now(place);
                let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
                *waits |= PLACE.get() == Place::Spared;
                (polled, PLACE.get() == Place::Leaving)
            });
            let done = match polled {
                Some((Ok(Poll::Ready(value)), _)) => Some(Ok(value)),
                Some((Err(panic), _)) => Some(Err(panic)),
                Some((Ok(Poll::Pending), false)) => return Poll::Pending,
                Some((Ok(Poll::Pending), true)) | None => None,
            };
            let work = std::mem::replace(state, State::Done);
            match (done, work) {
                (Some(done), _) => return Poll::Ready(done),
                (None, State::Here(work)) => *state = State::There(spawn_blocking(move || on_this_thread(work))),
                (None, _) => {}
            }
        }
        let State::There(running) = &mut self.state else { return Poll::Pending };
        let Poll::Ready(done) = Pin::new(running).poll(context) else { return Poll::Pending };
        self.state = State::Done;
        Poll::Ready(match done {
            Ok(value) => Ok(value),
            Err(error) => Err(error.try_into_panic().unwrap_or_else(|error| Box::new(error.to_string()))),
        })
    }
}

/// Where work is run next; nowhere if it has to move first. Work that waits holds connections, and goes on with statements
/// without asking again.
fn place(waits: bool) -> Option<Place> {
    match PLACE.get() {
        Place::Thread => Some(Place::Thread),
        _ if !waits => Some(Place::Runtime),
        _ => can_be_spared().then_some(Place::Spared),
    }
}

impl<T: Send + 'static> Drop for Movable<T> {
    fn drop(&mut self) {
        // An orphan is dropped only by a runtime that ends, which would drop what it is given at once, and so on.
        if let State::Here(work) = std::mem::replace(&mut self.state, State::Done)
            && !self.orphaned
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(Self { state: State::Here(work), waits: self.waits, orphaned: true }));
        }
    }
}

fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let _at = At::now(Place::Thread);
    Handle::current().block_on(work)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_moves_once_and_only_if_it_must() {
        let here = thread::current().id();
        let stayed = movable(async { thread::current().id() }).await.unwrap();
        assert_eq!(stayed, here);
        let moved = movable(async {
            let before = thread::current().id();
            may_wait().await;
            let after = thread::current().id();
            may_wait().await;
            (before, after, thread::current().id())
        });
        let (before, after, at_last) = moved.await.unwrap();
        assert_eq!(before, here);
        assert_ne!(after, here);
        assert_eq!(at_last, after);
    }

    #[tokio::test]
    async fn a_panic_is_told() {
        assert!(movable(async { panic!("on the runtime") }).await.is_err());
        let later = movable(async {
            may_wait().await;
            panic!("on the thread")
        });
        assert!(later.await.is_err());
        assert!(movable(async {}).await.is_ok());
    }

    #[test]
    fn a_runtime_ends_with_work_under_way() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(movable(std::future::pending::<()>()));
            tokio::task::yield_now().await;
        });
        drop(runtime);
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits() {
        for moves in [false, true] {
            let ((begin, has_begun), (go, may_go), (end, has_ended)) =
                (oneshot::channel(), oneshot::channel(), oneshot::channel());
            let work = movable(async move {
                if moves {
                    may_wait().await;
                }
                begin.send(()).unwrap();
                may_go.await.unwrap();
                end.send(()).unwrap();
            });
            let waiting = tokio::spawn(work);
            has_begun.await.unwrap();
            waiting.abort();
            assert!(waiting.await.is_err());
            go.send(()).unwrap();
            has_ended.await.unwrap();
        }
    }
}
