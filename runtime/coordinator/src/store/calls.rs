//! The calls of a transaction's branches so far, kept in `ext_data` for operators. A transaction whose calls all succeed
//! at the first attempt records nothing.
//!
//! These records are shown; the numbers in them also decide when a saga has reached its retry limit, and nothing else.

use super::ext_data::{ExtData, Record, Records, answer, word};
use super::history::History;
use crate::engine::{Calls, Definition, LastAnswer, State, pattern};
use branchwire_protocol::{Answer, LOCAL_BRANCH, Op};

/// The longest `ext_data`, in bytes: what a `text` column of MySQL holds.
const EXT_DATA_BYTES_MAX: usize = 65_535;

/// How many branches are recorded at most.
const RECORDS_MAX: usize = 200;

/// The value of `ext_data` with these records; `None` if there are none, or the value would be too long.
pub(crate) fn ext_data(definition: &Definition, state: &State, history: &History) -> Option<String> {
    let mut troubled = state.branches.iter().enumerate().filter(|(_, branch)| had_trouble(branch.calls)).peekable();
    if troubled.peek().is_none() && !had_trouble(state.question) {
        return None;
    }
    let mut records: Records = troubled
        .take(RECORDS_MAX)
        .filter_map(|(index, branch)| {
            let row = definition.branches.get(index)?;
            Some((key(row.branch_id.as_str(), &row.op), Record::new(branch.calls)?))
        })
        .collect();
    if had_trouble(state.question) {
        records.extend(Record::new(state.question).map(|record| (question_key(definition), record)));
    }
    let log = history.logged(|branch| op_key(definition, branch));
    let mut ext_data = ExtData { calls: records, log, ..ExtData::parse(&definition.ext_data).unwrap_or_default() };
    let text =
        |ext_data: &ExtData| serde_json::to_string(ext_data).ok().filter(|text| text.len() <= EXT_DATA_BYTES_MAX);
    text(&ext_data).or_else(|| {
        // The numbers matter more than the texts.
        ext_data.log.clear();
        text(&ext_data)
    })
}

/// The calls that `ext_data` has recorded for this transaction.
pub(crate) fn history(definition: &Definition) -> History {
    if definition.ext_data.is_empty() {
        return History::default();
    }
    let branches = || definition.branches.iter().enumerate();
    History::restore(ExtData::parse(&definition.ext_data).unwrap_or_default().log, |of| {
        if of == question_key(definition) {
            return Some(None);
        }
        branches().find(|(_, row)| key(row.branch_id.as_str(), &row.op) == of).map(|(index, _)| Some(index))
    })
}

/// Whether a call did not succeed at its first attempt.
pub(crate) fn has_trouble(state: &State) -> bool {
    state.branches.iter().any(|branch| had_trouble(branch.calls)) || had_trouble(state.question)
}

fn op_key(definition: &Definition, branch: Option<usize>) -> Option<String> {
    match branch {
        None => Some(question_key(definition)),
        Some(index) => definition.branches.get(index).map(|row| key(row.branch_id.as_str(), &row.op)),
    }
}

/// Puts the recorded calls into a state that was read from the same row.
pub(crate) fn restore(records: &Records, definition: &Definition, state: &mut State) {
    if records.is_empty() {
        return;
    }
    for (row, branch) in definition.branches.iter().zip(&mut state.branches) {
        branch.calls = recorded(records, &key(row.branch_id.as_str(), &row.op));
    }
    state.question = recorded(records, &question_key(definition));
}

fn recorded(records: &Records, key: &str) -> Calls {
    records.get(key).map(Record::calls).unwrap_or_default()
}

fn had_trouble(calls: Calls) -> bool {
    calls.attempts > 1 || calls.last.is_some_and(|last| last.answer != Answer::Success)
}

fn key(branch_id: &str, op: &Op) -> String {
    format!("{branch_id}/{op}")
}

fn question_key(definition: &Definition) -> String {
    key(LOCAL_BRANCH, &pattern::of(definition.trans_type).question(definition).op)
}

impl Record {
    fn new(Calls { attempts, unclear, last }: Calls) -> Option<Self> {
        let LastAnswer { answer, http_status } = last?;
        Some(Self { attempts, unclear, answer: word(answer).to_owned(), http_status })
    }

