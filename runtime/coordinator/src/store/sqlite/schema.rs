//! The tables of a file, and their version.

use rusqlite::{Connection, TransactionBehavior};

/// The version of `schema.sql`, which a file keeps in `PRAGMA user_version`.
const VERSION: u32 = 4;

/// The migration from each version to the next one, from version 1 on. A file of version 1 has tables, but its
/// `user_version` is 0.
const MIGRATIONS: [&str; VERSION as usize - 1] = [
    "ALTER TABLE trans_branch_op ADD COLUMN position INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX IF EXISTS trans_global_created; CREATE INDEX trans_global_pattern ON trans_global (trans_type)",
    "DROP INDEX IF EXISTS trans_global_due; \
     CREATE INDEX trans_global_due ON trans_global (next_cron_time) WHERE status NOT IN ('succeed', 'failed')",
];

/// Creates the tables in an empty file, or migrates those of an older version, in one transaction.
///
/// # Errors
/// A text for people: the file is of a newer version, or cannot be written.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), String> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| format!("it cannot be written: {error}"))?;
    let version = version(&transaction).map_err(|error| format!("its version cannot be read: {error}"))?;
    if version == VERSION {
        return Ok(());
    }
    if version > VERSION {
        return Err(format!(
            "it is of schema version {version}, and this program knows versions up to {VERSION}: use the program that wrote \
             it, or a newer one"
        ));
    }
    let steps = match version {
        0 => std::slice::from_ref(&include_str!("schema.sql")),
        version => &MIGRATIONS[version as usize - 1..],
    };
    let change = || {
        for sql in steps {
            transaction.execute_batch(sql)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    };
    change().map_err(|error| match version {
        0 => format!("its tables cannot be created: {error}"),
        version => format!("it cannot be migrated from schema version {version} to {VERSION}: {error}"),
    })?;
    if version > 0 {
        tracing::info!("the file was migrated from schema version {version} to {VERSION}");
    }
    Ok(())
}

/// The version of a file's tables; 0 if it has none.
fn version(connection: &Connection) -> Result<u32, rusqlite::Error> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > 0 {
        return Ok(version);
    }
    let has_tables = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'trans_global')";
    connection.query_row(has_tables, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        let refused = prepare(&mut connection).unwrap_err();
        assert!(refused.contains("schema version 5") && refused.contains("up to 4"), "{refused}");
        assert_eq!(version(&connection), Ok(VERSION + 1));
    }

    #[test]
    fn tables_are_created_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            prepare(&mut connection).unwrap();
            assert_eq!(version(&connection), Ok(VERSION));
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE trans_global (a)").unwrap();
        let failed = prepare(&mut connection).unwrap_err();
        assert!(failed.contains("from schema version 1 to 4"), "{failed}");
        assert_eq!(version(&connection), Ok(1));
    }
}
