//! The axum side: what the route of an annotated function does.
//!
//! It reads who calls (gid, `trans_type`, `branch_id`, op) and the payload, enters the barrier, runs the function,
//! commits, and answers with one of the fixed replies. What went wrong is told to `tracing` only.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequest, FromRequestParts, MatchedPath, Query, Request, State};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use tracing::Instrument;

use crate::barrier::{self, BarrierKey, QueryPreparedError};
use crate::branch::{Branch, Payload, ReadBack, Route};
use crate::call::{self, Business, Trouble};
use crate::outcome::{BranchError, Prepared, Reply, Retry};
use crate::protocol::{BranchId, Gid, LOCAL_BRANCH, Op, TransType};
use crate::{Database, Holds, Tx};

/// How often a branch's transaction is tried within one call, where the database says that trying again may help.
const ATTEMPTS_MAX: u32 = 3;

/// Which call of a branch this is. An axum extractor, for branches that want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchContext {
    /// The global transaction.
    pub gid: Gid,
    /// The branch within it.
    pub branch_id: BranchId,
    /// What is asked of it.
    pub op: Op,
    /// The pattern of the global transaction.
    pub trans_type: TransType,
}

impl BranchContext {
    fn key(&self) -> BarrierKey {
        let Self { gid, branch_id, op, trans_type } = self.clone();
        BarrierKey { gid, branch_id, op, trans_type }
    }

    /// Reads the call's query.
    fn read(parts: &Parts) -> Option<Self> {
        /// As it comes.
        #[derive(Deserialize)]
        struct Call {
            gid: Gid,
            trans_type: String,
            branch_id: BranchId,
            op: String,
        }
        let Query(Call { gid, trans_type, branch_id, op }) = Query::try_from_uri(&parts.uri).ok()?;
        // Bytes that are no UTF-8 are read as this character, so two names with such bytes would be one.
        if [gid.as_str(), branch_id.as_str()].iter().any(|name| name.contains(char::REPLACEMENT_CHARACTER)) {
            return None;
        }
        Some(Self { gid, branch_id, op: op.parse().ok()?, trans_type: trans_type.parse().ok()? })
    }
}

impl<S: Sync> FromRequestParts<S> for BranchContext {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().or_else(|| Self::read(parts)).ok_or(StatusCode::BAD_REQUEST)
    }
}

/// An annotated function as its route runs it, with what was proved of its types.
///
/// The proofs are values, so that each is asked for once, at the user's own token: a bound on an associated type would
/// be reported at every mention.
#[doc(hidden)]
#[derive(Debug)]
pub struct BranchFn<D: Database, X, P, R> {
    /// Calls the function.
    pub run: for<'t> fn(&'t mut Tx<D>, X, P) -> BoxFuture<'t, R>,
    /// Reads its payload: `<P as Payload>::from_json`, or [`no_payload`].
    pub payload: fn(&[u8]) -> Result<P, serde_json::Error>,
    /// Reads its result: `<R as MustSucceed>::into_outcome`.
    pub outcome: fn(R) -> Result<(), BranchError>,
}

/// The payload of a branch that takes none: whatever comes is left unread.
///
/// # Errors
/// None.
#[doc(hidden)]
pub fn no_payload(_: &[u8]) -> Result<(), serde_json::Error> {
    Ok(())
}

/// A query-prepared as its route runs it.
#[doc(hidden)]
#[derive(Debug)]
pub struct QueryPreparedFn<D, R> {
    /// Calls the function.
    pub ask: for<'d> fn(&'d D, Gid) -> BoxFuture<'d, R>,
    /// Reads its result: `<R as Decides>::into_decision`.
    pub decision: fn(R) -> Result<Prepared, Retry>,
}

/// A branch that is hosted here: a router can serve it, with any state that holds what it needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a branch that a router can serve",
    label = "not an annotated function of this service",
    note = "put `#[msg_branch]` or `#[query_prepared]` on the function; a branch of a remote service is served by its host"
)]
pub trait Hosted {
    /// The database that it works in.
    type Database;
    /// The extractors that it takes, a tuple.
    type Extractors;

