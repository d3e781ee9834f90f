//! What only MySQL and MariaDB have.

use std::sync::Arc;
use std::time::Duration;

use branchwire::protocol::Gid;
use branchwire::protocol::Status::{Submitted, Succeed};
use branchwire_coordinator::engine::Time;
use branchwire_coordinator::store::WriteOutcome::Applied;
use branchwire_coordinator::store::{self, Options, StoreError, Take};
use branchwire_tests::database::TestDatabase;
use sqlx::{Connection, MySqlConnection};

use super::{Fixture, LONG, US, change, gid, message, now, open, prepared, statuses, submitted};

/// A DTM server's main table, with MySQL's default collation.
const DTM: &str = "
    CREATE TABLE trans_global (
        id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, gid varchar(128) NOT NULL UNIQUE, trans_type varchar(45) NOT NULL,
        status varchar(12) NOT NULL, query_prepared varchar(1024) NOT NULL, protocol varchar(45) NOT NULL,
        create_time datetime, update_time datetime, finish_time datetime, rollback_time datetime,
        options varchar(1024) DEFAULT '', custom_data varchar(1024) DEFAULT '', next_cron_interval int,
        next_cron_time datetime, owner varchar(128) NOT NULL DEFAULT '', ext_data text,
        result varchar(1024) DEFAULT '', rollback_reason varchar(1024) DEFAULT '',
        KEY status_next_cron_time (status, next_cron_time)
    ) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci";

#[tokio::test]
async fn another_gid_that_compares_as_equal_is_an_error_and_not_a_repeat() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let mut connection = MySqlConnection::connect(database.url()).await.expect("a connection");
    sqlx::raw_sql(DTM).execute(&mut connection).await.expect("a DTM server's table");
    let fixture = Fixture::on(database).await;
    let (small, large) = (Gid::new("order-1").expect("a gid"), Gid::new("Order-1").expect("a gid"));
    assert_eq!(fixture.write(prepared(&message(&small, 1), LONG)).await, Applied);
    let error = fixture.store.write(&[prepared(&message(&large, 2), LONG)]).await.expect_err("it is taken");
    assert!(matches!(error, StoreError::Data(_)), "{error}");
    let error = fixture.store.load(large.as_str()).await.expect_err("another one's row");
    assert!(matches!(error, StoreError::Data(_)), "{error}");
    assert_eq!(fixture.row(&small).await.branches.len(), 1);
}

#[tokio::test]
async fn times_are_in_the_zone_that_is_given() {
    let Some(database) = TestDatabase::mysql().await else { return };
    // The time zones of Shanghai and of eastern Canada.
    for time_zone_s in [28_800, -12_600] {
        let store =
            store::open(database.url(), &Options { time_zone_s, ..Options::default() }).await.expect("the store opens");
        let fixture = Fixture { store: Arc::clone(&store), database: TestDatabase::sqlite() };
        let gid = gid();
        fixture.write(submitted(&message(&gid, 1), "", Duration::ZERO)).await;
        assert_eq!(fixture.take(US, LONG, 100).await, [gid.as_str()]);
        fixture.write(change(&gid, (Submitted, US), (Succeed, ""), LONG, &["01"])).await;

        let mut connection = MySqlConnection::connect(database.url()).await.expect("a connection");
        let ahead: (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), g.create_time), \
             TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), g.finish_time), \
             TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), g.next_cron_time), \
             TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), b.finish_time) \
             FROM trans_global g JOIN trans_branch_op b ON b.gid = g.gid WHERE g.gid = ?",
        )
        .bind(gid.as_str())
        .fetch_one(&mut connection)
        .await
        .expect("the row");
        let zone = i64::from(time_zone_s);
        for (what, ahead, expected) in [
            ("create_time", ahead.0, zone),
            ("finish_time", ahead.1, zone),
            ("next_cron_time", ahead.2, zone + 3_600),
            ("the branch's finish_time", ahead.3, zone),
        ] {
            assert!(ahead.abs_diff(expected) < 10, "{what}: {ahead} s, not {expected} s");
        }
        let row = fixture.row(&gid).await;
        let read = Time::from_millis(row.create_time);
        assert!(read.as_millis().abs_diff(now().as_millis()) < 10_000, "{read:?}");
    }
}

