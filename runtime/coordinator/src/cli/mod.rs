//! The program `branchwire`, as a function: for `main`, and for programs that start it as a child of their own.

mod colours;
mod config_file;
mod describe;
mod export;
mod health;
mod in_force;
mod listen;
mod log;
mod operator;
mod options;
mod schema;
mod secret;
mod signals;
mod value;

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use branchwire_protocol::signature::Keys;

use self::export::Export;
use self::in_force::InForce;
use self::options::{BranchProgress, Command, Dev, Health, Options, Serve};
use self::secret::secret;
use self::signals::Signals;
#[cfg(feature = "console")]
use crate::Console;
use crate::store;
use crate::transport::CallLimits;
use crate::{ApiTokens, Coordinator};

/// Runs the program with `args`, of which the first is its name, until SIGTERM or an interrupt.
///
/// Prints one line to standard output once it listens: `branchwire: listening on http://ADDRESS`. It also runs if
/// nobody reads that line.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let (options, in_force) = match Options::read(args) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are reported this way too, and go to standard output.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    match &options.command {
        Some(Command::Config(_)) => printed(in_force.toml().as_bytes()),
        Some(Command::Schema { of }) => printed(schema::script(of).as_bytes()),
        Some(Command::Completions { shell }) => printed(&describe::completions(*shell)),
        Some(Command::Man { command }) => match describe::page(command.as_deref()) {
            Ok(page) => printed(&page),
            Err(error) => ended(Err(error)),
        },
        Some(Command::Operate(command)) => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(operator::run(command)),
            Err(error) => ended(Err(error)),
        },
        Some(Command::Health(Health { listen })) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            ended(runtime.map_err(|error| error.to_string()).and_then(|it| it.block_on(health::ask(listen))))
        }
        Some(Command::Dev(dev)) => develop(dev),
        None => serve_here(options.serve, &in_force, |address| format!("branchwire: listening on http://{address}")),
    }
}

/// Serves with a store in a directory that is removed at the end.
fn develop(dev: &Dev) -> ExitCode {
    let directory = match tempfile::Builder::new().prefix("branchwire-dev-").tempdir() {
        Ok(directory) => directory,
        Err(error) => return ended(Err(error)),
    };
    let store = directory.path().join("branchwire.db");
    let store = percent_encoding::utf8_percent_encode(&store.to_string_lossy(), STORE_ESCAPES).to_string();
    let arguments = [
        "branchwire".to_owned(),
        format!("--listen={}", dev.listen),
        format!("--log={}", dev.log),
        format!("--store=sqlite://{store}"),
        "--log-format=short".to_owned(),
    ];
    match Options::read(arguments) {
        Ok((options, in_force)) => serve_here(options.serve, &in_force, |address| format!("http://{address}{PAGE}")),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(2)
        }
    }
}

/// What a developer looks at first.
const PAGE: &str = if cfg!(feature = "console") { "/console" } else { "" };

/// The characters of a file's name that mean something in an address.
const STORE_ESCAPES: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#');

fn serve_here(options: Serve, in_force: &InForce, announce: impl Fn(SocketAddr) -> String) -> ExitCode {
    log::set_up(&options.log, options.log_format);
    let export = match Export::start(&options) {
        Ok(export) => export,
        Err(error) => return ended(Err(error)),
    };
    let served = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => ended(runtime.block_on(serve(options, in_force, &export, announce))),
        Err(error) => ended(Err(error)),
    };
    export.end();
    served
}

/// Prints its address, in these words, once it listens.
#[cfg_attr(not(feature = "console"), allow(unused_variables, reason = "only the console shows it"))]
async fn serve(
    options: Serve,
    in_force: &InForce,
    export: &Export,
    announce: impl Fn(SocketAddr) -> String,
) -> Result<(), Box<dyn std::error::Error>> {
    let signals = Signals::new()?;
    let listener = options.listen.bind().await?;
    let address = listener.local_addr()?;
    let mut builder = export.of(Coordinator::builder()).networks(options.allow_networks.unwrap_or_default());
    if let Some(keys) = secret::<Keys>("BRANCHWIRE_KEYS", options.keys_file.as_deref())? {
        builder = builder.sign_calls(keys);
    }
    if let Some(tokens) = secret::<ApiTokens>("BRANCHWIRE_API_TOKENS", options.api_tokens_file.as_deref())? {
        builder = builder.api_tokens(tokens);
    }
    #[cfg(feature = "console")]
    {
        let look = secret::<ApiTokens>("BRANCHWIRE_LOOK_TOKENS", options.look_tokens_file.as_deref())?;
        let mut console = Console::new().hosts(options.console_hosts).settings(in_force.settings());
        if let Some(tokens) = look {
            console = console.look_tokens(tokens);
        }
        if let Some(template) = &options.trace_url {
            console = console.trace_url(template)?;
        }
        builder = builder.console(console);
    }
    if let Some(url) = options.alert_url {
        builder = builder.alert_url(url);
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
        .timeout_to_fail(options.timeout_to_fail.0)
        .retry_interval(options.retry_interval.0)
        .request_timeout(options.request_timeout.0)
        .cron_interval(options.cron_interval.0)
        .branch_progress_sync(options.branch_progress == BranchProgress::Sync)
        .start()
        .await?;
    let mut stdout = std::io::stdout();
    if let Err(error) = writeln!(stdout, "{}", announce(address)).and_then(|()| stdout.flush()) {
        // The reader may be gone, or the disk full: serve all the same.
        tracing::warn!(%error, "listening on http://{address}, which cannot be written to standard output");
    }
    coordinator.serve(listener, signals.any()).await?;
    Ok(())
}

fn printed(text: &[u8]) -> ExitCode {
    ended(std::io::stdout().write_all(text))
}

fn ended(result: Result<(), impl std::fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `eprintln` panics if nobody reads.
            let _ = writeln!(std::io::stderr(), "branchwire: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::options::Options;

    /// What the files in `deploy` set: as the program reads it, and open to others only with tokens and keys.
    #[test]
    fn a_deployment_that_other_hosts_can_reach_has_tokens_and_keys() {
        let (unit, image) = (include_str!("../../deploy/branchwire.service"), include_str!("../../deploy/Dockerfile"));
        for file in [unit, image] {
            let set: Vec<(&str, &str)> = file
                .lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .flat_map(|line| line.split(' '))
                .filter_map(|word| word.trim_start_matches("Environment=").split_once('='))
                .filter(|(name, _)| name.starts_with("BRANCHWIRE_"))
                .collect();
            let value = |variable: &str| set.iter().find(|(name, _)| *name == variable).map(|(_, value)| *value);
            let option = |(name, value): &(&str, &str)| {
                format!("--{}={value}", name.trim_start_matches("BRANCHWIRE_").to_lowercase().replace('_', "-"))
            };
            let arguments = ["branchwire".to_owned()].into_iter().chain(set.iter().map(option));
            let (options, _) = Options::read(arguments).unwrap_or_else(|error| panic!("{set:?}: {error}"));
            assert!(value("BRANCHWIRE_STORE").is_some(), "the file is read: {set:?}");
            let is_open = !options.serve.listen.to_string().starts_with("127.0.0.1:");
            assert_eq!(is_open, value("BRANCHWIRE_API_TOKENS_FILE").is_some(), "{set:?}");
            assert_eq!(is_open, value("BRANCHWIRE_KEYS_FILE").is_some(), "{set:?}");
        }
    }
}
