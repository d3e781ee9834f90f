//! The two-phase message: a local transaction that may fail, then branches that must succeed in the end.

use branchwire_protocol::{Answer, Op, Status};

use super::questions::{Next, Overdue, Pattern, Permission, Request, Rows, Verdict};
use crate::engine::{Definition, Setback, State, Time};

/// See the module.
#[derive(Debug)]
pub(super) struct Msg;

impl Pattern for Msg {
    fn rows(&self) -> Rows {
        Rows::Steps
    }

    /// One without query-prepared is submitted at once: by an outbox, or after a commit that may be lost.
    fn is_prepared_first(&self, definition: &Definition) -> bool {
        !definition.query_prepared.is_empty()
    }

    fn overdue(&self, definition: &Definition, state: &State) -> Overdue {
        match state.status {
            Status::Prepared => Overdue::Ask(definition.timing.timeout_to_fail),
            Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed => Overdue::Wait,
        }
    }

    /// The first branch that is not done, or all of them if they are concurrent.
    fn next(&self, definition: &Definition, state: &State, now: Time) -> Next {
        match state.status {
            Status::Submitted => {}
            // No branch of a message is called before it is submitted, and none is undone.
            Status::Prepared | Status::Aborting | Status::Succeed | Status::Failed => return Next::Never,
        }
        let not_before = definition.created.after(definition.timing.delay);
        if now < not_before {
            return Next::NotBefore(not_before);
        }
        let open = state.branches.iter().enumerate().filter(|(_, branch)| !branch.is_done()).map(|(index, _)| index);
        let calls: Vec<_> = open.take(if definition.concurrent { usize::MAX } else { 1 }).collect();
        if calls.is_empty() { Next::Done } else { Next::Calls(calls) }
    }

    fn verdict(&self, _: &Definition, _: &State, op: &Op, answer: Answer) -> Verdict {
        match (answer, op) {
            (Answer::Success, _) => Verdict::Done,
            (Answer::Failure, Op::Msg) => Verdict::RollBack,
            // A branch must succeed in the end, so a refusal is only a setback.
            (Answer::Failure, _) => Verdict::Setback(Setback::Refused),
            (Answer::Ongoing, _) => Verdict::Setback(Setback::Ongoing),
            (Answer::Unknown, _) => Verdict::Setback(Setback::Unknown),
        }
    }

    fn allows(&self, _: &Definition, state: &State, request: Request) -> Permission {
        match (request, state.status) {
            (Request::Prepare, Status::Prepared) | (Request::Submit, Status::Submitted) => Permission::Acknowledge,
            (Request::Submit | Request::Abort, Status::Prepared) => Permission::Act,
            (Request::Prepare | Request::Abort, Status::Submitted)
            | (
                Request::Prepare | Request::Submit | Request::Abort,
                Status::Aborting | Status::Succeed | Status::Failed,
            )
            | (
                Request::RegisterBranch,
                Status::Prepared | Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed,
            ) => Permission::Refuse,
        }
    }
}
