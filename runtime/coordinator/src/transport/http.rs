//! Calls by HTTP, over kept-alive connections.
//!
//! A 307 or 308 is followed: it asks for the same request at another address, as frameworks and proxies do for a
//! missing slash at the end. Other redirects ask for a GET, which would not be the same call: they are not followed,
//! and count as an unknown answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::redirect::{Attempt, Policy};

use super::networks::{Networks, Refused, Resolver};
use super::{Call, CallError, Response, Transport, host_and_path};

/// The longest response that is read, in bytes. A branch's response has the deciding words within it.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How many redirects of one call are followed.
const REDIRECTS_MAX: usize = 5;

/// How long an idle connection is kept. Less than the five seconds after which some servers close it.
const IDLE: Duration = Duration::from_secs(4);

/// The real network.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    networks: Networks,
}

impl HttpTransport {
    /// A transport that keeps connections open between calls, and calls only what these networks allow.
    ///
    /// # Errors
    /// If no HTTP client can be created (because there is no store of certificates, for example).
    pub fn new(networks: Networks) -> Result<Self, CallError> {
        let allowed = networks.clone();
        let client = reqwest::Client::builder()
            .redirect(Policy::custom(
                move |attempt| {
                    if follows(&attempt, &allowed) { attempt.follow() } else { attempt.stop() }
                },
            ))
            .referer(false)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            // Branches are inside the network; the system's proxy is meant for outside.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(networks.clone())))
            .build()
            .map_err(no_response)?;
        Ok(Self { client, networks })
    }
}

impl Transport for HttpTransport {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
        let client = self.client.clone();
        // A literal IP address does not pass through our resolver, so it is checked here.
        let allowed = self.networks.allow_url(&call.url);
        async move {
            if !allowed {
                return Err(CallError::NoResponse(with_causes(&Refused)));
            }
            let request = client
                .request(call.method, call.url)
                .headers(headers(call.headers))
                .timeout(call.timeout)
                .body(call.body);
            let mut response = request.send().await.map_err(no_response)?;
            if response.status().is_redirection() {
                let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes).unwrap_or_default();
                let location = String::from_utf8_lossy(location);
                // Without the queries, in which a client may have put anything.
                let location = location.split(['?', '#']).next().unwrap_or_default();
                let (host, path) = host_and_path(response.url().as_str());
                tracing::warn!(
                    host,
                    path,
                    http_status = response.status().as_u16(),
                    location,
                    "a redirect is not followed"
                );
            }
            let status = response.status().as_u16();
            let first = response.chunk().await.map_err(no_response)?.unwrap_or_default();
            let body = rest(&mut response, first).await?;
            Ok(Response { status, body })
        }
        .boxed()
    }
}

/// Whether a redirect is followed: only if it keeps the method and the body, its address is allowed, and it does not
/// lead from `https` to `http`.
fn follows(attempt: &Attempt<'_>, networks: &Networks) -> bool {
    let [.., from] = attempt.previous() else { return false };
    matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
        && attempt.previous().len() <= REDIRECTS_MAX
        && (attempt.url().scheme() == from.scheme() || attempt.url().scheme() == "https")
        && networks.allow_url(attempt.url())
}

/// The whole body; most fit into their first chunk, which is then not copied.
async fn rest(response: &mut reqwest::Response, first: Bytes) -> Result<Bytes, CallError> {
    let mut all: Option<BytesMut> = None;
    while let Some(chunk) = response.chunk().await.map_err(no_response)? {
        let all = all.get_or_insert_with(|| BytesMut::from(first.as_ref()));
        if all.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(CallError::NoResponse(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.map_or(first, BytesMut::freeze))
}

/// An invalid header is left out: the API refuses those, and one in a stored row must not stop the transaction.
fn headers(pairs: Vec<(String, String)>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(pairs.len() + 1);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in pairs {
        if let (Ok(header), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(value)) {
            headers.insert(header, value);
        } else {
            tracing::warn!(name, "an invalid branch header was left out");
        }
    }
    headers
}

/// Its address has no query: a client may have put anything there, and the text is for the log.
fn no_response(mut error: reqwest::Error) -> CallError {
    if let Some(url) = error.url_mut() {
        url.set_query(None);
    }
    CallError::NoResponse(with_causes(&error))
}

/// The error with its causes: reqwest's own text alone says very little.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
