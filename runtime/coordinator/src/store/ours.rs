//! Which rows and which leases of a shared table are ours: a DTM server may work on the same tables.

use branchwire_protocol::Gid;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::engine::pattern::BUILT;

/// The rows of a shared table that are for us, as a condition: of a pattern that is built, over HTTP.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) static OURS: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let patterns: Vec<_> = BUILT.iter().map(|pattern| format!("'{pattern}'")).collect();
    format!("trans_type IN ({}) AND protocol IN ('', 'http')", patterns.join(", "))
});

/// The rows that no coordinator of ours holds, as a condition.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) static NOT_LEASED: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("owner NOT LIKE '{OWNER_PREFIX}%'"));

/// How an owner of ours is named in rows. Whatever else stands there was left by a DTM server, and holds nothing.
const OWNER_PREFIX: &str = "branchwire-";

/// The name of a coordinator in the rows that it holds; another one at each start.
pub(crate) fn new_owner() -> String {
    format!("{OWNER_PREFIX}{}", Gid::random())
}

/// Whether a row with this owner is held, as long as its lease lasts.
pub(crate) fn is_lease(owner: &str) -> bool {
    owner.starts_with(OWNER_PREFIX)
}
