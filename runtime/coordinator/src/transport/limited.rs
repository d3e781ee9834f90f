//! Limits on calls in flight, in all and to one host, with fair turns for the paths of a host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Position;

use super::turns::Host;
use super::{Call, CallError, Response, Transport};

/// How many calls may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// In all.
    pub in_all: usize,
    /// To one host (name and port).
    pub per_host: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { in_all: 1024, per_host: 128 }
    }
}

/// How many hosts are kept before those without calls are removed.
const HOSTS_MAX: usize = 1_000;

/// A transport within limits.
#[derive(Debug)]
pub(crate) struct Limited {
    inner: Arc<dyn Transport>,
    limits: CallLimits,
    in_all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Limited {
    pub(crate) fn new(inner: Arc<dyn Transport>, limits: CallLimits) -> Self {
        let limits = CallLimits { in_all: limits.in_all.max(1), per_host: limits.per_host.max(1) };
        Self { inner, limits, in_all: Arc::new(Semaphore::new(limits.in_all)), hosts: Mutex::default() }
    }

    fn host(&self, call: &Call) -> Arc<Host> {
        let name = &call.url[Position::BeforeHost..Position::AfterPort];
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return host.clone();
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let host = Arc::new(Host::new(self.limits.per_host));
        hosts.insert(name.to_owned(), host.clone());
        host
    }
}

impl Transport for Limited {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
        let (host, in_all, inner) = (self.host(&call), self.in_all.clone(), self.inner.clone());
        async move {
            let until = Instant::now() + call.turn_timeout;
            let _turn =
                host.turn(call.url.path(), until).await.map_err(|error| CallError::NotMade(error.to_string()))?;
            let Ok(Ok(_all)) = tokio::time::timeout_at(until, in_all.acquire()).await else {
                return Err(CallError::NotMade("too many calls are in flight to all hosts".to_owned()));
            };
            inner.call(call).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use url::Url;

    use super::*;

    /// Never answers on the host `hangs`.
    #[derive(Debug)]
    struct HangingHost;

    impl Transport for HangingHost {
        fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
            async move {
                if call.url.host_str() == Some("hangs") {
                    tokio::time::sleep(call.timeout).await;
                    return Err(CallError::NoResponse("timeout".to_owned()));
                }
                Ok(Response { status: 200, body: Bytes::new() })
            }
            .boxed()
        }
    }

    fn call(url: &str) -> Call {
        Call {
            method: http::Method::POST,
            url: Url::parse(url).unwrap(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: Duration::from_secs(3),
            turn_timeout: Duration::from_secs(3),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_host_delays_only_its_own_calls() {
        let limited = Limited::new(Arc::new(HangingHost), CallLimits { in_all: 3, per_host: 2 });
        let hanging: Vec<_> = (0..10).map(|_| tokio::spawn(limited.call(call("http://hangs/in")))).collect();
        tokio::task::yield_now().await;
        let start = tokio::time::Instant::now();
        assert_eq!(limited.call(call("http://works/in")).await.map(|response| response.status), Ok(200));
        let refused = limited.call(call("http://hangs/in")).await.unwrap_err();
        assert!(matches!(refused, CallError::NotMade(_)), "{refused}");
        assert_eq!(start.elapsed(), Duration::ZERO, "neither waited");
        for call in hanging {
            assert!(call.await.unwrap().is_err());
        }
    }
}
