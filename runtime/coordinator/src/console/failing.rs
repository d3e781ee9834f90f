//! The addresses that fail, from the transactions that wait for them.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::words::{address, badge, foreign, moment};
use crate::facts::Facts;
use crate::store::Row;

/// One address that fails.
struct Failing {
    /// The earliest known call that failed.
    since: i64,
    /// The last call.
    last: i64,
    /// How many of the transactions wait for it.
    waiting: usize,
    answer: String,
    http_status: Option<u16>,
    said: String,
}

/// A table of them; `rows` are those with repeated calls.
pub(super) fn table(rows: &[(Row, Facts)], now: i64) -> Markup {
    let mut failing: BTreeMap<String, Failing> = BTreeMap::new();
    for (row, facts) in rows {
        for branch in &facts.branches {
            let Some(last) = branch.last.as_ref().filter(|last| last.answer != "success") else { continue };
            let is_it = |(id, op): (&str, &str)| (id, op) == (branch.branch_id.as_str(), branch.op.as_str());
            let of_row = row.branches.iter().find(|it| is_it((&it.branch_id, &it.op)));
            // Nobody waits for a branch whose no was allowed, nor for the answer of a question that is decided.
            if of_row.map_or(&row.status, |it| &it.status) != "prepared" {
                continue;
            }
            let url = address(of_row.map_or(&row.query_prepared, |it| &it.url)).to_owned();
            let calls =
                facts.calls.iter().filter(|call| is_it((&call.branch_id, &call.op)) && call.answer != "success");
            let since = calls.filter_map(|call| call.at).min().or(last.at).unwrap_or(row.update_time);
            let at = last.at.unwrap_or(row.update_time);
            let entry = failing.entry(url).or_insert_with(|| Failing {
                since,
                last: i64::MIN,
                waiting: 0,
                answer: String::new(),
                http_status: None,
                said: String::new(),
            });
            entry.since = entry.since.min(since);
            entry.waiting += 1;
            if at > entry.last {
                entry.last = at;
                entry.answer.clone_from(&last.answer);
                entry.http_status = last.http_status;
                entry.said.clone_from(&last.said);
            }
        }
    }
    let mut failing: Vec<_> = failing.into_iter().collect();
    failing.sort_by_key(|(_, it)| it.since);
    html! {
        @if failing.is_empty() {
            p.calm { "No address that an unfinished transaction has called fails." }
        } @else {
            div.scroll {
                table {
                    thead { tr { th scope="col" { "Address" } th scope="col" { "Fails since" } th scope="col" { "Last answer" }
                        th scope="col" { "What it says" } th scope="col" { "Waiting" } } }
                    tbody {
                        @for (url, it) in failing.iter().take(20) {
                            tr {
                                td data-name="Address" { code { (foreign(url)) } }
                                td data-name="Fails since" { (moment(it.since, now)) }
                                td data-name="Last answer" { (badge(&it.answer)) " " (status(it.http_status)) }
                                td.said data-name="What it says" { (foreign(&it.said)) }
                                td data-name="Waiting" { (it.waiting) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The HTTP status of an answer.
pub(super) fn status(http_status: Option<u16>) -> String {
    http_status.map_or_else(|| "no response".to_owned(), |status| status.to_string())
}
