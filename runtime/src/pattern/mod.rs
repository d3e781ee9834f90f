//! The patterns of global transactions, one file each: what a user calls, its outcomes, what goes over the wire.
//!
//! Here is what they share.

mod business;
pub mod msg;
mod options;
mod used;

pub use self::business::BusinessError;

use crate::PayloadError;
use crate::client::ClientError;

/// Why a global transaction was not begun: this call has changed nothing.
#[derive(Debug, thiserror::Error)]
// More can go wrong than we know of today, and a caller need not tell all of it apart.
#[non_exhaustive]
pub enum NotStarted {
    /// A payload could never be read by its branch. Sending it again changes nothing.
    #[error("the payload of branch {number} cannot be sent")]
    Payload {
        /// Which branch, from 1.
        number: usize,
        /// Why.
        source: PayloadError,
    },
    /// The client is to sign its messages, and this one cannot be signed: it has too many branches, say.
    #[error("the message cannot be signed")]
    Unsignable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The coordinator did not take it.
    #[error("the coordinator did not take the message")]
    Coordinator(#[source] ClientError),
    /// The database did not begin the local transaction.
    #[error("the database did not begin the local transaction")]
    Database(#[source] sqlx::Error),
}
