//! What a coordinator asks of a store.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::error::StoreError;
use super::query::{Filter, KvPut, KvRow, ResetDue, Sweep, Take, Taken};
use super::row::Row;
use super::write::{Outcome, Write};
use crate::engine::Time;

/// Where transactions are kept.
pub trait Store: Send + Sync + 'static {
    /// Carries out `writes` in their order by one durable commit. Gives an outcome for each.
    ///
    /// Several changes of one transaction must name the same status and owner that it must have: they then hold all or none.
    ///
    /// Where the result of the commit cannot be known, the store finds out by executing the writes again; it answers
    /// only once it knows.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing was written, but for [`StoreError::Unknown`].
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Outcome>, StoreError>>;

    /// A transaction's row with its branches; `None` if there is none.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be read.
    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>>;

    /// Takes unfinished transactions that are due, earliest first: they are held by `take.owner` until `take.until`.
    ///
    /// # Errors
    /// A [`StoreError`] if none was taken, or it is not known; then they are due again when the lease ends.
    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>>;

    /// Gives back what a former process held, where no other process can be using the store.
    ///
    /// # Errors
    /// A [`StoreError`] if nothing was given back.
    fn release_all(&self, now: Time) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Transactions, newest first, each with its branches.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be read.
    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Makes unfinished transactions due at `now` that are not due before `later_than`, at most `limit`, as long as
    /// nobody holds them.
    ///
    /// # Errors
    /// A [`StoreError`] if that is not durable.
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

    /// Creates, replaces or deletes an entry, if it still is what we think it is. Durable.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing was written, but for [`StoreError::Unknown`].
    fn kv_put<'a>(&'a self, put: &'a KvPut) -> BoxFuture<'a, Result<Outcome, StoreError>>;

    /// How many unfinished transactions are left to a DTM server: of another pattern than messages, or over another
    /// protocol than HTTP.
    ///
    /// # Errors
    /// A [`StoreError`] if they cannot be counted.
    fn left_to_others(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// Removes, of the next transactions by id, those that have ended before a time, with their branches. Gives the last
    /// id it looked at; `None` if it met one that was created after that time, or no more.
    ///
    /// # Errors
    /// A [`StoreError`]; some may be removed, and none in part.
    fn sweep<'a>(&'a self, sweep: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>>;

    /// How long finished transactions are kept unless told otherwise; `None`: for ever.
    fn retention(&self) -> Option<Duration> {
        None
    }

    /// Whether other coordinators may be at work on it, too.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns once all that could be read before is on disk, also what others wrote.
    ///
    /// Asked where something is to be acknowledged on the word of a row alone. Most stores show nothing earlier.
    ///
    /// # Errors
    /// A [`StoreError`] if that is not known.
    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Makes sure that the store can be written: by a durable write of its own, unless another one was durable just now.
    ///
    /// # Errors
    /// A [`StoreError`] if it cannot be written.
    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The longest payload of a branch that can be stored, in bytes.
    fn payload_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Closes connections in an orderly way. Afterwards nothing is asked of the store.
    fn close(&self) -> BoxFuture<'_, ()>;
}
