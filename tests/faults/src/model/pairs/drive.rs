//! The books of a saga or a TCC, and how it ends, once the faults are over.

use branchwire::protocol::{Answer, Status};

use super::super::coordinator::{Rules, Service, Target};
use super::super::course::Around;
use super::world::{Client, Mark, World, row_of};
use super::{Bug, Pairs, Pattern};

/// Whether the books agree with the status: all is done, or nothing is left.
pub(super) fn is_true(model: &Pairs, world: &World) -> bool {
    match world.status() {
        Some(Status::Succeed) => {
            let known = world.service.row.as_ref().map_or(0, |row| row.state.branches.len() / 2);
            world.branches[..known].iter().all(|branch| {
                branch.first == Mark::Applied && !branch.undo && (branch.confirm || model.pattern == Pattern::Saga)
            })
        }
        Some(Status::Failed) => !world.any(|branch| branch.stands()),
        None => !world.any(|branch| branch.first == Mark::Applied),
        Some(Status::Prepared | Status::Submitted | Status::Aborting) => true,
    }
}

impl Around for World {
    type Model = Pairs;

    fn rules(model: &Pairs) -> &Rules {
        &model.rules
    }

    fn service(&self) -> &Service {
        &self.service
    }

    fn service_mut(&mut self) -> &mut Service {
        &mut self.service
    }

    /// A service does what a coordinator asks, behind its barrier.
    fn serve(&mut self, model: &Pairs, target: Target) -> Answer {
        let (at, is_second) = row_of(target);
        let branch = &mut self.branches[at];
        match (is_second, model.pattern) {
            (false, _) => {
                branch.undo = true;
                if branch.first == Mark::None && !model.has(Bug::NullCompensationLeavesNoMark) {
                    branch.first = Mark::Blocked;
                }
                Answer::Success
            }
            (true, Pattern::Saga) => {
                if self.does_first(at) {
                    Answer::Success
                } else {
                    Answer::Failure
                }
            }
            // Without a try it is never confirmed.
            (true, Pattern::Tcc) if branch.first != Mark::Applied && !model.has(Bug::ConfirmWithoutTry) => {
                Answer::Failure
            }
            (true, Pattern::Tcc) => {
                branch.confirm = true;
                Answer::Success
            }
        }
    }

    fn settles(&mut self, model: &Pairs) {
        self.lose_packets();
        while matches!(self.client, Client::Awaits(_) | Client::Tries(_)) {
            self.gives_up(model);
        }
    }

    fn has_ended(&self) -> bool {
        self.status().is_none_or(Status::is_final)
    }

    fn is_well(&self, model: &Pairs) -> bool {
        is_true(model, self)
    }
}
