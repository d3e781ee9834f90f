//! A store behind pgbouncer: its tables are found, or the start is refused with advice.

use branchwire_coordinator::store::{self, Options, Store};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::{self, Server};
use sqlx::{Connection, PgConnection};

/// DTM's main table in the schema of its own script, with an unfinished message.
const DTM: &str = "CREATE SCHEMA dtm; CREATE TABLE dtm.trans_global (
        id bigserial PRIMARY KEY, gid varchar(128) NOT NULL UNIQUE, trans_type varchar(45) NOT NULL,
        status varchar(45) NOT NULL, query_prepared varchar(1024) NOT NULL, protocol varchar(45) NOT NULL,
        create_time timestamptz(0), update_time timestamptz(0), finish_time timestamptz(0), rollback_time timestamptz(0),
        options varchar(1024) DEFAULT '', custom_data varchar(1024) DEFAULT '', next_cron_interval int,
        next_cron_time timestamptz(0), owner varchar(128) NOT NULL DEFAULT '', ext_data text,
        result varchar(1024) DEFAULT '', rollback_reason varchar(1024) DEFAULT '');
    INSERT INTO dtm.trans_global (gid, trans_type, status, query_prepared, protocol)
        VALUES ('waiting', 'msg', 'prepared', '', '')";

/// A database of a PostgreSQL, and its address through a pgbouncer.
struct Pooled {
    database: TestDatabase,
    address: String,
    _pooler: Server,
}

/// `None` if something is not installed; that has been reported.
async fn pooled(pool_mode: &str, ignored: &str) -> Option<Pooled> {
    let postgres = server::postgres().await?;
    let pooler = server::pgbouncer(postgres, pool_mode, ignored).await?;
    let database = TestDatabase::on(postgres).await;
    let mut address = url::Url::parse(database.url()).expect("a URL");
    address.set_port(pooler.url().port()).expect("a port");
    Some(Pooled { database, address: address.into(), _pooler: pooler })
}

async fn open(address: &str) -> Result<std::sync::Arc<dyn Store>, String> {
    store::open(address, &Options::default()).await.map_err(|error| error.to_string())
}

impl Pooled {
    /// Executes statements directly on the server.
    async fn execute(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(self.database.url()).await.expect("a connection");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("it is done");
    }

    /// The schemas that have the main table.
    async fn schemas(&self) -> Vec<String> {
        let mut connection = PgConnection::connect(self.database.url()).await.expect("a connection");
        sqlx::query_scalar("SELECT schemaname::text FROM pg_tables WHERE tablename = 'trans_global' ORDER BY 1")
            .fetch_all(&mut connection)
            .await
            .expect("an answer")
    }
}

/// The pooler may refuse `options` in the startup packet, or drop them silently.
#[tokio::test]
async fn tables_of_a_dtm_server_are_found_through_a_pool_of_sessions() {
    for ignored in ["extra_float_digits", "extra_float_digits,options"] {
        let Some(pooled) = pooled("session", ignored).await else { return };
        pooled.execute(DTM).await;
        let store = open(&pooled.address).await.expect("it opens");
        assert!(store.load("waiting").await.expect("an answer").is_some(), "{ignored}: the message is known");
        assert_eq!(pooled.schemas().await, ["dtm"], "{ignored}: no other tables are made");
        store.close().await;
    }
}

#[tokio::test]
async fn a_search_path_in_the_address_holds_through_a_pooler_that_drops_it() {
    let Some(pooled) = pooled("session", "extra_float_digits,options").await else { return };
    pooled.execute("CREATE SCHEMA app").await;
    let address = format!("{}?options=-c%20search_path%3Dapp", pooled.address);
    open(&address).await.expect("it opens").close().await;
    assert_eq!(pooled.schemas().await, ["app"]);
    open(&address).await.expect("it opens again").close().await;
    assert_eq!(pooled.schemas().await, ["app"]);
    // Without it the tables are not created a second time in another schema.
    let refused = open(&pooled.address).await.err().expect("it is refused");
    assert!(refused.contains("schema `app`") && refused.contains("search_path%3Dapp"), "{refused}");
    assert_eq!(pooled.schemas().await, ["app"]);
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_with_advice() {
    let Some(pooled) = pooled("transaction", "extra_float_digits,options").await else { return };
    let refused = open(&pooled.address).await.err().expect("it is refused");
    assert!(refused.contains("pool_mode=transaction") && refused.contains("pool_mode=session"), "{refused}");
    assert_eq!(pooled.schemas().await, [""; 0], "no tables are made");
}
