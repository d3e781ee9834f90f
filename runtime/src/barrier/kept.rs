//! What the first half of a pair has returned: a row beside its barrier row, in the same transaction.
//!
//! A repeated call is answered with it, and the second half gets it.

use super::dialect::BarrierDialect;
use super::row::BarrierKey;
use crate::database::{Database, Nothing, Tx, Wait, begin};

/// The longest value that a first half may return, in bytes of JSON. A longer one is refused before the commit.
pub const KEPT_BYTES_MAX: usize = 32 * 1024;

/// Stores the value of a call, in its own transaction.
///
/// # Errors
/// The database's own; roll back.
pub(crate) async fn keep<D: Database<Driver: BarrierDialect>>(
    tx: &mut Tx<D>,
    key: &BarrierKey,
    value: &[u8],
) -> Result<(), sqlx::Error> {
    let cached = tx.caches_statements();
    let stored = D::Driver::keep(tx.conn(), key.row(), value, cached).await;
    tx.note(stored)
}

/// The value that the first half of this branch has returned; `None` if none is kept.
///
/// # Errors
/// The database's own; roll back.
pub(crate) async fn kept<D: Database<Driver: BarrierDialect>>(
    tx: &mut Tx<D>,
    key: &BarrierKey,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let cached = tx.caches_statements();
    let value = D::Driver::kept(tx.conn(), key.row(), cached).await;
    tx.note(value)
}

/// [`kept`], for a repeated call: in a transaction of its own, since poolers keep a session only within one.
///
/// # Errors
/// The database's own: nothing was learned.
pub(crate) async fn kept_before<D: Database<Driver: BarrierDialect>>(
    db: &D,
    key: &BarrierKey,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let (mut tx, _) = begin(db, Wait::Bounded, Nothing).await?;
    let value = kept(&mut tx, key).await?;
    // Nothing ran in it but the reading.
    let _ = tx.rollback().await;
    Ok(value)
}
