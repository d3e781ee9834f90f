//! Signs outgoing calls.

use std::sync::Arc;

use branchwire_protocol::signature::{CALL_HEADER, Keys};
use futures_util::future::BoxFuture;

use super::{Call, CallError, Response, Transport};
use crate::clock::Clock;

/// A transport that signs each call with the time of the call, and passes it to another transport.
///
/// A service verifies with `branchwire::auth::Verify::calls`.
#[derive(Debug)]
pub struct SigningTransport {
    inner: Arc<dyn Transport>,
    keys: Keys,
    clock: Clock,
}

impl SigningTransport {
    /// Signs calls with the first of these keys; `inner` makes them.
    pub fn new(inner: Arc<dyn Transport>, keys: Keys, clock: Clock) -> Self {
        Self { inner, keys, clock }
    }
}

impl Transport for SigningTransport {
    fn call(&self, mut call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
        // A client's header of this name must not pass as our signature.
        call.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(CALL_HEADER));
        let time_s = self.clock.now().as_millis().unsigned_abs() / 1000;
        if let Some(signature) = self.keys.sign_call(&call.url, &call.body, time_s) {
            call.headers.push((CALL_HEADER.to_owned(), signature));
        }
        self.inner.call(call)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::*;
    use crate::engine::Time;

    /// Keeps the headers of the last call.
    #[derive(Debug, Default)]
    struct Keeps(Mutex<Vec<(String, String)>>);

    impl Transport for Keeps {
        fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
            *self.0.lock().unwrap() = call.headers;
            async { Ok(Response { status: 200, body: Bytes::new() }) }.boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_is_signed_at_its_own_time_whatever_the_client_wrote() {
        let keys: Keys = "k:0123456789abcdef0123456789abcdef".parse().unwrap();
        let inner = Arc::new(Keeps::default());
        let clock = Clock::tokio(Time::from_millis(1_764_000_000_500));
        let signing = SigningTransport::new(inner.clone(), keys.clone(), clock);
        let call = Call {
            method: ::http::Method::POST,
            url: "http://bank-b/in?gid=g&trans_type=msg&branch_id=01&op=action".parse().unwrap(),
            headers: [("X-User", "1"), ("Branchwire-Call-Signature", "forged")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: Bytes::from_static(b"30"),
            timeout: Duration::from_secs(3),
            turn_timeout: Duration::from_secs(3),
        };
        for time_s in [1_764_000_000, 1_764_000_060] {
            signing.call(call.clone()).await.unwrap();
            let signature = keys.sign_call(&call.url, b"30", time_s).unwrap();
            let headers = [("X-User", "1"), (CALL_HEADER, &*signature)];
            assert_eq!(*inner.0.lock().unwrap(), headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
            tokio::time::advance(Duration::from_mins(1)).await;
        }
    }
}
