//! Levels above READ COMMITTED, where a concurrent change ends in a conflict instead of a wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use branchwire::barrier::BarrierDialect;
use branchwire::msg::Msg;
use branchwire::prelude::*;
use branchwire::protocol::Status;
use branchwire::{CommitError, MsgBranch, Reply, ServiceUrl};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT, SnapshotBank, StrictBank};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;
use branchwire_tests::service::Service;
use futures_util::future::join_all;
use sqlx::{MySql, Postgres};
use tokio::sync::{Barrier, Notify};

use super::trouble::LOOK_AGAIN;
use super::{exactly_once, query_prepared};

crate::each::on_each_server! {
    identical_calls_of_a_serializable_branch_apply_once,
    two_serializable_branches_that_conflict_both_apply,
    two_senders_that_conflict_both_commit_if_they_may_be_repeated,
    a_sender_that_may_not_be_repeated_is_told_of_the_conflict,
    a_conflict_that_does_not_pass_ends_after_ten_attempts,
    a_second_sender_of_one_gid_waits_for_the_first_and_repeats_nothing,
}

/// The SQL that raises a conflict, and the SQL that tells whether somebody waits for a lock.
trait Conflicts: BankDriver {
    const CONFLICT: &'static str;
    const WAITING: &'static str;
}

impl Conflicts for Postgres {
    const CONFLICT: &'static str = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$";
    const WAITING: &'static str = "SELECT 1 / count(*) FROM pg_stat_activity \
                                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
}

impl Conflicts for MySql {
    const CONFLICT: &'static str = "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'no'";
    const WAITING: &'static str = "BEGIN NOT ATOMIC
            IF NOT EXISTS (SELECT 1 FROM information_schema.innodb_trx
                JOIN information_schema.processlist ON id = trx_mysql_thread_id
                WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()) THEN SIGNAL SQLSTATE '45000'; END IF;
         END";
}

/// Two businesses that read both accounts before one of them writes. Serializable, they conflict.
#[derive(Clone)]
struct Conflict {
    attempts: Arc<AtomicU32>,
    both_have_read: Arc<Barrier>,
    one_is_through: Arc<Notify>,
}

impl Conflict {
    fn new() -> Self {
        Self { attempts: Arc::default(), both_have_read: Arc::new(Barrier::new(2)), one_is_through: Arc::default() }
    }

    async fn business<D: Database<Driver: BankDriver>>(&self, tx: &mut Tx<D>, account: i64) -> Result<(), sqlx::Error> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        if attempt >= 3 {
            // Both were rolled back: the other one goes first now.
            self.one_is_through.notify_one();
        }
        if attempt >= 2 {
            // It would conflict again with the one that was preferred.
            self.one_is_through.notified().await;
        }
        D::Driver::execute(tx, "SELECT balance FROM user_account").await?;
        if attempt < 2 {
            self.both_have_read.wait().await;
        }
        D::Driver::credit(tx, account, 1).await
    }

    /// Runs `one` for two accounts at once.
    async fn of_two<T>(&self, one: impl AsyncFn(i64) -> T) -> [T; 2] {
        let run = async |account| {
            let told = one(account).await;
            self.one_is_through.notify_one();
            told
        };
        let (first, second) = tokio::join!(run(ACCOUNT), run(OTHER_ACCOUNT));
        [first, second]
    }

    fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }
}

async fn identical_calls_of_a_serializable_branch_apply_once<DB: Conflicts>(bank: Bank<DB>) {
    for service in [crediting(&StrictBank(bank.clone())), crediting(&SnapshotBank(bank.clone()))] {
        let (gid, before) = (Gid::random(), bank.balance(ACCOUNT).await);
        let replies = join_all((0..30).map(|_| service.call(&gid, 30))).await;
        assert_eq!(replies, [Reply::Success; 30]);
        assert_eq!(bank.balance(ACCOUNT).await - before, 30);
    }
}

fn crediting<D: Database<Driver: BankDriver>>(db: &D) -> Service {
    Service::new(db, |tx, amount| Box::pin(async move { Ok(D::Driver::credit(tx, ACCOUNT, amount).await?) }))
}

