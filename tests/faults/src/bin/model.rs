//! Explores the models of a message, of a message of an outbox, of a saga and of a TCC, and prints the number of states.
//!
//! `cargo run --release -p branchwire-faults --bin model`: a table of worlds, from small to large. `... --bin model --
//! bugs`: each seeded bug, and how it is found. `... --bin model -- world BRANCHES COORDINATORS CLIENTS FAULTS`: one
//! world; FAULTS is a number or `any`.

use std::process::ExitCode;
use std::time::Instant;

use branchwire_faults::model::pairs::{self, Pattern};
use branchwire_faults::model::{Bug, Limits, Report, explore, outbox};
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
    /// Sagas and TCCs, from small worlds to large ones.
    Pairs,
    /// A message that is sent by an outbox, from small worlds to large ones.
    Outbox,
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
        Some(What::Pairs) => return explore_pairs(),
        Some(What::Outbox) => return explore_outbox(),
        Some(What::World { branches, coordinators, clients, faults }) => {
            vec![Limits { coordinators, clients, faults, ..Limits::small(branches) }]
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("branches  at once  coordinators  clients  forgets  stopped  faults |      states       steps  seconds");
    let mut well = true;
    for world in worlds {
        let start = Instant::now();
        let report = explore(world, None, threads);
        let Limits { branches, concurrent, coordinators, clients, forgets, stops, faults } = world;
        let faults = if faults == Limits::ANY { "any".to_owned() } else { faults.to_string() };
        let yes_or_no = |is: bool| if is { "yes" } else { "no" };
        let (at_once, forgets, stopped) = (yes_or_no(concurrent), yes_or_no(forgets), yes_or_no(stops));
        let (states, steps, seconds) = (report.states, report.steps, start.elapsed().as_secs_f64());
        println!(
            "{branches:8} {at_once:>8} {coordinators:13} {clients:8} {forgets:>8} {stopped:>8} {faults:>7} | {states:11} {steps:11} {seconds:8.1}"
        );
        well &= is_well(&report);
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
        Limits { clients: 2, forgets: true, faults: 1, ..one },
        Limits { clients: 2, stops: true, faults: 1, ..one },
        Limits { coordinators: 2, ..one },
        Limits { coordinators: 2, faults: 1, ..two },
    ]
}

fn explore_pairs() -> ExitCode {
    let (one, two) = (Limits::small(1), Limits::small(2));
    let worlds = [one, Limits { faults: 2, ..two }, two, Limits { coordinators: 2, faults: 2, ..one }];
    let mut well = true;
    for pattern in [Pattern::Saga, Pattern::Tcc] {
        for world in worlds {
            well &=
                explore_one(&format!("{pattern:?} {world:?}"), |threads| pairs::explore(pattern, world, None, threads));
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn explore_outbox() -> ExitCode {
    let one = Limits::small(1);
    let mut well = true;
    for (world, relays) in [
        (one, 1),
        (Limits { faults: 1, ..one }, 2),
        (Limits { faults: 2, ..Limits::small(2) }, 2),
        (Limits { clients: 2, faults: 1, ..one }, 1),
        (Limits { forgets: true, faults: 1, ..one }, 1),
        (Limits { clients: 2, forgets: true, faults: 1, ..one }, 1),
        (Limits { coordinators: 2, faults: 1, ..one }, 1),
    ] {
        well &= explore_one(&format!("{relays} relays, {world:?}"), |threads| {
            outbox::explore(world, relays, None, threads)
        });
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Explores one world, and prints what was found; whether it is well.
fn explore_one(name: &str, explore: impl FnOnce(usize) -> Report) -> bool {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let report = explore(threads);
    let (states, steps) = (report.states, report.steps);
    println!("{name}: {states} states, {steps} steps, {:.1} s", start.elapsed().as_secs_f64());
    is_well(&report)
}

/// Prints what is wrong; whether nothing is.
fn is_well(Report { broken, never, .. }: &Report) -> bool {
    for (property, actions) in broken {
        println!("BROKEN: {property}\n{actions}");
    }
    for property in never {
        println!("NEVER: {property}");
    }
    broken.is_empty() && never.is_empty()
}

fn find_bugs() -> ExitCode {
    let messages = Bug::ALL.map(|bug| (format!("{bug:?}"), explore(bug.limits(), Some(bug), 1)));
    let pairs = pairs::Bug::ALL.map(|bug| {
        let (pattern, limits) = bug.world();
        (format!("{bug:?}"), pairs::explore(pattern, limits, Some(bug), 1))
    });
    let outbox = outbox::Bug::ALL.map(|bug| (format!("{bug:?}"), outbox::explore(bug.limits(), 1, Some(bug), 1)));
    let mut found = true;
    for (bug, report) in messages.into_iter().chain(pairs).chain(outbox) {
        println!(
            "{bug}: {} after {} states",
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