#[tokio::test]
async fn a_zone_by_which_rows_were_changed_in_the_future_is_refused() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let store = store::open(database.url(), &Options { time_zone_s: 28_800, ..Options::default() })
        .await
        .expect("the store opens");
    store.write(&[prepared(&message(&gid(), 1), LONG)]).await.expect("it is written");
    let error = store::open(database.url(), &Options::default()).await.err().expect("it is refused");
    assert!(error.to_string().contains("time zone"), "{error}");
}

#[tokio::test]
async fn times_do_not_end_in_2037() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let store = open(database.url()).await;
    let fixture = Fixture { store, database };
    let gid = gid();
    let years = Duration::from_hours(24 * 365 * 40);
    fixture.write(prepared(&message(&gid, 1), years + LONG)).await;
    let now = now();
    let row = fixture.row(&gid).await;
    assert!(Time::from_millis(row.next_cron_time) > now.after(years), "{}", row.next_cron_time);
    let take = Take { now, until: now.after(LONG), owner: US.to_owned(), limit: 1 };
    let taken = fixture.store.take_due(&take).await.expect("the store answers");
    assert!(taken.rows.is_empty() && taken.next_due > Some(now.after(years)), "{taken:?}");
}

/// A commit that changes nothing would not wait for the log.
#[tokio::test]
async fn to_settle_is_to_write_something_each_time() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let store = store::open(database.url(), &Options::default()).await.expect("the store opens");
    for times in 1_i64..=3 {
        store.ensure_durable().await.expect("it is on disk");
        let mut connection = MySqlConnection::connect(database.url()).await.expect("a connection");
        let version: i64 = sqlx::query_scalar("SELECT version FROM kv WHERE cat = 'branchwire' AND k = 'settle'")
            .fetch_one(&mut connection)
            .await
            .expect("its entry");
        assert_eq!(version, times);
    }
}

/// Another transaction that holds the lock of a row.
struct Locked(MySqlConnection);

impl Locked {
    async fn row(fixture: &Fixture, gid: &Gid) -> Self {
        let mut connection = MySqlConnection::connect(fixture.database.url()).await.expect("a connection");
        sqlx::raw_sql("START TRANSACTION").execute(&mut connection).await.expect("it begins");
        sqlx::query("SELECT id FROM trans_global WHERE gid = ? FOR UPDATE")
            .bind(gid.as_str())
            .fetch_one(&mut connection)
            .await
            .expect("its lock");
        Self(connection)
    }

    /// Returns the connection that waits for the lock, once there is one.
    async fn waiter(&mut self) -> u64 {
        loop {
            let waiter = sqlx::query_scalar(
                "SELECT CAST(trx_mysql_thread_id AS unsigned) FROM information_schema.innodb_trx t \
                 JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id \
                 WHERE trx_state = 'LOCK WAIT' AND p.db = DATABASE()",
            );
            if let Some(waiter) = waiter.fetch_optional(&mut self.0).await.expect("the server answers") {
                return waiter;
            }
            // The server renews this table only if nobody has read it for 100 ms.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}

#[tokio::test]
async fn a_batch_whose_connection_dies_in_the_middle_is_written_whole() {
    let Some(fixture) = Fixture::mysql().await else { return };
    let gids: Vec<_> = (0..5).map(|_| gid()).collect();
    let begun: Vec<_> = gids.iter().map(|gid| submitted(&message(gid, 1), US, LONG)).collect();
    fixture.write_all(&begun).await;
    let new = gid();
    let mut batch: Vec<_> = gids.iter().map(|gid| change(gid, (Submitted, US), (Succeed, ""), LONG, &["01"])).collect();
    batch.push(prepared(&message(&new, 1), LONG));

    let mut locked = Locked::row(&fixture, &gids[3]).await;
    let store = fixture.store.clone();
    let written = tokio::spawn(async move { store.write(&batch).await });
    let waiter = locked.waiter().await;
    // It has created the new one already, and maybe changed some of the others.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("KILL {waiter}"))).execute(&mut locked.0).await.expect("it is killed");
    locked.0.close().await.expect("the lock ends");
    assert_eq!(written.await.expect("no panic"), Ok(vec![Applied; 6]));
    for gid in &gids {
        let row = fixture.row(gid).await;
        assert_eq!((row.status.as_str(), statuses(&row)), ("succeed", vec!["succeed"]));
    }
    assert_eq!(fixture.row(&new).await.branches.len(), 1);
}
