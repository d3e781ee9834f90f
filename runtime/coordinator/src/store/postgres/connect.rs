//! How each connection is set up: it leads to a primary, and its settings are made by statements and read back.
//!
//! Settings in the startup packet are not enough: poolers drop them silently, or refuse the connection.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Row};

use super::error::text as text_of;
use crate::store::OpenError;
use crate::store::hosts::Hosts;
use crate::store::server::{CONNECT_TIMEOUT, READERS};

/// The settings of each connection.
const SETTINGS: [(&str, &str); 8] = [
    // Nothing that is acknowledged may be only in memory.
    ("synchronous_commit", "on"),
    // A plan made while a table is small would read the whole table, also once it is large.
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // The high costs of disabled scans would make the server compile every statement.
    ("jit", "off"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "10s"),
    ("application_name", "branchwire"),
];

/// One more setting of the writing connection. Without it each batch is planned anew, since a plan for any number of
/// rows looks more expensive than one for these few.
const GENERIC_PLAN: (&str, &str) = ("plan_cache_mode", "force_generic_plan");

/// Why a pooler cannot be used.
const NO_SESSIONS: &str = "a pooler gives this connection another session from one transaction to the next \
    (`pool_mode=transaction`), and settings do not last; use `pool_mode=session`, or the database's own address";

/// A database, and the settings of connections to it.
#[derive(Debug)]
pub(super) struct Target {
    hosts: Hosts<PgConnectOptions>,
    settings: Vec<(String, String)>,
    /// Whether the address names a `search_path`.
    pub(super) names_search_path: bool,
}

impl Target {
    /// The database at an address for each of its hosts. Its `options`, which would be part of the startup packet,
    /// become settings.
    pub(super) fn parse(addresses: &[String]) -> Result<Self, OpenError> {
        let mut hosts = Vec::new();
        let mut own = Vec::new();
        for address in addresses {
            let (options, settings) = parse(address).map_err(|reason| OpenError::new(&"postgres", reason))?;
            let name = format!("{}:{}", options.get_host(), options.get_port());
            hosts.push((options, name));
            // The addresses differ only in their host.
            own = settings;
        }
        let names_search_path = own.iter().any(|(name, _)| name.eq_ignore_ascii_case("search_path"));
        let settings = own.into_iter().chain(SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self { hosts: Hosts::new(hosts), settings: settings.collect(), names_search_path })
    }

    /// Its name in errors; without the password.
    pub(super) fn shown(&self) -> String {
        format!("postgres://{}/{}", self.hosts.shown(), self.hosts.primary().get_database().unwrap_or_default())
    }

    /// Uses the tables in this schema, whatever a session's own search path is.
    pub(super) fn set_schema(&mut self, schema: &str) {
        let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
        self.settings.push(("search_path".to_owned(), quoted));
    }

    /// The first connection to the primary, with the settings of every connection. `check` runs before the settings are
    /// made.
    pub(super) async fn first(
        &self,
        check: impl AsyncFn(&mut PgConnection, &str) -> Result<(), String>,
    ) -> Result<PgConnection, String> {
        let connect = async |options: PgConnectOptions| {
            let connected = options.connect().await;
            let mut connection = connected.map_err(|error| format!("it cannot be reached: {}", in_words(&error)))?;
            check(&mut connection, options.get_host()).await?;
            self.prepare(&mut connection).await?;
            Ok(connection)
        };
        self.hosts.connect(connect).await
    }

    /// Makes the settings of every connection.
    pub(super) async fn prepare(&self, connection: &mut PgConnection) -> Result<(), String> {
        set(connection, &self.settings).await
    }

    /// A connection that writes: to the primary, wherever that is now.
    pub(super) async fn writer(&self) -> Result<PgConnection, String> {
        let (name, value) = GENERIC_PLAN;
        let mut settings = self.settings.clone();
        settings.push((name.to_owned(), value.to_owned()));
        let settings = settings.as_slice();
        let connect = move |options: PgConnectOptions| async move {
            let mut connection = options.connect().await.map_err(|error| in_words(&error))?;
            set(&mut connection, settings).await?;
            Ok(connection)
        };
        self.hosts.connect(connect).await
    }

    /// Connections that read, to the host that the last writer was connected to.
    pub(super) fn readers(&self) -> PgPool {
        let settings = self.settings.clone();
        PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(move |connection, _| {
                let settings = settings.clone();
                Box::pin(async move {
                    set(connection, &settings).await.map_err(|reason| sqlx::Error::Configuration(reason.into()))
                })
            })
            .connect_lazy_with(self.hosts.primary().clone())
    }

    /// Checks that a connection is one session. A pooler that gives out sessions by transaction loses settings: it
    /// gives another connection's transaction the session that this one had.
    pub(super) async fn check_sessions(&self, connection: &mut PgConnection) -> Result<(), String> {
        let other = async {
            let mut other = self.hosts.primary().connect().await?;
            let mut shared = false;
            for _ in 0..3 {
                let before = process(connection).await?;
                sqlx::raw_sql("BEGIN").execute(&mut other).await?;
                let others = process(&mut other).await?;
                let after = process(connection).await?;
                sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
                shared |= before == others || before != after;
            }
            other.close().await?;
            Ok::<_, sqlx::Error>(shared)
        };
        match other.await {
            Ok(false) => Ok(()),
            Ok(true) => Err(NO_SESSIONS.to_owned()),
            Err(error) => Err(in_words(&error)),
        }
    }
}

