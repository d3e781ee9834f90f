//! The list of transactions: those that need attention first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::page::{Page, Problem};
use super::session::Session;
use super::shared::Shared;
use super::words::{badge, escaped, foreign, gid, moment, sentence};
use crate::engine::Time;
use crate::engine::pattern::BUILT;
use crate::facts::Facts;
use crate::store::{Attention, Filter, Row};

/// How many rows a page has.
const LIMIT: u32 = 50;

/// How many of each kind of attention are looked at.
const ATTENTION_MAX: u32 = 20;

const STATUSES: [&str; 5] = ["prepared", "submitted", "aborting", "succeed", "failed"];

/// The filters; empty ones do not restrict the list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    gid: String,
    status: String,
    pattern: String,
    attention: String,
    /// `2026-11-29T05:30`, in UTC.
    from: String,
    to: String,
    position: String,
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    let live = body(&shared, &filters).await?;
    let live_from = format!("/console/live/transactions?{}", filters.query());
    let before = form(&filters);
    let page = Page::new("Transactions", "/console/transactions", live);
    Ok(Page { live_from, before, ..page }.show(&session))
}

pub(super) async fn live(State(shared): State<Arc<Shared>>, Query(filters): Query<Filters>) -> Response {
    super::live::follow(&shared, move |shared| {
        let filters = filters.clone();
        async move { body(&shared, &filters).await }
    })
}

/// The rows that need this attention, with their facts.
pub(super) async fn needing(shared: &Shared, kind: Attention, limit: u32) -> Result<Vec<(Row, Facts)>, Problem> {
    let filter = Filter { attention: Some((kind, shared.core.clock.now())), limit, ..Filter::default() };
    list(shared, &filter).await
}

/// Those that need attention, the worst first, each once.
pub(super) async fn attention(shared: &Shared) -> Result<Vec<(Row, Facts)>, Problem> {
    let mut all: Vec<(Row, Facts)> = Vec::new();
    for kind in [Attention::Parked, Attention::Overdue, Attention::Retried] {
        for (row, facts) in needing(shared, kind, ATTENTION_MAX).await? {
            if !all.iter().any(|(other, _)| other.id == row.id) {
                all.push((row, facts));
            }
        }
    }
    Ok(all)
}

async fn list(shared: &Shared, filter: &Filter) -> Result<Vec<(Row, Facts)>, Problem> {
    let rows = shared.core.store.list(filter).await?;
    Ok(rows.into_iter().map(|row| (shared.core.facts(&row), row)).map(|(facts, row)| (row, facts)).collect())
}

async fn body(shared: &Shared, filters: &Filters) -> Result<Markup, Problem> {
    let now = shared.now();
    let first = if filters.are_empty() { attention(shared).await? } else { Vec::new() };
    let rows = list(shared, &filters.filter(shared.core.clock.now())?).await?;
    let older = rows.last().filter(|_| rows.len() >= LIMIT as usize).map(|(row, _)| row.id.to_string());
    Ok(html! {
        @if !first.is_empty() {
            section aria-labelledby="attention" {
                h2 #attention { "Needs attention" }
                (table(&first, now))
            }
        }
        section aria-labelledby="list" {
            h2 #list { (filters.title()) }
            @if rows.is_empty() { p.calm { "There is no such transaction." } } @else { (table(&rows, now)) }
            @if let Some(position) = older {
                p { a rel="next" href={ "/console/transactions?" (Filters { position, ..filters.clone() }.query()) } { "Older ones" } }
            }
        }
    })
}

/// A table of transactions.
pub(super) fn table(rows: &[(Row, Facts)], now: i64) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th scope="col" { "Transaction" } th scope="col" { "Status" } th scope="col" { "Why it waits" }
                    th scope="col" { "Calls" } th scope="col" { "Next" } th scope="col" { "Created" } } }
                tbody {
                    @for (row, facts) in rows {
                        tr {
                            td data-name="Transaction" { (gid(&row.gid)) " " span.pattern { (foreign(&row.trans_type)) } }
                            td data-name="Status" {
                                (badge(&row.status))
                                @if facts.waits.as_ref().is_some_and(|it| it.overdue) { " " (badge("overdue")) }
                            }
                            td data-name="Why it waits" {
                                @match &facts.waits { Some(waits) => { (sentence(&waits.text)) } None => { span.quiet { "ended" } } }
                            }
                            td data-name="Calls" { (facts.rounds) }
                            td data-name="Next" {
                                @match facts.waits.as_ref().and_then(|it| it.until) {
                                    Some(until) => { (moment(until, now)) }
                                    None => { span.quiet { "–" } }
                                }
                            }
                            td data-name="Created" { (moment(row.create_time, now)) }
                        }
                    }
                }
            }
        }
    }
}

