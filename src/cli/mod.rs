//! The command line.

mod args;
mod bar;
mod double;
mod manage;
mod serve;

use std::num::NonZero;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use args::{Cli, Command};

use crate::database::threads;

/// What goes wrong on the command line: one line for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl From<crate::StartError> for Failure {
    fn from(error: crate::StartError) -> Self {
        Self(error.to_string())
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        Self(error.reason())
    }
}

impl From<crate::database::OpenError> for Failure {
    fn from(error: crate::database::OpenError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads the arguments and does what they say. The exit status is 0, 1 for a failure, 2 for wrong arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match cli.command {
            None => serve::serve(cli.serve).await,
            Some(Command::Serve(args)) => serve::serve(*args).await,
            Some(Command::User { store, command }) => manage::user(store, command).await,
            Some(Command::Apikey { store, command }) => manage::api_key(store, command).await,
            Some(Command::Db { store, command }) => manage::db(store, command).await,
            Some(Command::HashPassword { pbkdf2_rounds }) => manage::hash_password(pbkdf2_rounds).await,
            Some(Command::Healthcheck { url }) => manage::healthcheck(&url).await,
        }
    });
    // Do not wait for hashes that nobody wants any more.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The runtime of all commands: some of its threads may wait for SQLite.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(cores.max(threads::WORKERS)).enable_all().build()
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("wiredoo: {error}");
    ExitCode::FAILURE
}
