//! Exactly once: a row beside the business's own rows says which calls have been applied.
//!
//! DTM's word is barrier: a row for each `(gid, branch_id, op, barrier_id)` in the same database and the same transaction
//! as the business rows. The algorithm is here, once; what differs between databases is in one small file each. On
//! PostgreSQL and MySQL the table has DTM's own name and columns, so that services in other languages can share it.
//!
//! Call [`set_up()`] when a service starts, and keep a [`Sweeper`] that removes old rows.
//!
//! The barrier decides by what it reads and writes at the primary. It holds as long as the database keeps what it has
//! acknowledged: [`set_up()`] returns the settings that it finds too weak for that.

pub(crate) mod db;
mod dialect;
pub(crate) mod entry;
pub(crate) mod kept;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod named;
pub(crate) mod outbox;
pub(crate) mod outbox_db;
#[cfg(feature = "postgres")]
mod postgres;
mod probe;
pub(crate) mod query_prepared;
pub(crate) mod row;
mod set_up;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sweep;

pub(crate) use db::{BarrierDb, BarrierTx};
pub use dialect::BarrierDialect;
pub(crate) use entry::{Entry, RepeatError, Repeated, enter, leave_repeat, mark_incomplete};
pub use kept::KEPT_BYTES_MAX;
pub(crate) use query_prepared::decided;
pub use query_prepared::{AskBarrier, QUERY_PREPARED_TIMEOUT, QueryPreparedError, query_prepared};
pub(crate) use row::BarrierKey;
pub(crate) use set_up::set_up_outbox;
pub use set_up::{SetUpError, set_up};
pub use sweep::{SWEEP_AGE_MIN, SweepError, Sweeper, sweep};

pub use crate::database::WeakSetting;
