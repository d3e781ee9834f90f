//! What only SQLite has.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use branchwire::barrier::WeakSetting;
use branchwire::protocol::Gid;
use branchwire::{CommitError, Database, Fault, Reply, Tx, barrier};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::service::Service;
use futures_util::future::join_all;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool};

/// A database of any pool.
#[derive(Debug, Clone)]
struct AnyPool(SqlitePool);

impl Database for AnyPool {
    type Driver = Sqlite;

    fn pool(&self) -> &SqlitePool {
        &self.0
    }
}

async fn pragma(pool: &SqlitePool, sql: &'static str) -> String {
    sqlx::query_scalar::<_, String>(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn the_check_sets_write_ahead_logging() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    assert_eq!(barrier::set_up(&bank).await.unwrap(), []);
    assert_eq!(pragma(bank.pool(), "PRAGMA journal_mode").await, "wal");
}

#[tokio::test]
async fn the_check_makes_every_connection_durable_whatever_its_pool_was_opened_with() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let options = SqliteConnectOptions::from_str(bank.url()).unwrap();
    let options = options.synchronous(SqliteSynchronous::Off).journal_mode(SqliteJournalMode::Wal);
    let weak = AnyPool(SqlitePoolOptions::new().min_connections(3).connect_with(options).await.unwrap());
    assert_eq!(settings(&weak, 3).await, vec![("0".to_owned(), "0".to_owned()); 3]);

    assert_eq!(barrier::set_up(&weak).await.unwrap(), []);
    // Only Apple's systems support `fullfsync`.
    let full = if cfg!(target_vendor = "apple") { "1" } else { "0" };
    // The existing connections, and new ones.
    assert_eq!(settings(&weak, 6).await, vec![("2".to_owned(), full.to_owned()); 6]);
}

#[tokio::test]
async fn checks_at_once_do_not_wait_for_each_other() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let options = SqliteConnectOptions::from_str(bank.url()).unwrap();
    let pool = SqlitePoolOptions::new().max_connections(3).acquire_timeout(Duration::from_secs(5));
    let bank = AnyPool(pool.connect_with(options).await.unwrap());
    drop(settings(&bank, 3).await);
    let checks = (0..8).map(|_| barrier::set_up(&bank));
    for weak in futures_util::future::try_join_all(checks).await.unwrap() {
        assert_eq!(weak, []);
    }
}

#[tokio::test]
async fn the_check_names_connections_that_it_cannot_set() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let options = SqliteConnectOptions::from_str(bank.url()).unwrap();
    let pool = SqlitePoolOptions::new().max_connections(3).acquire_timeout(Duration::from_millis(100));
    let busy = AnyPool(pool.connect_with(options).await.unwrap());
    drop(settings(&busy, 2).await);
    let in_use = busy.pool().acquire().await.unwrap();
    let [WeakSetting { setting: "synchronous", .. }] = &barrier::set_up(&busy).await.unwrap()[..] else {
        panic!("the one in use goes unseen");
    };
    drop(in_use);
}

/// `synchronous` and `fullfsync` of as many connections at once.
async fn settings(db: &AnyPool, connections: usize) -> Vec<(String, String)> {
    let mut held = Vec::new();
    let mut settings = Vec::new();
    for _ in 0..connections {
        let mut conn = db.pool().acquire().await.unwrap();
        let sql = "SELECT CAST(synchronous AS TEXT), CAST(fullfsync AS TEXT) FROM pragma_synchronous, pragma_fullfsync";
        settings.push(sqlx::query_as(sql).fetch_one(&mut *conn).await.unwrap());
        held.push(conn);
    }
    settings
}

/// A connection that can no longer write is not used again: the call goes on with another one.
#[tokio::test]
async fn f02_a_connection_that_may_only_read_is_replaced() {
    let bank = Bank::<Sqlite>::open().await.unwrap().another_pool(1).await;
    Sqlite::execute_outside(bank.pool(), "PRAGMA query_only = ON").await.unwrap();
    let service = Service::new(&bank, |tx, _| Box::pin(async { Ok(Sqlite::credit(tx, ACCOUNT, 1).await?) }));
    assert_eq!(service.call(&Gid::random(), 1).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, 1);
}

