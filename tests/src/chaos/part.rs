//! The processes of a round, as hidden subcommands of the program that runs it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Subcommand;

use super::bank::{Surroundings, serve};

/// A process of a round.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub enum Part {
    /// The coordinator: the program `branchwire`, with its options.
    #[command(disable_help_flag = true, hide = true)]
    Coordinator {
        /// The options of `branchwire`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// A bank.
    #[command(hide = true)]
    Bank {
        /// Its database.
        #[arg(long)]
        database: String,
        /// The coordinator; without one it only receives.
        #[arg(long)]
        coordinator: Option<String>,
        /// Where it can be reached.
        #[arg(long, default_value = "")]
        url: String,
        /// Where the other bank can be reached.
        #[arg(long, default_value = "")]
        other: String,
    },
}

impl Part {
    /// Runs until it is killed.
    ///
    /// # Panics
    /// If there is no room for a runtime.
    pub fn run(self) -> ExitCode {
        match self {
            Self::Coordinator { args } => {
                branchwire_coordinator::cli::run(std::iter::once(OsString::from("branchwire")).chain(args))
            }
            Self::Bank { database, coordinator, url, other } => {
                // Into the process's log, which is kept if there is a difference.
                tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
                let runtime = runtime.expect("a runtime");
                match runtime.block_on(serve(&database, Surroundings { coordinator, url, other })) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => {
                        eprintln!("bank: {error}");
                        ExitCode::FAILURE
                    }
                }
            }
        }
    }
}
