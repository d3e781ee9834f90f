//! The model check of sagas and TCCs: what always holds, and that the check would find it if it did not.

use branchwire_faults::model::Limits;
use branchwire_faults::model::pairs::{Bug, Pattern, explore};

use super::{THREADS, assert_found, assert_well};

fn explore_well(pattern: Pattern, limits: Limits) {
    assert_well((pattern, limits), &explore(pattern, limits, None, THREADS));
}

#[test]
fn a_saga_is_done_or_undone_in_every_order_of_events() {
    explore_well(Pattern::Saga, Limits { faults: 2, ..Limits::small(2) });
}

#[test]
fn two_coordinators_carry_out_one_saga() {
    explore_well(Pattern::Saga, Limits { coordinators: 2, faults: 1, ..Limits::small(1) });
}

#[test]
fn a_tcc_is_confirmed_or_cancelled_in_every_order_of_events() {
    explore_well(Pattern::Tcc, Limits { faults: 1, ..Limits::small(2) });
}

#[test]
fn two_coordinators_carry_out_one_tcc() {
    explore_well(Pattern::Tcc, Limits { coordinators: 2, faults: 1, ..Limits::small(1) });
}

#[test]
fn every_seeded_bug_is_found() {
    assert_found(Bug::ALL, |bug| {
        let (pattern, limits) = bug.world();
        explore(pattern, limits, Some(bug), THREADS)
    });
}
