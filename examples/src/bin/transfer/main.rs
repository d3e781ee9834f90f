//! Money moves between two banks with two databases, and processes die at bad moments.
//!
//! Without a subcommand it plays seven scenarios against real child processes. The subcommands are those children, which
//! can also be started by hand, each in a terminal of its own.

mod ledger;
mod notary;
mod scenarios;

use std::ffi::OsString;
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;

use branchwire::Client;
use branchwire_examples::banks::{self, Links, Sends};
use branchwire_examples::stage::{self, Error};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::net::TcpListener;

/// Plays a transfer between two banks, with crashes, and says what happens.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    play: Play,
}

/// The scenarios to play, and their databases.
#[derive(Debug, Args)]
struct Play {
    /// Keep the databases and logs in this directory (without it: a temporary one, removed at the end)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Use this running coordinator, DTM or Branchwire, instead of starting one (scenarios 6 and 8 kill their coordinator, and are left out)
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// Put both banks on this database, `postgres://..` or `mysql://..`, instead of a SQLite file each
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Play only this scenario, 1 to 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    only: Option<u8>,
    #[command(flatten)]
    way: Way,
}

/// How bank A sends.
#[derive(Debug, Clone, Copy, Args)]
struct Way {
    /// Let bank A send by an outbox, without prepare (then scenario 3 has no meaning, and there is an eighth); with `=at-commit`
    /// its customers are answered at the commit
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "at-submit")]
    outbox: Option<Answers>,
}

/// When a bank with an outbox answers its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answers {
    /// Once the coordinator has the message, or is known to be away
    AtSubmit,
    /// Once its own database has committed
    AtCommit,
}

impl Way {
    fn sends(self) -> Sends {
        match self.outbox {
            None => Sends::Prepared,
            Some(Answers::AtSubmit) => Sends::ByOutbox,
            Some(Answers::AtCommit) => Sends::AtCommit,
        }
    }

    /// The option that says it.
    fn option(self) -> Option<&'static str> {
        match self.outbox? {
            Answers::AtSubmit => Some("--outbox"),
            Answers::AtCommit => Some("--outbox=at-commit"),
        }
    }
}

/// The programs that take part.
#[derive(Debug, Subcommand)]
enum Part {
    /// Run the coordinator: the program `branchwire`, with its options
    #[command(disable_help_flag = true)]
    Coordinator {
        /// The options of `branchwire`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run bank A, from which money is sent
    BankA {
        #[command(flatten)]
        bank: Bank,
        /// The coordinator
        #[arg(long, default_value = "http://127.0.0.1:36789")]
        coordinator: String,
        /// Where bank B can be reached
        #[arg(long, default_value = "http://127.0.0.1:8082")]
        bank_b: String,
        /// A notary, who is told of each transfer
        #[arg(long)]
        notary: Option<String>,
        #[command(flatten)]
        way: Way,
    },
    /// Run bank B, to which money is sent
    BankB {
        #[command(flatten)]
        bank: Bank,
    },
}

/// The options of each bank.
#[derive(Debug, Args)]
struct Bank {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// The bank's database: `sqlite://FILE`, `postgres://..` or `mysql://..`
    #[arg(long)]
    database: String,
}

fn main() -> ExitCode {
    let Cli { part, play } = Cli::parse();
    match part {
        // It is a whole program, with its own logs and runtime.
        Some(Part::Coordinator { args }) => {
            branchwire_coordinator::cli::run(iter::once(OsString::from("branchwire")).chain(args))
        }
        None => run(scenarios::play(play)),
        Some(Part::BankA { bank, coordinator, bank_b, notary, way }) => {
            run(run_bank_a(bank, coordinator, bank_b, notary, way.sends()))
        }
        Some(Part::BankB { bank }) => run(run_bank_b(bank)),
    }
}

/// Runs a part with a log.
fn run(part: impl Future<Output = Result<ExitCode, Error>>) -> ExitCode {
    stage::run("transfer", part)
}

async fn run_bank_a(
    bank: Bank,
    coordinator: String,
    bank_b: String,
    notary: Option<String>,
    sends: Sends,
) -> Result<ExitCode, Error> {
    let listener = TcpListener::bind(&bank.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let links = Links { client: Client::new(coordinator)?, bank_a: url.clone(), bank_b, notary, sends };
    let routes = banks::open_bank_a(&bank.database, links).await?;
    println!("bank A: listening on {url}");
    axum::serve(listener, routes).await?;
    Ok(ExitCode::SUCCESS)
}

async fn run_bank_b(bank: Bank) -> Result<ExitCode, Error> {
    let listener = TcpListener::bind(&bank.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let routes = banks::open_bank_b(&bank.database).await?;
    println!("bank B: listening on {url}");
    axum::serve(listener, routes).await?;
    Ok(ExitCode::SUCCESS)
}
