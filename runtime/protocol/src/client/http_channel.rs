//! Requests to a coordinator over HTTP, by reqwest.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::future::BoxFuture;
use http::{Request, Response};

use super::{ANSWER_BYTES_MAX, Channel, ChannelError};
use crate::{InvalidUrl, ServiceUrl};

/// A kept connection or a few to one coordinator.
pub(super) struct HttpChannel {
    http: reqwest::Client,
    base: ServiceUrl,
}

impl HttpChannel {
    pub(super) fn new(base: ServiceUrl, timeout: Duration) -> Result<Self, InvalidUrl> {
        let builder = reqwest::Client::builder()
            .timeout(timeout)
            // A coordinator does not redirect; whoever does is none.
            .redirect(reqwest::redirect::Policy::none())
            // The coordinator is inside, where a proxy for the outside does not lead.
            .no_proxy();
        #[cfg(not(feature = "tls"))]
        if base.as_str().starts_with("https") {
            return Err(InvalidUrl::new("https needs the feature `tls` of `branchwire`"));
        }
        Ok(Self {
            http: builder.build().map_err(|_| InvalidUrl::new("this machine has no store of trusted certificates"))?,
            base,
        })
    }
}

impl Channel for HttpChannel {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let (parts, body) = request.into_parts();
        let url = self.base.join(parts.uri.path_and_query().map_or("/", |path| path.as_str()));
        Box::pin(async move {
            let request = self.http.request(parts.method, url).headers(parts.headers).body(body);
            let mut answer = request.send().await.map_err(|error| {
                if error.is_connect() || error.is_builder() {
                    ChannelError::NotSent(error.into())
                } else {
                    ChannelError::NoAnswer(error.into())
                }
            })?;
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(|error| ChannelError::NoAnswer(error.into()))? {
                if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                    return Err(ChannelError::NoAnswer("the answer is too long".into()));
                }
                body.extend_from_slice(&chunk);
            }
            let mut response = Response::new(body.freeze());
            *response.status_mut() = answer.status();
            Ok(response)
        })
    }
}
