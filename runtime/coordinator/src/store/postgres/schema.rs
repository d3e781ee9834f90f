//! Finds the tables, or creates them.

use sqlx::{Connection, PgConnection};

use super::error::text;
use crate::store::meta;

/// Finds due transactions in any unfinished status, earliest first.
const INDEX_OF_DUE: &str = "CREATE INDEX IF NOT EXISTS trans_global_due ON trans_global (next_cron_time) \
    WHERE status IN ('prepared', 'aborting', 'submitted')";

/// Makes the index of patterns, while others go on to write.
const INDEX_OF_PATTERNS: &str =
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS trans_global_pattern ON trans_global (trans_type, id)";

/// Removes what an attempt that failed has left of it.
const DROP_INDEX_OF_PATTERNS: &str = "DROP INDEX CONCURRENTLY IF EXISTS trans_global_pattern";

/// Whether there is an index of that name which such an attempt has left.
const IS_BROKEN: &str = "SELECT EXISTS (SELECT 1 FROM pg_index \
    WHERE indexrelid = to_regclass('trans_global_pattern') AND NOT indisvalid)";

/// The lock of whoever migrates, and how long that may take.
const MIGRATE_ALONE: &str = "SELECT pg_try_advisory_lock(7310292951002)";
const MIGRATE_IN_TIME: &str = "SET lock_timeout = 0; SET statement_timeout = '60s'";

/// Our own table beside DTM's.
const META: &str = "CREATE TABLE IF NOT EXISTS branchwire_meta (k varchar(45) PRIMARY KEY, v varchar(255) NOT NULL)";

/// The schema that the tables are in, or are to be created in.
///
/// # Errors
/// A text for people: the tables are in a schema outside of the search path, or there is no schema to create them in.
pub(super) async fn find(connection: &mut PgConnection, names_search_path: bool) -> Result<String, String> {
    let (visible, mut schemas, current): (Option<String>, Vec<String>, Option<String>) = sqlx::query_as(
        "WITH tables AS (SELECT c.oid, CAST(n.nspname AS text) AS schema FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'trans_global' AND c.relkind IN ('r', 'p')) \
         SELECT (SELECT schema FROM tables WHERE oid = to_regclass('trans_global')), \
         ARRAY(SELECT schema FROM tables ORDER BY schema), CAST(current_schema() AS text)",
    )
    .persistent(false)
    .fetch_one(connection)
    .await
    .map_err(|error| format!("its tables cannot be looked for: {}", super::connect::in_words(&error)))?;
    if let Some(schema) = visible {
        return Ok(schema);
    }
    if schemas.iter().any(|schema| schema == "dtm") && !names_search_path {
        tracing::info!("the tables in the schema `dtm` are used");
        return Ok("dtm".to_owned());
    }
    match schemas.pop() {
        // An address with a search path wants the tables there.
        Some(schema) if !names_search_path => Err(format!(
            "it has the tables in the schema `{schema}`, which is not on the search path: add \
             `?options=-c%20search_path%3D{schema}` to the address to use them, or name the schema where others are to be \
             created"
        )),
        _ => current.ok_or_else(|| "no schema of its `search_path` exists, so there is none for the tables".to_owned()),
    }
}

