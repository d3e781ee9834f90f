//! How each program of a play runs and ends.

use std::io::{IsTerminal as _, stderr};
use std::process::ExitCode;

/// Why a play or one of its parts ended.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Runs a part of the program of this name: its log goes to standard error, and so does its last error with all causes.
///
/// # Panics
/// If there is a runtime or a log already.
#[tokio::main]
pub async fn run(program: &str, part: impl Future<Output = Result<ExitCode, Error>>) -> ExitCode {
    tracing_subscriber::fmt().with_writer(stderr).with_ansi(stderr().is_terminal()).init();
    part.await.unwrap_or_else(|error| {
        eprintln!("{program}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            eprintln!("  because: {cause}");
            source = cause.source();
        }
        ExitCode::FAILURE
    })
}
