//! A coordinator for tests of a service: in the test's own process, with a clock that the test moves.
//!
//! It is the real coordinator, on a SQLite file of its own. Routers take the place of the network ([`Services`]), the test moves
//! the time itself, and [`TestDatabase`] gives each service an empty database. A test can do to a message what a network and a
//! crash do: a service is down, an answer is lost, a submit is lost, the coordinator starts again.
//!
//! ```
//! use branchwire::{barrier, prelude::*};
//! use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};
//! use branchwire::protocol::Status;
//!
//! #[derive(Clone, Database)]
//! pub struct Orders(sqlx::SqlitePool);
//! #[derive(Clone, Database)]
//! pub struct Stock(sqlx::SqlitePool);
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! pub struct Reserve {
//!     pub pieces: i64,
//! }
//!
//! #[branchwire::service("/api/stock")]
//! pub mod stock {
//!     use super::*;
//!
//!     /// Takes pieces off the shelf.
//!     #[msg_branch]
//!     pub async fn reserve(tx: &mut Tx<Stock>, req: Reserve) -> Result<(), Retry> {
//!         sqlx::query("UPDATE shelf SET pieces = pieces - ?").bind(req.pieces).execute(&mut *tx).await?;
//!         Ok(())
//!     }
//! }
//!
//! #[branchwire::service("/api/orders")]
//! pub mod orders {
//!     use super::*;
//!
//!     /// Has the order been placed?
//!     #[query_prepared]
//!     pub fn placed(db: Orders);
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let [orders_db, stock_db] = TestDatabase::sqlite().await;
//! let (orders_db, stock_db) = (Orders(orders_db.pool()), Stock(stock_db.pool()));
//! barrier::set_up(&orders_db).await?;
//! barrier::set_up(&stock_db).await?;
//! sqlx::raw_sql("CREATE TABLE placed (pieces INTEGER)").execute(&orders_db.0).await?;
//! sqlx::raw_sql("CREATE TABLE shelf (pieces INTEGER); INSERT INTO shelf VALUES (10)").execute(&stock_db.0).await?;
//!
//! let services = Services::default();
//! services.host("http://orders", orders::router().with_state(orders_db.clone()));
//! services.host("http://stock", stock::router().with_state(stock_db.clone()));
//! let coordinator = TestCoordinator::start(services.clone()).await;
//! let client: Client = coordinator.client();
//! let (orders, stock) = (orders::at("http://orders")?, stock::at("http://stock")?);
//!
//! // The stock is reserved, and its answer is lost on the way. The coordinator calls again.
//! services.lose_answers("http://stock", true);
//! let placed = client
//!     .msg(stock.reserve(&Reserve { pieces: 3 }))
//!     .wait_result()
//!     .do_and_submit(orders.placed(), &orders_db, async |tx| {
//!         sqlx::query("INSERT INTO placed VALUES (3)").execute(&mut *tx).await.map(drop)
//!     })
//!     .await?;
//! assert!(matches!(placed, Done::Submitted { finished: false, .. }));
//! services.lose_answers("http://stock", false);
//! coordinator.ask_now(placed.gid()).await;
//! assert_eq!(coordinator.wait(placed.gid()).await, Status::Succeed);
//!
//! // It was called twice, and has reserved once.
//! assert_eq!(sqlx::query_scalar::<_, i64>("SELECT pieces FROM shelf").fetch_one(&stock_db.0).await?, 7);
//! # coordinator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Whoever signs starts it as the program is started with keys:
//!
//! ```
//! # use branchwire_coordinator::testing::{Services, TestCoordinator};
//! # async fn start(services: Services) -> Result<(), Box<dyn std::error::Error>> {
//! let keys: branchwire::auth::Keys = "2026-12:0123456789abcdef0123456789abcdef".parse()?;
//! let signs = keys.clone();
//! let coordinator = TestCoordinator::start_with(services, move |builder| builder.sign_calls(signs.clone())).await;
//! // A client calls the tries of its TCCs itself, so there it signs as well.
//! let client = coordinator.client::<branchwire::Client>().sign_messages(keys);
//! # Ok(())
//! # }
//! ```

mod database;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
mod services;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use branchwire_protocol::client::{Channel, ChannelError, Client};
use branchwire_protocol::{Gid, Status};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};

pub use self::database::TestDatabase;
pub use self::services::Services;
use crate::Coordinator;
use crate::clock::Clock;
use crate::coordinator::Builder;
use crate::in_process::InProcess;

/// How long a test waits in real time: only a faulty test takes longer.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How often a status is read.
const LOOK: Duration = Duration::from_millis(2);

/// Requests to whichever coordinator runs at present, unless they are to be lost.
#[derive(Debug, Clone)]
struct Line {
    coordinator: Arc<Mutex<InProcess>>,
    lose_submits: Arc<AtomicBool>,
    lose_answers: Arc<AtomicBool>,
    down: Arc<AtomicBool>,
    submits: Arc<AtomicU64>,
}

