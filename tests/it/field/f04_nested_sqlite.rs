//! A message inside a message on one SQLite file waited for ever, and kept all other writers of the process waiting.

use std::time::Duration;

use branchwire::msg::NotStarted;
use branchwire::prelude::*;
use branchwire::{MsgBranch, QueryPrepared, Reply, ServiceUrl};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::service::Service;
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

const CAUSE: &str = "another transaction of this process holds this SQLite file";

#[derive(Clone, Database)]
struct Bank(SqlitePool);

/// A bank that waits one second for a connection.
async fn bank(database: &TestDatabase) -> Bank {
    let options = SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(1));
    let bank = Bank(options.connect(database.url()).await.unwrap());
    branchwire::barrier::set_up(&bank).await.unwrap();
    bank
}

fn send(client: &Client) -> branchwire::msg::Msg {
    client.msg(MsgBranch::url("http://bank/branch", &1).unwrap())
}

#[tokio::test]
async fn f04_a_message_inside_a_message_ends_with_its_cause() {
    let database = TestDatabase::sqlite();
    let bank = bank(&database).await;
    let service = Service::new(&bank, |_, _| Box::pin(async { Ok(()) }));
    let services = Services::default();
    services.host("http://bank", service.router());
    let coordinator = TestCoordinator::start(services).await;
    let client: Client = coordinator.client();
    let prepared = || QueryPrepared::new(&ServiceUrl::new("http://bank").unwrap(), "/prepared");
    let inner = async |_: &mut Tx<Bank>| {
        let nothing = async |_: &mut Tx<Bank>| Ok::<_, sqlx::Error>(());
        send(&client).do_and_submit(prepared(), &bank, nothing).await.map(drop)
    };
    let outer = send(&client).do_and_submit(prepared(), &bank, inner).await;
    let Err(NotDone::RolledBack(NotDone::NotStarted(NotStarted::Database(cause)))) = outer else {
        panic!("{outer:?}");
    };
    assert!(cause.to_string().contains(CAUSE), "{cause}");

    let other = send(&client).do_and_submit(prepared(), &bank, async |_| Ok::<_, sqlx::Error>(())).await;
    assert!(matches!(other, Ok(Done::Submitted { .. })), "the others get their turn: {other:?}");
    coordinator.stop().await;
}

#[tokio::test]
async fn f04_a_transaction_inside_a_branch_ends_with_its_cause() {
    let database = TestDatabase::sqlite();
    let bank = bank(&database).await;
    let (send, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let inside = bank.clone();
    let service = Service::new(&bank, move |_, _| {
        let (inside, send) = (inside.clone(), send.clone());
        Box::pin(async move {
            let begun = Tx::begin(&inside).await.map(drop);
            send.send(begun.as_ref().map_err(ToString::to_string).copied()).unwrap();
            Ok(begun?)
        })
    });
    assert_eq!(service.call(&Gid::random(), 1).await, Reply::Retry);
    let begun = heard.recv().await.unwrap();
    assert!(begun.as_ref().is_err_and(|error| error.contains(CAUSE)), "{begun:?}");
    Tx::begin(&bank).await.expect("the others get their turn").rollback().await.unwrap();
}
