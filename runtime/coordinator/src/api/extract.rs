//! The extractors and results of handlers.

use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::response::Response;
use serde::Deserialize;

use super::answer::Refused;

pub(super) type Answered = Result<Response, Refused>;
pub(super) type Body = Result<Bytes, BytesRejection>;
pub(super) type Parameters<T> = Result<Query<T>, QueryRejection>;

/// The query of routes that name a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ByGid {
    pub(super) gid: String,
}
