//! The pool of a service that follows the primary of its cluster, by a list of hosts.
//!
//! sqlx knows one host for each pool. So a task looks for the primary and sends new connections there, and each
//! connection is checked before it is used. This is the recipe in the coordinator's docs, page `clusters`.

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, MySqlConnection, MySqlPool, PgConnection, PgPool};
use tokio::time::{sleep, timeout};

/// How long one host may take to answer.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);

/// The time between two checks that the primary still is the primary.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long a transaction waits for a connection: as long as a failover takes.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool for an address with one host or several: `postgres://USER@a:5432,b:5432/DATABASE`.
///
/// # Errors
/// If the address cannot be read. It connects when it is used.
///
/// # Panics
/// Outside a tokio runtime.
pub fn postgres(address: &str) -> Result<PgPool, sqlx::Error> {
    let hosts = hosts(address).iter().map(|host| host.parse()).collect::<Result<Vec<PgConnectOptions>, _>>()?;
    let pool = PgPoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async {
                if is_primary(connection).await? { Ok(()) } else { Err(sqlx::Error::Configuration("a replica".into())) }
            })
        })
        // This replaces sqlx's own ping: a pooler before the database keeps connections when the server behind it
        // changes.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_primary(connection)))
        .connect_lazy_with(hosts[0].clone());
    tokio::spawn(follow(pool.clone(), hosts));
    Ok(pool)
}

async fn is_primary(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT NOT pg_is_in_recovery()").persistent(false).fetch_one(connection).await
}

/// Sends new connections to the host that is the primary.
async fn follow(pool: PgPool, hosts: Vec<PgConnectOptions>) {
    while !pool.is_closed() {
        for host in &hosts {
            let Ok(Ok(mut connection)) = timeout(HOST_TIMEOUT, PgConnection::connect_with(host)).await else {
                continue;
            };
            let mut is_led_here = false;
            while let Ok(Ok(true)) = timeout(HOST_TIMEOUT, is_primary(&mut connection)).await {
                if !is_led_here {
                    pool.set_connect_options(host.clone());
                    is_led_here = true;
                }
                sleep(LOOK_INTERVAL).await;
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// The same for MySQL, MariaDB and Galera, whose nodes are all primaries: the first one that is ready is used.
///
/// # Errors
/// If the address cannot be read. It connects when it is used.
///
/// # Panics
/// Outside a tokio runtime.
pub fn mysql(address: &str) -> Result<MySqlPool, sqlx::Error> {
    let hosts = hosts(address).iter().map(|host| host.parse()).collect::<Result<Vec<MySqlConnectOptions>, _>>()?;
    let pool = MySqlPoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async {
                if is_ready(connection).await? { Ok(()) } else { Err(sqlx::Error::Configuration("not ready".into())) }
            })
        })
        // This replaces sqlx's own ping: `read_only` may be switched on while connections are open.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_ready(connection)))
        .connect_lazy_with(hosts[0].clone());
    tokio::spawn(follow_mysql(pool.clone(), hosts));
    Ok(pool)
}

/// Whether the server takes writes. A Galera node that is cut off still answers, so an answer alone proves nothing.
async fn is_ready(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let read_only = "SHOW GLOBAL VARIABLES WHERE Variable_name = 'read_only' AND Value <> 'OFF'";
    if sqlx::raw_sql(read_only).fetch_optional(&mut *connection).await?.is_some() {
        return Ok(false);
    }
    // A MariaDB without Galera also reports that `wsrep_ready` is OFF.
    let is_galera = "SHOW GLOBAL VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'";
    if sqlx::raw_sql(is_galera).fetch_optional(&mut *connection).await?.is_none() {
        return Ok(true);
    }
    let is_ready = "SHOW GLOBAL STATUS WHERE Variable_name = 'wsrep_ready' AND Value = 'ON'";
    Ok(sqlx::raw_sql(is_ready).fetch_optional(connection).await?.is_some())
}

async fn follow_mysql(pool: MySqlPool, hosts: Vec<MySqlConnectOptions>) {
    while !pool.is_closed() {
        for host in &hosts {
            let Ok(Ok(mut connection)) = timeout(HOST_TIMEOUT, host.connect()).await else { continue };
            let mut is_led_here = false;
            while let Ok(Ok(true)) = timeout(HOST_TIMEOUT, is_ready(&mut connection)).await {
                if !is_led_here {
                    pool.set_connect_options(host.clone());
                    is_led_here = true;
                }
                sleep(LOOK_INTERVAL).await;
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// An address for each host of an address.
fn hosts(address: &str) -> Vec<String> {
    let start = address.find("//").map_or(0, |at| at + 2);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let (login, hosts) = address[start..end].rsplit_once('@').unwrap_or(("", &address[start..end]));
    let at = if login.is_empty() { "" } else { "@" };
    hosts.split(',').map(|host| format!("{}{login}{at}{host}{}", &address[..start], &address[end..])).collect()
}
