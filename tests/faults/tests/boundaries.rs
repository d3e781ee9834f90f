//! Every boundary between two steps of a message, a saga and a TCC: the list in the docs, carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use branchwire_faults::sim::{FailPoint, Leg, Order, Pattern, Report, Transfer, Trip, run_to};

const LIST: &str = include_str!("../../../runtime/coordinator/src/docs/boundaries.md");

/// The headings below which something else happens than that a message is carried out.
const OTHERS: [(&str, Kind); 5] = [
    ("When the business says no", Kind::Refused),
    ("A saga that succeeds", Kind::Saga),
    ("A saga whose second action refuses", Kind::RefusedSaga),
    ("A TCC that is confirmed", Kind::Tcc),
    ("A TCC whose second try refuses", Kind::RefusedTcc),
];

/// What is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Refused,
    Saga,
    RefusedSaga,
    Tcc,
    RefusedTcc,
}

impl Kind {
    /// All of them, by pattern.
    const PATTERNS: [[Self; 2]; 3] =
        [[Self::Message, Self::Refused], [Self::Saga, Self::RefusedSaga], [Self::Tcc, Self::RefusedTcc]];

    /// Each has two branches.
    fn order(self) -> Order {
        let trip = |pattern, refuses| {
            let leg = |host, amount, refuses| vec![Leg { host, amount, refuses }];
            Order::Trip(Trip {
                gid: "g".to_owned(),
                pattern,
                stages: vec![leg("bank-b", 30, false), leg("bank-c", 20, refuses)],
                finally: None,
                gives_up: false,
                insists: false,
                regrets: None,
                thinks: Duration::ZERO,
                waits: false,
                within: if pattern == Pattern::Tcc { 5 } else { 0 },
                retry_limit: 0,
                retry_interval: 1,
            })
        };
        let message = |refuses| {
            Order::Message(Transfer {
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
                at_commit: false,
            })
        };
        match self {
            Self::Message => message(false),
            Self::Refused => message(true),
            Self::Saga => trip(Pattern::Saga, false),
            Self::RefusedSaga => trip(Pattern::Saga, true),
            Self::Tcc => trip(Pattern::Tcc, false),
            Self::RefusedTcc => trip(Pattern::Tcc, true),
        }
    }
}

/// One crash, or several after one another, with what the list says of them.
#[derive(Debug)]
struct Boundary {
    points: Vec<FailPoint>,
    kind: Kind,
    durable: &'static str,
    ends: &'static str,
}

/// The rows of all tables; commas in the first column stand between crashes that lead to the same.
fn listed() -> Vec<Boundary> {
    let mut boundaries = Vec::new();
    let mut kind = Kind::Message;
    for line in LIST.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            kind = OTHERS.iter().find(|(other, _)| *other == heading).map_or(Kind::Message, |(_, kind)| *kind);
        }
        let Some(row) = line.strip_prefix("| `") else { continue };
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let [crashes, durable, _, ends] = cells[..] else { panic!("four cells: {line}") };
        for crash in crashes.split(", ") {
            let points = crash.split(" then ").map(|point| point.trim_matches('`').parse().expect("a fail point"));
            boundaries.push(Boundary { points: points.collect(), kind, durable, ends });
        }
    }
    boundaries
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
    for kind in Kind::PATTERNS.into_iter().flatten() {
        assert!(
            boundaries.iter().filter(|boundary| boundary.kind == kind).count() > 5,
            "the list of {kind:?} was read"
        );
    }
    let mut wrong = Vec::new();
    for Boundary { points, kind, durable, ends } in boundaries {
        let report = run_to(&points, &kind.order(), false);
        let found = (report.at_death.get("g").map_or("nothing", String::as_str), end_of(&report));
        if !report.not_reached.is_empty() || !report.violations.is_empty() || found != (durable, ends) {
            let points: Vec<_> = points.iter().map(ToString::to_string).collect();
            let Report { not_reached, violations, .. } = report;
            wrong.push(format!(
                "{kind:?} {points:?}: {found:?}; not reached: {not_reached:?}; violations: {violations:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_step_that_is_made_is_in_the_list() {
    let boundaries = listed();
    let mut missing = Vec::new();
    for pattern in Kind::PATTERNS {
        let of_pattern = || boundaries.iter().filter(|boundary| pattern.contains(&boundary.kind));
        let listed: BTreeSet<_> = of_pattern().filter_map(|boundary| boundary.points.last().cloned()).collect();
        let mut made = BTreeSet::new();
        for kind in pattern {
            made.extend(run_to(&[], &kind.order(), false).passed);
        }
        for Boundary { points, kind, .. } in of_pattern() {
            made.extend(run_to(points, &kind.order(), false).passed);
        }
        missing.extend(made.difference(&listed).map(|point| format!("{pattern:?}: {point}")));
    }
    assert!(missing.is_empty(), "not in the list: {missing:#?}");
}
