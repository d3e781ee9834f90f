//! Annotated handlers for distributed transactions.
//!
//! An async function that changes your database becomes, by one attribute, a branch of a global transaction: an axum route
//! that applies exactly once however often it is called. It speaks the protocol of DTM, so it works under any DTM server
//! and under Branchwire's own coordinator (the crate `branchwire-coordinator`).
//!
//! ```
//! use branchwire::prelude::*;
//!
//! #[derive(Clone, Database)]
//! pub struct BankB(sqlx::SqlitePool);
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! pub struct TransferIn {
//!     pub user_id: i64,
//!     pub amount: i64,
//! }
//!
//! #[branchwire::service("/api/bank-b")]
//! pub mod bank_b {
//!     use super::*;
//!
//!     /// Credits an account.
//!     #[msg_branch]
//!     pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
//!         sqlx::query("UPDATE user_account SET balance = balance + ? WHERE user_id = ?")
//!             .bind(req.amount)
//!             .bind(req.user_id)
//!             .execute(&mut *tx)
//!             .await?;
//!         Ok(())
//!     }
//! }
//!
//! # async fn run(db: BankB, client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! // Serve it:
//! let routes: axum::Router = bank_b::router().with_state(db);
//! // Send to it:
//! let bank_b = bank_b::at("http://bank-b:8080")?;
//! let done = client.msg(bank_b.trans_in(&TransferIn { user_id: 2, amount: 30 })).submit().await?;
//! # Ok(())
//! # }
//! # fn main() {}
//! ```
//!
//! # Where to find what
//! - [`patterns`]: which pattern fits, what others see meanwhile, how a compensation is written.
//! - [`msg`]: the two-phase message, with or without a local transaction; what its outcomes mean.
//! - [`outbox`]: the message without prepare: a row in the local transaction, and a relay.
//! - [`tcc`](mod@tcc): reservations that are all confirmed, or all cancelled.
//! - [`saga`]: steps that may refuse, each with a compensation.
//! - [`service`], [`msg_branch`], [`saga_action`], [`saga_compensate`], [`query_prepared`]: the attributes; contracts that one
//!   crate declares and another hosts.
//! - [`guide`]: payloads, and requests that are sent twice. [`compile_errors`]: what does not compile, and what to write.
//! - [`barrier`]: exactly once, and what a service calls at its start.
//! - [`Tx`], [`Database`], [`Retry`], [`BranchError`], [`BranchContext`]: what a branch works with. [`bounds`]: the traits
//!   that stand in the compiler's messages.
#![cfg_attr(feature = "auth", doc = "- [`auth`]: calls that are signed, and the layer that checks it.")]
#![cfg_attr(
    not(feature = "auth"),
    doc = "- `auth` (feature `auth`): calls that are signed, and the layer that checks it."
)]
#![cfg_attr(feature = "openapi", doc = "- [`openapi`](mod@openapi): services described by OpenAPI.")]
#![cfg_attr(not(feature = "openapi"), doc = "- `openapi` (feature `openapi`): services described by OpenAPI.")]
#![cfg_attr(
    feature = "otel",
    doc = "- [`traces`]: one trace through all branches, also after a crash, by OpenTelemetry."
)]
#![cfg_attr(
    not(feature = "otel"),
    doc = "- `traces` (feature `otel`): one trace through all branches, also after a crash, by OpenTelemetry."
)]
//! - [`client`]: the coordinator's HTTP API. [`protocol`]: its words.
//! - [`wiring`]: a diagram and a table of services.
//! - The crate `branchwire-coordinator` has the coordinator, as the program `branchwire` and as a library; with its
//!   feature `testing` it has a coordinator for tests, in the test's own process.
//!
//! # Versions
//! [`axum`](mod@axum) 0.8 and [`sqlx`](mod@sqlx) 0.9 are part of this API: a router, an extractor or a pool of another version is
//! another type. `branchwire::axum` and `branchwire::sqlx` are the right ones.
//!
//! # Features
//! `sqlite` (default), `postgres`, `mysql`: the databases that a barrier can live in. `tls`: https addresses of
//! coordinators, and TLS for sqlx's connections. `auth`: calls are signed, and only signed ones run. `openapi`: services
//! described by OpenAPI. `otel`: transactions carry the caller's trace, and branches continue it. `service`: what hosts and sends; each database brings it along, and without it a crate of
//! contracts compiles without axum, reqwest and sqlx. `unstable-simulation`: the algorithms for simulated databases; it
//! changes without notice.

#![cfg_attr(docsrs, feature(doc_cfg))]
// Some items are public only for a simulator.
#![cfg_attr(not(feature = "unstable-simulation"), allow(unreachable_pub))]

// Generated code names this crate by its outside name, also in its own tests.
#[allow(unused_extern_crates)]
extern crate self as branchwire;

#[cfg(feature = "auth")]
pub mod auth;
#[cfg(feature = "service")]
pub mod barrier;
#[cfg_attr(not(feature = "service"), allow(dead_code, reason = "what sends a payload"))]
mod branch;
#[cfg(feature = "service")]
mod call;
#[cfg(feature = "service")]
pub mod client;
#[cfg(feature = "service")]
mod database;
pub mod compile_errors {
    #![doc = include_str!("../docs/compile_errors.md")]
}
pub mod guide {
    #![doc = include_str!("../docs/guide.md")]
}
mod literals;
#[cfg(feature = "openapi")]
pub mod openapi;
#[cfg(feature = "service")]
pub mod outbox;
mod outcome;
mod paths;
#[cfg(feature = "service")]
pub mod patterns {
    #![doc = include_str!("../docs/patterns.md")]
}
#[cfg(feature = "service")]
mod pattern;
#[cfg(feature = "service")]
mod serve;
#[cfg(feature = "otel")]
mod trace;
#[cfg(feature = "otel")]
pub mod traces {
    #![doc = include_str!("../docs/traces.md")]
}
pub mod wiring;

