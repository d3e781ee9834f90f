//! A connection that its pool has lent.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a connection's way back may take. After that it is cut off.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of a pool. Dropped, it goes back in bounded time, or is cut off.
///
/// sqlx asks the server once more when a connection comes back, and waits for the answer without end (launchbadge/sqlx#4349).
/// Behind a network that has gone silent, each connection would keep its place in the pool for ever, until the pool has none.
pub(crate) struct Lent<DB: Database> {
    /// There until the drop.
    conn: Option<PoolConnection<DB>>,
    is_to_close: bool,
    /// How many transactions it has served since it left the pool, but for the present one.
    pub(super) turns: u32,
}

impl<DB: Database> Lent<DB> {
    /// Takes a connection from the pool.
    ///
    /// # Errors
    /// No connection was available within the pool's `acquire_timeout`.
    pub(crate) async fn by(pool: &Pool<DB>) -> Result<Self, sqlx::Error> {
        Ok(Self { conn: Some(pool.acquire().await?), is_to_close: false, turns: 0 })
    }

    /// Lets the drop close it.
    pub(crate) fn close_on_drop(&mut self) {
        self.is_to_close = true;
    }
}

impl<DB: Database> Deref for Lent<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        self.conn.as_ref().expect("there until the drop")
    }
}

impl<DB: Database> DerefMut for Lent<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        self.conn.as_mut().expect("there until the drop")
    }
}

impl<DB: Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        if self.is_to_close {
            // sqlx does that in bounded time.
            conn.close_on_drop();
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            // Cut off at the end of the time, the connection leaves its place to another one.
            runtime.spawn(timeout(RETURN_TIMEOUT, conn.return_to_pool()));
        }
    }
}
