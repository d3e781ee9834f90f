//! Statements that a session of PostgreSQL keeps under a name, so that one text can begin a transaction and run them.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqlSafeStr};

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
    /// A session that has lost it, as after `DISCARD ALL`, says so, with a line in the server's log, and gets it once more.
    /// `None` if the session loses it again, as behind a pooler that gives each transaction another session: nothing has
    /// begun.
    ///
    /// # Errors
    /// The database's own.
    pub(super) async fn begin_with(
        &self,
        conn: &mut PgConnection,
        begin: &'static str,
        arguments: &str,
    ) -> Result<Option<u64>, sqlx::Error> {
        if self.is_new_to(conn).await? {
            self.prepare(conn).await?;
        }
        let text = || AssertSqlSafe(format!("{begin}; EXECUTE {}({arguments})", self.name));
        match conn.execute(text()).await {
            Err(error) if has_code(&error, UNKNOWN) => {}
            done => return done.map(|done| Some(done.rows_affected())),
        }
        conn.execute("ROLLBACK").await?;
        self.prepare(conn).await?;
        match conn.execute(text()).await {
            Err(error) if has_code(&error, UNKNOWN) => conn.execute("ROLLBACK").await.map(|_| None),
            done => done.map(|done| Some(done.rows_affected())),
        }
    }

    /// Whether this connection has certainly not prepared it yet.
    ///
    /// sqlx remembers on each connection which texts it has parsed there. The text of the `PREPARE` is parsed for that alone:
    /// the first time sqlx remembers one text more, and later this costs no round trip. When sqlx remembers as many as it
    /// may (100 by default), it forgets another one for this one: then the answer is no, and `begin_with` finds out.
    async fn is_new_to(&self, conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let before = conn.cached_statements_size();
        conn.prepare(self.prepare.into_sql_str()).await?;
        Ok(conn.cached_statements_size() > before)
    }

    async fn prepare(&self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        match conn.execute(self.prepare).await {
            Err(error) if !has_code(&error, KNOWN) => Err(error),
            _ => Ok(()),
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
