//! Branches that a router can serve.

use axum::Router;
use axum::extract::FromRef;

use super::extract::ExtractsAll;
use crate::branch::{Branch, Role, Route};
use crate::database::Holds;
use crate::protocol::ServiceUrl;

/// A branch that this service hosts: a router can serve it, with any state that has its database and extractors.
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

/// Adds branches to an axum router: `Router::new().branch::<trans_in>()`.
pub trait BranchRouter<S> {
    /// Adds the route of the branch `B`, at its whole path.
    ///
    /// Merge the router into others, do not nest it: the path is absolute.
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

/// Takes the place of a branch that `#[cfg]` leaves out, in a list that needs an entry.
#[derive(Debug)]
pub enum Absent {}

impl Branch for Absent {
    type Address = ();

    const ROUTE: Route =
        Route { name: "", path: "", role: Role::MsgBranch, payload: "", database: "", of: "", doc: "" };

    fn address(_: &ServiceUrl) {}
}

impl Hosted for Absent {
    type Database = NoDatabase;
    type Extractors = ();

    fn register<S>(router: Router<S>) -> Router<S> {
        router
    }
}

/// The database of a branch without one; every state has it.
#[derive(Debug)]
pub struct NoDatabase;

impl<S> FromRef<S> for NoDatabase {
    fn from_ref(_: &S) -> Self {
        Self
    }
}
