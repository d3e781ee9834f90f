//! The latest calls of one transaction, with their times and texts, and when it was decided: for people, and for nothing
//! else.

use std::time::Duration;

use branchwire_protocol::{Answer, Status};

use super::ext_data::{Logged, answer, word};
use crate::engine::{LastAnswer, Time};

/// How many calls are kept, beside the last call of each op that had trouble.
const CALLS_MAX: usize = 24;

/// How many calls are kept in all.
const CALLS_MAX_IN_ALL: usize = 200;

/// The longest text of a response that is kept, in characters.
pub(crate) const SAID_CHARS_MAX: usize = 200;

/// The latest calls, oldest first. The last call of each op that had trouble is among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    calls: Vec<Made>,
    /// When it was submitted after it had been prepared, if that is known.
    pub(crate) submitted: Option<Time>,
    /// When it turned back, if that is known.
    pub(crate) turned_back: Option<Time>,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// The branch's index; `None`: query-prepared.
    pub(crate) branch: Option<usize>,
    /// When it began.
    pub(crate) at: Time,
    pub(crate) took: Duration,
    pub(crate) last: LastAnswer,
    /// The beginning of the response, or why there was none.
    pub(crate) said: String,
}

impl History {
    /// Notes when it has reached this status.
    pub(crate) fn reached(&mut self, status: Status, at: Time) {
        match status {
            Status::Submitted => self.submitted = Some(at),
            Status::Aborting => self.turned_back = Some(at),
            Status::Prepared | Status::Succeed | Status::Failed => {}
        }
    }

    /// Adds a call. Only the last call of an op keeps its text.
    pub(crate) fn push(&mut self, made: Made) {
        if let Some(before) = self.calls.iter_mut().rfind(|call| call.branch == made.branch) {
            before.said = String::new();
        }
        if self.calls.len() >= CALLS_MAX {
            let is_dispensable = |(index, call): (usize, &Made)| {
                call.last.answer == Answer::Success
                    || self.calls[index + 1..].iter().any(|later| later.branch == call.branch)
            };
            match self.calls.iter().enumerate().position(is_dispensable) {
                Some(oldest) => drop(self.calls.remove(oldest)),
                None if self.calls.len() >= CALLS_MAX_IN_ALL => drop(self.calls.remove(0)),
                None => {}
            }
        }
        self.calls.push(made);
    }

    /// The calls, oldest first.
    pub(crate) fn calls(&self) -> &[Made] {
        &self.calls
    }

    /// The last call of an op.
    pub(crate) fn last(&self, branch: Option<usize>) -> Option<&Made> {
        self.calls.iter().rfind(|call| call.branch == branch)
    }

    /// The decisions and the calls as they are stored; `key` names an op.
    pub(super) fn logged(&self, key: impl Fn(Option<usize>) -> Option<String>) -> Vec<Logged> {
        let logged = |call: &Made| {
            Some(Logged {
                of: key(call.branch)?,
                at: call.at.as_millis(),
                ms: u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
                answer: word(call.last.answer).to_owned(),
                http_status: call.last.http_status,
                said: call.said.clone(),
            })
        };
        let reached = |status: Status, at: Option<Time>| {
            at.map(|at| Logged { of: status.as_str().to_owned(), at: at.as_millis(), ..Logged::default() })
        };
        let decisions = [reached(Status::Submitted, self.submitted), reached(Status::Aborting, self.turned_back)];
        decisions.into_iter().flatten().chain(self.calls.iter().filter_map(logged)).collect()
    }

    /// Reads what was stored; `branch` finds the op of a name. Another program may have written the column: calls that make
    /// no sense are left out.
    pub(super) fn restore(log: Vec<Logged>, branch: impl Fn(&str) -> Option<Option<usize>>) -> Self {
        let made = |call: Logged| {
            let answer = answer(&call.answer)?;
            Some(Made {
                branch: branch(&call.of)?,
                at: Time::from_millis(call.at),
                took: Duration::from_millis(call.ms),
                last: LastAnswer { answer, http_status: call.http_status },
                said: call.said.chars().take(SAID_CHARS_MAX).collect(),
            })
        };
        let (decisions, log): (Vec<_>, Vec<_>) =
            log.into_iter().partition(|logged| logged.of.parse::<Status>().is_ok());
        let latest = log.len().saturating_sub(CALLS_MAX_IN_ALL);
        let mut history = Self { calls: log.into_iter().skip(latest).filter_map(made).collect(), ..Self::default() };
        for Logged { of, at, .. } in decisions {
            of.parse().into_iter().for_each(|status| history.reached(status, Time::from_millis(at)));
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(branch: usize, answer: Answer, said: &str) -> Made {
        let last = LastAnswer { answer, http_status: Some(200) };
        Made { branch: Some(branch), at: Time::from_millis(0), took: Duration::ZERO, last, said: said.to_owned() }
    }

    #[test]
    fn the_history_is_bounded_and_keeps_the_last_call_of_each_op_in_trouble() {
        let mut history = History::default();
        for round in 0..50 {
            for branch in 0..40 {
                history.push(made(branch, Answer::Unknown, &format!("down {round}")));
            }
            history.push(made(99, Answer::Success, "ok"));
        }
        assert!((0..40).all(|branch| history.last(Some(branch)).is_some_and(|call| call.said == "down 49")));
        assert!(history.calls().len() <= 42, "{}", history.calls().len());
        for branch in 100..1_000 {
            history.push(made(branch, Answer::Unknown, "down"));
        }
        assert_eq!(history.calls().len(), CALLS_MAX_IN_ALL);
    }

    #[test]
    fn many_successes_cost_no_more_than_a_few() {
        let mut history = History::default();
        (0..1_000).for_each(|branch| history.push(made(branch, Answer::Success, "ok")));
        assert_eq!(history.calls().len(), CALLS_MAX);
    }

    #[test]
    fn only_the_last_call_of_an_op_keeps_its_text() {
        let mut history = History::default();
        history.push(made(0, Answer::Unknown, "first"));
        history.push(made(1, Answer::Unknown, "other"));
        history.push(made(0, Answer::Ongoing, "second"));
        let said: Vec<_> = history.calls().iter().map(|call| call.said.as_str()).collect();
        assert_eq!(said, ["", "other", "second"]);
    }
}
