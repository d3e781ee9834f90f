//! How long a sweep of barrier rows takes on a large table, and how much it slows branches down.
//!
//! `cargo run --release --bin sweep -- --rows 3000000`: on SQLite, PostgreSQL and MariaDB in turn. Half of the rows are
//! old and are removed. It ends with an error if another number of rows is removed, or if a branch fails.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use branchwire::barrier::{SWEEP_AGE_MIN, sweep};
use branchwire::protocol::Gid;
use branchwire::{Database, Reply};
use branchwire_tests::bank::{ACCOUNT, Bank};
use branchwire_tests::chaos::Kind;
use branchwire_tests::service::Service;
use branchwire_tests::sweep::OldRows;
use clap::Parser;

/// Measures the sweep of barrier rows.
#[derive(Debug, Parser)]
#[command(name = "sweep")]
struct Options {
    /// How many rows the table has, half of them old.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    rows: u64,

    /// How long branches are called without a sweep, for comparison.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    alone: u64,

    /// Only this kind of database.
    #[arg(long, value_enum)]
    only: Option<Kind>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let wanted = |kind| options.only.is_none_or(|only| only == kind);
    let mut all_well = true;
    if wanted(Kind::Sqlite) {
        all_well &= measure::<sqlx::Sqlite>(&options).await;
    }
    if wanted(Kind::Postgres) {
        all_well &= measure::<sqlx::Postgres>(&options).await;
    }
    if wanted(Kind::Mysql) {
        all_well &= measure::<sqlx::MySql>(&options).await;
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure<DB: OldRows>(options: &Options) -> bool {
    let Some(bank) = Bank::<DB>::open().await else { return true };
    let old = options.rows / 2;
    for (rows, age) in [(old, SWEEP_AGE_MIN * 2), (options.rows - old, Duration::ZERO)] {
        DB::add_rows(bank.pool(), rows, age).await;
    }
    println!("{}: {} rows, half of them old", DB::NAME, options.rows);
    let stop = AtomicBool::new(false);
    let alone = async {
        tokio::time::sleep(Duration::from_secs(options.alone)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (before, ()) = tokio::join!(calls(&bank, &stop), alone);
    println!("  alone            {before}");
    let mut all_well = before.failed == 0;
    // The second sweep finds nothing: this is the cost of a regular sweep.
    for expected in [old, 0] {
        stop.store(false, Ordering::Relaxed);
        let started = Instant::now();
        let sweeping = async {
            let removed = sweep(&bank, SWEEP_AGE_MIN).await;
            stop.store(true, Ordering::Relaxed);
            (removed, started.elapsed())
        };
        let (during, (removed, time)) = tokio::join!(calls(&bank, &stop), sweeping);
        println!("  during a sweep   {during}");
        let rows = *removed.as_ref().unwrap_or(&0);
        println!("  the sweep        {rows} rows in {:.1} s", time.as_secs_f64());
        if let Err(error) = &removed {
            println!("  the sweep ended: {error:?}");
        }
        all_well &= during.failed == 0 && removed.is_ok_and(|removed| removed == expected);
    }
    all_well
}

/// The times of calls of a branch, one after another.
struct Calls {
    times: Vec<Duration>,
    failed: usize,
}

async fn calls<DB: OldRows>(bank: &Bank<DB>, stop: &AtomicBool) -> Calls {
    let service = Service::new(bank, |tx, amount| Box::pin(async move { Ok(DB::credit(tx, ACCOUNT, amount).await?) }));
    let mut calls = Calls { times: Vec::new(), failed: 0 };
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let reply = service.call(&Gid::random(), 1).await;
        calls.times.push(started.elapsed());
        calls.failed += usize::from(reply != Reply::Success);
    }
    calls.times.sort_unstable();
    calls
}

impl std::fmt::Display for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(last) = self.times.last() else { return f.write_str("no calls") };
        let of_100 =
            |n: usize| self.times[(self.times.len() * n / 100).min(self.times.len() - 1)].as_secs_f64() * 1000.0;
        write!(
            f,
            "{} branches, ms: 50 % {:.2}, 99 % {:.2}, longest {:.1}; {} failed",
            self.times.len(),
            of_100(50),
            of_100(99),
            last.as_secs_f64() * 1000.0,
            self.failed
        )
    }
}
