//! A pool whose connections go from one transaction to the next.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::Pool;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::driver::Driver;
use super::lent::Lent;

/// How many transactions a connection serves in a row. Then it goes back to sqlx's pool: others who wait there get their turn, and a
/// connection that is too old is closed.
const TURNS_MAX: u32 = 16;

/// How long a connection is kept that no transaction takes.
const KEPT_MAX: Duration = Duration::from_millis(10);

/// An sqlx pool in which a connection goes from one transaction to the next, without a test between them.
///
/// sqlx's pool asks the server once more whenever a connection comes back to it: that is one of the four round trips of a
/// branch's transaction. It cannot be switched off. Here a connection whose transaction has just committed serves the next
/// transaction. It goes back to sqlx's pool after 16 transactions in a row, so that others who wait for that pool get a connection as
/// well. If no transaction waits, it is kept for 10 milliseconds; at most half of the pool's connections are kept at once.
///
/// It is for the transactions of branches and senders: everything that takes a [`Tx`](super::Tx). A statement that takes
/// [`Database::pool`](super::Database::pool) takes sqlx's pool, as always.
///
/// It needs `test_before_acquire(false)`, which is no risk for a transaction: if its connection has died, it begins on another one. A
/// pool that tests each connection before it lends it stays as sqlx has it.
///
/// **Not for a pool with `before_acquire` or `after_release`**, with which a service may reset its sessions: they do not run between
/// two such transactions.
///
/// ```
/// # use branchwire::prelude::*;
/// use branchwire::RecyclingPool;
/// use sqlx::sqlite::{Sqlite, SqlitePoolOptions};
///
/// #[derive(Clone, Database)]
/// pub struct Bank(RecyclingPool<Sqlite>);
///
/// # async fn open() -> Result<Bank, sqlx::Error> {
/// let pool = SqlitePoolOptions::new().test_before_acquire(false).connect("sqlite://bank.db").await?;
/// let bank = Bank(pool.into());
/// # Ok(bank)
/// # }
/// ```
///
/// Go's `database/sql` and deadpool (`RecyclingMethod::Fast`) do without the test as well. A connection that has died is found by the
/// next transaction, which then begins on another one.
pub struct RecyclingPool<DB: Driver> {
    pool: Pool<DB>,
    shared: Arc<Mutex<Shared<DB>>>,
}

struct Shared<DB: Driver> {
    /// The last one is taken first.
    idle: Vec<Idle<DB>>,
    /// Who waits, the longest first. Some no longer do.
    waiting: VecDeque<oneshot::Sender<Lent<DB>>>,
    /// Whether a task gives back what is kept for too long.
    is_watched: bool,
}

struct Idle<DB: Driver> {
    lent: Lent<DB>,
    since: Instant,
}

impl<DB: Driver> RecyclingPool<DB> {
    /// Connections of this pool.
    pub fn new(pool: Pool<DB>) -> Self {
        let shared = Shared { idle: Vec::new(), waiting: VecDeque::new(), is_watched: false };
        Self { pool, shared: Arc::new(Mutex::new(shared)) }
    }

    /// sqlx's pool.
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Takes a connection: one that is kept, the next one whose transaction commits, or one of sqlx's pool, whichever comes first.
    ///
    /// # Errors
    /// None was available within the pool's `acquire_timeout`.
    pub(super) async fn lend(&self) -> Result<Lent<DB>, sqlx::Error> {
        if !self.recycles() {
            return Lent::by(&self.pool).await;
        }
        let handed = {
            let mut shared = self.lock();
            if let Some(Idle { lent, .. }) = shared.idle.pop_if(|_| !self.pool.is_closed()) {
                return Ok(lent);
            }
            // While the pool still grows, sqlx opens one. That must not be given up half-way: it would be opened in vain.
            (self.pool.size() >= self.max()).then(|| shared.wait())
        };
        let Some(handed) = handed else { return Lent::by(&self.pool).await };
        tokio::select! {
            biased;
            Ok(lent) = handed => Ok(lent),
            // What is handed over at this very moment is dropped, and goes back to sqlx's pool.
            lent = Lent::by(&self.pool) => lent,
        }
    }

