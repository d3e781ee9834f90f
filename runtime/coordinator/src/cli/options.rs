//! The options of the program; each can be set by an environment variable as well.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, CommandFactory, FromArgMatches, Parser};

use super::listen::Listen;
use super::value::{TimeSpan, log_filter, retention, time_zone, user};
use crate::Retention;
use crate::engine::Defaults;
use crate::runner::Settings;
use crate::transport::{CallLimits, Networks};

/// A coordinator of distributed transactions: it speaks DTM's protocol, and needs nothing but a file.
///
/// Clients prepare and submit global transactions at `http://LISTEN/api/dtmsvr`; the coordinator calls their branches
/// until all have succeeded. Acknowledged transactions are on disk, and go on after any crash.
#[derive(Debug, Parser)]
#[command(name = "branchwire", version, args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    /// Address to listen on, such as `127.0.0.1:36789`, `localhost:36789`, `[::1]:36789`, or `:36789` for all interfaces;
    /// port 0 takes a free one. The address is printed once it is bound.
    #[arg(long, env = "BRANCHWIRE_LISTEN", default_value = "127.0.0.1:36789", value_name = "HOST:PORT")]
    pub(super) listen: Listen,

    /// Where transactions are kept: `sqlite://FILE`, `postgres://USER@HOST/DATABASE` or `mysql://USER@HOST/DATABASE`.
    /// HOST can be a list, `a:5432,b:5432`: the primary among them is used.
    #[arg(
        long,
        env = "BRANCHWIRE_STORE",
        default_value = "sqlite://branchwire.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(super) store: String,

    /// The time zone of the times in a MySQL or MariaDB store, such as `+08:00`: the zone of the DTM server that wrote
    /// them, or will read them.
    #[arg(long, env = "BRANCHWIRE_TIME_ZONE", default_value = "+00:00", value_parser = time_zone, value_name = "+HH:MM",
        allow_hyphen_values = true)]
    pub(super) time_zone: i32,

    /// The largest size of a SQLite store in MiB, without its log. At this size new transactions are refused, and the
    /// disk keeps room for others.
    #[arg(long, env = "BRANCHWIRE_SQLITE_MIB_MAX", value_name = "N")]
    pub(super) sqlite_mib_max: Option<u32>,

    /// How long a prepared transaction waits for its submit before query-prepared is called.
    #[arg(long, env = "BRANCHWIRE_TIMEOUT_TO_FAIL", default_value_t = TimeSpan(Defaults::default().timeout_to_fail), value_name = "TIME")]
    pub(super) timeout_to_fail: TimeSpan,

    /// The time before the first retry of a call without a clear answer; doubles each time.
    #[arg(long, env = "BRANCHWIRE_RETRY_INTERVAL", default_value_t = TimeSpan(Defaults::default().retry_interval), value_name = "TIME")]
    pub(super) retry_interval: TimeSpan,

    /// Timeout of one call to a branch.
    #[arg(long, env = "BRANCHWIRE_REQUEST_TIMEOUT", default_value_t = TimeSpan(Defaults::default().request_timeout), value_name = "TIME")]
    pub(super) request_timeout: TimeSpan,

    /// The longest time between two looks for due transactions in the store.
    #[arg(long, env = "BRANCHWIRE_CRON_INTERVAL", default_value_t = TimeSpan(Settings::default().cron_interval), value_name = "TIME")]
    pub(super) cron_interval: TimeSpan,

    /// Whether a branch's answer is durable before the next branch is called (sync), or with the end of the run (group).
    #[arg(long, env = "BRANCHWIRE_BRANCH_PROGRESS", default_value = "group", value_enum)]
    pub(super) branch_progress: BranchProgress,

    /// How many calls to branches may be in flight in all.
    #[arg(long, env = "BRANCHWIRE_CALLS_MAX", default_value_t = CallLimits::default().in_all, value_name = "N")]
    pub(super) calls_max: usize,

    /// How many calls may be in flight to one host.
    #[arg(long, env = "BRANCHWIRE_CALLS_PER_HOST", default_value_t = CallLimits::default().per_host, value_name = "N")]
    pub(super) calls_per_host: usize,

    /// How many transactions may be in memory; beyond that new ones are refused with 503.
    #[arg(long, env = "BRANCHWIRE_IN_MEMORY_MAX", default_value_t = Settings::default().in_memory_max, value_name = "N")]
    pub(super) in_memory_max: usize,

    /// How long finished transactions are kept: a time, or `forever`. Default: a week on SQLite, else for ever.
    #[arg(long, env = "BRANCHWIRE_RETENTION", value_parser = retention, value_name = "TIME")]
    pub(super) retention: Option<Retention>,

    /// File with the keys for signing calls to branches, as `ID:SECRET`; the first one signs. The variable
    /// `BRANCHWIRE_KEYS` can hold the keys themselves. Without either, calls are not signed.
    #[arg(long, env = "BRANCHWIRE_KEYS_FILE", value_name = "FILE")]
    pub(super) keys_file: Option<PathBuf>,

    /// File with the bearer tokens; clients must send one of them. The variable `BRANCHWIRE_API_TOKENS` can hold the
    /// tokens themselves. Without either, the API is open to every host that reaches it.
    #[arg(long, env = "BRANCHWIRE_API_TOKENS_FILE", value_name = "FILE")]
    pub(super) api_tokens_file: Option<PathBuf>,

    /// Networks that branches may be in, such as `10.0.0.0/8,::1`. Default: all but link-local addresses and the
    /// clouds' metadata services.
    #[arg(long, env = "BRANCHWIRE_ALLOW_NETWORKS", value_name = "LIST")]
    pub(super) allow_networks: Option<Networks>,

    /// What to log to standard error: a level, or targets with levels, such as `info,branchwire_coordinator=debug`.
    #[arg(long, env = "BRANCHWIRE_LOG", default_value = "info", value_parser = log_filter, value_name = "FILTER")]
    pub(super) log: String,
}

