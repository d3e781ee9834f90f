//! The definition of a transaction: everything about it that never changes.

use std::collections::BTreeMap;
use std::time::Duration;

use branchwire_protocol::{BranchId, Gid, Op, TransType, TransactionOptions, is_same_payload};
use bytes::Bytes;

use super::Time;
use super::protocol::Protocol;

/// The most branches that a transaction can have.
pub(crate) const BRANCHES_MAX: usize = 1_000;

/// The longest interval between two calls of one branch, however often the interval was doubled: a day.
pub(crate) const INTERVAL_MAX: Duration = Duration::from_hours(24);

/// A call starts only if the lease lasts this much longer than the call's timeout.
///
/// Stores with whole seconds round times, and the clocks of coordinators differ a little.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// The least remaining lease with which a call may start.
fn lease_min(request_timeout: Duration) -> Duration {
    request_timeout.saturating_add(LEASE_MARGIN)
}

/// The length of a lease: it has room for a few calls, one after another.
fn lease(request_timeout: Duration) -> Duration {
    lease_min(request_timeout).saturating_mul(3)
}

/// A global transaction as it was recorded. Later events change its [`State`](super::State); only the registration of a
/// branch adds to the definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Definition {
    /// Its gid.
    pub gid: Gid,
    /// Its pattern.
    pub trans_type: TransType,
    /// How its branches are called.
    pub protocol: Protocol,
    /// When it was first recorded.
    pub created: Time,
    /// The address of query-prepared, which answers whether the local transaction has committed; may be empty.
    pub query_prepared: String,
    /// The ops of its branches, in the order in which they were recorded. Each branch has one or more.
    pub branches: Vec<BranchOp>,
    /// Whether all branches of a message are called at once instead of one after another.
    pub concurrent: bool,
    /// For each step of a saga, the steps that must have succeeded before it is called, by their indexes.
    pub predecessors: Vec<Vec<usize>>,
    /// Its intervals and limits.
    pub timing: Timing,
    /// Headers sent with every call.
    pub headers: BTreeMap<String, String>,
    /// Its options as JSON, as stored and shown.
    pub options: String,
    /// The client's `custom_data`, as stored and shown.
    pub custom_data: String,
    /// More data of the store, as JSON; may be empty.
    pub ext_data: String,
}

/// One op of one branch, which is one row: two or more may have the same id (an action and its compensation).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BranchOp {
    /// Its id.
    pub branch_id: BranchId,
    /// The op.
    pub op: Op,
    /// Its address; an empty one counts as done.
    pub url: String,
    /// The body of its calls.
    pub payload: Bytes,
}

impl BranchOp {
    /// Whether it is the same row, as sent again by the same client.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.branch_id, &self.op, &self.url) == (&other.branch_id, &other.op, &other.url)
            && is_same_payload(&self.payload, &other.payload)
    }
}

/// A coordinator's own settings, for options that a transaction does not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// How long a client may take from prepare to submit, if the pattern has such a limit. DTM's: 35 s.
    pub timeout_to_fail: Duration,
    /// The time before the first retry of a call. DTM's: 10 s.
    pub retry_interval: Duration,
    /// The timeout of one call. DTM's: 3 s.
    pub request_timeout: Duration,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            timeout_to_fail: Duration::from_secs(35),
            retry_interval: Duration::from_secs(10),
            request_timeout: Duration::from_secs(3),
        }
    }
}

impl Defaults {
    /// The lease on a transaction that is taken from the store, before its own settings are known.
    pub fn lease(&self) -> Duration {
        lease(self.request_timeout)
    }
}

/// The intervals and limits of one transaction: from the client, or else the coordinator's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// How long, counted from its creation, the client may take to submit it. The pattern decides what happens then.
    pub timeout_to_fail: Duration,
    /// `timeout_to_fail` if the client has set it. Some patterns have no timeout otherwise.
    pub timeout_given: Option<Duration>,
    /// How many calls of a saga's actions may give no clear answer before it is rolled back; `None`: no limit.
    pub retry_limit: Option<u32>,
    /// The first interval between calls; progress resets the interval to it.
    pub retry_interval: Duration,
    /// The timeout of one call.
    pub request_timeout: Duration,
    /// How long after the creation a message's branches may first be called.
    pub delay: Duration,
}

impl Timing {
    /// Takes from `defaults` what `options` leaves out; a negative number counts as left out.
    pub fn new(options: &TransactionOptions, delay_s: u64, defaults: &Defaults) -> Self {
        let given = |seconds: i64| u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs);
        let timeout_to_fail = given(options.timeout_to_fail);
        // A short timeout also shortens the interval, as in DTM.
        let short = timeout_to_fail.filter(|timeout| *timeout < defaults.retry_interval);
        Self {
            timeout_to_fail: timeout_to_fail.unwrap_or(defaults.timeout_to_fail),
            timeout_given: timeout_to_fail,
            retry_limit: u32::try_from(options.retry_limit).ok().filter(|limit| *limit > 0),
            retry_interval: given(options.retry_interval).or(short).unwrap_or(defaults.retry_interval),
            request_timeout: given(options.request_timeout).unwrap_or(defaults.request_timeout),
            delay: Duration::from_secs(delay_s),
        }
    }

    /// The lease of a run; the run renews it before it ends.
    pub fn lease(&self) -> Duration {
        self.retry_interval.min(INTERVAL_MAX).max(lease(self.request_timeout))
    }

    /// The least remaining lease with which a call may start.
    pub(crate) fn lease_min(&self) -> Duration {
        lease_min(self.request_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_interval(retry_interval: i64, timeout_to_fail: i64) -> u64 {
        let options = TransactionOptions { retry_interval, timeout_to_fail, ..TransactionOptions::default() };
        Timing::new(&options, 0, &Defaults::default()).retry_interval.as_secs()
    }

    #[test]
    fn the_interval_starts_at_the_clients_or_at_a_short_timeout_or_at_the_coordinators() {
        assert_eq!(retry_interval(1, 0), 1);
        assert_eq!(retry_interval(60, 4), 60);
        assert_eq!(retry_interval(0, 4), 4);
        assert_eq!(retry_interval(0, 20), 10);
        assert_eq!(retry_interval(-1, -1), 10);
    }

    #[test]
    fn a_lease_leaves_room_for_a_call_whatever_the_client_asks_for() {
        for request_timeout in [0, 1, 3600, i64::MAX] {
            let options = TransactionOptions { request_timeout, ..TransactionOptions::default() };
            let timing = Timing::new(&options, 0, &Defaults::default());
            assert!(timing.lease() > timing.lease_min() || timing.request_timeout.as_secs() > u64::MAX / 4);
        }
    }
}
