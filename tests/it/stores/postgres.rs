//! What only PostgreSQL has.

use branchwire::protocol::Status::Prepared;
use branchwire_coordinator::store::WriteOutcome::Applied;
use branchwire_tests::database::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{Fixture, LONG, gid, message, open, prepared};

/// The tables of a DTM server that matter here, in the schema of its own script.
const DTM: &str = "
    CREATE SCHEMA dtm;
    CREATE TABLE dtm.trans_global (
        id bigserial PRIMARY KEY, gid varchar(128) NOT NULL UNIQUE, trans_type varchar(45) NOT NULL,
        status varchar(45) NOT NULL, query_prepared varchar(1024) NOT NULL, protocol varchar(45) NOT NULL,
        create_time timestamptz(0), update_time timestamptz(0), finish_time timestamptz(0), rollback_time timestamptz(0),
        options varchar(1024) DEFAULT '', custom_data varchar(1024) DEFAULT '', next_cron_interval int,
        next_cron_time timestamptz(0), owner varchar(128) NOT NULL DEFAULT '', ext_data text,
        result varchar(1024) DEFAULT '', rollback_reason varchar(1024) DEFAULT '');
    CREATE TABLE dtm.trans_branch_op (
        id bigserial PRIMARY KEY, gid varchar(128) NOT NULL, url varchar(1024) NOT NULL, data text, bin_data bytea,
        branch_id varchar(128) NOT NULL, op varchar(45) NOT NULL, status varchar(45) NOT NULL,
        finish_time timestamptz(0), rollback_time timestamptz(0), create_time timestamptz(0),
        update_time timestamptz(0), UNIQUE (gid, branch_id, op));
    CREATE TABLE dtm.kv (
        id bigserial PRIMARY KEY, cat varchar(45) NOT NULL, k varchar(128) NOT NULL, v text, version bigint DEFAULT 1,
        create_time timestamptz(0), update_time timestamptz(0), UNIQUE (cat, k));
    INSERT INTO dtm.trans_global (gid, trans_type, status, query_prepared, protocol)
        VALUES ('of-dtm', 'msg', 'prepared', '', '');
    INSERT INTO dtm.trans_global (gid, trans_type, status, query_prepared, protocol)
        VALUES ('an-xa', 'xa', 'submitted', '', 'http'), ('over-grpc', 'msg', 'prepared', '', 'grpc'),
        ('an-old-xa', 'xa', 'succeed', '', 'http')";

#[tokio::test]
async fn a_dtm_servers_tables_are_found_in_its_own_schema() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let mut connection = PgConnection::connect(database.url()).await.expect("a connection");
    sqlx::raw_sql(DTM).execute(&mut connection).await.expect("a DTM server's tables");
    let fixture = Fixture::on(database).await;
    let row = fixture.store.load("of-dtm").await.expect("the store answers").expect("the row");
    assert_eq!((row.status.as_str(), row.options.as_str(), row.next_cron_time), (Prepared.as_str(), "", 0));
    assert_eq!(fixture.store.left_to_others().await, Ok(2));
    assert_eq!(fixture.write(prepared(&message(&gid(), 1), LONG)).await, Applied);
    let counts: (i64, bool) =
        sqlx::query_as("SELECT (SELECT count(*) FROM dtm.trans_global), to_regclass('public.trans_global') IS NULL")
            .fetch_one(&mut connection)
            .await
            .expect("an answer");
    assert_eq!(counts, (5, true));
}

#[tokio::test]
async fn coordinators_that_start_together_on_an_empty_database_do_not_collide() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let url = database.url();
    let stores = futures_util::future::join_all((0..8).map(|_| open(url))).await;
    assert_eq!(stores[0].left_to_others().await, Ok(0));
}

/// Also of a connection that is refused when the store has lost its own: sqlx shows the line of the server's C sources.
#[tokio::test]
async fn its_errors_have_the_servers_words_and_code_and_no_line_of_its_sources() {
    let Some(server) = branchwire_tests::server::postgres().await else { return };
    let fixture = Fixture::on(TestDatabase::on(server).await).await;
    let name = fixture.database.url().rsplit('/').next().expect("a name").to_owned();
    let mut administrator = PgConnection::connect(server.url().as_str()).await.expect("a connection");
    let away = format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    sqlx::raw_sql(AssertSqlSafe(away)).execute(&mut administrator).await.expect("nobody can connect");
    let written = fixture.store.write(&[prepared(&message(&gid(), 1), LONG)]).await;
    let error = written.expect_err("the database takes no connections").to_string();
    let read = fixture.store.load("any").await.expect_err("nor for a read").to_string();
    for said in [&error, &read] {
        assert!(said.contains("not currently accepting connections (55000)") || said.contains("(57P01)"), "{said}");
        assert!(!said.contains(" at line "), "{said}");
    }
    let back = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    sqlx::raw_sql(AssertSqlSafe(back)).execute(&mut administrator).await.expect("everybody can connect");
}
