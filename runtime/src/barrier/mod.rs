//! Exactly once: a row beside the business's own rows says what has already been applied.
//!
//! DTM's word is barrier: a row for each `(gid, branch_id, op, barrier_id)` in the same database and the same transaction
//! as the business rows. The algorithm stands here, once; what differs between databases is in one small file each. On
//! PostgreSQL and MySQL the table has DTM's own name and columns, so that services in other languages can share it.
//!
//! The barrier decides by what it reads and writes at the primary. It holds as long as the database keeps what it has
//! acknowledged: [`check`] names the settings that it can see to be weaker.

mod check;
mod db;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::future::Future;
use std::time::Duration;

use sqlx::Pool;
use sqlx::error::DatabaseError;
use tokio::time::Instant;

pub use check::{CheckError, WeakSetting, check, create_table};
pub use db::{BarrierDb, BarrierTx};

use crate::outcome::Prepared;
use crate::protocol::{BranchId, Gid, Op, TransType};
use crate::{CommitError, Fault, Isolation};

/// How long query-prepared may take in all. DTM gives up on a call after 3 seconds.
pub const QUERY_PREPARED_TIMEOUT: Duration = Duration::from_secs(1);

/// How often query-prepared is tried within one call.
const ASKS_MAX: u32 = 3;

/// The barrier of the first (here: the only) business call within a branch.
const BARRIER_ID: &str = "01";

/// The reason in the row that query-prepared leaves where no local transaction has committed.
const REASON_ROLLBACK: &str = "rollback";

/// What names one call of a branch: the key of its barrier row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierKey {
    /// The global transaction.
    pub gid: Gid,
    /// The branch within it.
    pub branch_id: BranchId,
    /// What is asked of the branch.
    pub op: Op,
    /// The pattern; kept in the row, not part of its key.
    pub trans_type: TransType,
}

impl BarrierKey {
    /// The key of a message's local transaction: branch `00`, op `msg`.
    pub fn local(gid: Gid) -> Self {
        Self { gid, branch_id: BranchId::local(), op: Op::Msg, trans_type: TransType::Msg }
    }

    fn row<'a>(&'a self, op: &'a Op, reason: &'a str) -> BarrierRow<'a> {
        BarrierRow {
            trans_type: self.trans_type.as_str(),
            gid: self.gid.as_str(),
            branch_id: self.branch_id.as_str(),
            op: op.as_str(),
            barrier_id: BARRIER_ID,
            reason,
        }
    }
}

/// One row of the barrier table. Its fields have the names of DTM's columns.
#[derive(Debug, Clone, Copy)]
pub struct BarrierRow<'a> {
    /// The pattern; not part of the key.
    pub trans_type: &'a str,
    /// The global transaction.
    pub gid: &'a str,
    /// The branch within it.
    pub branch_id: &'a str,
    /// What the row stands for: an op.
    pub op: &'a str,
    /// Which of the business calls within the branch.
    pub barrier_id: &'a str,
    /// Who has inserted it, the op itself or one that undoes it; not part of the key.
    pub reason: &'a str,
}

/// How long statements of a transaction wait for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As the database is set.
    Default,
    /// Less than [`QUERY_PREPARED_TIMEOUT`], as far as the database can count it.
    Bounded,
}

/// What a barrier says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The first of its kind: run the business, in this transaction.
    Run,
    /// It was applied before, or comes after its own cancel: answer success without running.
    Repeat,
    /// What it would undo never happened, and now never will: commit, and answer success without running.
    NothingToUndo,
}

/// What one kind of database does in its own way. Implemented for [`sqlx::Sqlite`], [`sqlx::Postgres`] and
/// [`sqlx::MySql`], behind the features of these names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "Branchwire has no barrier for `{Self}`",
    note = "barriers exist for SQLite, PostgreSQL and MySQL: features `sqlite`, `postgres` and `mysql` of `branchwire`"
)]
pub trait Dialect: sqlx::Database + Sized {
    /// What is held while a transaction is open.
    type Queue: Send + Sync;

    /// Waits until a transaction may begin.
    fn queue(pool: &Pool<Self>) -> impl Future<Output = Self::Queue> + Send;

    /// The statements that begin a transaction.
    fn begin(isolation: Isolation, wait: Wait) -> &'static str;

    /// Begins a transaction with its first barrier row, in as few round trips as this database can; whether the row was
    /// not there yet.
    fn begin_with(
        conn: &mut Self::Connection,
        isolation: Isolation,
        wait: Wait,
        row: BarrierRow<'_>,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send {
        async move {
            Self::run(conn, Self::begin(isolation, wait)).await?;
            Self::insert(conn, row).await
        }
    }

    /// The statements that check that the transaction is still the one that was begun, and commit it: one round trip.
    fn commit(wait: Wait) -> &'static str;

    /// The statements that roll back.
    fn rollback(wait: Wait) -> &'static str;

