//! What has to be there before the first branch runs.

use super::{BarrierKey, Dialect, REASON_ROLLBACK};
use crate::protocol::Gid;
use crate::{Database, Fault, Tx};

/// A setting of the database that lets it lose what it has acknowledged.
///
/// The barrier, and with it "exactly once", holds only as long as acknowledged commits stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeakSetting {
    /// The setting's name.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What to do.
    pub advice: &'static str,
}

/// Why a database is not fit for branches yet. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The barrier table is not there.
    #[error(
        "the barrier table is missing: call `branchwire::barrier::create_table(&db)` once, or create DTM's `barrier` table"
    )]
    NoTable(#[source] sqlx::Error),
    /// The table is there, but its user may not use it.
    #[error("the rights on the barrier table are not enough: {grant}")]
    NoRight {
        /// What an administrator has to run.
        grant: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The table is not there, and its user may not create it.
    #[error(
        "the barrier table is missing, and this user may not create it: let an administrator call `branchwire::barrier::create_table(&db)` once"
    )]
    MayNotCreate(#[source] sqlx::Error),
    /// The database cannot be reached.
    #[error("the database cannot be reached: check its address, and that it runs")]
    Unreachable(#[source] sqlx::Error),
    /// Anything else that the database said; the table may have other columns than DTM's.
    #[error("the barrier table cannot be used: compare its columns with those of DTM's `barrier` table")]
    Unusable(#[source] sqlx::Error),
}

impl CheckError {
    fn of<DB: Dialect>(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) if DB::no_table(said.as_ref()) => Self::NoTable(error),
            sqlx::Error::Database(said) if DB::no_right(said.as_ref()) => {
                Self::NoRight { grant: DB::GRANT, source: error }
            }
            _ if Fault::of::<DB>(&error) == Fault::Lost => Self::Unreachable(error),
            _ => Self::Unusable(error),
        }
    }
}

/// Creates the barrier table, if it is not there. It may be called by many at once, and any number of times; where the
/// table is there already, also by a user who may create none.
///
/// PostgreSQL: `dtm_barrier.barrier` (a schema). MySQL: `dtm_barrier.barrier` (a database). SQLite:
/// `dtm_barrier_barrier`. Its rows may be removed once their transactions have long ended; DTM's advice is a month.
///
/// # Errors
/// [`CheckError`]: the right to create it is lacking, or the database cannot be reached.
pub async fn create_table<D: Database>(db: &D) -> Result<(), CheckError> {
    let mut conn = db.pool().acquire().await.map_err(CheckError::of::<D::Driver>)?;
    match D::Driver::create_table(&mut conn).await.map_err(CheckError::of::<D::Driver>) {
        // Databases ask for the right to create before they look whether there is anything to create.
        Err(CheckError::NoRight { source, .. }) => {
            drop(conn);
            match probe(db).await {
                Ok(()) => Ok(()),
                Err(CheckError::NoTable(_)) => Err(CheckError::MayNotCreate(source)),
                Err(other) => Err(other),
            }
        }
        created => created,
    }
}

/// Checks at the start of a service that the barrier can work: the table, the rights, the settings.
///
/// Inserts a row and rolls it back. The settings that it returns (each is logged as a warning, too) let acknowledged commits
/// be lost; most come to light only after a power cut.
///
/// On SQLite it also sets what keeps acknowledged commits, whatever the pool's options say: WAL, which stays with the file,
/// and `synchronous` FULL (on Apple's systems `fullfsync` as well) in each connection that the pool has or opens later. So
/// call it before the pool is in use: it waits for each connection, as long as the pool's `acquire_timeout`, and names those
/// that it did not get.
///
/// # Errors
/// [`CheckError`], whose text says what to do.
pub async fn check<D: Database>(db: &D) -> Result<Vec<WeakSetting>, CheckError> {
    let weak = D::Driver::settings(db.pool()).await.map_err(CheckError::of::<D::Driver>)?;
    for WeakSetting { setting, value, advice } in &weak {
        tracing::warn!(setting, value, advice, "the database may lose what it has acknowledged");
    }
    probe(db).await?;
    Ok(weak)
}

/// Uses the barrier table as a branch does, and rolls back.
async fn probe<D: Database>(db: &D) -> Result<(), CheckError> {
    let mut tx = Tx::begin(db).await.map_err(CheckError::of::<D::Driver>)?;
    let key = BarrierKey::local(Gid::random());
    let inserted = D::Driver::insert(tx.conn(), key.row(&key.op, REASON_ROLLBACK)).await;
    let result = match inserted {
        Ok(_) => D::Driver::durable_reason(tx.conn(), key.row(&key.op, REASON_ROLLBACK)).await.map(drop),
        Err(error) => Err(error),
    };
    tx.rollback().await;
    result.map_err(CheckError::of::<D::Driver>)
}
