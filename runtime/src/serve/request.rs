//! What the routes of all roles check of a request.

use axum::extract::MatchedPath;
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

/// Reports a nested router: it answers at another path than the one in stored transactions.
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
