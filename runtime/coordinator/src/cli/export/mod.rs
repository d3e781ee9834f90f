//! The export of the program's spans. Without the feature `otel` there is none.

#[cfg(not(feature = "otel"))]
mod none;
#[cfg(feature = "otel")]
mod otlp;

#[cfg(not(feature = "otel"))]
pub(super) use self::none::Export;
#[cfg(feature = "otel")]
pub(super) use self::otlp::Export;
