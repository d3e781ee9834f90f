//! What distinguishes the patterns: four questions, which each pattern answers by pure functions in a file of its own.
//!
//! The table in `step` asks them, and knows no pattern. How calls are made and repeated, leases, intervals and reports
//! are the same for all patterns.

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
/// Several coordinators may add some. So the one that closes the registration does not know them all: it runs the
/// transaction only after it has read the branches again.
pub(super) fn appends(pattern: &dyn Pattern) -> bool {
    pattern.allows(Status::Prepared, Request::RegisterBranch) == Permission::Act
}
