//! The patterns: each answers the same few questions by pure functions in a file of its own.
//!
//! The table in `step` asks the questions, and knows no pattern. Calls, retries, leases, intervals and reports are the
//! same for all patterns.

mod msg;
mod not_built;
mod questions;
mod saga;
mod tcc;

use branchwire_protocol::TransType;

pub(crate) use self::questions::{Next, Overdue, Pattern, Permission, Question, Request, Rows, Verdict};

/// The patterns that are built. Transactions of the others are refused by the API, and left alone in a shared store.
pub(crate) const BUILT: &[TransType] = &[TransType::Msg, TransType::Saga, TransType::Tcc];

/// The pattern of this name.
pub(crate) fn of(trans_type: TransType) -> &'static dyn Pattern {
    match trans_type {
        TransType::Msg => &msg::Msg,
        TransType::Saga => &saga::Saga,
        TransType::Tcc => &tcc::Tcc,
        TransType::Xa | TransType::Workflow => &not_built::NotBuilt,
    }
}
