//! Requests over TLS, or to any host, by reqwest.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::future::BoxFuture;
use http::{Request, Response};

use super::channel::Channel;
use super::error::ChannelError;
use crate::{InvalidUrl, ServiceUrl};

/// How long an idle connection is kept: less than the 60 seconds after which load balancers drop it.
///
/// A request on a dropped connection may have been carried out, so its outcome is unknown.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);

/// The longest response that is read, in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A few kept-alive connections to one coordinator, or to the hosts of branches.
pub(super) struct HttpChannel {
    http: reqwest::Client,
    /// `None` for requests with whole addresses.
    base: Option<ServiceUrl>,
}

impl HttpChannel {
    /// A channel to a coordinator with an https address.
    pub(super) fn new(base: ServiceUrl, timeout: Duration) -> Result<Self, InvalidUrl> {
        let builder = reqwest::Client::builder().timeout(timeout).pool_idle_timeout(IDLE_MAX);
        Ok(Self { http: build(builder)?, base: Some(base) })
    }

    /// A channel for requests with whole addresses; whoever sends one limits its time.
    pub(super) fn to_any_host() -> Result<Self, InvalidUrl> {
        Ok(Self { http: build(reqwest::Client::builder().pool_idle_timeout(IDLE_MAX))?, base: None })
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, InvalidUrl> {
    builder
        // A coordinator does not redirect; a server that redirects is not a coordinator.
        .redirect(reqwest::redirect::Policy::none())
        // Coordinators and services are inside the network; the system's proxy is meant for outside.
        .no_proxy()
        .build()
        .map_err(|_| InvalidUrl::new("this machine has no store of trusted certificates"))
}

impl Channel for HttpChannel {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let (parts, body) = request.into_parts();
        let url = match &self.base {
            Some(base) => base.join(parts.uri.path_and_query().map_or("/", |path| path.as_str())),
            None => parts.uri.to_string(),
        };
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
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(response)
        })
    }
}
