//! SQLite: connections, the pool of those to one database, and values as they go in and come out.
//!
//! Statements run on the thread that asks, without a hop to another one for each; so whoever asks must be on a thread that
//! may wait, which [`threads`](super::threads) sees to.

mod connection;
mod failure;
mod pool;
mod values;

pub use connection::{Connection, Source, Table};
pub use pool::{Lease, Pool};
pub use values::Cell;