#[tokio::test]
async fn writers_of_one_file_take_turns_in_order() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    // Another pool of the same file uses the same queue.
    let banks = [bank.clone(), bank.another_pool(10).await];
    let order = Mutex::new(Vec::new());
    let first = Tx::begin(&bank).await.unwrap();
    let (banks, order) = (&banks, &order);
    let writers = join_all((0..40).map(async |number| {
        let tx = Tx::begin(&banks[number % 2]).await.unwrap();
        order.lock().unwrap().push(number);
        tx.commit().await.unwrap();
    }));
    let ((), _) = tokio::join!(
        async {
            // By now all of them wait in the queue.
            tokio::task::yield_now().await;
            first.commit().await.unwrap();
        },
        writers
    );
    assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_commit_is_no_success_and_leaves_nothing_open() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    Sqlite::execute_outside(
        bank.pool(),
        "CREATE TABLE entry (user_id INTEGER REFERENCES user_account DEFERRABLE INITIALLY DEFERRED)",
    )
    .await
    .unwrap();
    let bank = bank.another_pool(1).await;
    Sqlite::execute_outside(bank.pool(), "CREATE TEMPORARY TABLE the_first_connection (a)").await.unwrap();

    let mut tx = Tx::begin(&bank).await.unwrap();
    Sqlite::credit(&mut tx, ACCOUNT, 30).await.unwrap();
    Sqlite::execute(&mut tx, "INSERT INTO entry VALUES (3)").await.unwrap();
    assert!(matches!(tx.commit().await, Err(CommitError::Refused(_))));
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    Sqlite::execute_outside(bank.pool(), "SELECT * FROM the_first_connection")
        .await
        .expect("it was rolled back, and kept");

    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            Sqlite::credit(tx, ACCOUNT, amount).await?;
            Sqlite::execute(tx, "INSERT INTO entry VALUES (3)").await?;
            Ok(())
        })
    });
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, Reply::Retry);
    assert_eq!(bank.balance(ACCOUNT).await, 0);
    assert_eq!(bank.barrier_rows(&gid).await, []);
}

#[tokio::test]
async fn a_file_that_another_process_writes_is_a_conflict_and_no_failure() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let options = SqliteConnectOptions::from_str(bank.url()).unwrap().busy_timeout(Duration::ZERO);
    let impatient = AnyPool(SqlitePool::connect_with(options).await.unwrap());
    let mut other = SqliteConnection::connect(bank.url()).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();

    let error = Tx::begin(&impatient).await.unwrap_err();
    assert_eq!(Fault::of::<Sqlite>(&error), Fault::Conflict);
    let (service, gid) = (Service::new(&impatient, |_, _| Box::pin(async { Ok(()) })), Gid::random());
    assert_eq!(service.call(&gid, 30).await, Reply::Retry);
    assert_eq!(service.query_prepared(&gid).await, Reply::Ongoing);

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    assert_eq!(service.query_prepared(&gid).await, Reply::Refused);
}

/// A name in brackets hides nothing: it is a name in SQLite.
#[tokio::test]
async fn a_commit_behind_a_name_in_brackets_is_refused() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let mut tx = Tx::begin(&bank).await.unwrap();
    Sqlite::execute(&mut tx, "SELECT 1 AS [it's]; COMMIT; SELECT ''").await.unwrap_err();
    assert!(matches!(tx.commit().await, Err(CommitError::Failed(_))));
}

/// SQLite rolls the whole transaction back: later statements would commit alone.
#[tokio::test]
async fn a_rollback_by_a_trigger_leaves_no_half() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let sql = "CREATE TRIGGER deny BEFORE UPDATE ON user_account WHEN NEW.user_id = 2 BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    Sqlite::execute_outside(bank.pool(), sql).await.unwrap();
    let service = Service::new(&bank, |tx, amount| {
        Box::pin(async move {
            Sqlite::credit(tx, OTHER_ACCOUNT, amount).await.unwrap_err();
            Sqlite::credit(tx, ACCOUNT, amount).await.unwrap_err();
            Ok(())
        })
    });
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, Reply::Retry);
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (0, 0));
    assert_eq!(bank.barrier_rows(&gid).await, []);
}
