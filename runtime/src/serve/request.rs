//! The checks of a request that the routes of all roles share.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

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