/// What the program does instead of serving.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Asks the coordinator on this machine whether it can take messages. Status 0: it can; 1: it cannot, and why.
    Health(Health),
    /// Prints tables as SQL, for an administrator to run.
    Schema {
        #[command(subcommand)]
        of: Schema,
    },
}

/// How a coordinator on this machine can be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// The address that it listens on, as it was given to it.
    #[arg(long, env = "BRANCHWIRE_LISTEN", default_value = "127.0.0.1:36789", value_name = "HOST:PORT")]
    pub(super) listen: Listen,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Schema {
    /// The barrier table that each service's database needs, the rights on it, and what removes old rows.
    ///
    /// A service whose user may create tables does this by itself when it starts.
    Barrier {
        /// The kind of database.
        #[arg(long, value_enum)]
        database: Database,

        /// The service's user, on MySQL also `NAME@HOST`. Without it the rights are printed as comments.
        #[arg(long, value_parser = user, value_name = "NAME")]
        user: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Database {
    /// `SQLite`
    Sqlite,
    /// `PostgreSQL`
    Postgres,
    /// `MySQL` and `MariaDB`
    Mysql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum BranchProgress {
    /// Durable with the commit that ends the run, or earlier.
    Group,
    /// Durable before the next call.
    Sync,
}

impl Options {
    /// Parses the arguments, of which the first is the program's name, and the environment.
    ///
    /// # Errors
    /// An invalid argument; also the texts of `--help` and `--version`.
    pub(super) fn read(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let mut command = Self::command().mut_args(|argument| {
            let value = argument.get_env().and_then(std::env::var_os);
            with_variable(argument, value)
        });
        let matches = command.try_get_matches_from_mut(args)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Gives an argument the value of its variable. An empty variable counts as not set, and white space around a value is
/// removed: files with variables or secrets often end a value with a line end.
fn with_variable(argument: Arg, value: Option<OsString>) -> Arg {
    let Some(value) = value else { return argument };
    match value.to_str().map(str::trim) {
        Some("") => argument.env(Resettable::Reset),
        Some(trimmed) if trimmed.len() < value.len() => {
            argument.env(Resettable::Reset).default_value(trimmed.to_owned()).hide_default_value(true)
        }
        _ => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_make_sense_to_clap() {
        Options::command().debug_assert();
    }

    #[test]
    fn an_empty_variable_counts_as_not_set_and_white_space_around_a_value_is_left_out() {
        let read = |value: &str| {
            let given = |argument: Arg| match argument.get_id().as_str() {
                "retry_interval" => with_variable(argument.env("BRANCHWIRE_NOT_SET"), Some(value.into())),
                _ => argument.env(Resettable::Reset),
            };
            let matches = Options::command().mut_args(given).try_get_matches_from(["branchwire"])?;
            Options::from_arg_matches(&matches).map(|options| options.retry_interval.0.as_secs())
        };
        for (value, seconds) in [("", 10), (" ", 10), ("\n", 10), (" 7s\r\n", 7), ("8\n", 8)] {
            assert_eq!(read(value).unwrap(), seconds, "{value:?}");
        }
        assert!(read("7 parsecs\n").unwrap_err().to_string().contains("'7 parsecs' for '--retry-interval"));
    }
}
