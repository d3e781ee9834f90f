#![doc = include_str!("../../docs/auth.md")]

mod canonical;
mod keys;
mod layer;
mod sign;
mod signature;
mod verify;

pub use keys::{InvalidKeys, Keys};
pub use layer::Verified;
pub use sign::CannotSign;
pub use signature::{CALL_HEADER, HEADER_CHARS_MAX, MESSAGE_HEADER};
pub use verify::{CLOCK_SKEW_S, Refusal, Verify};

#[doc = include_str!("../../docs/threat-model.md")]
pub mod threat_model {}

#[doc = include_str!("../../docs/dependencies.md")]
pub mod dependencies {}
