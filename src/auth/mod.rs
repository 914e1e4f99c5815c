//! Who is calling: passwords, sessions, API keys, and the cooldown of failed logins.

pub mod api_key;
pub mod cooldown;
pub mod csrf;
pub mod identity;
pub mod login;
pub mod master;
pub mod password;
pub mod session;
pub mod visit;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use entity::res_users;
use sha2::{Digest as _, Sha256};

use crate::database::{Database, Version};

/// A user who is logged in, and the database.
#[derive(Clone, Debug)]
pub struct Caller {
    pub database: Arc<Database>,
    /// What is remembered of the database counts for the call if it is of this version.
    pub version: Version,
    pub user: Arc<res_users::Model>,
}

impl Caller {
    /// Tells those who follow the request whose it is.
    pub fn record(&self) {
        tracing::Span::current().record("db", self.database.name()).record("uid", self.user.id);
    }
}

/// How many random bytes there have been, under a seed.
static SEEDED: OnceLock<(u64, AtomicU64)> = OnceLock::new();

/// Makes all that is random in this process repeatable, for tests: session ids, keys, salts. Only the first seed counts.
/// Nobody may do that to a server whose secrets are to be such.
pub fn seed(seed: u64) {
    if SEEDED.set((seed, AtomicU64::new(0))).is_err() {
        tracing::warn!("what is random in this process was seeded before");
    }
}

/// Random bytes of the operating system, or those of the [`seed`].
///
/// # Panics
/// The operating system has none, in which case no secret could be made.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Some((seed, given)) = SEEDED.get() {
        for chunk in bytes.chunks_mut(32) {
            let number = given.fetch_add(1, Ordering::Relaxed);
            let digest = Sha256::digest([seed.to_le_bytes(), number.to_le_bytes()].concat());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        return bytes;
    }
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}
