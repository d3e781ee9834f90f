//! The rollback of a transaction that was dropped.

use std::time::Duration;

use super::driver::{Driver, Wait};
use super::lent::Lent;

/// How long the rollback may take. After that the connection is closed.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A connection in which a transaction may be open, and nobody waits for its end.
///
/// Closing it would be simpler. But a SQLite database in memory lives in its connection and would be gone, and any pool
/// would have to connect again.
pub(super) struct Abandoned<DB: Driver> {
    conn: Lent<DB>,
    /// Held until the transaction has ended.
    _queue: Option<DB::Queue>,
    is_rolled_back: bool,
}

impl<DB: Driver> Abandoned<DB> {
    pub(super) fn new(conn: Lent<DB>, queue: Option<DB::Queue>) -> Self {
        Self { conn, _queue: queue, is_rolled_back: false }
    }

    /// Rolls back in the background, if the connection is usable and there is a runtime; otherwise closes the connection.
    pub(super) fn roll_back(self, wait: Wait, is_usable: bool) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if is_usable => drop(runtime.spawn(self.reset(wait))),
            _ => drop(self),
        }
    }

    async fn reset(mut self, wait: Wait) {
        let reset = tokio::time::timeout(TIMEOUT, DB::run(&mut self.conn, DB::reset(wait))).await;
        self.is_rolled_back = match reset {
            Ok(Ok(())) => true,
            // There was no transaction to roll back.
            Ok(Err(sqlx::Error::Database(cause))) => DB::has_ended(cause.as_ref()),
            Ok(Err(_)) | Err(_) => false,
        };
    }
}

impl<DB: Driver> Drop for Abandoned<DB> {
    fn drop(&mut self) {
        if !self.is_rolled_back {
            self.conn.close_on_drop();
        }
    }
}
