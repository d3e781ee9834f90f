//! A service's database: transactions with locks, a log of which a part is on disk, and a barrier table.
//!
//! A commit can be read before it is on disk, as with InnoDB; it is acknowledged only once it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use branchwire::protocol::Op;
use branchwire::simulation::{BarrierDb, BarrierRow, BarrierTx, Wait, commit_error};
use branchwire::{CommitError, EndedEarly, Fault as Meaning, StatementError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::Bug;
use super::fate::{Fate, Fault};
use super::outbox::{self, Entry};
use super::process::Life;
use super::sqlstate;

/// How long a statement waits for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one of the barrier's question does.
const BOUNDED_LOCK_TIMEOUT: Duration = Duration::from_millis(800);

/// The key of a barrier row: gid, branch, op, barrier.
type Key = [String; 4];

/// What a business did, for the auditor: the effect of one call of a branch, or of a local transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Effect {
    /// The message.
    pub gid: String,
    /// Its branch; `00` for the local transaction.
    pub branch_id: String,
    /// What was asked of the branch.
    pub op: Op,
    /// Which of the runs under this gid; 0 for a branch.
    pub run: u32,
    /// What was added to the account, or taken from it.
    pub amount: i64,
    /// Its place among all events of the run, from its commit.
    pub at: u64,
}

