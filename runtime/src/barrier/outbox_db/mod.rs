//! A service's database as the outbox uses it. A simulated database can take its place.

mod decide;

use std::time::Duration;

pub(crate) use self::decide::decide;
use super::db::BarrierDb;
use super::dialect::BarrierDialect;
use super::outbox::{Claim, Counts, OutboxRecord, OutboxRow, OutboxRows, OutboxState, PutBack, Stuck, ms};
use super::probe::{NOT_ROLLED_BACK, NOT_STORED, ProbeError};
use crate::database::{CommitError, Database, First, Inserted, Isolation, Nothing, Tx, Wait, begin};
use crate::protocol::Gid;

/// What the outbox needs of a database. Every [`Database`] is one.
///
/// Each function but the first is a transaction of its own, with bounded waits for locks.
pub trait OutboxDb: BarrierDb {
    /// Begins a transaction with an outbox row; whether the row is new. Waits for a transaction that has inserted the same
    /// row and is still open.
    ///
    /// # Errors
    /// The database's own; nothing is left open.
    fn begin_with_message(
        &self,
        wait: Wait,
        row: OutboxRow<'_>,
    ) -> impl Future<Output = Result<(Self::Tx, bool), sqlx::Error>> + Send;

    /// The row of this gid. It is committed and durable when this returns.
    ///
    /// # Errors
    /// The database's own: nothing was learned.
    fn durable_message(&self, gid: &Gid) -> impl Future<Output = Result<Option<OutboxRecord>, sqlx::Error>> + Send;

    /// Takes at most so many rows that are due, for so long. Their local transactions, and the taking, are durable when
    /// this returns.
    ///
    /// # Errors
    /// The database's own: rows may be taken, and are then due after the lease.
    fn claim(&self, owner: &str, lease: Duration, rows: u32)
    -> impl Future<Output = Result<Claim, sqlx::Error>> + Send;

    /// Empties waiting rows, and marks them as sent.
    ///
    /// # Errors
    /// The database's own: they may be marked or not.
    fn mark_sent(&self, gids: &[String]) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Makes waiting rows of this owner due again.
    ///
    /// # Errors
    /// The database's own: they are due after their lease, or as it was asked for.
    fn put_back(
        &self,
        gids: &[String],
        owner: &str,
        how: PutBack,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Puts a waiting row aside.
    ///
    /// # Errors
    /// The database's own: it may be aside or not.
    fn set_aside(&self, gid: &str, reason: &str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Makes every row that is aside due now; how many.
    ///
    /// # Errors
    /// The database's own: they may be due or not.
    fn retry_stuck(&self) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// The oldest of the rows that are aside, at most so many.
    ///
    /// # Errors
    /// The database's own: nothing was learned.
    fn stuck(&self, rows: u32) -> impl Future<Output = Result<Vec<Stuck>, sqlx::Error>> + Send;

    /// How many rows are in which state.
    ///
    /// # Errors
    /// The database's own: nothing was learned.
    fn counts(&self) -> impl Future<Output = Result<Counts, sqlx::Error>> + Send;
}

impl<DB: OutboxRows> First<DB> for OutboxRow<'_> {
    async fn begin(
        self,
        conn: &mut DB::Connection,
        isolation: Isolation,
        wait: Wait,
        cached: bool,
    ) -> Result<Inserted, sqlx::Error> {
        DB::begin_with_message(conn, isolation, wait, self, cached).await.map(Inserted::from)
    }
}

impl<D: Database<Driver: BarrierDialect>> OutboxDb for D {
    async fn begin_with_message(&self, wait: Wait, row: OutboxRow<'_>) -> Result<(Tx<D>, bool), sqlx::Error> {
        begin(self, wait, row).await
    }

    async fn durable_message(&self, gid: &Gid) -> Result<Option<OutboxRecord>, sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let record = D::Driver::message(tx.conn(), gid.as_str(), cached).await;
        close(tx, record).await
    }

