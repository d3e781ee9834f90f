//! Group commit: writes that wait at the same time share one commit.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

use super::{Store, StoreError, Write, WriteOutcome};

/// How many writes may wait. Beyond that the store is the bottleneck, and a longer queue does not help.
const WAITING_MAX: usize = 16_384;

/// The most writes in one commit: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 512;

/// How long a write that nobody waits for may wait for one that somebody does.
const PATIENCE: Duration = Duration::from_millis(10);

/// The queue in front of a store: one task drains it, and makes all waiting writes durable by one commit.
///
/// A write that somebody waits for is committed at once, with all that wait then. One that nobody waits for does not have a commit
/// of its own if another write comes within 10 milliseconds.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    write: Write,
    urgency: Urgency,
    done: oneshot::Sender<Result<WriteOutcome, StoreError>>,
}

/// Whether somebody waits for a write to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Nobody. A crash before it is durable only repeats calls.
    Whenever,
    /// A client, or the call that follows.
    AtOnce,
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
    /// The store did not write it, or has not said whether it did.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Journal {
    /// A journal in front of `store`. Once `stop` is cancelled it accepts no more writes; its task ends when the
    /// accepted ones are written.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        (Self { queue }, tokio::spawn(drain(store, metrics, waiting, stop)))
    }

    /// Makes a write durable; returns its outcome once it is.
    ///
    /// # Errors
    /// [`JournalError`]; nothing was written, but for [`StoreError::Unknown`].
    pub async fn write(&self, write: Write, urgency: Urgency) -> Result<WriteOutcome, JournalError> {
        // It was accepted: the task may have died before, during or after the commit.
        let died = |_| StoreError::Unknown("the task that writes has ended".to_owned());
        Ok(self.push(write, urgency)?.await.map_err(died)??)
    }

    /// Puts a write into the queue, without waiting for it.
    ///
    /// # Errors
    /// [`JournalError::Full`] or [`JournalError::Closed`]: it will not be written.
    pub fn push(
        &self,
        write: Write,
        urgency: Urgency,
    ) -> Result<oneshot::Receiver<Result<WriteOutcome, StoreError>>, JournalError> {
        let (done, outcome) = oneshot::channel();
        match self.queue.try_send(Waiting { write, urgency, done }) {
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
    while gather(&mut queue, &mut batch, &stop).await {
        let (writes, mut done): (Vec<_>, Vec<_>) = batch.drain(..).map(|w| (w.write, w.done)).unzip();
        metrics.writes.inc_by(writes.len() as u64);
        commit(store.as_ref(), &metrics, &writes, &mut done).await;
    }
}

/// Takes writes from the queue until they are to be committed; `false` if there are none any more.
async fn gather(queue: &mut mpsc::Receiver<Waiting>, batch: &mut Vec<Waiting>, stop: &CancellationToken) -> bool {
    let mut latest = None;
    while batch.len() < BATCH_MAX && batch.iter().all(|waiting| waiting.urgency == Urgency::Whenever) {
        tokio::select! {
            // In a fixed order, so that a simulation can be replayed exactly.
            biased;
            received = queue.recv_many(batch, BATCH_MAX - batch.len()) => if received == 0 { return !batch.is_empty() },
            () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            () = at(latest) => return true,
        }
        if !batch.is_empty() {
            latest.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
    }
    true
}

/// Waits until then, if there is a then.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Commits the writes together. If the data of one is refused, commits them in halves, until the bad one is alone.
async fn commit(
    store: &dyn Store,
    metrics: &Metrics,
    writes: &[Write],
    done: &mut Vec<oneshot::Sender<Result<WriteOutcome, StoreError>>>,
) {
    // Halves that wait for their turn, the next one last. A caller may no longer wait for its outcome; sending it then
    // fails, which is fine.
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

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::collections::BTreeMap;

    use branchwire_protocol::{BranchId, Gid, Op, Status, TransType, TransactionOptions};
    use bytes::Bytes;

    use super::Urgency::{AtOnce, Whenever};
    use super::*;
    use crate::engine::{BranchOp, Defaults, Definition, Opening, Protocol, Time, Timing, create};
    use crate::store::sqlite::SqliteStore;
    use crate::store::{BranchChange, Change};

    /// A write that creates a message of branches with these ids.
    fn creates(gid: &str, branch_ids: &[&str]) -> Write {
        let now = Time::from_millis(1_000);
        let branch = |id: &&str| BranchOp {
            branch_id: BranchId::new(*id).unwrap(),
            op: Op::Action,
            url: "http://b/in".to_owned(),
            payload: Bytes::from_static(b"\"a\0b\""),
        };
        let definition = Definition {
            gid: Gid::new(gid).unwrap(),
            trans_type: TransType::Msg,
            protocol: Protocol::Http,
            created: now,
            query_prepared: String::new(),
            branches: branch_ids.iter().map(branch).collect(),
            concurrent: false,
            predecessors: Vec::new(),
            timing: Timing::new(&TransactionOptions::default(), 0, &Defaults::default()),
            headers: BTreeMap::new(),
            options: String::new(),
            custom_data: "'\u{1}\\\"\n\u{7f}\u{1f600}".to_owned(),
            ext_data: String::new(),
        };
        let state = create(&definition, Opening::Prepare, now).state;
        Write::Create { definition: Arc::new(definition), state, owner: String::new() }
    }

    struct Opened {
        journal: Journal,
        metrics: Arc<Metrics>,
        store: Arc<SqliteStore>,
        _directory: tempfile::TempDir,
    }

    async fn open() -> Opened {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path().join("test.db"), None).await.unwrap());
        let metrics = Arc::new(Metrics::new());
        let (journal, _) = Journal::start(store.clone(), metrics.clone(), CancellationToken::new());
        Opened { journal, metrics, store, _directory: directory }
    }

    #[tokio::test]
    async fn a_write_whose_data_is_refused_fails_alone() {
        let Opened { journal, store, _directory, .. } = open().await;
        let mut waiting: Vec<_> =
            (0..9).map(|number| journal.push(creates(&format!("good-{number}"), &["01"]), AtOnce).unwrap()).collect();
        // Two branches of one id: the table refuses them.
        waiting.insert(5, journal.push(creates("bad", &["01", "01"]), AtOnce).unwrap());
        for (place, outcome) in waiting.into_iter().enumerate() {
            match outcome.await.unwrap() {
                Ok(outcome) => assert_eq!((outcome, place == 5), (WriteOutcome::Applied, false)),
                Err(error) => assert!(place == 5 && matches!(error, StoreError::Data(_)), "{error}"),
            }
        }
        assert!(store.load("bad").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn writes_that_wait_together_share_a_commit() {
        let Opened { journal, metrics, _directory, .. } = open().await;
        // On one thread nothing is drained while this pushes.
        let waiting: Vec<_> = (0..20)
            .map(|number| journal.push(creates(&format!("g-{number}"), &["01", "02"]), AtOnce).unwrap())
            .collect();
        for outcome in waiting {
            assert_eq!(outcome.await.unwrap(), Ok(WriteOutcome::Applied));
        }
        assert_eq!((metrics.writes.get(), metrics.commits.get()), (20, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_waits_for_shares_the_next_commit() {
        let Opened { journal, metrics, _directory, .. } = open().await;
        let before = metrics.commits.get();
        let patient = journal.push(creates("patient", &["01"]), Whenever).unwrap();
        // The queue is drained meanwhile; the clock stands as long as a task can run.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(journal.write(creates("awaited", &["01"]), AtOnce).await, Ok(WriteOutcome::Applied));
        assert_eq!(metrics.commits.get() - before, 1);
        assert_eq!(patient.await.unwrap(), Ok(WriteOutcome::Applied));
    }

    #[tokio::test]
    async fn a_write_that_nobody_waits_for_is_committed_soon_even_if_it_stays_alone() {
        let Opened { journal, store, _directory, .. } = open().await;
        let start = Instant::now();
        assert_eq!(journal.write(creates("alone", &["01"]), Whenever).await, Ok(WriteOutcome::Applied));
        assert!(start.elapsed() >= PATIENCE, "it has waited for others");
        assert!(store.load("alone").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_write_that_nobody_waits_for_is_committed_at_the_stop() {
        let Opened { store, metrics, _directory, .. } = open().await;
        let stop = CancellationToken::new();
        let (journal, task) = Journal::start(store.clone(), metrics, stop.clone());
        let patient = journal.push(creates("last", &["01"]), Whenever).unwrap();
        stop.cancel();
        task.await.unwrap();
        assert_eq!(patient.await.unwrap(), Ok(WriteOutcome::Applied));
        assert!(store.load("last").await.unwrap().is_some());
    }

    fn parks(number: usize) -> Write {
        Write::Park { gid: format!("g-{number}"), reason: String::new() }
    }

    #[tokio::test]
    async fn what_comes_when_too_many_writes_wait_is_refused_at_once() {
        let Opened { journal, _directory, .. } = open().await;
        // On one thread nothing is drained while this pushes.
        for number in 0..WAITING_MAX {
            assert!(journal.push(parks(number), AtOnce).is_ok(), "{number}");
        }
        let refused = futures_util::FutureExt::now_or_never(journal.write(parks(WAITING_MAX), AtOnce));
        assert_eq!(refused, Some(Err(JournalError::Full)));
    }

    #[tokio::test]
    async fn a_write_whose_task_has_died_is_in_doubt_and_one_that_comes_later_is_not_accepted() {
        let Opened { store, metrics, _directory, .. } = open().await;
        let (journal, task) = Journal::start(store, metrics, CancellationToken::new());
        let mut waiting = Box::pin(journal.write(parks(1), AtOnce));
        assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none(), "it is accepted");
        task.abort();
        let told = waiting.await;
        assert!(matches!(told, Err(JournalError::Store(StoreError::Unknown(_)))), "{told:?}");
        assert_eq!(journal.write(parks(2), AtOnce).await, Err(JournalError::Closed));
    }

    #[tokio::test]
    async fn a_gid_is_created_once_and_texts_come_back_as_they_were() {
        let Opened { journal, store, _directory, .. } = open().await;
        let twice = [
            journal.push(creates("g", &["01"]), AtOnce).unwrap(),
            journal.push(creates("g", &["01", "02"]), AtOnce).unwrap(),
        ];
        let mut outcomes = Vec::new();
        for outcome in twice {
            outcomes.push(outcome.await.unwrap().unwrap());
        }
        outcomes.push(journal.write(creates("g", &["01", "02"]), AtOnce).await.unwrap());
        assert_eq!(outcomes, [WriteOutcome::Applied, WriteOutcome::Conflict, WriteOutcome::Conflict]);
        let row = store.load("g").await.unwrap().unwrap();
        assert_eq!(row.custom_data, "'\u{1}\\\"\n\u{7f}\u{1f600}");
        let payloads: Vec<_> = row.branches.iter().map(|branch| branch.bin_data.as_slice()).collect();
        assert_eq!(payloads, [b"\"a\0b\""]);
    }

    #[tokio::test]
    async fn a_done_branch_is_written_once_and_the_write_may_be_repeated() {
        let Opened { journal, store, _directory, .. } = open().await;
        journal.write(creates("g", &["01", "02"]), AtOnce).await.unwrap();
        let change = |from, status, done: &str| {
            let at = Time::from_millis(5_000);
            let branch = BranchChange { branch_id: BranchId::new(done).unwrap(), op: Op::Action, status, at };
            Write::Change(Change {
                gid: Gid::new("g").unwrap(),
                from,
                from_owner: String::new(),
                status,
                owner: String::new(),
                interval_ms: 1,
                due: at,
                ended: status.is_final().then_some(at),
                rollback_reason: String::new(),
                at,
                branches: vec![branch],
                appended: Vec::new(),
                ext_data: None,
            })
        };
        // The progress and the end of a run in one batch.
        let progress = Write::Change(match change(Status::Prepared, Status::Succeed, "01") {
            Write::Change(change) => Change { status: Status::Prepared, ended: None, ..change },
            Write::Create { .. } | Write::Park { .. } => unreachable!("it is a change"),
        });
        let end = change(Status::Prepared, Status::Succeed, "02");
        let batch = [progress, end.clone(), change(Status::Submitted, Status::Failed, "02")];
        assert_eq!(store.write(&batch[..2]).await, Ok(vec![WriteOutcome::Applied; 2]));
        let row = store.load("g").await.unwrap().unwrap();
        assert_eq!((row.status.as_str(), row.finish_time), ("succeed", Some(5_000)));
        assert!(row.branches.iter().all(|branch| branch.status == "succeed" && branch.finish_time == Some(5_000)));
        assert_eq!(store.write(&[end]).await, Ok(vec![WriteOutcome::Applied]), "as after a COMMIT in doubt");
        assert_eq!(store.write(&batch[2..]).await, Ok(vec![WriteOutcome::Conflict]));
        assert_eq!(store.load("g").await.unwrap(), Some(row), "a conflict changes nothing");
        let park = Write::Park { gid: "g".to_owned(), reason: "it makes no sense".to_owned() };
        assert_eq!(store.write(&[park]).await, Ok(vec![WriteOutcome::Applied]));
        assert_eq!(store.load("g").await.unwrap().unwrap().result, "it makes no sense");
    }
}
