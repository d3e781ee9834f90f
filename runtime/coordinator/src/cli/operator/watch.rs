//! `watch`: prints what happens, as it happens.

use std::collections::BTreeMap;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::options;
use super::screen::line;
use super::seen::Transaction;
use super::server::{Failed, Server};
use super::show::{Happened, timeline, why_it_waits};
use super::text::{moment, now, plain};

pub(super) async fn watch(options: &options::Watch) -> Result<ExitCode, Failed> {
    let server = Server::new(&options.server)?;
    match &options.gid {
        Some(gid) => one(&server, options, gid).await,
        None => all(&server, options).await,
    }
}

/// The present state below what has happened, on a terminal only.
struct Present(ProgressBar);

impl Present {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self(ProgressBar::new_spinner().with_style(style))
    }

    /// Prints a line above it.
    fn line(&self, text: &str) -> std::io::Result<()> {
        self.0.suspend(|| line(text))
    }

    fn says(&self, text: String) {
        self.0.set_message(text);
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Until it has ended.
async fn one(server: &Server, options: &options::Watch, gid: &str) -> Result<ExitCode, Failed> {
    let present = Present::new();
    let mut last = Value::Null;
    let mut printed: Vec<Happened> = Vec::new();
    loop {
        let seen = server.query(gid).await?;
        if options.server.json {
            if seen != last {
                present.line(&seen.to_string())?;
            }
        } else {
            for event in timeline(&seen) {
                if !printed.iter().any(|other| other.is(&event)) {
                    present.line(&event.line())?;
                    printed.push(event);
                }
            }
        }
        last = seen;
        match last["transaction"]["status"].as_str() {
            Some("succeed") => return Ok(ExitCode::SUCCESS),
            Some("failed") => return Ok(ExitCode::from(5)),
            _ => {
                let seen = Transaction::read(&last["transaction"]);
                present.says(why_it_waits(&seen, now()).unwrap_or_default());
                tokio::time::sleep(options.interval.0).await;
            }
        }
    }
}

/// Each change of those that are unfinished, until it is interrupted.
async fn all(server: &Server, options: &options::Watch) -> Result<ExitCode, Failed> {
    let mut before: BTreeMap<String, (String, String)> = BTreeMap::new();
    let below = Present::new();
    loop {
        let mut present = BTreeMap::new();
        for value in server.needing(&["unfinished"]).await? {
            let seen = Transaction::read(&value);
            let state = (seen.status.clone(), seen.why().to_owned());
            if before.get(&seen.gid) != Some(&state) {
                if options.server.json {
                    below.line(&value.to_string())?;
                } else {
                    let words = [seen.gid.as_str(), &seen.trans_type, &state.0, &state.1].map(plain);
                    below.line(&format!("{}  {}", moment(now()), words.join("  ")))?;
                }
            }
            present.insert(seen.gid, state);
        }
        for gid in before.keys().filter(|gid| !present.contains_key(*gid)) {
            let seen = match server.query(gid).await {
                Ok(seen) => seen,
                // It ended, and was removed.
                Err(Failed::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            let end = &seen["transaction"];
            if options.server.json {
                below.line(&end.to_string())?;
            } else {
                let end = Transaction::read(end);
                let words = [end.gid.as_str(), &end.trans_type, &end.status].map(plain);
                below.line(&format!("{}  {}", moment(now()), words.join("  ")))?;
            }
        }
        below.says(match present.len() {
            0 => "nothing is unfinished".to_owned(),
            some => format!("{some} unfinished"),
        });
        before = present;
        tokio::time::sleep(options.interval.0).await;
    }
}
