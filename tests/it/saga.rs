//! A trip as a saga: a room and a seat at once, then the money, then the voucher.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Extension;
use branchwire::prelude::*;
use branchwire::protocol::{Status, client};
use branchwire::{axum, barrier};
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};

#[derive(Clone, Database)]
struct Ledger(sqlx::SqlitePool);

/// Which row of the ledger, and by how much.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Take {
    what: String,
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
    assert!(matches!(again, SagaNotDone::RolledBack { .. }), "{again}");
    assert_eq!(world.amounts().await, BEFORE);
    world.coordinator.stop().await;
}

#[tokio::test]
async fn a_compensation_that_fails_is_retried_also_by_the_next_coordinator() {
    let mut world = World::start().await;
    world.down.0.store(true, Ordering::SeqCst);
    let refused = world.saga(101).run().await.unwrap_err();
    let SagaNotDone::RollingBack { gid, .. } = refused else { panic!("{refused}") };
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
