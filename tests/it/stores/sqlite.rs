//! What only SQLite has: a file with a version.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::routing::any;
use branchwire_coordinator::store::{self, Options};
use branchwire_coordinator::{Builder, Coordinator};
use sqlx::{Connection, SqliteConnection};

use crate::coordinator::{Running, message};

/// A file with the first released tables (schema version 1, which the file does not name yet): a message that has
/// ended, one with two branches left of three, one that is prepared, and a topic. All addresses are at
/// `127.0.0.1:18491`.
const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/stores/data/sqlite-schema-1.db");

/// A copy of the old file, changed by `sql`.
async fn copy(directory: &Path, sql: String) -> PathBuf {
    let file = directory.join("copy.db");
    std::fs::copy(OLD, &file).expect("a copy");
    execute(&file, sql).await;
    file
}

async fn execute(file: &Path, sql: String) {
    let mut connection =
        SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("a connection");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("it is changed");
    connection.close().await.expect("it is closed");
}

/// The address of a host that answers 200 to all.
async fn host() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    let answer = any(async || r#"{"dtm_result":"SUCCESS"}"#);
    tokio::spawn(async { axum::serve(listener, Router::new().fallback_service(answer)).await });
    address
}

#[tokio::test]
async fn a_file_of_schema_version_1_is_migrated_keeps_its_rows_and_finishes_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = copy(
        directory.path(),
        format!(
            "UPDATE trans_branch_op SET url = replace(url, '127.0.0.1:18491', '{0}'); \
             UPDATE trans_global SET query_prepared = replace(query_prepared, '127.0.0.1:18491', '{0}'), \
             next_cron_time = 0 WHERE status <> 'succeed'",
            host().await
        ),
    )
    .await;
    let address = format!("sqlite://{}", file.display());

    let store = store::open(&address, &Options::default()).await.expect("it is migrated");
    let old = store.load("submitted").await.expect("an answer").expect("the row");
    let branches: Vec<_> = old.branches.iter().map(|b| (b.branch_id.as_str(), b.status.as_str())).collect();
    assert_eq!(branches, [("01", "succeed"), ("02", "prepared"), ("03", "prepared")]);
    assert_eq!(old.branches[0].bin_data, br#"{"amount":1}"#);
    assert!(old.options.contains(r#""x-user":"ü""#), "{}", old.options);
    let ended = store.load("ended").await.expect("an answer").expect("the row");
    assert_eq!((ended.status.as_str(), ended.finish_time), ("succeed", Some(1_795_893_696_786)));
    let topic = store.kv_get("topics", "t").await.expect("an answer").expect("the topic");
    assert!(topic.v.contains("/topic"), "{}", topic.v);
    store.close().await;

    let mut connection = SqliteConnection::connect(&address).await.expect("a connection");
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.expect("a version");
    assert_eq!(version, 4);
    connection.close().await.expect("it is closed");

    let coordinator = Running::start(Builder::store(Coordinator::builder(), &address)).await;
    for gid in ["submitted", "prepared"] {
        coordinator.wait_status(gid, "succeed").await;
    }
    coordinator.stop().await;
}

#[tokio::test]
async fn a_file_of_a_newer_schema_version_is_refused_and_stays_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = copy(directory.path(), "PRAGMA user_version = 5".to_owned()).await;
    let before = std::fs::read(&file).expect("the file");
    let address = format!("sqlite://{}", file.display());
    let refused = store::open(&address, &Options::default()).await.err().expect("it is refused").to_string();
    assert!(refused.contains("schema version 5") && refused.contains("or a newer one"), "{refused}");
    // The journal mode in the file's header may have changed, but the tables have not.
    let after = std::fs::read(&file).expect("the file");
    assert!(before[100..] == after[100..], "the file was changed");
}

/// What happens to the file of a running coordinator: it is moved to the second path, and the test moves it back.
type Removal = fn(&Path, &Path) -> std::io::Result<()>;

async fn acknowledges_nothing_into_a_removed_file(remove: Removal) {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, moved) = (directory.path().join("store.db"), directory.path().join("moved.db"));
    let address = format!("sqlite://{}", file.display());
    let coordinator = Running::start(Builder::store(Coordinator::builder(), &address)).await;
    let branch = [format!("http://{}/in", host().await)];
    coordinator.done("submit", &message("before", &branch)).await;
    coordinator.wait_status("before", "succeed").await;

    remove(&file, &moved).expect("it is removed");
    let answer = coordinator.post("submit", &message("meanwhile", &branch)).await;
    assert_eq!(answer.status(), 503, "{:?}", answer.text().await);
    assert_eq!(coordinator.ready().await, 503);

    std::fs::rename(&moved, &file).expect("it is put back");
    coordinator.done("submit", &message("after", &branch)).await;
    coordinator.wait_status("after", "succeed").await;
    assert_eq!(coordinator.ready().await, 200);
    coordinator.stop().await;
    let store = store::open(&address, &Options::default()).await.expect("it is opened");
    for (gid, kept) in [("before", true), ("meanwhile", false), ("after", true)] {
        assert_eq!(store.load(gid).await.expect("an answer").is_some(), kept, "{gid}");
    }
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_removed() {
    acknowledges_nothing_into_a_removed_file(|file, moved| std::fs::rename(file, moved)).await;
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_replaced() {
    acknowledges_nothing_into_a_removed_file(|file, moved| {
        std::fs::rename(file, moved)?;
        std::fs::copy(moved, file).map(drop)
    })
    .await;
}
