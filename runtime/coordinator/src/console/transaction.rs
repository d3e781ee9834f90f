//! One transaction: why it waits, what happened, its branches, and what can be done.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use branchwire_protocol::TransactionOptions;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use maud::{Markup, html};
use serde::Deserialize;

use super::options::trace_id;
use super::page::{Page, Problem, csrf};
use super::session::{Level, Session};
use super::shared::Shared;
use super::timeline::timeline;
use super::tree::{readable, tree};
use super::words::{badge, escaped, foreign, moment, sentence};
use crate::engine::pattern::{self, Permission, Request};
use crate::facts::Facts;
use crate::store::Row;
use crate::store::ext_data::ExtData;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Of {
    gid: String,
    /// What the last act has brought: the number of one of our own sentences.
    #[serde(default)]
    did: String,
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    Query(of): Query<Of>,
) -> Result<Response, Problem> {
    let row = load(&shared, &of.gid).await?;
    let live = body(&shared, &row, &session);
    let after = html! { @if session.level == Level::Act && !is_ended(&row) { (stop_form(&row, &session)) } };
    let live_from = format!("/console/live/transaction?gid={}", escaped(&of.gid));
    let said = super::acts::Done::of(&of.did).map(|done| done.says().to_owned()).unwrap_or_default();
    let page = Page::new("Transaction", "/console/transactions", live);
    Ok(Page { live_from, after, said, ..page }.show(&session))
}

pub(super) async fn live(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    Query(of): Query<Of>,
) -> Response {
    super::live::follow(&shared, move |shared| {
        let (gid, session) = (of.gid.clone(), session.clone());
        async move { Ok(body(&shared, &load(&shared, &gid).await?, &session)) }
    })
}

/// The row and its facts as JSON: what `query` gives.
pub(super) async fn json(State(shared): State<Arc<Shared>>, Query(of): Query<Of>) -> Result<Response, Problem> {
    let row = load(&shared, &of.gid).await?;
    let text = crate::api::query_json(&row, &shared.core.facts(&row));
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

async fn load(shared: &Shared, gid: &str) -> Result<Row, Problem> {
    let row = shared.core.store.load(gid).await?;
    row.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "There is no transaction with this gid."))
}

fn is_ended(row: &Row) -> bool {
    matches!(row.status.as_str(), "succeed" | "failed")
}

