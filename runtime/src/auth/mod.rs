#![doc = include_str!("../../docs/auth.md")]

mod check;
mod layer;
mod verify;

pub use branchwire_protocol::signature::{
    CALL_HEADER, CannotSign, HEADER_CHARS_MAX, InvalidKeys, Keys, MESSAGE_HEADER,
};
pub use check::{CheckError, check};
pub use layer::Verified;
pub use verify::{CLOCK_SKEW_S, NotVerified, Verify};

#[doc = include_str!("../../docs/threat-model.md")]
pub mod threat_model {}

#[doc = include_str!("../../docs/dependencies.md")]
pub mod dependencies {}
