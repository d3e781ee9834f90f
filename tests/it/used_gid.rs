//! Every way to begin a global transaction, under a gid that was used before in every way: what each caller is told holds.
//!
//! Over real sockets, with a coordinator of ours, or with one at a given address: a DTM server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Extension;
use branchwire::outbox::SagaSent;
use branchwire::prelude::*;
use branchwire::protocol::{Step, Transaction};
use branchwire::tcc::CallError;
use branchwire::{axum, barrier};
use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[derive(Clone, Database)]
struct Shop(sqlx::SqlitePool);

/// What a branch writes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Order {
    gid: String,
    amount: i64,
}

/// While it is set, branches fail.
#[derive(Clone, Default)]
struct Down(Arc<AtomicBool>, Arc<AtomicUsize>);

impl Down {
    fn check(&self) -> Result<(), Retry> {
        if !self.0.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.1.fetch_add(1, Ordering::SeqCst);
        Err(Retry::new("down"))
    }
}

/// More than this is refused by what may refuse.
const AMOUNT_MAX: i64 = 100;

#[branchwire::service("/shop")]
mod shop {
    use super::*;

    #[query_prepared]
    pub(super) fn placed(db: Shop);

    #[msg_branch]
    pub(super) async fn receive(tx: &mut Tx<Shop>, down: Extension<Down>, req: Order) -> Result<(), Retry> {
        down.check()?;
        Ok(write(tx, "received", &req.gid, req.amount).await?)
    }

    #[saga_action]
    pub(super) async fn book(tx: &mut Tx<Shop>, down: Extension<Down>, req: Order) -> Result<(), BranchError> {
        down.check()?;
        (req.amount <= AMOUNT_MAX).then_some(()).or_refuse("too much")?;
        Ok(write(tx, "received", &req.gid, req.amount).await?)
    }

    #[saga_compensate(of = book)]
    pub(super) async fn unbook(tx: &mut Tx<Shop>, req: Order) -> Result<(), Retry> {
        Ok(write(tx, "received", &req.gid, -req.amount).await?)
    }

    #[tcc_try]
    pub(super) async fn hold(tx: &mut Tx<Shop>, req: Order) -> Result<(), BranchError> {
        Ok(write(tx, "held", &req.gid, req.amount).await?)
    }

    #[tcc_confirm(of = hold)]
    pub(super) async fn take(tx: &mut Tx<Shop>, down: Extension<Down>, req: Order) -> Result<(), Retry> {
        down.check()?;
        write(tx, "held", &req.gid, -req.amount).await?;
        Ok(write(tx, "received", &req.gid, req.amount).await?)
    }

    #[tcc_cancel(of = hold)]
    pub(super) async fn release(tx: &mut Tx<Shop>, req: Order) -> Result<(), Retry> {
        Ok(write(tx, "held", &req.gid, -req.amount).await?)
    }
}

async fn write(tx: &mut Tx<Shop>, what: &str, gid: &str, amount: i64) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO book VALUES (?, ?, ?)";
    sqlx::query(sql).bind(what).bind(gid).bind(amount).execute(&mut *tx).await.map(drop)
}

/// A way to begin a global transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Prepared,
    PreparedWithRetries,
    Submit,
    Outbox,
    AtCommit,
    Saga,
    SagaAndWait,
    SagaByOutbox,
    Tcc,
}

use How::{AtCommit, Prepared, PreparedWithRetries, Saga, SagaAndWait, SagaByOutbox, Submit};

const ALL: [How; 9] =
    [Prepared, PreparedWithRetries, Submit, How::Outbox, AtCommit, Saga, SagaAndWait, SagaByOutbox, How::Tcc];

impl How {
    fn pattern(self) -> &'static str {
        match self {
            Prepared | PreparedWithRetries | Submit | Self::Outbox | AtCommit => "msg",
            Saga | SagaAndWait | SagaByOutbox => "saga",
            Self::Tcc => "tcc",
        }
    }

    fn has_outbox(self) -> bool {
        matches!(self, Self::Outbox | AtCommit | SagaByOutbox)
    }

    /// Whether its business can refuse, or a step of it.
    fn may_refuse(self) -> bool {
        self != Submit
    }
}

