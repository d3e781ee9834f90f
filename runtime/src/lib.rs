//! Branchwire: annotated handlers for distributed transactions.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The derives and attributes name this crate from outside; so do its own tests.
#[allow(unused_extern_crates)]
extern crate self as branchwire;

#[cfg(feature = "auth")]
pub mod auth;
pub mod barrier;
mod branch;
pub mod client;
mod database;
mod fault;
mod handler;
mod literals;
pub mod msg;
mod outcome;
mod paths;
pub mod protocol;
mod service_url;
mod statement;
mod tx;
pub mod wiring;

pub use branch::{Address, Branch, MsgAddress, MsgBranch, Payload, QueryPrepared, Role, Route, SendPayload, at};
pub use branchwire_macros::{Database, msg_branch, query_prepared, service};
pub use client::Client;
pub use database::{Database, InState, Isolation};
pub use fault::Fault;
pub use handler::{BranchContext, BranchRouter, Extractor, Hosted};
pub use msg::{Done, NotDone};
pub use outcome::{BranchError, Decides, MustSucceed, OrRefuse, OrRetry, Prepared, Reply, Retry};
pub use protocol::Gid;
pub use service_url::{InvalidUrl, ServiceUrl};
pub use tx::{CommitError, Tx};

/// What a service needs in scope.
pub mod prelude {
    pub use crate::{
        BranchContext, BranchError, BranchRouter, Client, Database, Done, Gid, NotDone, OrRefuse, OrRetry, Prepared,
        Retry, Tx, msg_branch, query_prepared,
    };
}

/// What generated code names. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use axum::Router;
    pub use branchwire_macros::in_service;
    pub use futures_core::future::BoxFuture;
    pub use sqlx::Pool;

    pub use crate::__branchwire_join_path as join_path;
    pub use crate::database::DatabasePool;
    pub use crate::handler::{
        Absent, BranchFn, QueryPreparedFn, ask_barrier, no_payload, serve_branch, serve_query_prepared,
    };
    pub use crate::literals::{check_gid, check_url, checked_gid, checked_url};
    pub use crate::paths::{check_paths, join, path_in};
}
