//! Spans of requests and of calls, for OpenTelemetry. Without the feature `otel` nothing is recorded.

#[cfg(not(feature = "otel"))]
mod none;
#[cfg(feature = "otel")]
mod spans;

#[cfg(not(feature = "otel"))]
pub(crate) use self::none::{CallSpan, RequestSpan, Traces};
#[cfg(feature = "otel")]
pub(crate) use self::spans::{CallSpan, RequestSpan, Traces};
