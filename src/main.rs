//! The `wiredoo` command; see `wiredoo --help`.

use std::process::ExitCode;

/// Also SQLite's: databases in memory come and go, and what they took goes back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wiredoo::cli::main()
}
