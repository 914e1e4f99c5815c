//! The `wiredoo` command; see `wiredoo --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wiredoo::cli::main()
}