/// What a caller was told, in a word.
fn told<T, E: std::fmt::Debug>(result: &Result<Done<T>, NotDone<E>>) -> &'static str {
    match result {
        Ok(Done::Submitted { .. } | Done::Committed { .. }) => "done",
        Ok(Done::Repeated { .. }) => "repeated",
        Ok(Done::Stopped { .. }) => "stopped",
        Ok(Done::EndedEarly { .. } | Done::Unknown { .. }) => "unknown",
        Err(NotDone::NotStarted(_)) => "not started",
        Err(NotDone::InProgress { .. }) => "in progress",
        Err(NotDone::GivenUp { .. }) => "given up",
        Err(NotDone::OtherMessage { .. }) => "another",
        Err(NotDone::RolledBack(_) | NotDone::NotCommitted(_)) => "refused",
    }
}

fn told_of_saga(result: &Result<SagaDone, SagaNotDone>) -> &'static str {
    match result {
        Ok(SagaDone::Succeeded { .. } | SagaDone::Running { .. }) => "done",
        Ok(SagaDone::Unknown { .. }) => "unknown",
        Err(SagaNotDone::NotStarted(_)) => "not started",
        Err(SagaNotDone::GivenUp { .. }) => "given up",
        Err(SagaNotDone::OtherTransaction { .. }) => "another",
        Err(SagaNotDone::RolledBack { .. } | SagaNotDone::RollingBack { .. }) => "refused",
    }
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Call(#[from] CallError),
}

fn told_of_tcc(result: &Result<TccDone<()>, TccNotDone<Why>>) -> &'static str {
    match result {
        Ok(TccDone::Confirmed { .. }) => "done",
        Ok(TccDone::Repeated { .. }) => "repeated",
        Ok(TccDone::Stopped { .. }) => "stopped",
        Ok(TccDone::Unknown { .. }) => "unknown",
        Err(TccNotDone::NotStarted(_)) => "not started",
        Err(TccNotDone::GivenUp { .. }) => "given up",
        Err(TccNotDone::OtherTransaction { .. }) => "another",
        Err(TccNotDone::Cancelled { .. } | TccNotDone::CallFailed { .. } | TccNotDone::TimedOut { .. }) => "refused",
    }
}

/// A shop and a coordinator, over sockets.
struct World {
    db: Shop,
    client: Client,
    shop: shop::Remote,
    /// The address of the shop.
    own: String,
    outbox: Outbox<Shop>,
    down: Down,
    coordinator: String,
    running: Option<(oneshot::Sender<()>, JoinHandle<std::io::Result<()>>)>,
    _store: TestDatabase,
    _database: TestDatabase,
}

impl World {
    /// With a coordinator of ours on this store, or the one at this address.
    async fn open(store: TestDatabase, address: Option<String>) -> Self {
        let database = TestDatabase::sqlite();
        let db = Shop(sqlx::SqlitePool::connect(database.url()).await.unwrap());
        barrier::set_up(&db).await.unwrap();
        sqlx::raw_sql("CREATE TABLE book (what TEXT, gid TEXT, amount INTEGER)").execute(&db.0).await.unwrap();
        let down = Down::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let router = shop::router().with_state(db.clone()).layer(Extension(down.clone()));
        tokio::spawn(axum::serve(listener, router).into_future());
        let (coordinator, running) = if let Some(address) = address {
            (address, None)
        } else {
            let (address, running) = serve(&store).await;
            (address, Some(running))
        };
        let client = Client::new(&coordinator).unwrap();
        let outbox = Outbox::start(&db, &client).await.unwrap();
        let shop = shop::at(&own).unwrap();
        Self { db, client, shop, own, outbox, down, coordinator, running, _store: store, _database: database }
    }

