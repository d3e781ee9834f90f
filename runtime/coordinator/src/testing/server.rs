//! Databases on a server that is running: made for a test, and removed after it.

use branchwire_protocol::Gid;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, Connection, Executor};
use url::Url;

/// A database on a server.
#[derive(Debug)]
pub(super) struct Place {
    server: String,
    drop: String,
    execute: fn(String, String) -> BoxFuture<'static, Result<(), sqlx::Error>>,
}

impl Place {
    /// The test's own runtime is busy dropping it, so another one removes it.
    pub(super) fn remove(&self) {
        let removed = std::thread::scope(|scope| {
            let removing = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on((self.execute)(self.server.clone(), self.drop.clone()))
            });
            removing.join()
        });
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "a database of a test is left behind");
        }
    }
}

/// Executes a statement on a connection of its own.
fn execute<C>(server: String, sql: String) -> BoxFuture<'static, Result<(), sqlx::Error>>
where
    C: Connection,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    async move {
        let mut connection = C::connect(&server).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await
    }
    .boxed()
}

/// Makes a database on a server; its address, and how it is removed.
pub(super) async fn make<C>(server: &str, drop_options: &str) -> (String, Place)
where
    C: Connection,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    let name = format!("test_{}", Gid::random().as_str().replace('-', ""));
    let mut url = Url::parse(server).expect("the address of a server");
    url.set_path(&name);
    execute::<C>(server.to_owned(), format!("CREATE DATABASE {name}"))
        .await
        .expect("a server on which this user may create databases");
    let drop = format!("DROP DATABASE {name}{drop_options}");
    (url.into(), Place { server: server.to_owned(), drop, execute: execute::<C> })
}
