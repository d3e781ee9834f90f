//! The program `branchwire`, as a function: for `main`, and for programs that start it as a child of their own.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use branchwire_protocol::signature::Keys;
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::store;
use crate::transport::{CallLimits, Networks};
use crate::{ApiTokens, Coordinator, Retention};

/// A coordinator of distributed transactions: it speaks DTM's protocol, and needs nothing but a file.
///
/// Clients prepare and submit global transactions at `http://LISTEN/api/dtmsvr`; the coordinator calls their branches
/// until all have succeeded. What it acknowledged is on the disk, and goes on after any crash.
#[derive(Debug, Parser)]
#[command(name = "branchwire", version)]
struct Options {
    /// Address to listen on; port 0 takes a free one. The address is printed once it is bound.
    #[arg(long, env = "BRANCHWIRE_LISTEN", default_value = "127.0.0.1:36789", value_name = "IP:PORT")]
    listen: SocketAddr,

    /// Where transactions are kept: `sqlite://FILE`, `postgres://USER@HOST/DATABASE` or `mysql://USER@HOST/DATABASE`.
    #[arg(long, env = "BRANCHWIRE_STORE", default_value = "sqlite://branchwire.db", value_name = "URL")]
    store: String,

    /// The time zone of the times in a MySQL or MariaDB store, such as `+08:00`: that of the DTM server that wrote them, or
    /// is to read them.
    #[arg(long, env = "BRANCHWIRE_TIME_ZONE", default_value = "+00:00", value_parser = time_zone, value_name = "+HH:MM",
        allow_hyphen_values = true)]
    time_zone: i32,

    /// How large a SQLite store may become, in MiB, beside its log. Past that new transactions are refused, and the disk
    /// keeps its room for others.
    #[arg(long, env = "BRANCHWIRE_SQLITE_MIB_MAX", value_name = "N")]
    sqlite_mib_max: Option<u32>,

    /// How long a prepared transaction waits for its submit before it is asked after.
    #[arg(long, env = "BRANCHWIRE_TIMEOUT_TO_FAIL", default_value = "35s", value_parser = duration, value_name = "TIME")]
    timeout_to_fail: Duration,

    /// How long until a call without clear answer is repeated; doubles each time.
    #[arg(long, env = "BRANCHWIRE_RETRY_INTERVAL", default_value = "10s", value_parser = duration, value_name = "TIME")]
    retry_interval: Duration,

    /// How long one call to a branch may take.
    #[arg(long, env = "BRANCHWIRE_REQUEST_TIMEOUT", default_value = "3s", value_parser = duration, value_name = "TIME")]
    request_timeout: Duration,

    /// The longest time between two looks at the store for what is due.
    #[arg(long, env = "BRANCHWIRE_CRON_INTERVAL", default_value = "3s", value_parser = duration, value_name = "TIME")]
    cron_interval: Duration,

    /// Whether a branch's answer is durable before the next branch is called (sync), or with the end of the run (group).
    #[arg(long, env = "BRANCHWIRE_BRANCH_PROGRESS", default_value = "group", value_enum)]
    branch_progress: BranchProgress,

    /// How many calls to branches may be under way in all.
    #[arg(long, env = "BRANCHWIRE_CALLS_MAX", default_value_t = CallLimits::default().in_all, value_name = "N")]
    calls_max: usize,

    /// How many calls may be under way to one host.
    #[arg(long, env = "BRANCHWIRE_CALLS_PER_HOST", default_value_t = CallLimits::default().per_host, value_name = "N")]
    calls_per_host: usize,

    /// How many transactions may be in memory; past that new ones are refused with 503.
    #[arg(long, env = "BRANCHWIRE_IN_MEMORY_MAX", default_value_t = 100_000, value_name = "N")]
    in_memory_max: usize,

    /// How long finished transactions are kept: a time, or `forever`. If not given: a week on SQLite, else for ever.
    #[arg(long, env = "BRANCHWIRE_RETENTION", value_parser = retention, value_name = "TIME")]
    retention: Option<Retention>,

    /// File with the keys that calls to branches are signed with: `ID:SECRET`, the first one signs. Or the keys
    /// themselves in the variable `BRANCHWIRE_KEYS`. Without either, calls are not signed.
    #[arg(long, env = "BRANCHWIRE_KEYS_FILE", value_name = "FILE")]
    keys_file: Option<PathBuf>,

    /// File with the bearer tokens of which clients must show one. Or the tokens themselves in the variable
    /// `BRANCHWIRE_API_TOKENS`. Without either, the API is open to whoever reaches it.
    #[arg(long, env = "BRANCHWIRE_API_TOKENS_FILE", value_name = "FILE")]
    api_tokens_file: Option<PathBuf>,

    /// Networks that branches may be in, such as `10.0.0.0/8,::1`. Without this: all but link-local addresses and those
    /// of the clouds' metadata services.
    #[arg(long, env = "BRANCHWIRE_ALLOW_NETWORKS", value_name = "LIST")]
    allow_networks: Option<Networks>,

    /// What to log, to standard error: a level, or targets with levels.
    #[arg(long, env = "BRANCHWIRE_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum BranchProgress {
    /// With the commit that ends the run, or earlier.
    Group,
    /// At once, and waited for.
    Sync,
}

