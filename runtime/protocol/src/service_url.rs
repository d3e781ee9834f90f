//! The address of a service.

use std::fmt;

/// The address of a service, or of a foreign branch: an http or https URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceUrl(String);

/// A text that is not the address of a service, or an address that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address cannot be used: {reason}; write it like `http://bank-b:8080`")]
pub struct InvalidUrl {
    reason: &'static str,
}

impl InvalidUrl {
    #[cfg(feature = "client")]
    pub(crate) const fn new(reason: &'static str) -> Self {
        Self { reason }
    }
}

impl ServiceUrl {
    /// Checks an address.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https URL with a host, or has a query, a fragment, or a user or password (which
    /// would be stored in every transaction).
    pub fn new(url: impl Into<String>) -> Result<Self, InvalidUrl> {
        let url = Self::with_query(url)?;
        if url.0.contains('?') { Err(InvalidUrl { reason: "it has a query" }) } else { Ok(url) }
    }

    /// The same for the whole address of a branch, which may have a query.
    #[doc(hidden)]
    pub fn with_query(url: impl Into<String>) -> Result<Self, InvalidUrl> {
        let text = url.into();
        let invalid = |reason| Err(InvalidUrl { reason });
        let Ok(url) = url::Url::parse(&text) else { return invalid("it cannot be read as a URL") };
        if !matches!(url.scheme(), "http" | "https") {
            return invalid("its scheme is another one");
        }
        if url.fragment().is_some() {
            return invalid("it has a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("it holds a user or a password");
        }
        if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return invalid("it has spaces or control characters");
        }
        Ok(Self(text))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a path, which starts with a slash, below this one.
    #[doc(hidden)]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.trim_end_matches('/'))
    }
}

impl AsRef<str> for ServiceUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ServiceUrl {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        Self::new(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_joins_with_one_slash() {
        for base in ["http://bank-b:8080", "http://bank-b:8080/"] {
            assert_eq!(ServiceUrl::new(base).unwrap().join("/in"), "http://bank-b:8080/in");
        }
    }

    #[test]
    fn an_invalid_address_of_a_service_is_refused() {
        for bad in [
            "",
            "bank-b",
            "bank-b:8080",
            "ftp://a",
            "http://",
            "http://a#b",
            "http://a?b",
            "http://u:p@a",
            "http://a /b",
            "/in",
        ] {
            assert!(ServiceUrl::new(bad).is_err(), "{bad:?}");
        }
    }
}
