//! What a database error means to its transaction.

/// What a database error says about the transaction in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A deadlock, a serialization failure or a lock timeout: the transaction is rolled back, and a retry is likely to work.
    Conflict,
    /// The connection is gone, or none was available: whether the last statement took effect is not known.
    Lost,
    /// The statement itself is wrong, or its data: it would fail again.
    Statement,
}

impl Fault {
    /// Whether a retry of the whole transaction may succeed.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Conflict | Self::Lost)
    }
}

/// The first error of a transaction, after which it can only be rolled back: what it means, and the database's own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct StatementError {
    fault: Fault,
    text: String,
}

impl StatementError {
    #[doc(hidden)]
    pub fn new(fault: Fault, text: impl Into<String>) -> Self {
        Self { fault, text: text.into() }
    }

    /// What it means for the transaction.
    pub const fn fault(&self) -> Fault {
        self.fault
    }
}
