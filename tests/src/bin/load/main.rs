//! Drives a coordinator with messages, and measures throughput, times, CPU, flushes and memory.
//!
//! `cargo run --release --bin load` starts our coordinator on a SQLite file; `--vs URL` runs another one in turn, cell by
//! cell, so that both meet the same machine. Linux only: CPU and memory come from `/proc`. `--whole` measures a whole
//! transfer between two banks instead: see `whole`.
//!
//! A message is `prepare`, `submit`, and the call of each branch at a host that this program serves. It counts as done
//! when its last branch was called. With `--pattern saga` it is `submit` and the call of each action; with `--pattern
//! tcc` it is `prepare`, for each branch its registration and its try, which the client calls at the same host,
//! `submit`, and the call of each confirm. After each cell the coordinator has time to come to rest, and is asked
//! whether every message ended.

mod client;
mod host;
mod measure;
mod process;
mod report;
mod whole;
mod work;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use branchwire_tests::database::TestDatabase;
use clap::{Parser, Subcommand};
use tempfile::TempDir;
use url::Url;

use crate::host::Host;
use crate::process::{Coordinator, Process};
use crate::report::{Row, Table};
use crate::work::{Cell, Pattern};

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

    /// How many processes of our coordinator share a fresh `postgres` or `mysql`; several numbers are measured in turn,
    /// each on a database of its own.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    instances: Vec<usize>,

    /// A coordinator that runs already, instead of ours: `http://IP:PORT`.
    #[arg(long, value_name = "URL")]
    at: Option<Url>,

    /// A second coordinator that runs already, to compare with: `http://IP:PORT`. With `--whole` it is another bank A.
    #[arg(long, value_name = "URL")]
    vs: Option<Url>,

    /// The address of the database that the second coordinator uses, so that its CPU is counted.
    #[arg(long, value_name = "URL", requires = "vs")]
    vs_store: Option<Url>,

    /// What is sent.
    #[arg(long, value_enum, default_value_t)]
    pattern: Pattern,

    /// How long each cell lasts.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,

    /// Numbers of branches of a message, or of steps of a saga.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    branches: Vec<usize>,

    /// How many messages, or with `--whole` transfers, are in flight at once [default: 1,16,128, with `--whole` 1,16,64]
    #[arg(long, value_delimiter = ',')]
    in_flight: Vec<usize>,

    /// How many messages are brought to their end before the measurement.
    #[arg(long, default_value_t = 0)]
    before: u64,

    #[command(flatten)]
    whole: whole::WayOptions,
}

impl Options {
    fn in_flight<'a>(&'a self, by_default: &'a [usize]) -> &'a [usize] {
        if self.in_flight.is_empty() { by_default } else { &self.in_flight }
    }

    fn length(&self) -> Result<Duration, Failure> {
        Ok(Duration::try_from_secs_f64(self.seconds)?)
    }
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
    /// One of the example's banks.
    Bank(whole::Bank),
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    match options.part.take() {
        Some(Part::Coordinator { args }) => {
            return branchwire_coordinator::cli::run(std::iter::once(OsString::from("branchwire")).chain(args));
        }
        Some(Part::Bank(bank)) => return bank.run(),
        None => {}
    }
    // One thread: this program shares the machine with the coordinator.
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
    if options.whole.whole {
        let in_flight = options.in_flight(&[1, 16, 64]);
        return whole::run(&options.whole, options.vs.as_ref(), in_flight, options.length()?).await;
    }
    let directory = tempfile::tempdir()?;
    let mut databases = Vec::new();
    let mut coordinators = Vec::new();
    if let Some(url) = &options.at {
        coordinators.push(Coordinator::running("coordinator", url, None)?);
    } else {
        let is_fresh = ["postgres", "mysql"].contains(&options.store.as_str());
        if options.instances != [1] && !is_fresh {
            return Err("`--instances` needs `--store postgres` or `--store mysql`".into());
        }
        for instances in &options.instances {
            let store = Store::open(&options.store, &directory).await?;
            coordinators.push(store.start(*instances)?);
            databases.push(store);
        }
    }
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
        for in_flight in options.in_flight(&[1, 16, 128]) {
            let cell = Cell {
                pattern: options.pattern,
                branches: *branches,
                in_flight: *in_flight,
                length: options.length()?,
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

/// Where our coordinator keeps its transactions.
#[derive(Debug)]
enum Store {
    /// A given address, or a file in the directory of this run.
    Address(String),
    /// A fresh database, which ends with this value.
    Fresh(TestDatabase),
}

impl Store {
    async fn open(store: &str, directory: &TempDir) -> Result<Self, Failure> {
        Ok(match store {
            "sqlite" => Self::Address(format!("sqlite://{}", directory.path().join("coordinator.db").display())),
            "postgres" => Self::Fresh(TestDatabase::postgres().await.ok_or("there is no PostgreSQL")?),
            "mysql" => Self::Fresh(TestDatabase::mysql().await.ok_or("there is no MySQL")?),
            address => Self::Address(address.to_owned()),
        })
    }

    /// Starts our coordinator here, as processes of their own.
    fn start(&self, instances: usize) -> Result<Coordinator, Failure> {
        let address = match self {
            Self::Address(address) => address.as_str(),
            Self::Fresh(database) => database.url(),
        };
        let database = match Url::parse(address) {
            Ok(url) if url.scheme() != "sqlite" => Some(Process::serving(&url)?),
            _ => None,
        };
        Coordinator::start(address, instances, database)
    }
}

/// One cell. The coordinator is idle before and after it.
async fn measure(coordinator: &Coordinator, host: &Host, cell: Cell) -> Result<Row, Failure> {
    let flushes = measure::Flushes::count(&coordinator.processes()).await;
    let before = measure::Cpu::now(coordinator);
    let done = work::run(coordinator, host, cell).await?;
    let after = measure::Cpu::at_rest(coordinator).await;
    let flushes = flushes.and_then(measure::Flushes::stop);
    work::check_ended(coordinator, &done).await?;
    Ok(Row::new(coordinator, cell, &done, &(after - before), flushes))
}
