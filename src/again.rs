//! Work that goes on at once when it has woken itself.
//!
//! Who serves a connection reads a request's body from a channel that it fills itself, so it wakes itself with each request.
//! The runtime takes that for a wish to let others go first: it puts the task at the end of a queue, and wakes a thread to
//! look whether it can help. That costs more than most requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often work goes on at most before others get their turn.
const ROUNDS: usize = 8;

/// Work that is polled again at once when it was woken while it was polled.
#[derive(Debug)]
pub struct Again<F> {
    work: Pin<Box<F>>,
    signal: Arc<Signal>,
    waker: Waker,
}

/// Lets `work` go on at once when it wakes itself.
pub fn again<F: Future>(work: F) -> Again<F> {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    Again { work: Box::pin(work), signal, waker }
}

/// Nobody polls the work; who wakes it wakes its task.
const IDLE: u8 = 0;
/// It is polled.
const POLLED: u8 = 1;
/// It is polled, and was woken meanwhile.
const WOKEN: u8 = 2;

#[derive(Debug, Default)]
struct Signal {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let polled = self.state.compare_exchange(POLLED, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if polled == Err(IDLE) {
            self.task.wake();
        }
    }
}

impl<F: Future> Future for Again<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { work, signal, waker } = &mut *self;
        signal.task.register(context.waker());
        for _ in 0..ROUNDS {
            signal.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(done);
            }
            if signal.state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Poll::Pending;
            }
        }
        signal.state.store(IDLE, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    /// Wakes itself so often before it is done; counts how often its task was polled.
    async fn polls(times: usize) -> usize {
        let (mut left, tasks) = (times, AtomicUsize::new(0));
        let mut work = again(poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        poll_fn(|context| {
            tasks.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut work).poll(context)
        })
        .await;
        tasks.into_inner()
    }

    #[tokio::test]
    async fn what_wakes_itself_goes_on_and_lets_others_go_first_in_the_end() {
        assert_eq!(polls(0).await, 1);
        assert_eq!(polls(ROUNDS - 1).await, 1);
        assert_eq!(polls(ROUNDS).await, 2);
        assert_eq!(polls(10 * ROUNDS).await, 11);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_waking_is_lost() {
        let tasks = (0..200_u64).map(|number| {
            let (tell, told) = oneshot::channel();
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                tell.send(number).unwrap();
            });
            tokio::spawn(again(async move {
                tokio::task::yield_now().await;
                told.await.unwrap()
            }))
        });
        let all = async {
            let mut sum = 0;
            for task in tasks.collect::<Vec<_>>() {
                sum += task.await.unwrap();
            }
            sum
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(30), all).await.unwrap(), 199 * 100);
    }
}
