//! A service's database as the barrier uses it. A simulated database can take its place.

use std::future::Future;

use futures_core::future::BoxFuture;
use tracing::Instrument as _;

use super::dialect::BarrierDialect;
use super::row::BarrierRow;
use crate::database::{
    CommitError, Database, Driver, EndedEarly, Fault, First, Inserted, Isolation, Lent, RolledBack, Tx, Wait, begin,
};

/// What the barrier, and the local transaction of a message, need of a database.
///
/// Every [`Database`] is one. The algorithms are written over this trait, so that a simulator can run them on a database
/// of its own, with crashes at every call.
pub trait BarrierDb: Clone + Send + Sync + 'static {
    /// An open transaction.
    type Tx: BarrierTx;

    /// Begins a transaction with a barrier row; whether the row is new. Waits as [`insert`](BarrierTx::insert).
    ///
    /// # Errors
    /// The database's own; nothing is left open.
    fn begin_with(
        &self,
        wait: Wait,
        row: BarrierRow<'_>,
    ) -> impl Future<Output = Result<(Self::Tx, bool), sqlx::Error>> + Send;

    /// The reason in the row of this key. It is committed and durable when this returns. Not within a transaction.
    ///
    /// # Errors
    /// The database's own: nothing was learned.
    fn durable_reason(&self, row: BarrierRow<'_>) -> impl Future<Output = Result<Option<String>, sqlx::Error>> + Send;

    /// Gives the row of this key another reason, if it has this one; whether it had.
    ///
    /// # Errors
    /// The database's own: it may be changed or not.
    fn change_reason(&self, row: BarrierRow<'_>, to: &str) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// What an error means.
    fn fault(error: &sqlx::Error) -> Fault;

    /// Rolls back a transaction that nobody waits for. If a statement of the business had ended it before, `early` runs.
    fn abandon(tx: Self::Tx, early: impl FnOnce(EndedEarly) -> BoxFuture<'static, ()> + Send + 'static) {
        // In a simulated process nothing runs after its caller, and no business ends its transaction.
        drop((tx, early));
    }
}

/// An open transaction of a [`BarrierDb`]. Dropped, it is rolled back.
pub trait BarrierTx: Send {
    /// Inserts another barrier row; whether the row is new. Waits for a transaction that has inserted the same row and is
    /// still open.
    ///
    /// # Errors
    /// The database's own; roll back.
    fn insert(&mut self, row: BarrierRow<'_>) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// The reason in the row of this key, as this transaction sees it.
    ///
    /// # Errors
    /// The database's own; roll back.
    fn reason(&mut self, row: BarrierRow<'_>) -> impl Future<Output = Result<Option<String>, sqlx::Error>> + Send;

    /// Commits.
    ///
    /// # Errors
    /// [`CommitError`]; only with [`CommitError::Unknown`] and [`CommitError::EndedEarly`] may it have taken effect.
    fn commit(self) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Rolls back.
    ///
    /// # Errors
    /// [`EndedEarly`]: a part of the transaction may be committed. In every other case nothing remains.
    fn rollback(self) -> impl Future<Output = Result<(), EndedEarly>> + Send;

    /// The first error of the transaction; it can then only be rolled back.
    fn fault(&self) -> Option<Fault>;
}

impl<DB: BarrierDialect> First<DB> for BarrierRow<'_> {
    fn begin(
        self,
        conn: &mut DB::Connection,
        isolation: Isolation,
        wait: Wait,
        cached: bool,
    ) -> impl Future<Output = Result<Inserted, sqlx::Error>> + Send {
        DB::begin_with(conn, isolation, wait, self, cached)
    }
}

impl<D: Database<Driver: BarrierDialect>> BarrierDb for D {
    type Tx = Tx<D>;

    async fn begin_with(&self, wait: Wait, row: BarrierRow<'_>) -> Result<(Tx<D>, bool), sqlx::Error> {
        begin(self, wait, row).await
    }

    async fn durable_reason(&self, row: BarrierRow<'_>) -> Result<Option<String>, sqlx::Error> {
        let mut conn = Lent::by(self.pool()).await?;
        D::Driver::durable_reason(&mut conn, row, D::Driver::caches_statements(self.pool())).await
    }

    async fn change_reason(&self, row: BarrierRow<'_>, to: &str) -> Result<bool, sqlx::Error> {
        let mut conn = Lent::by(self.pool()).await?;
        D::Driver::change_reason(&mut conn, row, to).await
    }

    fn fault(error: &sqlx::Error) -> Fault {
        Fault::of::<D::Driver>(error)
    }

    fn abandon(tx: Tx<D>, early: impl FnOnce(EndedEarly) -> BoxFuture<'static, ()> + Send + 'static) {
        // Without a runtime the drop closes the connection.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let end = async move {
            if let Err(ended) = BarrierTx::rollback(tx).await {
                early(ended).await;
            }
        };
        drop(runtime.spawn(end.in_current_span()));
    }
}

impl<D: Database<Driver: BarrierDialect>> BarrierTx for Tx<D> {
    async fn insert(&mut self, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
        let cached = self.caches_statements();
        let inserted = D::Driver::insert(self.conn(), row, cached).await;
        let inserted = self.note(inserted)?;
        self.owns(inserted);
        Ok(inserted.is_new)
    }

    async fn reason(&mut self, row: BarrierRow<'_>) -> Result<Option<String>, sqlx::Error> {
        let cached = self.caches_statements();
        let reason = D::Driver::reason(self.conn(), row, cached).await;
        self.note(reason)
    }

    async fn commit(self) -> Result<(), CommitError> {
        let Some(first) = self.first_error() else { return Tx::commit(self).await };
        Err(match BarrierTx::rollback(self).await {
            Ok(()) => CommitError::Failed(first),
            Err(early) => CommitError::EndedEarly(early),
        })
    }

    async fn rollback(mut self) -> Result<(), EndedEarly> {
        match self.roll_back().await {
            RolledBack::Whole => Ok(()),
            RolledBack::Early(early) => Err(early),
            RolledBack::Unclear(early) => {
                let Some(row) = self.row() else { return Ok(()) };
                // If the database had rolled it back by itself, its barrier row is gone. No answer is no such proof.
                let remains = self.after_end(|conn| Box::pin(D::Driver::has_row(conn, row))).await;
                if remains == Some(false) { Ok(()) } else { Err(early) }
            }
        }
    }

    fn fault(&self) -> Option<Fault> {
        Tx::fault(self)
    }
}
