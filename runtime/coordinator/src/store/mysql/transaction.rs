//! A transaction of many statements in one text.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use super::script::Script;

/// The length of a text, in bytes, at which it is sent. Databases accept at least four mebibytes, and one statement may
/// have some hundred kibibytes.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// Executes a script; returns how many rows each of its statements matched or inserted.
pub(super) async fn run(connection: &mut MySqlConnection, script: Script) -> Result<Vec<u64>, sqlx::Error> {
    let mut changed = Vec::with_capacity(script.len());
    let text = sqlx::raw_sql(AssertSqlSafe(script.into_text()));
    let mut results = sqlx::Executor::fetch_many(connection, text);
    while let Some(result) = results.try_next().await? {
        if let Either::Left(done) = result {
            changed.push(done.rows_affected());
        }
    }
    Ok(changed)
}

/// A transaction, sent as one text unless it would be very long.
pub(super) struct Transaction<'c> {
    connection: &'c mut MySqlConnection,
    /// The statements that are not sent yet.
    pub(super) script: Script,
    changed: Vec<u64>,
}

impl<'c> Transaction<'c> {
    /// Begins a transaction; its times are in this zone.
    pub(super) fn begin(connection: &'c mut MySqlConnection, time_zone_s: i32) -> Self {
        let mut script = Script::new(time_zone_s);
        script.sql("START TRANSACTION").end();
        Self { connection, script, changed: Vec::new() }
    }

    /// The index of the next statement among all.
    pub(super) fn next(&self) -> usize {
        self.changed.len() + self.script.len()
    }

    /// Sends the script if it is long; only called between statements.
    pub(super) async fn send_if_long(&mut self) -> Result<(), sqlx::Error> {
        if self.script.bytes_len() > TEXT_BYTES_MAX {
            self.changed.extend(run(self.connection, self.script.take()).await?);
        }
        Ok(())
    }

    /// Commits; returns how many rows each statement matched or inserted.
    pub(super) async fn commit(mut self) -> Result<Vec<u64>, sqlx::Error> {
        self.script.sql("COMMIT").end();
        let statements = self.next();
        // Execution stops at the first statement that fails: an error before the COMMIT means that there was none.
        let text = sqlx::raw_sql(AssertSqlSafe(self.script.into_text()));
        let mut results = sqlx::Executor::fetch_many(self.connection, text);
        loop {
            match results.try_next().await {
                Ok(Some(Either::Left(done))) => self.changed.push(done.rows_affected()),
                Ok(Some(Either::Right(_))) => {}
                Ok(None) if self.changed.len() == statements => return Ok(self.changed),
                Ok(None) => return Err(in_doubt(&format!("{} of {statements} results", self.changed.len()))),
                Err(error) if self.changed.len() + 1 == statements => return Err(in_doubt(&error)),
                Err(error) => return Err(error),
            }
        }
    }
}

/// This error is not one statement's: the transaction may have committed.
fn in_doubt(error: &impl ToString) -> sqlx::Error {
    sqlx::Error::Protocol(error.to_string())
}
