//! The errors of a store, and of opening one.

use std::fmt;

/// Why a store could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The data was refused (too long, not storable): a retry is of no use. Nothing was written.
    #[error("the store refuses the data: {0}")]
    Data(String),
    /// The store cannot be reached, or has no room. Nothing was written.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A COMMIT failed, and so did the attempts to find out its result: the data may be written or not. The caller
    /// reads it again before it reports anything.
    #[error("it is not known whether the store has committed: {0}")]
    Unknown(String),
}

/// Why a store could not be opened, in words for an administrator.
#[derive(Debug, thiserror::Error)]
#[error("the store `{store}` cannot be used: {reason}")]
pub struct OpenError {
    pub(crate) store: String,
    pub(crate) reason: String,
}

impl OpenError {
    /// `reason` says what is wrong with `store`, and what to do.
    pub fn new(store: &impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { store: store.to_string(), reason: reason.into() }
    }
}
