//! The schema version of our own tables in a DTM server's database.

use branchwire_coordinator::store::{self, Options};
use sqlx::{Connection, MySqlConnection, PgConnection};

use super::Fixture;

async fn tables_of_a_newer_version_are_refused(fixture: Fixture) {
    let url = fixture.database.url();
    let sql = "UPDATE branchwire_meta SET v = '2' WHERE k = 'schema_version'";
    let rows = if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        sqlx::query(sql).execute(&mut connection).await.expect("it is changed").rows_affected()
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("a connection");
        sqlx::query(sql).execute(&mut connection).await.expect("it is changed").rows_affected()
    };
    assert_eq!(rows, 1, "the start wrote it down");
    let refused = store::open(url, &Options::default()).await.err().expect("it is refused").to_string();
    assert!(refused.contains("schema version 2"), "{refused}");
}

async fn a_store_that_is_there_is_opened_again(fixture: Fixture) {
    super::open(fixture.database.url()).await.close().await;
    fixture.store.probe().await.expect("it can be written");
}

on_each_server! {
    tables_of_a_newer_version_are_refused,
    a_store_that_is_there_is_opened_again,
}