    /// Begins it, and says in a word what the caller was told.
    async fn begin(&self, how: How, gid: &Gid, amount: i64, refuses: bool) -> &'static str {
        let Self { db, client, shop, outbox, .. } = self;
        let order = Order { gid: gid.to_string(), amount };
        let message = || client.msg(shop.receive(&order)).gid(gid.clone());
        // The step of a saga refuses, and not its local transaction.
        let step = Order { amount: if refuses { amount + AMOUNT_MAX } else { amount }, ..order.clone() };
        let saga = || client.saga(shop.book(&step)).gid(gid.clone());
        let business = async |tx: &mut Tx<Shop>| {
            write(tx, "paid", gid.as_str(), -amount).await?;
            if refuses && how.pattern() == "msg" { Err(sqlx::Error::RowNotFound) } else { Ok(()) }
        };
        match how {
            Prepared => told(&message().do_and_submit(shop.placed(), db, business).await),
            PreparedWithRetries => told(&message().do_and_submit_with_retries(shop.placed(), db, business).await),
            Submit => told(&message().submit().await),
            How::Outbox => told(&message().send_with(outbox, business).await),
            AtCommit => told(&message().send_with(&outbox.at_commit(), business).await),
            Saga => told_of_saga(&saga().submit().await),
            SagaAndWait => told_of_saga(&saga().run().await),
            SagaByOutbox => match saga().send_with(outbox, business).await {
                Ok(SagaSent::Submitted { .. } | SagaSent::Committed { .. }) => "done",
                Ok(SagaSent::Repeated { .. }) => "repeated",
                Ok(SagaSent::Stuck { .. }) => "stopped",
                Ok(SagaSent::EndedEarly { .. } | SagaSent::Unknown { .. }) => "unknown",
                Err(error) => told::<(), _>(&Err(error)),
            },
            How::Tcc => {
                let tcc = client.tcc().gid(gid.clone());
                let decided = tcc.run(async |tcc| {
                    tcc.call(shop.hold(&order)).await?;
                    if refuses { Err(Why::Refused) } else { Ok(()) }
                });
                told_of_tcc(&decided.await)
            }
        }
    }

    /// Waits until it has ended: whether it has succeeded.
    async fn ended(&self, gid: &Gid) -> bool {
        loop {
            match self.client.outcome(gid).await.unwrap() {
                Outcome::Succeeded => return true,
                Outcome::Failed { .. } => return false,
                // It was answered at the commit, and is on its way.
                _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        }
    }

    /// How often it was paid, and what was received for it in all.
    async fn books(&self, gid: &Gid) -> (i64, i64) {
        let sql = "SELECT count(*) FILTER (WHERE what = 'paid'), coalesce(sum(amount) FILTER (WHERE what != 'paid'), 0)
            FROM book WHERE gid = ?";
        sqlx::query_as(sql).bind(gid.as_str()).fetch_one(&self.db.0).await.unwrap()
    }

    /// Whether the acknowledgement is not noted in the row of the outbox yet.
    async fn is_waiting(&self, gid: &Gid) -> bool {
        let sql = "SELECT count(*) FROM branchwire_outbox WHERE gid = ? AND state = 'waiting'";
        sqlx::query_scalar::<_, i64>(sql).bind(gid.as_str()).fetch_one(&self.db.0).await.unwrap() > 0
    }

    /// As a sender that dies once it has prepared.
    async fn prepare(&self, pattern: &str, gid: &Gid, amount: i64) {
        let mut prepared =
            Transaction { gid: gid.to_string(), trans_type: pattern.to_owned(), ..Transaction::default() };
        if pattern == "msg" {
            let order = serde_json::to_string(&Order { gid: gid.to_string(), amount }).unwrap();
            let action = format!("{}/shop/receive", self.own);
            prepared.steps = Some(vec![Step { action, ..Step::default() }]);
            prepared.payloads = Some(vec![order]);
            prepared.query_prepared = format!("{}/shop/placed", self.own);
        }
        self.client.prepare(&prepared).await.unwrap();
    }

    /// An administrator ends it by force.
    async fn force_stop(&self, gid: &Gid) {
        let stop = reqwest::Client::new().post(format!("{}/api/dtmsvr/forceStop", self.coordinator));
        let answer = stop.json(&serde_json::json!({ "gid": gid })).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    }

    async fn close(self) {
        self.outbox.stop().await;
        if let Some((stop, serving)) = self.running {
            drop(stop);
            serving.await.unwrap().unwrap();
        }
    }
}

