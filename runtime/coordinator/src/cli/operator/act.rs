//! `retry`, `rollback` and `stop`: an operator decides.

use std::io::Write as _;
use std::process::ExitCode;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::options;
use super::screen::line;
use super::seen::{Transaction, branches};
use super::server::{Failed, Server};
use super::text::plain;
use crate::facts::Why;

pub(super) async fn retry(options: &options::Retry) -> Result<ExitCode, Failed> {
    let server = Server::new(&options.server)?;
    if let Some(gid) = &options.gid {
        let seen = unfinished(&server.query(gid).await?)?;
        if let Some(text) = in_vain(&seen) {
            return Err(Failed::Refused(text));
        }
        server.call_now(gid).await?;
        done(&options.server, gid, CALLED)?;
        return Ok(ExitCode::SUCCESS);
    }
    let overdue = server.needing(&["overdue"]).await?;
    let overdue: Vec<_> = overdue.iter().map(Transaction::read).filter(Transaction::is_overdue).collect();
    // It shows itself on a terminal only.
    let bar = if overdue.len() > 1 { ProgressBar::new(overdue.len() as u64) } else { ProgressBar::hidden() };
    let mut code = ExitCode::SUCCESS;
    for seen in &overdue {
        let called = match in_vain(seen) {
            Some(text) => Err(text),
            None => match server.call_now(&seen.gid).await {
                Ok(()) => Ok(()),
                Err(Failed::Refused(text)) => Err(format!("{}: {text}", plain(&seen.gid))),
                Err(error) => return Err(error),
            },
        };
        bar.suspend(|| match called {
            Ok(()) => done(&options.server, &seen.gid, CALLED),
            // The others are called all the same.
            Err(text) => {
                code = ExitCode::FAILURE;
                writeln!(std::io::stderr(), "branchwire: {text}")
            }
        })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if overdue.is_empty() && !options.server.json {
        line("nothing is overdue")?;
    }
    Ok(code)
}

const CALLED: &str = "is called now";

/// Why a call now would change nothing.
fn in_vain(seen: &Transaction) -> Option<String> {
    let waits = seen.facts.waits.as_ref().filter(|waits| waits.why == Why::NobodyToAsk)?;
    Some(format!("{} is not called: {}; roll it back, or stop it", plain(&seen.gid), plain(&waits.text)))
}

/// The transaction, if it has not ended.
fn unfinished(seen: &Value) -> Result<Transaction, Failed> {
    let seen = Transaction::read(&seen["transaction"]);
    if seen.has_ended() {
        return Err(Failed::Refused(format!("{} has ended as `{}`", plain(&seen.gid), plain(&seen.status))));
    }
    Ok(seen)
}

pub(super) async fn rollback(options: &options::Rollback) -> Result<ExitCode, Failed> {
    let server = Server::new(&options.server)?;
    let seen = server.query(&options.gid).await?;
    unfinished(&seen)?;
    let pattern = &seen["transaction"]["trans_type"];
    let abort = json!({ "gid": options.gid, "trans_type": pattern, "rollback_reason": options.reason });
    server.post("abort", &abort).await?;
    done(&options.server, &options.gid, "is rolled back")?;
    Ok(ExitCode::SUCCESS)
}

/// Ends a transaction whatever the state of its branches, after it has said what stays.
pub(super) async fn stop(options: &options::Stop) -> Result<ExitCode, Failed> {
    let server = Server::new(&options.server)?;
    let seen = server.query(&options.gid).await?;
    unfinished(&seen)?;
    let gid = plain(&options.gid);
    let stays = stays(&seen);
    if !options.server.json {
        line(&format!("a stop ends {gid} as `failed` and calls no branch any more"))?;
        stays.iter().try_for_each(|text| line(text))?;
    }
    if !options.yes {
        return Err(Failed::Refused(format!("{gid} was not stopped: add --yes to do it")));
    }
    server.post("forceStop", &json!({ "gid": options.gid })).await?;
    done(&options.server, &options.gid, "is stopped")?;
    Ok(ExitCode::SUCCESS)
}

/// What stays done, and what stays undone, after a stop.
fn stays(seen: &Value) -> Vec<String> {
    let transaction = Transaction::read(&seen["transaction"]);
    let calls = |id: &str, op: &str| {
        let facts = transaction.facts.branches.iter().find(|it| it.branch_id == id && it.op == op);
        facts.map_or(0, |it| it.attempts)
    };
    let stays = branches(seen).into_iter().map(|branch| {
        let name = format!("  {} {}", plain(&branch.branch_id), plain(&branch.op));
        match (branch.status.as_str(), calls(&branch.branch_id, &branch.op)) {
            ("succeed", _) => format!("{name}: stays applied"),
            ("failed", _) => format!("{name}: has refused"),
            (_, 0) => format!("{name}: is not called"),
            (_, 1) => format!("{name}: was called once, and may have been applied"),
            (_, times) => format!("{name}: was called {times} times, and may have been applied"),
        }
    });
    stays.collect()
}

fn done(options: &options::Server, gid: &str, what: &str) -> std::io::Result<()> {
    if options.json {
        line(&json!({ "gid": gid, "done": what }).to_string())
    } else {
        line(&format!("{} {what}", plain(gid)))
    }
}
