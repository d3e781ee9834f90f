//! The coordinator's client: its HTTP API, and where every pattern starts.

use std::ops::Deref;
use std::time::Duration;

use branchwire_protocol::client as api;
pub use branchwire_protocol::client::{
    COORDINATOR_TIMEOUT, Channel, ChannelError, ClientError, InvalidToken, Outcome, Submit,
};

use crate::InvalidUrl;
#[cfg(feature = "auth")]
use crate::auth::Keys;
use crate::branch::PAYLOAD_BYTES_MAX;

/// A coordinator's client. Cheap to clone; keep one for each coordinator, since it keeps connections.
///
/// Global transactions start here: [`msg`](Self::msg). The calls of the coordinator's HTTP API are those of
/// [`protocol::client::Client`](api::Client), to which this dereferences.
#[derive(Debug, Clone)]
pub struct Client {
    api: api::Client,
    payload_bytes_max: usize,
}

impl Client {
    /// A client of the coordinator at this address: `http://127.0.0.1:36789`, with or without `/api/dtmsvr`.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or TLS cannot be had for an https one.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        api::Client::new(url).map(Self::from)
    }

    /// The same, with the time that one call may take. With `wait_result` that covers a run over all branches.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or TLS cannot be had for an https one.
    pub fn with_timeout(url: impl AsRef<str>, timeout: Duration) -> Result<Self, InvalidUrl> {
        api::Client::with_timeout(url, timeout).map(Self::from)
    }

    /// A client whose requests go another way, such as to a coordinator in the same process.
    pub fn with_channel(channel: impl Channel) -> Self {
        Self::from(api::Client::with_channel(channel))
    }

    /// Shows this token to the coordinator with every request, as `Authorization: Bearer TOKEN`.
    ///
    /// Over plain http everybody on the way reads it: use https, or a network that is trusted.
    ///
    /// # Errors
    /// [`InvalidToken`] if it cannot stand in a header.
    pub fn bearer_token(self, token: &str) -> Result<Self, InvalidToken> {
        Ok(Self { api: self.api.bearer_token(token)?, ..self })
    }

    /// Signs every message that is sent through this client, with the first of these keys.
    ///
    /// For services under a coordinator that does not sign, such as a DTM server; they verify with
    /// [`Verify::messages`](crate::auth::Verify::messages), or [`or_messages`](crate::auth::Verify::or_messages).
    #[cfg(feature = "auth")]
    #[must_use = "the client that signs is returned"]
    pub fn sign_messages(self, keys: Keys) -> Self {
        Self { api: self.api.sign_messages(keys), ..self }
    }

    /// The longest payload that the services read which are sent to through this client: [`PAYLOAD_BYTES_MAX`] unless set.
    ///
    /// A longer one is refused before it is sent. Services whose axum `DefaultBodyLimit` was raised read more; branches at
    /// other addresses ([`MsgBranch::url`](crate::MsgBranch::url)) are not limited here.
    #[must_use = "the client with the limit is returned"]
    pub fn payload_bytes_max(self, bytes: usize) -> Self {
        Self { payload_bytes_max: bytes, ..self }
    }

    /// The limit for payloads.
    pub(crate) fn payload_limit(&self) -> usize {
        self.payload_bytes_max
    }
}

impl Deref for Client {
    type Target = api::Client;

    fn deref(&self) -> &api::Client {
        &self.api
    }
}

impl From<api::Client> for Client {
    fn from(api: api::Client) -> Self {
        Self { api, payload_bytes_max: PAYLOAD_BYTES_MAX }
    }
}
