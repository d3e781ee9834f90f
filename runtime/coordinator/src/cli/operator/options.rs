//! The commands for operators, and what they take.

use clap::Args;
use url::Url;

use crate::cli::value::{TimeSpan, place};

/// The exit codes of these commands, for their help.
pub(super) const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the coordinator refused, or an error
  2  invalid arguments
  3  the coordinator gives no answer
  4  there is no such transaction
  5  `stuck`: there are some; `check`: an address cannot be reached; `watch GID`: it ended as `failed`

The variable BRANCHWIRE_TOKEN holds the token, where the coordinator requires one.";

/// Which coordinator is asked, and how the answer is printed.
#[derive(Debug, Args)]
pub(in crate::cli) struct Server {
    /// The coordinator's address.
    #[arg(long, env = "BRANCHWIRE_SERVER", default_value = "http://127.0.0.1:36789", value_name = "URL")]
    pub(super) server: Url,

    /// Prints JSON, one object a line, as the API gives it.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) server: Server,

    /// Only those with this status: prepared, submitted, aborting, succeed or failed.
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Option<String>,

    /// Only those of this pattern, such as msg or saga.
    #[arg(long, value_name = "PATTERN")]
    pub(super) pattern: Option<String>,

    /// Only those created within this time, such as `1h`.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<TimeSpan>,

    /// How many at most, newest first.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(super) limit: usize,
}

/// A command without arguments of its own.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Plain {
    #[command(flatten)]
    pub(super) server: Server,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct OfOne {
    #[command(flatten)]
    pub(super) server: Server,

    /// The transaction's gid.
    pub(super) gid: String,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Watch {
    #[command(flatten)]
    pub(super) server: Server,

    /// The transaction's gid; without it, all that are unfinished.
    pub(super) gid: Option<String>,

    /// How often to look.
    #[arg(long, default_value = "1s", value_name = "TIME")]
    pub(super) interval: TimeSpan,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Retry {
    #[command(flatten)]
    pub(super) server: Server,

    /// The transaction's gid.
    #[arg(required_unless_present = "overdue")]
    pub(super) gid: Option<String>,

    /// All that are overdue, instead of one.
    #[arg(long, conflicts_with = "gid")]
    pub(super) overdue: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Rollback {
    #[command(flatten)]
    pub(super) server: Server,

    /// The transaction's gid.
    pub(super) gid: String,

    /// Why; it is kept with the transaction.
    #[arg(long, default_value = "rolled back by an operator", value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Stop {
    #[command(flatten)]
    pub(super) server: Server,

    /// The transaction's gid.
    pub(super) gid: String,

    /// Does it. Without this only the effects that would stay are printed.
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Check {
    #[command(flatten)]
    pub(super) server: Server,

    /// Addresses, such as `http://bank:8080/in` or `bank:8080`; without any, those of all unfinished transactions.
    #[arg(value_parser = place)]
    pub(super) urls: Vec<Url>,
}