    /// Runs one of the above, in one round trip.
    fn run(conn: &mut Self::Connection, sql: &'static str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Inserts a barrier row; whether it was not there yet.
    fn insert(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// The reason in the row of this key, committed and durable when this returns. Runs outside a transaction.
    fn durable_reason(
        conn: &mut Self::Connection,
        row: BarrierRow<'_>,
    ) -> impl Future<Output = Result<Option<String>, sqlx::Error>> + Send;

    /// What an error means.
    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault;

    /// Whether an error at the commit says for certain that nothing was committed.
    fn commit_was_refused(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Creates what the barrier needs, if it is not there.
    fn create_table(conn: &mut Self::Connection) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Sets what can be set, and names the settings that let acknowledged commits be lost.
    fn settings(pool: &Pool<Self>) -> impl Future<Output = Result<Vec<WeakSetting>, sqlx::Error>> + Send;

    /// Whether an error says that the table is not there.
    fn no_table(error: &(dyn DatabaseError + 'static)) -> bool;

    /// Whether an error says that the user lacks a right.
    fn no_right(error: &(dyn DatabaseError + 'static)) -> bool;

    /// The rights that the barrier needs, as a statement for the administrator.
    const GRANT: &'static str;
}

/// Begins the transaction of a branch, behind its barrier.
///
/// The barrier rows go before the business's, since business lock first and barrier second deadlocks. Source: DTM's
/// barrier for branches.
///
/// # Errors
/// The database's own; nothing is left open.
pub async fn enter<B: BarrierDb>(db: &B, key: &BarrierKey) -> Result<(B::Tx, Entry), sqlx::Error> {
    let reason = key.op.as_str();
    let row = key.row(&key.op, reason);
    let (tx, inserted, origin_inserted) = match key.op.origin() {
        None => {
            let (tx, inserted) = db.begin_with(Wait::Default, row).await?;
            (tx, inserted, false)
        }
        Some(origin) => {
            let (mut tx, origin_inserted) = db.begin_with(Wait::Default, key.row(&origin, reason)).await?;
            let inserted = tx.insert(row).await?;
            (tx, inserted, origin_inserted)
        }
    };
    let entry = match (inserted, origin_inserted) {
        (false, _) => Entry::Repeat,
        (true, true) => Entry::NothingToUndo,
        (true, false) => Entry::Run,
    };
    Ok((tx, entry))
}

/// Leaves a transaction whose barrier said [`Entry::Repeat`]: rolls it back, and returns once what the first call did is
/// durable.
///
/// # Errors
/// The database's own: do not answer success then.
pub async fn leave_repeat<B: BarrierDb>(tx: B::Tx, db: &B, key: &BarrierKey) -> Result<(), sqlx::Error> {
    tx.rollback().await;
    match db.durable_reason(key.row(&key.op, key.op.as_str())).await? {
        Some(_) => Ok(()),
        None => Err(sqlx::Error::RowNotFound),
    }
}

/// Why query-prepared could not say whether the local transaction has committed. Never to be read as "it has not".
#[derive(Debug, thiserror::Error)]
pub enum QueryPreparedError {
    /// The local transaction may still be running: ask again.
    #[error("the local transaction may still be running")]
    Ongoing(#[source] Option<sqlx::Error>),
    /// The database did not answer the question.
    #[error("the database did not say whether the local transaction has committed")]
    Unknown(#[source] sqlx::Error),
}

/// Has the local transaction of this message committed? DTM's word: query-prepared.
///
/// Inserts the row that the local transaction would have inserted. Where that succeeds, the local transaction has not
/// committed, and now never can. The insert waits for a local transaction that is still open; a plain read would not.
/// It takes at most [`QUERY_PREPARED_TIMEOUT`] in all.
///
/// # Errors
/// [`QueryPreparedError`]: ask again later.
pub async fn query_prepared<B: BarrierDb>(db: &B, gid: &Gid) -> Result<Prepared, QueryPreparedError> {
    let asked = Instant::now();
    let answer = async {
        let mut attempts = 1..ASKS_MAX;
        loop {
            match ask(db, BarrierKey::local(gid.clone())).await {
                // Of those who wait for each other the database ends one at once, which may be this one. A conflict that
                // comes late is the end of the wait.
                Err(error)
                    if B::fault(&error) == Fault::Conflict
                        && asked.elapsed() < QUERY_PREPARED_TIMEOUT / 2
                        && attempts.next().is_some() => {}
                answer => return answer,
            }
        }
    };
    tokio::time::timeout(QUERY_PREPARED_TIMEOUT, answer)
        .await
        .map_err(|_elapsed| QueryPreparedError::Ongoing(None))?
        .map_err(|error| match B::fault(&error) {
            Fault::Conflict => QueryPreparedError::Ongoing(Some(error)),
            Fault::Lost | Fault::Statement => QueryPreparedError::Unknown(error),
        })
}

async fn ask<B: BarrierDb>(db: &B, key: BarrierKey) -> Result<Prepared, sqlx::Error> {
    let row = key.row(&key.op, REASON_ROLLBACK);
    let (tx, inserted) = db.begin_with(Wait::Bounded, row).await?;
    if inserted {
        return match tx.commit().await {
            Ok(()) => Ok(Prepared::RolledBack),
            Err(CommitError::Refused(error) | CommitError::Unknown(error)) => Err(error),
            Err(CommitError::Failed(_)) => unreachable!("the barrier's own statements do not mark the transaction"),
        };
    }
    tx.rollback().await;
    decided(db, &key.gid).await?.ok_or(sqlx::Error::RowNotFound)
}

/// What the row of a message's local transaction says, durable when this returns; `None` without a row.
///
/// # Errors
/// The database's own: nothing was learned.
pub(crate) async fn decided<B: BarrierDb>(db: &B, gid: &Gid) -> Result<Option<Prepared>, sqlx::Error> {
    let key = BarrierKey::local(gid.clone());
    match db.durable_reason(key.row(&key.op, REASON_ROLLBACK)).await?.as_deref() {
        None => Ok(None),
        Some(REASON_ROLLBACK) => Ok(Some(Prepared::RolledBack)),
        Some(reason) if reason == Op::Msg.as_str() => Ok(Some(Prepared::Committed)),
        // Nobody writes other reasons: say nothing rather than guess.
        Some(_) => Err(sqlx::Error::RowNotFound),
    }
}