    async fn claim(&self, owner: &str, lease: Duration, rows: u32) -> Result<Claim, sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let claimed = D::Driver::claim(tx.conn(), owner, millis(lease), rows, cached).await;
        let rows = tx.note(claimed)?;
        let next_due = D::Driver::next_due_ms(tx.conn(), cached).await;
        let next_due = close(tx, next_due).await?;
        Ok(Claim { rows, next_due: next_due.map(ms) })
    }

    async fn mark_sent(&self, gids: &[String]) -> Result<(), sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let marked = D::Driver::mark_sent(tx.conn(), gids, cached).await;
        close(tx, marked).await
    }

    async fn put_back(&self, gids: &[String], owner: &str, how: PutBack) -> Result<(), sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let refusals = i32::from(how.refused);
        let put = D::Driver::put_back(tx.conn(), gids, owner, millis(how.after), refusals, cached).await;
        close(tx, put).await
    }

    async fn set_aside(&self, gid: &str, reason: &str) -> Result<(), sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let set = D::Driver::set_aside(tx.conn(), gid, reason, cached).await;
        close(tx, set).await
    }

    async fn retry_stuck(&self) -> Result<u64, sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let retried = D::Driver::retry_stuck(tx.conn(), cached).await;
        close(tx, retried).await
    }

    async fn stuck(&self, rows: u32) -> Result<Vec<Stuck>, sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let stuck = D::Driver::stuck(tx.conn(), rows, cached).await;
        let stuck = close(tx, stuck).await?;
        Ok(stuck.into_iter().map(|(gid, reason, age)| Stuck { gid, reason, age: ms(age) }).collect())
    }

    async fn counts(&self) -> Result<Counts, sqlx::Error> {
        let (mut tx, cached) = open(self).await?;
        let counts = D::Driver::counts(tx.conn(), cached).await;
        let (waiting, oldest, stuck) = close(tx, counts).await?;
        Ok(Counts { waiting: waiting.unsigned_abs(), oldest: oldest.map(ms), stuck: stuck.unsigned_abs() })
    }
}

/// Inserts, reads and marks an outbox row, and makes sure that each step had its effect; nothing of it remains.
///
/// # Errors
/// [`ProbeError`].
pub(in crate::barrier) async fn probe<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), ProbeError> {
    let gid = Gid::random();
    let waiting =
        OutboxRow { gid: gid.as_str(), state: OutboxState::Waiting, body: "{}", owner: "", due_in_ms: DAY_MS };
    let (mut tx, is_new) = db.begin_with_message(Wait::Bounded, waiting).await?;
    let cached = tx.caches_statements();
    let read = D::Driver::message(tx.conn(), gid.as_str(), cached).await;
    let inserted = tx.note(read)?;
    let marked = D::Driver::mark_sent(tx.conn(), &[gid.to_string()], cached).await;
    tx.note(marked)?;
    let read = D::Driver::message(tx.conn(), gid.as_str(), cached).await;
    let sent = tx.note(read)?;
    // Nothing ran in it but the outbox's own statements.
    let _ = tx.rollback().await;
    let is =
        |found: Option<OutboxRecord>, state, body: &str| found.is_some_and(|is| is.state == state && is.body == body);
    if !is_new || !is(inserted, OutboxState::Waiting, "{}") || !is(sent, OutboxState::Sent, "") {
        return Err(ProbeError::Ineffective(NOT_STORED));
    }
    if db.durable_message(&gid).await?.is_some() {
        return Err(ProbeError::Ineffective(NOT_ROLLED_BACK));
    }
    Ok(())
}

/// A row that a relay must not see, if the table keeps it.
const DAY_MS: i64 = 86_400_000;

/// Removes at most so many rows that were sent, or have stood for "never", for longer than this; how many.
///
/// # Errors
/// The database's own.
pub(in crate::barrier) async fn remove_messages<D: Database<Driver: BarrierDialect>>(
    db: &D,
    older_than_s: i64,
    rows: u32,
) -> Result<u64, sqlx::Error> {
    let (mut tx, cached) = open(db).await?;
    let removed = D::Driver::remove_messages(tx.conn(), older_than_s, rows, cached).await;
    close(tx, removed).await
}

/// Begins a transaction of the outbox's own.
async fn open<D: Database>(db: &D) -> Result<(Tx<D>, bool), sqlx::Error> {
    let (tx, _) = begin(db, Wait::Bounded, Nothing).await?;
    let cached = tx.caches_statements();
    Ok((tx, cached))
}

/// Commits, if the statement before was a success.
async fn close<D: Database, T>(mut tx: Tx<D>, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
    let value = tx.note(result)?;
    tx.commit().await.map_err(CommitError::of_our_own)?;
    Ok(value)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
