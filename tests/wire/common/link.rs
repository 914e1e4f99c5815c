//! A network between a server and its PostgreSQL server that a test can break.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// They go on.
    Open,
    /// Those of connections up to this number stay where they are, and nobody is told.
    Stalled(usize),
    /// All connections are closed, also new ones.
    Cut,
}

/// A link that forwards bytes as long as it is let.
pub struct Link {
    address: SocketAddr,
    /// How many connections there have been.
    count: Arc<AtomicUsize>,
    state: watch::Sender<State>,
}

impl Link {
    /// A link to the server of a URL.
    pub async fn to(url: &url::Url) -> Self {
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Open);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                if *seen.borrow() == State::Cut {
                    continue;
                }
                let Ok(far) = TcpStream::connect((target.0.as_str(), target.1)).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(forward(near_in, far_out, number, seen.clone()));
                tokio::spawn(forward(far_in, near_out, number, seen.clone()));
            }
        });
        Self { address, count, state }
    }

    /// The same URL, by way of the link.
    pub fn of(&self, url: &url::Url) -> String {
        let mut url = url.clone();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.to_string()
    }

    /// Holds everything back, on old connections and on new ones.
    pub fn stall(&self) {
        self.state.send_replace(State::Stalled(usize::MAX));
    }

    /// Lets new connections through. The old ones stay as they are, as if something between had forgotten them.
    pub fn forget_old(&self) {
        self.state.send_replace(State::Stalled(self.count.load(Ordering::SeqCst)));
    }

    /// Closes everything.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Is a network again.
    pub fn mend(&self) {
        self.state.send_replace(State::Open);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: usize, mut state: watch::Receiver<State>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let passes = |state: &State| match state {
            State::Stalled(last) => number > *last,
            State::Open | State::Cut => true,
        };
        match state.wait_for(passes).await.as_deref() {
            Ok(State::Cut) | Err(_) => return,
            Ok(_) => {}
        }
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            changed = state.changed() => if changed.is_ok() { continue } else { return },
        };
        // What came in just as the link stalled is held back, too.
        if state.wait_for(passes).await.is_err() {
            return;
        }
        match read {
            Ok(count @ 1..) if to.write_all(&bytes[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
