//! How requests reach a coordinator.

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};

use super::error::ChannelError;

/// How requests reach a coordinator: over HTTP, or within the process.
///
/// A request's URI is a path and query, such as `/api/dtmsvr/submit`.
pub trait Channel: Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`ChannelError`]; whether the coordinator has seen the request is in its variant.
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>>;
}