    /// Hands a connection over to the next transaction, or keeps it for one. The last one has committed: the server has just
    /// answered, and nothing is open.
    pub(super) fn hand_over(&self, mut lent: Lent<DB>) {
        lent.turns += 1;
        let Ok(runtime) = Handle::try_current() else { return };
        if lent.turns >= TURNS_MAX || self.pool.is_closed() || !self.recycles() {
            return;
        }
        let mut shared = self.lock();
        while let Some(next) = shared.waiting.pop_front() {
            match next.send(lent) {
                Ok(()) => return,
                // It no longer waits.
                Err(back) => lent = back,
            }
        }
        if shared.idle.len() >= (self.max() / 2) as usize {
            return;
        }
        shared.idle.push(Idle { lent, since: Instant::now() });
        if !std::mem::replace(&mut shared.is_watched, true) {
            runtime.spawn(self.clone().watch());
        }
    }

    /// Gives back what is kept for too long, until nothing is kept.
    async fn watch(self) {
        loop {
            sleep(KEPT_MAX).await;
            let mut shared = self.lock();
            let now = Instant::now();
            // Dropped, they go back.
            shared.idle.retain(|idle| now - idle.since < KEPT_MAX);
            shared.is_watched = !shared.idle.is_empty();
            if !shared.is_watched {
                return;
            }
        }
    }

    /// Not with a test in sqlx's pool: what waits there when a connection is handed over is given up, and sqlx closes a connection
    /// whose test is given up.
    fn recycles(&self) -> bool {
        !self.pool.options().get_test_before_acquire()
    }

    fn max(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    fn lock(&self) -> MutexGuard<'_, Shared<DB>> {
        // No code that can panic runs under the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Driver> Shared<DB> {
    fn wait(&mut self) -> oneshot::Receiver<Lent<DB>> {
        while self.waiting.pop_front_if(|longest| longest.is_closed()).is_some() {}
        let (next, handed) = oneshot::channel();
        self.waiting.push_back(next);
        handed
    }
}

impl<DB: Driver> From<Pool<DB>> for RecyclingPool<DB> {
    fn from(pool: Pool<DB>) -> Self {
        Self::new(pool)
    }
}

impl<DB: Driver> Clone for RecyclingPool<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), shared: self.shared.clone() }
    }
}

