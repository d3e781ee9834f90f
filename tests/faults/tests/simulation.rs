//! The simulation: what holds in each of some hundred worlds, and that it would be found if it did not.

use std::collections::BTreeMap;

use branchwire_faults::sim::{Bug, Fault, Report, run};

/// Enough for every kind of fault to happen.
const SEEDS: u64 = 500;

/// Enough for every seeded bug to be found; the search ends with the first seed that finds it.
const SEEDS_FOR_BUGS: u64 = 4000;

#[test]
fn everything_ends_well_in_every_seed_and_every_kind_of_fault_happens() {
    let mut faults: BTreeMap<Fault, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let report = run(seed, None, false);
        assert!(
            report.violations.is_empty(),
            "seed {seed}: {:#?}\nagain: cargo run --release -p branchwire-faults --bin simulate -- --seed {seed}",
            report.violations
        );
        for (fault, count) in report.faults {
            *faults.entry(fault).or_default() += count;
        }
    }
    let missing: Vec<_> = Fault::ALL.into_iter().filter(|fault| !faults.contains_key(fault)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
fn a_seed_repeats_its_run_exactly() {
    let mut digests = Vec::new();
    for seed in 0..20 {
        let Report { digest, events, trace, .. } = run(seed, None, true);
        let again = run(seed, None, true);
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
    for bug in Bug::ALL {
        let found = (0..SEEDS_FOR_BUGS).find_map(|seed| {
            let report = run(seed, Some(bug), false);
            report.violations.first().cloned().map(|violation| (seed, violation))
        });
        let Some((seed, violation)) = found else { panic!("{bug:?} was not found in {SEEDS_FOR_BUGS} seeds") };
        println!("{bug:?}, in seed {seed}: {violation}");
    }
}
