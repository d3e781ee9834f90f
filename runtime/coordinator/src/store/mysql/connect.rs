//! How each connection is set up: it leads to a primary, and its settings are read back.

use std::collections::HashMap;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{ConnectOptions, MySqlConnection, MySqlPool};

use crate::store::OpenError;
use crate::store::hosts::Hosts;
use crate::store::server::{CONNECT_TIMEOUT, READERS};
use crate::time_zone;

/// The settings of each connection. READ COMMITTED takes no gap locks, which would only make writers wait. In strict
/// mode a text that is too long is refused, not cut.
///
/// The locks of a transaction that a coordinator left open end before those who wait for them give up; MySQL knows only a
/// timeout of connections. A coordinator that has nothing to do writes every 15 seconds all the same.
const SETTINGS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION innodb_lock_wait_timeout = 5, wait_timeout = 60, sql_select_limit = 18446744073709551615, \
    sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES') /*M!100300 , idle_transaction_timeout = 2 */";

/// The settings to read back. Two of them have another name in MySQL than in MariaDB.
const READ_BACK: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN ('transaction_isolation', 'tx_isolation', \
    'transaction_read_only', 'tx_read_only', 'innodb_lock_wait_timeout', 'wait_timeout', 'sql_mode', 'read_only', \
    'wsrep_on')";

/// On a Galera cluster a read waits until this node has what the others have committed. Otherwise a transaction that was
/// acknowledged by way of another node would not be there.
const GALERA: &str = "SET SESSION wsrep_sync_wait = @@SESSION.wsrep_sync_wait | 1";

/// Gives a row where a Galera node is not part of its cluster. It goes on to answer what reads no table.
const CUT_OFF: &str = "SHOW GLOBAL STATUS WHERE Variable_name = 'wsrep_ready' AND Value <> 'ON'";

/// A database, and the settings of connections to it.
#[derive(Debug)]
pub(super) struct Target {
    hosts: Hosts<MySqlConnectOptions>,
}

impl Target {
    /// The database at an address for each of its hosts, with times in this zone.
    pub(super) fn parse(addresses: &[String], time_zone_s: i32) -> Result<Self, OpenError> {
        let wrong = |reason: String| OpenError::new(&"mysql", reason);
        let zone = time_zone::format(time_zone_s)
            .ok_or_else(|| wrong(format!("there is no time zone {time_zone_s} s east of UTC")))?;
        let parse = |address: &String| {
            let options: MySqlConnectOptions = address.parse()?;
            let name = format!("{}:{}", options.get_host(), options.get_port());
            Ok((options.timezone(zone.clone()).disable_statement_logging(), name))
        };
        let hosts = addresses.iter().map(parse).collect::<Result<_, sqlx::Error>>();
        Ok(Self { hosts: Hosts::new(hosts.map_err(|error| wrong(error.to_string()))?) })
    }

    /// Its name in errors; without the password.
    pub(super) fn shown(&self) -> String {
        format!("mysql://{}/{}", self.hosts.shown(), self.hosts.primary().get_database().unwrap_or_default())
    }

    /// The first connection to the primary, with the settings of every connection. `check` runs before the settings are
    /// made.
    pub(super) async fn first(
        &self,
        check: impl AsyncFn(&mut MySqlConnection, &str) -> Result<(), String>,
    ) -> Result<MySqlConnection, String> {
        let connect = async |options: MySqlConnectOptions| {
            let connected = options.connect().await;
            let mut connection = connected.map_err(|error| format!("it cannot be reached: {error}"))?;
            check(&mut connection, options.get_host()).await?;
            prepare(&mut connection).await?;
            Ok(connection)
        };
        self.hosts.connect(connect).await
    }

    /// A connection that writes: to the primary, wherever that is now.
    pub(super) async fn writer(&self) -> Result<MySqlConnection, String> {
        let connect = |options: MySqlConnectOptions| async move {
            let mut connection = options.connect().await.map_err(|error| error.to_string())?;
            prepare(&mut connection).await?;
            Ok(connection)
        };
        self.hosts.connect(connect).await
    }

