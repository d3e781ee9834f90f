//! Rows that a DTM server has left: our coordinator finishes its own patterns, and leaves the rest unchanged.

use std::collections::BTreeMap;

use branchwire_tests::database::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection};

use super::{Running, gid};
use crate::conformance::host::Host;

/// The rows of a submitted message with two branches of which one is done, a prepared one, a saga that goes on and one
/// that goes back, a TCC that confirms with nested branches, one that cancels and one that nobody submitted, and two that
/// are not ours. `NOW` and `BYTES` are replaced by the words of the database.
fn rows(gid: &str, host: &str) -> String {
    let global = "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time, \
                  options, custom_data, next_cron_interval, next_cron_time, owner, ext_data) VALUES ";
    let branch = "INSERT INTO trans_branch_op (gid, url, data, bin_data, branch_id, op, status, create_time, update_time) \
                  VALUES ";
    format!(
        r#"{global}
        ('{gid}', 'msg', 'submitted', '', 'http', NOW, NOW,
            '{{"retry_interval":1,"branch_headers":{{"x-user":"u"}},"concurrent":false}}', '', 0, NOW, 'a-dtm-server',
            '{{"headers":{{"x-token":"t"}}}}'),
        ('{gid}-prepared', 'msg', 'prepared', '{host}/{gid}/prepared', '', NOW, NOW,
            '{{"concurrent":false}}', '', NULL, NOW, '', NULL),
        ('{gid}-grpc', 'msg', 'submitted', '', 'grpc', NOW, NOW, '{{"concurrent":false}}', '', 10, NOW, '', ''),
        ('{gid}-saga', 'saga', 'submitted', '', 'http', NOW, NOW, '{{"concurrent":false}}', '', 10, NOW, '', ''),
        ('{gid}-back', 'saga', 'aborting', '', 'http', NOW, NOW, '{{"concurrent":true}}', '{{"concurrent":true}}', 10, NOW,
            '', ''),
        ('{gid}-tcc', 'tcc', 'submitted', '', 'http', NOW, NOW, '{{"concurrent":false}}', '', 10, NOW, '', ''),
        ('{gid}-cancel', 'tcc', 'aborting', '', 'http', NOW, NOW, '{{"concurrent":false}}', '', 10, NOW, '', ''),
        ('{gid}-open', 'tcc', 'prepared', '', 'http', NOW, NOW, '{{"timeout_to_fail":1,"concurrent":false}}', '', 10, NOW,
            '', ''),
        ('{gid}-xa', 'xa', 'submitted', '', 'http', NOW, NOW, '{{"concurrent":false}}', '', 10, NOW, '', '');
        {branch}
        ('{gid}', '{host}/{gid}/in', '', BYTES, '01', 'action', 'succeed', NOW, NOW),
        ('{gid}', '{host}/{gid}/in2', '', BYTES, '02', 'action', 'prepared', NOW, NOW),
        ('{gid}-prepared', '{host}/{gid}/in3', NULL, NULL, '01', 'action', 'prepared', NOW, NOW),
        ('{gid}-saga', '{host}/{gid}/a-undo', '', BYTES, '01', 'compensate', 'prepared', NOW, NOW),
        ('{gid}-saga', '{host}/{gid}/a', '', BYTES, '01', 'action', 'succeed', NOW, NOW),
        ('{gid}-saga', '{host}/{gid}/b-undo', '', BYTES, '02', 'compensate', 'prepared', NOW, NOW),
        ('{gid}-saga', '{host}/{gid}/b', '', BYTES, '02', 'action', 'prepared', NOW, NOW),
        ('{gid}-back', '{host}/{gid}/c-undo', '', BYTES, '01', 'compensate', 'prepared', NOW, NOW),
        ('{gid}-back', '{host}/{gid}/c', '', BYTES, '01', 'action', 'succeed', NOW, NOW),
        ('{gid}-back', '{host}/{gid}/d-undo', '', BYTES, '02', 'compensate', 'succeed', NOW, NOW),
        ('{gid}-back', '{host}/{gid}/d', '', BYTES, '02', 'action', 'failed', NOW, NOW),
        ('{gid}-tcc', '{host}/{gid}/x1', '', BYTES, '01', 'cancel', 'prepared', NOW, NOW),
        ('{gid}-tcc', '{host}/{gid}/c1', '', BYTES, '01', 'confirm', 'prepared', NOW, NOW),
        ('{gid}-tcc', '{host}/{gid}/x11', '', BYTES, '0101', 'cancel', 'prepared', NOW, NOW),
        ('{gid}-tcc', '{host}/{gid}/c11', '', BYTES, '0101', 'confirm', 'prepared', NOW, NOW),
        ('{gid}-tcc', '{host}/{gid}/x2', '', BYTES, '02', 'cancel', 'prepared', NOW, NOW),
        ('{gid}-tcc', '{host}/{gid}/c2', '', BYTES, '02', 'confirm', 'succeed', NOW, NOW),
        ('{gid}-cancel', '{host}/{gid}/x3', '', BYTES, '01', 'cancel', 'prepared', NOW, NOW),
        ('{gid}-cancel', '{host}/{gid}/c3', '', BYTES, '01', 'confirm', 'prepared', NOW, NOW),
        ('{gid}-open', '{host}/{gid}/x4', '', BYTES, '01', 'cancel', 'prepared', NOW, NOW),
        ('{gid}-open', '{host}/{gid}/c4', '', BYTES, '01', 'confirm', 'prepared', NOW, NOW),
        ('{gid}-grpc', 'grpc.example:80/in', '', NULL, '01', 'action', 'prepared', NOW, NOW)"#
    )
}

