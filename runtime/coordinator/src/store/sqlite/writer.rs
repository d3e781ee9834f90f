//! The one connection that writes, on a thread of its own.
//!
//! A whole batch is one message to the thread and one back: passing each statement between threads would cost several
//! times the statement itself. So this connection is rusqlite's; the reading ones are sqlx's.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, TrySendError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::place::Place;
use super::schema;
use crate::store::StoreError;

/// How many pieces of work may wait for the thread. The journal brings one at a time; more only pile up before a disk that
/// does not answer.
const JOBS_MAX: usize = 1_024;

/// The longest wait for a piece of work.
const WORK_TIMEOUT: Duration = Duration::from_secs(30);

/// How many statements stay prepared: all that exist.
const STATEMENTS: usize = 32;

type Job = Box<dyn FnOnce(&mut Link) + Send>;

/// The writing thread. When dropped, it first finishes the jobs that it has accepted.
pub(super) struct Writer {
    /// `None` while it is being dropped.
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// How long a piece of work is waited for.
    patience: Duration,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// The thread's connection; none after an error that leaves its state in doubt.
pub(super) struct Link {
    place: Place,
    bytes_max: Option<u64>,
    connection: Option<Connection>,
}

impl Writer {
    /// Opens `file`, and creates it with its tables if it does not exist. It grows to at most `bytes_max`.
    ///
    /// # Errors
    /// A text for people.
    pub(super) fn open(file: &Path, bytes_max: Option<u64>) -> Result<Self, String> {
        let mut connection = connect(file, OpenFlags::default(), bytes_max)?;
        schema::prepare(&mut connection)?;
        let mut link = Link { place: Place::of(file)?, bytes_max, connection: Some(connection) };
        let (jobs, queue) = mpsc::sync_channel::<Job>(JOBS_MAX);
        let thread = Builder::new().name("sqlite-writer".to_owned());
        let thread = thread.spawn(move || queue.into_iter().for_each(|job| link.carry_out(job)));
        let thread = thread.map_err(|error| format!("no thread can be started: {error}"))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), patience: WORK_TIMEOUT })
    }

    /// Does `work` on the thread, after all earlier jobs.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if it panicked, or is not done in time; [`StoreError::Unavailable`] if too much waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Link) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, result) = oneshot::channel();
        // The work is done even if the caller no longer waits; sending the result then fails, which is fine.
        let job = Box::new(move |link: &mut Link| drop(done.send(work(link))));
        let broken = || StoreError::Unknown("the writing thread panicked".to_owned());
        self.jobs.as_ref().ok_or_else(broken)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable("too much waits for the disk".to_owned()),
            TrySendError::Disconnected(_) => broken(),
        })?;
        let asked = Instant::now();
        let mut result = result;
        match tokio::time::timeout(self.patience, &mut result).await {
            Ok(result) => result.map_err(|_| broken()),
            // A test's paused clock has run on while the thread worked.
            Err(_) if asked.elapsed() < self.patience => result.await.map_err(|_| broken()),
            // It is done all the same, if the disk comes back.
            Err(_) => Err(StoreError::Unknown("the disk does not answer".to_owned())),
        }
    }
}

impl Drop for Writer {
    /// Waits for the thread: the next process to open the file must not meet a write of ours that is still in flight.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread itself does not panic: `carry_out` catches panics.
            let _ = thread.join();
        }
    }
}

impl Link {
    fn carry_out(&mut self, job: Job) {
        // The panic hook reports a panic, and the caller gets an unknown outcome. The thread goes on.
        if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
            self.discard();
        }
    }

    /// The connection; opens one if there is none.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        self.check_place().map_err(StoreError::Unavailable)?;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect_again().map_err(StoreError::Unavailable)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Checks that what is written goes to the file that the next process will open.
    ///
    /// # Errors
    /// A text for people. The connection is closed: its file is not at its place.
    pub(super) fn check_place(&mut self) -> Result<(), String> {
        self.place.check().inspect_err(|_| self.discard())
    }

    fn connect_again(&self) -> Result<Connection, String> {
        // An empty file in place of the one that was there would hide that it is missing.
        connect(self.place.path(), OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE, self.bytes_max)
    }

    /// Closes the connection, and with it a transaction that is still open.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }

    /// Closes the connection in an orderly way; the last connection of a file moves the log into it.
    pub(super) fn close(&mut self) -> Result<(), rusqlite::Error> {
        self.connection.take().map_or(Ok(()), |connection| connection.close().map_err(|(_, error)| error))
    }
}

