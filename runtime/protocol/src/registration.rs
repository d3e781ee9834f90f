//! The registration of a branch, as clients send it.

use serde::{Deserialize, Serialize};

/// A TCC's branch, in the body of `registerBranch`: its addresses, and the payload of its calls.
///
/// The texts are not checked here: the coordinator refuses invalid ones in the protocol's own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TccRegistration {
    /// The transaction, which must be prepared.
    pub gid: String,
    /// `tcc`.
    pub trans_type: String,
    /// The branch's id. The same registration may be sent again, and is recorded once.
    pub branch_id: String,
    /// The body of its calls; JSON as a text.
    pub data: String,
    /// The address of its confirm.
    pub confirm: String,
    /// The address of its cancel.
    pub cancel: String,
}
