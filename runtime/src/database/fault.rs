//! What a database error means to a transaction, whatever database it came from.

use crate::barrier::Dialect;

/// What a database error says about the transaction in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A deadlock, a serialization failure, a lock that did not come in time: rolled back, and likely to work if repeated.
    Conflict,
    /// The connection is gone, or none could be had: whether the last statement took effect is not known.
    Lost,
    /// The statement itself is wrong, or its data: it would fail again.
    Statement,
}

impl Fault {
    /// Reads an error of sqlx.
    pub fn of<DB: Dialect>(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => DB::fault(error.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Lost,
            _ => Self::Statement,
        }
    }

    /// Whether repeating the whole transaction may help.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Conflict | Self::Lost)
    }
}
