//! No spans: what takes their place without the feature `otel`.
#![allow(clippy::unused_self, reason = "the same as with spans")]

use branchwire_protocol::Transaction;

use crate::engine::Definition;
use crate::transport::Call;

/// Records nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(());

/// No span of a request.
pub(crate) struct RequestSpan;

/// No span of a call.
pub(crate) struct CallSpan;

impl Traces {
    pub(crate) fn request(&self, _: &'static str, _: &Transaction) -> RequestSpan {
        RequestSpan
    }

    pub(crate) fn call(&self, _: &Definition, _: Option<usize>, _: u32, _: &mut Call) -> CallSpan {
        CallSpan
    }
}

impl RequestSpan {
    pub(crate) fn end(self, _: u16) {}
}

impl CallSpan {
    pub(crate) fn end(self, _: &'static str, _: Option<u16>) {}
}