fn body(shared: &Shared, row: &Row, session: &Session) -> Markup {
    let (facts, now) = (shared.core.facts(row), shared.now());
    html! {
        p.title data-status=(row.status) {
            code.gid { (foreign(&row.gid)) } " " span.pattern { (foreign(&row.trans_type)) } " " (badge(&row.status))
            @if facts.waits.as_ref().is_some_and(|it| it.overdue) { " " (badge("overdue")) }
        }
        (why(&facts, now))
        @if session.level == Level::Act && !is_ended(row) { (buttons(shared, row, session)) }
        section aria-labelledby="happened" { h2 #happened { "What happened" } (timeline(row, &facts, now)) }
        section aria-labelledby="branches" { h2 #branches { "Branches" } (tree(row, &facts, now)) }
        section aria-labelledby="more" { h2 #more { "More" } (more(shared, row, now)) }
    }
}

fn why(facts: &Facts, now: i64) -> Markup {
    html! {
        @if let Some(waits) = &facts.waits {
            div.why {
                p { strong { "Why it waits: " } (sentence(&waits.text)) "." }
                @if let Some(until) = waits.until { p { "Until: " (moment(until, now)) } }
            }
        }
    }
}

fn buttons(shared: &Shared, row: &Row, session: &Session) -> Markup {
    let button = |action: &str, id: &str, label: &str, class: &str| {
        html! {
            form method="post" action=(action) data-stay {
                (csrf(session))
                input type="hidden" name="gid" value=(row.gid);
                button id=(id) class=(class) { (label) }
            }
        }
    };
    html! {
        div.acts {
            (button("/console/call", "call-now", "Call now", ""))
            @if can_roll_back(shared, row) { (button("/console/roll-back", "roll-back", "Roll back", "danger")) }
        }
    }
}

/// Whether its pattern lets a client roll it back in this state.
fn can_roll_back(shared: &Shared, row: &Row) -> bool {
    let decoded = row.decode(&shared.core.settings.defaults, "", shared.core.clock.now());
    decoded.is_ok_and(|(definition, state)| {
        pattern::of(definition.trans_type).allows(&definition, &state, Request::Abort) == Permission::Act
    })
}

fn stop_form(row: &Row, session: &Session) -> Markup {
    // One that has refused is neither.
    let ops = |status: &str| {
        let ops = row.branches.iter().filter(|it| !it.url.is_empty() && it.status == status);
        ops.map(|it| format!("{} {}", it.branch_id, it.op)).collect::<Vec<_>>().join(", ")
    };
    let (done, open) = (ops("succeed"), ops("prepared"));
    html! {
        section.stop aria-labelledby="stop" {
            h2 #stop { "Force stop" }
            p { "It ends as " (badge("failed")) " at once, and no branch is called any more, neither to finish it nor to undo it." }
            ul {
                li { "What has been applied stays applied: " (foreign(if done.is_empty() { "nothing is known to be" } else { &done })) "." }
                li { "What stays undone: " (foreign(if open.is_empty() { "nothing" } else { &open })) ". A call without a clear answer may have been applied all the same." }
            }
            form method="post" action="/console/stop" data-stay {
                (csrf(session))
                input type="hidden" name="gid" value=(row.gid);
                label for="typed" { "Type the gid to confirm" }
                input #typed name="typed" autocomplete="off" spellcheck="false" required;
                button.danger { "Force stop" }
            }
        }
    }
}

fn more(shared: &Shared, row: &Row, now: i64) -> Markup {
    let options: TransactionOptions = serde_json::from_str(&row.options).unwrap_or_default();
    let mut headers = ExtData::parse(&row.ext_data).unwrap_or_default().headers;
    headers.extend(options.branch_headers.unwrap_or_default());
    let traceparent = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent")).map(|(_, value)| value);
    html! {
        dl {
            dt { "Created" } dd { (moment(row.create_time, now)) }
            dt { "Changed" } dd { (moment(row.update_time, now)) }
            @if !row.owner.is_empty() { dt { "Lease of" } dd { code { (foreign(&row.owner)) } } }
            @if let Some(traceparent) = traceparent {
                dt { "Trace" } dd { (trace(shared, traceparent)) }
            }
            @if !row.rollback_reason.is_empty() { dt { "Rolled back because" } dd { (foreign(&row.rollback_reason)) } }
            @if !row.result.is_empty() { dt { "Result" } dd { pre { (foreign(&readable(row.result.as_bytes()))) } } }
            @if !row.custom_data.is_empty() { dt { "Custom data" } dd { pre { (foreign(&readable(row.custom_data.as_bytes()))) } } }
        }
        @if !headers.is_empty() {
            details #headers {
                summary { "Headers, " (headers.len()) }
                dl { @for (name, value) in &headers { dt { (foreign(name)) } dd { (foreign(value)) } } }
            }
        }
        @if !row.options.is_empty() {
            details #options { summary { "Options" } pre { (foreign(&readable(row.options.as_bytes()))) } }
        }
        p { a href={ "/console/transaction.json?gid=" (escaped(&row.gid)) } { "As JSON" } }
    }
}

fn trace(shared: &Shared, traceparent: &str) -> Markup {
    let link = shared.options.trace_url.as_ref().and_then(|url| url.of(traceparent));
    let shown = trace_id(traceparent).unwrap_or_else(|| traceparent.to_owned());
    html! {
        @match link {
            Some(link) => { a href=(link) rel="noreferrer" { code { (foreign(&shown)) } } }
            None => { code { (foreign(&shown)) } }
        }
    }
}
