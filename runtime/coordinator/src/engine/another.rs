//! Two transactions under one gid.

use std::collections::BTreeMap;

use branchwire_protocol::is_same_payload;
use bytes::Bytes;

use super::pattern::{self, Rows};
use super::{BranchOp, Definition};

/// Whether the branches that a client has `sent`, or their order, are certainly others than those of the recorded
/// transaction: then it is another one under the same gid.
///
/// Of a step with a topic only the payload is compared: its subscribers may have changed. Branches that were registered are
/// not in what is sent.
pub(crate) fn is_another(recorded: &Definition, sent: &Definition) -> bool {
    fn named(definition: &Definition) -> impl Iterator<Item = &BranchOp> {
        definition.branches.iter().filter(|branch| !branch.branch_id.as_str().contains('-'))
    }
    if recorded.trans_type != sent.trans_type || recorded.predecessors != sent.predecessors {
        return true;
    }
    match pattern::of(recorded.trans_type).rows() {
        Rows::Registered(_) => false,
        Rows::Steps | Rows::Pairs => {
            named(recorded).count() != named(sent).count()
                || !named(recorded).zip(named(sent)).all(|(one, other)| one.is_same(other))
                || topics_differ(recorded, sent)
        }
    }
}

/// Whether a step with a topic has another payload. One without subscribers shows none.
fn topics_differ(recorded: &Definition, sent: &Definition) -> bool {
    fn topics(definition: &Definition) -> BTreeMap<&str, &Bytes> {
        let ids = definition.branches.iter().map(|branch| (branch.branch_id.as_str(), &branch.payload));
        ids.filter_map(|(id, payload)| Some((id.split_once('-')?.0, payload))).collect()
    }
    let recorded = topics(recorded);
    topics(sent)
        .into_iter()
        .any(|(step, payload)| recorded.get(step).is_some_and(|recorded| !is_same_payload(recorded, payload)))
}
