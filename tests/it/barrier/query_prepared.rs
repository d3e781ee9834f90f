//! Query-prepared: has the local transaction of a message committed? It may be asked at any time.

use std::time::{Duration, Instant};

use branchwire::barrier::BarrierDialect;
use branchwire::protocol::Gid;
use branchwire::simulation::{self, BarrierKey, Entry};
use branchwire::{Database, Reply, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, StrictBank};
use branchwire_tests::service::Service;

crate::each::on_each_database! {
    a_message_without_local_transaction_failed_and_stays_so,
    a_committed_local_transaction_is_success,
    a_local_transaction_that_rolled_back_is_failure,
    the_question_waits_for_an_open_local_transaction,
    the_question_waits_for_a_serializable_local_transaction,
    an_open_local_transaction_is_ongoing_within_a_second,
    a_database_that_cannot_be_reached_is_no_failure,
    many_questions_at_once_agree,
}

/// How long a test's local transaction stays open while query-prepared is asked.
const OPEN: Duration = Duration::from_millis(200);

fn service<D: Database<Driver: BarrierDialect>>(bank: &D) -> Service {
    Service::new(bank, |_, _| Box::pin(async { Ok(()) }))
}

/// Begins the local transaction of a message.
async fn begin<D: Database<Driver: BarrierDialect>>(bank: &D, gid: &Gid) -> (Tx<D>, Entry) {
    simulation::enter(bank, &BarrierKey::local(gid.clone())).await.unwrap()
}

async fn a_message_without_local_transaction_failed_and_stays_so<DB: BankDriver>(bank: Bank<DB>) {
    let (service, gid) = (service(&bank), Gid::random());
    assert_eq!(service.query_prepared(&gid).await, Reply::Refused);
    // A local transaction that begins now must not commit: its message has failed.
    let (tx, entry) = begin(&bank, &gid).await;
    assert_eq!(entry, Entry::Repeat);
    tx.rollback().await.unwrap();
    assert_eq!(service.query_prepared(&gid).await, Reply::Refused);
}

pub(super) async fn a_committed_local_transaction_is_success<DB: BankDriver>(bank: Bank<DB>) {
    let (service, gid) = (service(&bank), Gid::random());
    let (mut tx, entry) = begin(&bank, &gid).await;
    assert_eq!(entry, Entry::Run);
    DB::credit(&mut tx, ACCOUNT, -30).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(service.query_prepared(&gid).await, Reply::Success);
    assert_eq!(service.query_prepared(&gid).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, -30);
}

async fn a_local_transaction_that_rolled_back_is_failure<DB: BankDriver>(bank: Bank<DB>) {
    let (service, gid) = (service(&bank), Gid::random());
    let (tx, _) = begin(&bank, &gid).await;
    tx.rollback().await.unwrap();
    assert_eq!(service.query_prepared(&gid).await, Reply::Refused);
}

pub(super) async fn the_question_waits_for_an_open_local_transaction<DB: BankDriver>(bank: Bank<DB>) {
    waits(&bank).await;
}

async fn the_question_waits_for_a_serializable_local_transaction<DB: BankDriver>(bank: Bank<DB>) {
    waits(&StrictBank(bank)).await;
}

async fn waits<D: Database<Driver: BarrierDialect>>(bank: &D) {
    let service = service(bank);
    for commits in [true, false] {
        let gid = Gid::random();
        let (tx, _) = begin(bank, &gid).await;
        let began = Instant::now();
        let end = async {
            tokio::time::sleep(OPEN).await;
            if commits { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
        };
        let question = async {
            let asked = Instant::now();
            match service.query_prepared(&gid).await {
                // On a busy machine the question may time out before the transaction ends, but never early.
                Reply::Ongoing if asked.elapsed() > Duration::from_millis(600) => service.query_prepared(&gid).await,
                reply => reply,
            }
        };
        let (reply, ()) = tokio::join!(question, end);
        assert_eq!(reply, if commits { Reply::Success } else { Reply::Refused }, "{:?}", began.elapsed());
    }
}

async fn an_open_local_transaction_is_ongoing_within_a_second<DB: BankDriver>(bank: Bank<DB>) {
    let (service, gid) = (service(&bank), Gid::random());
    let (mut tx, _) = begin(&bank, &gid).await;
    let asked = Instant::now();
    assert_eq!(service.query_prepared(&gid).await, Reply::Ongoing);
    // DTM's timeout is 3 seconds.
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());

    // Query-prepared has left nothing that would prevent the commit of the local transaction.
    DB::credit(&mut tx, ACCOUNT, -30).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(service.query_prepared(&gid).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, -30);
}

async fn a_database_that_cannot_be_reached_is_no_failure<DB: BankDriver>(bank: Bank<DB>) {
    bank.pool().close().await;
    assert_eq!(service(&bank).query_prepared(&Gid::random()).await, Reply::Retry);
}

pub(super) async fn many_questions_at_once_agree<DB: BankDriver>(bank: Bank<DB>) {
    let service = service(&bank);
    for gid in (0..10).map(|_| Gid::random()) {
        let local = async {
            let (tx, entry) = begin(&bank, &gid).await;
            if entry == Entry::Run { tx.commit().await.is_ok() } else { false }
        };
        let questions = futures_util::future::join_all((0..20).map(|_| service.query_prepared(&gid)));
        let (committed, replies) = tokio::join!(local, questions);
        let expected = if committed { Reply::Success } else { Reply::Refused };
        // An answer may be "unknown", but it may not be wrong.
        assert!(replies.iter().all(|reply| [expected, Reply::Ongoing].contains(reply)), "{committed} {replies:?}");
        assert_eq!(service.query_prepared(&gid).await, expected);
    }
}
