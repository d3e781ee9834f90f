//! The start of a service: the barrier table, the rights on it, the settings of its database.

use std::error::Error;
use std::fmt;

use super::db::BarrierDb;
use super::dialect::BarrierDialect;
use super::row::{BarrierKey, REASON_ROLLBACK};
use crate::database::{Database, Driver, Fault, Wait, WeakSetting};
use crate::protocol::Gid;

/// Why a database is not ready for branches. The text says what to do; `Debug` writes it as well, with the causes, since
/// that is what a `main` prints that returns this error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SetUpError {
    /// The table does not exist, and the user may not create it.
    #[error(
        "the barrier table does not exist, and this user may not create it: let an administrator run what \
         `branchwire schema barrier --database {database} --user <user>` prints"
    )]
    MayNotCreate {
        /// What the program `branchwire` calls this kind of database.
        database: &'static str,
        /// The rights that the user needs after that; they are in what the program prints.
        grant: &'static str,
        /// The database's error.
        source: sqlx::Error,
    },
    /// The user may not use the table.
    #[error(
        "the user's rights on the barrier table are not enough: {grant} \
         (`branchwire schema barrier --database {database} --user <user>` prints this)"
    )]
    NoRight {
        /// What the program `branchwire` calls this kind of database.
        database: &'static str,
        /// The statement that an administrator has to run.
        grant: &'static str,
        /// The database's error.
        source: sqlx::Error,
    },
    /// The barrier cannot work in this installation: a read-only database, a setting, a pooler in between.
    #[error("the barrier cannot work here: {advice}")]
    Unfit {
        /// What to change.
        advice: &'static str,
        /// The database's error.
        source: sqlx::Error,
    },
    /// The database speaks PostgreSQL's or MySQL's protocol and is something else, in which the barrier does not hold or was
    /// not tried: use another one.
    #[error("the database is {name}, which is not supported: {reason}")]
    LookAlike {
        /// Its name.
        name: &'static str,
        /// What does not work there.
        reason: &'static str,
    },
    /// The database cannot be reached.
    #[error("the database cannot be reached: check its address, and that it runs")]
    Unreachable(#[source] sqlx::Error),
    /// Any other error of the database; the table may have other columns than DTM's.
    #[error("the barrier table cannot be used: compare its columns with those that `branchwire schema barrier` prints")]
    Unusable(#[source] sqlx::Error),
}

impl fmt::Debug for SetUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            // The text of sqlx has a line of PostgreSQL's own sources at its end.
            match error.downcast_ref() {
                Some(sqlx::Error::Database(error)) => return write!(f, ": {}", error.message()),
                _ => write!(f, ": {error}")?,
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl SetUpError {
    fn of<DB: BarrierDialect>(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(cause) = &error
            && let Some(advice) = DB::unfit(cause.as_ref())
        {
            return Self::Unfit { advice, source: error };
        }
        match &error {
            sqlx::Error::Database(cause) if DB::is_missing_right(cause.as_ref()) => {
                Self::NoRight { database: DB::DATABASE, grant: DB::TABLE.grant, source: error }
            }
            _ if Fault::of::<DB>(&error) == Fault::Lost => Self::Unreachable(error),
            _ => Self::Unusable(error),
        }
    }
}

/// Makes a database ready for branches: call it when a service starts, before the pool is in use.
///
/// It creates the barrier table if it does not exist, changes the settings that a client can change, and uses the table
/// once as a branch does: it inserts a row and rolls back. It may be called any number of times, by many at once, and by a
/// user who may not create tables if the table exists.
///
/// The settings that it returns can lose acknowledged commits, most of them only in a power cut. Each is logged as a
/// warning as well.
///
/// The table is `dtm_barrier.barrier` on PostgreSQL (a schema) and on MySQL (a database), and `dtm_barrier_barrier` on
/// SQLite. Old rows are removed by [`sweep`](super::sweep()) and [`Sweeper`](super::Sweeper).
///
/// On SQLite it sets WAL, which stays with the file, and `synchronous` FULL (on Apple's systems `fullfsync` as well) in each
/// connection that the pool has or opens later, whatever the pool's options are. For this it waits for each connection, up
/// to the pool's `acquire_timeout`; if some connections are in use all that time, a weak setting says so.
///
/// # Errors
/// [`SetUpError`], whose text says what to do.
pub async fn set_up<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<Vec<WeakSetting>, SetUpError> {
    if let Some((name, reason)) = D::Driver::look_alike(db.pool()).await.map_err(SetUpError::of::<D::Driver>)? {
        return Err(SetUpError::LookAlike { name, reason });
    }
    let mut weak = D::Driver::settings(db.pool()).await.map_err(SetUpError::of::<D::Driver>)?;
    match probe(db).await {
        // Only now: databases check the right to create before they look whether the table exists.
        Err(sqlx::Error::Database(cause)) if D::Driver::is_missing_table(cause.as_ref()) => {
            create_table(db).await?;
            probe(db).await
        }
        probed => probed,
    }
    .map_err(SetUpError::of::<D::Driver>)?;
    probe_sessions(db).await?;
    let mut conn = db.pool().acquire().await.map_err(SetUpError::of::<D::Driver>)?;
    weak.extend(D::Driver::table_settings(&mut conn).await.map_err(SetUpError::of::<D::Driver>)?);
    for WeakSetting { setting, value, advice } in &weak {
        tracing::warn!(setting, value, advice, "the database may lose commits that it has acknowledged");
    }
    Ok(weak)
}

async fn create_table<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), SetUpError> {
    let mut conn = db.pool().acquire().await.map_err(SetUpError::of::<D::Driver>)?;
    let created = D::Driver::create_table(&mut conn).await.map_err(SetUpError::of::<D::Driver>);
    if created.is_err() {
        // A transaction of the creation may still be open in it.
        conn.close_on_drop();
    }
    created.map_err(|error| match error {
        SetUpError::NoRight { database, grant, source } => SetUpError::MayNotCreate { database, grant, source },
        other => other,
    })
}

/// Uses the barrier table as a branch and as query-prepared do, and rolls back.
async fn probe<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), sqlx::Error> {
    let key = BarrierKey::local(Gid::random());
    let row = key.row_of(key.op.as_str(), REASON_ROLLBACK);
    for wait in [Wait::Default, Wait::Bounded] {
        let (tx, _) = db.begin_with(wait, row).await?;
        // Nothing ran in it but the barrier's own statements.
        let _ = tx.rollback().await;
    }
    let mut conn = db.pool().acquire().await?;
    D::Driver::durable_reason(&mut conn, row, D::Driver::caches_statements(db.pool())).await?;
    Ok(())
}

/// Looks for a pooler in between that loses prepared statements. It takes two connections to notice.
async fn probe_sessions<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), SetUpError> {
    let pool = db.pool();
    if !D::Driver::caches_statements(pool) {
        return Ok(());
    }
    let mut first = pool.acquire().await.map_err(SetUpError::of::<D::Driver>)?;
    let mut second = pool.try_acquire();
    if second.is_none() && pool.options().get_max_connections() > pool.size() {
        second = Some(pool.acquire().await.map_err(SetUpError::of::<D::Driver>)?);
    }
    let Some(second) = &mut second else { return Ok(()) };
    match D::Driver::lost_statements(&mut first, second).await.map_err(SetUpError::of::<D::Driver>)? {
        Some((advice, source)) => Err(SetUpError::Unfit { advice, source }),
        None => Ok(()),
    }
}
