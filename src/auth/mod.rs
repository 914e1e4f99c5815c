//! Who is calling: passwords, sessions, API keys, and the cooldown of failed logins.

pub mod api_key;
pub mod cooldown;
pub mod login;
pub mod master;
pub mod password;
pub mod session;
pub mod visit;

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
