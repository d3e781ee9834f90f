//! Changes the primary of a database under load, and compares the books.
//!
//! `cargo run --release --bin cluster -- postgres --minutes 5`: a PostgreSQL with a synchronous standby, switched over
//! and failed over again and again. It ends with an error if there is a difference.

use std::process::ExitCode;
use std::time::Duration;

use branchwire_tests::chaos::{Failure, Part};
use branchwire_tests::cluster::{self, Plan, Pooled, Report};
use clap::{Args, Parser, Subcommand};

/// Changes the primary of a database under a transfer between banks, and compares the books.
#[derive(Debug, Parser)]
#[command(name = "cluster")]
struct Cli {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// PostgreSQL: a primary and its standby, switched over in order and failed over after `kill -9`.
    Postgres {
        #[command(flatten)]
        round: Round,
        /// Makes the standby asynchronous, to show what is then lost.
        #[arg(long)]
        asynchronous: bool,
        /// Puts poolers before the servers.
        #[arg(long, value_enum, default_value = "no")]
        pgbouncer: Pooled,
    },
    /// MariaDB with Galera: three nodes, coordinators and banks on different ones, nodes killed and cut off.
    Galera {
        #[command(flatten)]
        round: Round,
    },
    #[command(flatten)]
    Part(Part),
}

#[derive(Debug, Args)]
struct Round {
    /// How long it lasts at least.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// How many changes there are at least.
    #[arg(long, default_value_t = 1)]
    changes: usize,
    /// How many orders are carried out between two changes, at least.
    #[arg(long, default_value_t = 300)]
    orders: u64,
    /// How many customers order at once.
    #[arg(long, default_value_t = 16)]
    customers: usize,
    /// The seed of the changes and their times; by default a new one.
    #[arg(long)]
    seed: Option<u64>,
}

impl Round {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(Plan {
            program: std::env::current_exe()?,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..)),
            length: Duration::try_from_secs_f64(self.minutes * 60.0)?,
            changes: self.changes,
            orders: self.orders,
            customers: self.customers,
        })
    }
}

fn main() -> ExitCode {
    let work = match Cli::parse().work {
        Work::Part(part) => return part.run(),
        work => work,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(round(work)) {
        Ok(Some(report)) => {
            println!("{report}");
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(None) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn round(work: Work) -> Result<Option<Report>, Failure> {
    match work {
        Work::Postgres { round, asynchronous, pgbouncer } => {
            cluster::run_pair(&round.plan()?, !asynchronous, pgbouncer).await
        }
        Work::Galera { round } => cluster::run_galera(&round.plan()?).await,
        Work::Part(_) => unreachable!("it runs before this"),
    }
}
