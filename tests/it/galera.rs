//! A Galera cluster with a node that lags behind: no answer relies on a node where a row may not have arrived yet.

use branchwire::Reply;
use branchwire::protocol::Gid;
use branchwire_coordinator::Coordinator;
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::Galera;
use branchwire_tests::service::Service;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, MySql, MySqlConnection};

use crate::coordinator::{Running, message};

/// How often the test tries to make a node lag.
const TRIES: usize = 10;

/// Keeps the other nodes busy for a while: they apply one transaction after the other.
async fn keep_busy(node: &mut MySqlConnection) {
    let sql = "INSERT INTO busy (text) SELECT REPEAT('x', 200) FROM seq_1_to_100000";
    sqlx::query(sql).execute(node).await.expect("many rows");
}

/// How many rows a node has now.
async fn count(node: &mut MySqlConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(node).await.expect("a count")
}

/// The row that a local transaction of a message leaves behind.
fn local_row(gid: &Gid) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) \
         VALUES ('msg', '{gid}', '00', 'msg', '01', 'msg')"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lags_says_nothing_untrue() {
    let Some(galera) = Galera::start().await else { return };
    galera.execute(0, "CREATE DATABASE bank").await.expect("a database");
    galera.execute(0, "CREATE DATABASE store").await.expect("a database");
    let near = Bank::<MySql>::on(TestDatabase::at(&galera.address_of("bank", 0)), 5).await;
    let far = near.through(MySql::pool(&galera.address_of("bank", 1), 5).await);
    let asked = Service::new(&far, |tx, amount| Box::pin(async move { Ok(MySql::credit(tx, ACCOUNT, amount).await?) }));
    let mut here = MySqlConnection::connect(&galera.address_of("bank", 0)).await.expect("a connection");
    let mut there = MySqlConnection::connect(&galera.address_of("bank", 1)).await.expect("a connection");
    sqlx::query("CREATE TABLE busy (id BIGINT PRIMARY KEY AUTO_INCREMENT, text TEXT)")
        .execute(&mut here)
        .await
        .unwrap();

    query_prepared_on_another_node(&asked, &mut here, &mut there).await;
    a_branch_on_another_node(&near, &asked, &mut here, &mut there).await;
    coordinators_on_two_nodes(&galera, &mut here, &mut there).await;
}

/// The local transaction has committed on one node, and its row has not arrived on the one that is asked.
async fn query_prepared_on_another_node(asked: &Service, here: &mut MySqlConnection, there: &mut MySqlConnection) {
    let mut lagged = false;
    for _ in 0..TRIES {
        let gid = Gid::random();
        keep_busy(here).await;
        sqlx::query(local_row(&gid)).execute(&mut *here).await.expect("it commits");
        lagged |= count(there, &format!("SELECT COUNT(*) FROM dtm_barrier.barrier WHERE gid = '{gid}'")).await == 0;
        let answer = loop {
            match asked.query_prepared(&gid).await {
                Reply::Ongoing | Reply::Retry => {}
                answer => break answer,
            }
        };
        assert_eq!(answer, Reply::Success, "it has committed");
        if lagged {
            break;
        }
    }
    assert!(lagged, "the row was always there");

    // The other way round: the local transaction is still open, and its lock is not seen on the other node.
    let gid = Gid::random();
    let mut local = here.begin().await.expect("a transaction");
    sqlx::query(local_row(&gid)).execute(&mut *local).await.expect("a row");
    assert_eq!(asked.query_prepared(&gid).await, Reply::Refused, "it has not committed");
    let refused = local.commit().await.expect_err("and never can");
    assert!(refused.to_string().contains("1213"), "{refused}");
}

/// A branch was applied on one node, and is called again on another one.
async fn a_branch_on_another_node(
    near: &Bank<MySql>,
    asked: &Service,
    here: &mut MySqlConnection,
    there: &mut MySqlConnection,
) {
    let first = Service::new(near, |tx, amount| Box::pin(async move { Ok(MySql::credit(tx, ACCOUNT, amount).await?) }));
    let (mut lagged, mut expected) = (false, 0);
    for _ in 0..TRIES {
        let gid = Gid::random();
        keep_busy(here).await;
        assert_eq!(first.call(&gid, 30).await, Reply::Success);
        expected += 30;
        lagged |= count(there, &format!("SELECT COUNT(*) FROM dtm_barrier.barrier WHERE gid = '{gid}'")).await == 0;
        while asked.call(&gid, 30).await == Reply::Retry {}
        if lagged {
            break;
        }
    }
    assert!(lagged, "the row was always there");
    assert_eq!(near.balance(ACCOUNT).await, expected, "once each");
}

/// One coordinator acknowledges, and a coordinator on another node is asked.
async fn coordinators_on_two_nodes(galera: &Galera, here: &mut MySqlConnection, there: &mut MySqlConnection) {
    let near = Running::start(Coordinator::builder().store(galera.address_of("store", 0))).await;
    let far = Running::start(Coordinator::builder().store(galera.address_of("store", 1))).await;
    let mut lagged = false;
    for _ in 0..TRIES {
        let gid = Gid::random().to_string();
        keep_busy(here).await;
        near.done("prepare", &message(&gid, &[])).await;
        lagged |= count(there, &format!("SELECT COUNT(*) FROM store.trans_global WHERE gid = '{gid}'")).await == 0;
        let seen = far.query(&gid).await;
        assert_eq!(seen["transaction"]["status"], "prepared", "it was acknowledged: {seen}");
        far.done("abort", &json!({ "gid": gid, "trans_type": "msg" })).await;
        assert_eq!(near.query(&gid).await["transaction"]["status"], "failed");
        if lagged {
            break;
        }
    }
    assert!(lagged, "the row was always there");
    near.stop().await;
    far.stop().await;
}
