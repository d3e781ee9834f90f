//! The axum side: what the route of an annotated function does.
//!
//! It reads who calls (gid, `trans_type`, `branch_id`, op) and the payload, enters the barrier, runs the function,
//! commits, and answers with one of the fixed replies. What went wrong is told to `tracing` only.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Query, Request, State};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use tracing::Instrument;

use crate::barrier::{self, BarrierKey, Entry, QueryPreparedError};
use crate::branch::{Branch, Payload};
use crate::outcome::{BranchError, Prepared, Reply, Retry};
use crate::protocol::{BranchId, Gid, LOCAL_BRANCH, Op, TransType};
use crate::{CommitError, Database, Fault, InState, Tx};

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

/// What runs when a branch is called: an annotated function, as the attribute passes it on.
#[doc(hidden)]
pub trait BranchFn: Branch {
    type Database: Database;
    /// A tuple of axum extractors.
    type Extractors: Send;
    type Payload: Payload;
    type Error: Into<BranchError>;
    /// The op that the branch answers to.
    const OP: Op;

    fn run(
        tx: &mut Tx<Self::Database>,
        extractors: Self::Extractors,
        payload: Self::Payload,
    ) -> BoxFuture<'_, Result<(), Self::Error>>;
}

/// What runs when a query-prepared is called.
#[doc(hidden)]
pub trait QueryPreparedFn: Branch {
    type Database: Database;

    fn answer(db: &Self::Database, gid: Gid) -> BoxFuture<'_, Result<Prepared, Retry>>;
}

/// The payload of a branch that takes none.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoPayload;

impl Payload for NoPayload {
    fn from_json(_: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(Self)
    }
}

/// A branch that can be served with the state `S`: its database and its extractors come from there.
#[diagnostic::on_unimplemented(
    message = "the branch `{Self}` cannot be served with the state `{S}`",
    label = "not a branch that this state can serve",
    note = "annotate the function with `#[msg_branch]` or `#[query_prepared]`, and give the state what its arguments need"
)]
pub trait Hosted<S>: Branch {
    #[doc(hidden)]
    fn register(router: Router<S>) -> Router<S>;
}

/// Adds branches to an axum router: `Router::new().branch::<trans_in>()`.
pub trait BranchRouter<S> {
    /// Adds the route of the branch `B`, at its whole path.
    ///
    /// The router is to be merged, not nested: the path is absolute.
    #[must_use]
    fn branch<B: Hosted<S>>(self) -> Self;
}

impl<S> BranchRouter<S> for Router<S> {
    fn branch<B: Hosted<S>>(self) -> Self {
        B::register(self)
    }
}

/// The route of a branch.
#[doc(hidden)]
pub fn serve_branch<B, S>(router: Router<S>) -> Router<S>
where
    B: BranchFn,
    B::Database: InState<S>,
    B::Extractors: FromRequestParts<S>,
    S: Clone + Send + Sync + 'static,
{
    // A coordinator calls a branch without payload by GET.
    let methods = MethodFilter::GET.or(MethodFilter::POST);
    router.route(
        B::ROUTE.path,
        on(methods, |State(state): State<S>, request: Request| call_branch::<B, S>(state, request)),
    )
}

/// The route of a query-prepared.
#[doc(hidden)]
pub fn serve_query_prepared<B, S>(router: Router<S>) -> Router<S>
where
    B: QueryPreparedFn,
    B::Database: InState<S>,
    S: Clone + Send + Sync + 'static,
{
    let handler = |State(state): State<S>, request: Request| call_query_prepared::<B, S>(state, request);
    router.route(B::ROUTE.path, on(MethodFilter::GET, handler))
}

/// The answer of a query-prepared without a body of its own: the barrier's.
#[doc(hidden)]
pub fn ask_barrier<D: Database>(db: &D, gid: Gid) -> BoxFuture<'_, Result<Prepared, Retry>> {
    Box::pin(async move {
        match barrier::query_prepared(db, &gid).await {
            Ok(prepared) => Ok(prepared),
            Err(QueryPreparedError::Ongoing(source)) => {
                tracing::debug!(%gid, ?source, "the local transaction may still be running");
                Ok(Prepared::Ongoing)
            }
            Err(error @ QueryPreparedError::Unknown(_)) => Err(error.into()),
        }
    })
}

