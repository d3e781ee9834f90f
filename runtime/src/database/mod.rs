//! A type that stands for one database.

pub(crate) mod fault;
mod statement;
pub(crate) mod tx;

use axum::extract::FromRef;
use futures_core::future::BoxFuture;
use sqlx::Pool;

use crate::barrier::Dialect;
use crate::{Gid, Prepared, Retry};

/// One database of a service: a newtype of an sqlx pool, so that two databases of one kind are two types.
///
/// Derive it: `#[derive(Clone, Database)] pub struct Bank(sqlx::SqlitePool);`. The pool must lead to the primary, never
/// to a replica or a read endpoint: the barrier decides by what it reads there.
///
/// The isolation level of a branch's transaction is READ COMMITTED unless said otherwise, as in
/// `#[database(isolation = "serializable")]`. SQLite has one level only, serializable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database",
    label = "not a database",
    note = "a database is a newtype of an sqlx pool: `#[derive(Clone, Database)] pub struct Bank(sqlx::SqlitePool);`"
)]
pub trait Database: Clone + Send + Sync + 'static {
    /// The kind of database: [`sqlx::Sqlite`], [`sqlx::Postgres`] or [`sqlx::MySql`].
    type Driver: Dialect;

    /// The isolation level of the transactions that branches run in.
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    /// The pool.
    fn pool(&self) -> &Pool<Self::Driver>;

    /// What a query-prepared without a body of its own answers.
    #[doc(hidden)]
    fn ask_barrier(&self, gid: Gid) -> BoxFuture<'_, Result<Prepared, Retry>> {
        Box::pin(crate::serve::ask_barrier(self, gid))
    }
}

/// The isolation level of a transaction.
///
/// A stricter one than READ COMMITTED makes conflicts errors (serialization failures) instead of waits; a branch that
/// meets one is repeated at most twice, and then left to the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    #[default]
    ReadCommitted,
    /// All statements see one snapshot.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

/// A router's state that holds the database `D`.
///
/// Given by axum's `FromRef`: the state is the database itself, or implements (or derives) `FromRef` for it.
#[diagnostic::on_unimplemented(
    message = "the router's state `{Self}` does not hold the database `{D}`",
    label = "a branch needs `{D}` from the state",
    note = "give the state a field of that type and `#[derive(axum::extract::FromRef)]`, or use the database itself as the state"
)]
pub trait Holds<D>: Clone + Send + Sync + 'static {
    /// The database, from the state.
    fn database(&self) -> D;
}

// `Self` is the state, not the database: while rustc does not know the state yet, it then guesses none.
#[diagnostic::do_not_recommend]
impl<S: Clone + Send + Sync + 'static, D: FromRef<S>> Holds<D> for S {
    fn database(&self) -> D {
        D::from_ref(self)
    }
}

/// What the field of a database is: an sqlx pool of a kind that a barrier can be in.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an sqlx pool that Branchwire can use",
    label = "not `SqlitePool`, `PgPool` or `MySqlPool`",
    note = "`PgPool` and `MySqlPool` need the features `postgres` and `mysql` of `branchwire`"
)]
pub trait DatabasePool {
    /// The kind of database.
    type Driver: Dialect;

    #[doc(hidden)]
    fn as_pool(&self) -> &Pool<Self::Driver>;
}

#[diagnostic::do_not_recommend]
impl<DB: Dialect> DatabasePool for Pool<DB> {
    type Driver = DB;

    fn as_pool(&self) -> &Self {
        self
    }
}
