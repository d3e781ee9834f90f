//! The route of a branch.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use http::StatusCode;
use http::request::Parts;
use tracing::Instrument;

use super::context::BranchContext;
use super::extract::ExtractsAll;
use super::request::{bad_call, report_nesting, report_unverified};
use crate::barrier::BarrierDialect;
use crate::branch::Route;
use crate::call::{self, Arrived, Business};
use crate::database::{Database, Holds, Tx};
use crate::outcome::{BranchError, Reply};

/// An annotated function for its route, with the trait methods of its types.
///
/// The trait methods are values, so the compiler checks each bound once, at the user's own token: a bound on an
/// associated type would be reported at every mention.
#[derive(Debug)]
pub struct BranchFn<D: Database, X, P, R> {
    /// Calls the function.
    pub run: for<'t> fn(&'t mut Tx<D>, X, P) -> BoxFuture<'t, R>,
    /// Reads its payload: `<P as Payload>::from_json`, or [`no_payload`].
    pub payload: fn(&[u8]) -> Result<P, serde_json::Error>,
    /// Reads its result: `<R as MustSucceed>::into_outcome`.
    pub outcome: fn(R) -> Result<(), BranchError>,
}

/// The payload of a branch without one: the body is not read.
///
/// # Errors
/// None.
pub fn no_payload(_: &[u8]) -> Result<(), serde_json::Error> {
    Ok(())
}

/// Adds the route of a branch. It accepts the ops of the route's role.
pub fn serve_branch<D, S, X, P, R>(router: Router<S>, route: &'static Route, branch: BranchFn<D, X, P, R>) -> Router<S>
where
    D: Database<Driver: BarrierDialect>,
    S: Holds<D> + ExtractsAll<X>,
    X: Send + 'static,
    P: Send + 'static,
    R: 'static,
{
    add_route(router, route, Arc::new(branch))
}

/// Compiled once for all branches of a database, which differ only in `branch`.
fn add_route<D, S>(router: Router<S>, route: &'static Route, branch: Arc<dyn ReadArguments<D, S>>) -> Router<S>
where
    D: Database<Driver: BarrierDialect>,
    S: Holds<D>,
{
    // A coordinator calls a branch without a payload by GET.
    let methods = MethodFilter::GET.or(MethodFilter::POST);
    let handler = move |State(state): State<S>, request: Request| respond(state, request, route, Arc::clone(&branch));
    router.route(route.path, on(methods, handler))
}

async fn respond<D, S>(state: S, request: Request, route: &'static Route, branch: Arc<dyn ReadArguments<D, S>>) -> Reply
where
    D: Database<Driver: BarrierDialect>,
    S: Holds<D>,
{
    let (mut parts, body) = request.into_parts();
    report_nesting(route, &parts);
    report_unverified(route, &parts);
    let context = match BranchContext::read(&parts) {
        Some(context) if route.role.ops().contains(&context.op) => context,
        _ => return bad_call(route, &parts),
    };
    let BranchContext { gid, branch_id, op, .. } = &context;
    let span = tracing::info_span!("branch", name = route.name, %gid, %branch_id, %op);
    async {
        // Uses axum's own extractor, so that its `DefaultBodyLimit` holds here as well.
        let mut unread = Request::new(body);
        *unread.extensions_mut() = parts.extensions.clone();
        let body = match Bytes::from_request(unread, &()).await {
            Ok(body) => body,
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                tracing::warn!("the payload is longer than axum's `DefaultBodyLimit` allows");
                return Reply::TooLong;
            }
            Err(rejection) => {
                tracing::warn!(error = &rejection as &dyn std::error::Error, "the payload did not arrive completely");
                return Reply::Retry;
            }
        };
        parts.extensions.insert(context.clone());
        let db = state.database();
        call::run(&db, &context.key(), &Http { branch, state, parts, body }).await
    }
    .instrument(span)
    .await
}

/// A call received by HTTP.
struct Http<D, S> {
    branch: Arc<dyn ReadArguments<D, S>>,
    state: S,
    parts: Parts,
    body: Bytes,
}

impl<D: Database, S: Send + Sync> Arrived<Tx<D>> for Http<D, S> {
    fn business(&self) -> BoxFuture<'_, Result<Business<Tx<D>>, Reply>> {
        self.branch.read_arguments(&self.parts, &self.state, &self.body)
    }
}

/// Reads the arguments of a branch from a request: the only difference between the branches of one database.
trait ReadArguments<D: Database, S>: Send + Sync {
    fn read_arguments<'c>(
        &'c self,
        parts: &'c Parts,
        state: &'c S,
        body: &'c [u8],
    ) -> BoxFuture<'c, Result<Business<Tx<D>>, Reply>>;
}

impl<D, S, X, P, R> ReadArguments<D, S> for BranchFn<D, X, P, R>
where
    D: Database,
    S: ExtractsAll<X>,
    X: Send + 'static,
    P: Send + 'static,
    R: 'static,
{
    fn read_arguments<'c>(
        &'c self,
        parts: &'c Parts,
        state: &'c S,
        body: &'c [u8],
    ) -> BoxFuture<'c, Result<Business<Tx<D>>, Reply>> {
        Box::pin(async move {
            let payload = match (self.payload)(body) {
                Ok(payload) => payload,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the payload is not of the branch's type");
                    return Err(Reply::BadPayload);
                }
            };
            let Some(extractors) = state.extract_all(parts).await else {
                tracing::error!("an extractor of the branch rejected the request; the coordinator will call again");
                return Err(Reply::Retry);
            };
            let (run, outcome) = (self.run, self.outcome);
            let business: Business<Tx<D>> = Box::new(move |tx| run(tx, extractors, payload).map(outcome).boxed());
            Ok(business)
        })
    }
}
