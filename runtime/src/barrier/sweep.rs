//! Removes old barrier rows, in batches that neither hold locks for long nor make the log grow.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::dialect::{BarrierDialect, Batch};
use super::outbox::OutboxRows;
use super::outbox_db::remove_messages;
use crate::database::{CommitError, Database, Driver, Fault, Lent, Nothing, Wait, begin, in_time};

/// The least age at which a row may be removed: 8 days.
///
/// A week is how long a coordinator of ours keeps finished transactions by default, and a day is the longest interval
/// between two of its calls.
pub const SWEEP_AGE_MIN: Duration = Duration::from_hours(8 * 24);

/// How many rows a batch looks at.
const BATCH: u32 = 1000;

/// The smallest batch. If the database cannot remove that many rows in the time of a bounded wait, the sweep ends in error.
const BATCH_MIN: u32 = 10;

/// Why a sweep has not removed all old rows. The rows that it did remove stay removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// Rows of that age may still be needed. Nothing was removed.
    #[error(
        "a barrier row that is {older_than:?} old may still be needed: remove rows that are older than {SWEEP_AGE_MIN:?}"
    )]
    TooYoung {
        /// The age that was given. Give [`SWEEP_AGE_MIN`] or more.
        older_than: Duration,
    },
    /// The user may not remove rows.
    #[error("the user may not remove barrier rows: {grant}")]
    NoRight {
        /// The statement that an administrator has to run.
        grant: &'static str,
        /// The database's error.
        source: sqlx::Error,
    },
    /// Any other error of the database. Sweep again later.
    #[error("the database did not remove old barrier rows")]
    Database(#[source] sqlx::Error),
}

impl SweepError {
    fn of<DB: BarrierDialect>(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if DB::is_missing_right(cause.as_ref()) => {
                Self::NoRight { grant: DB::TABLE.grant_removal, source: error }
            }
            _ => Self::Database(error),
        }
    }
}

/// Removes barrier rows that are older than this, and outbox rows that were sent longer ago; how many. The clock is the
/// database's.
///
/// Without its row a call is new: it runs its business again. So a row must outlive every call for which it stands.
/// Whatever its reason is (also `rollback` and `incomplete`), it is needed for as long as
/// - the coordinator may call the branch, or ask query-prepared: until the transaction is finished there. Take an age that
///   is longer than your oldest unfinished transaction. A coordinator tells which are older, with the time in
///   milliseconds: `GET /api/dtmsvr/all?status=submitted&createTimeEnd=MS`, and the same with `status=prepared`;
/// - a request of yours may be sent again under its gid. A gid that neither the coordinator nor the barrier remembers is
///   new. Take an age that is longer than the coordinator's `--retention` and than the time in which your clients repeat.
///
/// A month is DTM's advice, and a good age for most. Less than [`SWEEP_AGE_MIN`] is an error.
///
/// Each batch is a short transaction over at most 1000 rows, with a wait for locks of one second at most; after it the sweep
/// rests as long as the batch took. On PostgreSQL and MySQL it walks from the oldest row, by `id`, and ends at the first 1000
/// rows among which none is old. On SQLite the table has no such order, and a sweep reads it once from end to end.
///
/// # Errors
/// [`SweepError`], whose text says what to do.
pub async fn sweep<D: Database<Driver: BarrierDialect>>(db: &D, older_than: Duration) -> Result<u64, SweepError> {
    check(older_than)?;
    let (_never, mut stop) = watch::channel(());
    walk(db, older_than, &mut stop).await
}

fn check(older_than: Duration) -> Result<(), SweepError> {
    if older_than < SWEEP_AGE_MIN { Err(SweepError::TooYoung { older_than }) } else { Ok(()) }
}

