//! The schema version of our own tables in a DTM server's database.

use branchwire_coordinator::store::{self, Options};
use sqlx::{Connection, MySqlConnection, PgConnection};

use super::Fixture;

/// Executes a statement; returns how many rows it changed.
async fn execute(url: &str, sql: &'static str) -> u64 {
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("it is done").rows_affected()
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("a connection");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("it is done").rows_affected()
    }
}

async fn number(url: &str, sql: &'static str) -> i64 {
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("a connection");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
    }
}

async fn tables_of_a_newer_version_are_refused(fixture: Fixture) {
    let url = fixture.database.url();
    let rows = execute(url, "UPDATE branchwire_meta SET v = '3' WHERE k = 'schema_version'").await;
    assert_eq!(rows, 1, "the start wrote it down");
    let refused = store::open(url, &Options::default()).await.err().expect("it is refused").to_string();
    assert!(refused.contains("schema version 3"), "{refused}");
}

/// Those of the first release, and those of a DTM server, which have no version.
async fn older_tables_get_the_index_of_patterns_at_the_start(fixture: Fixture) {
    let url = fixture.database.url();
    let is_postgres = url.starts_with("postgres");
    let (drop, indexes) = if is_postgres {
        ("DROP INDEX trans_global_pattern", "SELECT count(*) FROM pg_indexes WHERE indexname = 'trans_global_pattern'")
    } else {
        (
            "ALTER TABLE trans_global DROP INDEX trans_global_pattern",
            "SELECT count(*) FROM information_schema.statistics WHERE table_schema = DATABASE() \
             AND index_name = 'trans_global_pattern'",
        )
    };
    for older in ["UPDATE branchwire_meta SET v = '1' WHERE k = 'schema_version'", "DROP TABLE branchwire_meta"] {
        execute(url, drop).await;
        execute(url, older).await;
        assert_eq!(number(url, indexes).await, 0);
        super::open(url).await.close().await;
        let version = "SELECT count(*) FROM branchwire_meta WHERE k = 'schema_version' AND v = '2'";
        assert_eq!((number(url, indexes).await, number(url, version).await), (1, 1), "{older}");
    }
}

async fn a_store_that_is_there_is_opened_again(fixture: Fixture) {
    super::open(fixture.database.url()).await.close().await;
    fixture.store.probe().await.expect("it can be written");
}

on_each_server! {
    tables_of_a_newer_version_are_refused,
    older_tables_get_the_index_of_patterns_at_the_start,
    a_store_that_is_there_is_opened_again,
}
