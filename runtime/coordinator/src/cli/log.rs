//! The log of the program, on standard error.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::colours::has_colours;
use super::options::LogFormat;

/// Begins to log. An embedding program may have set up its own logging: then this has no effect.
pub(super) fn set_up(filter: &str, format: LogFormat) {
    // If the log cannot be written, on a full disk for example, its internal error report to standard error would panic.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(has_colours(&std::io::stderr())).boxed(),
        // For a person who looks at it while it runs.
        LogFormat::Short => {
            lines.with_ansi(has_colours(&std::io::stderr())).with_target(false).without_time().compact().boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(EnvFilter::new(filter))).try_init();
}
