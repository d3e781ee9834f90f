//! Signatures of calls: what is signed, with which keys, and in which header it travels.
//!
//! A coordinator signs each call, a client all calls of its message. Verifying is the service's side and stands in
//! `branchwire::auth`, with the description of the scheme.

#[doc(hidden)]
pub mod canonical;
#[doc(hidden)]
pub mod header;
mod keys;
mod sign;

pub use header::HEADER_CHARS_MAX;
#[doc(hidden)]
pub use keys::Key;
pub use keys::{InvalidKeys, Keys};
pub use sign::CannotSign;

pub use crate::{CALL_HEADER, MESSAGE_HEADER};
#[doc(hidden)]
pub use sign::now_s;
