//! The inserts of the barrier and of the outbox that a session of PostgreSQL keeps under a name, and may lose.

use branchwire::simulation::{BarrierDb, BarrierRow, BarrierTx, OutboxDb, OutboxRow, OutboxState, Wait};
use branchwire::{Database, Gid};
use branchwire_tests::bank::Bank;
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::{self, Server};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Postgres};

/// The names of both statements.
const NAMES: [&str; 2] = ["branchwire_barrier_1", "branchwire_outbox_1"];

/// Begins a transaction with a barrier row of this gid, and commits it; then one with an outbox row. Whether the rows were
/// new.
async fn begin_with_both(bank: &Bank<Postgres>, gid: &Gid) -> [bool; 2] {
    let gid = gid.as_str();
    let row = BarrierRow { trans_type: "msg", gid, branch_id: "01", op: "action", barrier_id: "01", reason: "action" };
    let (tx, in_barrier) = bank.begin_with(Wait::Default, row).await.unwrap();
    BarrierTx::commit(tx).await.unwrap();
    let row = OutboxRow { gid, state: OutboxState::Waiting, body: "{}", owner: "a", due_in_ms: 60_000 };
    let (tx, in_outbox) = bank.begin_with_message(Wait::Default, row).await.unwrap();
    BarrierTx::commit(tx).await.unwrap();
    [in_barrier, in_outbox]
}

/// Both rows are new the first time and are found the second time, whatever has become of the statements.
async fn both_work(bank: &Bank<Postgres>) {
    let gid = Gid::random();
    assert_eq!(begin_with_both(bank, &gid).await, [true, true]);
    assert_eq!(begin_with_both(bank, &gid).await, [false, false]);
}

/// How many of the two statements the session of a pool with one connection has.
async fn kept(pool: &PgPool) -> i64 {
    let sql = "SELECT count(*) FROM pg_prepared_statements WHERE name = ANY($1)";
    sqlx::query_scalar(sql).bind(NAMES).persistent(false).fetch_one(pool).await.unwrap()
}

/// A server, and a bank on it that is set up.
struct Scene {
    bank: Bank<Postgres>,
    server: Server,
    /// How long the log was then. (A statement cannot be prepared before its table is made.)
    log_bytes: usize,
}

impl Scene {
    async fn open() -> Option<Self> {
        let server = server::own_postgres().await?;
        let bank = Bank::<Postgres>::on(TestDatabase::on(&server).await, 1).await;
        let log_bytes = server.log().len();
        Some(Self { bank, server, log_bytes })
    }

    /// Of each of the two statements the log says so often that a session does not have it, and never that a session has it
    /// already.
    fn missed(&self, times: usize) {
        let log = self.server.log();
        let errors: Vec<_> = log[self.log_bytes..].lines().filter(|line| line.contains(" ERROR: ")).collect();
        for name in NAMES {
            let count = |what: &str| {
                let text = format!("prepared statement \"{name}\" {what}");
                errors.iter().filter(|line| line.contains(&text)).count()
            };
            assert_eq!((count("does not exist"), count("already exists")), (times, 0), "{errors:#?}");
        }
    }
}

#[tokio::test]
async fn a_new_connection_prepares_the_statements_without_an_error_in_the_log() {
    let Some(scene) = Scene::open().await else { return };
    for _ in 0..2 {
        let bank = scene.bank.another_pool(1).await;
        // Whatever the service has run on this connection before.
        sqlx::query("SELECT $1").bind(1).execute(bank.pool()).await.unwrap();
        both_work(&bank).await;
        assert_eq!(kept(bank.pool()).await, 2);
    }
    scene.missed(0);
}

#[tokio::test]
async fn a_session_that_has_lost_the_statements_prepares_them_again() {
    let Some(scene) = Scene::open().await else { return };
    let Scene { bank, .. } = &scene;
    let pool = bank.pool();
    both_work(bank).await;
    let by_name = NAMES.map(|name| format!("DEALLOCATE {name};")).concat();
    for (lost, sql) in (1..).zip([by_name.as_str(), "DEALLOCATE ALL", "DISCARD ALL"]) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
        assert_eq!(kept(pool).await, 0, "{sql}");
        both_work(bank).await;
        assert_eq!(kept(pool).await, 2, "{sql}");
        scene.missed(lost);
    }
}

/// sqlx forgets one text for another then, and cannot say what is new.
#[tokio::test]
async fn a_connection_that_remembers_as_many_statements_as_it_may_prepares_both_as_well() {
    let Some(scene) = Scene::open().await else { return };
    let options: PgConnectOptions = scene.bank.url().parse().unwrap();
    let options = options.statement_cache_capacity(2);
    let bank = scene.bank.through(PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap());
    let pool = bank.pool();
    for sql in ["SELECT 1", "SELECT 2"] {
        sqlx::query(sql).execute(pool).await.unwrap();
    }
    for _ in 0..3 {
        both_work(&bank).await;
        assert_eq!(kept(pool).await, 2);
    }
    scene.missed(1);
}

/// Behind a pooler that clears the session after each transaction: prepared once more, the statement is lost once more.
#[tokio::test]
async fn where_no_session_keeps_the_statements_the_inserts_work_without_them() {
    let Some(scene) = Scene::open().await else { return };
    let settings = [
        ("pool_mode", "transaction"),
        ("ignore_startup_parameters", "extra_float_digits"),
        ("server_reset_query", "DISCARD ALL"),
        ("server_reset_query_always", "1"),
    ];
    let Some(pooler) = server::pgbouncer_with(scene.server.url(), &settings).await else { return };
    let options: PgConnectOptions = scene.bank.url().parse().unwrap();
    let options = options.port(pooler.url().port().unwrap());
    let bank = scene.bank.through(PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap());
    both_work(&bank).await;
    // At each begin: after the first `PREPARE`, and after the second one.
    scene.missed(4);
}