fn connect(file: &Path, flags: OpenFlags, bytes_max: Option<u64>) -> Result<Connection, String> {
    let connection =
        Connection::open_with_flags(file, flags).map_err(|error| format!("it cannot be opened: {error}"))?;
    set_up(&connection).map_err(|error| format!("it cannot be set up: {error}"))?;
    if let Some(bytes_max) = bytes_max {
        // The limit holds for this connection only, which is the only one that writes.
        let page: i64 = pragma(&connection, "page_size")?;
        let pages = (bytes_max / u64::try_from(page).unwrap_or(4096).max(1)).clamp(1, u64::from(u32::MAX - 1));
        let _: i64 = pragma(&connection, &format!("max_page_count = {pages}"))?;
    }
    check_durability(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // fullfsync has an effect only on macOS, where an ordinary fsync leaves the data in the disk's own cache.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1; \
         PRAGMA foreign_keys = ON;",
    )
}

/// Reads the settings back: some file systems do not allow WAL, and SQLite reports no error then.
fn check_durability(connection: &Connection) -> Result<(), String> {
    let mode: String = pragma(connection, "journal_mode")?;
    let synchronous: i64 = pragma(connection, "synchronous")?;
    if mode == "wal" && synchronous == 2 {
        Ok(())
    } else {
        Err(format!("it runs with journal_mode={mode} and synchronous={synchronous} instead of WAL and 2 (FULL)"))
    }
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<T, String> {
    connection
        .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
        .map_err(|error| format!("PRAGMA {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_discarded_connection_leaves_nothing_behind_and_another_one_takes_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::open(&directory.path().join("a.db"), None).unwrap();
        let count = async |sql: &'static str| {
            writer
                .run(move |link| link.connection().unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap())
                .await
                .unwrap()
        };
        let insert = "INSERT INTO kv (cat, k, v, version, create_time, update_time) VALUES ('a', 'b', 'c', 1, 0, 0)";
        writer
            .run(move |link| {
                link.connection().unwrap().execute_batch(&format!("BEGIN IMMEDIATE; {insert};")).unwrap();
                link.discard();
            })
            .await
            .unwrap();
        assert_eq!(count("SELECT count(*) FROM kv").await, 0);
        writer.run(move |link| link.connection().unwrap().execute_batch(insert).unwrap()).await.unwrap();
        assert_eq!(count("SELECT count(*) FROM kv").await, 1);
    }

    #[tokio::test]
    async fn a_panic_is_an_unknown_outcome_and_later_jobs_are_done() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::open(&directory.path().join("a.db"), None).unwrap();
        let panicked = writer.run(|_| -> () { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err(StoreError::Unknown(_))), "{panicked:?}");
        assert!(writer.run(|link| link.connection().is_ok()).await.unwrap());
    }

    /// A writer whose disk does not answer until the sender speaks.
    fn hangs(directory: &tempfile::TempDir) -> (Writer, mpsc::Sender<()>) {
        let writer = Writer::open(&directory.path().join("a.db"), None).unwrap();
        let (answer, answers) = mpsc::channel::<()>();
        let (hangs, hanging_now) = mpsc::channel();
        let hanging = writer.run(move |_| {
            hangs.send(()).unwrap();
            answers.recv().unwrap();
        });
        assert!(futures_util::FutureExt::now_or_never(hanging).is_none());
        hanging_now.recv().unwrap();
        (writer, answer)
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_is_waited_for_for_a_bounded_time_and_then_the_outcome_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, answer) = hangs(&directory);
        writer.patience = Duration::from_millis(20);
        let told = writer.run(|link| link.connection().is_ok()).await;
        assert!(matches!(told, Err(StoreError::Unknown(_))), "{told:?}");
        answer.send(()).unwrap();
        writer.patience = WORK_TIMEOUT;
        assert!(writer.run(|link| link.connection().is_ok()).await.unwrap(), "the disk is back");
    }

    #[tokio::test]
    async fn only_so_many_jobs_wait_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, answer) = hangs(&directory);
        for number in 0..JOBS_MAX {
            assert!(futures_util::FutureExt::now_or_never(writer.run(|_| ())).is_none(), "{number} waits");
        }
        let refused = futures_util::FutureExt::now_or_never(writer.run(|_| ()));
        assert!(matches!(refused, Some(Err(StoreError::Unavailable(_)))), "{refused:?}");
        answer.send(()).unwrap();
    }

    #[tokio::test]
    async fn a_job_without_a_waiting_caller_is_done_before_the_file_is_released() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.db");
        let writer = Writer::open(&file, None).unwrap();
        let (start, started) = mpsc::channel();
        let slow = writer.run(move |link| {
            started.recv().unwrap();
            link.connection().unwrap().execute_batch("CREATE TABLE late (a)").unwrap();
        });
        assert!(futures_util::FutureExt::now_or_never(slow).is_none());
        start.send(()).unwrap();
        drop(writer);
        connect(&file, OpenFlags::default(), None).unwrap().execute_batch("SELECT * FROM late").unwrap();
    }
}
