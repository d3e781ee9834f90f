//! The registration of a branch.

use std::collections::BTreeMap;

use branchwire_protocol::{BranchId, Gid, Op, TransType};
use bytes::Bytes;
use serde::Deserialize;

use super::answer::Refused;
use super::request;
use crate::engine::pattern::{self, Rows};
use crate::engine::{BranchOp, Event};

/// The body of `registerBranch`: every value is a text, as in DTM. The addresses are under the names of their ops.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Registration(BTreeMap<String, Option<String>>);

impl Registration {
    fn take(&mut self, name: &str) -> String {
        self.0.remove(name).flatten().unwrap_or_default()
    }

    /// What happens to which transaction.
    pub(super) fn event(mut self, payload_bytes_max: usize) -> Result<(Gid, Event), Refused> {
        let ops = ops(&self.take("trans_type"))?;
        let gid = request::known_gid(&self.take("gid"))?;
        let branch_id =
            BranchId::new(self.take("branch_id")).map_err(|error| Refused::error(error.to_string()).bad_request())?;
        let data = self.take("data");
        request::check_payload(&data, payload_bytes_max)?;
        let payload = Bytes::from(data);
        let rows = ops.map(|op| {
            let url = request::address(op.as_str(), self.take(op.as_str()))?;
            Ok(BranchOp { branch_id: branch_id.clone(), op, url, payload: payload.clone() })
        });
        let rows = rows.into_iter().collect::<Result<_, Refused>>()?;
        Ok((gid, Event::RegisterBranch { branch_id, rows }))
    }
}

/// The ops of a branch of this pattern, if its branches are registered.
fn ops(trans_type: &str) -> Result<[Op; 2], Refused> {
    // The misspelling is DTM's; clients may match it.
    let unknown = || Refused::error(format!("unknow trans type: {trans_type}"));
    let of = request::supported(trans_type)
        .map_err(|refused| if trans_type.parse::<TransType>().is_ok() { refused } else { unknown() })?;
    match pattern::of(of).rows() {
        Rows::Registered(ops) => Ok(ops),
        Rows::Steps | Rows::Pairs => Err(unknown()),
    }
}
