//! The start of a service: the tables, the rights on them, the settings of its database.

use std::error::Error;
use std::fmt;

use sqlx::pool::PoolConnection;

use super::db::{BarrierDb, BarrierTx};
use super::dialect::BarrierDialect;
use super::kept::{keep, kept, kept_before};
use super::outbox::OutboxRows;
use super::outbox_db::probe as probe_outbox;
use super::probe::{NOT_ROLLED_BACK, NOT_STORED, ProbeError};
use super::row::{BarrierKey, REASON_ROLLBACK};
use crate::database::{Database, Driver, Fault, Wait, WeakSetting, look_alike_reason};
use crate::protocol::Gid;

/// Why a database is not ready for branches. The text says what to do; `Debug` writes it as well, with the causes, since
/// that is what a `main` prints that returns this error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SetUpError {
    /// The table does not exist, and the user may not create it.
    #[error(
        "the barrier table or the outbox table does not exist, and this user may not create it: let an administrator run what \
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
        "the user's rights on the barrier table or the outbox table are not enough: {grant} \
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
    #[error(
        "the barrier table or the outbox table cannot be used: compare its columns with those that `branchwire schema barrier` prints"
    )]
    Unusable(#[source] sqlx::Error),
}

/// What an unsuccessful use of a table means; `of` reads the database's error.
fn read_probe(error: ProbeError, of: impl FnOnce(sqlx::Error) -> SetUpError) -> SetUpError {
    match error {
        ProbeError::Database(error) => of(error),
        ProbeError::Ineffective(advice) => {
            let source = sqlx::Error::Configuration("a statement did not have its effect, and was no error".into());
            SetUpError::Unfit { advice, source }
        }
    }
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
        Self::about::<DB>(DB::TABLE.grant, error)
    }

    /// The same, about the table on which this gives the rights.
    fn about<DB: BarrierDialect>(grant: &'static str, error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(cause) = &error
            && let Some(advice) = DB::unfit(cause.as_ref())
        {
            return Self::Unfit { advice, source: error };
        }
        match &error {
            sqlx::Error::Database(cause) if DB::is_missing_right(cause.as_ref()) => {
                Self::NoRight { database: DB::DATABASE, grant, source: error }
            }
            _ if Fault::of::<DB>(&error) == Fault::Lost => Self::Unreachable(error),
            _ => Self::Unusable(error),
        }
    }
}

/// Makes a database ready for branches: call it when a service starts, before the pool is in use.
///
/// It creates the barrier table and the table of the [outbox](crate::outbox) if they do not exist, changes the settings that
/// a client can change, and uses each table once as a branch or a sender does: it inserts a row and rolls back. It may be
/// called any number of times, by many at once, and by a user who may not create tables if the tables exist.
///
/// The settings that it returns can lose acknowledged commits, most of them only in a power cut. Each is logged as a
/// warning as well.
///
/// The barrier table is `dtm_barrier.barrier` on PostgreSQL (a schema) and on MySQL (a database), and `dtm_barrier_barrier`
/// on SQLite. Beside it is `branchwire_kept`, for what the first functions of pairs return. The outbox table is
/// `dtm_barrier.branchwire_outbox` on PostgreSQL, and `branchwire_outbox` on SQLite and in the service's own database on MySQL.
/// A user who may not create it gets none; [`Outbox::start`](crate::Outbox::start) then says what to do. Old rows are removed
/// by [`sweep`](super::sweep()) and [`Sweeper`](super::Sweeper).
///
/// On SQLite it sets WAL, which stays with the file, and `synchronous` FULL (on Apple's systems `fullfsync` as well) in each
/// connection that the pool has or opens later, whatever the pool's options are. For this it waits for each connection, up
/// to the pool's `acquire_timeout`; if some connections are in use all that time, a weak setting says so.
///
/// # Errors
/// [`SetUpError`], whose text says what to do.
pub async fn set_up<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<Vec<WeakSetting>, SetUpError> {
    if let Some(found) = D::Driver::look_alike(db.pool()).await.map_err(SetUpError::of::<D::Driver>)? {
        return Err(SetUpError::LookAlike { name: found.name(), reason: look_alike_reason(found) });
    }
    let mut weak = D::Driver::settings(db.pool()).await.map_err(SetUpError::of::<D::Driver>)?;
    match probe(db).await {
        // Only now: databases check the right to create before they look whether the table exists.
        Err(ProbeError::Database(sqlx::Error::Database(cause))) if D::Driver::is_missing_table(cause.as_ref()) => {
            create_table(db).await?;
            probe(db).await
        }
        probed => probed,
    }
    .map_err(|error| read_probe(error, SetUpError::of::<D::Driver>))?;
    match set_up_outbox(db).await {
        // Only a service that starts an outbox needs the table, and `Outbox::start` says so then.
        Err(error @ (SetUpError::MayNotCreate { .. } | SetUpError::NoRight { .. } | SetUpError::Unfit { .. })) => {
            tracing::debug!(error = &error as &dyn Error, "this database has no outbox table for this user");
        }
        outbox => outbox?,
    }
    probe_sessions(db).await?;
    let mut conn = db.pool().acquire().await.map_err(SetUpError::of::<D::Driver>)?;
    weak.extend(D::Driver::table_settings(&mut conn).await.map_err(SetUpError::of::<D::Driver>)?);
    for WeakSetting { setting, value, advice } in &weak {
        tracing::warn!(setting, value, advice, "the database may lose commits that it has acknowledged");
    }
    Ok(weak)
}

