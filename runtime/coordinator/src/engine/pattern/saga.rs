//! The saga: steps that may refuse, each with a compensation. All actions succeed, or every one that may have been applied
//! is compensated.
//!
//! A step has two rows, as DTM makes them: its compensation, then its action.

use branchwire_protocol::{Answer, Op, Status};

use super::questions::{Next, Overdue, Pattern, Permission, Request, Rows, Verdict};
use crate::engine::{Definition, RunEnd, Setback, State, Time};

/// See the module.
#[derive(Debug)]
pub(super) struct Saga;

/// The index of a step's compensation among the rows.
const fn compensation(step: usize) -> usize {
    2 * step
}

/// The index of a step's action among the rows.
const fn action(step: usize) -> usize {
    2 * step + 1
}

/// The state of the steps of one saga.
struct Steps<'a> {
    definition: &'a Definition,
    state: &'a State,
}

impl Steps<'_> {
    fn all(&self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        0..self.definition.branches.len() / 2
    }

    fn has_succeeded(&self, step: usize) -> bool {
        self.state.branches[action(step)].status == Status::Succeed
    }

    /// Whether all steps that come before it have succeeded, so that its action may be called.
    fn is_ready(&self, step: usize) -> bool {
        self.definition.predecessors[step].iter().all(|before| self.has_succeeded(*before))
    }

    /// Whether its action may have been applied: it has answered, or may have been called. An action is called only once
    /// the success of its predecessors is durable, so this holds after a crash as well.
    fn may_have_run(&self, step: usize) -> bool {
        self.state.branches[action(step)].is_done() || self.is_ready(step)
    }

    /// Whether this step needs no compensation any more.
    fn is_undone(&self, step: usize) -> bool {
        !self.may_have_run(step) || self.state.branches[compensation(step)].is_done()
    }

    /// Whether only steps without a compensation are left: nothing could undo them, so only their own refusal turns the
    /// saga back.
    fn only_final_steps_are_left(&self) -> bool {
        self.all().all(|step| self.has_succeeded(step) || self.definition.branches[compensation(step)].url.is_empty())
    }
}

impl Pattern for Saga {
    fn rows(&self) -> Rows {
        Rows::Pairs
    }

    /// A saga has a limit only if its client has set one, and none once only final steps are left.
    fn overdue(&self, definition: &Definition, state: &State) -> Overdue {
        match (state.status, definition.timing.timeout_given) {
            (Status::Submitted, Some(timeout)) if !(Steps { definition, state }).only_final_steps_are_left() => {
                Overdue::Abort(timeout)
            }
            (Status::Prepared | Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed, _) => {
                Overdue::Wait
            }
        }
    }

    fn next(&self, definition: &Definition, state: &State, _: Time) -> Next {
        let steps = Steps { definition, state };
        match state.status {
            Status::Submitted => {
                if steps.all().all(|step| steps.has_succeeded(step)) {
                    return Next::Done;
                }
                let open = steps.all().filter(|step| !state.branches[action(*step)].is_done());
                Next::Calls(open.filter(|step| steps.is_ready(*step)).map(action).collect())
            }
            Status::Aborting => {
                if steps.all().all(|step| steps.is_undone(step)) {
                    return Next::Done;
                }
                // A step is undone after all that came after it, and not while its action may still be running.
                let mut waits = vec![false; steps.all().count()];
                for step in steps.all().filter(|step| !steps.is_undone(*step)) {
                    definition.predecessors[step].iter().for_each(|before| waits[*before] = true);
                }
                state.in_flight().filter(|index| index % 2 == 1).for_each(|index| waits[index / 2] = true);
                let due = steps.all().rev().filter(|step| !steps.is_undone(*step) && !waits[*step]);
                Next::Calls(due.map(compensation).collect())
            }
            Status::Prepared | Status::Succeed | Status::Failed => Next::Never,
        }
    }

    fn verdict(&self, definition: &Definition, state: &State, op: &Op, answer: Answer) -> Verdict {
        match (answer, op) {
            (Answer::Success, _) => Verdict::Done,
            (Answer::Failure, Op::Action) => Verdict::RollBack,
            // A compensation must succeed in the end.
            (Answer::Failure, _) => Verdict::Setback(Setback::Refused),
            (Answer::Ongoing, _) => Verdict::Setback(Setback::Ongoing),
            (Answer::Unknown, Op::Action) => {
                let steps = Steps { definition, state };
                let unclear: u32 = steps.all().map(|step| state.branches[action(step)].calls.unclear).sum();
                match definition.timing.retry_limit {
                    Some(limit) if unclear > limit && !steps.only_final_steps_are_left() => {
                        Verdict::GiveUp(format!("RetryCount is greater than RetryLimit, RetryLimit: {limit}"))
                    }
                    Some(_) | None => Verdict::Setback(Setback::Unknown),
                }
            }
            (Answer::Unknown, _) => Verdict::Setback(Setback::Unknown),
        }
    }

    /// A client may also ask for the rollback of a submitted saga, which DTM refuses; but not once only final steps are
    /// left.
    fn allows(&self, definition: &Definition, state: &State, request: Request) -> Permission {
        match (request, state.status) {
            (Request::Prepare, Status::Prepared)
            | (Request::Submit, Status::Submitted)
            | (Request::Abort, Status::Aborting) => Permission::Acknowledge,
            (Request::Submit, Status::Prepared) => Permission::Act,
            (Request::Abort, Status::Submitted) if !(Steps { definition, state }).only_final_steps_are_left() => {
                Permission::Act
            }
            (
                Request::Prepare | Request::Submit | Request::Abort | Request::RegisterBranch,
                Status::Prepared | Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed,
            ) => Permission::Refuse,
        }
    }

    fn saves_progress(&self) -> bool {
        true
    }

    /// It is undone in any case. But its success would say of the steps after it that they may have been called.
    fn records_late(&self, definition: &Definition, branch: usize) -> bool {
        !definition.predecessors.iter().any(|before| before.contains(&(branch / 2)))
    }

    /// It goes on, or turns back after its retries: nothing is known to have failed.
    fn unclear(&self) -> RunEnd {
        RunEnd::Ongoing
    }
}
