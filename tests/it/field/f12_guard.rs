//! The guard misread `\'`: it refused an ordinary statement, or the commit failed with an untrue reason.

use branchwire::prelude::*;
use branchwire_tests::bank::{Bank, BankDriver};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{MySql, Postgres};

/// Runs statements in a transaction, and commits.
async fn run<DB: BankDriver>(bank: &Bank<DB>, sql: &'static str) -> Result<(), String> {
    let mut tx = Tx::begin(bank).await.map_err(|error| error.to_string())?;
    DB::execute(&mut tx, sql).await.map_err(|error| format!("{sql}: {error}"))?;
    tx.commit().await.map_err(|error| format!("{sql}: {error:?}"))
}

#[tokio::test]
async fn f12_ordinary_statements_with_a_backslash_run_and_commit_on_mysql() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    MySql::execute_outside(bank.pool(), "CREATE TABLE notes (t TEXT)").await.unwrap();
    for sql in [
        r"INSERT INTO notes VALUES ('it\'s done; start again')",
        r#"INSERT INTO notes VALUES ("it\"s done; start again")"#,
        r"SELECT t FROM notes WHERE t = 'it\'s; fine'",
        r"SELECT 'ends with \\'",
        "SELECT 1 -- it's; commit\n",
        "SELECT 1 # it's; commit\n",
        "SELECT `; commit`.t FROM notes AS `; commit`",
        "SELECT /*! STRAIGHT_JOIN */ t FROM notes",
        "SELECT /* it's; commit */ 1",
        "SET @transaction = 1; SET @autocommit := 2",
        "PREPARE s FROM 'SELECT 1'; EXECUTE s; DROP PREPARE s",
        "BEGIN NOT ATOMIC SELECT 1; END",
        "ANALYZE SELECT t FROM notes",
    ] {
        run(&bank, sql).await.unwrap();
    }
    for sql in ["/*!50000 COMMIT */", "/*M!100000 COMMIT */", "SELECT 1 /*!50000 ; COMMIT */", r"SELECT 'a\\'; COMMIT"]
    {
        let refused = run(&bank, sql).await.unwrap_err();
        assert!(refused.contains("`commit` is not allowed"), "{refused}");
    }
}

#[tokio::test]
async fn f12_a_session_without_backslash_escapes_is_read_as_it_is() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    MySql::execute_outside(bank.pool(), "CREATE TABLE notes (t TEXT)").await.unwrap();
    let options = MySqlPoolOptions::new().max_connections(1).after_connect(|conn, _| {
        Box::pin(async {
            let mode = sqlx::raw_sql("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'");
            mode.execute(conn).await.map(drop)
        })
    });
    let bank = bank.through(options.connect(bank.url()).await.unwrap());
    for sql in [r"INSERT INTO notes VALUES ('C:\')", r"SELECT t FROM notes WHERE t = 'C:\' AND t <> '; start'"] {
        run(&bank, sql).await.unwrap();
    }
    let kept: String = sqlx::query_scalar("SELECT t FROM notes").fetch_one(bank.pool()).await.unwrap();
    assert_eq!(kept, r"C:\");
}

#[tokio::test]
async fn f12_ordinary_texts_names_and_comments_run_and_commit_on_postgres() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    for sql in [
        r"SELECT E'it\'s; commit'",
        r"SELECT 'C:\', '; commit'",
        "SELECT $$; commit$$",
        "SELECT $tag$; $$ commit; $tag$",
        "/* a /* nested; */ commit; */ SELECT 1",
        "SELECT 1 AS \"; commit\"",
        "SELECT 1 -- it's; commit\n",
        r"SELECT U&'\0041; commit'",
        "SELECT 1 AS a$b$; SELECT 2 AS a$b$",
        "CREATE TABLE pg_temp.notes (t TEXT); DROP TABLE pg_temp.notes",
    ] {
        run(&bank, sql).await.unwrap();
    }
    for sql in [r"SELECT E'a\\'; COMMIT", "SELECT $t$'$t$; COMMIT", "/* /* */ */ COMMIT", "SELECT 1; /**/ COMMIT"] {
        let refused = run(&bank, sql).await.unwrap_err();
        assert!(refused.contains("`commit` is not allowed"), "{refused}");
    }
}