    #[doc(hidden)]
    fn register<S>(router: Router<S>) -> Router<S>
    where
        S: Holds<Self::Database> + ExtractsAll<Self::Extractors>;
}

/// Stands for a branch that `#[cfg]` leaves out, where a list has to name something.
#[doc(hidden)]
#[derive(Debug)]
pub enum Absent {}

impl Branch for Absent {
    type Address = ();

    const ROUTE: Route = Route { name: "", path: "", role: crate::Role::MsgBranch, payload: "", database: "", doc: "" };

    fn address(_: &crate::ServiceUrl) {}
}

impl Hosted for Absent {
    type Database = NoDatabase;
    type Extractors = ();

    fn register<S>(router: Router<S>) -> Router<S> {
        router
    }
}

/// What a branch works in that is not there; every state holds it.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoDatabase;

impl<S> FromRef<S> for NoDatabase {
    fn from_ref(_: &S) -> Self {
        Self
    }
}

/// A router's state with which the extractor `X` can be used in a branch.
///
/// Any extractor of axum that does not read the body: a branch takes such between its transaction and its payload.
#[diagnostic::on_unimplemented(
    message = "`{X}` is not an extractor that a branch can take with the state `{Self}`",
    label = "between its transaction and its payload a branch takes extractors only (axum's `FromRequestParts`)"
)]
pub trait Extracts<X>: Sync {
    #[doc(hidden)]
    fn extract(&self, parts: &mut Parts) -> impl Future<Output = Option<X>> + Send;
}

#[diagnostic::do_not_recommend]
impl<S: Sync, X: FromRequestParts<S> + Send + 'static> Extracts<X> for S {
    async fn extract(&self, parts: &mut Parts) -> Option<X> {
        X::from_request_parts(parts, self).await.ok()
    }
}

/// A router's state with which all extractors of a branch can be used: [`Extracts`] for each in the tuple `X`.
#[diagnostic::on_unimplemented(
    message = "not every extractor of the branch, `{X}`, can be used with the state `{Self}`",
    label = "between its transaction and its payload a branch takes extractors only (axum's `FromRequestParts`)"
)]
pub trait ExtractsAll<X>: Sync {
    #[doc(hidden)]
    fn extract_all(&self, parts: &Parts) -> impl Future<Output = Option<X>> + Send;
}

macro_rules! extracts_all {
    ($($x:ident)*) => {
        impl<S: Sync $(+ Extracts<$x>)*, $($x: Send),*> ExtractsAll<($($x,)*)> for S {
            async fn extract_all(&self, parts: &Parts) -> Option<($($x,)*)> {
                let mut parts = parts.clone();
                Some(($(Extracts::<$x>::extract(self, &mut parts).await?,)*))
            }
        }
    };
}

impl<S: Sync> ExtractsAll<()> for S {
    async fn extract_all(&self, _: &Parts) -> Option<()> {
        Some(())
    }
}

extracts_all!(A);
extracts_all!(A B);
extracts_all!(A B C);
extracts_all!(A B C D);
extracts_all!(A B C D E);
extracts_all!(A B C D E F);
extracts_all!(A B C D E F G);
extracts_all!(A B C D E F G H);

/// Tells at compile time what a concrete type is: `Probe::<T>::IS_PAYLOAD`, with [`NotSo`] in scope.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(std::marker::PhantomData<T>);

#[doc(hidden)]
impl<T: Payload> Probe<T> {
    pub const IS_PAYLOAD: bool = true;
    pub const READ_BACK: ReadBack = |json| T::from_json(json.as_bytes()).map(drop);
}

#[doc(hidden)]
impl<T: FromRequestParts<()>> Probe<T> {
    pub const IS_EXTRACTOR: bool = true;
}

/// What holds where the constants of [`Probe`] itself are not there.
#[doc(hidden)]
pub trait NotSo {
    const IS_PAYLOAD: bool = false;
    const READ_BACK: ReadBack = |_| Ok(());
    const IS_EXTRACTOR: bool = false;
}

impl<T> NotSo for Probe<T> {}

