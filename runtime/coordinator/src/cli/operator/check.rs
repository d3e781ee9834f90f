//! `check`: whether addresses can be reached from this machine. It connects, and sends nothing: a request could be taken
//! for a call of a branch.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;
use tokio::net::TcpStream;
use url::Url;

use super::options;
use super::screen::{Rows, Tone, cell, line};
use super::seen::{Transaction, branches};
use super::server::{Failed, Server};
use super::text::plain;

/// How long a connection may take.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn check(options: &options::Check) -> Result<ExitCode, Failed> {
    let hosts = if options.urls.is_empty() { of_unfinished(options).await? } else { count(&options.urls) };
    if hosts.is_empty() && !options.server.json {
        line("no unfinished transaction needs an address")?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = if hosts.len() > 1 { ProgressBar::new(hosts.len() as u64) } else { ProgressBar::hidden() };
    let mut rows = Rows::new(&["ADDRESS", "ASKED FOR", "REACHED"]);
    let mut all_reached = true;
    for ((host, port), times) in hosts {
        let reached = reach(&host, port).await;
        bar.inc(1);
        all_reached &= reached.is_ok();
        let address = format!("{host}:{port}");
        if options.server.json {
            let error = reached.as_ref().err();
            let found = json!({ "address": address, "asked_for": times, "reached": error.is_none(), "error": error });
            bar.suspend(|| line(&found.to_string()))?;
            continue;
        }
        let said = match reached {
            Ok(()) => ("yes".to_owned(), Tone::Good),
            Err(error) => (format!("no: {}", plain(&error)), Tone::Bad),
        };
        rows.add([cell(plain(&address)), cell(times.to_string()), said]);
    }
    bar.finish_and_clear();
    if !options.server.json {
        rows.print()?;
    }
    Ok(if all_reached { ExitCode::SUCCESS } else { ExitCode::from(5) })
}

/// How often each host and port is asked for.
type Hosts = BTreeMap<(String, u16), usize>;

fn count<'a>(urls: impl IntoIterator<Item = &'a Url>) -> Hosts {
    let mut hosts = Hosts::new();
    for url in urls {
        if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
            *hosts.entry((host.to_owned(), port)).or_default() += 1;
        }
    }
    hosts
}

/// The addresses that unfinished transactions still need.
async fn of_unfinished(options: &options::Check) -> Result<Hosts, Failed> {
    let server = Server::new(&options.server)?;
    let mut urls = Vec::new();
    for value in server.needing(&["unfinished"]).await? {
        let transaction = Transaction::read(&value);
        if transaction.status == "prepared" {
            urls.extend(transaction.query_prepared.parse());
        }
        match server.query(&transaction.gid).await {
            Ok(seen) => {
                let open = branches(&seen).into_iter().filter(|branch| branch.status != "succeed");
                urls.extend(open.filter_map(|branch| branch.url.parse::<Url>().ok()));
            }
            // It ended, and was removed.
            Err(Failed::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count(&urls))
}

async fn reach(host: &str, port: u16) -> Result<(), String> {
    // An IPv6 address has brackets in a URL.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match tokio::time::timeout(TIMEOUT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {} seconds", TIMEOUT.as_secs())),
    }
}
