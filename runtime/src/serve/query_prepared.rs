//! The route of a query-prepared.

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{MethodFilter, on};
use futures_core::future::BoxFuture;
use tracing::field::Empty;

use super::CallSpan;
use super::context::BranchContext;
use super::request::{bad_call, is_look, report_nesting, report_unverified};
use crate::branch::Route;
use crate::call;
use crate::database::Holds;
use crate::outcome::{Prepared, Reply, Retry};
use crate::protocol::{Gid, LOCAL_BRANCH};

/// A query-prepared for its route.
#[derive(Debug)]
pub struct QueryPreparedFn<D, R> {
    /// Calls the function.
    pub ask: for<'d> fn(&'d D, Gid) -> BoxFuture<'d, R>,
    /// Reads its result: `<R as Decides>::into_decision`.
    pub decision: fn(R) -> Result<Prepared, Retry>,
}

/// Adds the route of a query-prepared. It accepts the ops of the route's role.
pub fn serve_query_prepared<D, S, R>(
    router: Router<S>,
    route: &'static Route,
    QueryPreparedFn { ask, decision }: QueryPreparedFn<D, R>,
) -> Router<S>
where
    D: Send + Sync + 'static,
    S: Holds<D>,
    R: 'static,
{
    let handler = move |State(state): State<S>, request: Request| respond(state, request, route, ask, decision);
    router.route(route.path, on(MethodFilter::GET, handler))
}

async fn respond<D, S, R>(
    state: S,
    request: Request,
    route: &'static Route,
    ask: for<'d> fn(&'d D, Gid) -> BoxFuture<'d, R>,
    decision: fn(R) -> Result<Prepared, Retry>,
) -> Reply
where
    D: Send + Sync + 'static,
    S: Holds<D>,
{
    let parts = request.into_parts().0;
    if is_look(&parts) {
        return Reply::BadCall;
    }
    report_nesting(route, &parts);
    report_unverified(route, &parts);
    let (gid, branch_id, op) = match BranchContext::read(&parts) {
        Some(BranchContext { gid, branch_id, op, .. })
            if route.role.ops().contains(&op) && branch_id.as_str() == LOCAL_BRANCH =>
        {
            (gid, branch_id, op)
        }
        _ => return bad_call(route, &parts),
    };
    let span = tracing::info_span!(
        "query_prepared", name = route.name, %gid, %branch_id, %op, otel.name = Empty, otel.kind = Empty
    );
    let span = CallSpan::new(span, route.name, &parts.headers);
    let db = state.database();
    let asked = call::reply_to_query_prepared(async { decision(ask(&db, gid).await) });
    span.run(asked).await
}
