//! The axum side: the routes of annotated functions.
//!
//! A route reads the call (gid, `trans_type`, `branch_id`, op) and the payload, executes it by `call`, and sends one of
//! the fixed replies. Errors go to `tracing` only.

mod branch;
mod context;
mod extract;
mod hosted;
mod query_prepared;
mod reply;
mod request;
#[cfg(not(feature = "otel"))]
mod span;

pub use branch::{BranchFn, no_payload, serve_branch};
pub use context::BranchContext;
pub use extract::{Extracts, ExtractsAll};
pub use hosted::{Absent, BranchRouter, Hosted, NoDatabase};
pub use query_prepared::{QueryPreparedFn, serve_query_prepared};
#[cfg(feature = "auth")]
pub(crate) use request::{Look, SignatureHolds};

#[cfg(not(feature = "otel"))]
use self::span::CallSpan;
#[cfg(feature = "otel")]
use crate::trace::CallSpan;
