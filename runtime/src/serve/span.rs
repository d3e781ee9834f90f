//! The span of a call, where no trace is continued: without the feature `otel`.

use http::HeaderMap;
use tracing::Span;
use tracing::instrument::{Instrument as _, Instrumented};

/// The span of a call.
pub(super) struct CallSpan(Span);

impl CallSpan {
    pub(super) fn new(span: Span, _: &'static str, _: &HeaderMap) -> Self {
        Self(span)
    }

    /// Carries out the call within it.
    pub(super) fn run<F: Future>(self, call: F) -> Instrumented<F> {
        call.instrument(self.0)
    }
}
