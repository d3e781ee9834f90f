//! Requests to a coordinator over plain HTTP, as most are: kept-alive connections to one address.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::channel::Channel;
use super::error::ChannelError;
use super::line::{Line, LineError};
use crate::{InvalidUrl, ServiceUrl};

/// Kept-alive connections to one coordinator, as many as there are requests at once.
pub(super) struct PlainChannel {
    address: (String, u16),
    /// The header `Host`.
    host: HeaderValue,
    /// What comes before the path of a request.
    prefix: String,
    timeout: Duration,
    kept: Arc<Kept>,
}

impl PlainChannel {
    /// A channel to an http address. `idle_max`: how long a connection is kept without a request.
    pub(super) fn new(base: &ServiceUrl, timeout: Duration, idle_max: Duration) -> Result<Self, InvalidUrl> {
        let invalid = || InvalidUrl::new("it is not an http address");
        let url = url::Url::parse(base.as_str()).map_err(|_| invalid())?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Err(invalid()) };
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            // An IPv6 address is in brackets only within a URL.
            address: (host.trim_start_matches('[').trim_end_matches(']').to_owned(), port),
            host: HeaderValue::try_from(authority).map_err(|_| invalid())?,
            prefix: url.path().trim_end_matches('/').to_owned(),
            timeout,
            kept: Arc::new(Kept { lines: Mutex::default(), idle_max }),
        })
    }

    /// The request as it is sent.
    fn addressed(&self, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, ChannelError> {
        let (mut parts, body) = request.into_parts();
        if !self.prefix.is_empty() {
            let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            parts.uri =
                Uri::try_from(format!("{}{path}", self.prefix)).map_err(|error| ChannelError::NotSent(error.into()))?;
        }
        parts.headers.insert(header::HOST, self.host.clone());
        Ok(Request::from_parts(parts, Full::new(body)))
    }

    /// Sends it on a kept connection, or else on a new one. `is_sent`: whether it may have been sent so far.
    async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        is_sent: &mut bool,
    ) -> Result<Response<Bytes>, ChannelError> {
        loop {
            let (mut line, is_kept) = match self.kept.take() {
                Some(line) => (line, true),
                None => (Line::open(&self.address).await.map_err(ChannelError::NotSent)?, false),
            };
            *is_sent = true;
            match line.exchange(request).await {
                Ok(answer) => {
                    self.kept.put(line);
                    return Ok(answer);
                }
                // The coordinator had closed it.
                Err(LineError::NotSent(unsent, _)) if is_kept => {
                    *is_sent = false;
                    request = *unsent;
                }
                Err(LineError::NotSent(_, error)) => return Err(ChannelError::NotSent(error)),
                Err(LineError::NoAnswer(error)) => return Err(ChannelError::NoAnswer(error)),
            }
        }
    }
}

impl Channel for PlainChannel {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        Box::pin(async move {
            let request = self.addressed(request)?;
            let mut is_sent = false;
            match timeout(self.timeout, self.send(request, &mut is_sent)).await {
                Ok(answer) => answer,
                Err(elapsed) if is_sent => Err(ChannelError::NoAnswer(elapsed.into())),
                Err(elapsed) => Err(ChannelError::NotSent(elapsed.into())),
            }
        })
    }
}

/// Connections without a request.
struct Kept {
    lines: Mutex<Lines>,
    idle_max: Duration,
}

#[derive(Default)]
struct Lines {
    /// Each with the end of its last request, the oldest first.
    idle: Vec<(Line, Instant)>,
    /// Closes those that nothing uses.
    closer: Option<JoinHandle<()>>,
}

impl Kept {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that was used last, if it is still open.
    fn take(&self) -> Option<Line> {
        loop {
            let (mut line, since) = self.lines().idle.pop()?;
            if since.elapsed() < self.idle_max && line.is_open() {
                return Some(line);
            }
        }
    }

    fn put(self: &Arc<Self>, mut line: Line) {
        if !line.is_open() {
            return;
        }
        let mut lines = self.lines();
        lines.idle.push((line, Instant::now()));
        // One that was cut off by the end of its runtime is replaced.
        if lines.closer.as_ref().is_none_or(JoinHandle::is_finished) {
            lines.closer = Some(tokio::spawn(close_idle(Arc::downgrade(self))));
        }
    }

