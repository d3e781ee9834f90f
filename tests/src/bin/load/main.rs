//! Drives a coordinator with messages, and says what it does with them: throughput, times, CPU, flushes, memory.
//!
//! `cargo run --release --bin load` starts our coordinator on a SQLite file; `--vs URL` runs another one in turn, cell by
//! cell, so that both meet the same machine. Linux only: CPU and memory come from `/proc`.
//!
//! A message is `prepare`, `submit`, and the call of each branch at a host that this program serves. It counts as done
//! when its last branch was called. After each cell the coordinator has time to come to rest, and is asked whether every
//! message ended.

mod client;
mod host;
mod measure;
mod process;
mod report;
mod work;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use branchwire_tests::server;
use clap::{Parser, Subcommand};
use tempfile::TempDir;
use url::Url;

use crate::host::Host;
use crate::process::{Coordinator, Process};
use crate::report::{Row, Table};
use crate::work::Cell;

type Failure = Box<dyn Error + Send + Sync>;

/// Measures a coordinator of distributed transactions.
#[derive(Debug, Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    part: Option<Part>,

    /// The store of our coordinator: `sqlite`, `postgres` or `mysql` for a fresh one, or an address.
    #[arg(long, default_value = "sqlite", value_name = "STORE")]
    store: String,

    /// A coordinator that runs already, instead of ours: `http://IP:PORT`.
    #[arg(long, value_name = "URL")]
    at: Option<Url>,

    /// A second coordinator that runs already, to compare with: `http://IP:PORT`.
    #[arg(long, value_name = "URL")]
    vs: Option<Url>,

    /// The address of the database that the second coordinator uses, so that its CPU is counted.
    #[arg(long, value_name = "URL", requires = "vs")]
    vs_store: Option<Url>,

    /// How long each cell lasts.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,

    /// Numbers of branches of a message.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    branches: Vec<usize>,

    /// How many messages are in flight at once.
    #[arg(long, value_delimiter = ',', default_value = "1,16,128")]
    in_flight: Vec<usize>,

    /// So many messages are brought to their end before anything is measured.
    #[arg(long, default_value_t = 0)]
    before: u64,
}

/// What is measured.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Part {
    /// The coordinator: the program `branchwire`, with its options.
    #[command(disable_help_flag = true)]
    Coordinator {
        /// The options of `branchwire`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if let Some(Part::Coordinator { args }) = options.part.take() {
        return branchwire_coordinator::cli::run(std::iter::once(OsString::from("branchwire")).chain(args));
    }
    // One thread: the harness shares the machine with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run(&options)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut coordinators = vec![match &options.at {
        Some(url) => Coordinator::running("coordinator", url, None)?,
        None => start(&options.store, &directory).await?,
    }];
    if let Some(url) = &options.vs {
        let database = options.vs_store.as_ref().map(Process::serving).transpose()?;
        coordinators.push(Coordinator::running("the other", url, database)?);
    }
    let host = Host::serve().await?;
    if options.before > 0 {
        for coordinator in &coordinators {
            let rate = work::fill(coordinator, &host, options.before).await?;
            println!("{}: {} messages brought to their end, {rate:.0} a second", coordinator.name, options.before);
        }
    }
    let mut table = Table::default();
    for branches in &options.branches {
        for in_flight in &options.in_flight {
            let cell = Cell {
                branches: *branches,
                in_flight: *in_flight,
                length: Duration::try_from_secs_f64(options.seconds)?,
            };
            for coordinator in &coordinators {
                table.add(measure(coordinator, &host, cell).await?);
            }
        }
    }
    println!("{table}");
    println!("{}", serde_json::to_string(table.rows())?);
    Ok(())
}

/// Starts our coordinator in a process of its own.
async fn start(store: &str, directory: &TempDir) -> Result<Coordinator, Failure> {
    let address = match store {
        "sqlite" => format!("sqlite://{}", directory.path().join("coordinator.db").display()),
        "postgres" => server::postgres().await.ok_or("there is no PostgreSQL")?.url().to_string(),
        "mysql" => server::mysql().await.ok_or("there is no MySQL")?.url().to_string(),
        address => address.to_owned(),
    };
    let database = match Url::parse(&address) {
        Ok(url) if url.scheme() != "sqlite" => Some(Process::serving(&url)?),
        _ => None,
    };
    Coordinator::start(&address, database)
}

/// One cell, from a coordinator at rest to a coordinator at rest.
async fn measure(coordinator: &Coordinator, host: &Host, cell: Cell) -> Result<Row, Failure> {
    let flushes = measure::Flushes::count(&coordinator.processes()).await;
    let before = measure::Cpu::now(coordinator);
    let done = work::run(coordinator, host, cell).await?;
    let after = measure::Cpu::at_rest(coordinator).await;
    let flushes = flushes.and_then(measure::Flushes::stop);
    work::check_ended(coordinator, &done).await?;
    Ok(Row::new(coordinator, cell, &done, &(after - before), flushes))
}