/// A coordinator of ours on this store, at a free port.
async fn serve(store: &TestDatabase) -> (String, (oneshot::Sender<()>, JoinHandle<std::io::Result<()>>)) {
    let coordinator = Coordinator::builder().store(store.url()).start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(coordinator.serve(listener, async move { drop(stopped.await) }));
    (address, (stop, serving))
}

/// After its end: the same again, then another amount, then another pattern.
async fn after_the_end(world: &World) {
    for how in ALL {
        let gid = Gid::random();
        assert_eq!(world.begin(how, &gid, 30, false).await, "done", "{how:?}");
        assert!(world.ended(&gid).await, "{how:?}");
        let pays = i64::from(how != Submit && !matches!(how, Saga | SagaAndWait | How::Tcc));
        let again = if matches!(how, Saga | SagaAndWait) { "done" } else { "repeated" };
        assert_eq!(world.begin(how, &gid, 30, false).await, again, "{how:?}");
        // What a TCC's closure would call is not known before it runs.
        let other_amount = if how == How::Tcc { "repeated" } else { "another" };
        assert_eq!(world.begin(how, &gid, 31, false).await, other_amount, "{how:?}");
        // An outbox does not know the gids of others.
        for other in ALL.into_iter().filter(|other| !other.has_outbox() || how.has_outbox()) {
            let expected = match other.pattern() == how.pattern() {
                true if matches!(other, Saga | SagaAndWait) => "done",
                true => "repeated",
                false => "another",
            };
            assert_eq!(world.begin(other, &gid, 30, false).await, expected, "{other:?} after {how:?}");
        }
        assert_eq!(world.books(&gid).await, (pays, 30), "{how:?}");
    }
}

/// The business, or a step, has refused.
async fn after_a_refusal(world: &World) {
    for how in ALL.into_iter().filter(|how| how.may_refuse()) {
        let gid = Gid::random();
        let refused = world.begin(how, &gid, 30, true).await;
        // A saga that nobody waits for is refused later.
        let is_told = !matches!(how, Saga | SagaByOutbox);
        assert_eq!(refused, if is_told { "refused" } else { "done" }, "{how:?}");
        match how {
            // Nothing was written.
            How::Outbox | AtCommit => {
                assert_eq!(world.begin(how, &gid, 30, false).await, "done", "{how:?}");
                assert!(world.ended(&gid).await, "{how:?}");
                assert_eq!(world.books(&gid).await, (1, 30), "{how:?}");
            }
            // Its local transaction has committed.
            SagaByOutbox => {
                assert!(!world.ended(&gid).await);
                assert_eq!(world.begin(how, &gid, 30, true).await, "repeated", "{how:?}");
                assert_eq!(world.books(&gid).await, (1, 0), "{how:?}");
            }
            _ => {
                assert!(!world.ended(&gid).await, "{how:?}");
                // A saga with another amount is another one.
                let same = how.pattern() == "saga";
                assert_eq!(world.begin(how, &gid, 30, same).await, "given up", "{how:?}");
                assert_eq!(world.books(&gid).await, (0, 0), "{how:?}");
            }
        }
    }
}

/// A sender died after its prepare.
async fn after_a_prepare(world: &World) {
    for pattern in ["msg", "tcc"] {
        for how in ALL.into_iter().filter(|how| !how.has_outbox()) {
            let gid = Gid::random();
            world.prepare(pattern, &gid, 30).await;
            let expected = if how.pattern() == pattern { "done" } else { "another" };
            if pattern == "msg" && how.pattern() == pattern {
                // First another message, which must not carry out the first one.
                assert_eq!(world.begin(how, &gid, 31, false).await, "another", "{how:?} after {pattern}");
                assert_eq!(world.books(&gid).await, (0, 0), "{how:?} after {pattern}");
            }
            assert_eq!(world.begin(how, &gid, 30, false).await, expected, "{how:?} after {pattern}");
            let applied = if expected == "done" && world.ended(&gid).await { 30 } else { 0 };
            assert_eq!(world.books(&gid).await.1, applied, "{how:?} after {pattern}");
        }
    }
    // It died before it committed, and query-prepared has given it up.
    for how in [Prepared, PreparedWithRetries] {
        let gid = Gid::random();
        world.prepare("msg", &gid, 30).await;
        barrier::query_prepared(&world.db, &gid).await.unwrap();
        assert_eq!(world.begin(how, &gid, 30, false).await, "given up", "{how:?}");
        assert_eq!(world.books(&gid).await, (0, 0), "{how:?}");
    }
}

