//! The branches of a transaction as a tree: the ops of one branch together, nested branches below theirs.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::failing::status;
use super::words::{address, badge, foreign, moment, took};
use crate::facts::{BranchFacts, Facts};
use crate::store::{BranchRow, Row};

/// The longest payload that is shown, in bytes.
const PAYLOAD_BYTES_MAX: usize = 4_096;

/// How many branches are shown.
const BRANCHES_MAX: usize = 300;

/// The tree.
pub(super) fn tree(row: &Row, facts: &Facts, now: i64) -> Markup {
    let mut ids: Vec<&str> = Vec::new();
    for branch in row.branches.iter().take(BRANCHES_MAX) {
        if !ids.contains(&branch.branch_id.as_str()) {
            ids.push(&branch.branch_id);
        }
    }
    let mut below: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for id in &ids {
        below.entry(parent(id, &ids)).or_default().push(id);
    }
    let question = facts.branches.iter().find(|it| it.branch_id == "00");
    html! {
        ul.tree {
            @if !row.query_prepared.is_empty() {
                li { div.branch {
                    h3 { "Query-prepared" }
                    div.op { code.url { (foreign(address(&row.query_prepared))) } (called(question, now)) }
                } }
            }
            (items(None, &below, row, facts, now))
        }
        @if row.branches.len() > BRANCHES_MAX { p { "The first " (BRANCHES_MAX) " of " (row.branches.len()) " are shown." } }
    }
}

/// The branch in which this one is nested: its id without the last two digits.
fn parent<'a>(id: &str, ids: &[&'a str]) -> Option<&'a str> {
    let outer = id.get(..id.len().checked_sub(2)?).filter(|outer| !outer.is_empty())?;
    ids.iter().copied().find(|other| *other == outer)
}

fn items(of: Option<&str>, below: &BTreeMap<Option<&str>, Vec<&str>>, row: &Row, facts: &Facts, now: i64) -> Markup {
    html! {
        @for id in below.get(&of).into_iter().flatten() {
            li {
                div.branch {
                    h3 { "Branch " (foreign(id)) }
                    @for branch in ops(id, row) { (op(branch, facts, now)) }
                }
                @if below.contains_key(&Some(*id)) { ul { (items(Some(id), below, row, facts, now)) } }
            }
        }
    }
}

/// The ops of a branch: those that do something before those that undo it.
fn ops<'a>(id: &str, row: &'a Row) -> Vec<&'a BranchRow> {
    let mut ops: Vec<_> = row.branches.iter().filter(|it| it.branch_id == id).collect();
    ops.sort_by_key(|it| matches!(it.op.as_str(), "compensate" | "cancel" | "rollback"));
    ops
}

fn op(branch: &BranchRow, facts: &Facts, now: i64) -> Markup {
    let facts = facts.branches.iter().find(|it| it.branch_id == branch.branch_id && it.op == branch.op);
    let word = if branch.status == "prepared" { "not done" } else { branch.status.as_str() };
    html! {
        div.op {
            p { strong { (foreign(&branch.op)) } " " (badge(word)) " "
                @if branch.url.is_empty() { span.quiet { "no address: counts as done" } }
                @else { code.url { (foreign(address(&branch.url))) } }
            }
            (called(facts, now))
            @if !branch.bin_data.is_empty() {
                details id={ "payload-" (branch.branch_id) "-" (branch.op) } {
                    summary { "Payload, " (branch.bin_data.len()) " bytes" }
                    pre { (foreign(&readable(&branch.bin_data))) }
                }
            }
        }
    }
}

/// How often it was called, with what answer, and when it is called next.
fn called(facts: Option<&BranchFacts>, now: i64) -> Markup {
    html! {
        @if let Some(facts) = facts {
            p {
                @if facts.attempts == 1 { "Called once" } @else { "Called " (facts.attempts) " times" }
                @if let Some(last) = &facts.last {
                    ", last " @if let Some(at) = last.at { (moment(at, now)) }
                    @if let Some(ms) = last.ms { " for " (took(ms)) }
                    ": " (badge(&last.answer))
                    @if last.http_status.is_some() || !last.said.is_empty() { " " (status(last.http_status)) }
                }
                @if let Some(next) = facts.next_call { ". Called next " strong { (moment(next, now)) } }
            }
            @if let Some(said) = facts.last.as_ref().map(|it| it.said.as_str()).filter(|it| !it.is_empty()) {
                blockquote { (foreign(said)) }
            }
        } @else { p.quiet { "Not called." } }
    }
}

/// JSON with line breaks, or the text as it is; the beginning of it.
pub(super) fn readable(bytes: &[u8]) -> String {
    let pretty = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let pretty = pretty.and_then(|json| serde_json::to_string_pretty(&json).ok());
    let text = pretty.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
    match text.char_indices().nth(PAYLOAD_BYTES_MAX) {
        Some((end, _)) => format!("{}\n… {} more bytes", &text[..end], text.len() - end),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_branch_stands_below_its_own() {
        let branch = |id: &str| BranchRow { branch_id: id.into(), op: "confirm".into(), ..BranchRow::default() };
        let row = Row { branches: ["01", "0101", "010101", "02"].map(branch).to_vec(), ..Row::default() };
        let html = tree(&row, &Facts::default(), 0).into_string();
        let depth = |id: &str| {
            let before = &html[..html.find(&format!("<bdi>{id}</bdi>")).expect("it is there")];
            before.matches("<ul").count() - before.matches("</ul>").count()
        };
        assert_eq!((depth("01"), depth("0101"), depth("010101"), depth("02")), (1, 2, 3, 1));
        assert_eq!(parent("01-01", &["01", "01-01"]), None, "a topic's subscribers are nested in nothing");
    }

    #[test]
    fn a_payload_is_shown_as_far_as_it_is_readable() {
        assert_eq!(readable(br#"{"a":1}"#), "{\n  \"a\": 1\n}");
        assert_eq!(readable(b"<\xff"), "<\u{fffd}");
        let long = readable("ü".repeat(5_000).as_bytes());
        assert!(long.ends_with("… 1808 more bytes"), "{}", &long[long.len() - 30..]);
    }
}
