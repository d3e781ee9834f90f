//! The books of a saga or a TCC.

use branchwire::protocol::Op;

use super::super::database::Effect;
use super::super::order::Run;
use super::super::told::Told;
use super::super::trip::{Leg, Pattern, Trip};
use super::{Record, Settled};

/// What was applied of one leg.
struct Applied<'a> {
    /// Its action or its try.
    first: Option<&'a Effect>,
    /// Its compensation or its cancel.
    undo: Option<&'a Effect>,
    confirm: Option<&'a Effect>,
}

impl<'a> Applied<'a> {
    fn of(branch_id: &str, effects: &'a [(&'static str, Effect)]) -> Self {
        let find = |ops: &[Op]| {
            let mut of_branch = effects.iter().filter(|(_, effect)| effect.branch_id == branch_id);
            of_branch.find(|(_, effect)| ops.contains(&effect.op)).map(|(_, effect)| effect)
        };
        Self {
            first: find(&[Op::Action, Op::Try]),
            undo: find(&[Op::Compensate, Op::Cancel]),
            confirm: find(&[Op::Confirm]),
        }
    }

    /// Whether something is left of it.
    fn stands(&self) -> bool {
        self.first.is_some_and(|first| self.undo.is_none_or(|undo| undo.at < first.at))
    }
}

/// The legs with their ids.
fn legs(trip: &Trip) -> impl Iterator<Item = (String, Leg)> {
    (1..).map(|number: usize| format!("{number:02}")).zip(trip.legs())
}

/// The id of the branch that follows all legs.
fn last_id(trip: &Trip) -> String {
    format!("{:02}", trip.legs().count() + 1)
}

/// Whether all of it is applied, and nothing is undone.
pub(super) fn is_done(trip: &Trip, effects: &[(&'static str, Effect)]) -> bool {
    let last = trip.finally.is_none() || Applied::of(&last_id(trip), effects).first.is_some();
    last && legs(trip).all(|(id, _)| {
        let leg = Applied::of(&id, effects);
        leg.stands() && leg.undo.is_none() && (leg.confirm.is_some() || trip.pattern == Pattern::Saga)
    })
}

/// Whether something of it is applied, and not undone.
pub(super) fn stands(trip: &Trip, effects: &[(&'static str, Effect)]) -> bool {
    legs(trip).any(|(id, _)| Applied::of(&id, effects).stands())
        || Applied::of(&last_id(trip), effects).first.is_some()
        || legs(trip).any(|(id, _)| Applied::of(&id, effects).confirm.is_some())
}

/// What is wrong in the books alone.
pub(super) fn books(trip: &Trip, record: &Record) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, leg) in legs(trip) {
        let Applied { first, undo, confirm } = Applied::of(&id, &record.effects);
        for (host, effect) in record.of_branch(&id) {
            let amount = match effect.op {
                Op::Action | Op::Try => leg.amount,
                Op::Compensate | Op::Cancel => -leg.amount,
                _ => 0,
            };
            if *host != leg.host || effect.amount != amount {
                wrong.push(format!("leg {id} did something else: {effect:?}"));
            }
        }
        if let (Some(first), Some(undo)) = (first, undo)
            && undo.at < first.at
        {
            wrong.push(format!("leg {id} was applied after it was undone"));
        }
        if undo.is_some() && first.is_none() {
            wrong.push(format!("leg {id} was undone, and never applied"));
        }
        if confirm.is_some_and(|confirm| first.is_none_or(|first| confirm.at < first.at)) {
            wrong.push(format!("leg {id} was confirmed without its try"));
        }
        if confirm.is_some() && undo.is_some() {
            wrong.push(format!("leg {id} was confirmed, and cancelled"));
        }
    }
    wrong.extend(undone_in_the_wrong_order(trip, record));
    match record.status.as_deref() {
        Some("succeed") if !is_done(trip, &record.effects) => {
            wrong.push(format!("it has succeeded, and not all is done: {:?}", record.effects));
        }
        Some("failed") | None if stands(trip, &record.effects) => {
            wrong.push(format!("it is {:?}, and something stands: {:?}", record.status, record.effects));
        }
        Some("succeed" | "failed") | None => {}
        Some(other) => wrong.push(format!("it has not ended: {other}")),
    }
    wrong
}

/// A step of a saga is undone after those of the stages after it.
fn undone_in_the_wrong_order(trip: &Trip, record: &Record) -> Vec<String> {
    let mut numbers = 1..;
    let undone: Vec<Vec<u64>> = trip
        .stages
        .iter()
        .map(|stage| {
            let ids = stage.iter().zip(numbers.by_ref()).map(|(_, number): (_, usize)| format!("{number:02}"));
            ids.filter_map(|id| Applied::of(&id, &record.effects).undo.map(|undo| undo.at)).collect()
        })
        .collect();
    let mut wrong = Vec::new();
    for (before, after) in undone.iter().zip(undone.iter().skip(1)) {
        if trip.pattern == Pattern::Saga
            && before.iter().min() < after.iter().max()
            && !before.is_empty()
            && !after.is_empty()
        {
            wrong.push("a step was undone before one that came after it".to_owned());
        }
    }
    wrong
}

/// What is wrong: in the books, and in what clients were told.
pub(super) fn check(trip: &Trip, record: &Record) -> Vec<String> {
    let mut wrong = books(trip, record);
    for (run, told) in record.runs.iter().filter_map(|(run, told)| Some((*run, (*told)?))) {
        // What was told before the coordinators forgot the order is about what they knew then.
        let status = if run == Run::Forgotten { &record.status } else { &record.status_before };
        let status = status.as_deref();
        let holds = match told {
            // A saga that runs may turn back.
            Told::Submitted { finished: false } if trip.pattern == Pattern::Saga => status.is_some(),
            Told::Submitted { .. } | Told::Repeated { .. } => status == Some("succeed"),
            Told::Undone { .. } => status == Some("failed"),
            Told::Unknown => true,
            Told::NotDone if record.is_submitted_twice => true,
            Told::NotDone => {
                let all_were = record.runs.iter().all(|(_, told)| *told == Some(Told::NotDone));
                !all_were || (record.effects.is_empty() && status != Some("succeed"))
            }
            Told::Committed | Told::Stopped | Told::GivenUp | Told::Another => false,
        };
        if !holds {
            wrong.push(format!("run {} was told {told:?}, and it is {status:?}", run.number()));
        }
        let exact = match record.settled.get(&run) {
            // The coordinator has it as new, and the steps refuse it later.
            Some(Settled::GivenUp) if run == Run::Forgotten && told == (Told::Submitted { finished: false }) => {
                trip.pattern == Pattern::Saga
            }
            Some(Settled::Done) => matches!(told, Told::Submitted { .. } | Told::Repeated { .. }),
            Some(Settled::GivenUp) => matches!(told, Told::Undone { .. }),
            Some(Settled::Open) | None => true,
        };
        if !exact {
            wrong.push(format!("run {}, sent once all was quiet, was told {told:?}; it was {status:?}", run.number()));
        }
    }
    wrong
}