impl<DB: Driver> fmt::Debug for RecyclingPool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecyclingPool").field(&self.pool).finish()
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;
    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;
    use tempfile::TempDir;

    use super::*;
    use crate::database::{Database, Tx};

    #[derive(Clone)]
    struct Bank(RecyclingPool<Sqlite>);

    impl Database for Bank {
        type Driver = Sqlite;

        fn pool(&self) -> &Pool<Sqlite> {
            self.0.pool()
        }

        fn recycling(&self) -> Option<&RecyclingPool<Sqlite>> {
            Some(&self.0)
        }
    }

    struct Opened {
        bank: Bank,
        /// How often a connection came back to sqlx's pool.
        returned: Arc<AtomicU32>,
        _directory: TempDir,
    }

    async fn open(connections: u32) -> Opened {
        open_with(connections, false).await
    }

    async fn open_with(connections: u32, tests: bool) -> Opened {
        let directory = tempfile::tempdir().unwrap();
        let returned = Arc::new(AtomicU32::new(0));
        let counter = returned.clone();
        let options = SqlitePoolOptions::new().max_connections(connections).test_before_acquire(tests).after_release(
            move |_, _| {
                counter.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Ok(true)).boxed()
            },
        );
        let file = format!("sqlite://{}?mode=rwc", directory.path().join("bank.db").display());
        Opened { bank: Bank(options.connect(&file).await.unwrap().into()), returned, _directory: directory }
    }

    /// So many transactions, all of which wait by now. (SQLite lets one begin at a time, so these are none.)
    async fn many(bank: &Bank, how_many: usize) -> Vec<tokio::task::JoinHandle<()>> {
        let one = |bank: Bank| async move { bank.0.hand_over(bank.0.lend().await.unwrap()) };
        let many = (0..how_many).map(|_| tokio::spawn(one(bank.clone()))).collect();
        tokio::task::yield_now().await;
        many
    }

    #[tokio::test]
    async fn a_connection_goes_from_one_transaction_to_the_next_and_not_for_ever() {
        let Opened { bank, returned, _directory } = open(1).await;
        let first = bank.0.lend().await.unwrap();
        let many = many(&bank, 39).await;
        let before = returned.load(Ordering::Relaxed);
        bank.0.hand_over(first);
        for one in many {
            one.await.unwrap();
        }
        bank.pool().close().await;
        // The 16th, the 32nd, the 40th.
        assert_eq!(returned.load(Ordering::Relaxed) - before, 3);
    }

    #[tokio::test]
    async fn who_waits_for_the_pool_itself_gets_a_turn() {
        let Opened { bank, _directory, .. } = open(1).await;
        let first = bank.0.lend().await.unwrap();
        let mut other = Box::pin(bank.pool().acquire());
        assert!((&mut other).now_or_never().is_none(), "it waits, and is the first");
        let many = many(&bank, 99).await;
        bank.0.hand_over(first);
        let other = other.await.unwrap();
        let done = many.iter().filter(|one| one.is_finished()).count();
        assert!(done < 99, "it was not the last one");
        drop(other);
        for one in many {
            one.await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_nobody_takes_goes_back() {
        let Opened { bank, _directory, .. } = open(2).await;
        Tx::begin(&bank).await.unwrap().commit().await.unwrap();
        // The pool waits for its connections.
        bank.pool().close().await;
        assert!(bank.0.lock().idle.is_empty());
    }

    #[tokio::test]
    async fn one_that_no_longer_waits_gets_nothing() {
        let Opened { bank, _directory, .. } = open(1).await;
        let first = bank.0.lend().await.unwrap();
        let mut gone = Box::pin(bank.0.lend());
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        let mut next = Box::pin(bank.0.lend());
        assert!((&mut next).now_or_never().is_none());
        bank.0.hand_over(first);
        assert!((&mut next).now_or_never().is_some_and(|lent| lent.is_ok()), "handed over at the commit");
    }

    #[tokio::test]
    async fn what_was_handed_over_in_vain_is_not_lost() {
        let Opened { bank, _directory, .. } = open(1).await;
        let first = bank.0.lend().await.unwrap();
        let mut gone = Box::pin(bank.0.lend());
        assert!((&mut gone).now_or_never().is_none());
        bank.0.hand_over(first);
        // It has got a connection, and has not looked.
        drop(gone);
        Tx::begin(&bank).await.unwrap().commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_pool_that_tests_its_connections_stays_as_it_is() {
        let Opened { bank, returned, _directory } = open_with(1, true).await;
        let first = bank.0.lend().await.unwrap();
        let many = many(&bank, 9).await;
        let before = returned.load(Ordering::Relaxed);
        bank.0.hand_over(first);
        for one in many {
            one.await.unwrap();
        }
        drop(bank.pool().acquire().await.unwrap());
        assert_eq!(returned.load(Ordering::Relaxed) - before, 10);
    }

    #[tokio::test]
    async fn only_a_commit_hands_over() {
        let Opened { bank, _directory, .. } = open(4).await;
        Tx::begin(&bank).await.unwrap().rollback().await.unwrap();
        drop(Tx::begin(&bank).await.unwrap());
        assert!(bank.0.lock().idle.is_empty());
        Tx::begin(&bank).await.unwrap().commit().await.unwrap();
        assert_eq!(bank.0.lock().idle.len(), 1);
    }
}
