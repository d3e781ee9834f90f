//! A trip as a saga: a room and a seat at once, then the money, then the voucher.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Extension;
use branchwire::prelude::*;
use branchwire::protocol::{Status, client};
use branchwire::{axum, barrier};
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};
use futures_util::future::BoxFuture;

#[derive(Clone, Database)]
struct Ledger(sqlx::SqlitePool);

/// Which row of the ledger, and by how much.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Take {
    what: String,
    amount: i64,
}

/// How much was taken: only the action knows.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Taken {
    amount: i64,
}

/// While it is set, compensations fail.
#[derive(Clone, Default)]
struct Down(Arc<AtomicBool>);

#[branchwire::service("/trip")]
mod trip {
    use super::*;

    /// Takes what is there, or refuses.
    #[saga_action]
    pub(super) async fn take(tx: &mut Tx<Ledger>, req: Take) -> Result<(), BranchError> {
        let take = "UPDATE ledger SET amount = amount - ?1 WHERE what = ?2 AND amount >= ?1";
        let taken = sqlx::query(take).bind(req.amount).bind(&req.what).execute(&mut *tx).await?.rows_affected();
        (taken == 1).then_some(()).or_refuse("sold out")
    }

    /// Gives it back.
    #[saga_compensate(of = take)]
    pub(super) async fn give_back(tx: &mut Tx<Ledger>, down: Extension<Down>, req: Take) -> Result<(), Retry> {
        add(tx, &req.what, req.amount).await?;
        if down.0.0.load(Ordering::SeqCst) { Err(Retry::new("down")) } else { Ok(()) }
    }

    /// Takes all that is there, or refuses.
    #[saga_action]
    pub(super) async fn take_all(tx: &mut Tx<Ledger>, what: String) -> Result<Taken, BranchError> {
        let there = "SELECT amount FROM ledger WHERE what = ?";
        let amount: i64 = sqlx::query_scalar(there).bind(&what).fetch_one(&mut *tx).await?;
        add(tx, &what, -amount).await?;
        (amount > 0).then_some(Taken { amount }).or_refuse("nothing is there")
    }

    /// Gives back as much as was taken.
    #[saga_compensate(of = take_all)]
    pub(super) async fn give_all_back(
        tx: &mut Tx<Ledger>,
        down: Extension<Down>,
        what: String,
        Kept(taken): Kept<Taken>,
    ) -> Result<(), Retry> {
        add(tx, &what, taken.amount).await?;
        if down.0.0.load(Ordering::SeqCst) { Err(Retry::new("down")) } else { Ok(()) }
    }

    /// Says no, and has nothing to undo.
    #[saga_action(nothing_to_undo)]
    pub(super) async fn check(_: &mut Tx<Ledger>, is_fine: bool) -> Result<(), BranchError> {
        is_fine.then_some(()).or_refuse("it is not fine")
    }

    /// Sends the voucher.
    #[msg_branch]
    pub(super) async fn voucher(tx: &mut Tx<Ledger>) -> Result<(), Retry> {
        add(tx, "vouchers", 1).await?;
        Ok(())
    }
}