    /// Closes what is older than it may be; when to look again, if anything is left.
    fn close_old(&self) -> Option<Instant> {
        let mut lines = self.lines();
        lines.idle.retain(|(_, since)| since.elapsed() < self.idle_max);
        let next = lines.idle.first().map(|(_, since)| *since + self.idle_max);
        if next.is_none() {
            lines.closer = None;
        }
        next
    }
}

/// Closes connections that have become too old, until there are none.
async fn close_idle(kept: Weak<Kept>) {
    while let Some(next) = kept.upgrade().and_then(|kept| kept.close_old()) {
        sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::http_channel::IDLE_MAX;
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A server without answers, and its channel.
    async fn server(prefix: &str, idle_max: Duration) -> (TcpListener, PlainChannel) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = ServiceUrl::new(format!("http://{}{prefix}", listener.local_addr().unwrap())).unwrap();
        (listener, PlainChannel::new(&base, TIMEOUT, idle_max).unwrap())
    }

    /// The text of the next request, which has no body; empty if there is none.
    async fn read(connection: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") && connection.read_buf(&mut text).await.unwrap() > 0 {}
        String::from_utf8(text).unwrap()
    }

    async fn ask(channel: &PlainChannel) -> Result<Response<Bytes>, ChannelError> {
        channel.exchange(Request::get("/api/dtmsvr/version?a=b").body(Bytes::new()).unwrap()).await
    }

    const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    #[tokio::test]
    async fn a_connection_without_requests_is_closed_before_a_load_balancer_drops_it() {
        assert!(IDLE_MAX < Duration::from_mins(1));
        let (listener, channel) = server("", Duration::from_millis(1)).await;
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            assert!(!read(&mut connection).await.is_empty());
            connection.write_all(EMPTY).await.unwrap();
            // Returns when the other side closes.
            assert_eq!(read(&mut connection).await, "");
        });
        ask(&channel).await.unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn requests_share_a_connection_and_have_path_query_and_host() {
        let (listener, channel) = server("/below/", IDLE_MAX).await;
        let host = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            for answer in ["2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "0\r\n\r\n"] {
                let request = read(&mut connection).await;
                assert!(request.starts_with("GET /below/api/dtmsvr/version?a=b HTTP/1.1\r\n"), "{request}");
                assert!(request.contains(&format!("host: {host}\r\n")), "{request}");
                let head = "HTTP/1.1 404 Not Found\r\nserver: x\r\ntransfer-encoding: chunked\r\n\r\n";
                connection.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
            }
        });
        let answer = ask(&channel).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["server"]), (404, &HeaderValue::from_static("x")));
        assert_eq!(answer.body(), "abc");
        assert_eq!(ask(&channel).await.unwrap().body(), "");
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_the_server_has_closed_is_not_used_again() {
        let (listener, channel) = server("", IDLE_MAX).await;
        let (closed, is_closed) = tokio::sync::oneshot::channel();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            read(&mut connection).await;
            connection.write_all(EMPTY).await.unwrap();
            drop(connection);
            closed.send(()).unwrap();
            let (mut connection, _) = listener.accept().await.unwrap();
            read(&mut connection).await;
            connection.write_all(EMPTY).await.unwrap();
        });
        ask(&channel).await.unwrap();
        is_closed.await.unwrap();
        // It has to be seen by the runtime.
        tokio::task::yield_now().await;
        ask(&channel).await.unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_was_never_sent_is_told_from_one_without_an_answer() {
        let (listener, channel) = server("", IDLE_MAX).await;
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            read(&mut connection).await;
            // And the port is closed as well.
        });
        let cut = ask(&channel).await.unwrap_err();
        assert!(matches!(cut, ChannelError::NoAnswer(_)), "{cut:?}");
        server.await.unwrap();
        let refused = ask(&channel).await.unwrap_err();
        assert!(matches!(refused, ChannelError::NotSent(_)), "{refused:?}");
    }

    #[tokio::test]
    async fn no_answer_is_waited_for_longer_than_the_timeout() {
        let (listener, channel) = server("", IDLE_MAX).await;
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            read(&mut connection).await;
            // From here on nothing happens but the time that passes.
            tokio::time::pause();
            std::future::pending::<()>().await;
        });
        let late = ask(&channel).await.unwrap_err();
        assert!(matches!(late, ChannelError::NoAnswer(_)), "{late:?}");
    }
}
