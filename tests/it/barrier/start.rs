//! The start of a service: the table is created, or the error says what to do.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use branchwire::Database;
use branchwire::barrier::{SetUpError, set_up};
use branchwire::protocol::BarrierTable;
use branchwire_tests::bank::{Bank, BankDriver};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;
use futures_util::future::join_all;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{MySql, MySqlPool, PgPool, Pool, Postgres, Sqlite, SqlitePool};

crate::each::on_each_database! {
    a_bank_with_its_table_passes,
    a_bank_may_be_set_up_again,
}

/// A database of any pool.
#[derive(Debug)]
struct AnyPool<DB: BankDriver>(Pool<DB>);

impl<DB: BankDriver> Clone for AnyPool<DB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<DB: BankDriver> Database for AnyPool<DB> {
    type Driver = DB;

    fn pool(&self) -> &Pool<DB> {
        &self.0
    }
}

async fn a_bank_with_its_table_passes<DB: BankDriver>(bank: Bank<DB>) {
    assert_eq!(set_up(&bank).await.unwrap(), []);
}

async fn a_bank_may_be_set_up_again<DB: BankDriver>(bank: Bank<DB>) {
    set_up(&bank).await.unwrap();
    assert_eq!(set_up(&bank).await.unwrap(), []);
}

/// Many services that start at once on a database without the table all create it.
async fn a_missing_table_is_created<DB: BankDriver>(url: &str) {
    let db = AnyPool(DB::pool(url, 10).await);
    for set_up in join_all((0..20).map(|_| set_up(&db))).await {
        set_up.unwrap();
    }
    set_up(&db).await.unwrap();
}

#[tokio::test]
async fn a_missing_table_is_created_on_sqlite() {
    let database = TestDatabase::sqlite();
    a_missing_table_is_created::<Sqlite>(database.url()).await;
}

#[tokio::test]
async fn a_missing_table_is_created_on_postgres() {
    let Some(database) = TestDatabase::postgres().await else { return };
    a_missing_table_is_created::<Postgres>(database.url()).await;
}

#[tokio::test]
async fn a_missing_table_is_created_on_mysql() {
    let Some(server) = server::own_mysql().await else { return };
    a_missing_table_is_created::<MySql>(TestDatabase::on(&server).await.url()).await;
}

/// A user without rights gets the statement that an administrator has to run, and that statement is enough.
async fn missing_rights_are_named<DB: BankDriver>(administrator: &Bank<DB>, user: &AnyPool<DB>, name: &str) {
    let Err(error @ SetUpError::NoRight { grant, .. }) = set_up(user).await else {
        panic!("the rights are not missing")
    };
    assert!(error.to_string().contains(grant), "{error}");
    let grant = grant.replace("<user>", name);
    DB::execute_outside(administrator.pool(), &grant).await.unwrap();
    // The user may not create tables; that is enough, since the table exists.
    assert_eq!(set_up(user).await.unwrap(), []);
}

#[tokio::test]
async fn missing_rights_are_named_on_postgres() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let name = format!("user_{}", branchwire::Gid::random());
    Postgres::execute_outside(bank.pool(), &format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'")).await.unwrap();
    let options = PgConnectOptions::from_str(bank.url()).unwrap().username(&name).password("secret");
    let user = AnyPool(PgPool::connect_with(options).await.unwrap());
    missing_rights_are_named(&bank, &user, &name).await;
    user.pool().close().await;
    Postgres::execute_outside(bank.pool(), &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await.unwrap();
}

#[tokio::test]
async fn missing_rights_are_named_on_mysql() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    // At most 32 characters in MySQL.
    let name = format!("u{}", &branchwire::Gid::random().as_str()[1..]);
    let database = MySqlConnectOptions::from_str(bank.url()).unwrap().get_database().unwrap().to_owned();
    let create = format!("CREATE USER {name} IDENTIFIED BY 'secret'; GRANT SELECT ON {database}.* TO {name}");
    MySql::execute_outside(bank.pool(), &create).await.unwrap();
    let options = MySqlConnectOptions::from_str(bank.url()).unwrap().username(&name).password("secret");
    let user = AnyPool(MySqlPool::connect_with(options).await.unwrap());
    missing_rights_are_named(&bank, &user, &name).await;
    user.pool().close().await;
    MySql::execute_outside(bank.pool(), &format!("DROP USER {name}")).await.unwrap();
}

#[tokio::test]
async fn a_read_only_database_is_named_on_sqlite() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let options = SqliteConnectOptions::from_str(bank.url()).unwrap().create_if_missing(false).read_only(true);
    let reader = AnyPool(SqlitePool::connect_with(options).await.unwrap());
    let error = set_up(&reader).await.unwrap_err();
    assert!(matches!(error, SetUpError::Unfit { .. }), "{error:?}");
    assert!(error.to_string().contains("check the rights on the file and on its folder"), "{error}");
}

