//! The checks of a request that the routes of all roles share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::MatchedPath;
use branchwire_protocol::{CALL_HEADER, MESSAGE_HEADER};
use http::request::Parts;

use crate::branch::Route;
use crate::outcome::Reply;

/// The reply to a request that is not a call of this route.
pub(super) fn bad_call(route: &Route, parts: &Parts) -> Reply {
    tracing::error!(
        name = route.name,
        query_bytes = parts.uri.query().map_or(0, str::len),
        "not a call that a coordinator makes to this route"
    );
    Reply::BadCall
}

/// Reports a nested router: its path differs from the one in stored transactions.
pub(super) fn report_nesting(route: &Route, parts: &Parts) {
    if let Some(matched) = parts.extensions.get::<MatchedPath>()
        && matched.as_str() != route.path
    {
        tracing::error!(
            name = route.name,
            path = route.path,
            served_at = matched.as_str(),
            "the router of this branch is nested, so typed addresses do not reach it: merge it instead"
        );
    }
}

/// Among the extensions of a request: no call, but a look from this process whether it gets as far as the route.
#[derive(Debug, Clone, Default)]
#[cfg_attr(not(feature = "auth"), allow(dead_code, reason = "who looks makes it"))]
pub(crate) struct Look(Arc<AtomicBool>);

#[cfg_attr(not(feature = "auth"), allow(dead_code, reason = "who looks asks it"))]
impl Look {
    /// Whether it has come to a route.
    pub(crate) fn has_arrived(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether this is a [`Look`] and no call; it has arrived then.
pub(super) fn is_look(parts: &Parts) -> bool {
    let look = parts.extensions.get::<Look>();
    look.inspect(|look| look.0.store(true, Ordering::Relaxed)).is_some()
}

/// The mark of a request whose signature holds, among its extensions.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "auth"), allow(dead_code, reason = "who verifies sets it"))]
pub(crate) struct SignatureHolds;

/// Warns, once for each route, of a signed call that nothing has verified: the route is open to all who reach it, though
/// somebody went to the trouble of keys.
pub(super) fn report_unverified(route: &'static Route, parts: &Parts) {
    static REPORTED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let signed = [CALL_HEADER, MESSAGE_HEADER].iter().any(|header| parts.headers.contains_key(*header));
    if signed
        && parts.extensions.get::<SignatureHolds>().is_none()
        && REPORTED.lock().unwrap_or_else(PoisonError::into_inner).insert(route.path)
    {
        tracing::warn!(
            name = route.name,
            path = route.path,
            "calls are signed, but this route verifies nothing and takes anybody's: put the layer `auth::Verify` around it"
        );
    }
}