/// What one transaction writes.
#[derive(Debug, Clone, Default)]
struct Writes {
    barrier: BTreeMap<Key, String>,
    /// Rows of the outbox; none for one that is removed.
    outbox: BTreeMap<String, Option<Entry>>,
    effects: Vec<Effect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket(u64);

#[derive(Debug, Default)]
struct State {
    /// All that was committed, in order; the first `durable` of it is on disk.
    log: Vec<Writes>,
    durable: usize,
    /// The barrier table, from the log.
    barrier: BTreeMap<Key, String>,
    /// The outbox table, from the log.
    outbox: BTreeMap<String, Entry>,
    /// The outbox rows of open transactions.
    pending: BTreeMap<Ticket, (String, Entry)>,
    locks: BTreeMap<Lock, Ticket>,
    open: BTreeSet<Ticket>,
    tickets: u64,
    /// How often it has started.
    starts: u64,
    up: bool,
    /// What must never happen, and did.
    violations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lock {
    Row(Key),
    Message(String),
    Account,
}

/// A database server.
pub(super) struct Database {
    name: &'static str,
    fate: Arc<Fate>,
    bug: Option<Bug>,
    state: Mutex<State>,
    /// Locks were freed, or the log has grown on disk, or it has crashed.
    changed: Notify,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Database {
    /// A database with an account, and nothing in it.
    pub(super) fn new(name: &'static str, fate: Arc<Fate>, bug: Option<Bug>) -> Arc<Self> {
        let state = State { up: true, ..State::default() };
        Arc::new(Self { name, fate, bug, state: Mutex::new(state), changed: Notify::new() })
    }

    /// How a process sees it.
    pub(super) fn connect(self: &Arc<Self>, life: &Life) -> Connection {
        Connection { database: self.clone(), life: life.clone() }
    }

    /// It dies: open transactions and what is not on disk are gone.
    pub(super) fn crash(&self) {
        let mut state = self.state();
        let durable = state.durable;
        let lost = state.log.len() - durable;
        state.log.truncate(durable);
        state.barrier = state.log.iter().flat_map(|writes| writes.barrier.clone()).collect();
        let log = std::mem::take(&mut state.log);
        state.outbox.clear();
        for writes in &log {
            outbox::apply(&mut state.outbox, &writes.outbox);
        }
        state.log = log;
        state.pending.clear();
        state.locks.clear();
        state.open.clear();
        state.up = false;
        state.starts += 1;
        drop(state);
        self.fate.note(format_args!("{} crashes and loses {lost} commits that were not on disk", self.name));
        self.changed.notify_waiters();
    }

    /// It is started again.
    pub(super) fn start(&self) {
        self.state().up = true;
        self.fate.note(format_args!("{} is up", self.name));
    }

    /// The effects that are on disk.
    pub(super) fn effects(&self) -> Vec<Effect> {
        let state = self.state();
        state.log[..state.durable].iter().flat_map(|writes| writes.effects.clone()).collect()
    }

    /// Whether a question after this message's local transaction was answered no, on disk.
    pub(super) fn has_given_up(&self, gid: &str) -> bool {
        let state = self.state();
        let mut rows = state.log[..state.durable].iter().flat_map(|writes| &writes.barrier);
        let mut messages = state.log[..state.durable].iter().filter_map(|writes| writes.outbox.get(gid)?.as_ref());
        rows.any(|(key, reason)| key[0] == gid && reason == "rollback") || messages.any(Entry::is_given_up)
    }

    /// Whether a barrier row of this transaction is on disk.
    pub(super) fn has_marks_of(&self, gid: &str) -> bool {
        let state = self.state();
        state.log[..state.durable].iter().flat_map(|writes| writes.barrier.keys()).any(|key| key[0] == gid)
    }

    /// What must never happen, and did.
    pub(super) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Whether nothing is open, and nothing waits to be sent.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.state();
        state.open.is_empty() && !state.outbox.values().any(Entry::waits)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what a transaction wrote: from now on it can be read. Gives its place in the log.
    fn commit(&self, ticket: Ticket, mut writes: Writes) -> Option<usize> {
        let mut state = self.state();
        if !state.open.remove(&ticket) {
            return None;
        }
        state.locks.retain(|_, holder| *holder != ticket);
        for effect in &mut writes.effects {
            effect.at = self.fate.events();
            self.fate.note(format_args!("{} commits {effect:?}", self.name));
            let same = |e: &&Effect| (&e.gid, &e.branch_id, &e.op) == (&effect.gid, &effect.branch_id, &effect.op);
            if state.log.iter().flat_map(|writes| &writes.effects).any(|e| same(&e)) {
                state.violations.push(format!("applied twice: {effect:?}"));
            }
        }
        if self.bug == Some(Bug::QueryPreparedLeavesNoRow) {
            writes.barrier.retain(|_, reason| reason != "rollback");
        }
        state.barrier.extend(writes.barrier.clone());
        state.pending.remove(&ticket);
        outbox::apply(&mut state.outbox, &writes.outbox);
        state.log.push(writes);
        let place = state.log.len();
        drop(state);
        self.changed.notify_waiters();
        Some(place)
    }

    fn roll_back(&self, ticket: Ticket) {
        let mut state = self.state();
        if state.open.remove(&ticket) {
            state.locks.retain(|_, holder| *holder != ticket);
            state.pending.remove(&ticket);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until so much of the log is on disk; `false` if it crashed meanwhile.
    async fn on_disk(&self, place: usize, starts: u64) -> bool {
        // Written when the disk has time: often at once, sometimes not for a while.
        let lag = if self.fate.chance(80) { self.fate.between(0, 5) } else { self.fate.between(0, 1500) };
        sleep(lag).await;
        let mut state = self.state();
        if state.starts != starts {
            return false;
        }
        state.durable = state.durable.max(place);
        drop(state);
        self.changed.notify_waiters();
        true
    }
}

/// A process's connections to a database.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    database: Arc<Database>,
    life: Life,
}

impl Connection {
    /// What a call of this process to the database is, on its way there.
    async fn reach(&self, call: &str) -> Result<u64, sqlx::Error> {
        let fate = &self.database.fate;
        fate.before(&self.life, call).await;
        let (up, starts) = {
            let state = self.database.state();
            (state.up, state.starts)
        };
        if !up {
            sleep(fate.between(1, 500)).await;
            return Err(lost());
        }
        if fate.happens(Fault::ConnectionLost) {
            return Err(lost());
        }
        Ok(starts)
    }

    /// Opens a transaction.
    async fn begin(&self, call: &str, name: String, wait: Wait) -> Result<Transaction, sqlx::Error> {
        let starts = self.reach(call).await?;
        let ticket = {
            let mut state = self.database.state();
            state.tickets += 1;
            let ticket = Ticket(state.tickets);
            state.open.insert(ticket);
            ticket
        };
        let (connection, writes) = (self.clone(), Writes::default());
        Ok(Transaction { connection, ticket, starts, wait, writes, name, fault: None, open: true })
    }

    /// Opens a transaction with an outbox row; whether the row is new.
    pub(super) async fn begin_with_entry(
        &self,
        wait: Wait,
        gid: &str,
        entry: Entry,
    ) -> Result<(Transaction, bool), sqlx::Error> {
        let mut tx = self.begin("begin outbox", "outbox".to_owned(), wait).await?;
        let exists = |database: &Database| database.state().outbox.contains_key(gid);
        let database = self.database.clone();
        let inserted = !exists(&database) && {
            tx.lock(Lock::Message(gid.to_owned())).await?;
            // Committed by the one that we waited for.
            !exists(&database)
        };
        if inserted {
            database.state().pending.insert(tx.ticket, (gid.to_owned(), entry.clone()));
            tx.writes.outbox.insert(gid.to_owned(), Some(entry));
        }
        database.fate.after(&self.life, "begin outbox").await;
        Ok((tx, inserted))
    }

    /// Reads the outbox table, and writes these changes to it; returns once all that was read is on disk.
    pub(super) async fn on_outbox<T: Send>(
        &self,
        call: &str,
        change: impl FnOnce(&BTreeMap<String, Entry>) -> (T, BTreeMap<String, Option<Entry>>) + Send,
    ) -> Result<T, sqlx::Error> {
        let starts = self.reach(call).await?;
        let (value, place) = {
            let mut state = self.database.state();
            let mut seen = state.outbox.clone();
            if self.database.bug == Some(Bug::SentFromOpenTransaction) {
                seen.extend(state.pending.values().cloned());
            }
            let (value, outbox) = change(&seen);
            outbox::apply(&mut state.outbox, &outbox);
            if !outbox.is_empty() {
                state.log.push(Writes { outbox, ..Writes::default() });
            }
            (value, state.log.len())
        };
        if !self.database.on_disk(place, starts).await {
            return Err(lost());
        }
        self.database.fate.after(&self.life, call).await;
        Ok(value)
    }

    /// The seeded bug, if there is one.
    pub(super) fn bug(&self) -> Option<Bug> {
        self.database.bug
    }
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())
}

/// The database says that repeating the transaction may help. (Any error of sqlx that is none of the others here.)
fn conflict() -> sqlx::Error {
    sqlx::Error::PoolClosed
}

impl BarrierDb for Connection {
    type Tx = Transaction;

