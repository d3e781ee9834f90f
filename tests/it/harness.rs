//! The test databases themselves.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;
use sqlx::{Connection, MySqlConnection, PgConnection, SqliteConnection};

#[tokio::test]
async fn a_sqlite_database_is_created_and_removed() {
    let database = TestDatabase::sqlite();
    let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
    sqlx::query("CREATE TABLE t (a INTEGER)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let url = database.url().replace("mode=rwc", "mode=rw");
    SqliteConnection::connect(&url).await.unwrap().close().await.unwrap();
    drop(database);
    SqliteConnection::connect(&url).await.unwrap_err();
}

#[tokio::test]
async fn two_postgres_databases_are_not_one() {
    let (Some(one), Some(two)) = (TestDatabase::postgres().await, TestDatabase::postgres().await) else { return };
    let mut one = PgConnection::connect(one.url()).await.unwrap();
    let mut two = PgConnection::connect(two.url()).await.unwrap();
    sqlx::query("CREATE TABLE t (a INTEGER)").execute(&mut one).await.unwrap();
    sqlx::query("SELECT * FROM t").execute(&mut two).await.unwrap_err();
}

#[tokio::test]
async fn two_mysql_databases_are_not_one() {
    let (Some(one), Some(two)) = (TestDatabase::mysql().await, TestDatabase::mysql().await) else { return };
    let mut one = MySqlConnection::connect(one.url()).await.unwrap();
    let mut two = MySqlConnection::connect(two.url()).await.unwrap();
    sqlx::query("CREATE TABLE t (a INTEGER)").execute(&mut one).await.unwrap();
    sqlx::query("SELECT * FROM t").execute(&mut two).await.unwrap_err();
}

/// The feature for users' tests: two empty databases in one line, removed afterwards.
#[tokio::test]
async fn two_databases_of_a_users_test_are_separate_and_removed_with_it() {
    use branchwire_coordinator::testing::TestDatabase;

    let create = "CREATE TABLE t (a INTEGER)";
    let [one, two] = TestDatabase::sqlite().await;
    sqlx::raw_sql(create).execute(&one.pool()).await.unwrap();
    sqlx::raw_sql("SELECT * FROM t").execute(&two.pool()).await.unwrap_err();

    if let Some(server) = server::postgres().await {
        let [one, two] = TestDatabase::postgres(server.url().as_str()).await;
        sqlx::raw_sql(create).execute(&one.pool()).await.unwrap();
        sqlx::raw_sql("SELECT * FROM t").execute(&two.pool()).await.unwrap_err();
        let options = (*one.pool().connect_options()).clone();
        drop((one, two));
        sqlx::PgPool::connect_with(options).await.unwrap_err();
    }
    if let Some(server) = server::mysql().await {
        let [one, two] = TestDatabase::mysql(server.url().as_str()).await;
        sqlx::raw_sql(create).execute(&one.pool()).await.unwrap();
        sqlx::raw_sql("SELECT * FROM t").execute(&two.pool()).await.unwrap_err();
        let options = (*one.pool().connect_options()).clone();
        drop((one, two));
        sqlx::MySqlPool::connect_with(options).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_test_server_keeps_what_it_acknowledged() {
    let Some(postgres) = TestDatabase::postgres().await else { return };
    let mut postgres = PgConnection::connect(postgres.url()).await.unwrap();
    for setting in ["fsync", "synchronous_commit"] {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut postgres).await.unwrap();
        assert_eq!(value, "on", "{setting}");
    }
    let Some(mysql) = TestDatabase::mysql().await else { return };
    let mut mysql = MySqlConnection::connect(mysql.url()).await.unwrap();
    let value: u64 = sqlx::query_scalar("SELECT @@innodb_flush_log_at_trx_commit").fetch_one(&mut mysql).await.unwrap();
    assert_eq!(value, 1);
}

/// In a test process that another one starts in order to kill it.
const TO_BE_KILLED: &str = "BRANCHWIRE_TEST_TO_BE_KILLED";

#[tokio::test]
async fn a_killed_test_process_leaves_no_server() {
    let (Some(postgres), Some(mysql)) = (server::postgres().await, server::mysql().await) else { return };
    if std::env::var_os(TO_BE_KILLED).is_some() {
        println!("\nurls {} {}", postgres.url(), mysql.url());
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }

    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "harness::a_killed_test_process_leaves_no_server"])
        .env(TO_BE_KILLED, "")
        .env_remove("BRANCHWIRE_POSTGRES_URL")
        .env_remove("BRANCHWIRE_MYSQL_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let urls = lines.find_map(|line| Some(line.strip_prefix("urls ")?.to_owned())).unwrap();
    let (postgres, mysql) = urls.split_once(' ').unwrap();
    PgConnection::connect(postgres).await.unwrap().close().await.unwrap();
    MySqlConnection::connect(mysql).await.unwrap().close().await.unwrap();

    process.kill().unwrap();
    process.wait().unwrap();
    let killed = Instant::now();
    while PgConnection::connect(postgres).await.is_ok() || MySqlConnection::connect(mysql).await.is_ok() {
        assert!(killed.elapsed() < Duration::from_secs(10), "{urls} are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
