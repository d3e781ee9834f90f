//! Why a transaction waits, and for how long.

use branchwire_protocol::Status;
use serde::{Deserialize, Serialize};

use crate::engine::pattern::{self, Next, Overdue};
use crate::engine::{Definition, Holder, State, Time};
use crate::store::ext_data::word;
use crate::store::{CorruptRow, OVERDUE_AFTER, PARKED_AFTER, Row, calls};

/// Why an unfinished transaction waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Waits {
    pub(crate) why: Why,
    /// Until when, in milliseconds since the Unix epoch; `None` if no time ends it.
    #[serde(with = "super::moment", skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<i64>,
    /// Whether it should have ended by now.
    pub(crate) overdue: bool,
    /// The reason as a sentence. It has no text from outside but ids of branches, and a parked row's reason.
    pub(crate) text: String,
}

/// The kind of reason for which a transaction waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// The row makes no sense: it is put aside until somebody mends it.
    Parked,
    /// The row makes no sense, and was not due since.
    Unreadable,
    /// It is of a pattern or protocol that is left to a DTM server.
    LeftToOthers,
    /// A coordinator is calling its branches.
    Running,
    /// Its client may still submit it.
    Submit,
    /// Query-prepared gave no clear answer.
    QueryPrepared,
    /// It was not submitted, and has no address to ask.
    NobodyToAsk,
    /// Its client wants its branches to be called later.
    Delay,
    /// A branch did not succeed, and is called again.
    Retry,
    /// It is due.
    #[default]
    Due,
}

/// Why a prepared message waits that can neither go on nor be asked about.
pub(crate) const NOBODY_TO_ASK: &str = "it was not submitted, and has no query-prepared address to ask";

/// The words of an error about rows that are left to a DTM server.
const LEFT: &str = "is left to a DTM server";

impl Waits {
    pub(super) fn of(row: &Row, definition: &Definition, state: &State, now: Time) -> Option<Self> {
        if state.status.is_final() {
            return None;
        }
        if is_parked(row, state.due, now) {
            return Some(Self::parked(row));
        }
        let (why, text) = match &state.holder {
            Holder::Us | Holder::Other(_) if now < state.due => {
                (Why::Running, "a coordinator is running it; its lease ends then".to_owned())
            }
            _ if state.status == Status::Prepared => prepared(definition, state, now),
            _ => branches(definition, state, now),
        };
        // Without a limit a prepared transaction is due at the end of time. Where nobody can be asked, being due changes nothing.
        let ends = now.until(state.due) < PARKED_AFTER && why != Why::NobodyToAsk;
        let until = Some(state.due.as_millis()).filter(|_| ends);
        Some(Self { why, until, overdue: is_overdue(definition, state, why, now), text })
    }

    /// Of a row that cannot be decoded, or is not for us.
    pub(super) fn undecoded(row: &Row, error: &CorruptRow, now: Time) -> Option<Self> {
        if row.status.parse().is_ok_and(Status::is_final) {
            return None;
        }
        if is_parked(row, Time::from_millis(row.next_cron_time), now) {
            return Some(Self::parked(row));
        }
        let text = error.to_string();
        let why = if text.ends_with(LEFT) { Why::LeftToOthers } else { Why::Unreadable };
        Some(Self { why, until: Some(row.next_cron_time), overdue: false, text })
    }

    fn parked(row: &Row) -> Self {
        Self { why: Why::Parked, until: None, overdue: false, text: format!("it is put aside: {}", row.result) }
    }
}

fn is_parked(row: &Row, due: Time, now: Time) -> bool {
    !row.result.is_empty() && now.until(due) > PARKED_AFTER
}

/// As the stores count it.
fn is_overdue(definition: &Definition, state: &State, why: Why, now: Time) -> bool {
    let waits_for_somebody = calls::has_trouble(state) || why == Why::NobodyToAsk;
    definition.created.until(now) > OVERDUE_AFTER && (waits_for_somebody || state.due.until(now) > OVERDUE_AFTER)
}

fn prepared(definition: &Definition, state: &State, now: Time) -> (Why, String) {
    if let Some(last) = state.question.last {
        let (answer, times) = (word(last.answer), state.question.attempts);
        return (Why::QueryPrepared, format!("query-prepared answered `{answer}` (call {times}) and is asked again"));
    }
    match pattern::of(definition.trans_type).overdue(definition, state) {
        Overdue::Ask(after) if definition.query_prepared.is_empty() => {
            if definition.created.after(after) <= now {
                (Why::NobodyToAsk, NOBODY_TO_ASK.to_owned())
            } else {
                (Why::Submit, "its client may still submit it; after that nobody can be asked".to_owned())
            }
        }
        Overdue::Ask(_) => (Why::Submit, "its client may still submit it; then query-prepared is asked".to_owned()),
        Overdue::Abort(_) => (Why::Submit, "its client may still submit it; then it is rolled back".to_owned()),
        Overdue::Wait => (Why::Submit, "its client may still submit it, without a limit".to_owned()),
    }
}

fn branches(definition: &Definition, state: &State, now: Time) -> (Why, String) {
    let calls = match pattern::of(definition.trans_type).next(definition, state, now) {
        Next::NotBefore(_) => return (Why::Delay, "its client wants its branches to be called later".to_owned()),
        Next::Calls(calls) => calls,
        Next::Done | Next::Never => Vec::new(),
    };
    let failing = calls.into_iter().find_map(|index| {
        let called = state.branches[index].calls;
        Some((&definition.branches[index], called.last?, called.attempts))
    });
    let Some((row, last, times)) = failing else { return (Why::Due, "its next branches are called then".to_owned()) };
    let (branch_id, op, answer) = (&row.branch_id, &row.op, word(last.answer));
    let status = match last.http_status {
        Some(status) => format!("with status {status}"),
        None => "without a response".to_owned(),
    };
    let text = format!("branch {branch_id} {op} ended as `{answer}` {status} (call {times}) and is called again");
    (Why::Retry, text)
}
