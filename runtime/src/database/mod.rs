//! The databases that branches work in: connections, transactions, errors, and a guard on the SQL of a business.
//!
//! What differs between databases is in one file each, behind [`Driver`]. Nothing here knows of the barrier.

mod abandoned;
mod answer;
mod begin;
mod driver;
mod fault;
mod inserted;
mod lent;
mod look_alike;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod recycling;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod statement;
mod tx;

use axum::extract::FromRef;
use sqlx::Pool;

pub(crate) use answer::in_time;
pub(crate) use begin::{First, Nothing, begin};
pub(crate) use driver::Driver;
pub use driver::{Isolation, Wait, WeakSetting};
pub use fault::{Fault, StatementError};
pub(crate) use inserted::Inserted;
pub(crate) use lent::Lent;
pub(crate) use look_alike::reason as look_alike_reason;
pub use recycling::RecyclingPool;
pub(crate) use tx::RolledBack;
#[cfg(feature = "unstable-simulation")]
pub use tx::commit_error;
pub use tx::{CommitError, EndedEarly, Tx};

/// One database of a service: a newtype of an sqlx pool, so that two databases of one kind are two types.
///
/// Derive it: `#[derive(Clone, Database)] pub struct Bank(sqlx::SqlitePool);`. The pool must connect to the primary, never
/// to a replica or a read endpoint: the barrier decides by what it reads there.
///
/// A branch's transaction is READ COMMITTED. Another level is an option of the derive:
/// `#[database(isolation = "serializable")]`. SQLite has one level only, serializable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database",
    label = "not a database",
    note = "a database is a newtype of an sqlx pool: `#[derive(Clone, Database)] pub struct Bank(sqlx::SqlitePool);`"
)]
pub trait Database: Clone + Send + Sync + 'static {
    /// The kind of database: [`sqlx::Sqlite`], [`sqlx::Postgres`] or [`sqlx::MySql`].
    type Driver: Driver;

    /// The isolation level of the transactions that branches run in.
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    /// The pool.
    fn pool(&self) -> &Pool<Self::Driver>;

    /// The pool that hands connections from one transaction to the next, if it is one.
    fn recycling(&self) -> Option<&RecyclingPool<Self::Driver>> {
        None
    }
}

/// A router's state that holds the database `D`.
///
/// Given by axum's `FromRef`: the state is the database itself, or implements (or derives) `FromRef` for it.
#[diagnostic::on_unimplemented(
    message = "the router's state `{Self}` does not hold the database `{D}`",
    label = "a branch needs `{D}` from the state",
    note = "give the state a field of that type and `#[derive(axum::extract::FromRef)]`, of axum 0.8, or use the database itself as the state"
)]
pub trait Holds<D>: Clone + Send + Sync + 'static {
    /// The database, from the state.
    fn database(&self) -> D;
}

// `Self` is the state and not the database: this keeps rustc from suggesting a state type of its own while the state is
// not inferred yet.
#[diagnostic::do_not_recommend]
impl<S: Clone + Send + Sync + 'static, D: FromRef<S>> Holds<D> for S {
    fn database(&self) -> D {
        D::from_ref(self)
    }
}

/// The type of a database's field: an sqlx pool for a database that Branchwire supports, or a [`RecyclingPool`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an sqlx pool that Branchwire can use",
    label = "not `SqlitePool`, `PgPool` or `MySqlPool`",
    note = "a pool of sqlx 0.9, which is `branchwire::sqlx`: that of another version is another type",
    note = "`PgPool` and `MySqlPool` need the features `postgres` and `mysql` of `branchwire`"
)]
pub trait DatabasePool {
    /// The kind of database.
    type Driver: Driver;

    #[doc(hidden)]
    fn as_pool(&self) -> &Pool<Self::Driver>;

    #[doc(hidden)]
    fn as_recycling(&self) -> Option<&RecyclingPool<Self::Driver>> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<DB: Driver> DatabasePool for Pool<DB> {
    type Driver = DB;

    fn as_pool(&self) -> &Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<DB: Driver> DatabasePool for RecyclingPool<DB> {
    type Driver = DB;

    fn as_pool(&self) -> &Pool<DB> {
        self.pool()
    }

    fn as_recycling(&self) -> Option<&Self> {
        Some(self)
    }
}
