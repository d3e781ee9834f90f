//! The route of a branch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use http::StatusCode;
use http::request::Parts;
use tracing::field::Empty;

use super::CallSpan;
use super::context::BranchContext;
use super::extract::ExtractsAll;
use super::reply::Replied;
use super::request::{bad_call, is_look, report_nesting, report_unverified};
use crate::barrier::kept::{keep, kept, kept_before};
use crate::barrier::{BarrierDialect, BarrierKey, KEPT_BYTES_MAX};
use crate::branch::{PayloadError, Route};
use crate::call::{self, Arrived, Business};
use crate::database::{Database, Holds, Tx};
use crate::outcome::{BranchError, Reply, Retry};

/// An annotated function for its route, with the trait methods of its types.
///
/// The trait methods are values, so the compiler checks each bound once, at the user's own token: a bound on an
/// associated type would be reported at every mention.
#[derive(Debug)]
pub struct BranchFn<D: Database, X, P, K, R, V> {
    /// Calls the function.
    pub run: for<'t> fn(&'t mut Tx<D>, X, P, K) -> BoxFuture<'t, R>,
    /// Reads its payload: `<P as Payload>::from_json`, or [`no_payload`].
    pub payload: fn(&[u8]) -> Result<P, serde_json::Error>,
    /// Reads what its first half has returned: `<K as Stored>::read`, or [`no_payload`].
    pub kept: fn(&[u8]) -> Result<K, serde_json::Error>,
    /// Whether it gets what its first half has returned.
    pub takes_kept: bool,
    /// Reads its result: `<R as MustSucceed>::into_outcome`.
    pub outcome: fn(R) -> Result<V, BranchError>,
    /// Writes what it returns, if that is kept: `<V as Stored>::write`.
    pub value: Option<WriteValue<V>>,
}

/// Writes what a function returns, as JSON.
type WriteValue<V> = fn(&V) -> Result<Vec<u8>, PayloadError>;

/// What a function has returned cannot be stored: it is rolled back.
#[derive(Debug, thiserror::Error)]
#[error("what it returns cannot be kept")]
struct NotKept(#[source] PayloadError);

/// The payload of a branch without one: the body is not read.
///
/// # Errors
/// None.
pub fn no_payload(_: &[u8]) -> Result<(), serde_json::Error> {
    Ok(())
}

/// Adds the route of a branch. It accepts the ops of the route's role.
pub fn serve_branch<D, S, X, P, K, R, V>(
    router: Router<S>,
    route: &'static Route,
    branch: BranchFn<D, X, P, K, R, V>,
) -> Router<S>
where
    D: Database<Driver: BarrierDialect>,
    S: Holds<D> + ExtractsAll<X>,
    X: Send + 'static,
    P: Send + 'static,
    K: Send + 'static,
    R: 'static,
    V: 'static,
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

async fn respond<D, S>(
    state: S,
    request: Request,
    route: &'static Route,
    branch: Arc<dyn ReadArguments<D, S>>,
) -> Replied
where
    D: Database<Driver: BarrierDialect>,
    S: Holds<D>,
{
    let (mut parts, body) = request.into_parts();
    if is_look(&parts) {
        return Reply::BadCall.into();
    }
    report_nesting(route, &parts);
    report_unverified(route, &parts);
    let context = match BranchContext::read(&parts) {
        Some(context) if route.role.ops().contains(&context.op) => context,
        _ => return bad_call(route, &parts).into(),
    };
    let BranchContext { gid, branch_id, op, .. } = &context;
    let span = tracing::info_span!(
        "branch", name = route.name, %gid, %branch_id, %op, otel.name = Empty, otel.kind = Empty
    );
    let span = CallSpan::new(span, route.name, &parts.headers);
    let call = async {
        // Uses axum's own extractor, so that its `DefaultBodyLimit` holds here as well.
        let mut unread = Request::new(body);
        *unread.extensions_mut() = parts.extensions.clone();
        let body = match Bytes::from_request(unread, &()).await {
            Ok(body) => body,
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                tracing::warn!("the payload is longer than axum's `DefaultBodyLimit` allows");
                return Reply::TooLong.into();
            }
            Err(rejection) => {
                tracing::warn!(error = &rejection as &dyn std::error::Error, "the payload did not arrive completely");
                return Reply::Retry.into();
            }
        };
        parts.extensions.insert(context.clone());
        let db = state.database();
        let key = context.key();
        let http = Http { branch, state, parts, body, key: &key, value: Arc::default() };
        let reply = call::run(&db, &key, &http).await;
        answer(&db, &http, reply).await
    };
    span.run(call).await
}

