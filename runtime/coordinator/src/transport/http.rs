//! Calls by HTTP, over connections that are kept.
//!
//! A 307 or 308 is followed: such a redirect asks for the same request at another address, as frameworks and proxies do
//! about a slash at the end. Other redirects ask for a GET, which would not be the same call: they are no answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::redirect::{Attempt, Policy};

use super::networks::{Networks, Refused, Resolver};
use super::{Call, CallError, Response, Transport};

/// How much of an answer is read. The words that count stand in it, or it is no answer of a branch.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How many redirects of one call are followed.
const REDIRECTS_MAX: usize = 5;

/// How long a connection without calls is kept. Shorter than the five seconds after which some servers close it.
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
    /// If the system gives no HTTP client (no store of certificates, say).
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
            // Branches are inside the network; a proxy meant for going outside would only be in the way.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(networks.clone())))
            .build()
            .map_err(|error| CallError::NoResponse(with_causes(&error)))?;
        Ok(Self { client, networks })
    }
}

impl Transport for HttpTransport {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
        let client = self.client.clone();
        // An address that needs no resolver does not meet ours.
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
            let mut response = request.send().await.map_err(|error| CallError::NoResponse(with_causes(&error)))?;
            if response.status().is_redirection() {
                let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes).unwrap_or_default();
                let location = String::from_utf8_lossy(location);
                tracing::warn!(url = %response.url(), status = %response.status(), %location, "a redirect is not followed");
            }
            let status = response.status().as_u16();
            let first = response.chunk().await.map_err(|error| CallError::NoResponse(with_causes(&error)))?.unwrap_or_default();
            let body = rest(&mut response, first).await?;
            Ok(Response { status, body })
        }
        .boxed()
    }
}

/// Whether a redirect is followed: it keeps the method and the body, leads where calls are allowed, and not from `https`
/// to `http`.
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
    while let Some(chunk) = response.chunk().await.map_err(|error| CallError::NoResponse(with_causes(&error)))? {
        let all = all.get_or_insert_with(|| BytesMut::from(first.as_ref()));
        if all.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(CallError::NoResponse(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.map_or(first, BytesMut::freeze))
}

/// What cannot be a header is left out: it was checked when it came in, and a stored row must not stop for it.
fn headers(pairs: Vec<(String, String)>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(pairs.len() + 1);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in pairs {
        if let (Ok(header), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(value)) {
            headers.insert(header, value);
        } else {
            tracing::warn!(name, "a branch header that is none was left out");
        }
    }
    headers
}

/// The error with what caused it: reqwest's own text says little more than that there was one.
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
