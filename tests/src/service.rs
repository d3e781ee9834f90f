//! A service with one branch and its query-prepared, on any database, whose business each test brings along.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::Request;
use axum::response::Response;
use branchwire::__private::{BoxFuture, BranchFn, QueryPreparedFn, ask_barrier, serve_branch, serve_query_prepared};
use branchwire::protocol::{Gid, Op};
use branchwire::{Branch, BranchError, Database, Prepared, Reply, Retry, Role, Route, ServiceUrl, Tx};
use tower::ServiceExt;

/// What the branch does with its transaction and its payload.
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
        D: Database,
        F: for<'tx> Fn(&'tx mut Tx<D>, i64) -> BoxFuture<'tx, Result<(), BranchError>> + Send + Sync + 'static,
    {
        let business: Arc<Business<D>> = Arc::new(business);
        let router = serve_query_prepared::<TestPrepared<D>, D>(serve_branch::<TestBranch<D>, D>(Router::new()));
        Self { router: router.layer(Extension(business)).with_state(db.clone()) }
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

/// Which of the fixed answers this is.
///
/// # Panics
/// If it is none of them.
pub async fn read(response: Response) -> Reply {
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let reply = Reply::ALL.into_iter().find(|reply| reply.status() == status && reply.body() == body);
    reply.unwrap_or_else(|| panic!("not a fixed answer: {status} {}", String::from_utf8_lossy(&body)))
}

/// The branch, as its attribute would write it.
struct TestBranch<D>(PhantomData<D>);

impl<D: Database> Branch for TestBranch<D> {
    type Address = ();

    const ROUTE: Route =
        Route { name: "branch", path: "/branch", role: Role::MsgBranch, payload: "i64", database: "D", doc: "" };

    fn address(_: &ServiceUrl) {}
}

impl<D: Database> BranchFn for TestBranch<D> {
    type Database = D;
    type Extractors = (Extension<Arc<Business<D>>>,);
    type Payload = i64;
    type Error = BranchError;

    const OP: Op = Op::Action;

    fn run(
        tx: &mut Tx<D>,
        (Extension(business),): Self::Extractors,
        payload: i64,
    ) -> BoxFuture<'_, Result<(), BranchError>> {
        business(tx, payload)
    }
}

/// The query-prepared, as its attribute would write it.
struct TestPrepared<D>(PhantomData<D>);

impl<D: Database> Branch for TestPrepared<D> {
    type Address = ();

    const ROUTE: Route =
        Route { name: "prepared", path: "/prepared", role: Role::QueryPrepared, payload: "", database: "D", doc: "" };

    fn address(_: &ServiceUrl) {}
}

impl<D: Database> QueryPreparedFn for TestPrepared<D> {
    type Database = D;

    fn answer(db: &D, gid: Gid) -> BoxFuture<'_, Result<Prepared, Retry>> {
        ask_barrier(db, gid)
    }
}