/// The answer of a call: after a success with what the function has returned, now or when it was applied.
async fn answer<D, S>(db: &D, call: &Http<'_, D, S>, reply: Reply) -> Replied
where
    D: Database<Driver: BarrierDialect>,
{
    if reply != Reply::Success || !call.branch.hands_back() {
        return reply.into();
    }
    if let Some(value) = call.returned().take() {
        return Replied { reply, value: Some(value) };
    }
    match kept_before(db, call.key).await {
        Ok(value) => Replied { reply, value },
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "it was applied before, and what it has returned cannot be read");
            Reply::Retry.into()
        }
    }
}

/// A call received by HTTP.
struct Http<'k, D, S> {
    branch: Arc<dyn ReadArguments<D, S>>,
    state: S,
    parts: Parts,
    body: Bytes,
    key: &'k BarrierKey,
    value: Returned,
}

/// What the function has returned in the last attempt, as JSON.
type Returned = Arc<Mutex<Option<Vec<u8>>>>;

impl<D, S> Http<'_, D, S> {
    fn returned(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Database<Driver: BarrierDialect>, S: Send + Sync> Arrived<Tx<D>> for Http<'_, D, S> {
    fn business(&self) -> BoxFuture<'_, Result<Business<Tx<D>>, Reply>> {
        *self.returned() = None;
        let pair = InPair { key: self.key.clone(), returned: Arc::clone(&self.value) };
        self.branch.read_arguments(&self.parts, &self.state, &self.body, pair)
    }
}

/// What connects a call with the other half of its pair.
struct InPair {
    key: BarrierKey,
    returned: Returned,
}

/// Reads the arguments of a branch from a request: the only difference between the branches of one database.
trait ReadArguments<D: Database, S>: Send + Sync {
    fn read_arguments<'c>(
        &'c self,
        parts: &'c Parts,
        state: &'c S,
        body: &'c [u8],
        pair: InPair,
    ) -> BoxFuture<'c, Result<Business<Tx<D>>, Reply>>;

    /// Whether the function returns a value.
    fn hands_back(&self) -> bool;
}

impl<D, S, X, P, K, R, V> ReadArguments<D, S> for BranchFn<D, X, P, K, R, V>
where
    D: Database<Driver: BarrierDialect>,
    S: ExtractsAll<X>,
    X: Send + 'static,
    P: Send + 'static,
    K: Send + 'static,
    R: 'static,
    V: 'static,
{
    fn hands_back(&self) -> bool {
        self.value.is_some()
    }

    fn read_arguments<'c>(
        &'c self,
        parts: &'c Parts,
        state: &'c S,
        body: &'c [u8],
        pair: InPair,
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
            let Self { run, kept, takes_kept, outcome, value, .. } = *self;
            let business: Business<Tx<D>> = Box::new(move |tx| {
                async move {
                    let kept = if takes_kept { kept_of(tx, &pair.key, kept).await? } else { kept(b"")? };
                    // Read within the map, so that a result that is not `Send` is not held over an await.
                    let written = run(tx, extractors, payload, kept)
                        .map(|result| {
                            let write = |returned| value.map(|write| write(&returned)).transpose().map_err(NotKept);
                            outcome(result).and_then(|returned| Ok(write(returned)?))
                        })
                        .await?;
                    if let Some(written) = written {
                        if written.len() > KEPT_BYTES_MAX {
                            let bytes = written.len();
                            let why = format!(
                                "what it returns has {bytes} bytes of JSON, and {KEPT_BYTES_MAX} are kept at most"
                            );
                            return Err(Retry::new(why).into());
                        }
                        keep(tx, &pair.key, &written).await?;
                        *pair.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
                    }
                    Ok(())
                }
                .boxed()
            });
            Ok(business)
        })
    }
}

/// What the first half has returned, for a second half.
async fn kept_of<D, K>(
    tx: &mut Tx<D>,
    key: &BarrierKey,
    read: fn(&[u8]) -> Result<K, serde_json::Error>,
) -> Result<K, BranchError>
where
    D: Database<Driver: BarrierDialect>,
{
    let missing = "nothing is kept of its first half: it ran before it returned a value, or its row was removed";
    let value = kept(tx, key).await?.ok_or_else(|| Retry::new(missing))?;
    Ok(read(&value)?)
}
