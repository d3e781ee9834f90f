//! `list` and `stuck`: many transactions.

use std::process::ExitCode;

use serde_json::Value;

use super::options;
use super::screen::{Rows, Tone, cell, line};
use super::seen::Transaction;
use super::server::{Failed, Server};
use super::text::{now, plain, span, until};

pub(super) async fn list(options: &options::List) -> Result<ExitCode, Failed> {
    let since = options.since.map(|since| i64::try_from(since.0.as_millis()).unwrap_or(i64::MAX));
    let since = since.map(|since| now().saturating_sub(since).to_string());
    let mut filter = Vec::new();
    for (name, value) in [("status", &options.status), ("transType", &options.pattern), ("createTimeStart", &since)] {
        filter.extend(value.as_deref().map(|value| (name, value)));
    }
    let found = Server::new(&options.server)?.all(&filter, options.limit.max(1)).await?;
    print(&options.server, &found)?;
    Ok(ExitCode::SUCCESS)
}

/// Transactions that somebody should look at, the oldest first.
pub(super) async fn stuck(options: &options::Server) -> Result<ExitCode, Failed> {
    let mut found = Server::new(options)?.needing(&["parked", "overdue", "retried"]).await?;
    found.retain(|value| Transaction::read(value).is_stuck());
    found.sort_by_key(|value| Transaction::read(value).created());
    if found.is_empty() {
        if !options.json {
            line("nothing is stuck")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    print(options, &found)?;
    Ok(ExitCode::from(5))
}

fn print(options: &options::Server, found: &[Value]) -> Result<(), Failed> {
    if options.json {
        return Ok(found.iter().try_for_each(|value| line(&value.to_string()))?);
    }
    let now = now();
    let mut rows = Rows::new(&["GID", "PATTERN", "STATUS", "AGE", "CALLS", "NEXT", "WHY"]);
    for value in found {
        let seen = Transaction::read(value);
        // Of one that has ended the age says nothing about a wait.
        let next =
            if seen.has_ended() { String::new() } else { seen.next().map_or("-".to_owned(), |at| until(at, now)) };
        let why = if seen.has_ended() { plain(&seen.rollback_reason) } else { plain(seen.why()) };
        let tone = if seen.is_stuck() { Tone::Bad } else { Tone::Plain };
        rows.add([
            cell(plain(&seen.gid)),
            cell(plain(&seen.trans_type)),
            (plain(&seen.status), Tone::of(&seen.status)),
            cell(span(now - seen.created())),
            cell(seen.facts.rounds.to_string()),
            cell(next),
            (why, tone),
        ]);
    }
    Ok(rows.print()?)
}
