//! The double: what a test sets up, watches and breaks, beside what an Odoo client sees.
//!
//! It may use everything; nothing outside of it may use it, but the wiring of the server.

pub mod fixtures;

/// The examples of the manual.
#[cfg(doctest)]
#[doc = include_str!("../../docs/double.md")]
struct Manual;