/// Adds branches to an axum router: `Router::new().branch::<trans_in>()`.
pub trait BranchRouter<S> {
    /// Adds the route of the branch `B`, at its whole path.
    ///
    /// The router is to be merged, not nested: the path is absolute.
    #[must_use]
    fn branch<B: Hosted>(self) -> Self
    where
        S: Holds<B::Database> + ExtractsAll<B::Extractors>;
}

impl<S> BranchRouter<S> for Router<S> {
    fn branch<B: Hosted>(self) -> Self
    where
        S: Holds<B::Database> + ExtractsAll<B::Extractors>,
    {
        B::register(self)
    }
}

/// The route of a branch.
#[doc(hidden)]
pub fn serve_branch<D, S, X, P, R>(
    router: Router<S>,
    route: &'static Route,
    op: Op,
    branch: BranchFn<D, X, P, R>,
) -> Router<S>
where
    D: Database,
    S: Holds<D> + ExtractsAll<X>,
    X: Send + 'static,
    P: Send + 'static,
    R: 'static,
{
    route_branch(router, route, op, Arc::new(branch))
}

/// The same once for all branches of a database: what differs between them is behind `branch`.
fn route_branch<D, S>(router: Router<S>, route: &'static Route, op: Op, branch: Arc<dyn Prepare<D, S>>) -> Router<S>
where
    D: Database,
    S: Holds<D>,
{
    // A coordinator calls a branch without payload by GET.
    let methods = MethodFilter::GET.or(MethodFilter::POST);
    let handler = move |State(state): State<S>, request: Request| {
        call_branch(state, request, route, op.clone(), Arc::clone(&branch))
    };
    router.route(route.path, on(methods, handler))
}

/// The route of a query-prepared.
#[doc(hidden)]
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
    let handler =
        move |State(state): State<S>, request: Request| call_query_prepared(state, request, route, ask, decision);
    router.route(route.path, on(MethodFilter::GET, handler))
}

/// The answer of a query-prepared without a body of its own: the barrier's.
pub(crate) async fn ask_barrier<D: Database>(db: &D, gid: Gid) -> Result<Prepared, Retry> {
    match barrier::query_prepared(db, &gid).await {
        Ok(prepared) => Ok(prepared),
        Err(QueryPreparedError::Ongoing(source)) => {
            tracing::debug!(%gid, ?source, "the local transaction may still be running");
            Ok(Prepared::Ongoing)
        }
        Err(error @ QueryPreparedError::Unknown(_)) => Err(error.into()),
    }
}

async fn call_query_prepared<D, S, R>(
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
    note_nesting(route, &parts);
    let Some(BranchContext { gid, branch_id, op: Op::Msg, .. }) = BranchContext::read(&parts) else {
        return bad_call(route, &parts);
    };
    if branch_id.as_str() != LOCAL_BRANCH {
        return bad_call(route, &parts);
    }
    let span = tracing::info_span!("query_prepared", name = route.name, %gid, %branch_id, op = %Op::Msg);
    let db = state.database();
    async {
        match AssertUnwindSafe(async { decision(ask(&db, gid).await) }).catch_unwind().await {
            Ok(Ok(Prepared::Committed)) => Reply::Success,
            Ok(Ok(Prepared::RolledBack)) => Reply::Refused,
            Ok(Ok(Prepared::Ongoing)) => Reply::Ongoing,
            Ok(Err(retry)) => {
                tracing::error!(error = retry.reason(), "no answer; to be asked again");
                Reply::Retry
            }
            Err(_panic) => {
                tracing::error!("a panic; to be asked again");
                Reply::Retry
            }
        }
    }
    .instrument(span)
    .await
}

