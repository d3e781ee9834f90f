//! The export to a collector, by OTLP over HTTP.
//!
//! A thread of its own sends the spans, in batches. If the collector is slow or away, spans are dropped, and no transaction
//! waits.

use std::ffi::OsString;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use url::Url;

use crate::cli::options::Serve;
use crate::coordinator::Builder;

/// The path of a collector at which it takes spans.
const PATH: &str = "v1/traces";

/// The name of this service in traces, if none is given.
const SERVICE: &str = "branchwire";

/// How long the last spans may take at the end.
const END_MAX: Duration = Duration::from_secs(5);

/// Where the environment says that spans are sent, in OpenTelemetry's own words.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// What exports spans; `None` if nobody asked for it.
pub(in crate::cli) struct Export(Option<SdkTracerProvider>);

impl Export {
    /// Begins, if an option or a variable of OpenTelemetry says where to. Not for asynchronous code: it makes a client that
    /// blocks.
    ///
    /// # Errors
    /// A sentence for the operator: the address cannot be used.
    pub(in crate::cli) fn start(options: &Serve) -> Result<Self, String> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !is_blank(value));
        let endpoint = options.otlp_endpoint.as_ref();
        if is_off(&variable) || endpoint.is_none() && !ENDPOINTS.iter().any(|name| variable(name).is_some()) {
            return Ok(Self(None));
        }
        let mut exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        if let Some(endpoint) = endpoint {
            exporter = exporter.with_endpoint(traces_at(endpoint)?);
        }
        let exporter = exporter.build().map_err(|error| format!("spans cannot be exported: {error}"))?;
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        match &options.otlp_service_name {
            Some(name) => resource = resource.with_service_name(name.clone()),
            None if is_named(&variable) => {}
            None => resource = resource.with_service_name(SERVICE),
        }
        let provider = SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter);
        Ok(Self(Some(provider.build())))
    }

    /// A coordinator whose spans are exported.
    pub(in crate::cli) fn of(&self, builder: Builder) -> Builder {
        match &self.0 {
            Some(provider) => builder.traces(provider),
            None => builder,
        }
    }

    /// Sends what is left.
    pub(in crate::cli) fn end(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown_with_timeout(END_MAX)) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Whether the environment has switched traces off, in OpenTelemetry's own words.
fn is_off(variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none")
}

/// Whether the environment names this service.
fn is_named(variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let names_it = |attribute: &str| attribute.trim_start().starts_with("service.name=");
    variable("OTEL_SERVICE_NAME").is_some() || attributes.to_string_lossy().split(',').any(names_it)
}

fn is_blank(value: &OsString) -> bool {
    value.to_string_lossy().trim().is_empty()
}

/// Where a collector takes spans. Its own address or the whole one may be given, as for OpenTelemetry's variables.
fn traces_at(endpoint: &Url) -> Result<String, String> {
    if endpoint.scheme() == "https" && cfg!(not(feature = "tls")) {
        return Err("--otlp-endpoint: this program was built without TLS (feature `tls`)".to_owned());
    }
    let mut endpoint = endpoint.clone();
    let path = endpoint.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        endpoint.set_path(&format!("{path}/{PATH}"));
    }
    Ok(endpoint.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_for_spans_is_added_where_it_is_missing() {
        for (given, expected) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("http://gateway/otlp/", "http://gateway/otlp/v1/traces"),
            ("http://collector:4318/v1/traces", "http://collector:4318/v1/traces"),
        ] {
            assert_eq!(traces_at(&given.parse().unwrap()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn the_variables_of_opentelemetry_switch_it_off_and_name_the_service() {
        let set = |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.into());
        assert!(is_off(&set("OTEL_SDK_DISABLED", "True")) && is_off(&set("OTEL_TRACES_EXPORTER", "none")));
        assert!(!is_off(&set("OTEL_SDK_DISABLED", "false")) && !is_off(&set("OTEL_TRACES_EXPORTER", "otlp")));
        assert!(is_named(&set("OTEL_SERVICE_NAME", "coordinator")));
        assert!(is_named(&set("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=c")));
        assert!(!is_named(&set("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=c")));
    }
}
