//! Unfinished transactions are counted by pattern, without reading the finished ones. Those of a pattern and of a time are
//! listed without the others.

use std::time::Duration;

use branchwire::protocol::Status::{Prepared, Submitted, Succeed};
use branchwire_coordinator::engine::{Definition, Time};
use branchwire_coordinator::store::Attention::{self, Overdue, Parked, Retried};
use branchwire_coordinator::store::{Filter, Unfinished, Write};
use branchwire_tests::database::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row, SqliteConnection};

use super::{Fixture, LONG, US, change, gid, message, now, prepared, submitted};

/// A message that was created this long ago.
fn old(age: Duration) -> Definition {
    let created = now().as_millis() - i64::try_from(age.as_millis()).expect("a short time");
    Definition { created: Time::from_millis(created), ..message(&gid(), 1) }
}

/// A submitted message of this age that is due in an hour, with these records in its row.
fn waiting(age: Duration, ext_data: &str) -> Write {
    submitted(&Definition { ext_data: ext_data.to_owned(), ..old(age) }, "", age + LONG)
}

const RETRIED: &str = r#"{"calls":{"01/action":{"attempts":2,"answer":"unknown"}}}"#;

async fn what_is_unfinished_is_counted(fixture: Fixture) {
    let (parked, finished) = (gid(), gid());
    let minutes = Duration::from_mins;
    let nobody_to_ask = Definition { query_prepared: String::new(), ..old(minutes(3)) };
    fixture
        .write_all(&[
            prepared(&message(&gid(), 1), LONG),
            waiting(Duration::ZERO, RETRIED),
            waiting(minutes(10), RETRIED),
            // It is only delayed, and its client has named it "calls": not in trouble.
            waiting(minutes(20), r#"{"headers":{"calls":"\"calls\":{"}}"#),
            waiting(minutes(5), ""),
            prepared(&nobody_to_ask, minutes(3) + LONG),
            prepared(&Definition { query_prepared: String::new(), ..old(minutes(4)) }, minutes(4) + LONG),
            submitted(&message(&parked, 1), "", LONG),
            submitted(&message(&finished, 1), US, LONG),
        ])
        .await;
    fixture.write(Write::Park { gid: parked.into(), reason: "it makes no sense".to_owned() }).await;
    // It was due, and waits again: nothing but its client or an operator ends that.
    fixture.write(change(&nobody_to_ask.gid, (Prepared, ""), (Prepared, ""), LONG, &[])).await;
    fixture.write(change(&finished, (Submitted, US), (Succeed, ""), LONG, &["01"])).await;
    let mut counted = fixture.store.unfinished(now()).await.expect("the store answers");
    assert_eq!(counted.len(), 1, "{counted:?}");
    let of_messages = counted.remove(0);
    let age = Duration::from_millis(u64::try_from(of_messages.oldest_ms).expect("not in the future"));
    assert!(age + Duration::from_secs(2) >= minutes(20) && age < minutes(22), "{age:?}");
    let expected = Unfinished {
        trans_type: "msg".to_owned(),
        total: 8,
        parked: 1,
        prepared: 3,
        retried: 2,
        overdue: 2,
        oldest_ms: of_messages.oldest_ms,
    };
    assert_eq!(of_messages, expected);
    // The lists have the same number, page by page.
    for (attention, count) in [(Attention::Unfinished, 8), (Parked, 1), (Retried, 2), (Overdue, 2)] {
        let (mut filter, mut listed) = (needing(attention, 2), Vec::new());
        loop {
            let page = fixture.store.list(&filter).await.expect("the store answers");
            filter.position = page.last().map(|row| row.id);
            if page.is_empty() {
                break;
            }
            listed.extend(page.into_iter().map(|row| row.id));
        }
        assert_eq!(listed.len(), count, "{attention:?}");
        assert!(listed.is_sorted_by(|newer, older| newer > older), "{listed:?}");
    }
}

fn needing(attention: Attention, limit: u32) -> Filter {
    Filter { attention: Some((attention, now())), limit, ..Filter::default() }
}

super::on_each_store! { what_is_unfinished_is_counted, a_time_is_found_as_a_range_of_ids_though_clocks_differ }

/// The count and a list, as the planner gets them: with the conditions, and with columns that are in no index.
const LISTED: &str = "SELECT * FROM trans_global WHERE 1 = 1 AND status IN ('prepared', 'aborting', 'submitted') \
     AND protocol IN ('', 'http') AND (ext_data LIKE '%calls%') AND id + 0 < 100000 ORDER BY id + 0 DESC LIMIT 100";
const UNFINISHED: &str = "SELECT coalesce(trans_type, ''), count(CASE WHEN ext_data LIKE '%calls%' THEN 1 END), min(create_time) \
     FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted') AND protocol IN ('', 'http') \
     GROUP BY 1";

/// The list of one pattern, likewise.
const OF_PATTERN: &str =
    "SELECT * FROM trans_global WHERE 1 = 1 AND trans_type = 'saga' AND id < 1000000 ORDER BY id DESC LIMIT 50";

/// Makes three old sagas, many finished messages, and a few that are not.
fn many(numbers: &str, text: &str, time: &str) -> String {
    format!(
        "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time, options, \
         custom_data, next_cron_interval, next_cron_time, owner, ext_data) \
         SELECT {text}, CASE WHEN n <= 3 THEN 'saga' ELSE 'msg' END, CASE WHEN n > 19990 THEN 'submitted' ELSE 'succeed' END, '', 'http', {time}, {time}, '', '', \
         10, {time}, '', '' FROM {numbers}"
    )
}

async fn sagas_are_listed(fixture: &Fixture) {
    let filter = Filter { trans_type: "saga".to_owned(), limit: 50, ..Filter::default() };
    assert_eq!(fixture.store.list(&filter).await.expect("the store answers").len(), 3);
}

/// Rows of a minute each, but for one whose coordinator's clock was five minutes late.
async fn a_time_is_found_as_a_range_of_ids_though_clocks_differ(fixture: Fixture) {
    let minutes: Vec<u64> = (0..60).rev().map(|minute| if minute == 30 { 35 } else { minute }).collect();
    let writes: Vec<_> = minutes.iter().map(|minute| waiting(Duration::from_mins(*minute), "")).collect();
    fixture.write_all(&writes).await;
    let before = |minutes: u64| {
        let minutes = i64::try_from(minutes).expect("few");
        Some(Time::from_millis(now().as_millis() - minutes * 60_000 - 30_000))
    };
    for (from, to) in [(40, 20), (35, 34), (32, 31), (59, 58), (200, 100), (40, 0)] {
        let (created_from, created_to) = (before(from), before(to));
        let filter = Filter { created_from, created_to, limit: 100, ..Filter::default() };
        let listed = fixture.store.list(&filter).await.expect("the store answers").len();
        let expected = minutes.iter().filter(|minute| **minute <= from && **minute > to).count();
        assert_eq!(listed, expected, "from {from} to {to} minutes ago");
    }
    let none = Filter { created_to: before(200), limit: 100, ..Filter::default() };
    assert!(fixture.store.list(&none).await.expect("the store answers").is_empty());
}

#[tokio::test]
async fn what_is_due_and_taken_by_nobody_becomes_overdue() {
    let fixture = Fixture::on(TestDatabase::sqlite()).await;
    let age = |seconds| old(Duration::from_secs(seconds));
    fixture.write_all(&[submitted(&age(65), "", Duration::ZERO), submitted(&age(55), "", Duration::ZERO)]).await;
    assert_eq!(fixture.store.unfinished(now()).await.expect("the store answers")[0].overdue, 1);
}

#[tokio::test]
async fn the_count_and_the_list_on_sqlite_look_at_no_finished_one() {
    let fixture = Fixture::on(TestDatabase::sqlite()).await;
    let mut connection = SqliteConnection::connect(fixture.database.url()).await.expect("a connection");
    let numbers = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c)";
    sqlx::raw_sql(AssertSqlSafe(many(numbers, "'g' || n", "n"))).execute(&mut connection).await.expect("rows");
    for (sql, index) in
        [(UNFINISHED, "trans_global_due"), (LISTED, "trans_global_due"), (OF_PATTERN, "trans_global_pattern")]
    {
        // The words of its index.
        let sql = sql.replace("IN ('prepared', 'aborting', 'submitted')", "NOT IN ('succeed', 'failed')");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .fetch_all(&mut connection)
            .await
            .expect("a plan");
        assert!(plan.iter().any(|(.., step)| step.contains(index)), "{plan:?}");
    }
    sagas_are_listed(&fixture).await;
    assert_eq!(fixture.store.unfinished(now()).await.expect("the store answers")[0].total, 10);
}

