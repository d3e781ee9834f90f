//! A gid that is used again: each call returns the true outcome of the first one.

use axum::Router;
use axum::routing::post;
use branchwire::client::Outcome;
use branchwire::protocol::{Status, Transaction};
use branchwire::{Client, Done, Gid, MsgBranch, NotDone, QueryPrepared, ServiceUrl, Tx, barrier};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use sqlx::{MySql, Postgres, Sqlite};
use tokio::sync::oneshot;

/// A bank that pays, a coordinator, and a branch that receives the payment.
struct Shop<DB: BankDriver> {
    bank: Bank<DB>,
    coordinator: TestCoordinator,
}

impl<DB: BankDriver> Shop<DB> {
    async fn open() -> Option<Self> {
        let bank = Bank::<DB>::open().await?;
        let services = Services::default();
        let asked = Service::new(&bank, |_, _| Box::pin(std::future::ready(Ok(()))));
        services.host("http://bank-a", asked.router());
        services.host("http://bank-b", Router::new().route("/in", post(async || "")));
        Some(Self { bank, coordinator: TestCoordinator::start(services).await })
    }

    /// Sends an order through this pool of the bank; its business waits, and then pays or refuses.
    async fn order_on(
        &self,
        bank: &Bank<DB>,
        gid: &Gid,
        amount: i64,
        business: impl AsyncFnOnce() -> bool,
    ) -> Result<Done<()>, NotDone<String>> {
        let prepared = QueryPrepared::new(&ServiceUrl::new("http://bank-a").unwrap(), "/prepared");
        let message = self.coordinator.client::<Client>().msg(MsgBranch::url("http://bank-b/in", &amount).unwrap());
        let pay = async |tx: &mut Tx<Bank<DB>>| {
            DB::credit(tx, ACCOUNT, -amount).await.map_err(|error| error.to_string())?;
            if business().await { Ok(()) } else { Err("not enough money".to_owned()) }
        };
        message.gid(gid.clone()).do_and_submit(prepared, bank, pay).await
    }

    async fn order(&self, gid: &Gid, amount: i64) -> Result<Done<()>, NotDone<String>> {
        self.order_on(&self.bank, gid, amount, async || true).await
    }
}

async fn a_repetition_gets_the_true_outcome<DB: BankDriver>() {
    let Some(shop) = Shop::<DB>::open().await else { return };
    let client: Client = shop.coordinator.client();

    // Carried out: repeat it while it is submitted, and after its end.
    let order = Gid::random();
    shop.coordinator.lose_submits(true);
    assert!(matches!(shop.order(&order, 30).await, Ok(Done::Committed { .. })));
    shop.coordinator.lose_submits(false);
    let again = shop.order(&order, 30).await;
    assert!(matches!(again, Ok(Done::Repeated { finished: false, .. })), "{again:?}");
    shop.coordinator.advance(std::time::Duration::from_mins(1));
    assert_eq!(shop.coordinator.wait(&order).await, Status::Succeed);
    let again = shop.order(&order, 30).await;
    assert!(matches!(again, Ok(Done::Repeated { finished: true, .. })), "{again:?}");
    assert_eq!(client.outcome(&order).await.unwrap(), Outcome::Succeeded);
    assert_eq!(shop.bank.balance(ACCOUNT).await, -30);

    // Another order under its gid.
    let other = shop.order(&order, 31).await;
    assert!(matches!(other, Err(NotDone::OtherMessage { .. })), "{other:?}");

    // Refused, and so it has failed.
    let refused = Gid::random();
    let result = shop.order_on(&shop.bank, &refused, 30, async || false).await;
    assert!(matches!(result, Err(NotDone::RolledBack(_))), "{result:?}");
    let again = shop.order(&refused, 30).await;
    assert!(matches!(again, Err(NotDone::GivenUp { .. })), "{again:?}");
    assert!(matches!(client.outcome(&refused).await.unwrap(), Outcome::Failed { .. }));

    // The sender died, and then query-prepared ended it as failed.
    let died = Gid::random();
    barrier::query_prepared(&shop.bank, &died).await.unwrap();
    let again = shop.order(&died, 30).await;
    assert!(matches!(again, Err(NotDone::GivenUp { .. })), "{again:?}");

    assert_eq!(shop.bank.balance(ACCOUNT).await, -30);
    shop.coordinator.stop().await;
}

/// The second call waits for the first one, by the lock on the barrier row, and then returns its outcome.
async fn a_repetition_waits_for_the_running_call<DB: BankDriver>() {
    let Some(shop) = Shop::<DB>::open().await else { return };
    for commits in [true, false] {
        let gid = Gid::random();
        let ((begun, begins), (end, ends)) = (oneshot::channel(), oneshot::channel::<()>());
        let first = shop.order_on(&shop.bank, &gid, 30, async move || {
            begun.send(()).unwrap();
            ends.await.unwrap();
            commits
        });
        let second = async {
            begins.await.unwrap();
            let release = async { end.send(()).unwrap() };
            tokio::join!(shop.order(&gid, 30), release).0
        };
        let (first, second) = tokio::join!(first, second);
        if commits {
            assert!(matches!(first, Ok(Done::Submitted { .. })), "{first:?}");
            assert!(matches!(second, Ok(Done::Repeated { .. })), "{second:?}");
        } else {
            // The second call and the end of the first one race for the barrier row: both must get the same outcome.
            let done = matches!(second, Ok(Done::Submitted { .. } | Done::Committed { .. } | Done::Stopped { .. }));
            assert!(done || matches!(second, Err(NotDone::GivenUp { .. })), "{second:?}");
            // If the second call came first, the first one returns that this gid has committed.
            let is_told = matches!(first, Ok(Done::Repeated { .. }));
            assert!(matches!(first, Err(NotDone::RolledBack(_))) || (done && is_told), "{first:?} {second:?}");
        }
    }
    shop.coordinator.stop().await;
}

