//! A coordinator for tests of a service: in the test's own process, with a clock that the test moves.
//!
//! It is the real coordinator, on a SQLite file of its own. Routers take the place of the network, and the test moves
//! the time itself.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::post};
//! use branchwire_protocol::client::Client;
//! use branchwire_protocol::{Gid, Status, Step, Transaction};
//! use branchwire_coordinator::testing::{Services, TestCoordinator};
//!
//! let services = Services::default();
//! services.host("http://bank-b", Router::new().route("/in", post(async || "")));
//! let mut coordinator = TestCoordinator::start(services.clone()).await;
//!
//! let gid = Gid::random();
//! let message = Transaction {
//!     gid: gid.to_string(),
//!     trans_type: "msg".to_owned(),
//!     steps: Some(vec![Step { action: "http://bank-b/in".to_owned(), ..Step::default() }]),
//!     payloads: Some(vec!["{}".to_owned()]),
//!     ..Transaction::default()
//! };
//! services.down("http://bank-b", true);
//! coordinator.client::<Client>().submit(&message).await?;
//! coordinator.restart().await;
//! services.down("http://bank-b", false);
//! coordinator.ask_now(&gid).await;
//! assert_eq!(coordinator.wait(&gid).await, Status::Succeed);
//! # coordinator.stop().await;
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use branchwire_protocol::client::{Channel, ChannelError, Client};
use branchwire_protocol::{Gid, Status};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::ServiceExt as _;

use crate::Coordinator;
use crate::clock::Clock;
use crate::in_process::InProcess;
use crate::transport::{Call, CallError, Response as BranchResponse, Transport};

/// How long a test waits in real time: only a faulty test takes longer.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How often a status is read.
const LOOK: Duration = Duration::from_millis(2);

/// The services that a test coordinator calls, by their origins. Clones are the same services.
#[derive(Debug, Clone, Default)]
pub struct Services {
    hosts: Arc<Mutex<HashMap<String, Host>>>,
}

#[derive(Debug, Clone)]
struct Host {
    router: Router,
    down: bool,
}

impl Services {
    /// Lets `router` answer the calls to `origin`, such as `http://bank-b` or `http://bank-b:8080`.
    pub fn host(&self, origin: &str, router: Router) {
        self.lock().insert(origin.trim_end_matches('/').to_owned(), Host { router, down: false });
    }

    /// Takes the services at `origin` down, or up again. No effect if there are none.
    pub fn down(&self, origin: &str, down: bool) {
        if let Some(host) = self.lock().get_mut(origin.trim_end_matches('/')) {
            host.down = down;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Services {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<BranchResponse, CallError>> {
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
                let (parts, body) = response.into_parts();
                let body =
                    to_bytes(body, usize::MAX).await.map_err(|error| CallError::NoResponse(error.to_string()))?;
                Ok(BranchResponse { status: parts.status.as_u16(), body })
            };
            tokio::time::timeout(call.timeout, answer)
                .await
                .map_err(|_| CallError::NoResponse("too slow".to_owned()))?
        }
        .boxed()
    }
}

/// Sends requests to the present coordinator, unless the test wants to lose them.
#[derive(Debug, Clone)]
struct Line {
    coordinator: Arc<Mutex<InProcess>>,
    lose_submits: Arc<AtomicBool>,
}

impl Channel for Line {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        if self.lose_submits.load(Ordering::SeqCst) && request.uri().path().ends_with("/submit") {
            return futures_util::future::ready(Err(ChannelError::NoAnswer("the test lost this request".into())))
                .boxed();
        }
        let coordinator = self.coordinator.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move { coordinator.exchange(request).await }.boxed()
    }
}

/// A coordinator for one test.
#[must_use = "stop it at the end: that removes its file"]
pub struct TestCoordinator {
    /// `None` only while it is replaced.
    coordinator: Option<Coordinator>,
    services: Services,
    clock: Clock,
    file: PathBuf,
    line: Line,
}

impl TestCoordinator {
    /// Starts a coordinator that calls `services`.
    ///
    /// # Panics
    /// If the directory for temporary files cannot be used.
    pub async fn start(services: Services) -> Self {
        let file = std::env::temp_dir().join(format!("branchwire-test-{}.db", Gid::random()));
        let clock = Clock::manual(Clock::System.now());
        let coordinator = start(&file, &services, &clock).await;
        let line =
            Line { coordinator: Arc::new(Mutex::new(InProcess(coordinator.router()))), lose_submits: Arc::default() };
        Self { coordinator: Some(coordinator), services, clock, file, line }
    }

    /// A client; it also works after restarts.
    ///
    /// The type is the caller's choice: `branchwire::Client` for the patterns, [`Client`] for the HTTP API alone.
    pub fn client<C: From<Client>>(&self) -> C {
        Client::with_channel(self.line.clone()).into()
    }

    /// Whether to lose the submits that clients send from now on, as a network may.
    pub fn lose_submits(&self, lose: bool) {
        self.line.lose_submits.store(lose, Ordering::SeqCst);
    }

    /// Lets time pass. Transactions that become due run.
    pub fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.running().look_now();
    }

    /// Makes a transaction due: query-prepared is asked, or the branches that are not done are called.
    ///
    /// # Panics
    /// If there is no such transaction.
    pub async fn ask_now(&self, gid: &Gid) {
        self.running().make_due(gid).await.expect("a transaction of this gid");
    }

    /// Ends the coordinator, and starts another one on the same file.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        if let Some(coordinator) = self.coordinator.take() {
            coordinator.stop().await;
        }
        let coordinator = start(&self.file, &self.services, &self.clock).await;
        *self.line.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = InProcess(coordinator.router());
        self.coordinator = Some(coordinator);
    }

    fn running(&self) -> &Coordinator {
        self.coordinator.as_ref().expect("it is replaced only while nothing else is asked of it")
    }

    /// The status of a transaction; `None` if there is none with this gid.
    ///
    /// # Panics
    /// If the coordinator does not answer.
    pub async fn status(&self, gid: &Gid) -> Option<Status> {
        let seen = self.client::<Client>().query(gid).await.expect("the coordinator answers");
        seen.transaction.and_then(|transaction| transaction.status.parse().ok())
    }

    /// Waits until a transaction has ended; returns its final status.
    ///
    /// # Panics
    /// If it has not ended after ten seconds of real time: it probably waits for a time that has not come
    /// ([`advance`](Self::advance), [`ask_now`](Self::ask_now)).
    pub async fn wait(&self, gid: &Gid) -> Status {
        let ended = async {
            loop {
                match self.status(gid).await {
                    Some(status) if status.is_final() => return status,
                    _ => tokio::time::sleep(LOOK).await,
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, ended).await.expect("it is due, and all that it calls answer")
    }

    /// Stops it, and removes its file.
    pub async fn stop(self) {
        if let Some(coordinator) = self.coordinator {
            coordinator.stop().await;
        }
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let mut file = self.file.clone().into_os_string();
            file.push(suffix);
            // A file that does not exist need not be removed.
            let _ = std::fs::remove_file(file);
        }
    }
}

async fn start(file: &std::path::Path, services: &Services, clock: &Clock) -> Coordinator {
    let mut builder = Coordinator::builder().store(format!("sqlite://{}", file.display()));
    builder.transport = Some(Arc::new(services.clone()));
    builder.clock = clock.clone();
    builder.start().await.expect("a coordinator on a new file")
}
