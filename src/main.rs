//! The `wiredoo` command; see `wiredoo --help`.

use std::process::ExitCode;

/// Also SQLite's: databases in memory come and go, and what they took goes back to the system.
#[cfg(all(feature = "jemalloc", not(target_env = "msvc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    wiredoo::cli::main()
}
