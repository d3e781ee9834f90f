//! DTM's protocol, shared by services and coordinators: its words, a client of the coordinator's HTTP API, signatures.
//!
//! This crate serves nothing and stores nothing. Services use it through `branchwire`, which re-exports it as
//! `branchwire::protocol`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod barrier_table;
#[cfg(feature = "client")]
pub mod client;
mod gid;
mod look_alike;
mod op;
mod outbox_table;
mod registration;
mod service_url;
#[cfg(feature = "auth")]
pub mod signature;
mod standing;
mod trace_parent;
mod transaction;
mod words;

pub use answer::{Answer, DtmResult};
pub use barrier_table::BarrierTable;
#[doc(hidden)]
pub use gid::name_is_valid;
pub use gid::{BranchId, Gid, InvalidName, NAME_CHARS_MAX};
pub use look_alike::LookAlike;
pub use op::{InvalidOp, Op, OpName};
pub use outbox_table::OutboxTable;
pub use registration::TccRegistration;
pub use service_url::{InvalidUrl, ServiceUrl};
pub use standing::{Standing, is_same_payload};
pub use trace_parent::{InvalidTraceParent, TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceParent, is_trace_header};
pub use transaction::{BranchRecord, QueryAnswer, Step, Transaction, TransactionOptions, TransactionRecord};
pub use words::{Status, TransType, UnknownWord};

/// The path of a coordinator's HTTP API, below its address.
pub const BASE_PATH: &str = "/api/dtmsvr";

/// The default port of a DTM server.
pub const DEFAULT_PORT: u16 = 36789;

/// The prefix of a step's address that names a topic: `topic://NAME` fans out to the topic's subscribers.
pub const TOPIC_PREFIX: &str = "topic://";

/// The header that a coordinator adds to each call: one signature of that call.
pub const CALL_HEADER: &str = "branchwire-call-signature";

/// The header that a client puts among a message's `branch_headers`: a list of signatures, one for each call to come.
pub const MESSAGE_HEADER: &str = "branchwire-message-signature";

/// The header in which Branchwire's coordinator says of a `prepare` or a `submit` whether it had the transaction before: when it
/// accepts it, or refuses it because of its status. Where the header is, the coordinator has compared the two. A DTM server has no
/// such header, and does not compare.
pub const GID_HEADER: &str = "branchwire-gid";

/// The value of [`GID_HEADER`] if the request has changed something.
pub const GID_IS_NEW: &str = "new";

/// The value of [`GID_HEADER`] if the coordinator had the same transaction before, and the request has changed nothing.
pub const GID_IS_KNOWN: &str = "known";

/// The branch id of a message's local transaction: `00`; its op is `msg`.
pub const LOCAL_BRANCH: &str = "00";
