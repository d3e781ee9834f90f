//! MySQL: a business that committed by itself in a procedure, and then refused, was reported as rolled back.

use branchwire::prelude::*;
use branchwire::{MsgBranch, OrRefuse, QueryPrepared, Reply, ServiceUrl};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::service::Service;
use sqlx::MySql;

/// Takes 1 from the account, and commits.
const TAKE: &str =
    "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 WHERE user_id = 1; COMMIT; END";

/// The same, and then fails.
const TAKE_AND_FAIL: &str = "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 \
     WHERE user_id = 1; COMMIT; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not in stock'; END";

/// Commits, and begins another transaction.
const TAKE_AND_BEGIN: &str = "CREATE PROCEDURE take() BEGIN UPDATE user_account SET balance = balance - 1 \
     WHERE user_id = 1; COMMIT; START TRANSACTION; END";

/// How the business ends after the call of the procedure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    WorksOn,
    Refuses,
    GivesUp,
}

async fn bank(procedure: &str) -> Option<Bank<MySql>> {
    let bank = Bank::<MySql>::open().await?;
    MySql::execute_outside(bank.pool(), procedure).await.unwrap();
    Some(bank)
}

async fn business(tx: &mut Tx<Bank<MySql>>, end: End) -> Result<(), BranchError> {
    MySql::execute(tx, "CALL take()").await?;
    match end {
        End::WorksOn => Ok(MySql::credit(tx, OTHER_ACCOUNT, 1).await?),
        End::Refuses => None.or_refuse("not in stock"),
        End::GivesUp => Err(Retry::new("not now").into()),
    }
}

#[tokio::test]
async fn f01_a_branch_that_commits_by_itself_is_never_reported_as_applied_or_refused() {
    for procedure in [TAKE, TAKE_AND_FAIL, TAKE_AND_BEGIN] {
        for end in [End::WorksOn, End::Refuses, End::GivesUp] {
            let Some(bank) = bank(procedure).await else { return };
            let service = Service::new(&bank, move |tx, _| Box::pin(business(tx, end)));
            let gid = Gid::random();
            for _ in 0..2 {
                assert_eq!(service.call(&gid, 1).await, Reply::Retry, "{procedure} {end:?}");
            }
            assert_eq!(bank.balance(ACCOUNT).await, -1, "it is not repeated either");
            assert_eq!(bank.balance(OTHER_ACCOUNT).await, 0, "what ran after the early end is not committed");
            assert_eq!(bank.barrier_rows(&gid).await[0].4, "incomplete");
        }
    }
}

#[tokio::test]
async fn f01_a_sender_whose_business_commits_by_itself_is_not_told_that_nothing_happened() {
    for procedure in [TAKE, TAKE_AND_FAIL, TAKE_AND_BEGIN] {
        for end in [End::WorksOn, End::Refuses, End::GivesUp] {
            let Some(bank) = bank(procedure).await else { return };
            let service = Service::new(&bank, |_, _| Box::pin(async { Ok(()) }));
            let services = Services::default();
            services.host("http://bank", service.router());
            let coordinator = TestCoordinator::start(services).await;
            let client: Client = coordinator.client();
            let prepared = QueryPrepared::new(&ServiceUrl::new("http://bank").unwrap(), "/prepared");
            let told = client
                .msg(MsgBranch::url("http://bank/branch", &1).unwrap())
                .do_and_submit(prepared, &bank, async |tx| business(tx, end).await)
                .await;
            let Ok(Done::EndedEarly { gid }) = told else { panic!("{procedure} {end:?}: {told:?}") };
            assert_eq!(coordinator.wait(&gid).await, branchwire::protocol::Status::Succeed);
            assert_eq!(bank.balance(ACCOUNT).await, -1);
            coordinator.stop().await;
        }
    }
}
