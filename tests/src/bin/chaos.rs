//! Breaks a transfer between two banks in every way that real processes can break, and compares the books.
//!
//! `cargo run --release --bin chaos -- --minutes 10`: rounds on SQLite, PostgreSQL and MariaDB in turn. It ends with an
//! error if there is a difference.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use branchwire_tests::chaos::{self, Failure, Kind, Part, Plan};
use clap::Parser;

/// Breaks processes, network and disk under a transfer between two banks, and compares the books.
#[derive(Debug, Parser)]
#[command(name = "chaos", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,

    /// How long all rounds last together.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,

    /// How long one round lasts; then all is healed and compared.
    #[arg(long, default_value_t = 60.0)]
    round_seconds: f64,

    /// The seed of the faults and their times; by default a new one. With real processes, two runs of one seed still
    /// differ.
    #[arg(long)]
    seed: Option<u64>,

    /// How many customers order at once.
    #[arg(long, default_value_t = 16)]
    customers: usize,

    /// Only this kind of database.
    #[arg(long, value_enum)]
    only: Option<Kind>,
}

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    let done = match cli.part.take() {
        Some(part) => return part.run(),
        None => run(rounds(&cli)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: impl Future<Output = Result<bool, Failure>>) -> Result<bool, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(part)
}

/// Runs round after round; returns whether all books were right.
async fn rounds(cli: &Cli) -> Result<bool, Failure> {
    let end = Instant::now() + Duration::try_from_secs_f64(cli.minutes * 60.0)?;
    let kinds = cli.only.map_or(Kind::ALL.to_vec(), |only| vec![only]);
    let mut seed = cli.seed.unwrap_or_else(|| fastrand::u64(..));
    let (mut rounds, mut kills, mut bad) = (0, 0, 0);
    for kind in kinds.into_iter().cycle() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let plan = Plan {
            program: std::env::current_exe()?,
            seed,
            length: left.min(Duration::try_from_secs_f64(cli.round_seconds)?),
            customers: cli.customers,
        };
        if let Some(report) = chaos::run(kind, &plan).await? {
            println!("{report}");
            rounds += 1;
            kills += report.kills();
            bad += usize::from(!report.is_good());
        }
        seed = seed.wrapping_add(1);
    }
    println!("{rounds} rounds, {kills} kills, {bad} rounds with differences");
    Ok(bad == 0 && rounds > 0)
}