async fn add(tx: &mut Tx<Ledger>, what: &str, amount: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE ledger SET amount = amount + ? WHERE what = ?")
        .bind(amount)
        .bind(what)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The hotel, the airline and the bank, each with a ledger of its own.
struct World {
    coordinator: TestCoordinator,
    services: Services,
    ledger: Ledger,
    down: Down,
    trip: trip::Remote,
    _database: TestDatabase<sqlx::Sqlite>,
}

impl World {
    async fn start() -> Self {
        let [database] = TestDatabase::sqlite().await;
        let ledger = Ledger(database.pool());
        barrier::set_up(&ledger).await.expect("SQLite is fit");
        sqlx::raw_sql(
            "CREATE TABLE ledger (what TEXT, amount INTEGER);
             INSERT INTO ledger VALUES ('rooms', 1), ('seats', 1), ('money', 100), ('vouchers', 0)",
        )
        .execute(&ledger.0)
        .await
        .expect("an empty database");
        let (services, down) = (Services::default(), Down::default());
        let router = trip::router().with_state(ledger.clone()).layer(Extension(down.clone()));
        services.host("http://trip", router);
        let coordinator = TestCoordinator::start(services.clone()).await;
        let trip = trip::at("http://trip").expect("an address");
        Self { coordinator, services, ledger, down, trip, _database: database }
    }

    fn take(&self, what: &str, amount: i64) -> branchwire::SagaStep {
        self.trip.take(&Take { what: what.to_owned(), amount })
    }

    /// A trip at this price.
    fn saga(&self, price: i64) -> branchwire::saga::Saga {
        let client: Client = self.coordinator.client();
        client
            .saga(self.take("rooms", 1))
            .and(self.take("seats", 1))
            .then(self.take("money", price))
            .finally(self.trip.voucher())
    }

    /// Rooms, seats, money, vouchers.
    async fn amounts(&self) -> Vec<i64> {
        sqlx::query_scalar("SELECT amount FROM ledger ORDER BY rowid")
            .fetch_all(&self.ledger.0)
            .await
            .expect("a ledger")
    }
}

const BEFORE: [i64; 4] = [1, 1, 100, 0];
const BOOKED: [i64; 4] = [0, 0, 60, 1];

#[tokio::test]
async fn a_saga_applies_all_its_steps_and_then_what_cannot_refuse() {
    let world = World::start().await;
    let done = world.saga(40).run().await.unwrap();
    assert!(matches!(done, SagaDone::Succeeded { .. }), "{done:?}");
    assert_eq!(world.amounts().await, BOOKED);
    // The same order again.
    let again = world.saga(40).gid(done.gid().clone()).run().await.unwrap();
    assert_eq!((again, world.amounts().await.as_slice()), (done.clone(), &BOOKED[..]));
    let other = world.saga(41).gid(done.gid().clone()).run().await.unwrap_err();
    assert!(matches!(other, SagaNotDone::OtherTransaction { .. }), "{other}");
    world.coordinator.stop().await;
}

#[tokio::test]
async fn a_refusal_undoes_what_was_applied() {
    let world = World::start().await;
    let refused = world.saga(101).run().await.unwrap_err();
    let SagaNotDone::RolledBack { gid, reason } = &refused else { panic!("{refused}") };
    assert!(reason.starts_with("url:http://trip/trip/take return failed:"), "{reason}");
    assert_eq!(world.amounts().await, BEFORE);
    // The gid is used up.
    let again = world.saga(101).gid(gid.clone()).submit().await.unwrap_err();
    assert!(matches!(again, SagaNotDone::GivenUp { finished: true, .. }), "{again}");
    assert!(!again.may_retry_same_gid() && !refused.may_retry_same_gid());
    assert_eq!(world.amounts().await, BEFORE);
    // Also by a client that does not know yet whether this coordinator compares.
    let client: Client = world.coordinator.client();
    let again = client.saga(world.take("rooms", 1)).and(world.take("seats", 1)).then(world.take("money", 101));
    let again = again.finally(world.trip.voucher()).gid(gid.clone()).run().await.unwrap_err();
    assert!(matches!(again, SagaNotDone::GivenUp { finished: true, .. }), "{again}");
    world.coordinator.stop().await;
}

#[tokio::test]
async fn a_compensation_that_fails_is_retried_also_by_the_next_coordinator() {
    let mut world = World::start().await;
    world.down.0.store(true, Ordering::SeqCst);
    let refused = world.saga(101).run().await.unwrap_err();
    let SagaNotDone::RollingBack { gid, .. } = refused else { panic!("{refused}") };
    let again = world.saga(101).gid(gid.clone()).run().await.unwrap_err();
    assert!(matches!(again, SagaNotDone::GivenUp { finished: false, .. }), "{again}");
    assert_eq!(world.amounts().await, [0, 0, 100, 0]);
    world.coordinator.restart().await;
    world.down.0.store(false, Ordering::SeqCst);
    world.coordinator.advance(Duration::from_mins(1));
    assert_eq!(world.coordinator.wait(&gid).await, Status::Failed);
    assert_eq!(world.amounts().await, BEFORE);
    world.coordinator.stop().await;
}

#[tokio::test]
async fn an_action_whose_answer_is_lost_is_applied_once_or_undone() {
    for (price, expected, amounts) in [(40, Status::Succeed, BOOKED), (101, Status::Failed, BEFORE)] {
        let world = World::start().await;
        world.services.lose_answers("http://trip", true);
        let done = world.saga(price).run().await.unwrap();
        assert!(matches!(done, SagaDone::Running { .. }), "{done:?}");
        world.services.lose_answers("http://trip", false);
        world.coordinator.advance(Duration::from_mins(1));
        assert_eq!(world.coordinator.wait(done.gid()).await, expected);
        assert_eq!(world.amounts().await, amounts);
        world.coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_saga_that_takes_too_long_is_rolled_back() {
    let world = World::start().await;
    world.services.lose_answers("http://trip", true);
    let done = world.saga(40).roll_back_after(Duration::from_secs(30)).run().await.unwrap();
    assert_eq!(world.amounts().await, [0, 0, 100, 0]);
    world.services.lose_answers("http://trip", false);
    world.coordinator.advance(Duration::from_secs(31));
    assert_eq!(world.coordinator.wait(done.gid()).await, Status::Failed);
    assert_eq!(world.amounts().await, BEFORE);
    let outcome = world.coordinator.client::<Client>().outcome(done.gid()).await.unwrap();
    assert!(
        matches!(&outcome, client::Outcome::Failed { reason } if reason == "Timeout after 30 seconds"),
        "{outcome:?}"
    );
    world.coordinator.stop().await;
}

#[tokio::test]
async fn a_check_is_not_undone_and_a_topic_is_refused_before_anything_is_sent() {
    let world = World::start().await;
    let client: Client = world.coordinator.client();
    let refused = client.saga(world.take("rooms", 1)).then(world.trip.check(&false)).run().await.unwrap_err();
    assert!(matches!(refused, SagaNotDone::RolledBack { .. }), "{refused}");
    assert_eq!(world.amounts().await, BEFORE);
    let gid = Gid::random();
    let topic = branchwire::MsgBranch::topic("news", &1);
    let refused = client.saga(world.trip.check(&true)).finally(topic).gid(gid.clone()).run().await.unwrap_err();
    assert!(matches!(refused, SagaNotDone::NotStarted(NotStarted::Topic { number: 2 })), "{refused:?}");
    assert_eq!(world.coordinator.status(&gid).await, None);
    world.coordinator.stop().await;
}

#[tokio::test]
async fn a_compensation_gets_what_its_action_has_returned() {
    for answers_lost in [false, true] {
        let mut world = World::start().await;
        world.services.lose_answers("http://trip", answers_lost);
        world.down.0.store(true, Ordering::SeqCst);
        let client: Client = world.coordinator.client();
        // There is one room, so the second step refuses.
        let saga = client.saga(world.trip.take_all(&"money".to_owned())).then(world.take("rooms", 2));
        let gid = Gid::random();
        let told = saga.gid(gid.clone()).run().await;
        assert_eq!(matches!(told, Ok(SagaDone::Running { .. })), answers_lost, "{told:?}");
        assert_eq!(world.amounts().await, [1, 1, 0, 0]);
        // Others go on meanwhile; the coordinator begins anew, and calls again what it does not know.
        let earned = "UPDATE ledger SET amount = amount + 7 WHERE what = 'money'";
        sqlx::query(earned).execute(&world.ledger.0).await.expect("a ledger");
        world.coordinator.restart().await;
        world.services.lose_answers("http://trip", false);
        world.down.0.store(false, Ordering::SeqCst);
        world.coordinator.advance(Duration::from_mins(1));
        assert_eq!(world.coordinator.wait(&gid).await, Status::Failed);
        assert_eq!(world.amounts().await, [1, 1, 107, 0], "the 100 that were taken, not the 7 that are there");
        world.coordinator.stop().await;
    }
}

#[tokio::test]
async fn a_running_saga_is_not_taken_for_another_one_under_its_gid() {
    let world = World::start().await;
    world.services.down("http://trip", true);
    let client: Client = world.coordinator.client();
    let first = || client.saga(world.take("rooms", 1)).then(world.take("seats", 1));
    let gid = Gid::random();
    let told = first().gid(gid.clone()).submit().await.unwrap();
    assert!(matches!(told, SagaDone::Running { .. }), "{told:?}");
    let again = first().gid(gid.clone()).submit().await.unwrap();
    assert!(matches!(again, SagaDone::Running { .. }), "{again:?}");
    for (what, other) in [
        ("another payload", client.saga(world.take("rooms", 2)).then(world.take("seats", 1))),
        ("a step less", client.saga(world.take("rooms", 1))),
        ("a step more", first().then(world.take("money", 1))),
        ("another branch", client.saga(world.take("rooms", 1)).then(world.trip.check(&true))),
        ("another order", client.saga(world.take("rooms", 1)).and(world.take("seats", 1))),
    ] {
        let told = other.gid(gid.clone()).run().await;
        assert!(matches!(told, Err(SagaNotDone::OtherTransaction { .. })), "{what}: {told:?}");
    }
    let message = client.msg(world.trip.voucher()).gid(gid.clone()).submit().await;
    assert!(matches!(message, Err(NotDone::OtherMessage { .. })), "{message:?}");
    let tcc = client.tcc().gid(gid.clone()).run(async |_| Ok::<_, std::convert::Infallible>(())).await;
    assert!(matches!(tcc, Err(TccNotDone::OtherTransaction { .. })), "{tcc:?}");
    world.services.down("http://trip", false);
    world.coordinator.ask_now(&gid).await;
    assert_eq!(world.coordinator.wait(&gid).await, Status::Succeed);
    assert_eq!(world.amounts().await, [0, 0, 100, 0]);
    world.coordinator.stop().await;
}

/// A proxy before two coordinators of one store. The first has the submit, and its answer is lost; the proxy sends the
/// submit again, and the second coordinator is too busy.
struct Repeats {
    first: client::Client,
    answer: (u16, &'static str),
}

impl client::Channel for Repeats {
    fn exchange(
        &self,
        request: axum::http::Request<axum::body::Bytes>,
    ) -> BoxFuture<'_, Result<axum::http::Response<axum::body::Bytes>, client::ChannelError>> {
        Box::pin(async move {
            if !request.uri().path().ends_with("/submit") {
                let gid = request.uri().query().and_then(|query| query.strip_prefix("gid=")).expect("a gid");
                let answer = self.first.query(&Gid::new(gid).expect("a gid")).await.expect("an answer");
                return Ok(axum::http::Response::new(serde_json::to_vec(&answer).expect("JSON").into()));
            }
            let sent = serde_json::from_slice(request.body()).expect("a transaction");
            self.first.submit(&sent).await.expect("it is taken");
            let (status, body) = self.answer;
            Ok(axum::http::Response::builder().status(status).body(body.into()).expect("an answer"))
        })
    }
}

#[tokio::test]
async fn a_saga_that_a_coordinator_has_is_never_told_as_not_started() {
    let busy = r#"{"message":"too many transactions are in memory"}"#;
    for answer in [(503, busy), (503, ""), (429, ""), (401, ""), (404, ""), (301, "")] {
        let world = World::start().await;
        let behind = Client::with_channel(Repeats { first: world.coordinator.client(), answer });
        let gid = Gid::random();
        let saga = behind.saga(world.take("rooms", 1)).gid(gid.clone());
        let told = saga.submit().await;
        assert!(matches!(told, Ok(SagaDone::Running { .. } | SagaDone::Succeeded { .. })), "{answer:?}: {told:?}");
        assert_eq!(behind.outcome(&gid).await.unwrap(), client::Outcome::Succeeded);
        assert_eq!(world.amounts().await, [0, 1, 100, 0]);
        world.coordinator.stop().await;
    }
}
