//! The options of the program. Each can be set by an environment variable as well, and those of a coordinator that serves
//! also in a file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, Args as _, CommandFactory, FromArgMatches, Parser};

use super::config_file::ConfigFile;
use super::in_force::{InForce, variable_of};
use super::listen::Listen;
use super::operator::Operate;
#[cfg(feature = "otel")]
use super::value::http_url;
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

    #[command(flatten)]
    pub(super) serve: Serve,
}

/// The settings of a coordinator that serves. Each one takes a value, and can stand in a file under its long name.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// File with options in TOML: each key is a long option, such as `retry-interval = "5s"`. A flag or a variable of the
    /// environment comes before the file. `branchwire config` prints what is in force.
    #[arg(long, env = "BRANCHWIRE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

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

    /// File with the tokens of those who may look at the console (`/console`), but not act; an API token allows both. The
    /// variable `BRANCHWIRE_LOOK_TOKENS` can hold the tokens themselves. Without any token the console serves this machine only.
    #[cfg(feature = "console")]
    #[arg(long, env = "BRANCHWIRE_LOOK_TOKENS_FILE", value_name = "FILE")]
    pub(super) look_tokens_file: Option<PathBuf>,

    /// Names under which browsers reach the console, without ports, such as `coordinator.internal`. Default: any with tokens.
    #[cfg(feature = "console")]
    #[arg(long, env = "BRANCHWIRE_CONSOLE_HOSTS", value_name = "LIST", value_delimiter = ',')]
    pub(super) console_hosts: Vec<String>,

    /// Address of a trace, such as `https://traces.example/trace/{trace_id}`: the console then links to it.
    #[cfg(feature = "console")]
    #[arg(long, env = "BRANCHWIRE_TRACE_URL", value_name = "URL")]
    pub(super) trace_url: Option<String>,

    /// Networks that branches may be in, such as `10.0.0.0/8,::1`. Default: all but link-local addresses and the
    /// clouds' metadata services.
    #[arg(long, env = "BRANCHWIRE_ALLOW_NETWORKS", value_name = "LIST")]
    pub(super) allow_networks: Option<Networks>,

    /// Where alerts about transactions without progress are sent, as JSON by POST.
    #[arg(long, env = "BRANCHWIRE_ALERT_URL", value_name = "URL", hide_env_values = true)]
    pub(super) alert_url: Option<url::Url>,

    /// Where spans are sent, by OTLP over HTTP: the address of an OpenTelemetry collector, such as `http://localhost:4318`.
    /// Default: what `OTEL_EXPORTER_OTLP_ENDPOINT` says, else nowhere. OpenTelemetry's other variables count as well.
    #[cfg(feature = "otel")]
    #[arg(long, env = "BRANCHWIRE_OTLP_ENDPOINT", value_name = "URL", value_parser = http_url, hide_env_values = true)]
    pub(super) otlp_endpoint: Option<url::Url>,

    /// The name of this coordinator in traces. Default: what `OTEL_SERVICE_NAME` says, else `branchwire`.
    #[cfg(feature = "otel")]
    #[arg(long, env = "BRANCHWIRE_OTLP_SERVICE_NAME", value_name = "NAME")]
    pub(super) otlp_service_name: Option<String>,

    /// What to log to standard error: a level, or targets with levels, such as `info,branchwire_coordinator=debug`.
    #[arg(long, env = "BRANCHWIRE_LOG", default_value = "info", value_parser = log_filter, value_name = "FILTER")]
    pub(super) log: String,

    /// The form of the log: text for people, short for those who look on, or one JSON object a line.
    #[arg(long, env = "BRANCHWIRE_LOG_FORMAT", default_value = "text", value_enum, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
}

/// What the program does instead of serving.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints the options in force, and where each value comes from: a flag, a variable of the environment, the file, or the
    /// default. Secrets are hidden. The output can be used as a file for `--config`.
    Config(Box<Serve>),
    /// Serves for a developer: with a new store that is removed at the end, and a short log. Prints one address. Other options
    /// come from the environment.
    Dev(Dev),
    #[command(flatten)]
    Operate(Operate),
    /// Prints a script that completes this program's commands in a shell: `branchwire completions bash` for a file that the
    /// shell reads at its start.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints a page for `man`, of the program or of one of its commands: `branchwire man | man -l -` shows it.
    Man {
        /// The command.
        command: Option<String>,
    },
    /// Asks the coordinator on this machine whether it can take messages. Status 0: it can; 1: it cannot, and why.
    Health(Health),
    /// Prints tables as SQL, for an administrator to run.
    Schema {
        #[command(subcommand)]
        of: Schema,
    },
}

