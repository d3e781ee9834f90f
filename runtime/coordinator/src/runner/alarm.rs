//! When an operator should look at a transaction: its calls bring no progress, or its branches disagree.

use branchwire_protocol::{Answer, Status};

use super::alerts::{Alert, Reason};
use super::core::Core;
use super::slot::Loaded;
use crate::engine::{Definition, State};
use crate::facts;
use crate::metrics::Alarm;
use crate::store::ext_data::word;
use crate::store::history::Made;

/// After how many calls of one op without success an alarm is raised; then each time that the number has doubled.
const CALLS: u32 = 3;

impl Core {
    /// Raises an alarm if this call was one too many, or is the first one of a branch that refuses and may not. The state
    /// has counted it already.
    pub(super) fn watch(&self, definition: &Definition, state: &State, made: &Made) {
        let attempts = made.branch.map_or(state.question, |index| state.branches[index].calls).attempts;
        if made.last.answer == Answer::Success || state.status.is_final() {
            return;
        }
        let diverges = diverges(state, made);
        let is_first = diverges && attempts == 1;
        if !is_first && !is_alarming(attempts) {
            return;
        }
        // Of several branches that fail side by side, only the first one raises it.
        let others =
            state.branches.iter().enumerate().filter(|(index, it)| Some(*index) != made.branch && !it.is_done());
        let alike = others.filter(|(_, it)| !is_first || it.calls.last.is_some_and(|it| it.answer == Answer::Failure));
        if alike.map(|(_, it)| it.calls.attempts).max().is_some_and(|most| most >= attempts) {
            return;
        }
        let (alarm, reason, text) = if diverges {
            (Alarm::Diverges, Reason::Diverges, "a branch refuses that must succeed")
        } else {
            (Alarm::NoProgress, Reason::NoProgress, "calls bring no progress")
        };
        self.metrics.alarms(alarm).inc();
        let (branch_id, op) = facts::name(definition, made.branch);
        let (gid, http_status) = (definition.gid.as_str(), made.last.http_status);
        tracing::warn!(gid, branch_id, op, attempts, http_status, answer = ?made.last.answer, ?reason, "{text}");
        self.alerts.raise(|| {
            let status = http_status.map_or("no response".to_owned(), |status| format!("status {status}"));
            Alert {
                gid: gid.to_owned(),
                status: state.status.as_str().to_owned(),
                retry_count: attempts,
                branch: branch_id.clone(),
                error: format!("`{}`, {status}: {}", word(made.last.answer), made.said),
                trans_type: definition.trans_type.as_str().to_owned(),
                op: op.clone(),
                reason,
            }
        });
    }

    /// Tells that a transaction has durably ended in this state, if there may have been an alert about it.
    pub(super) fn over(&self, loaded: &Loaded, state: &State) {
        let calls = state.branches.iter().map(|branch| branch.calls.attempts);
        let attempts = calls.max().unwrap_or(0).max(state.question.attempts);
        let diverged = || loaded.history.calls().iter().any(|made| diverges(state, made));
        if attempts < CALLS && !loaded.was_parked && !diverged() {
            return;
        }
        self.alerts.raise(|| Alert {
            gid: loaded.definition.gid.as_str().to_owned(),
            status: state.status.as_str().to_owned(),
            retry_count: attempts,
            branch: String::new(),
            error: state.rollback_reason.clone(),
            trans_type: loaded.definition.trans_type.as_str().to_owned(),
            op: String::new(),
            reason: Reason::Over,
        });
    }
}

/// Whether a branch has said no where its pattern allows none: others have done their part, and it does not. A no that
/// the pattern allows has become the branch's status.
fn diverges(state: &State, made: &Made) -> bool {
    let refuses = |index: usize| state.branches[index].status != Status::Failed;
    made.last.answer == Answer::Failure && made.branch.is_some_and(refuses)
}

fn is_alarming(attempts: u32) -> bool {
    attempts.is_multiple_of(CALLS) && (attempts / CALLS).is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_become_rarer() {
        let alarms: Vec<_> = (0..100).filter(|attempts| is_alarming(*attempts)).collect();
        assert_eq!(alarms, [3, 6, 12, 24, 48, 96]);
    }
}
