//! Old barrier rows are removed, and no others.

use std::str::FromStr;
use std::time::Duration;

use branchwire::barrier::{SWEEP_AGE_MIN, SweepError, Sweeper, sweep};
use branchwire::protocol::Gid;
use branchwire::{Database, Reply};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;
use branchwire_tests::service::Service;
use branchwire_tests::sweep::OldRows;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres};

use super::trouble::LOOK_AGAIN;

const HOUR: Duration = Duration::from_hours(1);

/// Makes a test of each case on each database, with a barrier table that no other test uses.
macro_rules! on_a_table_of_its_own {
    ($($case:ident),+ $(,)?) => {
        crate::each::on_one! { sqlite: super::Bank::<sqlx::Sqlite>::open() => $($case)+ }
        crate::each::on_one! { postgres: super::Bank::<sqlx::Postgres>::open() => $($case)+ }
        mod mysql {
            $(#[tokio::test]
            async fn $case() {
                let Some(server) = super::server::own_mysql().await else { return };
                super::$case(super::Bank::<sqlx::MySql>::on(super::TestDatabase::on(&server).await, 10).await).await;
            })+
        }
    };
}

on_a_table_of_its_own! {
    old_rows_go_and_young_ones_stay,
    a_sweeper_removes_old_rows_and_ends_after_its_batch,
}

async fn old_rows_go_and_young_ones_stay<DB: BankDriver + OldRows>(bank: Bank<DB>) {
    let service = Service::new(&bank, |tx, amount| Box::pin(async move { Ok(DB::credit(tx, ACCOUNT, amount).await?) }));
    let (called, refused) = (Gid::random(), Gid::random());
    assert_eq!(service.call(&called, 30).await, Reply::Success);
    DB::add_rows(bank.pool(), 2_500, SWEEP_AGE_MIN + 24 * HOUR).await;
    DB::add_rows(bank.pool(), 30, Duration::from_hours(8 * 24 - 1)).await;
    assert_eq!(service.query_prepared(&refused).await, Reply::Refused);

    for too_young in [Duration::ZERO, Duration::from_secs(8 * 86_400 - 1)] {
        let error = sweep(&bank, too_young).await.unwrap_err();
        assert!(matches!(error, SweepError::TooYoung { older_than } if older_than == too_young), "{error}");
    }
    assert_eq!(DB::rows(bank.pool()).await, 2_532);
    assert_eq!(sweep(&bank, Duration::MAX).await.unwrap(), 0);
    assert_eq!(sweep(&bank, SWEEP_AGE_MIN).await.unwrap(), 2_500);
    assert_eq!(sweep(&bank, SWEEP_AGE_MIN).await.unwrap(), 0);
    assert_eq!(DB::rows(bank.pool()).await, 32);

    assert_eq!(service.call(&called, 30).await, Reply::Success);
    assert_eq!(service.query_prepared(&refused).await, Reply::Refused);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

async fn a_sweeper_removes_old_rows_and_ends_after_its_batch<DB: BankDriver + OldRows>(bank: Bank<DB>) {
    assert!(matches!(Sweeper::start(&bank, HOUR, HOUR), Err(SweepError::TooYoung { .. })));
    DB::add_rows(bank.pool(), 2_500, SWEEP_AGE_MIN + 24 * HOUR).await;
    // One thread: the sweeper begins when it is told to end.
    let sweeper = Sweeper::start(&bank, SWEEP_AGE_MIN, HOUR).unwrap();
    sweeper.stop().await;
    assert_eq!(DB::rows(bank.pool()).await, 1_500);

    let _sweeper = Sweeper::start(&bank, SWEEP_AGE_MIN, Duration::from_millis(1)).unwrap();
    for _ in 0..2 {
        while DB::rows(bank.pool()).await > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        // Those that have become old meanwhile.
        DB::add_rows(bank.pool(), 10, SWEEP_AGE_MIN + 24 * HOUR).await;
    }
}

#[tokio::test]
async fn a_locked_row_delays_only_the_rows_near_it() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    Postgres::add_rows(bank.pool(), 1_000, SWEEP_AGE_MIN + HOUR).await;
    let mut holder = PgConnection::connect(bank.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM dtm_barrier.barrier WHERE id = 20 FOR UPDATE")
        .execute(&mut holder)
        .await
        .unwrap();
    let release = async {
        // Batches grow smaller until one of them ends before the locked row.
        while Postgres::rows(bank.pool()).await == 1_000 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        holder.close().await.unwrap();
    };
    let (removed, ()) = tokio::join!(sweep(&bank, SWEEP_AGE_MIN), release);
    assert_eq!(removed.unwrap(), 1_000);
}

#[tokio::test]
async fn the_right_to_remove_rows_is_named_if_it_is_missing() {
    let Some(bank) = Bank::<Postgres>::open().await else { return };
    Postgres::add_rows(bank.pool(), 1, SWEEP_AGE_MIN + HOUR).await;
    let name = format!("user_{}", Gid::random());
    let role = format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA dtm_barrier TO {name}; \
         GRANT SELECT ON dtm_barrier.barrier TO {name}"
    );
    Postgres::execute_outside(bank.pool(), &role).await.unwrap();
    let options = PgConnectOptions::from_str(bank.url()).unwrap().username(&name).password("secret");
    let user = bank.through(PgPool::connect_with(options).await.unwrap());
    let Err(SweepError::NoRight { grant, .. }) = sweep(&user, SWEEP_AGE_MIN).await else {
        panic!("the right is not missing")
    };
    Postgres::execute_outside(bank.pool(), &grant.replace("<user>", &name)).await.unwrap();
    assert_eq!(sweep(&user, SWEEP_AGE_MIN).await.unwrap(), 1);
    user.pool().close().await;
    Postgres::execute_outside(bank.pool(), &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await.unwrap();
}

/// The short form of `cargo run --bin sweep`.
#[test]
fn the_program_that_measures_a_sweep_removes_half_of_its_rows() {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_sweep"));
    let output = program.args(["--rows", "3000", "--alone", "0", "--only", "sqlite"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1500 rows in"), "{text}");
}
