//! The model check of the outbox: what always holds, and that the check would find it if it did not.

use branchwire_faults::model::Limits;
use branchwire_faults::model::outbox::{Bug, explore};

use super::{THREADS, assert_found, assert_well};

fn explore_well(limits: Limits, relays: usize) {
    assert_well((limits, relays), &explore(limits, relays, None, THREADS));
}

#[test]
fn a_message_of_an_outbox_holds_in_every_order_of_events() {
    explore_well(Limits::small(1), 1);
}

#[test]
fn several_relays_send_one_message() {
    explore_well(Limits { faults: 1, ..Limits::small(1) }, 2);
}

#[test]
fn two_senders_with_one_gid_are_one_message() {
    explore_well(Limits { clients: 2, faults: 1, ..Limits::small(1) }, 1);
}

#[test]
fn an_acknowledgement_may_be_lost_for_longer_than_the_coordinators_and_the_branches_remember() {
    explore_well(Limits { forgets: true, faults: 1, ..Limits::small(1) }, 1);
}

#[test]
fn two_coordinators_carry_out_one_message_of_an_outbox() {
    explore_well(Limits { coordinators: 2, faults: 1, ..Limits::small(1) }, 1);
}

#[test]
fn every_seeded_bug_is_found() {
    assert_found(Bug::ALL, |bug| explore(bug.limits(), 1, Some(bug), THREADS));
}