impl Channel for Line {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let is_submit = request.uri().path().ends_with("/submit");
        if self.down.load(Ordering::SeqCst) {
            return futures_util::future::ready(Err(ChannelError::NotSent("the coordinator is down".into()))).boxed();
        }
        self.submits.fetch_add(u64::from(is_submit), Ordering::SeqCst);
        let lost = || ChannelError::NoAnswer("the test lost this request, or its answer".into());
        if is_submit && self.lose_submits.load(Ordering::SeqCst) {
            return futures_util::future::ready(Err(lost())).boxed();
        }
        let lose_answer = self.lose_answers.load(Ordering::SeqCst);
        let coordinator = self.coordinator.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            let answer = coordinator.exchange(request).await;
            if lose_answer { Err(lost()) } else { answer }
        }
        .boxed()
    }
}

/// A coordinator for one test.
#[must_use = "stop it at the end: that removes its file"]
pub struct TestCoordinator {
    /// `None` only while it is replaced.
    coordinator: Option<Coordinator>,
    world: World,
    line: Line,
}

/// What a coordinator finds again when it is restarted.
struct World {
    services: Services,
    configure: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
    clock: Clock,
    file: PathBuf,
}

impl TestCoordinator {
    /// Starts a coordinator that calls `services`.
    ///
    /// # Panics
    /// If the directory for temporary files cannot be used.
    pub async fn start(services: Services) -> Self {
        Self::start_with(services, |builder| builder).await
    }

    /// Starts one that is set up as `configure` says: with keys that sign its calls, with tokens, with other times.
    ///
    /// The store, the clock and the network stay those of the test. A signature has the real time, which is what services
    /// compare it with.
    ///
    /// # Panics
    /// If the directory for temporary files cannot be used, or the settings cannot.
    pub async fn start_with(
        services: Services,
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> Self {
        let file = std::env::temp_dir().join(format!("branchwire-test-{}.db", Gid::random()));
        let clock = Clock::manual(Clock::System.now());
        let world = World { services, configure: Box::new(configure), clock, file };
        let coordinator = world.start().await;
        let line = Line {
            coordinator: Arc::new(Mutex::new(InProcess(coordinator.router()))),
            lose_submits: Arc::default(),
            lose_answers: Arc::default(),
            down: Arc::default(),
            submits: Arc::default(),
        };
        Self { coordinator: Some(coordinator), world, line }
    }

    /// A client; it also works after restarts.
    ///
    /// The type is the caller's choice: `branchwire::Client` for the patterns, [`Client`] for the HTTP API alone. So it is named:
    /// `let client: branchwire::Client = coordinator.client();`, or `coordinator.client::<branchwire::Client>().msg(..)`.
    pub fn client<C: From<Client>>(&self) -> C {
        Client::with_channel(self.line.clone()).with_branches(self.world.services.clone()).into()
    }

    /// Whether to lose the submits that clients send from now on, as a network may.
    pub fn lose_submits(&self, lose: bool) {
        self.line.lose_submits.store(lose, Ordering::SeqCst);
    }

    /// Whether clients cannot reach it from now on. It goes on with what it has.
    pub fn down(&self, down: bool) {
        self.line.down.store(down, Ordering::SeqCst);
    }

    /// Whether to carry out the requests that clients send from now on, and to lose the answers.
    pub fn lose_answers(&self, lose: bool) {
        self.line.lose_answers.store(lose, Ordering::SeqCst);
    }

    /// How many submits clients have sent so far; those that were lost count as well.
    pub fn submits(&self) -> u64 {
        self.line.submits.load(Ordering::SeqCst)
    }

    /// Lets time pass. Transactions that become due run.
    pub fn advance(&self, time: Duration) {
        self.world.clock.advance(time);
        self.running().look_now();
    }

    /// Makes a transaction due: query-prepared is asked, or the branches that are not done are called. If it is being run at
    /// this moment, that run ends first.
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
        let coordinator = self.world.start().await;
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
        let Ok(status) = tokio::time::timeout(WAIT_MAX, ended).await else {
            let status = self.status(gid).await;
            panic!("{gid} is still {status:?}: is it due (`advance`, `ask_now`), and does all that it calls answer?")
        };
        status
    }

    /// Stops it, and removes its file.
    pub async fn stop(self) {
        if let Some(coordinator) = self.coordinator {
            coordinator.stop().await;
        }
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let mut file = self.world.file.clone().into_os_string();
            file.push(suffix);
            // A file that does not exist need not be removed.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl World {
    async fn start(&self) -> Coordinator {
        let store = format!("sqlite://{}", self.file.display());
        let mut builder = (self.configure)(Coordinator::builder()).store(store);
        builder.transport = Some(Arc::new(self.services.clone()));
        builder.clock = self.clock.clone();
        builder.start().await.expect("a coordinator on a new file")
    }
}
