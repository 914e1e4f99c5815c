//! What the command line takes for the test double.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::Failure;
use crate::double::fixtures::Source;
use crate::double::selection::Glob;
use crate::double::time::Preset;
use crate::double::{Settings, journal};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Test double")]
pub struct DoubleArgs {
    /// Be a test double: databases on demand, fixtures, a journal of all calls, faults, stubs and a clock that can be
    /// set, by HTTP at /__wiredoo/. --ephemeral implies it
    #[arg(long, env = "WIREDOO_DOUBLE", value_parser = FalseyValueParser::new())]
    pub double: bool,
    /// What /__wiredoo/ wants as "Authorization: Bearer TOKEN". Without it, only this machine is let in
    #[arg(long, env = "WIREDOO_DOUBLE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub double_token: Option<String>,
    /// File (YAML, JSON, or CSV such as res.partner.csv), or folder of such, that the databases are filled with
    #[arg(long, env = "WIREDOO_FIXTURE", value_name = "PATH", value_delimiter = ',')]
    pub fixture: Vec<PathBuf>,
    /// Make databases whose names fit this pattern (with * and ?) when they are first asked for, such as 'test_*'
    #[arg(long, env = "WIREDOO_DB_AUTO", value_name = "PATTERN", value_delimiter = ',')]
    pub db_auto: Vec<String>,
    /// Time that the clock shows: 2026-01-31T08:00:00Z goes on from there, fixed:TIME stands, tick:TIME moves by a second
    /// with each call
    #[arg(long, env = "WIREDOO_CLOCK", value_name = "TIME")]
    pub clock: Option<Preset>,
    /// Make chance repeatable: session ids, keys, salts, and which calls a fault's probability hits
    #[arg(long, env = "WIREDOO_SEED", value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How many calls the journal holds
    #[arg(long, env = "WIREDOO_JOURNAL_SIZE", value_name = "CALLS", default_value_t = journal::SIZE)]
    pub journal_size: usize,
}

impl DoubleArgs {
    /// The settings of the double; none where the server is not to be one.
    ///
    /// # Errors
    /// A fixture cannot be read, or something is said of a double that the server is not to be.
    pub fn settings(&self, ephemeral: bool) -> Result<Option<Settings>, Failure> {
        if !self.double && !ephemeral {
            let said = [
                ("--double-token", self.double_token.is_some()),
                ("--fixture", !self.fixture.is_empty()),
                ("--db-auto", !self.db_auto.is_empty()),
                ("--clock", self.clock.is_some()),
                ("--seed", self.seed.is_some()),
            ];
            return match said.iter().find(|(_, said)| *said) {
                Some((name, _)) => Err(Failure(format!("{name} is for a test double: add --double or --ephemeral"))),
                None => Ok(None),
            };
        }
        let mut fixtures = Vec::new();
        for path in &self.fixture {
            let read = Source::read(path).map_err(|error| Failure(format!("--fixture {error}")))?;
            if read.is_empty() {
                return Err(Failure(format!("--fixture {}: there is no .yaml, .json or .csv file", path.display())));
            }
            fixtures.extend(read);
        }
        Ok(Some(Settings {
            token: self.double_token.clone(),
            auto: self.db_auto.iter().map(|pattern| Glob::from(pattern.as_str())).collect(),
            clock: self.clock,
            seed: self.seed,
            journal: self.journal_size,
            fixtures,
        }))
    }
}