/// An administrator has ended it by force, after its submit.
async fn after_a_stop(world: &World) {
    for how in ALL {
        let gid = Gid::random();
        world.down.1.store(0, Ordering::SeqCst);
        world.down.0.store(true, Ordering::SeqCst);
        assert_eq!(world.begin(how, &gid, 30, false).await, "done", "{how:?}");
        loop {
            let seen = world.client.query(&gid).await.unwrap().transaction;
            // A DTM server whose run goes on would write its end over the stop.
            let was_called = world.down.1.load(Ordering::SeqCst) > 0;
            if was_called && seen.is_some_and(|seen| seen.status == "submitted") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        while how.has_outbox() && world.is_waiting(&gid).await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        world.force_stop(&gid).await;
        world.down.0.store(false, Ordering::SeqCst);
        let expected = match how {
            // It was rolled back, as far as its status shows.
            Saga | SagaAndWait => "given up",
            SagaByOutbox => "repeated",
            _ => "stopped",
        };
        assert_eq!(world.begin(how, &gid, 30, false).await, expected, "{how:?}");
    }
}

async fn all_is_told_truthfully(world: World) {
    after_the_end(&world).await;
    after_a_refusal(&world).await;
    after_a_prepare(&world).await;
    after_a_stop(&world).await;
    world.close().await;
}

#[tokio::test]
async fn whoever_uses_a_gid_again_is_told_the_truth_by_a_coordinator_on_sqlite() {
    all_is_told_truthfully(World::open(TestDatabase::sqlite(), None).await).await;
}

#[tokio::test]
async fn whoever_uses_a_gid_again_is_told_the_truth_by_a_coordinator_on_postgresql() {
    let Some(store) = TestDatabase::postgres().await else { return };
    all_is_told_truthfully(World::open(store, None).await).await;
}

/// On demand only: it needs the address of a server.
#[tokio::test]
async fn whoever_uses_a_gid_again_is_told_the_truth_under_a_server_at_a_given_address() {
    if let Ok(address) = std::env::var("CONFORMANCE_COORDINATOR") {
        all_is_told_truthfully(World::open(TestDatabase::sqlite(), Some(address)).await).await;
    }
}

/// The coordinators have forgotten everything; the barrier rows and the outbox rows are there.
#[tokio::test]
async fn what_the_coordinators_have_forgotten_is_applied_once_and_told_truthfully() {
    let mut world = World::open(TestDatabase::sqlite(), None).await;
    let mut before = Vec::new();
    for how in ALL {
        for refuses in [false, true] {
            if refuses && !how.may_refuse() {
                continue;
            }
            let gid = Gid::random();
            world.begin(how, &gid, 30, refuses).await;
            if !refuses || !matches!(how, How::Outbox | AtCommit) {
                assert_eq!(world.ended(&gid).await, !refuses, "{how:?}");
            }
            before.push((how, gid.clone(), refuses, world.books(&gid).await));
        }
    }
    // Another one, which knows nothing. The outbox of the world still has its own.
    let store = TestDatabase::sqlite();
    let (address, running) = serve(&store).await;
    world.client = Client::new(&address).unwrap();
    for (how, gid, refuses, books) in before {
        let again = world.begin(how, &gid, 30, refuses).await;
        let expected = match (how, refuses) {
            (Prepared | PreparedWithRetries, true) => "given up",
            (How::Outbox | AtCommit | SagaAndWait | How::Tcc, true) => "refused",
            (Submit | Saga | SagaAndWait | How::Tcc, false) | (Saga, true) => "done",
            _ => "repeated",
        };
        assert_eq!(again, expected, "{how:?}, which refuses: {refuses}");
        // What is prepared again waits until query-prepared is asked.
        if matches!(how, Submit | Saga | SagaAndWait | How::Tcc) {
            world.ended(&gid).await;
        }
        assert_eq!(world.books(&gid).await, books, "{how:?}, which refuses: {refuses}");
    }
    drop(running.0);
    world.close().await;
}