    async fn begin_with(&self, wait: Wait, row: BarrierRow<'_>) -> Result<(Transaction, bool), sqlx::Error> {
        let name = format!("{}/{}", row.branch_id, row.op);
        let call = format!("begin {name}");
        let mut tx = self.begin(&call, name, wait).await?;
        let inserted = tx.insert_there(row).await?;
        self.database.fate.after(&self.life, &call).await;
        Ok((tx, inserted))
    }

    async fn durable_reason(&self, row: BarrierRow<'_>) -> Result<Option<String>, sqlx::Error> {
        let call = format!("read {}/{}", row.branch_id, row.op);
        let starts = self.reach(&call).await?;
        let (reason, place) = {
            let state = self.database.state();
            (state.barrier.get(&key(row)).cloned(), state.log.len())
        };
        if self.database.bug != Some(Bug::ReadsWhatIsNotOnDisk) && !self.database.on_disk(place, starts).await {
            return Err(lost());
        }
        self.database.fate.after(&self.life, &call).await;
        Ok(reason)
    }

    async fn change_reason(&self, _: BarrierRow<'_>, _: &str) -> Result<bool, sqlx::Error> {
        unreachable!("no business of this world ends its transaction early")
    }

    fn fault(error: &sqlx::Error) -> Meaning {
        match error {
            sqlx::Error::PoolClosed => Meaning::Conflict,
            sqlx::Error::Database(_) => Meaning::of::<sqlx::Postgres>(error),
            _ => Meaning::Lost,
        }
    }
}

fn key(row: BarrierRow<'_>) -> Key {
    [row.gid, row.branch_id, row.op, row.barrier_id].map(str::to_owned)
}

/// An open transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: Connection,
    ticket: Ticket,
    starts: u64,
    wait: Wait,
    writes: Writes,
    /// What the barrier called it: branch and op.
    name: String,
    fault: Option<Meaning>,
    open: bool,
}

impl Transaction {
    /// Does to the account what the business wants.
    ///
    /// # Errors
    /// The database's own.
    pub(super) async fn apply(&mut self, effect: Effect) -> Result<(), sqlx::Error> {
        let call = format!("business {}", self.name);
        self.statement(&call).await?;
        self.lock(Lock::Account).await?;
        self.writes.effects.push(effect);
        self.connection.database.fate.after(&self.connection.life, &call).await;
        Ok(())
    }

