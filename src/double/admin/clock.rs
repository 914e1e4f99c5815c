//! `/__wiredoo/clock`: what time it is.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query as Parameters, State};
use serde::Deserialize;

use super::{Answer, DB, OfDatabase, Shared, Surface, json_answer, of, parse, said};
use crate::double::error::Refusal;
use crate::double::time::Setting;

/// The routes.
pub fn routes(surface: Surface) -> Surface {
    surface
        .at("GET", "/clock", &said("What a clock shows.").query(DB).answers(200, "Clock"), clock)
        .at("PUT", "/clock", &said("Sets a clock.").query(DB).body("ClockSetting").answers(200, "Clock"), set_clock)
        .at(
            "POST",
            "/clock/advance",
            &said("Puts a clock forward.").query(DB).body("Advance").answers(200, "Clock"),
            advance,
        )
}

async fn clock(State(double): Shared, db: Parameters<OfDatabase>) -> Answer {
    Ok(json_answer(&double.ticks.show(&*double.app()?, of(&db))))
}

async fn set_clock(State(double): Shared, db: Parameters<OfDatabase>, body: Bytes) -> Answer {
    let (app, setting) = (double.app()?, parse::<Setting>(&body)?);
    double.ticks.set(&app, of(&db), &setting)?;
    Ok(json_answer(&double.ticks.show(&app, of(&db))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

async fn advance(State(double): Shared, db: Parameters<OfDatabase>, body: Bytes) -> Answer {
    let Advance { seconds } = parse(&body)?;
    let time = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Refusal::wrong("a clock goes forward only; to set it back, PUT /__wiredoo/clock").at("seconds"))?;
    let app = double.app()?;
    double.ticks.advance(&app, of(&db), time);
    Ok(json_answer(&double.ticks.show(&app, of(&db))))
}
