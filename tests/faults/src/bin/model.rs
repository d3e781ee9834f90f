//! Explores the model of a message, and prints the number of states.
//!
//! `cargo run --release -p branchwire-faults --bin model`: a table of worlds, from small to large. `... --bin model --
//! bugs`: each seeded bug, and how it is found. `... --bin model -- world BRANCHES COORDINATORS CLIENTS FAULTS`: one
//! world; FAULTS is a number or `any`.

use std::process::ExitCode;
use std::time::Instant;

use branchwire_faults::model::{Bug, Limits, explore};
use clap::{Parser, Subcommand};

/// Explores the model of a message, and prints the number of states.
#[derive(Debug, Parser)]
#[command(name = "model")]
struct Options {
    /// What to explore; if not given: a table of worlds, from small to large.
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Each mistake that can be put in, and how it comes out.
    Bugs,
    /// One world.
    World {
        /// The branches of the message.
        branches: usize,
        /// Coordinators that share the store.
        coordinators: usize,
        /// Clients that send the message, all under one gid.
        clients: usize,
        /// How often something goes wrong: `any` number of times, or so many.
        #[arg(value_parser = faults)]
        faults: u8,
    },
}

fn faults(text: &str) -> Result<u8, String> {
    if text == "any" { Ok(Limits::ANY) } else { text.parse().map_err(|_| "expected `any` or a number".to_owned()) }
}

fn main() -> ExitCode {
    let worlds = match Options::parse().what {
        None => worlds(),
        Some(What::Bugs) => return find_bugs(),
        Some(What::World { branches, coordinators, clients, faults }) => {
            vec![Limits { branches, concurrent: false, coordinators, clients, faults }]
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("branches  at once  coordinators  clients  faults |      states       steps  seconds");
    let mut well = true;
    for world in worlds {
        let start = Instant::now();
        let report = explore(world, None, threads);
        let Limits { branches, concurrent, coordinators, clients, faults } = world;
        let faults = if faults == Limits::ANY { "any".to_owned() } else { faults.to_string() };
        let at_once = if concurrent { "yes" } else { "no" };
        let (states, steps, seconds) = (report.states, report.steps, start.elapsed().as_secs_f64());
        println!(
            "{branches:8} {at_once:>8} {coordinators:13} {clients:8} {faults:>7} | {states:11} {steps:11} {seconds:8.1}"
        );
        for (property, actions) in &report.broken {
            println!("BROKEN: {property}\n{actions}");
        }
        for property in &report.never {
            println!("NEVER: {property}");
        }
        well &= report.broken.is_empty() && report.never.is_empty();
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn worlds() -> Vec<Limits> {
    let one = Limits::small(1);
    let two = Limits::small(2);
    vec![
        one,
        two,
        Limits { concurrent: true, ..two },
        Limits { clients: 2, ..one },
        Limits { clients: 2, ..two },
        Limits { coordinators: 2, ..one },
        Limits { coordinators: 2, faults: 1, ..two },
    ]
}

fn find_bugs() -> ExitCode {
    let mut found = true;
    for bug in Bug::ALL {
        let report = explore(bug.limits(), Some(bug), 1);
        println!(
            "{bug:?}: {} after {} states",
            if report.broken.is_empty() { "NOT FOUND" } else { "found" },
            report.states
        );
        for (property, actions) in &report.broken {
            println!("    `{property}` does not hold:\n      {}", actions.replace('\n', "\n      "));
        }
        found &= !report.broken.is_empty();
    }
    if found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