/// If the database does not wait that long, the call returns that another one is in progress.
async fn a_repetition_that_cannot_wait_gets_in_progress<DB: BankDriver>(impatient: &'static str) {
    let Some(shop) = Shop::<DB>::open().await else { return };
    let bank = shop.bank.another_pool(1).await;
    DB::execute_outside(branchwire::Database::pool(&bank), impatient).await.unwrap();
    let gid = Gid::random();
    let ((begun, begins), (end, ends)) = (oneshot::channel(), oneshot::channel::<()>());
    let first = shop.order_on(&shop.bank, &gid, 30, async move || {
        begun.send(()).unwrap();
        ends.await.unwrap();
        true
    });
    let second = async {
        begins.await.unwrap();
        let second = shop.order_on(&bank, &gid, 30, async || true).await;
        end.send(()).unwrap();
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(first, Ok(Done::Submitted { .. })), "{first:?}");
    assert!(matches!(second, Err(NotDone::InProgress { .. })), "{second:?}");
    assert!(matches!(shop.order_on(&bank, &gid, 30, async || true).await, Ok(Done::Repeated { .. })));
    shop.coordinator.stop().await;
}

/// An administrator ends a message whose sender has not committed yet. Another call learns that it has failed, and not that
/// nothing will happen: the sender may still commit.
async fn a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit<DB: BankDriver>(impatient: &'static str) {
    let Some(shop) = Shop::<DB>::open().await else { return };
    // MySQL reads the row of an open transaction only after a wait.
    let bank = shop.bank.another_pool(1).await;
    DB::execute_outside(branchwire::Database::pool(&bank), impatient).await.unwrap();
    let client: Client = shop.coordinator.client();
    for commits in [true, false] {
        let gid = Gid::random();
        let ((begun, begins), (end, ends)) = (oneshot::channel(), oneshot::channel::<()>());
        let first = shop.order_on(&shop.bank, &gid, 30, async move || {
            begun.send(()).unwrap();
            ends.await.unwrap();
            commits
        });
        let second = async {
            begins.await.unwrap();
            let stopped = Transaction { gid: gid.to_string(), trans_type: "msg".to_owned(), ..Transaction::default() };
            client.abort(&stopped).await.unwrap();
            let second = shop.order_on(&bank, &gid, 30, async || true).await;
            end.send(()).unwrap();
            second
        };
        let (first, second) = tokio::join!(first, second);
        assert!(matches!(second, Ok(Done::Unknown { .. })), "{second:?}");
        let again = shop.order(&gid, 30).await;
        if commits {
            assert!(matches!(first, Ok(Done::Stopped { value: Some(()), .. })), "{first:?}");
            assert!(matches!(again, Ok(Done::Stopped { value: None, .. })), "{again:?}");
        } else {
            assert!(matches!(first, Err(NotDone::RolledBack(_))), "{first:?}");
            assert!(matches!(again, Err(NotDone::GivenUp { .. })), "{again:?}");
        }
    }
    assert_eq!(shop.bank.balance(ACCOUNT).await, -30);
    shop.coordinator.stop().await;
}

#[tokio::test]
async fn a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit_on_sqlite() {
    a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit::<Sqlite>("PRAGMA busy_timeout = 1000").await;
}

#[tokio::test]
async fn a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit_on_postgresql() {
    a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit::<Postgres>("SET lock_timeout = 1000").await;
}

#[tokio::test]
async fn a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit_on_mysql() {
    a_stopped_message_is_told_as_given_up_only_once_nobody_can_commit::<MySql>(
        "SET SESSION innodb_lock_wait_timeout = 1",
    )
    .await;
}

#[tokio::test]
async fn a_repetition_gets_the_true_outcome_on_sqlite() {
    a_repetition_gets_the_true_outcome::<Sqlite>().await;
}

#[tokio::test]
async fn a_repetition_gets_the_true_outcome_on_postgresql() {
    a_repetition_gets_the_true_outcome::<Postgres>().await;
}

#[tokio::test]
async fn a_repetition_gets_the_true_outcome_on_mysql() {
    a_repetition_gets_the_true_outcome::<MySql>().await;
}

#[tokio::test]
async fn a_repetition_waits_for_the_running_call_on_sqlite() {
    a_repetition_waits_for_the_running_call::<Sqlite>().await;
}

#[tokio::test]
async fn a_repetition_waits_for_the_running_call_on_postgresql() {
    a_repetition_waits_for_the_running_call::<Postgres>().await;
}

#[tokio::test]
async fn a_repetition_waits_for_the_running_call_on_mysql() {
    a_repetition_waits_for_the_running_call::<MySql>().await;
}

#[tokio::test]
async fn a_repetition_that_cannot_wait_gets_in_progress_on_postgresql() {
    a_repetition_that_cannot_wait_gets_in_progress::<Postgres>("SET lock_timeout = 100").await;
}

#[tokio::test]
async fn a_repetition_that_cannot_wait_gets_in_progress_on_mysql() {
    a_repetition_that_cannot_wait_gets_in_progress::<MySql>("SET SESSION innodb_lock_wait_timeout = 1").await;
}
