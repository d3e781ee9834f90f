//! `show`: one transaction, its branches, and the timeline as text.

use std::process::ExitCode;

use serde_json::Value;

use super::options;
use super::screen::{Rows, Tone, cell, line};
use super::seen::{Branch, Transaction, branches};
use super::server::{Failed, Server};
use super::text::{millis, moment, now, plain, span, until};
use crate::facts::CallFacts;

pub(super) async fn show(options: &options::OfOne) -> Result<ExitCode, Failed> {
    let seen = Server::new(&options.server)?.query(&options.gid).await?;
    if options.server.json {
        line(&seen.to_string())?;
    } else {
        head(&Transaction::read(&seen["transaction"]))?;
        table(&seen)?;
        line("")?;
        let mut rows = Rows::new(&["TIME", "AFTER", "EVENT", "ANSWER", "TOOK", "SAID"]);
        let mut before = None;
        for event in timeline(&seen) {
            rows.add(event.row(before));
            before = Some(event.at);
        }
        rows.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn head(seen: &Transaction) -> Result<(), Failed> {
    let now = now();
    line(&format!("{}  {}  {}", plain(&seen.gid), plain(&seen.trans_type), plain(&seen.status)))?;
    line(&format!("created {}, {} ago", moment(seen.created()), span(now - seen.created())))?;
    if !seen.rollback_reason.is_empty() {
        let turned = if seen.has_ended() { "rolled back" } else { "is rolled back" };
        line(&format!("{turned}: {}", plain(&seen.rollback_reason)))?;
    }
    if let Some(text) = why_it_waits(seen, now) {
        line(&text)?;
    }
    Ok(line("")?)
}

/// Why an unfinished transaction waits, and until when.
pub(super) fn why_it_waits(seen: &Transaction, now: i64) -> Option<String> {
    let waits = seen.facts.waits.as_ref()?;
    let late = if waits.overdue { "overdue: " } else { "" };
    let next = seen.next().map_or(String::new(), |at| format!("; {} ({})", until(at, now), moment(at)));
    Some(format!("{late}{}{next}", plain(&waits.text)))
}

fn table(seen: &Value) -> Result<(), Failed> {
    let (transaction, now) = (Transaction::read(&seen["transaction"]), now());
    let mut rows = Rows::new(&["BRANCH", "OP", "STATUS", "CALLS", "LAST ANSWER", "NEXT", "ADDRESS"]);
    let mut add = |branch: &Branch| {
        let facts = transaction.facts.branches.iter().find(|it| it.branch_id == branch.branch_id && it.op == branch.op);
        let last = facts.and_then(|it| it.last.as_ref());
        rows.add([
            cell(plain(&branch.branch_id)),
            cell(plain(&branch.op)),
            (plain(&branch.status), Tone::of(&branch.status)),
            cell(facts.map_or(0, |it| it.attempts).to_string()),
            last.map_or_else(|| cell(""), |last| (answer(last), Tone::of(&last.answer))),
            cell(facts.and_then(|it| it.next_call).map(|at| until(at, now)).unwrap_or_default()),
            cell(plain(&branch.url)),
        ]);
    };
    if let Some(asked) = transaction.facts.branches.iter().find(|it| it.branch_id == "00") {
        add(&Branch {
            branch_id: asked.branch_id.clone(),
            op: asked.op.clone(),
            url: transaction.query_prepared.clone(),
            ..Branch::default()
        });
    }
    branches(seen).iter().for_each(&mut add);
    Ok(rows.print()?)
}

/// The class of an answer with its HTTP status.
fn answer(call: &CallFacts) -> String {
    match call.http_status {
        Some(status) => format!("{} {status}", plain(&call.answer)),
        None => plain(&call.answer),
    }
}

/// Something that has happened to a transaction.
pub(super) struct Happened {
    /// In milliseconds since the Unix epoch.
    pub(super) at: i64,
    /// Its place among the events of the same millisecond.
    place: u8,
    text: String,
    answer: (String, Tone),
    took: String,
    said: String,
}

impl Happened {
    fn at(at: Option<i64>, place: u8, text: String, tone: Tone) -> Option<Self> {
        let event =
            |at| Self { at, place, text, answer: (String::new(), tone), took: String::new(), said: String::new() };
        at.map(event)
    }

    fn call(call: &CallFacts) -> Option<Self> {
        let at = call.at?;
        let what = if call.branch_id == "00" {
            "asked query-prepared".to_owned()
        } else {
            format!("called {} {}", plain(&call.branch_id), plain(&call.op))
        };
        let took = call.ms.map(|ms| span(i64::try_from(ms).unwrap_or(i64::MAX))).unwrap_or_default();
        let place = if matches!(call.op.as_str(), "compensate" | "cancel" | "rollback") { 4 } else { 2 };
        Some(Self {
            at,
            place,
            text: what,
            answer: (answer(call), Tone::of(&call.answer)),
            took,
            said: plain(&call.said),
        })
    }

    /// Its row in a timeline, after an event at `before`.
    pub(super) fn row(&self, before: Option<i64>) -> [(String, Tone); 6] {
        [
            cell(moment(self.at)),
            cell(before.map(|before| format!("+{}", span(self.at - before))).unwrap_or_default()),
            (self.text.clone(), if self.answer.0.is_empty() { self.answer.1 } else { Tone::Plain }),
            self.answer.clone(),
            cell(self.took.clone()),
            cell(self.said.clone()),
        ]
    }

    /// Whether this is the same event. Later the words of an answer may be forgotten.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.at == other.at && self.text == other.text
    }

    /// Its line, where there is no table.
    pub(super) fn line(&self) -> String {
        let words = [moment(self.at), self.text.clone(), self.answer.0.clone(), self.took.clone(), self.said.clone()];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  ")
    }
}

/// What has happened, in the order of time. Of the calls the latest are kept; where none are, each branch's last.
pub(super) fn timeline(seen: &Value) -> Vec<Happened> {
    let transaction = Transaction::read(&seen["transaction"]);
    let facts = &transaction.facts;
    let mut events: Vec<_> = facts.calls.iter().filter_map(Happened::call).collect();
    let is_kept = |call: &CallFacts| facts.calls.iter().any(|it| it.branch_id == call.branch_id && it.op == call.op);
    let last = facts.branches.iter().filter_map(|it| it.last.as_ref());
    events.extend(last.filter(|call| !is_kept(call)).filter_map(Happened::call));
    events.extend(Happened::at(millis(&transaction.create_time), 0, "created".to_owned(), Tone::Plain));
    events.extend(Happened::at(facts.submitted, 1, "submitted".to_owned(), Tone::Plain));
    let turned_back = facts.turned_back.or_else(|| millis(&transaction.rollback_time));
    events.extend(Happened::at(turned_back, 3, "turned back".to_owned(), Tone::Waiting));
    if facts.branches.is_empty() {
        // A DTM server gives no facts, but says when a branch was done.
        events.extend(branches(seen).iter().filter_map(|branch| {
            let text = format!("{} {} {}", plain(&branch.branch_id), plain(&branch.op), plain(&branch.status));
            Happened::at(millis(&branch.finish_time), 2, text, Tone::of(&branch.status))
        }));
    }
    events.sort_by_key(|event| (event.at, event.place));
    if transaction.has_ended() {
        let ended = format!("ended as {}", plain(&transaction.status));
        events.extend(Happened::at(millis(&transaction.finish_time), 5, ended, Tone::of(&transaction.status)));
    }
    events
}