/// The options of one host, and the settings that its address names.
fn parse(address: &str) -> Result<(PgConnectOptions, Vec<(String, String)>), String> {
    let mut url = url::Url::parse(address).map_err(|error| error.to_string())?;
    let mut own = Vec::new();
    let mut kept = Vec::new();
    for (name, value) in url.query_pairs() {
        match name.strip_prefix("options[").and_then(|name| name.strip_suffix(']')) {
            Some(setting) => own.push((setting.to_owned(), value.into_owned())),
            None if name == "options" => own.extend(startup_options(&value)?),
            None => kept.push((name.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    let options: PgConnectOptions = url.as_str().parse().map_err(|error: sqlx::Error| error.to_string())?;
    Ok((options.extra_float_digits(None).disable_statement_logging(), own))
}

/// The server process of a connection.
async fn process(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    text(connection, "SELECT CAST(pg_backend_pid() AS text)").await
}

/// The one text that a statement returns. It is one message: for that long at least, a pooler keeps the session.
pub(super) async fn text(connection: &mut PgConnection, sql: &'static str) -> Result<String, sqlx::Error> {
    sqlx::raw_sql(sql).fetch_one(connection).await?.try_get(0)
}

/// Makes the settings, reads them back, and makes sure that this is a primary.
async fn set(connection: &mut PgConnection, settings: &[(String, String)]) -> Result<(), String> {
    // If a setting has several values, the last one holds.
    let settings: BTreeMap<&str, &str> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let to_make: Vec<_> =
        settings.iter().map(|(n, v)| format!("set_config({}, {}, false)", literal(n), literal(v))).collect();
    let to_read: Vec<_> = settings.keys().map(|name| format!("current_setting({})", literal(name))).collect();
    // `set_config` returns the value as `current_setting` will. Two messages, and so two transactions.
    let made = values(connection, &to_make).await.map_err(|error| in_words(&error))?;
    let held = values(connection, &to_read).await.map_err(|error| in_words(&error))?;
    if made != held {
        return Err(NO_SESSIONS.to_owned());
    }
    let primary = "SELECT CAST(pg_is_in_recovery() AS text) || current_setting('transaction_read_only')";
    match text(connection, primary).await.map_err(|error| in_words(&error))?.as_str() {
        "falseoff" => Ok(()),
        "falseon" => Err("it is read-only (`transaction_read_only`); the store needs the primary".to_owned()),
        _ => Err("it is a replica; the store needs the primary".to_owned()),
    }
}

/// The values of some expressions, as one text.
async fn values(connection: &mut PgConnection, expressions: &[String]) -> Result<String, sqlx::Error> {
    let sql = format!("SELECT CAST(ARRAY[{}] AS text)", expressions.join(", "));
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await?.try_get(0)
}

/// A text as SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The text of an error while connecting; with advice if a pooler is the cause.
pub(super) fn in_words(error: &sqlx::Error) -> String {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
        // A prepared statement does not exist, or exists already: this is another session.
        Some("26000" | "42P05") => format!("{}: {NO_SESSIONS}", text_of(error)),
        _ => text_of(error),
    }
}

/// The settings in `-c name=value --name=value`, where a backslash keeps the next character.
fn startup_options(options: &str) -> Result<Vec<(String, String)>, String> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => words.last_mut().into_iter().for_each(|word| word.extend(characters.next())),
            character if character.is_whitespace() => words.push(String::new()),
            character => words.last_mut().into_iter().for_each(|word| word.push(character)),
        }
    }
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--") {
            Some(setting) => setting.to_owned(),
            None if word == "-c" => words.next().unwrap_or_default(),
            None => word.strip_prefix("-c").unwrap_or_default().to_owned(),
        };
        let (name, value) = setting
            .split_once('=')
            .ok_or_else(|| format!("`options` has `{word}`, and only `-c NAME=VALUE` is understood there"))?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startup_options_become_settings() {
        let settings = startup_options(r"-c search_path=a\ b,c -cgeqo=off  --work-mem=4MB").unwrap();
        let expected = [("search_path", "a b,c"), ("geqo", "off"), ("work_mem", "4MB")];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(startup_options("-d 3").unwrap_err().contains("`-d`"));
    }

    #[test]
    fn options_of_an_address_are_not_sent_with_the_startup() {
        let target = |address: &str| Target::parse(&[address.to_owned()]).unwrap();
        assert!(!target("postgres://u@h/d").names_search_path);
        let target = target("postgres://u@h/d?options=-c%20search_path%3Da&options[geqo]=off&sslmode=disable");
        assert_eq!(target.hosts.primary().get_options(), None);
        assert!(target.names_search_path);
        assert_eq!(target.settings[..2], [("search_path".into(), "a".into()), ("geqo".into(), "off".into())]);
        assert_eq!(target.shown(), "postgres://h:5432/d");
    }
}