#[tokio::test]
async fn a_user_who_may_not_create_the_table_is_told_so() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let administrator = PgPool::connect(database.url()).await.unwrap();
    let name = format!("user_{}", branchwire::Gid::random());
    Postgres::execute_outside(&administrator, &format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'")).await.unwrap();
    let options = PgConnectOptions::from_str(database.url()).unwrap().username(&name).password("secret");
    let user = AnyPool(PgPool::connect_with(options).await.unwrap());
    let error = set_up(&user).await.unwrap_err();
    assert!(matches!(error, SetUpError::MayNotCreate { .. }), "{error:?}");
    // The error as a `main` that returns it prints it, without the line number in PostgreSQL's sources.
    let printed = format!("{error:?}");
    assert!(
        printed.contains("let an administrator run what `branchwire schema barrier --database postgres"),
        "{printed}"
    );
    assert!(printed.contains("permission denied") && !printed.contains(" at line "), "{printed}");
    // The printed statement is enough, and no other problem is reported.
    let script = BarrierTable::POSTGRES.script(Some(&format!("\"{name}\"")));
    Postgres::execute_outside(&administrator, &script).await.unwrap();
    assert_eq!(set_up(&user).await.unwrap(), []);
    user.pool().close().await;
    Postgres::execute_outside(&administrator, &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await.unwrap();
}

#[tokio::test]
async fn what_the_program_prints_for_an_administrator_is_enough_on_mysql() {
    let Some(server) = server::own_mysql().await else { return };
    let database = TestDatabase::on(&server).await;
    let administrator = MySqlPool::connect(database.url()).await.unwrap();
    MySql::execute_outside(&administrator, "CREATE USER 'shop'@'%' IDENTIFIED BY 'secret'").await.unwrap();
    let options = MySqlConnectOptions::from_str(database.url()).unwrap().username("shop").password("secret");
    let options = options.database("information_schema");
    let user = AnyPool(MySqlPool::connect_with(options).await.unwrap());
    let error = set_up(&user).await.unwrap_err();
    assert!(format!("{error:?}").contains("`branchwire schema barrier --database mysql"), "{error:?}");
    MySql::execute_outside(&administrator, &BarrierTable::MYSQL.script(Some("'shop'@'%'"))).await.unwrap();
    assert_eq!(set_up(&user).await.unwrap(), []);
}

/// What removes old rows, as the program prints it: comments that an administrator runs.
fn printed_removal(table: BarrierTable) -> String {
    let script = table.script(None);
    let comments = script.lines().filter_map(|line| line.strip_prefix("-- "));
    comments.filter(|comment| comment.starts_with("DELETE ")).collect::<Vec<_>>().join("\n")
}

/// The statements that an administrator runs against old rows remove these and no others, in each of the tables.
async fn old_rows_are_removed_by_the_printed_statements<DB: BankDriver>(
    bank: &Bank<DB>,
    table: BarrierTable,
    age: &str,
) {
    let (old, young, waiting) = (branchwire::Gid::random(), branchwire::Gid::random(), branchwire::Gid::random());
    let (barrier, kept) = if table == BarrierTable::SQLITE {
        ("dtm_barrier_barrier", "branchwire_kept")
    } else {
        ("dtm_barrier.barrier", "dtm_barrier.branchwire_kept")
    };
    let keep = |gid: &branchwire::Gid| format!("INSERT INTO {kept} (gid, branch_id, data) VALUES ('{gid}', '01', '7')");
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let send = |gid: &branchwire::Gid, state: &str, days: u128| {
        let (name, ms) = (table.outbox.name, now_ms - days * 24 * 60 * 60 * 1000);
        format!(
            "INSERT INTO {name} (gid, state, body, created_ms, due_ms, owner) VALUES ('{gid}', '{state}', '', {ms}, {ms}, '')"
        )
    };
    let execute = async |sql: &str| DB::execute_outside(bank.pool(), sql).await;
    for (gid, time) in [(&old, age), (&young, "CURRENT_TIMESTAMP")] {
        let insert = format!(
            "INSERT INTO {barrier} (trans_type, gid, branch_id, op, barrier_id, reason, create_time) \
             VALUES ('msg', '{gid}', '01', 'action', '01', 'action', {time})"
        );
        execute(&insert).await.unwrap();
        execute(&keep(gid)).await.unwrap();
    }
    for (gid, state, days) in [(&old, "sent", 32), (&young, "sent", 0), (&waiting, "waiting", 32)] {
        execute(&send(gid, state, days)).await.unwrap();
    }

    execute(&printed_removal(table)).await.unwrap();

    assert_eq!(bank.barrier_rows(&old).await, []);
    assert_eq!(bank.barrier_rows(&young).await.len(), 1);
    // Where a row is still there, there is no room for another one.
    for (insert, is_gone) in [
        (keep(&old), true),
        (keep(&young), false),
        (send(&old, "sent", 0), true),
        (send(&young, "sent", 0), false),
        (send(&waiting, "waiting", 0), false),
    ] {
        assert_eq!(execute(&insert).await.is_ok(), is_gone, "{insert}");
    }
}

#[tokio::test]
async fn old_rows_are_removed_by_the_printed_statements_on_each_database() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    old_rows_are_removed_by_the_printed_statements(&bank, BarrierTable::SQLITE, "datetime('now', '-31 days')").await;
    if let Some(bank) = Bank::<Postgres>::open().await {
        let age = "now() - interval '31 days'";
        old_rows_are_removed_by_the_printed_statements(&bank, BarrierTable::POSTGRES, age).await;
    }
    if let Some(bank) = Bank::<MySql>::open().await {
        let age = "NOW() - INTERVAL 32 DAY";
        old_rows_are_removed_by_the_printed_statements(&bank, BarrierTable::MYSQL, age).await;
    }
}

