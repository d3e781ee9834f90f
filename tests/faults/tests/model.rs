//! The model check of a message: what always holds, and that the check would find it if it did not.

use branchwire_faults::model::{Bug, Limits, Report, explore};

const THREADS: usize = 2;

fn explore_well(limits: Limits) {
    let Report { states, steps, broken, never } = explore(limits, None, THREADS);
    println!("{limits:?}: {states} states, {steps} steps");
    assert!(broken.is_empty(), "{limits:?}: {}\n{}", broken[0].0, broken[0].1);
    assert!(never.is_empty(), "{limits:?} is too small to say anything: it never comes to that {never:?}");
}

#[test]
fn a_message_with_one_branch_holds_in_every_order_of_events() {
    explore_well(Limits::small(1));
}

#[test]
fn a_message_with_two_branches_holds_in_every_order_of_events() {
    explore_well(Limits::small(2));
}

#[test]
fn a_message_with_two_branches_at_once_holds_in_every_order_of_events() {
    explore_well(Limits { concurrent: true, ..Limits::small(2) });
}

#[test]
fn two_clients_with_one_gid_are_one_message() {
    explore_well(Limits { clients: 2, faults: 1, ..Limits::small(1) });
}

#[test]
fn two_coordinators_on_one_store_do_not_hinder_each_other() {
    explore_well(Limits { coordinators: 2, faults: 1, ..Limits::small(1) });
}

#[test]
fn every_seeded_bug_is_found() {
    for bug in Bug::ALL {
        let Report { states, broken, .. } = explore(bug.limits(), Some(bug), THREADS);
        let Some((property, actions)) = broken.first() else { panic!("{bug:?} was not found in {states} states") };
        println!("{bug:?}, after {states} states: `{property}` does not hold:\n{actions}\n");
    }
}
