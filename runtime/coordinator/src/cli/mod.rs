//! The program `branchwire`, as a function: for `main`, and for programs that start it as a child of their own.

mod health;
mod listen;
mod options;
mod schema;
mod secret;
mod signals;
mod value;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use branchwire_protocol::signature::Keys;
use tracing_subscriber::EnvFilter;

use self::options::{BranchProgress, Command, Health, Options};
use self::secret::secret;
use self::signals::Signals;
use crate::store;
use crate::transport::CallLimits;
use crate::{ApiTokens, Coordinator};

/// Runs the program with `args`, of which the first is its name, until SIGTERM or an interrupt.
///
/// Prints one line to standard output once it listens: `branchwire: listening on http://ADDRESS`. It also runs if
/// nobody reads that line.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let options = match Options::read(args) {
        Ok(options) => options,
        Err(error) => {
            // Help and version are reported this way too, and go to standard output.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    match &options.command {
        Some(Command::Schema { of }) => return ended(std::io::stdout().write_all(schema::script(of).as_bytes())),
        Some(Command::Health(Health { listen })) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            return ended(runtime.map_err(|error| error.to_string()).and_then(|it| it.block_on(health::ask(listen))));
        }
        None => {}
    }
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&options.log)).with_writer(std::io::stderr);
    // No colours in a file or a journal. By https://no-color.org an empty variable does not count.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let log = log.with_ansi(std::io::stderr().is_terminal() && !no_color);
    // If the log cannot be written, on a full disk for example, its internal error report to standard error would
    // panic. An embedding program may have set up its own logging: then this has no effect.
    let _ = log.log_internal_errors(false).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(Err(error)),
    };
    ended(runtime.block_on(serve(options)))
}

async fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let signals = Signals::new()?;
    let listener = options.listen.bind().await?;
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
        .timeout_to_fail(options.timeout_to_fail.0)
        .retry_interval(options.retry_interval.0)
        .request_timeout(options.request_timeout.0)
        .cron_interval(options.cron_interval.0)
        .branch_progress_sync(options.branch_progress == BranchProgress::Sync)
        .start()
        .await?;
    let mut stdout = std::io::stdout();
    if let Err(error) = writeln!(stdout, "branchwire: listening on http://{address}").and_then(|()| stdout.flush()) {
        // The reader may be gone, or the disk full: serve all the same.
        tracing::warn!(%error, "listening on http://{address}, which cannot be written to standard output");
    }
    coordinator.serve(listener, signals.any()).await?;
    Ok(())
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
            let options = Options::read(arguments).unwrap_or_else(|error| panic!("{set:?}: {error}"));
            assert!(value("BRANCHWIRE_STORE").is_some(), "the file is read: {set:?}");
            let is_open = !options.listen.to_string().starts_with("127.0.0.1:");
            assert_eq!(is_open, value("BRANCHWIRE_API_TOKENS_FILE").is_some(), "{set:?}");
            assert_eq!(is_open, value("BRANCHWIRE_KEYS_FILE").is_some(), "{set:?}");
        }
    }
}
