//! The branches: a server that only notes which branch is called.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Failure;

/// The host of all branches, and the calls that it has seen.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    address: SocketAddr,
    expected: Arc<Mutex<HashMap<String, Expected>>>,
}

/// A message whose branches have not all been called.
#[derive(Debug)]
struct Expected {
    /// The branches that are still to be called, one bit each.
    missing: u64,
    done: oneshot::Sender<()>,
}

impl Host {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn serve() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = Self { address: listener.local_addr()?, expected: Arc::default() };
        tokio::spawn(host.clone().accept(listener));
        Ok(host)
    }

    /// Its address.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The address of every branch.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/branch", self.address)
    }

    /// Waits for the branches 01 to `branches` of a message.
    pub(crate) fn expect(&self, gid: &str, branches: usize) -> oneshot::Receiver<()> {
        let (done, called) = oneshot::channel();
        let missing = u64::MAX >> (64 - branches.clamp(1, 64));
        self.expected().insert(gid.to_owned(), Expected { missing, done });
        called
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            // If this fails, the answers are only later.
            let _ = stream.set_nodelay(true);
            let host = self.clone();
            let service = service_fn(move |request| host.clone().branch(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn branch(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        self.called(request.uri().query().unwrap_or_default());
        // Read the body to its end, so that the connection can be kept.
        let _ = request.into_body().collect().await;
        Ok(Response::new(Full::new(Bytes::from_static(br#"{"dtm_result":"SUCCESS"}"#))))
    }

    fn called(&self, query: &str) {
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let (Some(gid), Some(branch_id)) = (value("gid"), value("branch_id")) else { return };
        // The client itself calls a try, before the calls that end the TCC.
        if value("op") == Some("try") {
            return;
        }
        let mut expected = self.expected();
        let Some(message) = expected.get_mut(gid) else { return };
        let number: u32 = branch_id.parse().unwrap_or(0);
        message.missing &= !1_u64.checked_shl(number.wrapping_sub(1)).unwrap_or(0);
        if message.missing == 0
            && let Some(message) = expected.remove(gid)
        {
            // The receiver is gone only after an error.
            let _ = message.done.send(());
        }
    }

    fn expected(&self) -> std::sync::MutexGuard<'_, HashMap<String, Expected>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
