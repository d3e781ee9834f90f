//! Runs simulations, one for each seed, and prints the injected faults and the violations (none).
//!
//! `cargo run --release -p branchwire-faults --bin simulate -- [--seeds N] [--from SEED]`
//! `... --bin simulate -- --seed SEED`: one run, told line by line.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use branchwire_faults::sim::{Bug, Fault, Orders, Report, run};
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

    /// Worlds whose bank A sends by an outbox.
    #[arg(long, conflicts_with = "trips")]
    outbox: bool,

    /// Worlds with sagas and TCCs instead of messages.
    #[arg(long)]
    trips: bool,

    /// Looks for the seeded bugs of these worlds instead, each from the first seed on.
    #[arg(long, conflicts_with = "seed")]
    bugs: bool,
}

fn main() -> ExitCode {
    let Options { outbox, trips, seed, from, seeds, bugs } = Options::parse();
    let (orders, option, all_bugs) = match (outbox, trips) {
        (true, _) => (Orders::MessagesByOutbox, "--outbox ", &Bug::OF_OUTBOX[..]),
        (_, true) => (Orders::Trips, "--trips ", &Bug::OF_TRIPS[..]),
        (false, false) => (Orders::Messages, "", &Bug::ALL[..]),
    };
    match seed {
        Some(seed) => tell(orders, seed),
        None if bugs => find_bugs(orders, all_bugs, from, seeds),
        None => run_many(orders, option, from, seeds),
    }
}

fn find_bugs(orders: Orders, bugs: &[Bug], from: u64, count: u64) -> ExitCode {
    let mut found_all = true;
    for bug in bugs {
        let start = Instant::now();
        let found = (from..from + count).find_map(|seed| {
            let report = run(orders, seed, Some(*bug), false);
            report.violations.first().cloned().map(|violation| (seed, violation))
        });
        match &found {
            Some((seed, violation)) => {
                println!("{bug:?}: found in seed {seed}, {:.1} s: {violation}", start.elapsed().as_secs_f64());
            }
            None => println!("{bug:?}: NOT FOUND in {count} seeds"),
        }
        found_all &= found.is_some();
    }
    if found_all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(orders: Orders, seed: u64) -> ExitCode {
    let report = run(orders, seed, None, true);
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

fn run_many(orders: Orders, option: &str, from: u64, count: u64) -> ExitCode {
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
                    let report = run(orders, seed, None, false);
                    for violation in &report.violations {
                        println!("VIOLATION in seed {seed}: {violation}");
                    }
                    if !report.violations.is_empty() {
                        println!(
                            "  again: cargo run --release -p branchwire-faults --bin simulate -- {option}--seed {seed}"
                        );
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
