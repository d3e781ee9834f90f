//! The coordinator's rows: one trait, one dialect a database.
//!
//! Nothing is acknowledged before it is durable. All changes of transactions go through [`Store::write`], which makes
//! many of them durable by one commit; [`Journal`] gathers them. A write is conditional and idempotent: executed again
//! after a COMMIT with an unknown result, it has the same outcome.

mod address;
mod attempt;
pub(crate) mod calls;
pub(crate) mod custom_data;
mod error;
pub(crate) mod ext_data;
pub(crate) mod history;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod hosts;
mod interface;
mod journal;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod look_alike;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod meta;
#[cfg(feature = "mysql")]
mod mysql;
mod open;
mod ours;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod reading;
pub(crate) mod row;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod write;

pub use error::{OpenError, StoreError};
pub use interface::Store;
pub use journal::{Journal, JournalError, Urgency};
pub use open::{Options, open};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use ours::{NOT_LEASED, OURS};
pub(crate) use ours::{is_lease, new_owner};
pub(crate) use query::PARKED_AFTER;
pub use query::{
    Attention, Filter, KvPut, KvRow, Leases, OVERDUE_AFTER, ResetDue, Sweep, Take, Taken, Unfinished, UnknownAttention,
};
pub(crate) use row::join_branches;
pub use row::{BranchRow, CorruptRow, Row};
pub use write::{BranchChange, Change, Write, WriteOutcome};
