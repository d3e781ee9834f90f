//! The patterns: each answers the same few questions by pure functions in a file of its own.
//!
//! The table in `step` asks the questions, and knows no pattern. Calls, retries, leases, intervals and reports are the
//! same for all patterns.

mod msg;
mod not_built;
mod questions;
#[cfg(test)]
pub(super) mod reserve;

use branchwire_protocol::{Status, TransType};

pub(crate) use self::questions::{Next, Overdue, Pattern, Permission, Question, Request, Verdict};

/// The patterns that are built. Transactions of the others are refused by the API, and left alone in a shared store.
pub(crate) const BUILT: &[TransType] = &[TransType::Msg];

/// The pattern of this name.
pub(crate) fn of(trans_type: TransType) -> &'static dyn Pattern {
    match trans_type {
        TransType::Msg => &msg::Msg,
        #[cfg(test)]
        TransType::Tcc => &reserve::Reserve,
        #[cfg(not(test))]
        TransType::Tcc => &not_built::NotBuilt,
        TransType::Saga | TransType::Xa | TransType::Workflow => &not_built::NotBuilt,
    }
}

/// Whether branches may be added to a prepared transaction.
///
/// Several coordinators may add branches, so the one that ends the registration may not know them all: it reads the
/// branches again before it runs the transaction.
pub(super) fn appends(pattern: &dyn Pattern) -> bool {
    pattern.allows(Status::Prepared, Request::RegisterBranch) == Permission::Act
}
