//! The program `branchwire`, as a function: for `main`, and for programs that start it as a child of their own.

mod listen;
mod options;
mod secret;
mod signals;
mod value;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use branchwire_protocol::signature::Keys;
use tracing_subscriber::EnvFilter;

use self::options::{BranchProgress, Options};
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
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&options.log)).with_writer(std::io::stderr);
    // No colours in a file or a journal. By https://no-color.org an empty variable does not count.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let log = log.with_ansi(std::io::stderr().is_terminal() && !no_color);
    // If the log cannot be written, on a full disk for example, its internal error report to standard error would
    // panic. An embedding program may have set up its own logging: then this has no effect.
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
fn failed(error: &dyn std::error::Error) -> ExitCode {
    // `eprintln` panics if nobody reads.
    let _ = writeln!(std::io::stderr(), "branchwire: {error}");
    ExitCode::FAILURE
}