    /// An unknown answer is left out: another program may have written the record.
    fn calls(&self) -> Calls {
        let last = answer(&self.answer).map(|answer| LastAnswer { answer, http_status: self.http_status });
        Calls { attempts: self.attempts, unclear: self.unclear, last }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use branchwire_protocol::{BranchId, Gid, Status, TransType, TransactionOptions};
    use bytes::Bytes;

    use super::*;
    use crate::engine::{BranchOp, CallResult, Defaults, Event, Opening, Protocol, Time, Timing, create, step};
    use crate::store::Row;
    use crate::store::ext_data::without_records;
    use crate::store::history::Made;

    fn definition(ext_data: &str) -> Definition {
        let branch = |id: &str| BranchOp {
            branch_id: BranchId::new(id).unwrap(),
            op: Op::Action,
            url: "http://b/in".to_owned(),
            payload: Bytes::new(),
        };
        Definition {
            gid: Gid::new("g").unwrap(),
            trans_type: TransType::Msg,
            protocol: Protocol::Http,
            created: Time::from_millis(0),
            query_prepared: String::new(),
            branches: vec![branch("01"), branch("02")],
            concurrent: false,
            predecessors: Vec::new(),
            timing: Timing::new(&TransactionOptions::default(), 0, &Defaults::default()),
            headers: BTreeMap::new(),
            options: String::new(),
            custom_data: String::new(),
            ext_data: ext_data.to_owned(),
        }
    }

    fn after(definition: &Definition, answers: &[(usize, Answer, u16)]) -> State {
        let mut state = create(definition, Opening::Submit, Time::from_millis(0)).state;
        for (branch, answer, status) in answers {
            let last = LastAnswer { answer: *answer, http_status: Some(*status) };
            let event = Event::Answered { branch: *branch, result: CallResult::Made(last), said: String::new() };
            state = step(definition, &state, event, Time::from_millis(0)).unwrap().state;
        }
        state
    }

    #[test]
    fn a_message_without_trouble_records_nothing() {
        let definition = definition("");
        let state = after(&definition, &[(0, Answer::Success, 200), (1, Answer::Success, 200)]);
        assert_eq!(ext_data(&definition, &state, &History::default()), None);
    }

    #[test]
    fn trouble_is_recorded_beside_what_was_there_and_read_back() {
        let definition = definition(r#"{"headers":{"a":"b"}}"#);
        let state = after(&definition, &[(0, Answer::Success, 200), (1, Answer::Unknown, 307)]);
        let text = ext_data(&definition, &state, &History::default()).unwrap();
        assert_eq!(
            text,
            r#"{"headers":{"a":"b"},"calls":{"02/action":{"attempts":1,"unclear":1,"answer":"unknown","http_status":307}}}"#
        );
        assert_eq!(without_records(&text), r#"{"headers":{"a":"b"}}"#);
        let mut read = after(&definition, &[]);
        restore(&ExtData::parse(&text).unwrap().calls, &definition, &mut read);
        assert_eq!(read.branches[1].calls, state.branches[1].calls);
        assert_eq!(read.branches[0].calls, Calls::default());
    }

    #[test]
    fn the_latest_calls_are_recorded_with_trouble_and_read_back() {
        let mut definition = definition("");
        let state = after(&definition, &[(0, Answer::Success, 200), (1, Answer::Unknown, 503)]);
        let mut history = History::default();
        for (branch, answer, said) in [(0, Answer::Success, ""), (1, Answer::Unknown, "no \"room\"\u{1}")] {
            let last = LastAnswer { answer, http_status: Some(200) };
            let (at, took) = (Time::from_millis(7), Duration::from_millis(30));
            history.push(Made { branch: Some(branch), at, took, last, said: said.to_owned() });
        }
        history.reached(Status::Submitted, Time::from_millis(5));
        history.reached(Status::Aborting, Time::from_millis(6));
        definition.ext_data = ext_data(&definition, &state, &history).unwrap();
        let read = super::history(&definition);
        assert_eq!(read.calls(), history.calls());
        assert_eq!((read.submitted, read.turned_back), (Some(Time::from_millis(5)), Some(Time::from_millis(6))));
        assert_eq!(without_records(&definition.ext_data), "");
    }

    #[test]
    fn numbers_are_kept_where_texts_would_be_too_long() {
        let branch = |number: usize| BranchOp {
            branch_id: BranchId::new(format!("{number:03}")).unwrap(),
            op: Op::Action,
            url: "http://b/in".to_owned(),
            payload: Bytes::new(),
        };
        let definition = Definition { branches: (0..200).map(branch).collect(), concurrent: true, ..definition("") };
        let answers: Vec<_> = (0..200).map(|branch| (branch, Answer::Unknown, 503)).collect();
        let state = after(&definition, &answers);
        let mut history = History::default();
        for branch in 0..200 {
            let last = LastAnswer { answer: Answer::Unknown, http_status: Some(503) };
            let said = "\u{1}".repeat(200);
            history.push(Made { branch: Some(branch), at: Time::MAX, took: Duration::ZERO, last, said });
        }
        let text = ext_data(&definition, &state, &history).expect("the numbers");
        let parsed = ExtData::parse(&text).unwrap();
        assert_eq!((parsed.calls.len(), parsed.log.len()), (200, 0));
    }

    #[test]
    fn a_row_keeps_its_calls() {
        let calls =
            r#"{"calls":{"00/msg":{"attempts":3,"answer":"ongoing","http_status":425},"01/action":{"answer":"?"}}}"#;
        let row = Row {
            gid: "g".into(),
            trans_type: "msg".into(),
            status: "prepared".into(),
            ext_data: calls.into(),
            ..Row::default()
        };
        let (_, state) = row.decode(&Defaults::default(), "us", Time::from_millis(0)).unwrap();
        let last = Some(LastAnswer { answer: Answer::Ongoing, http_status: Some(425) });
        assert_eq!(
            (state.question, state.interval),
            (Calls { attempts: 3, unclear: 0, last }, Duration::from_secs(10))
        );
    }
}
