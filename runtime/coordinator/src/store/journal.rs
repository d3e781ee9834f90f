//! Group commit: writes that wait at the same time share one commit.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

use super::{Outcome, Store, StoreError, Write};

/// How many writes may wait. Past that the store is the bottleneck, and more waiting helps nobody.
const WAITING_MAX: usize = 16_384;

/// How many writes one commit takes at most: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 512;

/// The queue before a store: one task drains it, and makes whatever waits durable by one commit.
///
/// There is no timer: a write that comes alone is committed alone, at once.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    write: Write,
    done: oneshot::Sender<Result<Outcome, StoreError>>,
}

/// Why a write has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Too many writes wait already; this one was not accepted.
    #[error("too many writes are waiting for the store")]
    Full,
    /// The journal is closed; this one was not accepted.
    #[error("the store is closed")]
    Closed,
    /// The store refused it; nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Journal {
    /// A journal before `store`. Once `stop` is cancelled it accepts nothing more; its task ends when what was accepted
    /// is written.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        (Self { queue }, tokio::spawn(drain(store, metrics, waiting, stop)))
    }

    /// Makes a write durable; gives its outcome once it is.
    ///
    /// # Errors
    /// [`JournalError`] if nothing was written.
    pub async fn write(&self, write: Write) -> Result<Outcome, JournalError> {
        self.push(write)?.await.map_err(|_| JournalError::Closed)?.map_err(JournalError::Store)
    }

    /// Puts a write into the queue, without waiting for it.
    ///
    /// # Errors
    /// [`JournalError::Full`] or [`JournalError::Closed`]: it will not be written.
    pub fn push(&self, write: Write) -> Result<oneshot::Receiver<Result<Outcome, StoreError>>, JournalError> {
        let (done, outcome) = oneshot::channel();
        match self.queue.try_send(Waiting { write, done }) {
            Ok(()) => Ok(outcome),
            Err(mpsc::error::TrySendError::Full(_)) => Err(JournalError::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(JournalError::Closed),
        }
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

async fn drain(
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    mut queue: mpsc::Receiver<Waiting>,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            received = queue.recv_many(&mut batch, BATCH_MAX) => if received == 0 { return },
            () = stop.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        }
        let (writes, mut done): (Vec<_>, Vec<_>) = batch.drain(..).map(|w| (w.write, w.done)).unzip();
        metrics.writes.inc_by(writes.len() as u64);
        commit(store.as_ref(), &metrics, &writes, &mut done).await;
    }
}

/// Commits the writes together; where the data of one is refused, in halves, until the bad one stands alone.
async fn commit(
    store: &dyn Store,
    metrics: &Metrics,
    writes: &[Write],
    done: &mut Vec<oneshot::Sender<Result<Outcome, StoreError>>>,
) {
    // Halves that wait for their turn, the next one last. Whoever asked may be gone: then nobody hears of it.
    let mut pending = vec![writes];
    done.reverse();
    while let Some(writes) = pending.pop() {
        metrics.commits.inc();
        match store.write(writes).await {
            Ok(outcomes) => {
                for outcome in outcomes {
                    let _ = done.pop().map(|done| done.send(Ok(outcome)));
                }
            }
            Err(StoreError::Data(_)) if writes.len() > 1 => {
                let (first, second) = writes.split_at(writes.len() / 2);
                pending.extend([second, first]);
            }
            Err(error) => {
                for write in writes {
                    tracing::error!(gid = write.gid(), %error, "a write failed");
                    let _ = done.pop().map(|done| done.send(Err(error.clone())));
                }
            }
        }
    }
}
