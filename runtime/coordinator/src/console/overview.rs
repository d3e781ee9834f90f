//! The first page: does anything wait, since when, and why.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::page::{Page, Problem};
use super::plots::{Line, Window, call_times, plot, rates};
use super::session::Session;
use super::shared::Shared;
use super::words::short_span;
use super::{failing, samples, sampling, transactions};
use crate::store::{Attention, Unfinished};

/// How many transactions with repeated calls are looked at for the addresses that fail.
const LOOKED_AT: u32 = 200;

/// How many transactions are listed.
const LISTED: usize = 10;

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
) -> Result<Response, Problem> {
    let live = body(shared).await?;
    let live_from = "/console/live/overview".to_owned();
    Ok(Page { live_from, ..Page::new("Overview", "/console", live) }.show(&session))
}

pub(super) async fn live(State(shared): State<Arc<Shared>>) -> Response {
    super::live::follow(&shared, body)
}

async fn body(shared: Arc<Shared>) -> Result<Markup, Problem> {
    let patterns = shared.core.unfinished().await?;
    let retried = transactions::needing(&shared, Attention::Retried, LOOKED_AT).await?;
    let attention = transactions::attention(&shared).await?;
    let now = shared.now();
    let sum = |of: fn(&Unfinished) -> i64| patterns.iter().map(of).sum::<i64>();
    let oldest = patterns.iter().map(|it| it.oldest_ms).max().unwrap_or(0);
    let calm = attention.is_empty();
    let mut kept = shared.samples.all();
    kept.push(sampling::now(&shared, &patterns));
    let window = Window::of(&kept, now);
    Ok(html! {
        ul.numbers {
            (card("Parked", sum(|it| it.parked), "parked", "bad", "put aside: the row makes no sense"))
            (card("Overdue", sum(|it| it.overdue), "overdue", "warn", "should have ended by now"))
            (card("Retried", sum(|it| it.retried), "retried", "warn", "a call had to be repeated"))
            (card("Under way", sum(|it| it.total - it.parked - it.prepared), "unfinished", "", "submitted or rolling back"))
            (card("Prepared", sum(|it| it.prepared), "unfinished&status=prepared", "", "the client may still submit"))
            li { a href="/console/transactions?attention=unfinished" {
                span.number { @if oldest > 0 { (short_span(oldest.unsigned_abs())) } @else { "none" } }
                span.name { "Oldest" } span.note { "age of the oldest unfinished" }
            } }
        }
        section aria-labelledby="attention" {
            h2 #attention { "Needs attention" }
            @if calm { p.calm { "Nothing. All unfinished transactions are on their way." } }
            @else { (transactions::table(&attention[..attention.len().min(LISTED)], now)) }
        }
        section aria-labelledby="failing" {
            h2 #failing { "Addresses that fail" }
            (failing::table(&retried, now))
        }
        section aria-labelledby="hour" {
            h2 #hour { "The last " (window.told()) }
            (plots(&kept, window))
        }
    })
}

fn card(name: &str, count: i64, attention: &str, class: &str, note: &str) -> Markup {
    let class = if count > 0 { class } else { "" };
    html! {
        li class=(class) {
            a href={ "/console/transactions?attention=" (attention) } {
                span.number { (count) } span.name { (name) } span.note { (note) }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts that are drawn")]
fn plots(kept: &[samples::Sample], window: Window) -> Markup {
    let line = |name, class, points| Line { name, class, points };
    let level = |of: fn(&samples::Sample) -> i64| kept.iter().map(|it| (it.at, of(it) as f64)).collect::<Vec<_>>();
    let ended =
        [line("succeeded", "good", rates(kept, |it| it.succeed)), line("failed", "bad", rates(kept, |it| it.failed))];
    let calls = [
        line("calls", "plain", rates(kept, |it| it.calls)),
        line("not successful", "bad", rates(kept, |it| it.calls_troubled)),
    ];
    let waiting =
        [line("unfinished", "plain", level(|it| it.unfinished)), line("overdue", "warn", level(|it| it.overdue))];
    html! {
        div.plots {
            (plot("Ended here", "/s", &ended, window))
            (plot("Calls of branches", "/s", &calls, window))
            (plot("Unfinished", "", &waiting, window))
            (plot("Time of a call", " ms", &[line("mean", "plain", call_times(kept))], window))
        }
    }
}
