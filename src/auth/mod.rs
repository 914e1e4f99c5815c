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

use std::sync::Arc;

use entity::res_users;

use crate::database::{Database, Version};

/// A user who is logged in, and the database.
#[derive(Clone, Debug)]
pub struct Caller {
    pub database: Arc<Database>,
    /// What is remembered of the database counts for the call if it is of this version.
    pub version: Version,
    pub user: res_users::Model,
}

/// Random bytes of the operating system.
///
/// # Panics
/// The operating system has none, in which case no secret could be made.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}
