//! No export.
#![allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same as with an export")]

use std::convert::Infallible;

use crate::cli::options::Serve;
use crate::coordinator::Builder;

/// Exports nothing.
pub(in crate::cli) struct Export;

impl Export {
    pub(in crate::cli) fn start(_: &Serve) -> Result<Self, Infallible> {
        Ok(Self)
    }

    pub(in crate::cli) fn of(&self, builder: Builder) -> Builder {
        builder
    }

    pub(in crate::cli) fn end(self) {}
}