    /// Connections that read, to the host that the last writer was connected to.
    pub(super) fn readers(&self) -> MySqlPool {
        MySqlPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async {
                    prepare(connection).await.map_err(|reason| sqlx::Error::Configuration(reason.into()))
                })
            })
            .connect_lazy_with(self.hosts.primary().clone())
    }
}

/// Makes the settings of every connection, reads them back, and makes sure that this is a primary.
pub(super) async fn prepare(connection: &mut MySqlConnection) -> Result<(), String> {
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await.map_err(|error| error.to_string())?;
    let held: Vec<(String, String)> = sqlx::query_as(READ_BACK)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
    let held = held.into_iter().collect();
    check(&held)?;
    if held.get("wsrep_on").is_some_and(|value| value == "ON") {
        prepare_galera(connection).await?;
    }
    Ok(())
}

/// What the node of a Galera cluster is told as well, once it is known to be part of it.
async fn prepare_galera(connection: &mut MySqlConnection) -> Result<(), String> {
    let cut_off = sqlx::raw_sql(CUT_OFF).fetch_optional(&mut *connection).await.map_err(|error| error.to_string())?;
    if cut_off.is_some() {
        return Err("it is cut off from its Galera cluster (`wsrep_ready=OFF`)".to_owned());
    }
    sqlx::raw_sql(GALERA).execute(connection).await.map_err(|error| error.to_string()).map(drop)
}

/// Checks that these settings are as a store needs them.
fn check(settings: &HashMap<String, String>) -> Result<(), String> {
    let value = |names: &[&str]| names.iter().find_map(|name| settings.get(*name)).map_or("", String::as_str);
    for names in [&["read_only"][..], &["transaction_read_only", "tx_read_only"]] {
        let is = value(names);
        if !matches!(is, "OFF" | "0" | "") {
            return Err(format!("it is read-only (`{}={is}`); the store needs the primary", names[0]));
        }
    }
    for (names, wanted) in [
        (&["transaction_isolation", "tx_isolation"][..], "READ-COMMITTED"),
        (&["innodb_lock_wait_timeout"], "5"),
        (&["wait_timeout"], "60"),
        (&["sql_mode"], "STRICT_ALL_TABLES"),
    ] {
        let is = value(names);
        if !is.split(',').any(|word| word == wanted) {
            return Err(format!(
                "`{}` is `{is}` right after it was set to `{wanted}`: a proxy gives this connection other sessions, and \
                 settings do not last; use the database's own address",
                names[0]
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(changed: &[(&str, &str)]) -> HashMap<String, String> {
        let usual = [
            ("tx_isolation", "READ-COMMITTED"),
            ("tx_read_only", "OFF"),
            ("innodb_lock_wait_timeout", "5"),
            ("wait_timeout", "60"),
            ("sql_mode", "STRICT_TRANS_TABLES,STRICT_ALL_TABLES"),
            ("read_only", "OFF"),
        ];
        usual.iter().chain(changed).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_server_that_is_read_only_is_refused_by_the_settings_name() {
        assert_eq!(check(&settings(&[])), Ok(()));
        for (name, value) in [("read_only", "ON"), ("read_only", "NO_LOCK_NO_ADMIN"), ("transaction_read_only", "1")] {
            let refused = check(&settings(&[(name, value)])).unwrap_err();
            assert!(refused.contains(&format!("`{name}={value}`")), "{refused}");
        }
    }

    #[test]
    fn a_setting_that_does_not_hold_is_named() {
        for (name, value) in [
            ("tx_isolation", "REPEATABLE-READ"),
            ("innodb_lock_wait_timeout", "50"),
            ("wait_timeout", "28800"),
            ("sql_mode", ""),
        ] {
            let refused = check(&settings(&[(name, value)])).unwrap_err();
            assert!(refused.contains(value) && refused.contains("proxy"), "{refused}");
        }
    }
}
