//! Every boundary between two steps of a message: the list in the docs, carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use branchwire_faults::sim::{FailPoint, Report, Transfer, run_to};

const LIST: &str = include_str!("../../../runtime/coordinator/src/docs/boundaries.md");

/// The heading below which the business refuses.
const REFUSES: &str = "When the business says no";

/// One crash, or several after one another, with what the list says of them.
#[derive(Debug)]
struct Boundary {
    points: Vec<FailPoint>,
    refuses: bool,
    durable: &'static str,
    ends: &'static str,
}

/// The rows of all tables; commas in the first column stand between crashes that lead to the same.
fn listed() -> Vec<Boundary> {
    let mut boundaries = Vec::new();
    let mut refuses = false;
    for line in LIST.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            refuses = heading == REFUSES;
        }
        let Some(row) = line.strip_prefix("| `") else { continue };
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let [crashes, durable, _, ends] = cells[..] else { panic!("four cells: {line}") };
        for crash in crashes.split(", ") {
            let points = crash.split(" then ").map(|point| point.trim_matches('`').parse().expect("a fail point"));
            boundaries.push(Boundary { points: points.collect(), refuses, durable, ends });
        }
    }
    boundaries
}

/// A transfer with two branches.
fn transfer(refuses: bool) -> Transfer {
    Transfer {
        gid: "g".to_owned(),
        branches: vec![("bank-b", 30), ("bank-c", 20)],
        concurrent: false,
        local: true,
        refuses,
        waits: false,
        business: Duration::ZERO,
        timeout_to_fail: 5,
        retry_interval: 1,
        delay: 0,
        repeats: false,
    }
}

fn end_of(report: &Report) -> &'static str {
    match (report.succeeded, report.failed) {
        (1, 0) => "succeed",
        (0, 1) => "failed",
        (0, 0) => "nothing",
        _ => "more than one",
    }
}

#[test]
fn a_crash_at_each_boundary_leads_to_what_the_list_says() {
    let boundaries = listed();
    assert!(boundaries.len() > 50, "the list was read");
    let mut wrong = Vec::new();
    for Boundary { points, refuses, durable, ends } in boundaries {
        let report = run_to(&points, &transfer(refuses), false);
        let found = (report.at_death.get("g").map_or("nothing", String::as_str), end_of(&report));
        if !report.not_reached.is_empty() || !report.violations.is_empty() || found != (durable, ends) {
            let points: Vec<_> = points.iter().map(ToString::to_string).collect();
            let Report { not_reached, violations, .. } = report;
            wrong.push(format!("{points:?}: {found:?}; not reached: {not_reached:?}; violations: {violations:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_step_that_is_made_is_in_the_list() {
    let boundaries = listed();
    let listed: BTreeSet<_> = boundaries.iter().filter_map(|boundary| boundary.points.last().cloned()).collect();
    let mut made = run_to(&[], &transfer(false), false).passed;
    made.extend(run_to(&[], &transfer(true), false).passed);
    for Boundary { points, refuses, .. } in boundaries {
        made.extend(run_to(&points, &transfer(refuses), false).passed);
    }
    let missing: Vec<_> = made.difference(&listed).map(ToString::to_string).collect();
    assert!(missing.is_empty(), "not in the list: {missing:#?}");
}
