//! Signatures of calls: the signed text, the keys, and the headers.
//!
//! A coordinator signs each call, a client all calls of its message. The service verifies: `branchwire::auth` has that
//! part, and the description of the scheme.

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
