//! The coordinator's store: rows that are only partly on disk.
//!
//! Embedded, it belongs to one coordinator, as a SQLite file does; shared, it is a server with a clock of its own. Writes
//! hold to the same conditions as those of the real stores.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use branchwire::protocol::{Status, TransType};
use branchwire_coordinator::engine::{BranchOp, Definition, State, Time};
use branchwire_coordinator::store::{
    BranchRow, Change, Filter, KvPut, KvRow, ResetDue, Row, Store, StoreError, Sweep, Take, Taken, Write, WriteOutcome,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::fate::{Fate, Fault};
use super::process::Life;
use super::{Bug, EPOCH};

/// The rows, and the machine that they are on.
pub(super) struct Disk {
    fate: Arc<Fate>,
    bug: Option<Bug>,
    /// Whether several coordinators share it. It has a clock of its own then.
    shared: bool,
    /// Whether a commit can be read before it is on disk, as on InnoDB.
    early: bool,
    start: Instant,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    rows: BTreeMap<String, Row>,
    /// What a crash leaves.
    durable: BTreeMap<String, Row>,
    /// The rows that differ.
    dirty: BTreeSet<String>,
    /// What the coordinators have forgotten, for the auditor.
    archive: BTreeMap<String, Row>,
    up: bool,
    starts: u64,
}

impl Tables {
    /// All that was changed is on disk.
    fn sync(&mut self) {
        for gid in std::mem::take(&mut self.dirty) {
            if let Some(row) = self.rows.get(&gid) {
                self.durable.insert(gid, row.clone());
            }
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Disk {
    /// An empty one.
    pub(super) fn new(shared: bool, fate: Arc<Fate>, bug: Option<Bug>) -> Arc<Self> {
        let tables = Tables { up: true, ..Tables::default() };
        let early = shared && fate.chance(50);
        Arc::new(Self { fate, bug, shared, early, start: Instant::now(), tables: Mutex::new(tables) })
    }

    /// How a coordinator sees it.
    pub(super) fn open(self: &Arc<Self>, life: &Life) -> OpenStore {
        OpenStore { disk: self.clone(), life: life.clone(), branches_seen: Arc::default() }
    }

    /// Whether several coordinators share it.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// What is on disk of a transaction.
    pub(super) fn row(&self, gid: &str) -> Option<Row> {
        let tables = self.tables();
        tables.durable.get(gid).or_else(|| tables.archive.get(gid)).cloned()
    }

    /// Whether all that is on disk has come to its end.
    pub(super) fn all_ended(&self) -> bool {
        !self.tables().durable.values().any(is_open)
    }

    /// Forgets what has ended, as retention does.
    pub(super) fn forget_ended(&self) {
        let mut tables = self.tables();
        tables.sync();
        tables.rows.retain(|_, row| is_open(row));
        tables.durable = tables.rows.clone();
        drop(tables);
        self.fate.note("what has ended is forgotten");
    }

    /// The same, and the auditor still sees it.
    pub(super) fn archive_ended(&self) {
        let mut tables = self.tables();
        tables.sync();
        let ended: Vec<_> =
            tables.rows.iter().filter(|(_, row)| !is_open(row)).map(|(g, r)| (g.clone(), r.clone())).collect();
        tables.archive.extend(ended);
        drop(tables);
        self.forget_ended();
    }

    /// A seeded bug: a second submit ends a TCC, whatever is confirmed.
    pub(super) fn end_submitted_tcc(&self, gid: &str) {
        let mut tables = self.tables();
        if let Some(row) = tables.rows.get_mut(gid)
            && row.trans_type == TransType::Tcc.as_str()
            && row.status == Status::Submitted.as_str()
        {
            row.status = Status::Succeed.to_string();
            tables.dirty.insert(gid.to_owned());
            tables.sync();
        }
    }

    /// The machine dies: what is not on disk is gone. An embedded store dies with its coordinator.
    pub(super) fn crash(&self) {
        let mut tables = self.tables();
        tables.rows = tables.durable.clone();
        tables.dirty.clear();
        tables.up = !self.shared;
        tables.starts += 1;
        drop(tables);
        self.fate.note("the store crashes");
    }

    /// It is started again.
    pub(super) fn start(&self) {
        self.tables().up = true;
        self.fate.note("the store is up");
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by the store's own clock; `asker` is the time by that of the coordinator.
    fn now(&self, asker: Time) -> Time {
        if self.shared { EPOCH.after(self.start.elapsed()) } else { asker }
    }

    /// Executes the writes. They can be read now; they are on disk after the next [`on_disk`](Self::on_disk), or
    /// earlier.
    fn commit(&self, writes: &[Write]) -> Vec<WriteOutcome> {
        let mut tables = self.tables();
        let outcomes = writes.iter().map(|write| self.execute(&mut tables.rows, write)).collect();
        tables.dirty.extend(writes.iter().map(|write| write.gid().to_owned()));
        if !self.early && !self.is_late(writes) {
            tables.sync();
        }
        outcomes
    }

    /// Whether these writes get on disk only later, by a seeded bug.
    fn is_late(&self, writes: &[Write]) -> bool {
        let changes = |is_so: fn(&Change) -> bool| {
            writes.iter().all(|write| matches!(write, Write::Change(change) if is_so(change)))
        };
        match self.bug {
            Some(Bug::AcknowledgeBeforeDurable) => true,
            Some(Bug::ProgressIsNotDurable) => changes(|change| {
                (change.from, change.status) == (Status::Submitted, Status::Submitted) && !change.branches.is_empty()
            }),
            Some(Bug::UndoneBeforeTheDirectionIsDurable) => {
                changes(|change| change.from != Status::Aborting && change.status == Status::Aborting)
            }
            _ => false,
        }
    }

    /// Waits until all that can be read is on disk; `false` if it crashed meanwhile.
    async fn on_disk(&self) -> bool {
        let starts = self.tables().starts;
        if self.early && self.bug != Some(Bug::AcknowledgeBeforeDurable) {
            sleep(if self.fate.chance(80) { self.fate.between(0, 5) } else { self.fate.between(0, 1500) }).await;
            self.flush(starts);
        }
        self.tables().starts == starts
    }

    /// What can be read gets on disk, unless it crashed meanwhile.
    fn flush(&self, starts: u64) {
        let mut tables = self.tables();
        if tables.starts == starts {
            tables.sync();
        }
    }

    fn execute(&self, rows: &mut BTreeMap<String, Row>, write: &Write) -> WriteOutcome {
        match write {
            Write::Create { definition, state, owner } => {
                if rows.contains_key(definition.gid.as_str()) {
                    return WriteOutcome::Conflict;
                }
                let id = i64::try_from(rows.len()).unwrap_or(0) + 1;
                let row = self.row_of(id, definition, state, owner);
                self.fate.note(format_args!("durable: {} {}", row.gid, row.status));
                rows.insert(row.gid.clone(), row);
                WriteOutcome::Applied
            }
            Write::Change(change) => {
                let Some(row) = rows.get_mut(change.gid.as_str()) else { return WriteOutcome::Conflict };
                // A branch that is done stays done, even if its transaction has changed in the meantime.
                for done in &change.branches {
                    let branch = row
                        .branches
                        .iter_mut()
                        .find(|b| b.branch_id == done.branch_id.as_str() && b.op == done.op.as_str());
                    if let Some(branch) = branch.filter(|branch| branch.status == Status::Prepared.as_str()) {
                        branch.status = done.status.to_string();
                        branch.finish_time = Some(done.at.as_millis());
                    }
                }
                let now = self.now(change.at);
                let due = now.after(change.at.until(change.due)).as_millis();
                let due = if self.shared { due } else { change.due.as_millis() };
                let is_free = !self.shared || !change.takes_over() || row.next_cron_time <= now.as_millis();
                let stands = row.status == change.from.as_str() && row.owner == change.from_owner && is_free;
                let is_so = row.status == change.status.as_str()
                    && row.owner == change.owner
                    && row.next_cron_time == due
                    && !self.shared;
                if !stands && !is_so {
                    return WriteOutcome::Conflict;
                }
                let ended = change.ended.map(Time::as_millis);
                row.status = change.status.to_string();
                row.owner.clone_from(&change.owner);
                row.next_cron_interval_ms = change.interval_ms;
                row.next_cron_time = due;
                row.rollback_reason.clone_from(&change.rollback_reason);
                row.update_time = change.at.as_millis();
                (row.finish_time, row.rollback_time) =
                    if change.status == Status::Failed { (None, ended) } else { (ended, None) };
                if let Some(ext_data) = &change.ext_data {
                    row.ext_data.clone_from(ext_data);
                }
                let mut outcome = WriteOutcome::Applied;
                for branch in &change.appended {
                    let branch = branch_row(branch, Status::Prepared, change.at);
                    if row.branches.iter().any(|b| b.branch_id == branch.branch_id && b.op == branch.op) {
                        outcome = WriteOutcome::Conflict;
                    } else {
                        row.branches.push(branch);
                    }
                }
                self.fate.note(format_args!("durable: {} {} {}", row.gid, row.status, row.next_cron_time));
                outcome
            }
            Write::Park { gid, reason } => {
                let Some(row) = rows.get_mut(gid) else { return WriteOutcome::Conflict };
                row.next_cron_time = Time::MAX.as_millis();
                row.owner.clear();
                row.result.clone_from(reason);
                WriteOutcome::Applied
            }
        }
    }

    fn row_of(&self, id: i64, definition: &Definition, state: &State, owner: &str) -> Row {
        let created = definition.created.as_millis();
        let due = self.now(definition.created).after(definition.created.until(state.due));
        let branches = definition.branches.iter().zip(&state.branches).map(|(branch, state)| BranchRow {
            finish_time: state.finished.map(Time::as_millis),
            ..branch_row(branch, state.status, definition.created)
        });
        Row {
            id,
            gid: definition.gid.to_string(),
            trans_type: definition.trans_type.to_string(),
            status: state.status.to_string(),
            query_prepared: definition.query_prepared.clone(),
            protocol: "http".to_owned(),
            create_time: created,
            update_time: created,
            finish_time: state.ended.map(Time::as_millis),
            options: definition.options.clone(),
            custom_data: definition.custom_data.clone(),
            next_cron_interval_ms: i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX),
            next_cron_time: due.as_millis(),
            owner: owner.to_owned(),
            ext_data: definition.ext_data.clone(),
            branches: branches.collect(),
            ..Row::default()
        }
    }

    /// The row as a coordinator reads it.
    fn read(&self, row: &Row) -> Row {
        let now = self.shared.then(|| self.now(EPOCH).as_millis());
        Row { now, ..row.clone() }
    }

    /// Whether there is something to take.
    fn is_due(&self, asker: Time) -> bool {
        let now = self.now(asker).as_millis();
        let tables = self.tables();
        !tables.up || tables.rows.values().any(|row| is_open(row) && row.next_cron_time <= now)
    }

    fn take(&self, take: &Take) -> Taken {
        let mut tables = self.tables();
        let now = self.now(take.now);
        let until = now.after(take.now.until(take.until));
        let mut due: Vec<_> =
            tables.rows.values().filter(|row| is_open(row)).map(|r| (r.next_cron_time, r.gid.clone())).collect();
        due.sort();
        let mut taken = Vec::new();
        for (time, gid) in due {
            if time <= now.as_millis() && taken.len() < usize::try_from(take.limit).unwrap_or(usize::MAX) {
                let row = tables.rows.get_mut(&gid).expect("it was listed");
                row.next_cron_time = until.as_millis();
                row.owner.clone_from(&take.owner);
                taken.push(self.read(row));
                tables.dirty.insert(gid);
            }
        }
        if !self.early && self.bug != Some(Bug::AcknowledgeBeforeDurable) {
            tables.sync();
        }
        let next = tables.rows.values().filter(|row| is_open(row)).map(|row| row.next_cron_time).min();
        let next = next.map(Time::from_millis).filter(|next| *next < Time::MAX);
        let next_due = next.map(|next| if self.shared { take.now.after(now.until(next)) } else { next });
        Taken { rows: taken, next_due }
    }
}

fn branch_row(branch: &BranchOp, status: Status, created: Time) -> BranchRow {
    BranchRow {
        branch_id: branch.branch_id.to_string(),
        op: branch.op.to_string(),
        url: branch.url.clone(),
        bin_data: branch.payload.to_vec(),
        status: status.to_string(),
        create_time: created.as_millis(),
        update_time: created.as_millis(),
        ..BranchRow::default()
    }
}

fn is_open(row: &Row) -> bool {
    row.status != Status::Succeed.as_str() && row.status != Status::Failed.as_str()
}

/// A coordinator's connections to the store.
#[derive(Debug, Clone)]
pub(super) struct OpenStore {
    disk: Arc<Disk>,
    life: Life,
    /// How many branches each transaction had when it was still open to more; for a seeded bug.
    branches_seen: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl OpenStore {
    async fn reach(&self, call: &str) -> Result<(), StoreError> {
        let fate = &self.disk.fate;
        fate.before(&self.life, call).await;
        let up = self.disk.tables().up;
        if !up {
            sleep(fate.between(1, 500)).await;
        }
        if !up || fate.happens(Fault::StoreUnavailable) {
            return Err(StoreError::Unavailable("simulated".to_owned()));
        }
        Ok(())
    }

    /// The row as it is; with a seeded bug a decided one has only the branches that were seen before the
    /// decision.
    fn as_seen_before(&self, mut row: Row) -> Row {
        if self.disk.bug == Some(Bug::LateRegistrationLeaks) {
            let mut seen = self.branches_seen.lock().unwrap_or_else(PoisonError::into_inner);
            if row.status == Status::Prepared.as_str() {
                seen.insert(row.gid.clone(), row.branches.len());
            } else if let Some(seen) = seen.get(&row.gid) {
                row.branches.truncate(*seen);
            }
        }
        row
    }

    async fn write_all(&self, writes: &[Write]) -> Result<Vec<WriteOutcome>, StoreError> {
        let (disk, fate) = (&self.disk, &self.disk.fate);
        let call = name_of(writes);
        self.reach(&call).await?;
        let unknown = || StoreError::Unknown("simulated".to_owned());
        if fate.happens(Fault::StoreLost) {
            return Err(unknown());
        }
        if fate.happens(Fault::StoreLate) {
            let (disk, writes, late) = (disk.clone(), writes.to_vec(), fate.between(1, 5000));
            tokio::spawn(async move {
                sleep(late).await;
                disk.commit(&writes);
                disk.on_disk().await;
            });
            return Err(unknown());
        }
        // The time that a disk needs.
        sleep(fate.between(0, 8)).await;
        self.life.lives().await;
        let outcomes = disk.commit(writes);
        // A commit that has written nothing need not wait for the disk.
        let is_late = disk.is_late(writes);
        if outcomes.contains(&WriteOutcome::Applied) && !is_late && !disk.on_disk().await {
            return Err(unknown());
        }
        if is_late {
            let (disk, starts) = (disk.clone(), disk.tables().starts);
            tokio::spawn(async move {
                sleep(Duration::from_secs(2)).await;
                disk.flush(starts);
            });
        }
        if fate.happens(Fault::StoreUnheard) {
            return Err(unknown());
        }
        fate.after(&self.life, &call).await;
        Ok(outcomes)
    }
}

/// The name of a write: the status that it makes durable.
fn name_of(writes: &[Write]) -> String {
    match writes {
        [Write::Create { state, .. }, ..] => format!("write {}", state.status),
        [Write::Change(change), ..] if !change.appended.is_empty() => "write registration".to_owned(),
        [Write::Change(change), ..] if change.from == change.status && !change.branches.is_empty() => {
            "write progress".to_owned()
        }
        [Write::Change(change), ..] => format!("write {}", change.status),
        _ => "write".to_owned(),
    }
}

impl Store for OpenStore {
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<WriteOutcome>, StoreError>> {
        self.write_all(writes).boxed()
    }

    fn load<'a>(&'a self, gid: &'a str) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        async move {
            self.reach("load").await?;
            let row = self.disk.tables().rows.get(gid).map(|row| self.disk.read(row));
            self.disk.fate.after(&self.life, "load").await;
            Ok(row.map(|row| self.as_seen_before(row)))
        }
        .boxed()
    }

    fn take_due<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Taken, StoreError>> {
        async move {
            // Most looks at a store without due work are of no interest, so few are recorded.
            if !self.disk.is_due(take.now) && !self.disk.fate.chance(5) {
                self.life.lives().await;
                return Ok(self.disk.take(take));
            }
            self.reach("take").await?;
            let taken = self.disk.take(take);
            for row in &taken.rows {
                self.disk.fate.note(format_args!("{} takes {} {}", self.life.name(), row.gid, row.status));
            }
            if (!taken.rows.is_empty() && !self.disk.on_disk().await) || self.disk.fate.happens(Fault::StoreUnheard) {
                return Err(StoreError::Unknown("simulated".to_owned()));
            }
            self.disk.fate.after(&self.life, "take").await;
            Ok(taken)
        }
        .boxed()
    }

    fn release_all(&self, now: Time) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.reach("release").await?;
            let disk = &self.disk;
            if !disk.shared {
                let mut tables = disk.tables();
                let Tables { rows, dirty, .. } = &mut *tables;
                for row in rows.values_mut().filter(|row| is_open(row)) {
                    if disk.bug == Some(Bug::RestartDropsDue) {
                        row.next_cron_time = Time::MAX.as_millis();
                    } else if !row.owner.is_empty() {
                        row.owner.clear();
                        row.next_cron_time = now.as_millis();
                    }
                    dirty.insert(row.gid.clone());
                }
                tables.sync();
            }
            disk.fate.after(&self.life, "release").await;
            Ok(())
        }
        .boxed()
    }

    fn list<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move {
            self.reach("list").await?;
            let tables = self.disk.tables();
            let rows = tables.rows.values().filter(|row| filter.gid.is_empty() || row.gid == filter.gid);
            Ok(rows.map(|row| self.disk.read(row)).collect())
        }
        .boxed()
    }

    fn reset_due(&self, _: Time, _: Time, _: u32) -> BoxFuture<'_, Result<ResetDue, StoreError>> {
        async { Err(StoreError::Unavailable("no administrator is simulated".to_owned())) }.boxed()
    }

    fn kv_get<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<KvRow>, StoreError>> {
        async { Ok(None) }.boxed()
    }

    fn kv_scan<'a>(&'a self, _: &'a str, _: i64, _: u32) -> BoxFuture<'a, Result<Vec<KvRow>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn kv_put<'a>(&'a self, _: &'a KvPut) -> BoxFuture<'a, Result<WriteOutcome, StoreError>> {
        async { Err(StoreError::Unavailable("no topics are simulated".to_owned())) }.boxed()
    }

    fn sweep<'a>(&'a self, _: &'a Sweep) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        async { Ok(None) }.boxed()
    }

    fn is_shared(&self) -> bool {
        self.disk.shared
    }

    fn ensure_durable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if !self.disk.shared || self.disk.bug == Some(Bug::AcceptsWhatIsNotOnDisk) {
                return Ok(());
            }
            self.reach("ensure_durable").await?;
            if !self.disk.on_disk().await {
                return Err(StoreError::Unknown("simulated".to_owned()));
            }
            self.disk.fate.after(&self.life, "ensure_durable").await;
            Ok(())
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.reach("probe").boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