#[tokio::test]
async fn an_unreachable_database_is_told_apart() {
    let bank = Bank::<Sqlite>::open().await.unwrap();
    bank.pool().close().await;
    assert!(matches!(set_up(&bank).await, Err(SetUpError::Unreachable(_))));
}

#[tokio::test]
async fn a_table_that_is_not_dtms_is_told_apart() {
    let database = TestDatabase::sqlite();
    let db = AnyPool(SqlitePool::connect(database.url()).await.unwrap());
    Sqlite::execute_outside(db.pool(), "CREATE TABLE dtm_barrier_barrier (gid TEXT)").await.unwrap();
    assert!(matches!(set_up(&db).await, Err(SetUpError::Unusable(_))));

    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let sql = "ALTER TABLE dtm_barrier.barrier DROP CONSTRAINT uniq_barrier";
    Postgres::execute_outside(bank.pool(), sql).await.unwrap();
    assert!(matches!(set_up(&bank).await, Err(SetUpError::Unusable(_))));
}

/// The settings that are too weak.
async fn weak<DB: BankDriver>(db: &impl Database<Driver = DB>) -> Vec<&'static str> {
    set_up(db).await.unwrap().into_iter().map(|weak| weak.setting).collect()
}

#[tokio::test]
async fn settings_that_lose_commits_are_named_on_sqlite() {
    let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let db = AnyPool(options.clone().connect("sqlite::memory:").await.unwrap());
    assert_eq!(weak(&db).await, ["idle_timeout", "max_lifetime", "journal_mode"]);
    let db = AnyPool(options.idle_timeout(None).max_lifetime(None).connect("sqlite::memory:").await.unwrap());
    assert_eq!(weak(&db).await, ["journal_mode"]);
}

#[tokio::test]
async fn settings_that_lose_commits_are_named_on_postgres() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    let options = PgConnectOptions::from_str(bank.url()).unwrap().options([("synchronous_commit", "off")]);
    let db = AnyPool(PgPool::connect_with(options).await.unwrap());
    assert_eq!(weak(&db).await, ["synchronous_commit"]);
}

#[tokio::test]
async fn settings_that_lose_commits_are_named_on_mysql() {
    let Some(server) = server::own_mysql().await else { return };
    let bank = Bank::<MySql>::on(TestDatabase::on(&server).await, 10).await;
    MySql::execute_outside(bank.pool(), "SET GLOBAL innodb_flush_log_at_trx_commit = 2").await.unwrap();
    assert_eq!(weak(&bank).await, ["innodb_flush_log_at_trx_commit"]);
}

#[tokio::test]
async fn a_database_that_only_looks_like_postgres_is_refused_by_name() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let pool = PgPool::connect(database.url()).await.unwrap();
    // A server that reports this setting.
    let sql = "CREATE SCHEMA fake;
         CREATE FUNCTION fake.version() RETURNS text LANGUAGE sql AS $$ SELECT 'CockroachDB CCL v24.1.0' $$;
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = fake, pg_catalog', current_database()); END $$";
    Postgres::execute_outside(&pool, sql).await.unwrap();
    let db = AnyPool(PgPool::connect(database.url()).await.unwrap());
    let error = set_up(&db).await.unwrap_err();
    assert!(matches!(error, SetUpError::LookAlike { name: "CockroachDB", .. }), "{error:?}");
    assert!(error.to_string().contains("CockroachDB"), "{error}");
}

#[tokio::test]
async fn a_database_that_only_looks_like_mysql_is_refused_by_name() {
    let Some(server) = server::own_mysql_with(&["--version=8.0.30-Vitess"]).await else { return };
    let db = AnyPool(MySqlPool::connect(TestDatabase::on(&server).await.url()).await.unwrap());
    let error = set_up(&db).await.unwrap_err();
    assert!(matches!(error, SetUpError::LookAlike { name: "Vitess", .. }), "{error:?}");
}