async fn call_query_prepared<B, S>(state: S, request: Request) -> Reply
where
    B: QueryPreparedFn,
    B::Database: InState<S>,
{
    let parts = request.into_parts().0;
    note_nesting::<B>(&parts);
    let Some(BranchContext { gid, branch_id, op: Op::Msg, .. }) = BranchContext::read(&parts) else {
        return bad_call::<B>(&parts);
    };
    if branch_id.as_str() != LOCAL_BRANCH {
        return bad_call::<B>(&parts);
    }
    let span = tracing::info_span!("query_prepared", name = B::ROUTE.name, %gid, %branch_id, op = %Op::Msg);
    let db = B::Database::in_state(&state);
    async {
        match AssertUnwindSafe(async { B::answer(&db, gid).await }).catch_unwind().await {
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

async fn call_branch<B, S>(state: S, request: Request) -> Reply
where
    B: BranchFn,
    B::Database: InState<S>,
    B::Extractors: FromRequestParts<S>,
    S: Send + Sync,
{
    let (mut parts, body) = request.into_parts();
    note_nesting::<B>(&parts);
    let context = match BranchContext::read(&parts) {
        Some(context) if context.op == B::OP => context,
        _ => return bad_call::<B>(&parts),
    };
    let BranchContext { gid, branch_id, op, .. } = &context;
    let span = tracing::info_span!("branch", name = B::ROUTE.name, %gid, %branch_id, %op);
    async {
        // Through axum's own extractor, so that its `DefaultBodyLimit` counts here as well.
        let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
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
        let call = Call { db: B::Database::in_state(&state), key: context.key(), state, parts, body };
        call.run::<B>().await
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

/// Why an attempt did not end in an answer.
enum Trouble {
    /// The whole transaction may be tried again.
    Passing(Retry),
    /// It would end the same way now.
    Lasting(Retry),
}

impl Trouble {
    fn new(fault: Option<Fault>, reason: impl Into<Retry>) -> Self {
        if fault.is_some_and(Fault::is_passing) { Self::Passing(reason.into()) } else { Self::Lasting(reason.into()) }
    }

    fn database<D: Database>(error: sqlx::Error) -> Self {
        Self::new(Some(Fault::of::<D::Driver>(&error)), error)
    }
}

impl<D: Database, S: Send + Sync> Call<D, S> {
    async fn run<B>(self) -> Reply
    where
        B: BranchFn<Database = D>,
        B::Extractors: FromRequestParts<S>,
    {
        for attempt in 1..=ATTEMPTS_MAX {
            let payload = match B::Payload::from_json(&self.body) {
                Ok(payload) => payload,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the payload is not what the branch takes"
                    );
                    return Reply::BadPayload;
                }
            };
            match AssertUnwindSafe(self.attempt::<B>(payload)).catch_unwind().await {
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

    async fn attempt<B>(&self, payload: B::Payload) -> Result<Reply, Trouble>
    where
        B: BranchFn<Database = D>,
        B::Extractors: FromRequestParts<S>,
    {
        let Ok(extractors) = B::Extractors::from_request_parts(&mut self.parts.clone(), &self.state).await else {
            return Err(Trouble::Lasting(Retry::new("an extractor of the branch refused the request")));
        };
        let mut tx = Tx::begin(&self.db).await.map_err(Trouble::database::<D>)?;
        match barrier::enter(&mut tx, &self.key).await.map_err(Trouble::database::<D>)? {
            Entry::Run => {}
            Entry::NothingToUndo => return commit(tx).await,
            Entry::Repeat => {
                barrier::leave_repeat(tx, &self.db, &self.key).await.map_err(Trouble::database::<D>)?;
                return Ok(Reply::Success);
            }
        }
        match B::run(&mut tx, extractors, payload).await.map_err(Into::into) {
            Ok(()) => commit(tx).await,
            Err(error) => {
                let fault = tx.fault();
                tx.rollback().await;
                match error {
                    BranchError::Retry(retry) => Err(Trouble::new(fault, retry)),
                    // A lost connection or a deadlock is no reason to refuse for good, whatever was made of its error.
                    BranchError::Refused(reason) if fault.is_some_and(Fault::is_passing) => {
                        Err(Trouble::Passing(Retry::new(reason)))
                    }
                    BranchError::Refused(reason) => {
                        tracing::info!(reason = &*reason as &dyn std::error::Error, "refused");
                        Ok(Reply::Refused)
                    }
                }
            }
        }
    }
}

async fn commit<D: Database>(tx: Tx<D>) -> Result<Reply, Trouble> {
    tx.commit().await.map(|()| Reply::Success).map_err(|error| {
        let fault = match &error {
            CommitError::Failed(fault) => *fault,
            CommitError::Refused(source) => Fault::of::<D::Driver>(source),
            // The barrier row knows, and the next attempt asks it.
            CommitError::Unknown(_) => Fault::Lost,
        };
        Trouble::new(Some(fault), error)
    })
}

fn bad_call<B: Branch>(parts: &Parts) -> Reply {
    tracing::error!(
        name = B::ROUTE.name,
        query_bytes = parts.uri.query().map_or(0, str::len),
        "not a call that a coordinator makes to this route"
    );
    Reply::BadCall
}

/// A nested router answers at another path than the one that stored transactions hold.
fn note_nesting<B: Branch>(parts: &Parts) {
    if let Some(matched) = parts.extensions.get::<MatchedPath>()
        && matched.as_str() != B::ROUTE.path
    {
        tracing::error!(
            name = B::ROUTE.name,
            path = B::ROUTE.path,
            served_at = matched.as_str(),
            "the router of this branch is nested: merge it instead, or typed addresses lead nowhere"
        );
    }
}