async fn two_serializable_branches_that_conflict_both_apply<DB: Conflicts>(bank: Bank<DB>) {
    let conflict = Conflict::new();
    let service = {
        let conflict = conflict.clone();
        Service::new(&StrictBank(bank.clone()), move |tx, account| {
            let conflict = conflict.clone();
            Box::pin(async move { Ok(conflict.business(tx, account).await?) })
        })
    };
    let replies = conflict.of_two(async |account| service.call(&Gid::random(), account).await).await;
    assert_eq!(replies, [Reply::Success; 2]);
    assert!(conflict.attempts() > 2, "there was no conflict");
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (1, 1));
}

/// A coordinator, and what a sender in this bank needs.
struct Sender<D> {
    coordinator: TestCoordinator,
    client: Client,
    db: D,
}

impl<D: Database<Driver: BarrierDialect>> Sender<D> {
    async fn new(db: D) -> Self {
        let services = Services::default();
        let service = Service::new(&db, |_, _| Box::pin(async { Ok(()) }));
        services.host("http://bank", service.router());
        let coordinator = TestCoordinator::start(services).await;
        let client = coordinator.client();
        Self { coordinator, client, db }
    }

    fn message(&self) -> (Msg, QueryPrepared<D>) {
        let message = self.client.msg(MsgBranch::url("http://bank/branch", &1).unwrap());
        (message, QueryPrepared::new(&ServiceUrl::new("http://bank").unwrap(), "/prepared"))
    }
}

async fn two_senders_that_conflict_both_commit_if_they_may_be_repeated<DB: Conflicts>(bank: Bank<DB>) {
    let (conflict, sender) = (Conflict::new(), Sender::new(StrictBank(bank.clone())).await);
    let told = conflict
        .of_two(async |account| {
            let (message, prepared) = sender.message();
            let business = async |tx: &mut Tx<_>| conflict.business(tx, account).await;
            message.do_and_submit_with_retries(prepared, &sender.db, business).await
        })
        .await;
    assert!(told.iter().all(|told| matches!(told, Ok(Done::Submitted { .. }))), "{told:?}");
    assert!(conflict.attempts() > 2, "there was no conflict");
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (1, 1));
    sender.coordinator.stop().await;
}

async fn a_sender_that_may_not_be_repeated_is_told_of_the_conflict<DB: Conflicts>(bank: Bank<DB>) {
    let (conflict, sender) = (Conflict::new(), Sender::new(StrictBank(bank.clone())).await);
    let told = conflict
        .of_two(async |account| {
            let (message, prepared) = sender.message();
            // It moves its captured values, so it can run only once.
            let (moved, conflict) = (vec![account], &conflict);
            let business = async move |tx: &mut Tx<_>| conflict.business(tx, moved.into_iter().sum()).await;
            message.do_and_submit(prepared, &sender.db, business).await
        })
        .await;
    let done = told.iter().filter(|told| matches!(told, Ok(Done::Submitted { .. }))).count();
    let refused = told
        .iter()
        .filter(|told| matches!(told, Err(NotDone::RolledBack(_) | NotDone::NotCommitted(CommitError::Refused(_)))))
        .count();
    assert!(refused > 0 && done + refused == 2, "{told:?}");
    assert_eq!(conflict.attempts(), 2);
    let sum = bank.balance(ACCOUNT).await + bank.balance(OTHER_ACCOUNT).await;
    assert_eq!(sum, i64::try_from(done).unwrap());
    sender.coordinator.stop().await;
}

async fn a_conflict_that_does_not_pass_ends_after_ten_attempts<DB: Conflicts>(bank: Bank<DB>) {
    let sender = Sender::new(StrictBank(bank.clone())).await;
    let (attempts, gid) = (AtomicU32::new(0), Gid::random());
    let (message, prepared) = sender.message();
    let told = message
        .gid(gid.clone())
        .do_and_submit_with_retries(prepared, &sender.db, async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            DB::credit(tx, ACCOUNT, 1).await?;
            DB::execute(tx, DB::CONFLICT).await
        })
        .await;
    assert!(matches!(told, Err(NotDone::RolledBack(sqlx::Error::Database(_)))), "{told:?}");
    assert_eq!(attempts.into_inner(), 10);
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    assert_eq!(sender.coordinator.wait(&gid).await, Status::Failed);
    // No other error is repeated.
    let (attempts, (message, prepared)) = (AtomicU32::new(0), sender.message());
    let told = message
        .do_and_submit_with_retries(prepared, &sender.db, async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            DB::execute(tx, "SELECT no_such_column").await
        })
        .await;
    assert!(matches!(told, Err(NotDone::RolledBack(_))), "{told:?}");
    assert_eq!(attempts.into_inner(), 1);
    sender.coordinator.stop().await;
}

