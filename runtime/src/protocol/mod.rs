//! The words on the wire, once, for client and coordinator: requests, answers, statuses, ops.
//!
//! The protocol is DTM's. This module knows its names and how an answer is read; it sends nothing and stores nothing.

mod answer;
mod gid;
mod transaction;
mod words;

pub use answer::{Answer, DtmResult};
#[doc(hidden)]
pub use gid::name_is_valid;
pub use gid::{BranchId, Gid, InvalidName, NAME_CHARS_MAX};
pub use transaction::{BranchRecord, QueryAnswer, Step, Transaction, TransactionOptions, TransactionRecord};
pub use words::{Op, Status, TransType, UnknownWord};

/// Where a coordinator's HTTP API lives, below its address.
pub const BASE_PATH: &str = "/api/dtmsvr";

/// The port a DTM server listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 36789;

/// The prefix of a step's address that names a topic: `topic://NAME` fans out to the topic's subscribers.
pub const TOPIC_PREFIX: &str = "topic://";

/// The branch that stands for the local transaction of a message: `00`, asked with op `msg`.
pub const LOCAL_BRANCH: &str = "00";
