//! Why a store could not do something, or could not be opened.

use std::fmt;

/// Why a store could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The data was refused (too long, not storable): repeating it is of no use. Nothing was written.
    #[error("the store refuses the data: {0}")]
    Data(String),
    /// The store cannot be reached, or has no room. Nothing was written.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A COMMIT failed, and so did the attempts to find out what became of it: it may be written, or not. To be read
    /// again before anything is said about it.
    #[error("it is not known whether the store has it: {0}")]
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
