//! A shop that syncs with Odoo: customers and orders go there, and what somebody changes there comes back. It speaks
//! JSON-RPC over Odoo's web session and needs nothing but an HTTP client.

pub mod odoo;
pub mod shop;
pub mod sync;
