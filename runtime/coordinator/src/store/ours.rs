//! Which rows and which leases of a shared table are ours: a DTM server may work on the same tables.

use branchwire_protocol::Gid;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::engine::{Protocol, pattern::BUILT};

/// SQL condition for the rows of a shared table that are for us: their pattern is built, and their protocol spoken. It is
/// asked of unfinished rows: an expression keeps planners from the index of patterns, which has all finished ones.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) static OURS: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let patterns: Vec<_> = BUILT.iter().map(|pattern| format!("'{pattern}'")).collect();
    let protocols = Protocol::ALL.map(|protocol| format!("'{}'", protocol.as_str()));
    format!("coalesce(trans_type, '') IN ({}) AND protocol IN ('', {})", patterns.join(", "), protocols.join(", "))
});

/// SQL condition for the rows on which no coordinator of ours has a lease.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) static NOT_LEASED: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("owner NOT LIKE '{OWNER_PREFIX}%'"));

/// Begins the name of each owner of ours. Any other owner in a row was left by a DTM server, and is no lease.
const OWNER_PREFIX: &str = "branchwire-";

/// The name of a coordinator in the rows that it has a lease on; a new one at each start.
pub(crate) fn new_owner() -> String {
    format!("{OWNER_PREFIX}{}", Gid::random())
}

/// Whether this owner of a row means a lease, which lasts until the row is due.
pub(crate) fn is_lease(owner: &str) -> bool {
    owner.starts_with(OWNER_PREFIX)
}
