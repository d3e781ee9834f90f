//! The books of a message.

use super::super::told::Told;
use super::super::workload::Transfer;
use super::{Record, Settled};

/// What is wrong.
pub(super) fn check(transfer: &Transfer, record: &Record) -> Vec<String> {
    let mut violations = Vec::new();
    let mut wrong = |what: String| violations.push(what);
    let status = record.status.as_deref();
    let local: Vec<_> = record.of_branch("00").collect();
    if local.len() > 1 {
        wrong(format!("the local transaction has committed {} times", local.len()));
    }
    let is_recorded = status.is_some();
    let is_to_be = if transfer.local { !local.is_empty() } else { is_recorded };
    if !matches!(status, Some("succeed" | "failed") | None) {
        wrong(format!("it has not ended: {status:?}"));
    }
    let expected = if is_to_be { Some("succeed") } else { Some("failed").filter(|_| is_recorded) };
    if status != expected {
        wrong(format!("it is {status:?}, and should be {expected:?}"));
    }
    for (number, (host, amount)) in (1..).zip(&transfer.branches) {
        let there: Vec<_> = record.of_branch(&format!("{number:02}")).collect();
        if there.len() != usize::from(is_to_be) {
            wrong(format!("branch {number:02} was applied {} times, committed: {is_to_be}", there.len()));
        }
        if there.iter().any(|(at, effect)| at != host || effect.amount != *amount) {
            wrong(format!("branch {number:02} did something else: {there:?}"));
        }
    }
    for (run, told) in record.runs.iter().filter_map(|(run, told)| Some((*run, (*told)?))) {
        let by_this_run = local.iter().any(|(_, effect)| effect.run == run.number());
        // Two that send one gid send one message: "committed" says that it has, whichever of them it was.
        let holds = match told {
            Told::Submitted { .. } | Told::Repeated { .. } => is_to_be && is_recorded,
            // Nobody else's call has committed either.
            Told::GivenUp => !is_to_be,
            Told::Committed => is_to_be,
            Told::Stopped | Told::Undone { .. } | Told::Another => false,
            Told::Unknown => true,
            Told::NotDone if transfer.local => !by_this_run,
            // Somebody else's, who was not told that nothing has happened.
            Told::NotDone if record.is_submitted_twice => true,
            Told::NotDone => !is_recorded || record.runs.iter().any(|(_, told)| *told != Some(Told::NotDone)),
        };
        let exact = match record.settled.get(&run) {
            // Without a local transaction only the coordinator knew, and it may have forgotten it.
            Some(Settled::Done) if !transfer.local && matches!(told, Told::Submitted { .. }) => true,
            Some(Settled::Done) => matches!(told, Told::Repeated { .. }),
            Some(Settled::GivenUp) => told == Told::GivenUp,
            Some(Settled::Open) | None => true,
        };
        let run = run.number();
        if !exact {
            wrong(format!("run {run}, sent once all was quiet, was told {told:?}; committed: {is_to_be}"));
        }
        if !holds {
            wrong(format!("run {run} was told {told:?}; committed: {is_to_be}, by it: {by_this_run}, {status:?}"));
        }
    }
    violations
}
