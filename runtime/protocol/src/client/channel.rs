//! The way of requests to a coordinator.

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};

use super::error::ChannelError;

/// Carries requests to a coordinator: over HTTP, or within the process.
///
/// A request's URI is a path and query, such as `/api/dtmsvr/submit`. A channel to branches
/// ([`Client::with_branches`](super::Client::with_branches)) gets whole addresses.
pub trait Channel: Send + Sync + 'static {
    /// Sends one request and reads the whole response.
    ///
    /// # Errors
    /// [`ChannelError`]; its variant tells whether the coordinator may have got the request.
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>>;
}
