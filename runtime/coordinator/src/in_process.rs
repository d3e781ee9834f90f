//! A client within the coordinator's own process: the API without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use branchwire_protocol::client::{Channel, ChannelError};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::ServiceExt as _;

/// The longest response that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Requests to the routes of a coordinator in this process.
#[derive(Debug, Clone)]
pub(crate) struct InProcess(pub(crate) Router);

impl Channel for InProcess {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let router = self.0.clone();
        async move {
            let response = match router.oneshot(request.map(Body::from)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|e| ChannelError::NoAnswer(Box::new(e)))?;
            Ok(Response::from_parts(parts, body))
        }
        .boxed()
    }
}