    async fn statement(&mut self, call: &str) -> Result<(), sqlx::Error> {
        let connection = self.connection.clone();
        let reached = connection.reach(call).await;
        let result = match reached {
            Ok(starts) if starts != self.starts => Err(lost()),
            Ok(_) if connection.database.fate.happens(Fault::Deadlock) => {
                // The victim of a deadlock is rolled back by the database.
                connection.database.roll_back(self.ticket);
                Err(conflict())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        self.note(result)
    }

    fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Err(error) = &result {
            self.fault.get_or_insert(Connection::fault(error));
        }
        result
    }

    /// Waits for a lock; as long as it is allowed to.
    async fn lock(&mut self, lock: Lock) -> Result<(), sqlx::Error> {
        let limit = if self.wait == Wait::Bounded { BOUNDED_LOCK_TIMEOUT } else { LOCK_TIMEOUT };
        let deadline = Instant::now() + limit;
        let database = self.connection.database.clone();
        loop {
            let changed = database.changed.notified();
            {
                let mut state = database.state();
                if state.starts != self.starts || !state.open.contains(&self.ticket) {
                    drop(state);
                    return self.note(Err(lost()));
                }
                match state.locks.get(&lock) {
                    Some(holder) if *holder != self.ticket => {}
                    _ => {
                        state.locks.insert(lock, self.ticket);
                        return Ok(());
                    }
                }
            }
            if timeout_at(deadline, changed).await.is_err() {
                return self.note(Err(conflict()));
            }
        }
    }

    /// Inserts at the server.
    async fn insert_there(&mut self, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
        let database = self.connection.database.clone();
        let (key, skip) = (key(row), database.bug == Some(Bug::BranchSkipsItsRow) && row.op == "action");
        let exists = |state: &State| state.barrier.contains_key(&key) && !skip;
        let there = exists(&database.state());
        let inserted = !there && {
            self.lock(Lock::Row(key.clone())).await?;
            // Committed by the one that we waited for.
            !exists(&database.state())
        };
        // The mark of a call that undoes another one is in the other one's row.
        let leaves_no_mark = database.bug == Some(Bug::NullCompensationLeavesNoMark) && row.reason != row.op;
        if inserted && !leaves_no_mark {
            self.writes.barrier.insert(key, row.reason.to_owned());
        }
        Ok(inserted)
    }

    /// The server goes on with the commit when nobody waits for it any more.
    fn commit_later(mut self) {
        let late = self.connection.database.fate.between(1, 4000);
        tokio::spawn(async move {
            sleep(late).await;
            let _ = self.commit_there().await;
        });
    }

    /// The server answers the commit with an error code. What has become of it, only some codes tell.
    async fn answered_with_a_code(mut self) -> CommitError {
        let database = self.connection.database.clone();
        let (code, is_certain) = sqlstate::draw(&database.fate);
        match database.fate.below(3) {
            0 if !is_certain => drop(self.commit_there().await),
            1 if !is_certain => self.commit_later(),
            _ => drop(self.rollback().await),
        }
        let error = sqlstate::error(code);
        if database.bug == Some(Bug::UnknownCodeIsRefused) {
            CommitError::Refused(error)
        } else {
            commit_error::<sqlx::Postgres>(error)
        }
    }

    /// Sends the COMMIT, and waits for its answer.
    async fn ask_to_commit(mut self) -> Result<(), CommitError> {
        let (database, life) = (self.connection.database.clone(), self.connection.life.clone());
        let fate = &database.fate;
        let call = format!("commit {}", self.name);
        match self.connection.reach(&call).await {
            Ok(starts) if starts == self.starts => {}
            _ => return Err(CommitError::Unknown(lost())),
        }
        if fate.happens(Fault::CommitRefused) {
            let _ = self.rollback().await;
            return Err(CommitError::Refused(conflict()));
        }
        if fate.happens(Fault::CommitLost) {
            return Err(CommitError::Unknown(lost()));
        }
        if fate.happens(Fault::CommitCode) {
            return Err(self.answered_with_a_code().await);
        }
        if fate.happens(Fault::CommitLate) {
            self.commit_later();
            return Err(CommitError::Unknown(lost()));
        }
        self.commit_there().await?;
        if fate.happens(Fault::CommitUnheard) {
            return Err(CommitError::Unknown(lost()));
        }
        fate.after(&life, &call).await;
        Ok(())
    }

    /// Commits at the server, and waits for the disk.
    async fn commit_there(&mut self) -> Result<(), CommitError> {
        let database = self.connection.database.clone();
        self.open = false;
        let place = database.commit(self.ticket, std::mem::take(&mut self.writes));
        let place = place.ok_or_else(|| CommitError::Unknown(lost()))?;
        if database.on_disk(place, self.starts).await { Ok(()) } else { Err(CommitError::Unknown(lost())) }
    }
}

impl BarrierTx for Transaction {
    async fn insert(&mut self, row: BarrierRow<'_>) -> Result<bool, sqlx::Error> {
        self.name = format!("{}/{}", row.branch_id, row.op);
        let call = format!("insert {}", self.name);
        self.statement(&call).await?;
        let inserted = self.insert_there(row).await?;
        self.connection.database.fate.after(&self.connection.life, &call).await;
        Ok(inserted)
    }

