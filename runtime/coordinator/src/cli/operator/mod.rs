//! The commands for operators: clients of a coordinator's API.

mod act;
mod check;
mod list;
pub(super) mod options;
mod screen;
mod seen;
mod server;
mod show;
mod text;
mod topics;
mod watch;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;

use self::options::{Check, List, OfOne, Plain, Retry, Rollback, Stop, Watch};

/// Commands that ask a coordinator, or tell it something.
#[derive(Debug, Subcommand)]
pub(super) enum Operate {
    /// Lists transactions, newest first.
    List(List),
    /// Shows one transaction: why it waits, its branches, and a timeline of what has happened.
    Show(OfOne),
    /// Prints what happens to a transaction until it ends, or to all that are unfinished.
    Watch(Watch),
    /// Calls a transaction's branches now, or those of all that are overdue.
    Retry(Retry),
    /// Rolls a transaction back, where its pattern and its status allow it.
    Rollback(Rollback),
    /// Ends a transaction as `failed` whatever the state of its branches, and calls none any more.
    Stop(Stop),
    /// Lists the transactions that somebody should look at: overdue, parked, called three times without progress, or with a
    /// branch that refuses and must succeed.
    Stuck(Plain),
    /// Lists the topics with their subscribers.
    Topics(Plain),
    /// Tries to connect to addresses from this machine.
    Check(Check),
}

/// Runs one.
pub(super) async fn run(command: &Operate) -> ExitCode {
    let result = match command {
        Operate::List(options) => list::list(options).await,
        Operate::Show(options) => show::show(options).await,
        Operate::Watch(options) => watch::watch(options).await,
        Operate::Retry(options) => act::retry(options).await,
        Operate::Rollback(options) => act::rollback(options).await,
        Operate::Stop(options) => act::stop(options).await,
        Operate::Stuck(Plain { server }) => list::stuck(server).await,
        Operate::Topics(Plain { server }) => topics::topics(server).await,
        Operate::Check(options) => check::check(options).await,
    };
    result.unwrap_or_else(|error| {
        // `eprintln` panics if nobody reads.
        let _ = writeln!(std::io::stderr(), "branchwire: {error}");
        error.code()
    })
}
