//! What happened to one transaction, as a picture and as a list.

use branchwire_protocol::LOCAL_BRANCH;
use maud::{Markup, html};

use super::failing::status;
use super::words::{badge, foreign, moment, sentence, span, took};
use crate::facts::{CallFacts, Facts};
use crate::store::Row;

const WIDTH: f64 = 760.0;
const NAMES: f64 = 130.0;
const LANE: f64 = 24.0;

/// How many lanes are drawn.
const LANES_MAX: usize = 24;

/// Something that happened.
struct Event {
    at: i64,
    /// Its place among the events of the same millisecond.
    place: u8,
    text: Markup,
}

/// Both.
pub(super) fn timeline(row: &Row, facts: &Facts, now: i64) -> Markup {
    let calls = calls(facts);
    let events = events(row, facts, &calls, now);
    html! {
        (picture(row, facts, &calls, now))
        ol.timeline {
            @for (index, event) in events.iter().enumerate() {
                @let gap = index.checked_sub(1).map_or(0, |before| event.at - events[before].at);
                @if gap >= 1_000 { li.wait { "waited " (span(gap.unsigned_abs())) } }
                li { span.when { @if event.at < now { (moment(event.at, now)) } @else { "now" } } " " (event.text) }
            }
        }
    }
}

/// The calls that are known, oldest first: those of the history, and the last one of each branch that is not in it.
fn calls(facts: &Facts) -> Vec<CallFacts> {
    let mut calls = facts.calls.clone();
    for last in facts.branches.iter().filter_map(|branch| branch.last.as_ref()) {
        if last.at.is_some() && !calls.iter().any(|call| (&call.branch_id, &call.op) == (&last.branch_id, &last.op)) {
            calls.push(last.clone());
        }
    }
    calls.sort_by_key(|call| call.at);
    calls
}

fn events(row: &Row, facts: &Facts, calls: &[CallFacts], now: i64) -> Vec<Event> {
    let mut events = vec![Event { at: row.create_time, place: 0, text: html! { (opened(row, facts)) } }];
    events.extend(facts.submitted.map(|at| Event { at, place: 1, text: html! { "Submitted" } }));
    for call in calls {
        let text = html! {
            @if call.branch_id == LOCAL_BRANCH { "Asked query-prepared, " }
            @else { "Call of " (foreign(&call.branch_id)) " " (foreign(&call.op)) " " }
            @if let Some(ms) = call.ms { "took " (took(ms)) ": " }
            (badge(&call.answer)) " " @if call.http_status.is_some() || call.answer != "success" { (status(call.http_status)) }
            @if !call.said.is_empty() { " “" (foreign(&call.said)) "”" }
        };
        let place = if undoes(call) { 4 } else { 2 };
        events.push(Event { at: call.at.unwrap_or(row.create_time), place, text });
    }
    events.sort_by_key(|event| (event.at, event.place));
    let latest = events.last().map_or(row.create_time, |event| event.at);
    if !row.rollback_reason.is_empty() {
        let text = html! { "Turned back: " (foreign(&row.rollback_reason)) };
        events.push(Event { at: turned_at(row, facts, calls).unwrap_or(latest), place: 3, text });
    }
    if let Some(ended) = row.finish_time.or(row.rollback_time) {
        let text = html! { "Ended as " (badge(&row.status)) };
        events.push(Event { at: ended.max(latest), place: 5, text });
    } else if let Some(waits) = &facts.waits {
        let text = html! { (sentence(&waits.text)) @if let Some(until) = waits.until { ", " (moment(until, now)) } };
        events.push(Event { at: now.max(latest), place: 5, text });
    }
    events.sort_by_key(|event| (event.at, event.place));
    events
}

/// How it began, as far as that is known: of a message without trouble nothing says whether it was prepared.
fn opened(row: &Row, facts: &Facts) -> &'static str {
    match (row.status.as_str(), row.trans_type.as_str()) {
        ("prepared", _) | (_, "tcc") => "Prepared",
        _ if facts.submitted.is_some() || facts.branches.iter().any(|it| it.branch_id == LOCAL_BRANCH) => "Prepared",
        (_, "saga") => "Submitted",
        _ if !facts.calls.is_empty() => "Submitted",
        _ => "Prepared or submitted",
    }
}

