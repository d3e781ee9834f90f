//! The patterns of global transactions, one file each: the user's API, its outcomes, and the requests.
//!
//! This file has the parts that they share.

mod business;
pub mod msg;
mod options;
pub(crate) mod outbox;
pub mod saga;
pub mod tcc;
mod used;

pub use self::business::{BusinessError, LocalBusiness};

use crate::PayloadError;
use crate::client::ClientError;

/// Why a global transaction was not begun: this call has changed nothing.
#[derive(Debug, thiserror::Error)]
// Later versions may add variants; a caller need not handle each one separately.
#[non_exhaustive]
pub enum NotStarted {
    /// A payload that its branch could never read, so a retry is of no use.
    #[error("the payload of branch {number} cannot be sent")]
    Payload {
        /// Which branch, from 1.
        number: usize,
        /// Why.
        source: PayloadError,
    },
    /// No coordinator takes it: a branch header that is none, or a text that is longer than its column.
    #[error("no coordinator takes it: {reason}")]
    Invalid {
        /// What is invalid. For people, not for programs.
        reason: String,
    },
    /// The client signs its messages, and this one cannot be signed: it has too many branches, for example.
    #[error("the message cannot be signed")]
    Unsignable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A topic cannot be a branch of a saga: its subscribers are not known when the saga is sent.
    #[error("branch {number} is a topic, and a saga has no topics: send a message from a branch instead")]
    Topic {
        /// Which branch, from 1.
        number: usize,
    },
    /// Too many steps are to run at once: the order of the steps is longer than a coordinator stores.
    #[error("the order of the steps is longer than a coordinator stores: let fewer of them run at once")]
    TooManyAtOnce,
    /// The coordinator did not accept it.
    #[error("the coordinator did not accept the message")]
    Coordinator(#[source] ClientError),
    /// The database did not begin the local transaction, or did not take its row of the barrier or the outbox: its table is not
    /// there before [`set_up`](crate::barrier::set_up()).
    #[error("the database did not begin the local transaction, or did not take the row of its barrier or outbox")]
    Database(#[source] sqlx::Error),
}
