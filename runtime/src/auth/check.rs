//! A service's look at itself when it starts: do its routes take calls of anybody?

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use tower_service::Service as _;

use crate::branch::Route;
use crate::serve::Look;

/// Routes of a service that a coordinator calls, and that are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Anybody who reaches these paths can call them.
    #[error("{} can be called without a signature: put the layer `auth::Verify` around the router", .0.join(", "))]
    Unguarded(Vec<&'static str>),
    /// The app does not serve these paths: the router of the service is nested, or not merged in.
    #[error("{} are not served: merge the router of the service into this app, do not nest it", .0.join(", "))]
    NotServed(Vec<&'static str>),
}

/// Checks that no route of a service can be called without a signature. For `main`, before the service is served, or for
/// a test.
///
/// Give it the whole app, with its state, and the service's `ROUTES`. It asks each path once, in this process, without a
/// signature and without a gid: so a branch never runs, and a handler of yours at one of these paths does. A library
/// cannot do this by itself, since a layer cannot be seen from the routes inside of it.
///
/// ```
/// # use axum::Router;
/// # use branchwire::prelude::*;
/// use branchwire::auth;
/// # #[derive(Clone, Database)] pub struct Orders(sqlx::SqlitePool);
/// # #[branchwire::service("/api/orders")] pub mod orders { use super::*;
/// #     #[query_prepared] pub fn placed(db: Orders); }
///
/// # async fn example(db: Orders, keys: auth::Keys) -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = orders::router().layer(auth::Verify::calls(keys)).with_state(db.clone());
/// auth::check(&app, orders::ROUTES).await?; // and then `axum::serve(listener, app)`
///
/// let forgotten: Router = orders::router().with_state(db);
/// let error = auth::check(&forgotten, orders::ROUTES).await.unwrap_err();
/// assert!(error.to_string().starts_with("/api/orders/placed can be called without a signature"));
/// # Ok(())
/// # }
/// # fn main() {
/// #     let db = || async { Orders(sqlx::SqlitePool::connect_lazy("sqlite::memory:").unwrap()) };
/// #     let keys = format!("k:{}", "s".repeat(32)).parse().unwrap();
/// #     let runtime = tokio::runtime::Runtime::new().unwrap();
/// #     runtime.block_on(async { example(db().await, keys).await }).unwrap();
/// # }
/// ```
///
/// # Errors
/// [`CheckError`] names all paths that are not as they should be.
///
/// # Panics
/// If a route's path is none; the macros let no such path through.
pub async fn check(app: &Router, routes: &[Route]) -> Result<(), CheckError> {
    let (mut unguarded, mut missing) = (Vec::new(), Vec::new());
    for route in routes {
        let look = Look::default();
        let mut question = Request::new(Body::empty());
        *question.uri_mut() = route.path.parse().expect("a path");
        question.extensions_mut().insert(look.clone());
        let Ok(answer) = app.clone().call(question).await;
        if look.has_arrived() {
            unguarded.push(route.path);
        } else if answer.status() == StatusCode::NOT_FOUND {
            missing.push(route.path);
        }
    }
    if !unguarded.is_empty() {
        Err(CheckError::Unguarded(unguarded))
    } else if !missing.is_empty() {
        Err(CheckError::NotServed(missing))
    } else {
        Ok(())
    }
}
