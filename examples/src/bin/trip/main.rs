//! A trip is booked at a hotel, an airline and a bank, and processes die at bad moments.
//!
//! Without a subcommand it plays the scenarios against real child processes. The subcommands are those children, which can
//! also be started by hand, each in a terminal of its own.

mod rows;
mod scenarios;
mod stage;

use std::ffi::OsString;
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;

use axum::Router;
use branchwire::Client;
use branchwire_examples::banks::OpenError;
use branchwire_examples::stage::run;
use branchwire_examples::trip::{self, Links};
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;

/// Plays the booking of trips, with refusals and crashes, and says what happens.
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
    /// Use this running coordinator, DTM or Branchwire, instead of starting one (the scenario that kills its coordinator is left out)
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// Put all services on this database, `postgres://..` or `mysql://..`, instead of a SQLite file each
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Play only this scenario
    #[arg(long, value_name = "N")]
    only: Option<usize>,
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
    /// Run the hotel
    Hotel {
        #[command(flatten)]
        service: Service,
    },
    /// Run the airline
    Airline {
        #[command(flatten)]
        service: Service,
    },
    /// Run the bank
    Bank {
        #[command(flatten)]
        service: Service,
    },
    /// Run the agency, which books the trips
    Agency {
        #[command(flatten)]
        service: Service,
        /// The coordinator
        #[arg(long, default_value = "http://127.0.0.1:36789")]
        coordinator: String,
        /// Where the hotel can be reached
        #[arg(long, default_value = "http://127.0.0.1:8082")]
        hotel: String,
        /// Where the airline can be reached
        #[arg(long, default_value = "http://127.0.0.1:8083")]
        airline: String,
        /// Where the bank can be reached
        #[arg(long, default_value = "http://127.0.0.1:8084")]
        bank: String,
    },
}

/// The options of each service.
#[derive(Debug, Args)]
struct Service {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// The service's database: `sqlite://FILE`, `postgres://..` or `mysql://..`
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
        None => run("trip", scenarios::play(play)),
        Some(Part::Hotel { service }) => serve(&service, async |database, _| trip::open_hotel(database).await),
        Some(Part::Airline { service }) => serve(&service, async |database, _| trip::open_airline(database).await),
        Some(Part::Bank { service }) => serve(&service, async |database, _| trip::open_bank(database).await),
        Some(Part::Agency { service, coordinator, hotel, airline, bank }) => {
            serve(&service, async |database, agency| {
                let links = Links { client: Client::new(coordinator)?, agency, hotel, airline, bank };
                trip::open_agency(database, links).await
            })
        }
    }
}

/// Serves the routes that the service opens, given its database and its own address.
fn serve(service: &Service, open: impl AsyncFnOnce(&str, String) -> Result<Router, OpenError>) -> ExitCode {
    run("trip", async {
        let listener = TcpListener::bind(&service.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = open(&service.database, url.clone()).await?;
        println!("listening on {url}");
        axum::serve(listener, routes).await?;
        Ok(ExitCode::SUCCESS)
    })
}
