//! The patterns that this coordinator can carry out.

use branchwire_protocol::TransType;

/// The patterns that are built. Transactions of the others are refused by the API, and left alone in a shared store.
pub const BUILT: &[TransType] = &[TransType::Msg];
