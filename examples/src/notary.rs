//! A service that others host: a notary, who writes down each transfer. It may be written in any language.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

/// An entry in the notary's book.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    /// Whose account at bank A.
    pub from: i64,
    /// Whose account at bank B.
    pub to: i64,
    /// In cents.
    pub amount: i64,
}

/// The branches that the notary hosts.
#[branchwire::service("/api/notary", remote)]
mod service {
    use super::*;

    /// Writes a transfer down.
    #[msg_branch]
    pub fn transferred(notice: Notice);
}

pub use service::{ROUTES, Remote, at};
