//! The begin of a transaction, on a connection that is alive.

use std::future::Future;

use super::Database;
use super::driver::{Driver, Isolation, Wait};
use super::inserted::Inserted;
use super::tx::Tx;

/// What a transaction begins with, in as few round trips as the database can.
pub(crate) trait First<DB: Driver>: Copy {
    /// Begins a transaction, and inserts the row that belongs to the begin. `cached`: see [`Driver::caches_statements`].
    fn begin(
        self,
        conn: &mut DB::Connection,
        isolation: Isolation,
        wait: Wait,
        cached: bool,
    ) -> impl Future<Output = Result<Inserted, sqlx::Error>> + Send;
}

/// No row: the transaction only begins.
#[derive(Clone, Copy)]
pub(crate) struct Nothing;

impl<DB: Driver> First<DB> for Nothing {
    async fn begin(
        self,
        conn: &mut DB::Connection,
        isolation: Isolation,
        wait: Wait,
        _: bool,
    ) -> Result<Inserted, sqlx::Error> {
        DB::run(conn, DB::begin(isolation, wait)).await.map(|()| true.into())
    }
}

impl<D: Database> Tx<D> {
    /// Begins a transaction with the isolation level of the database.
    ///
    /// # Errors
    /// The database's own; nothing is left open. If no turn or connection came within the pool's `acquire_timeout`, the
    /// error says so.
    pub async fn begin(db: &D) -> Result<Self, sqlx::Error> {
        begin(db, Wait::Default, Nothing).await.map(|(tx, _)| tx)
    }
}

/// Begins a transaction with `first`; whether its row is new.
///
/// A pool may test each connection before it hands it out (`test_before_acquire`), which costs a round trip, and the
/// connection may die right after that all the same. A transaction that has not begun has done nothing, so it begins once
/// more, on another connection.
///
/// # Errors
/// The database's own; nothing is left open.
pub(crate) async fn begin<D: Database>(
    db: &D,
    wait: Wait,
    first: impl First<D::Driver>,
) -> Result<(Tx<D>, bool), sqlx::Error> {
    let (isolation, mut may_be_dead) = match wait {
        // All connections that the pool can keep.
        Wait::Default => (D::ISOLATION, db.pool().options().get_max_connections()),
        // What is asked in time is right at this level: its statements must see what others commit meanwhile. And who asks
        // then asks again anyway, later.
        Wait::Bounded => (Isolation::ReadCommitted, 0),
    };
    loop {
        let mut tx = Tx::open(db, wait).await?;
        let cached = tx.caches_statements();
        let begun = first.begin(tx.conn(), isolation, wait, cached).await;
        match tx.note(begun) {
            // The dead one is dropped before the next one is taken.
            Err(error) if may_be_dead > 0 && is_dead::<D::Driver>(&error) => may_be_dead -= 1,
            begun => {
                let inserted = begun?;
                tx.owns(inserted);
                return Ok((tx, inserted.is_new));
            }
        }
    }
}

/// Whether an error says that the connection was dead.
fn is_dead<DB: Driver>(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(cause) => DB::has_closed(cause.as_ref()),
        _ => false,
    }
}