    async fn reason(&mut self, row: BarrierRow<'_>) -> Result<Option<String>, sqlx::Error> {
        let call = format!("look at {}/{}", row.branch_id, row.op);
        self.statement(&call).await?;
        if self.connection.bug() == Some(Bug::ConfirmWithoutTry) {
            return Ok(Some(row.reason.to_owned()));
        }
        let committed = || self.connection.database.state().barrier.get(&key(row)).cloned();
        Ok(self.writes.barrier.get(&key(row)).cloned().or_else(committed))
    }

    async fn commit(self) -> Result<(), CommitError> {
        if let Some(fault) = self.fault {
            let _ = self.rollback().await;
            return Err(CommitError::Failed(StatementError::new(fault, "a statement failed")));
        }
        if self.connection.bug() == Some(Bug::AnsweredBeforeCommit) && !self.writes.outbox.is_empty() {
            let life = self.connection.life.clone();
            life.spawn(async move { drop(self.ask_to_commit().await) });
            return Ok(());
        }
        self.ask_to_commit().await
    }

    async fn rollback(mut self) -> Result<(), EndedEarly> {
        self.open = false;
        self.connection.database.roll_back(self.ticket);
        Ok(())
    }

    fn fault(&self) -> Option<Meaning> {
        self.fault
    }
}

impl Drop for Transaction {
    /// The server notices sooner or later that nobody is there any more.
    fn drop(&mut self) {
        if self.open && tokio::runtime::Handle::try_current().is_ok() {
            let (database, ticket) = (self.connection.database.clone(), self.ticket);
            let lag = database.fate.between(0, 2000);
            tokio::spawn(async move {
                sleep(lag).await;
                database.roll_back(ticket);
            });
        }
    }
}
