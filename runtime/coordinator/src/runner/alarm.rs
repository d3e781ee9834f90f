//! When an operator should look at a transaction: its calls bring no progress, its branches disagree, or it waits for a
//! submit that does not come while nobody can be asked.

use branchwire_protocol::{Answer, Status};

use super::alerts::{Alert, Reason};
use super::core::Core;
use super::slot::Loaded;
use crate::engine::{Definition, State};
use crate::facts;
use crate::metrics::Alarm;
use crate::store::ext_data::word;
use crate::store::history::Made;
use crate::transport::host_and_path;

/// After how many rounds without progress an alarm is raised; then each time that the number has doubled. A round is a call
/// of one op, or that a transaction was due and nobody could be asked.
const ROUNDS: u32 = 3;

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
        let (host, path) = host_and_path(facts::address(definition, made.branch));
        let answer = word(made.last.answer);
        tracing::warn!(gid, branch_id, op, host, path, attempts, http_status, answer, ?reason, "{text}");
        self.alerts.raise(|| {
            let status = http_status.map_or("no response".to_owned(), |status| format!("status {status}"));
            let error = format!("`{}`, {status}: {}", word(made.last.answer), made.said);
            Alert { branch: branch_id.clone(), op: op.clone(), ..alert(definition, state, attempts, error, reason) }
        });
    }

    /// Raises an alarm if a transaction that was not submitted was due once too often while nobody could be asked. It has
    /// durably reached this state; `loaded` has the one before.
    pub(super) fn watch_unasked(&self, loaded: &mut Loaded, state: &State) {
        let definition = &loaded.definition;
        if state.status != Status::Prepared || !definition.query_prepared.is_empty() {
            return;
        }
        let rounds = state.rounds(definition);
        if rounds == loaded.state.rounds(definition) || !is_alarming(rounds) {
            return;
        }
        self.metrics.alarms(Alarm::NoProgress).inc();
        let (gid, error) = (definition.gid.as_str(), facts::NOBODY_TO_ASK);
        tracing::warn!(gid, rounds, "{error}");
        self.alerts.raise(|| alert(definition, state, rounds, error.to_owned(), Reason::NoProgress));
        loaded.rounds = rounds;
    }

    /// Tells that a transaction has durably ended in this state, if there may have been an alert about it.
    pub(super) fn over(&self, loaded: &Loaded, state: &State) {
        let calls = state.branches.iter().map(|branch| branch.calls.attempts);
        let rounds = calls.max().unwrap_or(0).max(state.question.attempts).max(loaded.rounds);
        let diverged = || loaded.history.calls().iter().any(|made| diverges(state, made));
        if rounds < ROUNDS && !loaded.was_parked && !diverged() {
            return;
        }
        let reason = state.rollback_reason.clone();
        self.alerts.raise(|| alert(&loaded.definition, state, rounds, reason, Reason::Over));
    }
}

/// An alert that is not about a branch.
fn alert(definition: &Definition, state: &State, retry_count: u32, error: String, reason: Reason) -> Alert {
    Alert {
        gid: definition.gid.as_str().to_owned(),
        status: state.status.as_str().to_owned(),
        retry_count,
        branch: String::new(),
        error,
        trans_type: definition.trans_type.as_str().to_owned(),
        op: String::new(),
        reason,
    }
}

/// Whether a branch has said no where its pattern allows none: others have done their part, and it does not. A no that
/// the pattern allows has become the branch's status.
fn diverges(state: &State, made: &Made) -> bool {
    let refuses = |index: usize| state.branches[index].status != Status::Failed;
    made.last.answer == Answer::Failure && made.branch.is_some_and(refuses)
}

fn is_alarming(rounds: u32) -> bool {
    rounds.is_multiple_of(ROUNDS) && (rounds / ROUNDS).is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_become_rarer() {
        let alarms: Vec<_> = (0..100).filter(|rounds| is_alarming(*rounds)).collect();
        assert_eq!(alarms, [3, 6, 12, 24, 48, 96]);
    }
}
