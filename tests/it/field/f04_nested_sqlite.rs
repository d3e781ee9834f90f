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

/// On a server, the inner transaction waits for the one connection of the pool.
async fn ends_in_time<D: Database<Driver: branchwire::barrier::BarrierDialect>>(bank: &D) {
    let service = Service::new(bank, |_, _| Box::pin(async { Ok(()) }));
    let services = Services::default();
    services.host("http://bank", service.router());
    let coordinator = TestCoordinator::start(services).await;
    let client: Client = coordinator.client();
    let prepared = || QueryPrepared::new(&ServiceUrl::new("http://bank").unwrap(), "/prepared");
    let inner = async |_: &mut Tx<D>| {
        let nothing = async |_: &mut Tx<D>| Ok::<_, sqlx::Error>(());
        Box::pin(send(&client).do_and_submit(prepared(), bank, nothing)).await.map(drop)
    };
    let outer = Box::pin(send(&client).do_and_submit(prepared(), bank, inner)).await;
    let Err(NotDone::RolledBack(NotDone::NotStarted(NotStarted::Database(cause)))) = outer else { panic!("{outer:?}") };
    assert!(matches!(cause, sqlx::Error::PoolTimedOut), "{cause}");
    // No lock is left: the next one does not wait.
    let nothing = async |_: &mut Tx<D>| Ok::<_, sqlx::Error>(());
    let next = Box::pin(send(&client).do_and_submit(prepared(), bank, nothing)).await;
    assert!(matches!(next, Ok(Done::Submitted { .. })), "{next:?}");
    coordinator.stop().await;
}

#[derive(Clone, Database)]
struct PgBank(sqlx::PgPool);

#[tokio::test]
async fn f04_a_message_inside_a_message_on_one_connection_ends_on_postgres() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(2));
    let bank = PgBank(options.connect(database.url()).await.unwrap());
    branchwire::barrier::set_up(&bank).await.unwrap();
    ends_in_time(&bank).await;
}

#[derive(Clone, Database)]
struct MyBank(sqlx::MySqlPool);

#[tokio::test]
async fn f04_a_message_inside_a_message_on_one_connection_ends_on_mysql() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let options = sqlx::mysql::MySqlPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(2));
    let bank = MyBank(options.connect(database.url()).await.unwrap());
    branchwire::barrier::set_up(&bank).await.unwrap();
    ends_in_time(&bank).await;
}
