//! The coordinator's client: its HTTP API, and the start of every pattern.

use std::ops::Deref;
use std::time::Duration;

use branchwire_protocol::client as api;
pub use branchwire_protocol::client::{
    COORDINATOR_TIMEOUT, Channel, ChannelError, ClientError, InvalidToken, Outcome, Submit, TryCall,
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
    /// [`InvalidUrl`] if it is not an http or https address, or is an https address and TLS is not available.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        api::Client::new(url).map(Self::from)
    }

    /// The same, with a timeout for one call. With `wait_result` a call includes a run over all branches.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is not an http or https address, or is an https address and TLS is not available.
    pub fn with_timeout(url: impl AsRef<str>, timeout: Duration) -> Result<Self, InvalidUrl> {
        api::Client::with_timeout(url, timeout).map(Self::from)
    }

    /// A client that sends its requests over this channel, for example to a coordinator in the same process.
    pub fn with_channel(channel: impl Channel) -> Self {
        Self::from(api::Client::with_channel(channel))
    }

    /// Sends this token to the coordinator with every request, as `Authorization: Bearer TOKEN`.
    ///
    /// Over plain http it can be read in transit: use https, or a trusted network.
    ///
    /// # Errors
    /// [`InvalidToken`] if it cannot be a header's value.
    pub fn bearer_token(self, token: &str) -> Result<Self, InvalidToken> {
        Ok(Self { api: self.api.bearer_token(token)?, ..self })
    }

    /// Signs every message that is sent through this client, with the first of these keys.
    ///
    /// For services under a coordinator that does not sign, such as a DTM server; they verify with
    /// [`Verify::messages`](crate::auth::Verify::messages), or [`or_messages`](crate::auth::Verify::or_messages).
    ///
    /// For TCCs it is needed under a coordinator that signs as well: this client calls the tries itself, and signs them as a
    /// coordinator signs its calls, so that a service verifies all with [`Verify::calls`](crate::auth::Verify::calls). The
    /// signatures of the confirms and cancels are in the addresses that are registered. Under a coordinator that does not sign, a
    /// service with a TCC verifies with `Verify::calls(keys).or_messages()`.
    #[cfg(feature = "auth")]
    #[must_use = "the client that signs is returned"]
    pub fn sign_messages(self, keys: Keys) -> Self {
        Self { api: self.api.sign_messages(keys), ..self }
    }

    /// The longest payload that this client sends to Branchwire services, in bytes of JSON. Default:
    /// [`PAYLOAD_BYTES_MAX`].
    ///
    /// A longer one is refused before it is sent. Raise the limit if the services have a higher axum
    /// `DefaultBodyLimit`. It does not apply to branches at other addresses
    /// ([`MsgBranch::url`](crate::MsgBranch::url)).
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