pub use branch::{
    Branch, Cancellation, Compensation, Confirmation, Kept, MsgAddress, MsgBranch, PAYLOAD_BYTES_MAX, PayloadError,
    QueryPrepared, Role, Route, SagaAddress, SagaStep, TccAddress, TccBranch, at,
};
pub use branchwire_macros::{
    Database, msg_branch, query_prepared, saga_action, saga_compensate, service, tcc_cancel, tcc_confirm, tcc_try,
};
pub use branchwire_protocol as protocol;
pub use branchwire_protocol::{Gid, InvalidUrl, ServiceUrl};
#[cfg(feature = "service")]
pub use client::Client;
#[cfg(feature = "service")]
pub use database::{CommitError, Database, EndedEarly, Fault, Isolation, RecyclingPool, StatementError, Tx};
#[cfg(feature = "service")]
pub use outbox::Outbox;
pub use outcome::{BranchError, OrRefuse, OrRetry, Prepared, Reply, Retry};
#[cfg(feature = "service")]
pub use pattern::NotStarted;
#[cfg(feature = "service")]
pub use pattern::msg;
#[cfg(feature = "service")]
pub use pattern::msg::{Done, NotDone};
#[cfg(feature = "service")]
pub use pattern::saga::{self, SagaDone, SagaNotDone};
#[cfg(feature = "service")]
pub use pattern::tcc::{self, Tcc, TccDone, TccNotDone};
#[cfg(feature = "service")]
pub use serve::{BranchContext, BranchRouter};

// Generated code names them here.
#[doc(hidden)]
pub use bounds::*;

/// The traits that stand in the compiler's messages: bounds of what is in this crate. A program rarely names them, and
/// its types meet them by a derive or by their form.
pub mod bounds {
    pub use crate::branch::{
        Address, Cancelled, Compensated, Confirmed, Payload, SagaAction, SameDatabase, SameKept, SamePayload,
        SendPayload, Stored, TccTry,
    };
    #[cfg(feature = "service")]
    pub use crate::database::{DatabasePool, Holds};
    pub use crate::outcome::{Decides, MayRefuse, MustSucceed};
    #[cfg(feature = "service")]
    pub use crate::pattern::tcc::{Decision, TccBranches};
    #[cfg(feature = "service")]
    pub use crate::pattern::{BusinessError, LocalBusiness};
    #[cfg(feature = "service")]
    pub use crate::serve::{Extracts, ExtractsAll, Hosted};
}

/// The axum of this crate's routes and extractors, and the sqlx of its pools: a service uses these very versions.
#[cfg(feature = "service")]
pub use {axum, sqlx};

/// The names that a service needs in scope: those of its functions, of sending, and of a `match` on the outcome.
pub mod prelude {
    #[cfg(feature = "service")]
    pub use crate::{
        BranchContext, BranchRouter, Client, CommitError, Database, Done, NotDone, NotStarted, Outbox, SagaDone,
        SagaNotDone, Tcc, TccDone, TccNotDone, Tx, client::Outcome, outbox::SagaSent, tcc::CallError,
    };
    pub use crate::{
        BranchError, Gid, Kept, OrRefuse, OrRetry, Prepared, QueryPrepared, Retry, msg_branch, query_prepared,
        saga_action, saga_compensate, tcc_cancel, tcc_confirm, tcc_try,
    };
}

/// The algorithms without a real database, for a simulator with databases of its own. It changes without notice.
#[cfg(feature = "unstable-simulation")]
pub mod simulation {
    pub use crate::barrier::db::{BarrierDb, BarrierTx};
    pub use crate::barrier::entry::{Entry, RepeatError, Repeated, enter, leave_repeat};
    pub use crate::barrier::outbox::{Claim, Claimed, Counts, OutboxRecord, OutboxRow, OutboxState, PutBack};
    pub use crate::barrier::outbox_db::OutboxDb;
    pub use crate::barrier::row::{BarrierKey, BarrierRow};
    pub use crate::call::{ATTEMPTS_MAX, AttemptError, Business, apply};
    pub use crate::database::{Wait, commit_error};
    pub use crate::outbox::start as start_outbox;
    pub use crate::pattern::msg::{do_and_submit, do_and_submit_with_retries};
    pub use crate::pattern::outbox::{saga_send_with, send_with};
}

/// The names that generated code uses. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use branchwire_macros::in_service;

    pub use crate::branch::{NotSo, NothingToUndo, Probe, ReadBack};
    pub use crate::literals::{checked_gid, checked_url, url_mistake};
    pub use crate::paths::{HostsContract, Text, has_role, join, path_in, paths_mistake, slots};
    pub use crate::{__branchwire_check_paths as check_paths, __branchwire_join_path as join_path};

    #[cfg(feature = "service")]
    pub use self::service::*;

    /// What only the code of hosts and of senders names.
    #[cfg(feature = "service")]
    mod service {
        pub use axum::Router;
        pub use futures_core::future::BoxFuture;
        pub use sqlx::Pool;

        pub use crate::barrier::query_prepared::AskBarrier;
        pub use crate::literals::merged;
        pub use crate::serve::{
            Absent, BranchFn, NoDatabase, QueryPreparedFn, no_payload, serve_branch, serve_query_prepared,
        };
    }
}
