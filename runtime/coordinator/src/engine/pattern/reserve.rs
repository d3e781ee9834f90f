//! A pattern for tests only. Each of its branches has two rows, `cancel` and `confirm`, which are added while the
//! transaction is prepared.
//!
//! It uses what a message does not: registration, a timeout that rolls back, a refusal that turns a transaction back
//! while calls are in flight, and calls that undo.

use branchwire_protocol::{Answer, Op, Status};
use bytes::Bytes;
use http::Method;

use super::questions::{Next, Overdue, Pattern, Permission, Question, Request, Verdict};
use crate::engine::{Definition, Setback, State, Time};

#[derive(Debug)]
pub(in crate::engine) struct Reserve;

impl Pattern for Reserve {
    fn overdue(&self, definition: &Definition, state: &State) -> Overdue {
        match state.status {
            Status::Prepared => Overdue::Abort(definition.timing.timeout_to_fail),
            Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed => Overdue::Wait,
        }
    }

    fn next(&self, definition: &Definition, state: &State, _: Time) -> Next {
        let op = match state.status {
            Status::Submitted => Op::Confirm,
            Status::Aborting => Op::Cancel,
            Status::Prepared | Status::Succeed | Status::Failed => return Next::Never,
        };
        // Nothing is undone while it may still be done.
        if op == Op::Cancel && state.in_flight().any(|index| definition.branches[index].op == Op::Confirm) {
            return Next::Calls(Vec::new());
        }
        let rows = definition.branches.iter().zip(&state.branches).enumerate();
        let open = rows.filter(|(_, (branch, state))| branch.op == op && !state.is_done()).map(|(index, _)| index);
        let calls: Vec<_> = open.take(if definition.concurrent { usize::MAX } else { 1 }).collect();
        if calls.is_empty() { Next::Done } else { Next::Calls(calls) }
    }

    fn verdict(&self, _: &Definition, _: &State, op: &Op, answer: Answer) -> Verdict {
        match answer {
            Answer::Success => Verdict::Done,
            Answer::Failure if *op == Op::Confirm => Verdict::RollBack,
            Answer::Failure => Verdict::Setback(Setback::Refused),
            Answer::Ongoing => Verdict::Setback(Setback::Ongoing),
            Answer::Unknown => Verdict::Setback(Setback::Unknown),
        }
    }

    fn registers(&self) -> bool {
        true
    }

    fn allows(&self, _: &Definition, state: &State, request: Request) -> Permission {
        match (state.status, request) {
            (Status::Prepared, Request::Prepare)
            | (Status::Submitted, Request::Submit)
            | (Status::Aborting, Request::Abort) => Permission::Acknowledge,
            (Status::Prepared, Request::Submit | Request::Abort | Request::RegisterBranch) => Permission::Act,
            (Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed, _) => Permission::Refuse,
        }
    }

    fn question(&self, _: &Definition) -> Question {
        Question { method: Method::GET, op: Op::Msg, body: Bytes::new() }
    }
}