/// Creates missing tables, checks our own schema version, and migrates an older one. The connection is good for nothing
/// else then.
///
/// # Errors
/// A text for people: the tables cannot be created, or are of a newer version.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), String> {
    let (tables, index, meta): (bool, bool, bool) = sqlx::query_as(
        "SELECT to_regclass('trans_global') IS NOT NULL AND to_regclass('trans_branch_op') IS NOT NULL \
         AND to_regclass('kv') IS NOT NULL, to_regclass('trans_global_due') IS NOT NULL, \
         to_regclass('branchwire_meta') IS NOT NULL",
    )
    .persistent(false)
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| format!("its tables cannot be looked for: {}", text(&error)))?;
    let failed = |error: &sqlx::Error| format!("its tables cannot be created: {}", text(error));
    if !tables {
        create(connection, include_str!("schema.sql")).await.map_err(|error| failed(&error))?;
    }
    check_logged(connection).await?;
    // In a DTM server's database we may have no permission to create anything.
    if !index && let Err(error) = create(connection, INDEX_OF_DUE).await {
        tracing::warn!(
            error = text(&error),
            "there is no index for due transactions: with very many unfinished ones the search for them is slow"
        );
    }
    if !meta && let Err(error) = create(connection, META).await {
        tracing::warn!(
            error = text(&error),
            "the table `branchwire_meta` cannot be created: the tables' version is not kept"
        );
        return Ok(());
    }
    let made = if tables { meta::FIRST } else { meta::VERSION };
    let found = version(connection, made).await.map_err(|error| failed(&error))?;
    if meta::check(&found)? < meta::VERSION
        && let Err(error) = migrate(connection).await
    {
        tracing::warn!(
            error = text(&error),
            "the index `trans_global_pattern` cannot be made: with very many transactions a list of one pattern is slow"
        );
    }
    Ok(())
}

/// Checks that a crash of the server does not empty the tables.
async fn check_logged(connection: &mut PgConnection) -> Result<(), String> {
    let unlogged: Option<String> = sqlx::query_scalar(
        "SELECT CAST(relname AS text) FROM pg_class WHERE relpersistence <> 'p' AND oid IN \
         (to_regclass('trans_global'), to_regclass('trans_branch_op'), to_regclass('kv')) LIMIT 1",
    )
    .persistent(false)
    .fetch_optional(connection)
    .await
    .map_err(|error| text(&error))?;
    match unlogged {
        None => Ok(()),
        Some(table) => Err(format!(
            "its table `{table}` is UNLOGGED: a crash of the server would empty it; `ALTER TABLE {table} SET LOGGED`"
        )),
    }
}

/// Brings version 1 to version 2. If another instance is at it, this one goes on without.
async fn migrate(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if !sqlx::query_scalar(MIGRATE_ALONE).persistent(false).fetch_one(&mut *connection).await? {
        return Ok(());
    }
    sqlx::raw_sql(MIGRATE_IN_TIME).execute(&mut *connection).await?;
    if sqlx::query_scalar(IS_BROKEN).persistent(false).fetch_one(&mut *connection).await? {
        sqlx::raw_sql(DROP_INDEX_OF_PATTERNS).execute(&mut *connection).await?;
    }
    if let Err(error) = sqlx::raw_sql(INDEX_OF_PATTERNS).execute(&mut *connection).await {
        let _ = sqlx::raw_sql(DROP_INDEX_OF_PATTERNS).execute(&mut *connection).await;
        return Err(error);
    }
    sqlx::query("UPDATE branchwire_meta SET v = $1 WHERE k = 'schema_version' AND v = $2")
        .bind(meta::VERSION.to_string())
        .bind(meta::FIRST.to_string())
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
}

/// The version in `branchwire_meta`; writes `made` if there is none.
async fn version(connection: &mut PgConnection, made: u32) -> Result<String, sqlx::Error> {
    let read = "SELECT v FROM branchwire_meta WHERE k = 'schema_version'";
    if let Some(found) = sqlx::query_scalar(read).persistent(false).fetch_optional(&mut *connection).await? {
        return Ok(found);
    }
    sqlx::query("INSERT INTO branchwire_meta (k, v) VALUES ('schema_version', $1) ON CONFLICT (k) DO NOTHING")
        .bind(made.to_string())
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar(read).persistent(false).fetch_one(connection).await
}

/// One instance at a time: `IF NOT EXISTS` alone lets two of them collide.
async fn create(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql("SELECT pg_advisory_xact_lock(7310292951001); SET LOCAL statement_timeout = 0")
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(sql).execute(&mut *transaction).await?;
    transaction.commit().await
}
