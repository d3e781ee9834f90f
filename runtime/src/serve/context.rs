//! Which call of a branch a request is.

use axum::extract::{FromRequestParts, Query};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use crate::barrier::BarrierKey;
use crate::protocol::{BranchId, Gid, Op, TransType};

/// Which call of a branch this is. An axum extractor, for branches that want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchContext {
    /// The global transaction.
    pub gid: Gid,
    /// The branch within it.
    pub branch_id: BranchId,
    /// What the coordinator asks of it.
    pub op: Op,
    /// The pattern of the global transaction.
    pub trans_type: TransType,
}

impl BranchContext {
    pub(super) fn key(&self) -> BarrierKey {
        let Self { gid, branch_id, op, trans_type } = self.clone();
        BarrierKey { gid, branch_id, op, trans_type }
    }

    /// Reads the query of a request; `None` if it is not one that a coordinator sends.
    pub(super) fn read(parts: &Parts) -> Option<Self> {
        #[derive(Deserialize)]
        struct Sent {
            gid: Gid,
            trans_type: String,
            branch_id: BranchId,
            op: String,
        }
        let Query(Sent { gid, trans_type, branch_id, op }) = Query::try_from_uri(&parts.uri).ok()?;
        // Bytes that are not UTF-8 are read as this character, so two names with such bytes would become equal.
        if [gid.as_str(), branch_id.as_str(), &op].iter().any(|name| name.contains(char::REPLACEMENT_CHARACTER)) {
            return None;
        }
        Some(Self { gid, branch_id, op: op.parse().ok()?, trans_type: trans_type.parse().ok()? })
    }
}

impl<S: Sync> FromRequestParts<S> for BranchContext {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().or_else(|| Self::read(parts)).ok_or(StatusCode::BAD_REQUEST)
    }
}
