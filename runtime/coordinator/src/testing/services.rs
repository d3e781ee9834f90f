//! The services of a test, in place of a network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use branchwire_protocol::client::{Channel, ChannelError};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Request;
use tower::ServiceExt as _;

use crate::transport::{Call, CallError, Response, Transport};

/// The longest call of a client: it has a timeout of its own.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(1);

/// The services that a test coordinator calls, by the beginning of their addresses. Clones are the same services.
#[derive(Debug, Clone, Default)]
pub struct Services {
    hosts: Arc<Mutex<HashMap<String, Host>>>,
}

#[derive(Debug, Clone)]
struct Host {
    router: Router,
    down: bool,
    loses_answers: bool,
}

impl Services {
    /// Lets `router` answer what is called at `origin`, such as `http://bank-b` or `http://bank-b:8080`.
    pub fn host(&self, origin: &str, router: Router) {
        self.lock().insert(origin.trim_end_matches('/').to_owned(), Host { router, down: false, loses_answers: false });
    }

    /// Lets the services at `origin` give no answer, or answer again. Without effect if there are none.
    pub fn down(&self, origin: &str, down: bool) {
        if let Some(host) = self.lock().get_mut(origin.trim_end_matches('/')) {
            host.down = down;
        }
    }

    /// Lets the services at `origin` do what they are called for and their answers get lost, or no longer. Without effect if
    /// there are none.
    ///
    /// This is the case for which there are barriers: a branch is applied, and the coordinator has to call it again.
    pub fn lose_answers(&self, origin: &str, lose: bool) {
        if let Some(host) = self.lock().get_mut(origin.trim_end_matches('/')) {
            host.loses_answers = lose;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Services {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
        let origin = call.url.origin().ascii_serialization();
        let host = self.lock().get(&origin).cloned();
        async move {
            let host =
                host.filter(|host| !host.down).ok_or_else(|| CallError::NoResponse(format!("{origin} is down")))?;
            let mut request = Request::builder().method(call.method).uri(call.url.as_str());
            request = request.header("content-type", "application/json");
            for (name, value) in call.headers {
                request = request.header(name, value);
            }
            let request =
                request.body(Body::from(call.body)).map_err(|error| CallError::NoResponse(error.to_string()))?;
            let answer = async {
                let response = match host.router.oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                if host.loses_answers {
                    return Err(CallError::NoResponse("the answer was lost, as the test wants".to_owned()));
                }
                let (parts, body) = response.into_parts();
                let body =
                    to_bytes(body, usize::MAX).await.map_err(|error| CallError::NoResponse(error.to_string()))?;
                Ok(Response { status: parts.status.as_u16(), body })
            };
            tokio::time::timeout(call.timeout, answer)
                .await
                .map_err(|_| CallError::NoResponse("too slow".to_owned()))?
        }
        .boxed()
    }
}

/// How clients call branches themselves: the tries of a TCC.
impl Channel for Services {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, ChannelError>> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.iter().filter(|(name, _)| **name != http::header::CONTENT_TYPE);
        let headers = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
        let url = parts.uri.to_string().parse();
        let call = url.map(|url| Call {
            method: parts.method,
            url,
            headers: headers.collect(),
            body,
            timeout: CLIENT_TIMEOUT,
            turn_timeout: CLIENT_TIMEOUT,
        });
        async move {
            let call = call.map_err(|error| ChannelError::NotSent(error.into()))?;
            let Response { status, body } =
                self.call(call).await.map_err(|error| ChannelError::NoAnswer(error.into()))?;
            let mut response = http::Response::new(body);
            *response.status_mut() = status.try_into().map_err(|_| ChannelError::NoAnswer("no status".into()))?;
            Ok(response)
        }
        .boxed()
    }
}
