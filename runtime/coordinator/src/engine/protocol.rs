//! How the branches of a transaction are called.

use std::str::FromStr;

use serde_json::{Map, Value};

/// How the branches of a transaction are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// By HTTP.
    #[default]
    Http,
    /// By JSON-RPC where a branch's address has the word `method`, and by HTTP where it has not.
    JsonRpc,
}

/// A protocol that this coordinator does not speak.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("protocol '{0}' is not supported, only http and json-rpc")]
pub struct UnknownProtocol(String);

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Http, Self::JsonRpc];

    /// Its name on the wire and in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::JsonRpc => "json-rpc",
        }
    }

    /// Whether a branch at this address is called by JSON-RPC.
    pub(crate) fn is_rpc(self, url: &str) -> bool {
        self == Self::JsonRpc && url.contains("method")
    }

    /// Whether a branch at this address can be called with this payload.
    pub(crate) fn can_call(self, url: &str, payload: &[u8]) -> bool {
        !self.is_rpc(url) || rpc_parameters(payload).is_some()
    }
}

/// The parameters of a call by JSON-RPC that a payload gives; `None` if it is no JSON object.
pub(crate) fn rpc_parameters(payload: &[u8]) -> Option<Map<String, Value>> {
    if payload.is_empty() { Some(Map::new()) } else { serde_json::from_slice(payload).ok() }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    /// An empty text is HTTP.
    fn from_str(name: &str) -> Result<Self, UnknownProtocol> {
        if name.is_empty() {
            return Ok(Self::Http);
        }
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == name).ok_or_else(|| UnknownProtocol(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_can_be_the_parameters() {
        for (payload, can) in
            [("", true), ("{}", true), (r#"{"a":1}"#, true), ("30", false), ("[1]", false), ("{", false)]
        {
            assert_eq!(Protocol::JsonRpc.can_call("http://a/?method=x", payload.as_bytes()), can, "{payload}");
            assert!(Protocol::JsonRpc.can_call("http://a/in", payload.as_bytes()), "by HTTP");
        }
    }
}
