//! The facts about one transaction that an operator asks for: how often each branch was called, what it last answered,
//! when it is called next, and why the transaction waits.
//!
//! They are made from a row, so every coordinator on a store shows the same. They have one form in JSON, which the API
//! sends and the command line reads.

mod moment;
mod waits;

use branchwire_protocol::{Answer, LOCAL_BRANCH, Status};
use serde::{Deserialize, Serialize};

pub(crate) use self::waits::{NOBODY_TO_ASK, Waits, Why};
use crate::engine::pattern::{self, Next};
use crate::engine::{BranchState, Defaults, Definition, Holder, Run, State, Time};
use crate::store::ext_data::word;
use crate::store::history::{History, Made};
use crate::store::{Row, calls};

/// The facts about one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// Why it waits; `None` once it has ended.
    pub(crate) waits: Option<Waits>,
    /// How many calls of one op in a row have brought no progress. Zero: nothing had to be repeated.
    pub(crate) rounds: u32,
    /// When it was submitted after it had been prepared, in milliseconds since the Unix epoch. Known, as the next one, once a
    /// call did not succeed at the first attempt.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub(crate) submitted: Option<i64>,
    /// When it turned back, in milliseconds since the Unix epoch.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub(crate) turned_back: Option<i64>,
    /// Its branches that were called, or are called next, query-prepared (`00`) first.
    pub(crate) branches: Vec<BranchFacts>,
    /// The latest calls, oldest first. Empty while all calls have succeeded at the first attempt.
    pub(crate) calls: Vec<CallFacts>,
}

/// The facts about one op of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BranchFacts {
    pub(crate) branch_id: String,
    pub(crate) op: String,
    /// How many calls were made.
    pub(crate) attempts: u32,
    /// The last call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<CallFacts>,
    /// When it is called next, in milliseconds since the Unix epoch. `None` if it is done, its turn has not come, or it is
    /// being called.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub(crate) next_call: Option<i64>,
}

/// One call that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CallFacts {
    pub(crate) branch_id: String,
    pub(crate) op: String,
    /// When it began, in milliseconds since the Unix epoch. Where only its end is known: when it ended.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<i64>,
    /// How long it took, in milliseconds; `None` if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<u64>,
    /// `success`, `failure`, `ongoing` or `unknown`.
    pub(crate) answer: String,
    /// `None` if there was no response, or it is not known any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_status: Option<u16>,
    /// The first 200 characters of the response, or why there was none. Text from outside: nothing may be decided by it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) said: String,
}

impl Facts {
    /// The facts in a row, for a coordinator with these defaults.
    pub(crate) fn of(row: &Row, defaults: &Defaults, now: Time) -> Self {
        match row.decode(defaults, "", now) {
            Ok((definition, state)) => Self::decoded(row, &definition, &state, now),
            Err(error) => Self { waits: Waits::undecoded(row, &error, now), ..Self::default() },
        }
    }

    fn decoded(row: &Row, definition: &Definition, state: &State, now: Time) -> Self {
        let history = calls::history(definition);
        let wanted = wanted(definition, state, now);
        let (branch_id, op) = name(definition, None);
        let last = history.last(None).map(|call| CallFacts::made(definition, call));
        let question = BranchFacts { branch_id, op, attempts: state.question.attempts, last, next_call: None };
        let branches = state.branches.iter().enumerate().filter_map(|(index, branch)| {
            let mut facts = BranchFacts::called(definition, &history, index, branch);
            if state.run == Run::Idle && state.holder == Holder::Nobody && wanted.contains(&index) {
                facts.next_call = Some(state.due.as_millis());
            }
            (facts.attempts > 0 || facts.next_call.is_some()).then_some(facts)
        });
        let asked = Some(question).filter(|question| question.attempts > 0);
        Self {
            waits: Waits::of(row, definition, state, now),
            rounds: rounds(definition, state, now),
            submitted: history.submitted.map(Time::as_millis),
            turned_back: history.turned_back.map(Time::as_millis),
            branches: asked.into_iter().chain(branches).collect(),
            calls: history.calls().iter().map(|call| CallFacts::made(definition, call)).collect(),
        }
    }
}

/// How many calls of one op in a row have brought no progress.
pub(crate) fn rounds(definition: &Definition, state: &State, now: Time) -> u32 {
    if state.status == Status::Prepared {
        return state.question.attempts;
    }
    wanted(definition, state, now).iter().map(|index| state.branches[*index].calls.attempts).max().unwrap_or(0)
}

/// The ops that are to be called in this state, by index.
fn wanted(definition: &Definition, state: &State, now: Time) -> Vec<usize> {
    match pattern::of(definition.trans_type).next(definition, state, now) {
        Next::Calls(calls) => calls,
        Next::NotBefore(_) | Next::Done | Next::Never => Vec::new(),
    }
}

/// The id and the op of a branch; `None`: of query-prepared.
pub(crate) fn name(definition: &Definition, branch: Option<usize>) -> (String, String) {
    if let Some(row) = branch.and_then(|index| definition.branches.get(index)) {
        return (row.branch_id.as_str().to_owned(), row.op.as_str().to_owned());
    }
    let question = pattern::of(definition.trans_type).question(definition);
    (LOCAL_BRANCH.to_owned(), question.op.as_str().to_owned())
}

/// The address that a call goes to; `None` is query-prepared.
pub(crate) fn address(definition: &Definition, branch: Option<usize>) -> &str {
    branch.and_then(|index| definition.branches.get(index)).map_or(&definition.query_prepared, |branch| &branch.url)
}

impl BranchFacts {
    fn called(definition: &Definition, history: &History, index: usize, branch: &BranchState) -> Self {
        let (branch_id, op) = name(definition, Some(index));
        let call = |answer, http_status, at: Option<Time>| CallFacts {
            branch_id: branch_id.clone(),
            op: op.clone(),
            at: at.map(Time::as_millis),
            answer: word(answer).to_owned(),
            http_status,
            ..CallFacts::default()
        };
        let logged = history.last(Some(index)).map(|made| CallFacts::made(definition, made));
        let counted = || branch.calls.last.map(|last| call(last.answer, last.http_status, branch.finished));
        // Nothing is recorded of a call that succeeds at the first attempt, but that it is done.
        let done = || {
            let was_called = branch.is_done() && !definition.branches[index].url.is_empty();
            let answer = if branch.status == Status::Failed { Answer::Failure } else { Answer::Success };
            was_called.then(|| call(answer, None, branch.finished))
        };
        let last = logged.or_else(counted).or_else(done);
        let attempts = branch.calls.attempts.max(u32::from(last.is_some()));
        Self { branch_id, op, attempts, last, next_call: None }
    }
}

impl CallFacts {
    fn made(definition: &Definition, made: &Made) -> Self {
        let (branch_id, op) = name(definition, made.branch);
        Self {
            branch_id,
            op,
            at: Some(made.at.as_millis()),
            ms: u64::try_from(made.took.as_millis()).ok(),
            answer: word(made.last.answer).to_owned(),
            http_status: made.last.http_status,
            said: made.said.clone(),
        }
    }
}
