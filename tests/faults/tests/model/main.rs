//! The model checks.

mod message;
mod outbox;
mod pairs;

use std::fmt::Debug;

use branchwire_faults::model::Report;

const THREADS: usize = 2;

/// Everything holds in this world, and the world is large enough to say so.
fn assert_well(world: impl Debug, report: &Report) {
    let Report { states, steps, broken, never } = report;
    println!("{world:?}: {states} states, {steps} steps");
    assert!(broken.is_empty(), "{world:?}: {}\n{}", broken[0].0, broken[0].1);
    assert!(never.is_empty(), "{world:?} is too small to say anything: it never comes to that {never:?}");
}

/// Each of these seeded bugs breaks a property.
fn assert_found<B: Debug + Copy>(bugs: impl IntoIterator<Item = B>, explore: impl Fn(B) -> Report) {
    for bug in bugs {
        let Report { states, broken, .. } = explore(bug);
        let Some((property, actions)) = broken.first() else { panic!("{bug:?} was not found in {states} states") };
        println!("{bug:?}, after {states} states: `{property}` does not hold:\n{actions}\n");
    }
}
