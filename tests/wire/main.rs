//! The tests that speak the wire, each file about one part of it. They are one program, since to link one for each file
//! takes minutes and gigabytes; a single file's run with `cargo test --test wire records::`.

mod api_keys;
mod architecture;
mod attachments;
mod client_needs;
mod command_line;
mod common;
mod content;
mod doc_bearer;
mod domains;
mod double;
mod dumps;
mod envelope;
mod faults;
mod fixtures;
mod generate;
mod groups;
mod json2;
mod jsonrpc_service;
mod limits;
mod manual_models;
mod metrics;
mod processes;
mod python;
mod records;
mod recordsets;
mod rights;
mod session_auth;
mod statements;
mod transactions;
mod web_client;
mod web_database;
mod web_routes;
mod web_session;
mod xmlrpc;
mod xmlrpc_codec;