/// Creates the outbox table if it does not exist, and uses it once as a sender and a relay do.
///
/// # Errors
/// [`SetUpError`], whose text says what to do.
pub(crate) async fn set_up_outbox<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), SetUpError> {
    let of = |error| match &error {
        sqlx::Error::Database(cause) if D::Driver::has_no_place(cause.as_ref()) => {
            let advice = "the pool's address names no database, and the outbox table is in the service's own: name one";
            SetUpError::Unfit { advice, source: error }
        }
        _ => SetUpError::about::<D::Driver>(D::Driver::TABLE.outbox.grant, error),
    };
    match probe_outbox(db).await {
        Err(ProbeError::Database(sqlx::Error::Database(cause))) if D::Driver::is_missing_table(cause.as_ref()) => {
            let mut conn = db.pool().acquire().await.map_err(of)?;
            let created = D::Driver::create_outbox(&mut conn).await;
            end_creation(conn, created.map_err(of))?;
            probe_outbox(db).await
        }
        probed => probed,
    }
    .map_err(|error| read_probe(error, of))
}

async fn create_table<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), SetUpError> {
    let mut conn = db.pool().acquire().await.map_err(SetUpError::of::<D::Driver>)?;
    let created = D::Driver::create_table(&mut conn).await;
    end_creation(conn, created.map_err(SetUpError::of::<D::Driver>))
}

fn end_creation<DB: BarrierDialect>(
    mut conn: PoolConnection<DB>,
    created: Result<(), SetUpError>,
) -> Result<(), SetUpError> {
    if created.is_err() {
        // A transaction of the creation may still be open in it.
        conn.close_on_drop();
    }
    created.map_err(|error| match error {
        SetUpError::NoRight { database, grant, source } => SetUpError::MayNotCreate { database, grant, source },
        other => other,
    })
}

/// Uses the barrier table as a branch and as query-prepared do, rolls back, and makes sure that each step had its effect.
async fn probe<D: Database<Driver: BarrierDialect>>(db: &D) -> Result<(), ProbeError> {
    for wait in [Wait::Default, Wait::Bounded] {
        let key = BarrierKey::local(Gid::random());
        let row = key.row_of(key.op.as_str(), REASON_ROLLBACK);
        let (mut tx, is_new) = db.begin_with(wait, row).await?;
        let reason = tx.reason(row).await?;
        keep(&mut tx, &key, b"0").await?;
        let value = kept(&mut tx, &key).await?;
        // Nothing ran in it but the barrier's own statements.
        let _ = tx.rollback().await;
        if !is_new || reason.as_deref() != Some(REASON_ROLLBACK) || value.as_deref() != Some(b"0") {
            return Err(ProbeError::Ineffective(NOT_STORED));
        }
        let reason = db.durable_reason(row).await?;
        if reason.is_some() || kept_before(db, &key).await?.is_some() {
            return Err(ProbeError::Ineffective(NOT_ROLLED_BACK));
        }
    }
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
