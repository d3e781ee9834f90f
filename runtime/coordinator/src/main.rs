//! The program `branchwire`: see `branchwire --help`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::process::ExitCode;

fn main() -> ExitCode {
    branchwire_coordinator::cli::run(std::env::args_os())
}
