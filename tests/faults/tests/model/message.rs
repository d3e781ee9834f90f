//! The model check of a message: what always holds, and that the check would find it if it did not.

use branchwire_faults::model::{Bug, Limits, explore};

use super::{THREADS, assert_found, assert_well};

fn explore_well(limits: Limits) {
    assert_well(limits, &explore(limits, None, THREADS));
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
fn what_a_client_is_told_holds_after_the_coordinators_have_forgotten_the_message() {
    explore_well(Limits { clients: 2, forgets: true, faults: 1, ..Limits::small(1) });
}

#[test]
fn what_a_client_is_told_holds_if_an_administrator_ends_the_message() {
    explore_well(Limits { clients: 2, stops: true, faults: 1, ..Limits::small(1) });
}

#[test]
fn two_coordinators_on_one_store_do_not_hinder_each_other() {
    explore_well(Limits { coordinators: 2, faults: 1, ..Limits::small(1) });
}

#[test]
fn every_seeded_bug_is_found() {
    assert_found(Bug::ALL, |bug| explore(bug.limits(), Some(bug), THREADS));
}
