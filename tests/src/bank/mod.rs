//! A bank for tests: accounts beside a barrier table, the same on each database.
//!
//! A test is written once, over [`BankDriver`], and runs on each database. Features of a single database have tests of
//! their own.

mod drivers;

use std::future::Future;
use std::sync::Arc;

use branchwire::barrier::BarrierDialect;
use branchwire::protocol::Gid;
use branchwire::{Database, Isolation, RecyclingPool, Tx};
use sqlx::Pool;

use crate::database::TestDatabase;

/// The account that tests credit. It is empty at first.
pub const ACCOUNT: i64 = 1;

/// Another account. It is empty at first, too.
pub const OTHER_ACCOUNT: i64 = 2;

/// A bank with a database of its own: accounts [`ACCOUNT`] and [`OTHER_ACCOUNT`], and the barrier table.
#[derive(Debug)]
pub struct Bank<DB: BankDriver> {
    pool: Pool<DB>,
    /// The same pool, but for a bank through a pool of a test's own.
    recycling: Option<RecyclingPool<DB>>,
    /// Dropped after the pool.
    database: Arc<TestDatabase>,
}

impl<DB: BankDriver> Clone for Bank<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), recycling: self.recycling.clone(), database: self.database.clone() }
    }
}

impl<DB: BankDriver> Database for Bank<DB> {
    type Driver = DB;

    fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    fn recycling(&self) -> Option<&RecyclingPool<DB>> {
        self.recycling.as_ref()
    }
}

impl<DB: BankDriver> Bank<DB> {
    /// Opens a bank; `None` if there is no server, and then the test has been reported as skipped.
    ///
    /// # Panics
    /// If the database does not do what is asked.
    pub async fn open() -> Option<Self> {
        Some(Self::on(DB::database().await?, 10).await)
    }

    /// A bank on this database, with at most `connections_max` connections.
    ///
    /// # Panics
    /// If the database does not do what is asked.
    pub async fn on(database: TestDatabase, connections_max: u32) -> Self {
        let bank = Self::handing_over(Arc::new(database), connections_max).await;
        branchwire::barrier::set_up(&bank).await.expect("the barrier table");
        DB::create_accounts(&bank.pool).await;
        bank
    }

    /// The same bank through another pool, as another process would have it.
    pub async fn another_pool(&self, connections_max: u32) -> Self {
        Self::handing_over(self.database.clone(), connections_max).await
    }

    /// With a pool of its own, which hands over its connections.
    async fn handing_over(database: Arc<TestDatabase>, connections_max: u32) -> Self {
        let pool = DB::pool(database.url(), connections_max).await;
        Self { recycling: Some(pool.clone().into()), pool, database }
    }

    /// The same bank through this pool.
    #[must_use]
    pub fn through(&self, pool: Pool<DB>) -> Self {
        Self { pool, recycling: None, database: self.database.clone() }
    }

    /// The address of its database.
    pub fn url(&self) -> &str {
        self.database.url()
    }

    /// The balance of an account.
    pub async fn balance(&self, account: i64) -> i64 {
        DB::balance(&self.pool, account).await
    }

    /// The barrier rows of a global transaction, by op.
    pub async fn barrier_rows(&self, gid: &Gid) -> Vec<Row> {
        DB::barrier_rows(&self.pool, gid.as_str()).await
    }
}

/// The same bank with another isolation level.
macro_rules! bank_with_level {
    ($(#[$doc:meta])* $name:ident $level:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<DB: BankDriver>(pub Bank<DB>);

        impl<DB: BankDriver> Clone for $name<DB> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<DB: BankDriver> Database for $name<DB> {
            type Driver = DB;

            const ISOLATION: Isolation = Isolation::$level;

            fn pool(&self) -> &Pool<DB> {
                &self.0.pool
            }

            fn recycling(&self) -> Option<&RecyclingPool<DB>> {
                self.0.recycling()
            }
        }
    };
}

bank_with_level! {
    /// A bank whose transactions are serializable.
    StrictBank Serializable
}

bank_with_level! {
    /// A bank whose transactions see one snapshot.
    SnapshotBank RepeatableRead
}

/// A row of the barrier table: `trans_type`, `branch_id`, `op`, `barrier_id`, `reason`.
pub type Row = (String, String, String, String, String);

/// The SQL that tests need, for one kind of database.
///
/// A statement on a pool panics if it fails. A statement within a transaction belongs to the business, and returns the
/// database's error.
pub trait BankDriver: BarrierDialect {
    /// A fresh database; `None` if there is no server, and then the test has been reported as skipped.
    fn database() -> impl Future<Output = Option<TestDatabase>> + Send;

    /// A pool with at most `connections_max` connections.
    fn pool(url: &str, connections_max: u32) -> impl Future<Output = Pool<Self>> + Send;

    /// Creates the accounts.
    fn create_accounts(pool: &Pool<Self>) -> impl Future<Output = ()> + Send;

    /// The balance of an account.
    fn balance(pool: &Pool<Self>, account: i64) -> impl Future<Output = i64> + Send;

    /// The barrier rows of a global transaction.
    fn barrier_rows(pool: &Pool<Self>, gid: &str) -> impl Future<Output = Vec<Row>> + Send;

    /// Credits an account.
    fn credit<D: Database<Driver = Self>>(
        tx: &mut Tx<D>,
        account: i64,
        amount: i64,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs any statement.
    fn execute<D: Database<Driver = Self>>(
        tx: &mut Tx<D>,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs any statements, and drops their results after the first row.
    fn execute_and_drop<D: Database<Driver = Self>>(
        tx: &mut Tx<D>,
        sql: &'static str,
    ) -> impl Future<Output = ()> + Send;

    /// Runs any statement outside a transaction.
    fn execute_outside(pool: &Pool<Self>, sql: &str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}