/// What a developer may choose.
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "BRANCHWIRE_LISTEN", default_value = "127.0.0.1:36789", value_name = "HOST:PORT")]
    pub(super) listen: Listen,

    /// What to log.
    #[arg(long, env = "BRANCHWIRE_LOG", default_value = "info", value_parser = log_filter, value_name = "FILTER")]
    pub(super) log: String,
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
    /// The tables that each service's database needs (barrier and outbox), the rights on them, and what removes old rows.
    ///
    /// A service whose user may create tables does this by itself when it starts. Run it in the service's own database: on
    /// MySQL the outbox table is made there.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// For people who look on: without times and places in the code.
    Short,
    /// One JSON object a line, for programs.
    Json,
}

impl Options {
    /// The commands and their options, for completions and pages.
    pub(super) fn described() -> clap::Command {
        Self::command()
    }

    /// Parses the arguments, of which the first is the program's name, the environment, and the file that they name. Also
    /// gives the source of each value of [`Serve`].
    ///
    /// # Errors
    /// An invalid argument, or an invalid file; also the texts of `--help` and `--version`.
    pub(super) fn read(
        args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<(Self, InForce), clap::Error> {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let mut command = with_variables(Self::command());
        let file = file_named_by(&command, &args);
        let file = file.map(|path| ConfigFile::read(&path, &of_serve())).transpose();
        let file = file.map_err(|error| command.error(ErrorKind::ValueValidation, error))?.unwrap_or_default();
        command = command
            .mut_args(|argument| with_file(argument, &file))
            .mut_subcommand("config", |config| config.mut_args(|argument| with_file(argument, &file)));
        let matches = command.try_get_matches_from_mut(args)?;
        let of_serving = matches.subcommand_matches("config").unwrap_or(&matches);
        let in_force = InForce::of(of_serving, &of_serve(), &file);
        let options = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok((options, in_force))
    }
}

/// The arguments that can stand in a file, in the order of the help.
fn of_serve() -> Vec<Arg> {
    let serve = Serve::augment_args(clap::Command::new("branchwire"));
    serve.get_arguments().filter(|argument| argument.get_id() != "config").cloned().collect()
}

/// The file that the arguments or the environment name. Other arguments may be invalid: they are reported later.
fn file_named_by(command: &clap::Command, args: &[OsString]) -> Option<PathBuf> {
    let matches = command.clone().ignore_errors(true).try_get_matches_from(args).ok()?;
    let serving = match matches.subcommand() {
        None => &matches,
        Some(("config", serving)) => serving,
        // The other commands use nothing of the file.
        Some(_) => return None,
    };
    serving.get_one::<PathBuf>("config").cloned()
}

/// Reads the variables of all arguments, also of the subcommands.
fn with_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|argument| {
            let value = argument.get_env().and_then(std::env::var_os);
            with_variable(argument, value)
        })
        .mut_subcommands(with_variables)
}

/// Gives an argument the value of the file, which comes after its variable.
fn with_file(argument: Arg, file: &ConfigFile) -> Arg {
    let value = argument.get_long().and_then(|long| file.value(long)).map(str::to_owned);
    match value {
        Some(value) if variable_of(&argument).is_none() => argument.default_value(value).hide_default_value(true),
        _ => argument,
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
            Options::from_arg_matches(&matches).map(|options| options.serve.retry_interval.0.as_secs())
        };
        for (value, seconds) in [("", 10), (" ", 10), ("\n", 10), (" 7s\r\n", 7), ("8\n", 8)] {
            assert_eq!(read(value).unwrap(), seconds, "{value:?}");
        }
        assert!(read("7 parsecs\n").unwrap_err().to_string().contains("'7 parsecs' for '--retry-interval"));
    }
}
