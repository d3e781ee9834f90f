//! Requests to a coordinator over HTTP, by reqwest.

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
const IDLE_MAX: Duration = Duration::from_secs(30);

/// The longest response that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A few kept-alive connections to one coordinator.
pub(super) struct HttpChannel {
    http: reqwest::Client,
    base: ServiceUrl,
}

impl HttpChannel {
    pub(super) fn new(base: ServiceUrl, timeout: Duration) -> Result<Self, InvalidUrl> {
        Self::with_idle_max(base, timeout, IDLE_MAX)
    }

    fn with_idle_max(base: ServiceUrl, timeout: Duration, idle_max: Duration) -> Result<Self, InvalidUrl> {
        let builder = reqwest::Client::builder()
            .timeout(timeout)
            .pool_idle_timeout(idle_max)
            // A coordinator does not redirect; a server that redirects is not a coordinator.
            .redirect(reqwest::redirect::Policy::none())
            // The coordinator is inside the network; the system's proxy is meant for outside.
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
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_without_requests_is_closed_before_a_load_balancer_drops_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = ServiceUrl::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            // Returns when the other side closes.
            assert_eq!(connection.read(&mut request).await.unwrap(), 0);
        });
        assert!(IDLE_MAX < Duration::from_mins(1));
        let channel = HttpChannel::with_idle_max(base, Duration::from_secs(10), Duration::from_millis(1)).unwrap();
        channel.exchange(Request::get("/api/dtmsvr/version").body(Bytes::new()).unwrap()).await.unwrap();
        server.await.unwrap();
    }
}
