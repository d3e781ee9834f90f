//! Identifies the call of a branch in a request.

use axum::extract::{FromRequestParts, Query};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use crate::barrier::BarrierKey;
use crate::protocol::{BranchId, Gid, Op, TransType};

/// The identity of the present call of a branch. An axum extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchContext {
    /// The global transaction.
    pub gid: Gid,
    /// The branch within it.
    pub branch_id: BranchId,
    /// The op: what the coordinator wants from the branch.
    pub op: Op,
    /// The pattern of the global transaction.
    pub trans_type: TransType,
}

impl BranchContext {
    pub(super) fn key(&self) -> BarrierKey {
        let Self { gid, branch_id, op, trans_type } = self.clone();
        BarrierKey { gid, branch_id, op, trans_type }
    }

    /// Reads the query of a request; `None` if it is not a coordinator's call.
    pub(super) fn read(parts: &Parts) -> Option<Self> {
        #[derive(Deserialize)]
        struct Sent {
            gid: Gid,
            trans_type: String,
            branch_id: BranchId,
            op: String,
        }
        let Query(Sent { gid, trans_type, branch_id, op }) = Query::try_from_uri(&parts.uri).ok()?;
        // Bytes that are not UTF-8 become this character, so two different names could become equal.
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