#[tokio::test]
async fn the_count_and_the_list_on_postgres_look_at_no_finished_one() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let mut connection = PgConnection::connect(fixture.database.url()).await.expect("a connection");
    let numbers = "generate_series(1, 20000) AS n";
    sqlx::raw_sql(AssertSqlSafe(many(numbers, "'g' || n", "now()"))).execute(&mut connection).await.expect("rows");
    sqlx::raw_sql("ANALYZE trans_global").execute(&mut connection).await.expect("statistics");
    for sql in [UNFINISHED, LISTED, OF_PATTERN] {
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN {sql}")))
            .fetch_all(&mut connection)
            .await
            .expect("a plan");
        let plan = plan.join("\n");
        let indexes: &[&str] = match sql {
            OF_PATTERN => &["trans_global_pattern"],
            _ => &["trans_global_due", "status_next_cron_time"],
        };
        assert!(indexes.iter().any(|index| plan.contains(index)), "{plan}");
    }
    sagas_are_listed(&fixture).await;
    assert_eq!(fixture.store.unfinished(now()).await.expect("the store answers")[0].total, 10);
}

#[tokio::test]
async fn the_count_and_the_list_on_mysql_look_at_no_finished_one() {
    let Some(fixture) = Fixture::mysql().await else { return };
    let mut connection = MySqlConnection::connect(fixture.database.url()).await.expect("a connection");
    let numbers = "(SELECT seq AS n FROM seq_1_to_20000) AS numbers";
    sqlx::raw_sql(AssertSqlSafe(many(numbers, "concat('g', n)", "now()")))
        .execute(&mut connection)
        .await
        .expect("rows");
    sqlx::raw_sql("ANALYZE TABLE trans_global").execute(&mut connection).await.expect("statistics");
    for sql in [UNFINISHED, LISTED, OF_PATTERN] {
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_one(&mut connection).await;
        let key: Option<String> = plan.expect("a plan").get("key");
        let index = if sql == OF_PATTERN { "trans_global_pattern" } else { "status_next_cron_time" };
        assert_eq!(key.as_deref(), Some(index), "{sql}");
    }
    sagas_are_listed(&fixture).await;
    assert_eq!(fixture.store.unfinished(now()).await.expect("the store answers")[0].total, 10);
}
