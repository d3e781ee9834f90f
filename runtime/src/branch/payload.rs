//! Payloads, as they are sent and as a branch reads them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::finite::holds_other_than_finite;

/// The longest payload that a Branchwire branch reads by default, in bytes of JSON.
///
/// It is axum's own limit for a body. To raise it, add axum's layer `DefaultBodyLimit` to the service's router, and set
/// [`Client::payload_bytes_max`](crate::Client::payload_bytes_max) in its clients.
pub const PAYLOAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The payload of a branch: any type that can be read from JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a payload: it cannot be read from JSON",
    label = "not a payload",
    note = "`#[derive(serde::Deserialize)]` on it; if it is an extractor: `#[msg_branch(no_payload)]`"
)]
pub trait Payload: Send + Sized + 'static {
    #[doc(hidden)]
    fn from_json(body: &[u8]) -> Result<Self, serde_json::Error>;
}

#[diagnostic::do_not_recommend]
impl<P: DeserializeOwned + Send + 'static> Payload for P {
    fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

/// A payload that can be sent to a branch: any type that can be written as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as a payload: it cannot be written as JSON",
    label = "cannot be sent",
    note = "`#[derive(serde::Serialize)]` on it"
)]
pub trait SendPayload {
    #[doc(hidden)]
    fn to_json(&self) -> Result<String, PayloadError>;
}

#[diagnostic::do_not_recommend]
impl<P: Serialize + ?Sized> SendPayload for P {
    fn to_json(&self) -> Result<String, PayloadError> {
        let json = serde_json::to_string(self).map_err(PayloadError::NotJson)?;
        // Only `null` in the JSON can hide such a float.
        if json.contains("null") && holds_other_than_finite(self) { Err(PayloadError::NotFinite) } else { Ok(json) }
    }
}

/// Reads a payload as its branch will.
#[doc(hidden)]
pub type ReadBack = fn(&str) -> Result<(), serde_json::Error>;

/// Why a payload is not sent: the branch could never read it, so a retry is of no use.
#[derive(Debug, thiserror::Error)]
// Later versions may find more mistakes before sending.
#[non_exhaustive]
pub enum PayloadError {
    /// It cannot be written as JSON.
    #[error("it cannot be written as JSON")]
    NotJson(#[source] serde_json::Error),
    /// A float in it is NaN or infinite. JSON has no such number; `null` would arrive.
    #[error("a float in it is NaN or infinite, and JSON has no such number")]
    NotFinite,
    /// Its JSON cannot be read back as the type that the branch takes.
    #[error("the branch could not read its JSON")]
    NotReadable(#[source] serde_json::Error),
    /// It is longer than a branch reads: see [`PAYLOAD_BYTES_MAX`].
    #[error("it has {bytes} bytes of JSON, and a branch reads {bytes_max} at most")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}
