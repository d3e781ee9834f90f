//! Why the use of a table, which is tried at the start, did not succeed.

/// The advice for a table in which an insert has no effect, or another one.
pub(super) const NOT_STORED: &str = "a row that is inserted is not there, or is another one: remove the triggers, rules \
     and policies of the barrier's and the outbox's tables";

/// The advice for a table without transactions.
pub(super) const NOT_ROLLED_BACK: &str = "a row is there after its transaction was rolled back: the table has no \
     transactions. On MySQL change its engine (MyISAM, Aria) to InnoDB";

/// Why the use of a table did not succeed.
#[derive(Debug)]
pub(super) enum ProbeError {
    Database(sqlx::Error),
    /// A statement is no error, and does not have the effect that it should have. With the advice.
    Ineffective(&'static str),
}

impl From<sqlx::Error> for ProbeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
