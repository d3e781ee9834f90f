//! The settings of the console.

use std::str::FromStr;

use branchwire_protocol::TraceParent;
use url::Url;

use crate::api::ApiTokens;

/// The pages at `/console`, for [`Builder::console`](crate::Builder::console).
///
/// Whoever has one of the API's tokens may look and act. Without any token the console serves this machine only.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Console {
    pub(super) look: Option<ApiTokens>,
    pub(super) hosts: Vec<String>,
    pub(super) trace_url: Option<TraceUrl>,
    pub(super) settings: Vec<Setting>,
}

/// A setting that is in force, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value; for a secret, a word about it.
    pub value: String,
    /// Where it comes from: the default, a file, the environment, the command line.
    pub origin: String,
}

/// The address of a trace, in which `{trace_id}` is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceUrl(String);

/// A text that is not a template for the address of a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a trace's address is an http or https address that contains `{{trace_id}}`, such as `https://traces.example/{{trace_id}}`"
)]
pub struct InvalidTemplate;

impl Console {
    /// With no tokens but the API's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whoever has one of these tokens may look, but not act.
    pub fn look_tokens(mut self, tokens: ApiTokens) -> Self {
        self.look = Some(tokens);
        self
    }

    /// The names under which browsers reach the console, without ports; a request for another host is refused. Default: any
    /// with tokens, and only this machine's own names without.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.hosts = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        self
    }

    /// Makes the trace id of a transaction a link: `https://traces.example/trace/{trace_id}`.
    ///
    /// # Errors
    /// [`InvalidTemplate`] if it is not such an address.
    pub fn trace_url(mut self, template: &str) -> Result<Self, InvalidTemplate> {
        self.trace_url = Some(template.parse()?);
        Ok(self)
    }

    /// Shows these settings.
    pub fn settings(mut self, settings: Vec<Setting>) -> Self {
        self.settings = settings;
        self
    }
}

impl FromStr for TraceUrl {
    type Err = InvalidTemplate;

    fn from_str(template: &str) -> Result<Self, InvalidTemplate> {
        let url = Url::parse(&template.replace("{trace_id}", "0")).map_err(|_| InvalidTemplate)?;
        let is_one = matches!(url.scheme(), "http" | "https") && template.contains("{trace_id}");
        if is_one { Ok(Self(template.to_owned())) } else { Err(InvalidTemplate) }
    }
}

impl TraceUrl {
    /// The address of the trace that a `traceparent` names; `None` if it is not well formed.
    pub(super) fn of(&self, traceparent: &str) -> Option<String> {
        trace_id(traceparent).map(|id| self.0.replace("{trace_id}", &id))
    }
}

/// The trace id in a W3C `traceparent`; `None` if it is not well formed.
pub(super) fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.parse::<TraceParent>().ok().map(|parent| format!("{:032x}", parent.trace_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_link_has_the_id_and_nothing_else_from_outside() {
        let url: TraceUrl = "https://traces.example/{trace_id}?x=1".parse().unwrap();
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            url.of(&format!("00-{id}-00f067aa0ba902b7-01")).unwrap(),
            format!("https://traces.example/{id}?x=1")
        );
        for bad in ["", "00", "00-short-1-01", &format!("00-{}\"><-1-01", &id[4..]), "javascript:alert(1)"] {
            assert_eq!(url.of(bad), None, "{bad}");
        }
        for bad in ["javascript:alert({trace_id})", "https://traces.example/", "{trace_id}"] {
            assert_eq!(bad.parse::<TraceUrl>(), Err(InvalidTemplate), "{bad}");
        }
    }
}
