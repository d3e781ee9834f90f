//! The simulation: what holds in each of some hundred worlds, and that it would be found if it did not.

use std::collections::BTreeMap;

use branchwire_faults::sim::{Bug, Fault, Orders, Report, run};

/// Enough for every kind of fault to happen.
const SEEDS: u64 = 500;

/// Enough for every seeded bug to be found; the search ends with the first seed that finds it.
const SEEDS_FOR_BUGS: u64 = 4000;

/// The same for sagas and TCCs, which take longer.
const SEEDS_OF_TRIPS: u64 = 150;

/// Runs a world for each seed. Returns how often each fault has happened.
fn run_well(orders: Orders, seeds: u64, option: &str) -> BTreeMap<Fault, u64> {
    let mut faults: BTreeMap<Fault, u64> = BTreeMap::new();
    for seed in 0..seeds {
        let report = run(orders, seed, None, false);
        assert!(
            report.violations.is_empty(),
            "seed {seed}: {:#?}\nagain: cargo run --release -p branchwire-faults --bin simulate -- {option}--seed {seed}",
            report.violations
        );
        for (fault, count) in report.faults {
            *faults.entry(fault).or_default() += count;
        }
    }
    faults
}

fn every_fault_happens(faults: &BTreeMap<Fault, u64>) {
    let missing: Vec<_> = Fault::ALL.into_iter().filter(|fault| !faults.contains_key(fault)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

fn finds(orders: Orders, bugs: &[Bug]) {
    for bug in bugs {
        let found = (0..SEEDS_FOR_BUGS).find_map(|seed| {
            let report = run(orders, seed, Some(*bug), false);
            report.violations.first().cloned().map(|violation| (seed, violation))
        });
        let Some((seed, violation)) = found else { panic!("{bug:?} was not found in {SEEDS_FOR_BUGS} seeds") };
        println!("{bug:?}, in seed {seed}: {violation}");
    }
}

#[test]
fn everything_ends_well_in_every_seed_and_every_kind_of_fault_happens() {
    every_fault_happens(&run_well(Orders::Messages, SEEDS, ""));
}

#[test]
fn a_seed_repeats_its_run_exactly() {
    let mut digests = Vec::new();
    for seed in 0..20 {
        let Report { digest, events, trace, .. } = run(Orders::Messages, seed, None, true);
        let again = run(Orders::Messages, seed, None, true);
        assert_eq!(trace, again.trace, "seed {seed}");
        assert_eq!((digest, events), (again.digest, again.events), "seed {seed}");
        digests.push(digest);
    }
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 20, "each seed has a course of its own");
}

#[test]
fn every_seeded_bug_is_found() {
    finds(Orders::Messages, &Bug::ALL);
}

#[test]
fn everything_ends_well_in_every_seed_if_bank_a_sends_by_an_outbox() {
    run_well(Orders::MessagesByOutbox, SEEDS, "--outbox ");
}

#[test]
fn a_seed_of_another_world_repeats_its_run_exactly() {
    for orders in [Orders::MessagesByOutbox, Orders::Trips] {
        for seed in 0..5 {
            let trace = || run(orders, seed, None, true).trace;
            assert_eq!(trace(), trace(), "{orders:?}, seed {seed}");
        }
    }
}

#[test]
fn every_seeded_bug_of_the_outbox_is_found() {
    finds(Orders::MessagesByOutbox, &Bug::OF_OUTBOX);
}

#[test]
fn sagas_and_tccs_end_well_in_every_seed_and_every_kind_of_fault_happens() {
    every_fault_happens(&run_well(Orders::Trips, SEEDS_OF_TRIPS, "--trips "));
}

#[test]
fn every_seeded_bug_of_sagas_and_tccs_is_found() {
    finds(Orders::Trips, &Bug::OF_TRIPS);
}
