//! MySQL with `binlog_format=STATEMENT`: a store that could not write one row is refused at the start.

use branchwire_coordinator::store::{self, Options};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server;

#[tokio::test]
async fn a_store_whose_binlog_takes_no_write_is_refused_by_the_settings_name() {
    let arguments = &["--log-bin", "--server-id=1", "--binlog-format=STATEMENT"];
    let Some(server) = server::own_mysql_with(arguments).await else { return };
    let database = TestDatabase::on(&server).await;
    let refused = store::open(database.url(), &Options::default()).await.err().expect("it is refused").to_string();
    assert!(refused.contains("`binlog_format=STATEMENT`") && refused.contains("`ROW`"), "{refused}");

    server.execute("SET GLOBAL binlog_format = 'MIXED'").await.expect("it is set");
    store::open(database.url(), &Options::default()).await.expect("it opens").close().await;
}
