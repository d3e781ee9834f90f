//! A service behind a pooler in transaction mode: the barrier's own statements failed, and the check named no pooler.

use branchwire::Reply;
use branchwire::barrier::{SWEEP_AGE_MIN, SetUpError, set_up, sweep};
use branchwire::prelude::*;
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::{self, Server};
use branchwire_tests::service::Service;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[derive(Clone, Database)]
struct Bank(PgPool);

/// A database behind a pgbouncer in transaction mode; `None` if something is not installed; that has been reported.
async fn pooled() -> Option<(TestDatabase, Server, PgConnectOptions)> {
    let postgres = server::postgres().await?;
    let pooler = server::pgbouncer(postgres, "transaction", "extra_float_digits").await?;
    let database = TestDatabase::on(postgres).await;
    let options: PgConnectOptions = database.url().parse().expect("a URL");
    let options = options.port(pooler.url().port().expect("a port"));
    Some((database, pooler, options))
}

#[tokio::test]
async fn f14_without_a_statement_cache_branches_apply_once_behind_a_pooler() {
    let Some((_database, _pooler, options)) = pooled().await else { return };
    let pool = PgPoolOptions::new().max_connections(8).connect_with(options.statement_cache_capacity(0)).await.unwrap();
    let bank = Bank(pool);
    set_up(&bank).await.expect("it works without the cache");
    sqlx::raw_sql("CREATE TABLE account (balance BIGINT); INSERT INTO account VALUES (0)")
        .execute(&bank.0)
        .await
        .unwrap();
    let service = Service::new(&bank, |tx: &mut Tx<Bank>, amount| {
        Box::pin(async move {
            let add = sqlx::query("UPDATE account SET balance = balance + $1").bind(amount).persistent(false);
            add.execute(&mut *tx).await?;
            Ok(())
        })
    });
    let gids: Vec<_> = (0..40).map(|_| Gid::random()).collect();
    // Each call twice, all at once: the pooler has fewer connections to the server than there are callers.
    let calls = gids.iter().chain(&gids).map(|gid| service.call(gid, 1));
    let replies = futures_util::future::join_all(calls).await;
    assert!(replies.iter().all(|reply| *reply == Reply::Success), "{replies:?}");
    let asked = futures_util::future::join_all(gids.iter().map(|gid| service.query_prepared(gid))).await;
    assert!(asked.iter().all(|reply| *reply == Reply::Refused), "{asked:?}");
    let balance: i64 = sqlx::raw_sql("SELECT balance FROM account")
        .fetch_one(&bank.0)
        .await
        .and_then(|row| sqlx::Row::try_get(&row, 0))
        .unwrap();
    assert_eq!(balance, 40);
    sqlx::raw_sql("UPDATE dtm_barrier.barrier SET create_time = now() - interval '9 days'")
        .execute(&bank.0)
        .await
        .unwrap();
    let swept = futures_util::future::join_all((0..4).map(|_| sweep(&bank, SWEEP_AGE_MIN))).await;
    assert_eq!(swept.into_iter().map(Result::unwrap).sum::<u64>(), 80);
}

#[tokio::test]
async fn f14_with_a_statement_cache_the_set_up_names_the_pooler() {
    let Some((_database, _pooler, options)) = pooled().await else { return };
    let bank = Bank(PgPoolOptions::new().max_connections(8).connect_with(options).await.unwrap());
    let refused = set_up(&bank).await.expect_err("prepared statements get lost");
    assert!(matches!(refused, SetUpError::Unfit { .. }), "{refused:?}");
    assert!(refused.to_string().contains("statement_cache_capacity(0)"), "{refused}");
}
