//! Tables and sessions in which statements do not what they say: a rollback that keeps the row, an insert without a row, a
//! statement that stays uncommitted.

use branchwire::barrier::{SetUpError, set_up};
use branchwire::prelude::*;
use branchwire::simulation::{BarrierDb, BarrierRow};
use branchwire::{Outbox, Reply};
use branchwire_coordinator::store::{self, Options};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::database::{TestDatabase, execute};
use branchwire_tests::server;
use branchwire_tests::service::Service;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{MySql, Postgres, Sqlite};

fn nobody() -> Client {
    Client::new("http://127.0.0.1:1").unwrap()
}

/// What the start says of this change to the tables: that of the service, and that of its outbox.
async fn after<DB: BankDriver>(bank: &Bank<DB>, sql: &str) -> [Result<(), SetUpError>; 2] {
    DB::execute_outside(bank.pool(), sql).await.unwrap();
    [set_up(bank).await.map(drop), Outbox::start(bank, &nobody()).await.map(drop)]
}

#[tokio::test]
async fn f06_a_table_that_keeps_what_was_rolled_back_is_refused() {
    for (table, is_of_the_barrier) in
        [("dtm_barrier.barrier", true), ("dtm_barrier.branchwire_kept", true), ("branchwire_outbox", false)]
    {
        let Some(server) = server::own_mysql().await else { return };
        let bank = Bank::<MySql>::on(TestDatabase::on(&server).await, 4).await;
        let [service, outbox] = after(&bank, &format!("ALTER TABLE {table} ENGINE = Aria")).await;
        let refused = if is_of_the_barrier { service } else { outbox }.expect_err(table);
        assert!(matches!(refused, SetUpError::Unfit { .. }), "{table}: {refused:?}");
        assert!(refused.to_string().contains("no transactions"), "{table}: {refused}");
    }
}

#[tokio::test]
async fn f06_a_table_whose_rules_or_triggers_change_what_is_written_is_refused() {
    let trigger = |table: &str, body: &str| {
        format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; \
             CREATE TRIGGER t BEFORE INSERT ON dtm_barrier.{table} FOR EACH ROW EXECUTE FUNCTION f()"
        )
    };
    for (sql, is_of_the_barrier) in [
        ("CREATE RULE r AS ON INSERT TO dtm_barrier.barrier DO INSTEAD NOTHING".to_owned(), true),
        ("CREATE RULE r AS ON INSERT TO dtm_barrier.branchwire_kept DO INSTEAD NOTHING".to_owned(), true),
        (trigger("barrier", "RETURN NULL;"), true),
        (trigger("barrier", "NEW.reason = 'action'; RETURN NEW;"), true),
        (trigger("branchwire_outbox", "RETURN NULL;"), false),
    ] {
        let Some(bank) = Bank::<Postgres>::open().await else { return };
        let [service, outbox] = after(&bank, &sql).await;
        let refused = if is_of_the_barrier { service } else { outbox }.expect_err(&sql);
        assert!(refused.to_string().contains("remove the triggers, rules and policies"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn f06_an_unlogged_table_is_named() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    for table in ["barrier", "branchwire_kept", "branchwire_outbox"] {
        let sql = format!("ALTER TABLE dtm_barrier.{table} SET UNLOGGED");
        Postgres::execute_outside(bank.pool(), &sql).await.unwrap();
    }
    let weak = set_up(&bank).await.unwrap();
    let named: Vec<_> = weak.iter().map(|weak| (weak.setting, weak.value.as_str())).collect();
    let tables = ["dtm_barrier.barrier", "dtm_barrier.branchwire_kept", "dtm_barrier.branchwire_outbox"];
    assert_eq!(named, tables.map(|table| ("UNLOGGED", table)));
}

#[tokio::test]
async fn f06_a_pool_that_makes_its_new_connections_weak_is_named() {
    let database = TestDatabase::sqlite();
    let bank = Bank::<Sqlite>::open().await.unwrap();
    let options = SqlitePoolOptions::new().max_connections(3).after_connect(|conn, _| {
        Box::pin(async { sqlx::raw_sql("PRAGMA synchronous = OFF").execute(conn).await.map(drop) })
    });
    let bank = bank.through(options.connect(database.url()).await.unwrap());
    let weak = set_up(&bank).await.unwrap();
    assert_eq!(weak.iter().map(|weak| weak.setting).collect::<Vec<_>>(), ["synchronous"]);
    assert!(weak[0].advice.contains("after_connect"), "{weak:?}");
}

#[tokio::test]
async fn f06_without_autocommit_no_statement_of_the_barrier_stays_uncommitted() {
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let options = MySqlPoolOptions::new()
        .max_connections(1)
        .after_connect(|conn, _| Box::pin(async { sqlx::raw_sql("SET autocommit = 0").execute(conn).await.map(drop) }));
    let other = bank.through(options.connect(bank.url()).await.unwrap());
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(MySql::credit(tx, ACCOUNT, amount).await?) }));
    let gid = Gid::random();
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    let row = BarrierRow {
        trans_type: "msg",
        gid: gid.as_str(),
        branch_id: "01",
        op: "action",
        barrier_id: "01",
        reason: "action",
    };
    let open = "SELECT COUNT(*) FROM information_schema.innodb_trx \
        JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE db = DATABASE()";
    let open = async || sqlx::query_scalar::<_, i64>(open).fetch_one(bank.pool()).await.unwrap();
    assert_eq!(other.durable_reason(row).await.unwrap().as_deref(), Some("action"));
    assert_eq!(open().await, 0, "a lock on the row would stay");
    assert!(other.change_reason(row, "incomplete").await.unwrap());
    assert_eq!(bank.barrier_rows(&gid).await[0].4, "incomplete");
}

#[tokio::test]
async fn f06_a_store_whose_tables_forget_or_have_no_transactions_is_refused_by_name() {
    for (is_mysql, sql, words) in [
        (true, "ALTER TABLE trans_global ENGINE = MyISAM", "`trans_global` is MyISAM"),
        (true, "ALTER TABLE trans_branch_op ENGINE = Aria", "`trans_branch_op` is Aria"),
        (false, "ALTER TABLE trans_global SET UNLOGGED", "`trans_global` is UNLOGGED"),
    ] {
        let database = if is_mysql { TestDatabase::mysql().await } else { TestDatabase::postgres().await };
        let Some(database) = database else { return };
        store::open(database.url(), &Options::default()).await.expect("it opens").close().await;
        execute(&database.url().parse().unwrap(), sql).await.unwrap();
        let refused = store::open(database.url(), &Options::default()).await.err().expect(sql).to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[tokio::test]
async fn f06_settings_that_only_change_how_statements_are_read_are_no_obstacle() {
    for setting in ["sql_mode = 'ORACLE'", "sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'", "sql_select_limit = 1"] {
        let Some(server) = server::own_mysql().await else { return };
        server.execute(&format!("SET GLOBAL {setting}")).await.unwrap();
        let bank = Bank::<MySql>::on(TestDatabase::on(&server).await, 4).await;
        Outbox::start(&bank, &nobody()).await.expect(setting).stop().await;
        let store = server.create_database("store").await.unwrap();
        store::open(&store, &Options::default()).await.expect(setting).close().await;
    }
}
