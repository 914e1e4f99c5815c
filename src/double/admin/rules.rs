//! `/__wiredoo/faults` and `/__wiredoo/stubs`: what happens to calls.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, DB, Shared, Surface, json_answer, json_with, of, parse_json, said};
use crate::double::Double;
use crate::double::error::Refusal;
use crate::double::rules::{Does, Rule, Rules};

/// The routes.
pub fn routes(surface: Surface) -> Surface {
    surface
        .at(
            "GET",
            "/faults",
            &said("The faults in force.").query(DB).answers(200, "Rules"),
            async |State(double): Shared, db| json_answer(&double.faults.list(of(&db))),
        )
        .at(
            "POST",
            "/faults",
            &said("Puts a fault in force.").body("Fault").answers(201, "Rule"),
            async |State(double): Shared, body: Bytes| add(&double, &double.faults, &body),
        )
        .at(
            "DELETE",
            "/faults",
            &said("Removes the faults of a database, or all.").query(DB).nothing(),
            async |State(double): Shared, db| {
                double.faults.clear(of(&db));
                StatusCode::NO_CONTENT
            },
        )
        .at(
            "GET",
            "/faults/{id}",
            &said("A fault.").answers(200, "Rule"),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.faults.get(id).map(|rule| json_answer(&rule)).ok_or_else(|| no_rule(id))
            },
        )
        .at(
            "DELETE",
            "/faults/{id}",
            &said("Removes a fault.").nothing(),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.faults.remove(id).then_some(StatusCode::NO_CONTENT).ok_or_else(|| no_rule(id))
            },
        )
        .at(
            "GET",
            "/stubs",
            &said("The stubs in force.").query(DB).answers(200, "Rules"),
            async |State(double): Shared, db| json_answer(&double.stubs.list(of(&db))),
        )
        .at(
            "GET",
            "/stubs/unused",
            &said("The stubs that no call has used.").query(DB).answers(200, "Rules"),
            async |State(double): Shared, db| json_answer(&double.unused_stubs(of(&db))),
        )
        .at(
            "POST",
            "/stubs",
            &said("Puts a stub in force.").body("Stub").answers(201, "Rule"),
            async |State(double): Shared, body: Bytes| add(&double, &double.stubs, &body),
        )
        .at(
            "DELETE",
            "/stubs",
            &said("Removes the stubs of a database, or all.").query(DB).nothing(),
            async |State(double): Shared, db| {
                double.stubs.clear(of(&db));
                StatusCode::NO_CONTENT
            },
        )
        .at(
            "GET",
            "/stubs/{id}",
            &said("A stub.").answers(200, "Rule"),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.stubs.get(id).map(|rule| json_answer(&rule)).ok_or_else(|| no_rule(id))
            },
        )
        .at(
            "DELETE",
            "/stubs/{id}",
            &said("Removes a stub.").nothing(),
            async |State(double): Shared, Path(id): Path<u64>| {
                double.stubs.remove(id).then_some(StatusCode::NO_CONTENT).ok_or_else(|| no_rule(id))
            },
        )
}

fn no_rule(id: u64) -> Refusal {
    Refusal::missing(format!("there is no rule {id}"))
}

fn add<T: Does + DeserializeOwned + Serialize>(double: &Double, rules: &Rules<T>, body: &[u8]) -> Answer {
    let rule = rules.add(double.next_rule(), Rule::parse(parse_json(body)?)?)?;
    Ok(json_with(StatusCode::CREATED, &rule))
}
