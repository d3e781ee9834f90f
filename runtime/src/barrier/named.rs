//! Statements that a session of PostgreSQL keeps under a name, so that one text can begin a transaction and run them.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// A statement with a name of its own: another statement has another name.
pub(super) struct Named {
    pub(super) name: &'static str,
    /// `PREPARE name AS ..`
    pub(super) prepare: &'static str,
}

impl Named {
    /// Begins a transaction with this statement in one round trip, without reading and planning it anew; how many rows it
    /// has changed.
    ///
    /// A session that does not have it says so once. `None` if it loses it again, as behind a pooler that gives each
    /// transaction another session: nothing has begun.
    ///
    /// # Errors
    /// The database's own.
    pub(super) async fn begin_with(
        &self,
        conn: &mut PgConnection,
        begin: &'static str,
        arguments: &str,
    ) -> Result<Option<u64>, sqlx::Error> {
        let text = || AssertSqlSafe(format!("{begin}; EXECUTE {}({arguments})", self.name));
        match conn.execute(text()).await {
            Err(error) if has_code(&error, UNKNOWN) => {}
            done => return done.map(|done| Some(done.rows_affected())),
        }
        conn.execute("ROLLBACK").await?;
        match conn.execute(self.prepare).await {
            Err(error) if !has_code(&error, KNOWN) => return Err(error),
            _ => {}
        }
        match conn.execute(text()).await {
            Err(error) if has_code(&error, UNKNOWN) => conn.execute("ROLLBACK").await.map(|_| None),
            done => done.map(|done| Some(done.rows_affected())),
        }
    }
}

/// `invalid_sql_statement_name`: the session has no statement of this name.
const UNKNOWN: &str = "26000";

/// `duplicate_prepared_statement`: it has one.
const KNOWN: &str = "42P05";

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some(code))
}
