//! What the bytes look like: envelopes, faults, REST bodies, cookies' values, error pages. Nothing here knows a model or
//! a database.

pub mod envelope;
pub mod fault;
pub mod file;
pub mod json2;
pub mod json_text;
pub mod page;
pub mod rest;
pub mod rpc;
pub mod xmlrpc;
