//! Files that are sent piece by piece, without being in memory as a whole.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The size of a piece.
const PIECE: usize = 64 * 1024;
/// So many pieces wait for a client.
const WAITING: usize = 4;

/// A body with all of a file, which is read on a thread that may block, as fast as the client takes it.
///
/// # Errors
/// The file cannot be read from its start.
pub fn body(mut file: File) -> io::Result<Body> {
    let left = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let (sender, pieces) = channel(WAITING);
    tokio::task::spawn_blocking(move || read(file, &sender));
    Ok(Body::new(Pieces { pieces, left }))
}

/// Reads until the end, or until nobody takes what is read.
fn read(mut file: File, sender: &Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let is_last = !matches!(read, Ok(1..));
        let piece = match read {
            Ok(0) => return,
            Ok(_) => Ok(piece.into()),
            Err(error) => Err(error),
        };
        if sender.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}

struct Pieces {
    pieces: Receiver<io::Result<Bytes>>,
    left: u64,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = std::task::ready!(self.pieces.poll_recv(context));
        Poll::Ready(next.map(|piece| {
            let piece = piece?;
            self.left = self.left.saturating_sub(piece.len() as u64);
            Ok(Frame::data(piece))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_comes_whole() {
        for size in [0, 1, PIECE, PIECE * 3 + 1] {
            let content = vec![7; size];
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&content).unwrap();
            let body = body(file).unwrap();
            assert_eq!(http_body::Body::size_hint(&body).exact(), Some(size as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), content);
        }
    }
}
