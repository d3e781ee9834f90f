//! The interface between a coordinator and its store.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::error::StoreError;
use super::query::{Filter, KvPut, KvRow, Leases, ResetDue, Sweep, Take, Taken, Unfinished};
use super::row::Row;
use super::write::{Write, WriteOutcome};
use crate::engine::Time;

/// Where transactions are kept.
pub trait Store: Send + Sync + 'static {
    /// Executes `writes` in their order in one durable commit. Returns an outcome for each.
    ///
    /// Several changes of one transaction must expect the same status and owner: then all of them apply, or none.
    ///
    /// If the result of the commit is unknown, the store executes the writes again until it is known, and returns only
    /// then.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing was written, but for [`StoreError::Unknown`].
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<WriteOutcome>, StoreError>>;

    /// A transaction's row with its branches; `None` if there is none.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be read.
    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>>;

    /// Takes unfinished transactions that are due, earliest first: `take.owner` gets a lease on each until
    /// `take.until`.
    ///
    /// # Errors
    /// A [`StoreError`] if none was taken, or if that is unknown; those that were taken are due again when the lease
    /// ends.
    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>>;

    /// Ends the leases of former processes, if no other process can be using the store.
    ///
    /// # Errors
    /// A [`StoreError`] if no lease was ended.
    fn release_all(&self, now: Time) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Transactions, newest first, each with its branches.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be read.
    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Makes unfinished transactions due at `now`: at most `limit` of those that have no lease and are not due before
    /// `later_than`.
    ///
    /// # Errors
    /// A [`StoreError`] if the change is not durable.
    fn reset_due(&self, now: Time, later_than: Time, limit: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>>;

    /// One entry of the key-value table; `None` if there is none.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be read.
    fn kv_get<'a>(&'a self, cat: &'a str, k: &'a str) -> BoxFuture<'a, Result<Option<KvRow>, StoreError>>;

    /// Entries of a category, newest first: at most `limit` of those with an id below `position`.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be read.
    fn kv_scan<'a>(&'a self, cat: &'a str, position: i64, limit: u32) -> BoxFuture<'a, Result<Vec<KvRow>, StoreError>>;

    /// Creates, replaces or deletes an entry, if it still has the expected version. Durable.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing was written, but for [`StoreError::Unknown`].
    fn kv_put<'a>(&'a self, put: &'a KvPut) -> BoxFuture<'a, Result<WriteOutcome, StoreError>>;

    /// How many transactions are unfinished, for each pattern of ours. It looks at no finished one.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be counted.
    fn unfinished(&self, _now: Time) -> BoxFuture<'_, Result<Vec<Unfinished>, StoreError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The leases on unfinished transactions, for each coordinator that has one.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be read.
    #[cfg_attr(not(feature = "console"), allow(dead_code, reason = "for a page of the console"))]
    fn leases(&self, _now: Time) -> BoxFuture<'_, Result<Vec<Leases>, StoreError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// How many unfinished transactions are left to a DTM server, because of their pattern or their protocol.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be counted.
    fn left_to_others(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// Looks at the next transactions by id, and removes those that ended before a given time, with their branches.
    /// Returns the last id that it looked at; `None` if it reached the last transaction, or one created after that
    /// time.
    ///
    /// # Errors
    /// A [`StoreError`]; some transactions may be removed, each of them completely.
    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>>;

    /// How long finished transactions are kept by default; `None`: for ever.
    fn retention(&self) -> Option<Duration> {
        None
    }

    /// Whether other coordinators may use the store at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns once all data that could be read before the call is on disk, including what other processes wrote.
    ///
    /// Called before an acknowledgement that depends on a row that was only read. Most stores show no row before it is
    /// on disk.
    ///
    /// # Errors
    /// A [`StoreError`] if it is not known whether the data is on disk.
    fn ensure_durable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Makes sure that the store can be written: by a durable write of its own, unless another write became durable
    /// just now.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be written.
    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The longest payload of a branch that can be stored, in bytes.
    fn payload_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Closes the connections in an orderly way. The store is not used afterwards.
    fn close(&self) -> BoxFuture<'_, ()>;
}