fn form(filters: &Filters) -> Markup {
    let choice = |name: &str, label: &str, chosen: &str, words: &[&str]| {
        html! {
            label class=[(name == "attention").then_some("wide")] { (label)
                select name=(name) {
                    option value="" selected[chosen.is_empty()] { "any" }
                    @for word in words { option value=(word) selected[*word == chosen] { (word) } }
                }
            }
        }
    };
    let patterns: Vec<_> = BUILT.iter().map(|it| it.as_str()).collect();
    let attentions = Attention::ALL.map(Attention::as_str);
    html! {
        form.filters method="get" action="/console/transactions" role="search" {
            label.wide { "Gid" input name="gid" value=(filters.gid) autocomplete="off" spellcheck="false"; }
            (choice("attention", "Attention", &filters.attention, &attentions))
            (choice("status", "Status", &filters.status, &STATUSES))
            (choice("pattern", "Pattern", &filters.pattern, &patterns))
            label.wide { "Created from (UTC)" input type="datetime-local" name="from" value=(filters.from); }
            label.wide { "to (UTC)" input type="datetime-local" name="to" value=(filters.to); }
            button { "Show" }
        }
    }
}

impl Filters {
    fn are_empty(&self) -> bool {
        [&self.gid, &self.status, &self.pattern, &self.attention, &self.from, &self.to, &self.position]
            .iter()
            .all(|it| it.is_empty())
    }

    fn title(&self) -> &'static str {
        match self.attention.as_str() {
            "unfinished" => "Unfinished",
            "parked" => "Parked",
            "overdue" => "Overdue",
            "retried" => "Retried",
            _ if self.are_empty() => "All, newest first",
            _ => "Found, newest first",
        }
    }

    fn query(&self) -> String {
        let pairs = [
            ("gid", &self.gid),
            ("status", &self.status),
            ("pattern", &self.pattern),
            ("attention", &self.attention),
            ("from", &self.from),
            ("to", &self.to),
            ("position", &self.position),
        ];
        let given = pairs.iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
    }

    fn filter(&self, now: Time) -> Result<Filter, Problem> {
        let wrong = |text: &str| Problem::new(StatusCode::BAD_REQUEST, text);
        let attention = match self.attention.as_str() {
            "" => None,
            word => Some((word.parse().map_err(|_| wrong("There is no such kind of attention."))?, now)),
        };
        let position = match self.position.as_str() {
            "" => None,
            number => Some(number.parse().map_err(|_| wrong("The position is not a number."))?),
        };
        Ok(Filter {
            gid: self.gid.trim().to_owned(),
            status: self.status.clone(),
            trans_type: self.pattern.clone(),
            created_from: minute(&self.from)?,
            created_to: minute(&self.to)?,
            attention,
            position,
            limit: LIMIT,
        })
    }
}

/// A time as a browser's form sends it, in UTC.
fn minute(text: &str) -> Result<Option<Time>, Problem> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    if text.is_empty() {
        return Ok(None);
    }
    let seconds = if text.len() <= "2026-11-29T05:30".len() { ":00" } else { "" };
    let time = OffsetDateTime::parse(&format!("{text}{seconds}Z"), &Rfc3339);
    let time = time.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "A time is written as 2026-11-29T05:30."))?;
    Ok(Some(Time::from_millis(time.unix_timestamp() * 1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_and_written() {
        let filters =
            Filters { gid: "a b&c=\"<".to_owned(), from: "2026-11-29T05:30".to_owned(), ..Filters::default() };
        let read: Filters = serde_json::from_value(serde_json::json!({
            "gid": "a b&c=\"<", "from": "2026-11-29T05:30"
        }))
        .unwrap();
        assert_eq!(read.query(), filters.query());
        assert_eq!(filters.query(), "gid=a+b%26c%3D%22%3C&from=2026-11-29T05%3A30");
        let filter = filters.filter(Time::from_millis(0)).unwrap();
        assert_eq!(filter.created_from.map(Time::as_millis), Some(1_795_930_200_000));
        assert!(Filters { from: "yesterday".to_owned(), ..Filters::default() }.filter(Time::MAX).is_err());
        assert!(Filters { attention: "urgent".to_owned(), ..Filters::default() }.filter(Time::MAX).is_err());
    }
}
