//! MySQL with `binlog_format=STATEMENT`: a service whose query-prepared could never answer is refused at the start.

use branchwire::barrier::{SetUpError, set_up};
use branchwire::prelude::*;
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;
use sqlx::MySqlPool;

/// Its branches work at this level; query-prepared runs at READ COMMITTED.
#[derive(Clone, Database)]
#[database(isolation = "repeatable read")]
struct Bank(MySqlPool);

#[tokio::test]
async fn f06_a_service_whose_binlog_takes_no_query_prepared_is_refused_by_the_settings_name() {
    let arguments = &["--log-bin", "--server-id=1", "--binlog-format=STATEMENT"];
    let Some(server) = server::own_mysql_with(arguments).await else { return };
    let database = TestDatabase::on(&server).await;
    let bank = Bank(MySqlPool::connect(database.url()).await.unwrap());
    let refused = set_up(&bank).await.expect_err("it cannot work");
    assert!(matches!(refused, SetUpError::Unfit { .. }), "{refused:?}");
    assert!(refused.to_string().contains("`binlog_format`"), "{refused}");
}