/// When it turned back, as far as that is known: at a refusal, or before the first call that undoes something.
fn turned_at(row: &Row, facts: &Facts, calls: &[CallFacts]) -> Option<i64> {
    if facts.turned_back.is_some() {
        return facts.turned_back;
    }
    let refused = calls.iter().find(|call| call.answer == "failure" && matches!(call.op.as_str(), "action" | "msg"));
    refused
        .and_then(|call| call.at)
        .or_else(|| calls.iter().find(|call| undoes(call)).and_then(|call| call.at))
        .or(row.rollback_time)
}

fn undoes(call: &CallFacts) -> bool {
    matches!(call.op.as_str(), "compensate" | "cancel" | "rollback")
}

/// Lanes, one for each op that was called, over the time from the creation to the end or until now.
#[expect(clippy::cast_precision_loss, reason = "a pixel is wider than the loss")]
fn picture(row: &Row, facts: &Facts, calls: &[CallFacts], now: i64) -> Markup {
    let mut lanes: Vec<(&str, &str)> =
        facts.branches.iter().map(|branch| (branch.branch_id.as_str(), branch.op.as_str())).collect();
    // By their first calls: a store keeps the second half of a pair before the first one.
    let first = |id: &str, op: &str| calls.iter().position(|call| call.branch_id == id && call.op == op);
    lanes.sort_by_key(|(id, op)| first(id, op).unwrap_or(usize::MAX));
    lanes.truncate(LANES_MAX);
    let ended = row.finish_time.or(row.rollback_time);
    let end = ended.unwrap_or(now);
    let last = calls.iter().filter_map(|call| Some(call.at? + i64::try_from(call.ms?).ok()?)).max();
    let end = end.max(last.unwrap_or(end)).max(row.create_time + 1);
    let x = |at: i64| {
        NAMES
            + (WIDTH - NAMES - 10.0) * ((at - row.create_time) as f64 / (end - row.create_time) as f64).clamp(0.0, 1.0)
    };
    let height = LANE * lanes.len() as f64 + 22.0;
    let over = span((end - row.create_time).unsigned_abs());
    let told = format!("{} calls on {} lanes, over {over}", calls.len(), lanes.len());
    let right = if ended.is_some() { format!("ended, after {over}") } else { format!("now, after {over}") };
    html! {
        @if !lanes.is_empty() {
            div.scroll {
                svg.lanes viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(told) {
                    @for (index, (id, op)) in lanes.iter().enumerate() {
                        @let y = LANE * index as f64;
                        text x="0" y=(y + 16.0) { (id) " " (op) }
                        line class="axis" x1=(NAMES) x2=(WIDTH - 10.0) y1=(y + 12.0) y2=(y + 12.0) {}
                        @for call in calls.iter().filter(|call| (call.branch_id.as_str(), call.op.as_str()) == (*id, *op)) {
                            @let from = x(call.at.unwrap_or(end));
                            @let to = x(call.at.unwrap_or(end) + i64::try_from(call.ms.unwrap_or(0)).unwrap_or(0));
                            rect class={ "call " (class(&call.answer)) } x=(format!("{from:.1}")) y=(y + 4.0)
                                width=(format!("{:.1}", (to - from).max(4.0))) height="16" rx="2" {
                                title { (call.answer) " " (status(call.http_status)) }
                            }
                        }
                    }
                    text class="scale" x=(NAMES) y=(height - 4.0) { "created" }
                    text class="scale end" x=(WIDTH - 10.0) y=(height - 4.0) { (right) }
                }
            }
        }
    }
}

fn class(answer: &str) -> &'static str {
    match answer {
        "success" => "good",
        "failure" => "bad",
        "ongoing" => "plain",
        _ => "warn",
    }
}
