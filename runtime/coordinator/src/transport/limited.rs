//! Limits on calls in flight, in all and to one host, with fair turns for the paths of a host.

use std::borrow::Cow;
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

/// One in this many places is for hosts that have no other call in flight.
const SPARE_OF: usize = 8;

/// How many hosts are kept before those without calls are removed.
const HOSTS_MAX: usize = 1_000;

/// A transport within limits.
#[derive(Debug)]
pub(crate) struct Limited {
    inner: Arc<dyn Transport>,
    limits: CallLimits,
    in_all: Arc<Semaphore>,
    /// Places for hosts that have no other call in flight: hosts that hang do not take them all.
    spare: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Limited {
    pub(crate) fn new(inner: Arc<dyn Transport>, limits: CallLimits) -> Self {
        let limits = CallLimits { in_all: limits.in_all.max(1), per_host: limits.per_host.max(1) };
        let spare = if limits.in_all > 1 { (limits.in_all / SPARE_OF).max(1) } else { 0 };
        let semaphore = |places| Arc::new(Semaphore::new(places));
        let (in_all, spare) = (semaphore(limits.in_all - spare), semaphore(spare));
        Self { inner, limits, in_all, spare, hosts: Mutex::default() }
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
        let (host, inner) = (self.host(&call), self.inner.clone());
        let (in_all, spare) = (self.in_all.clone(), self.spare.clone());
        async move {
            let until = Instant::now() + call.turn_timeout;
            let turn = host.turn(&route(call.url.path()), until).await;
            let turn = turn.map_err(|error| CallError::NotMade(error.to_string()))?;
            let place = async {
                if !turn.is_alone() {
                    return in_all.acquire().await;
                }
                tokio::select! {
                    biased;
                    place = in_all.acquire() => place,
                    place = spare.acquire() => place,
                }
            };
            let Ok(Ok(_place)) = tokio::time::timeout_at(until, place).await else {
                return Err(CallError::NotMade("too many calls are in flight to all hosts".to_owned()));
            };
            inner.call(call).await
        }
        .boxed()
    }
}

/// A path without what names a single thing: each part with a digit counts as the same. So calls to `/orders/17` and to
/// `/orders/18` share their turns, and hang together.
fn route(path: &str) -> Cow<'_, str> {
    let has_digit = |part: &str| part.bytes().any(|byte| byte.is_ascii_digit());
    if !has_digit(path) {
        return Cow::Borrowed(path);
    }
    let parts = path.split('/').map(|part| if has_digit(part) { "*" } else { part });
    Cow::Owned(parts.collect::<Vec<_>>().join("/"))
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

    #[test]
    fn f07_addresses_that_differ_only_in_what_they_name_share_their_turns() {
        for (path, expected) in [
            ("/api/bank/in", "/api/bank/in"),
            ("/orders/17", "/orders/*"),
            ("/orders/17/pay", "/orders/*/pay"),
            ("/orders/3f2a-9c/", "/orders/*/"),
            ("/", "/"),
        ] {
            assert_eq!(route(path), expected);
        }
    }

    /// Never answers on a host whose name begins with `hangs`.
    #[derive(Debug)]
    struct HangingHosts;

    impl Transport for HangingHosts {
        fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
            async move {
                if call.url.host_str().is_some_and(|host| host.starts_with("hangs")) {
                    std::future::pending::<()>().await;
                }
                Ok(Response { status: 200, body: Bytes::new() })
            }
            .boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn f07_many_hanging_hosts_leave_places_to_the_others() {
        let limited = Limited::new(Arc::new(HangingHosts), CallLimits { in_all: 64, per_host: 16 });
        for host in 0..6 {
            for _ in 0..16 {
                tokio::spawn(limited.call(call(&format!("http://hangs{host}/in"))));
            }
        }
        tokio::task::yield_now().await;
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(limited.call(call("http://works/in")).await.map(|response| response.status), Ok(200));
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "none has waited");
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