/// Sweeps until the table's end, or until the sender of `stop` is dropped, which ends it after the batch.
async fn walk<D: Database<Driver: BarrierDialect>>(
    db: &D,
    older_than: Duration,
    stop: &mut watch::Receiver<()>,
) -> Result<u64, SweepError> {
    // No row is older than a hundred years.
    let older_than_s = i64::try_from(older_than.as_secs()).unwrap_or(i64::MAX).min(100 * 365 * 86_400);
    let (mut after, mut rows, mut removed) = (<D::Driver as BarrierDialect>::Place::default(), BATCH, 0);
    loop {
        let started = Instant::now();
        match in_time(batch(db, &after, older_than_s, rows)).await {
            Ok(None) => break,
            Ok(Some((to, count))) => {
                after = to;
                removed += count;
                rows = (rows * 2).min(BATCH);
            }
            // A lock or the time was not enough for so many.
            Err(error) if Fault::of::<D::Driver>(&error) == Fault::Conflict && rows > BATCH_MIN => rows /= 2,
            Err(error) => return Err(SweepError::of::<D::Driver>(error)),
        }
        tokio::select! {
            () = sleep(started.elapsed()) => {}
            _ = stop.changed() => return Ok(removed),
        }
    }
    // The outbox rows last: a gid must not be new here while this database's barrier rows still know it.
    loop {
        let started = Instant::now();
        let count = match in_time(remove_messages(db, older_than_s, BATCH)).await {
            Err(sqlx::Error::Database(cause))
                if D::Driver::has_no_place(cause.as_ref()) || D::Driver::is_missing_table(cause.as_ref()) =>
            {
                0
            }
            // A service that never has an outbox needs no right on its table.
            Err(sqlx::Error::Database(cause)) if D::Driver::is_missing_right(cause.as_ref()) => {
                tracing::info!(grant = D::Driver::TABLE.outbox.grant_removal, "the user may not remove outbox rows");
                0
            }
            count => count.map_err(SweepError::of::<D::Driver>)?,
        };
        removed += count;
        if count == 0 {
            return Ok(removed);
        }
        tokio::select! {
            () = sleep(started.elapsed()) => {}
            _ = stop.changed() => return Ok(removed),
        }
    }
}

/// One batch; where it ended, and how many rows it has removed. `None` if there is no more to do.
async fn batch<D: Database<Driver: BarrierDialect>>(
    db: &D,
    after: &<D::Driver as BarrierDialect>::Place,
    older_than_s: i64,
    rows: u32,
) -> Result<Option<(<D::Driver as BarrierDialect>::Place, u64)>, sqlx::Error> {
    let looked = {
        let mut conn = Lent::by(db.pool()).await?;
        D::Driver::look(&mut conn, after, older_than_s, rows).await?
    };
    let Some(Batch { to, has_old }) = looked else { return Ok(None) };
    if !has_old {
        return Ok(Some((to, 0)));
    }
    let (mut tx, _) = begin(db, Wait::Bounded, Nothing).await?;
    let cached = tx.caches_statements();
    let removed = D::Driver::remove(tx.conn(), after, &to, older_than_s, cached).await;
    let removed = tx.note(removed)?;
    tx.commit().await.map_err(CommitError::of_our_own)?;
    Ok(Some((to, removed)))
}

/// A task that [sweeps](sweep()) a database now and then. Dropped, it ends after its batch.
///
/// ```
/// # use branchwire::prelude::*;
/// # #[derive(Clone, Database)] struct Bank(sqlx::SqlitePool);
/// # async fn main_of_a_service(bank: Bank) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use branchwire::barrier::{Sweeper, set_up};
///
/// set_up(&bank).await?;
/// let month = Duration::from_secs(30 * 24 * 3600);
/// let sweeper = Sweeper::start(&bank, month, Duration::from_secs(3600))?;
/// // .. serve ..
/// sweeper.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropped, it ends: keep it as long as the service runs"]
pub struct Sweeper {
    /// Dropped, it tells the task to end.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Sweeper {
    /// Sweeps now, and again `every` so often after the end of a sweep. It logs how many rows it has removed; after an
    /// error it logs a warning, and tries again next time.
    ///
    /// Any number of processes may sweep one database.
    ///
    /// # Errors
    /// [`SweepError::TooYoung`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start<D: Database<Driver: BarrierDialect>>(
        db: &D,
        older_than: Duration,
        every: Duration,
    ) -> Result<Self, SweepError> {
        check(older_than)?;
        tracing::info!(?older_than, ?every, "old barrier rows are removed");
        let (stop, mut stopped) = watch::channel(());
        let db = db.clone();
        let task = tokio::spawn(async move {
            loop {
                match walk(&db, older_than, &mut stopped).await {
                    Ok(0) => tracing::debug!("no barrier row is old"),
                    Ok(rows) => tracing::info!(rows, "old barrier rows were removed"),
                    Err(error) => tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "old barrier rows were not removed; trying again later"
                    ),
                }
                tokio::select! {
                    () = sleep(every) => {}
                    _ = stopped.changed() => return,
                }
            }
        });
        Ok(Self { stop, task })
    }

    /// Ends it, and returns once its batch has ended.
    pub async fn stop(self) {
        let Self { stop, task } = self;
        drop(stop);
        if let Err(error) = task.await {
            tracing::error!(%error, "the sweep of barrier rows ended in error");
        }
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").field("is_finished", &self.task.is_finished()).finish_non_exhaustive()
    }
}