async fn call_branch<D, S>(
    state: S,
    request: Request,
    route: &'static Route,
    op: Op,
    branch: Arc<dyn Prepare<D, S>>,
) -> Reply
where
    D: Database,
    S: Holds<D>,
{
    let (mut parts, body) = request.into_parts();
    note_nesting(route, &parts);
    let context = match BranchContext::read(&parts) {
        Some(context) if context.op == op => context,
        _ => return bad_call(route, &parts),
    };
    let BranchContext { gid, branch_id, op, .. } = &context;
    let span = tracing::info_span!("branch", name = route.name, %gid, %branch_id, %op);
    async {
        // Through axum's own extractor, so that its `DefaultBodyLimit` counts here as well.
        let mut unread = Request::new(body);
        *unread.extensions_mut() = parts.extensions.clone();
        let body = match Bytes::from_request(unread, &()).await {
            Ok(body) => body,
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                tracing::warn!("the payload is longer than axum's `DefaultBodyLimit` allows");
                return Reply::TooLong;
            }
            Err(rejection) => {
                tracing::warn!(error = &rejection as &dyn std::error::Error, "the payload did not arrive whole");
                return Reply::Retry;
            }
        };
        parts.extensions.insert(context.clone());
        let call = Call { db: state.database(), key: context.key(), state, parts, body };
        call.run(&*branch).await
    }
    .instrument(span)
    .await
}

/// One call of a branch, with what an attempt to carry it out needs.
struct Call<D, S> {
    db: D,
    key: BarrierKey,
    state: S,
    parts: Parts,
    body: Bytes,
}

impl<D: Database, S: Send + Sync> Call<D, S> {
    async fn run(self, branch: &dyn Prepare<D, S>) -> Reply {
        for attempt in 1..=ATTEMPTS_MAX {
            match AssertUnwindSafe(self.attempt(branch)).catch_unwind().await {
                Ok(Ok(reply)) => return reply,
                Ok(Err(Trouble::Passing(retry))) if attempt < ATTEMPTS_MAX => {
                    tracing::warn!(error = retry.reason(), attempt, "rolled back; trying again");
                }
                Ok(Err(Trouble::Passing(retry) | Trouble::Lasting(retry))) => {
                    tracing::error!(error = retry.reason(), attempt, "rolled back; to be called again");
                    return Reply::Retry;
                }
                Err(_panic) => {
                    tracing::error!("a panic: rolled back; to be called again");
                    return Reply::Retry;
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn attempt(&self, branch: &dyn Prepare<D, S>) -> Result<Reply, Trouble> {
        let business = match branch.prepare(&self.parts, &self.state, &self.body).await {
            Ok(business) => business,
            Err(reply) => return Ok(reply),
        };
        call::apply(&self.db, &self.key, business).await
    }
}

/// Reads a branch's arguments from a request: all that differs between the branches of one database.
trait Prepare<D: Database, S>: Send + Sync {
    fn prepare<'c>(
        &'c self,
        parts: &'c Parts,
        state: &'c S,
        body: &'c [u8],
    ) -> BoxFuture<'c, Result<Business<Tx<D>>, Reply>>;
}

impl<D, S, X, P, R> Prepare<D, S> for BranchFn<D, X, P, R>
where
    D: Database,
    S: ExtractsAll<X>,
    X: Send + 'static,
    P: Send + 'static,
    R: 'static,
{
    fn prepare<'c>(
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
                    tracing::error!(error, "the payload is not what the branch takes");
                    return Err(Reply::BadPayload);
                }
            };
            let Some(extractors) = state.extract_all(parts).await else {
                tracing::error!("an extractor of the branch refused the request; to be called again");
                return Err(Reply::Retry);
            };
            let (run, outcome) = (self.run, self.outcome);
            let business: Business<Tx<D>> = Box::new(move |tx| run(tx, extractors, payload).map(outcome).boxed());
            Ok(business)
        })
    }
}

fn bad_call(route: &Route, parts: &Parts) -> Reply {
    tracing::error!(
        name = route.name,
        query_bytes = parts.uri.query().map_or(0, str::len),
        "not a call that a coordinator makes to this route"
    );
    Reply::BadCall
}

/// A nested router answers at another path than the one that stored transactions hold.
fn note_nesting(route: &Route, parts: &Parts) {
    if let Some(matched) = parts.extensions.get::<MatchedPath>()
        && matched.as_str() != route.path
    {
        tracing::error!(
            name = route.name,
            path = route.path,
            served_at = matched.as_str(),
            "the router of this branch is nested: merge it instead, or typed addresses lead nowhere"
        );
    }
}