async fn a_second_sender_of_one_gid_waits_for_the_first_and_repeats_nothing<DB: Conflicts>(bank: Bank<DB>) {
    let sender = Sender::new(StrictBank(bank.clone())).await;
    let (gid, begun, waiting) = (Gid::random(), Notify::new(), Notify::new());
    let first = async {
        let (message, prepared) = sender.message();
        let business = async |tx: &mut Tx<_>| {
            DB::credit(tx, ACCOUNT, 1).await?;
            begun.notify_one();
            waiting.notified().await;
            Ok::<_, sqlx::Error>(())
        };
        message.gid(gid.clone()).do_and_submit(prepared, &sender.db, business).await
    };
    let second = async {
        begun.notified().await;
        let (message, prepared) = sender.message();
        let business = async |_: &mut Tx<_>| -> Result<(), sqlx::Error> { panic!("the first one has committed") };
        message.gid(gid.clone()).do_and_submit(prepared, &sender.db, business).await
    };
    let watch = async {
        while DB::execute_outside(bank.pool(), DB::WAITING).await.is_err() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        waiting.notify_one();
    };
    let (first, second, ()) = tokio::join!(first, second, watch);
    assert!(matches!(first, Ok(Done::Submitted { .. })), "{first:?}");
    assert!(matches!(second, Ok(Done::Repeated { .. })), "{second:?}");
    assert_eq!(bank.balance(ACCOUNT).await, 1);
    sender.coordinator.stop().await;
}

/// Two that read one account before one of them changes it: none of the changes is lost.
async fn no_change_is_lost<DB: BankDriver>(bank: &Bank<DB>) {
    let (conflict, sender) = (Conflict::new(), Sender::new(SnapshotBank(bank.clone())).await);
    let told = conflict
        .of_two(async |_| {
            let (message, prepared) = sender.message();
            let business = async |tx: &mut Tx<_>| conflict.business(tx, ACCOUNT).await;
            message.do_and_submit_with_retries(prepared, &sender.db, business).await
        })
        .await;
    assert!(told.iter().all(|told| matches!(told, Ok(Done::Submitted { .. }))), "{told:?}");
    assert!(conflict.attempts() > 2, "there was no conflict");
    assert_eq!(bank.balance(ACCOUNT).await, 2);
    sender.coordinator.stop().await;
}

#[tokio::test]
async fn a_changed_snapshot_is_a_conflict_on_postgres() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    no_change_is_lost(&bank).await;
}

#[tokio::test]
async fn a_changed_snapshot_is_a_conflict_on_a_mariadb_that_tells_of_it() {
    let Some(server) = server::own_mysql_with(&["--innodb-snapshot-isolation=ON"]).await else { return };
    no_change_is_lost(&Bank::<MySql>::on(TestDatabase::on(&server).await, 10).await).await;
}

/// The guarantees are the same on a server whose default is SERIALIZABLE.
async fn the_barrier_holds<DB: BankDriver>(bank: Bank<DB>) {
    exactly_once::a_hundred_concurrent_identical_calls_apply_once(bank.clone()).await;
    query_prepared::the_question_waits_for_an_open_local_transaction(bank.clone()).await;
    query_prepared::many_questions_at_once_agree(bank.clone()).await;
    identical_calls_at_a_strict_level(&bank).await;
}

async fn identical_calls_at_a_strict_level<DB: BankDriver>(bank: &Bank<DB>) {
    let (service, gid) = (crediting(&StrictBank(bank.clone())), Gid::random());
    assert_eq!(join_all((0..30).map(|_| service.call(&gid, 30))).await, [Reply::Success; 30]);
}

#[tokio::test]
async fn a_strict_default_of_the_server_changes_nothing_on_postgres() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', \
               current_database()); END $$";
    Postgres::execute_outside(bank.pool(), sql).await.unwrap();
    the_barrier_holds(bank.another_pool(10).await).await;
}

#[tokio::test]
async fn a_strict_default_of_the_server_changes_nothing_on_mysql() {
    let Some(server) = server::own_mysql_with(&["--transaction-isolation=SERIALIZABLE"]).await else { return };
    the_barrier_holds(Bank::<MySql>::on(TestDatabase::on(&server).await, 10).await).await;
}
