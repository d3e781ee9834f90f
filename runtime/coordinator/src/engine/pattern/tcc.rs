//! TCC: each branch reserves by its try, which the client calls. Then all branches are confirmed, or all are cancelled.
//!
//! A branch is registered before its try is called, so that it is cancelled even if nobody knows whether its try arrived. It
//! has two rows, as DTM makes them: its cancel, then its confirm.

use branchwire_protocol::{Answer, Op, Status};

use super::questions::{Next, Overdue, Pattern, Permission, Request, Rows, Verdict};
use crate::engine::{Definition, Setback, State, Time};

/// See the module.
#[derive(Debug)]
pub(super) struct Tcc;

impl Pattern for Tcc {
    fn rows(&self) -> Rows {
        Rows::Registered([Op::Cancel, Op::Confirm])
    }

    fn is_prepared_first(&self, _: &Definition) -> bool {
        true
    }

    /// Only while it is not decided: a submitted TCC is confirmed, however long that takes.
    fn overdue(&self, definition: &Definition, state: &State) -> Overdue {
        match state.status {
            Status::Prepared => Overdue::Abort(definition.timing.timeout_to_fail),
            Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed => Overdue::Wait,
        }
    }

    /// All branches at once, so that a slow one does not hold up the others. Only a branch whose try has registered branches
    /// of its own comes after those: clients of DTM count on that.
    fn next(&self, definition: &Definition, state: &State, _: Time) -> Next {
        let op = match state.status {
            Status::Submitted => Op::Confirm,
            Status::Aborting => Op::Cancel,
            Status::Prepared | Status::Succeed | Status::Failed => return Next::Never,
        };
        let rows = definition.branches.iter().zip(&state.branches).enumerate();
        let open: Vec<_> = rows
            .filter(|(_, (row, state))| row.op == op && !state.is_done())
            .map(|(index, (row, _))| (row.branch_id.as_str(), index))
            .collect();
        if open.is_empty() {
            return Next::Done;
        }
        let mut ids: Vec<_> = open.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        Next::Calls(open.into_iter().filter(|(id, _)| !has_nested(&ids, id)).map(|(_, index)| index).collect())
    }

    /// Neither confirm nor cancel can change the direction: both must succeed in the end.
    fn verdict(&self, _: &Definition, _: &State, _: &Op, answer: Answer) -> Verdict {
        match answer {
            Answer::Success => Verdict::Done,
            Answer::Failure => Verdict::Setback(Setback::Refused),
            Answer::Ongoing => Verdict::Setback(Setback::Ongoing),
            Answer::Unknown => Verdict::Setback(Setback::Unknown),
        }
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
}

/// Whether one of the sorted `ids` is nested in `id`: it has `id`, and then two digits for each further level.
fn has_nested(ids: &[&str], id: &str) -> bool {
    let after = ids.partition_point(|other| *other <= id);
    let begins_so = ids[after..].iter().take_while(|other| other.starts_with(id));
    begins_so.into_iter().any(|other| (other.len() - id.len()).is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_nested_in_another_by_two_digits_a_level() {
        let ids = ["01", "0101", "02", "020101", "03", "10", "100", "1000"];
        let with_nested: Vec<_> = ids.into_iter().filter(|id| has_nested(&ids, id)).collect();
        assert_eq!(with_nested, ["01", "02", "10"]);
        assert!(!has_nested(&["10", "100", "101"], "10"), "the branches after 99 are nested in none");
    }
}
