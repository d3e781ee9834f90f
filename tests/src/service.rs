//! A service with one branch and its query-prepared, on any database. Each test gives it the business.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::Request;
use axum::response::Response;
use branchwire::__private::{AskBarrier, BoxFuture, BranchFn, QueryPreparedFn, serve_branch, serve_query_prepared};
use branchwire::barrier::BarrierDialect;
use branchwire::protocol::Gid;
use branchwire::{BranchError, Database, Payload, Prepared, Reply, Retry, Role, Route, Tx};
use tower::ServiceExt;

/// The business of the branch.
pub type Business<D> = dyn for<'tx> Fn(&'tx mut Tx<D>, i64) -> BoxFuture<'tx, Result<(), BranchError>> + Send + Sync;

/// A running service, called without a socket.
pub struct Service {
    router: Router,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// A service on this database.
    pub fn new<D, F>(db: &D, business: F) -> Self
    where
        D: Database<Driver: BarrierDialect>,
        F: for<'tx> Fn(&'tx mut Tx<D>, i64) -> BoxFuture<'tx, Result<(), BranchError>> + Send + Sync + 'static,
    {
        let business: Arc<Business<D>> = Arc::new(business);
        let router =
            serve_query_prepared(serve_branch(Router::new(), &BRANCH, branch::<D>()), &PREPARED, prepared::<D>());
        Self { router: router.layer(Extension(business)).with_state(db.clone()) }
    }

    /// Its routes, to be served on a socket or behind a layer: the branch at `/branch`, query-prepared at `/prepared`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Calls the branch `01` of a message, as a coordinator does.
    ///
    /// # Panics
    /// If the answer is not one of the fixed ones.
    pub async fn call(&self, gid: &Gid, payload: i64) -> Reply {
        let uri = format!("/branch?gid={gid}&trans_type=msg&branch_id=01&op=action");
        self.send(Request::post(uri).body(Body::from(payload.to_string())).expect("a request")).await
    }

    /// Asks whether the local transaction of a message has committed, as a coordinator does.
    ///
    /// # Panics
    /// If the answer is not one of the fixed ones.
    pub async fn query_prepared(&self, gid: &Gid) -> Reply {
        let uri = format!("/prepared?gid={gid}&trans_type=msg&branch_id=00&op=msg");
        self.send(Request::get(uri).body(Body::empty()).expect("a request")).await
    }

    /// Sends any request.
    ///
    /// # Panics
    /// If the answer is not one of the fixed ones.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        read(self.respond(request).await).await
    }

    /// Sends any request; the answer as it is.
    pub async fn respond(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}

/// The fixed answer that this response is.
///
/// # Panics
/// If it is not one of them.
pub async fn read(response: Response) -> Reply {
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let reply = Reply::ALL.iter().copied().find(|reply| reply.status() == status && reply.body() == body);
    reply.unwrap_or_else(|| panic!("not a fixed answer: {status} {}", String::from_utf8_lossy(&body)))
}

const BRANCH: Route =
    Route { name: "branch", path: "/branch", role: Role::MsgBranch, payload: "i64", database: "D", of: "", doc: "" };
const PREPARED: Route = Route {
    name: "prepared",
    path: "/prepared",
    role: Role::QueryPrepared,
    payload: "",
    database: "D",
    of: "",
    doc: "",
};

/// The business, as the router hands it to the branch.
type Given<D> = Extension<Arc<Business<D>>>;

/// A branch with a payload `i64`, which is in no pair.
type Crediting<D> = BranchFn<D, (Given<D>,), i64, (), Result<(), BranchError>, ()>;

/// The branch, as an attribute would write it for a function that is generic and may refuse.
fn branch<D: Database>() -> Crediting<D> {
    BranchFn {
        run: |tx, (Extension(business),), payload, ()| business(tx, payload),
        kept: branchwire::__private::no_payload,
        takes_kept: false,
        value: None,
        payload: i64::from_json,
        outcome: std::convert::identity,
    }
}

/// The query-prepared, as its attribute would write it.
fn prepared<D: Database<Driver: BarrierDialect>>() -> QueryPreparedFn<D, Result<Prepared, Retry>> {
    QueryPreparedFn { ask: D::ask_barrier, decision: std::convert::identity }
}
