//! Runs simulations, one for each seed, and prints the injected faults and the violations (none).
//!
//! `cargo run --release -p branchwire-faults --bin simulate -- [--seeds N] [--from SEED]`
//! `... --bin simulate -- --seed SEED`: one run, told line by line.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use branchwire_faults::sim::{Fault, Report, run};
use clap::Parser;

/// Runs simulations, one for each seed.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    seeds: u64,

    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from: u64,

    /// Only this seed, told line by line.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match options.seed {
        Some(seed) => tell(seed),
        None => run_many(options.from, options.seeds),
    }
}

fn tell(seed: u64) -> ExitCode {
    let report = run(seed, None, true);
    for line in &report.trace {
        println!("{line}");
    }
    println!("digest {:016x}, {} events", report.digest, report.events);
    for violation in &report.violations {
        println!("VIOLATION: {violation}");
    }
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Sum {
    transactions: u64,
    succeeded: u64,
    failed: u64,
    events: u64,
    days: f64,
    faults: BTreeMap<Fault, u64>,
    violations: u64,
    /// A digest of all runs that does not depend on their order.
    digest: u64,
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.transactions += report.transactions;
        self.succeeded += report.succeeded;
        self.failed += report.failed;
        self.events += report.events;
        self.days += report.time.as_secs_f64() / 86_400.0;
        for (fault, count) in &report.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        self.violations += report.violations.len() as u64;
        self.digest = self.digest.wrapping_add(report.digest);
    }
}

fn run_many(from: u64, count: u64) -> ExitCode {
    let start = Instant::now();
    let (next, sum) = (AtomicU64::new(from), Mutex::new(Sum::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    let report = run(seed, None, false);
                    for violation in &report.violations {
                        println!("VIOLATION in seed {seed}: {violation}");
                    }
                    if !report.violations.is_empty() {
                        println!("  again: cargo run --release -p branchwire-faults --bin simulate -- --seed {seed}");
                    }
                    sum.lock().expect("no run panics under it").add(&report);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("no run panicked");
    println!(
        "{count} seeds, from {from}: {:.1} s, {:.1} days of their own time",
        start.elapsed().as_secs_f64(),
        sum.days
    );
    println!(
        "{} transactions: {} succeeded, {} failed, others never began",
        sum.transactions, sum.succeeded, sum.failed
    );
    println!("{} events, and {} faults:", sum.events, sum.faults.values().sum::<u64>());
    for fault in Fault::ALL {
        println!("  {:<18} {:8}", format!("{fault:?}"), sum.faults.get(&fault).unwrap_or(&0));
    }
    println!("{} violations; digest {:016x}", sum.violations, sum.digest);
    if sum.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