async fn is_taken_over(database: &TestDatabase, gid: &str, host: &Host) {
    let coordinator = Running::on(database.url()).await;
    coordinator.wait_status(gid, "succeed").await;
    coordinator.wait_status(&format!("{gid}-prepared"), "succeed").await;
    let call = |method: &str, path: &str, body: &str| (method.to_owned(), path.to_owned(), body.to_owned());
    coordinator.wait_status(&format!("{gid}-saga"), "succeed").await;
    coordinator.wait_status(&format!("{gid}-back"), "failed").await;
    coordinator.wait_status(&format!("{gid}-tcc"), "succeed").await;
    coordinator.wait_status(&format!("{gid}-cancel"), "failed").await;
    coordinator.wait_status(&format!("{gid}-open"), "failed").await;
    let calls: Vec<_> = host.calls(gid).into_iter().map(|call| (call.method, call.path, call.body)).collect();
    for expected in [
        call("POST", "/in2", "{}"),
        call("GET", "/prepared", ""),
        call("GET", "/in3", ""),
        call("POST", "/b", "{}"),
        call("POST", "/c-undo", "{}"),
        call("POST", "/c11", "{}"),
        call("POST", "/c1", "{}"),
        call("POST", "/x3", "{}"),
        call("POST", "/x4", "{}"),
    ] {
        assert!(calls.contains(&expected), "{expected:?} in {calls:?}");
    }
    assert_eq!(calls.len(), 9, "what was done is not called again: {calls:?}");
    let place = |path: &str| calls.iter().position(|call| call.1 == path);
    assert!(place("/c11") < place("/c1"), "a nested branch comes first: {calls:?}");
    let headers = &host.calls(gid).into_iter().find(|call| call.path == "/in2").expect("it was called").headers;
    assert_eq!((headers["x-token"].as_str(), headers["x-user"].as_str()), ("t", "u"));
    for other in ["grpc", "xa"] {
        let seen = coordinator.query(&format!("{gid}-{other}")).await;
        assert_eq!((&seen["transaction"]["status"], &seen["transaction"]["owner"]), (&"submitted".into(), &"".into()));
    }
    coordinator.stop().await;
}

/// Starts and stops a coordinator, which creates the tables.
async fn with_tables(database: &TestDatabase, host: &Host) -> String {
    Running::on(database.url()).await.stop().await;
    let gid = gid();
    host.script(&gid, BTreeMap::new());
    gid
}

#[tokio::test]
async fn a_dtm_servers_rows_on_postgres_are_taken_over() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let host = Host::start().await;
    let gid = with_tables(&database, &host).await;
    let rows = rows(&gid, &host.url).replace("NOW", "now()").replace("BYTES", "'{}'");
    let mut connection = PgConnection::connect(database.url()).await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut connection).await.expect("the rows");
    is_taken_over(&database, &gid, &host).await;
    let left: Vec<(String, bool, bool)> = sqlx::query_as(
        "SELECT status, finish_time IS NOT NULL, update_time IS NOT NULL FROM trans_global WHERE gid = $1",
    )
    .bind(&gid)
    .fetch_all(&mut connection)
    .await
    .expect("the row");
    assert_eq!(left, [("succeed".to_owned(), true, true)], "as a DTM server would have left it");
}

#[tokio::test]
async fn a_dtm_servers_rows_on_mysql_are_taken_over() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let host = Host::start().await;
    let gid = with_tables(&database, &host).await;
    let rows = rows(&gid, &host.url).replace("NOW", "now()").replace("BYTES", "'{}'");
    let mut connection = MySqlConnection::connect(database.url()).await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut connection).await.expect("the rows");
    is_taken_over(&database, &gid, &host).await;
    let left: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT status, finish_time IS NOT NULL, update_time IS NOT NULL FROM trans_global WHERE gid = ?",
    )
    .bind(&gid)
    .fetch_all(&mut connection)
    .await
    .expect("the row");
    assert_eq!(left, [("succeed".to_owned(), 1, 1)], "as a DTM server would have left it");
}