/// Runs the program with `args`, of which the first is its name, until SIGTERM or an interrupt.
///
/// Prints one line to standard output once it listens: `branchwire: listening on http://ADDRESS`.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are among these, and go to standard output.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let filter = EnvFilter::try_new(&options.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that cannot be written, on a full disk say, would be complained of on standard error again: by a panic.
    // An embedding program may have set up its own logging.
    let _ = log.log_internal_errors(false).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let signals = Signals::new()?;
    let listener =
        TcpListener::bind(options.listen).await.map_err(|e| format!("cannot listen on {}: {e}", options.listen))?;
    let address = listener.local_addr()?;
    let mut builder = Coordinator::builder().networks(options.allow_networks.unwrap_or_default());
    if let Some(keys) = secret::<Keys>("BRANCHWIRE_KEYS", options.keys_file.as_deref())? {
        builder = builder.sign_calls(keys);
    }
    if let Some(tokens) = secret::<ApiTokens>("BRANCHWIRE_API_TOKENS", options.api_tokens_file.as_deref())? {
        builder = builder.api_tokens(tokens);
    }
    if let Some(retention) = options.retention {
        builder = builder.retention(retention);
    }
    let coordinator = builder
        .call_limits(CallLimits { in_all: options.calls_max, per_host: options.calls_per_host })
        .in_memory_max(options.in_memory_max)
        .store(options.store)
        .store_options(store::Options {
            time_zone_s: options.time_zone,
            sqlite_bytes_max: options.sqlite_mib_max.map(|mib| u64::from(mib) << 20),
        })
        .timeout_to_fail(options.timeout_to_fail)
        .retry_interval(options.retry_interval)
        .request_timeout(options.request_timeout)
        .cron_interval(options.cron_interval)
        .branch_progress_sync(options.branch_progress == BranchProgress::Sync)
        .start()
        .await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "branchwire: listening on http://{address}")?;
    stdout.flush()?;
    coordinator.serve(listener, signals.any()).await?;
    Ok(())
}

/// A secret from a file or from a variable of the environment: on the command line everybody could read it.
fn secret<T: FromStr<Err: Display>>(variable: &str, file: Option<&Path>) -> Result<Option<T>, String> {
    let (name, text) = match (std::env::var_os(variable), file) {
        (Some(_), Some(_)) => return Err(format!("{variable} and {variable}_FILE are both given: which one counts?")),
        (None, None) => return Ok(None),
        (Some(text), None) => {
            (variable.to_owned(), text.into_string().map_err(|_| format!("{variable} is not UTF-8"))?)
        }
        (None, Some(file)) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
            (name, text)
        }
    };
    text.parse().map(Some).map_err(|error| format!("{name}: {error}"))
}

/// The signals that end the program; caught from the start on, so that none is missed.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn any(self) {
        #[cfg(unix)]
        {
            let mut terminate = self.terminate;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("branchwire: {error}");
    ExitCode::FAILURE
}

/// A time zone, in seconds east of UTC.
fn time_zone(text: &str) -> Result<i32, String> {
    let parse = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| digits(text).then(|| text.parse::<i32>().ok())?;
        // The zones of the world.
        let (hours, minutes) = (number(hours).filter(|h| *h <= 14)?, number(minutes).filter(|m| *m < 60)?);
        Some(sign * (hours * 3_600 + minutes * 60))
    };
    parse()
        .ok_or_else(|| "expected a time zone such as `+08:00` or `-03:30`; for summer time, the present one".to_owned())
}

fn retention(text: &str) -> Result<Retention, String> {
    if text == "forever" { Ok(Retention::ForEver) } else { duration(text).map(Retention::For) }
}

/// A time: `3`, `3s`, `0.5`, `200ms`, `5m`, `2h`, `7d`. Without a unit: seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("", 1.0)];
    let with_unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, unit) = with_unit.unwrap_or((text, 1.0));
    let number: f64 = number.trim().parse().map_err(|_| "expected a time such as `3s`, `0.5` or `200ms`".to_owned())?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string()).and_then(|time| {
        let bounds = Duration::from_millis(1)..=Duration::from_hours(87_600);
        if bounds.contains(&time) { Ok(time) } else { Err("expected a time from 1ms to ten years".to_owned()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [("3", 3000), ("3s", 3000), ("0.5", 500), ("200ms", 200), ("1.5s", 1500), ("2m", 120_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "3w", "-1", "0", "1e99", "NaN"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_zones_are_east_or_west() {
        for (text, seconds) in [("+00:00", 0), ("+08:00", 28_800), ("-03:30", -12_600), ("+14:00", 50_400)] {
            assert_eq!(time_zone(text), Ok(seconds), "{text}");
        }
        for bad in ["", "+", "8", "+8:00", "+08:60", "+15:00", "08:00", "+0800", "UTC", "+-1:00"] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_options_make_sense_to_clap() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn a_secret_comes_from_a_file_and_what_is_wrong_with_it_is_said_without_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            secret::<Keys>("BRANCHWIRE_NOT_SET", Some(&file))
        };
        assert!(read("k:0123456789abcdef0123456789abcdef\n").unwrap().is_some());
        let error = read("k:s3cr3t").unwrap_err();
        assert!(error.contains("keys: key 1") && !error.contains("s3cr3t"), "{error}");
        assert!(secret::<Keys>("BRANCHWIRE_NOT_SET", None).unwrap().is_none());
        let missing = dir.path().join("missing");
        assert!(secret::<Keys>("BRANCHWIRE_NOT_SET", Some(&missing)).unwrap_err().contains("missing"));
    }
}
