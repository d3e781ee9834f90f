//! The creation of the tables.

use sqlx::MySqlConnection;

use super::read;
use crate::store::meta;

/// How far in the future a row's last change may lie; beyond that the time zone counts as wrong.
const FUTURE_S_MAX: i64 = 600;

/// Our own table beside DTM's.
const META: &str = "CREATE TABLE IF NOT EXISTS branchwire_meta (k varchar(45) NOT NULL PRIMARY KEY, \
    v varchar(255) NOT NULL) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

/// Makes the index of patterns, while others go on to write.
const INDEX_OF_PATTERNS: &str =
    "ALTER TABLE trans_global ADD INDEX trans_global_pattern (trans_type), ALGORITHM = INPLACE, LOCK = NONE";

/// Whether there is one.
const HAS_INDEX_OF_PATTERNS: &str = "SELECT EXISTS (SELECT 1 FROM information_schema.statistics \
    WHERE table_schema = DATABASE() AND table_name = 'trans_global' AND index_name = 'trans_global_pattern')";

/// While the index waits for its turn on the table, others wait behind it.
const MIGRATE_IN_TIME: &str = "SET SESSION lock_wait_timeout = 2";

/// Creates missing tables, checks our own schema version and the zone of the times, and migrates an older version.
///
/// # Errors
/// A text for people: the tables cannot be created, are of a newer version, or have times of another zone.
pub(super) async fn prepare(connection: &mut MySqlConnection) -> Result<(), String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(table_name AS char) FROM information_schema.tables WHERE table_schema = DATABASE() \
         AND table_name IN ('trans_global', 'trans_branch_op', 'kv', 'branchwire_meta')",
    )
    .persistent(false)
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| format!("its tables cannot be looked for: {error}"))?;
    let failed = |error: sqlx::Error| format!("its tables cannot be created: {error}");
    let has = |name: &str| tables.iter().any(|table| table == name);
    let made_before = ["trans_global", "trans_branch_op", "kv"].into_iter().all(has);
    if !made_before {
        sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *connection).await.map_err(failed)?;
    }
    check_engines(connection).await?;
    check_times(connection).await?;
    // In a DTM server's database we may have no permission to create anything.
    if !has("branchwire_meta")
        && let Err(error) = sqlx::raw_sql(META).execute(&mut *connection).await
    {
        tracing::warn!(%error, "the table `branchwire_meta` cannot be created: the tables' version is not kept");
        return Ok(());
    }
    let made = if made_before { meta::FIRST } else { meta::VERSION };
    if meta::check(&version(connection, made).await.map_err(failed)?)? < meta::VERSION
        && let Err(error) = migrate(connection).await
    {
        tracing::warn!(
            %error,
            "the index `trans_global_pattern` cannot be made: with very many transactions a list of one pattern is slow"
        );
    }
    Ok(())
}

/// Brings version 1 to version 2. Another instance may be at it: then one of the two fails, and goes on without.
async fn migrate(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let has_index: i64 =
        sqlx::query_scalar(HAS_INDEX_OF_PATTERNS).persistent(false).fetch_one(&mut *connection).await?;
    if has_index == 0 {
        sqlx::raw_sql(MIGRATE_IN_TIME).execute(&mut *connection).await?;
        sqlx::raw_sql(INDEX_OF_PATTERNS).execute(&mut *connection).await?;
    }
    sqlx::query("UPDATE branchwire_meta SET v = ? WHERE k = 'schema_version' AND v = ?")
        .bind(meta::VERSION.to_string())
        .bind(meta::FIRST.to_string())
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
}

/// The version in `branchwire_meta`; writes `made` if there is none.
async fn version(connection: &mut MySqlConnection, made: u32) -> Result<String, sqlx::Error> {
    let read = "SELECT v FROM branchwire_meta WHERE k = 'schema_version'";
    if let Some(found) = sqlx::query_scalar(read).persistent(false).fetch_optional(&mut *connection).await? {
        return Ok(found);
    }
    sqlx::query("INSERT INTO branchwire_meta (k, v) VALUES ('schema_version', ?) ON DUPLICATE KEY UPDATE v = v")
        .bind(made.to_string())
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar(read).persistent(false).fetch_one(connection).await
}

/// Checks that the tables have transactions: a transaction and its branches are written together or not at all.
async fn check_engines(connection: &mut MySqlConnection) -> Result<(), String> {
    let without: Option<(String, String)> = sqlx::query_as(
        "SELECT CAST(t.table_name AS char), CAST(t.engine AS char) FROM information_schema.tables t \
         JOIN information_schema.engines e ON e.engine = t.engine WHERE t.table_schema = DATABASE() \
         AND t.table_name IN ('trans_global', 'trans_branch_op', 'kv') AND COALESCE(e.transactions, 'NO') <> 'YES' LIMIT 1",
    )
    .persistent(false)
    .fetch_optional(connection)
    .await
    .map_err(|error| error.to_string())?;
    let Some((table, engine)) = without else { return Ok(()) };
    Err(format!(
        "the engine of its table `{table}` is {engine}, which has no transactions: `ALTER TABLE {table} ENGINE = InnoDB`"
    ))
}

/// Checks that the time zone is plausible: with a zone too far west, rows written just now lie in the future.
async fn check_times(connection: &mut MySqlConnection) -> Result<(), String> {
    let future_s = read::future_s(connection).await.map_err(|error| error.to_string())?;
    if future_s <= FUTURE_S_MAX {
        return Ok(());
    }
    Err(format!(
        "a transaction was changed {future_s} seconds in the future: set the time zone in which the DTM server wrote the times"
    ))
}
