//! The shared data of a running coordinator, and the handling of events, one at a time for each transaction.

use std::sync::Arc;
use std::time::Duration;

use branchwire_protocol::{Gid, Status};
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::alerts::{Alert, Alerts, Reason};
use super::attempts::numbered;
use super::schedule::Schedule;
use super::settings::Settings;
use super::slot::{Ended, Held, Loaded, Slot, Slots};
use crate::clock::Clock;
use crate::engine::{
    Command, Definition, EngineError, Event, Holder, NotAllowed, Opening, RunEnd, State, Time, Transition, create,
    is_another, pattern, step,
};
use crate::facts::Facts;
use crate::metrics::{Alarm, Metrics};
use crate::store::{
    CorruptRow, Journal, JournalError, ResetDue, Row, Store, StoreError, Unfinished, Urgency, Write, calls, new_owner,
};
use crate::transport::Transport;

/// How often a request is tried if other coordinators keep changing its row.
const ATTEMPTS: usize = 8;

/// How often to read a transaction that another coordinator runs, while a client waits for its end.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(250);

/// The shared data of a running coordinator.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) alerts: Alerts,
    pub(super) journal: Journal,
    pub(super) transport: Arc<dyn Transport>,
    /// The name of this coordinator in the rows that it has a lease on; a new one at each start.
    pub(crate) owner: String,
    pub(super) slots: Slots,
    pub(crate) schedule: Schedule,
    /// The last count of what is unfinished.
    pub(super) counted: Mutex<Option<(Instant, Vec<Unfinished>)>>,
    pub(super) runs: Arc<Semaphore>,
    /// All that acts on slots.
    pub(super) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error("no TransGlobal with gid: {0} found")]
    NotFound(Gid),
    #[error("the stored transaction is corrupt: {0}")]
    Corrupt(#[from] CorruptRow),
    #[error("the stored transaction is corrupt: {0}")]
    Impossible(EngineError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("too many transactions are in memory")]
    Busy,
    #[error("other coordinators kept changing the transaction")]
    Contended,
    #[error("an internal error of the coordinator")]
    Panicked,
}

/// The calls to make after an event.
pub(super) struct PendingCalls {
    pub(super) slot: Arc<Slot>,
    pub(super) definition: Arc<Definition>,
    /// Each with the number of its attempt.
    pub(super) commands: Vec<(Command, u32)>,
    /// When the lease ends; they are made before that.
    pub(super) lease: Time,
}

/// Why a transition was not performed. The slot's content is then out of date.
#[derive(Debug)]
pub(super) enum Failed {
    /// Another coordinator has changed the row.
    Stale,
    /// The store did not write, or it is unknown whether it did.
    Journal(JournalError),
}

/// What a coordinator knew of the gid of a `prepare` or a `submit` that it has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GidWas {
    /// It has recorded something because of this request.
    New,
    /// It had the same transaction before, and this request has changed nothing.
    Known,
}

/// How a run ended, or where to wait for its end.
enum Ending {
    Known(Ended),
    /// It runs here.
    Here(oneshot::Receiver<Ended>),
    /// Another coordinator runs it.
    Elsewhere,
}

/// What the source of an event knows about the transaction.
enum Known {
    Nothing,
    /// The client's definition; the transaction may be new.
    Definition(Arc<Definition>),
    /// Its row, just taken from the store.
    Row(Box<Row>),
}

impl Core {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        journal: Journal,
        transport: Arc<dyn Transport>,
        clock: Clock,
        metrics: Arc<Metrics>,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            metrics,
            alerts: Alerts::start(settings.alert_url.clone()),
            journal,
            transport,
            owner: new_owner(),
            slots: Slots::new(settings.idle_max),
            schedule: Schedule::new(),
            counted: Mutex::default(),
            runs: Arc::new(Semaphore::new(settings.runs_max)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            settings,
        })
    }

    /// Ends the leases of former processes, and starts to look for due transactions.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<(), StoreError> {
        self.store.release_all(self.clock.now()).await?;
        let others = self.store.left_to_others().await?;
        if others > 0 {
            tracing::warn!(others, "unfinished transactions of other patterns or protocols are left to a DTM server");
        }
        self.tasks.spawn(self.clone().schedule());
        if self.store.is_shared() {
            self.tasks.spawn(self.clone().be_seen());
        }
        if let Some(retention) = self.settings.retention {
            self.tasks.spawn(self.clone().sweep(retention));
        }
        Ok(())
    }

    /// Makes no more calls, waits at most `grace` for the calls in flight, records the progress, and sends the alerts that
    /// wait.
    pub(crate) async fn stop(&self, grace: Duration) {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                runs = self.tasks.len(),
                "stopped with calls in flight; they are repeated at the next start"
            );
        }
        // After the runs, which may have raised some.
        self.alerts.close().await;
    }

    /// `prepare` and `submit`.
    pub(crate) async fn open(
        self: &Arc<Self>,
        definition: Definition,
        opening: Opening,
    ) -> Result<GidWas, RequestError> {
        let event = event_of(opening);
        let gid = definition.gid.clone();
        let known = Known::Definition(Arc::new(definition));
        Ok(self.request(gid, event, known, false).await?.1)
    }

    /// `submit` that waits for the end of the run.
    pub(crate) async fn submit_and_wait(
        self: &Arc<Self>,
        definition: Definition,
    ) -> Result<(Ended, GidWas), RequestError> {
        let gid = definition.gid.clone();
        let known = Known::Definition(Arc::new(definition));
        let (ending, was) = self.request(gid.clone(), Event::Submit, known, true).await?;
        Ok((self.end_of(&gid, ending).await?, was))
    }

    /// `abort` that waits for the end of the run.
    pub(crate) async fn abort_and_wait(self: &Arc<Self>, gid: Gid, reason: String) -> Result<Ended, RequestError> {
        let (ending, _) = self.request(gid.clone(), Event::Abort { reason }, Known::Nothing, true).await?;
        self.end_of(&gid, ending).await
    }

    /// Waits for the end of a run.
    async fn end_of(&self, gid: &Gid, ending: Ending) -> Result<Ended, RequestError> {
        match ending {
            Ending::Known(end) => Ok(end),
            // A run that lost its transaction sends no report.
            Ending::Here(end) => Ok(end.await.unwrap_or(RunEnd::Unknown.into())),
            Ending::Elsewhere => self.ended_elsewhere(gid).await,
        }
    }

    /// Polls a row until the coordinator with the lease has ended its run.
    async fn ended_elsewhere(&self, gid: &Gid) -> Result<Ended, RequestError> {
        loop {
            let row = self.store.load(gid.as_str()).await?.ok_or_else(|| RequestError::NotFound(gid.clone()))?;
            let now = self.clock.now();
            let (_, state) = row.decode(&self.settings.defaults, &self.owner, now)?;
            match (state.status, &state.holder) {
                (Status::Prepared | Status::Submitted | Status::Aborting, Holder::Other(_)) if now < state.due => {}
                // That coordinator is gone.
                (Status::Prepared | Status::Submitted, Holder::Other(_)) => return Ok(RunEnd::Unknown.into()),
                // The run has ended, and there may be another one.
                _ => {
                    self.store.ensure_durable().await?;
                    return Ok(end_so_far(&state));
                }
            }
            tokio::select! {
                // In a fixed order, so that a simulation can be replayed exactly.
                biased;
                () = tokio::time::sleep(LOOK_ELSEWHERE) => {}
                () = self.stopping.cancelled() => return Ok(RunEnd::Unknown.into()),
            }
        }
    }

    /// Handles an event of a transaction that must exist.
    pub(crate) async fn tell(self: &Arc<Self>, gid: Gid, event: Event) -> Result<(), RequestError> {
        self.request(gid, event, Known::Nothing, false).await.map(drop)
    }

    async fn request(
        self: &Arc<Self>,
        gid: Gid,
        event: Event,
        known: Known,
        wait: bool,
    ) -> Result<(Ending, GidWas), RequestError> {
        // Checked first, so that a refused request does not wait and records nothing.
        if matches!(known, Known::Definition(_))
            && self.slots.len() >= self.settings.in_memory_max
            && !self.slots.has(&gid)
        {
            return Err(RequestError::Busy);
        }
        let core = self.clone();
        let task = self.tasks.spawn(async move {
            let (calls, ending, was) = core.act(&gid, &event, known, wait).await?;
            if !calls.commands.is_empty() {
                core.tasks.spawn(core.clone().drive(calls));
            }
            Ok((ending, was))
        });
        task.await.unwrap_or(Err(RequestError::Panicked))
    }

    /// Runs a transaction that was taken from the store; returns when its run has ended.
    pub(crate) async fn due(self: Arc<Self>, row: Row, until: Time) {
        let gid = row.gid.clone();
        let (status, trans_type) = (row.status.clone(), row.trans_type.clone());
        let reason = match Gid::new(gid.as_str()) {
            Err(error) => error.to_string(),
            Ok(name) => match self.act(&name, &Event::Due { until }, Known::Row(Box::new(row)), false).await {
                Ok((calls, ..)) if calls.commands.is_empty() => return,
                Ok((calls, ..)) => return self.drive(calls).await,
                Err(error @ (RequestError::Corrupt(_) | RequestError::Impossible(_))) => error.to_string(),
                Err(error) => return tracing::warn!(gid, %error, "a due transaction was not resumed"),
            },
        };
        self.metrics.alarms(Alarm::Parked).inc();
        tracing::error!(gid, reason, "a corrupt transaction is parked");
        self.alerts.raise(|| Alert {
            gid: gid.clone(),
            status,
            retry_count: 0,
            branch: String::new(),
            error: reason.clone(),
            trans_type,
            op: String::new(),
            reason: Reason::Parked,
        });
        if let Err(error) = self.journal.write(Write::Park { gid: gid.clone(), reason }, Urgency::AtOnce).await {
            tracing::error!(gid, %error, "it could not be parked");
        }
    }

    /// Handles one event of a transaction, from reading its state to the durable change.
    async fn act(
        &self,
        gid: &Gid,
        event: &Event,
        mut known: Known,
        wait: bool,
    ) -> Result<(PendingCalls, Ending, GidWas), RequestError> {
        let sent = if let Known::Definition(definition) = &known { Some(definition.clone()) } else { None };
        for _ in 0..ATTEMPTS {
            let slot = self.slots.get(gid);
            let mut held = slot.lock().await;
            let next = match self.decide(gid, &mut held, event, &known, sent.as_deref()).await {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(error) => {
                    self.slots.release(&slot, &mut held);
                    return Err(error);
                }
            };
            let was = if next.commands.contains(&Command::Save) { GidWas::New } else { GidWas::Known };
            // No write of ours backs this answer, so first make sure that the row we read is on disk.
            if next.commands.contains(&Command::Accept)
                && was == GidWas::Known
                && let Err(error) = self.store.ensure_durable().await
            {
                self.slots.release(&slot, &mut held);
                return Err(error.into());
            }
            let Held::Loaded(loaded) = &mut *held else { continue };
            match self.perform(loaded, next).await {
                Ok(commands) => {
                    let ending = wait_for(loaded, wait);
                    let definition = loaded.definition.clone();
                    let commands = numbered(&loaded.state, commands);
                    let lease = loaded.state.due;
                    self.slots.release(&slot, &mut held);
                    drop(held);
                    return Ok((PendingCalls { slot, definition, commands, lease }, ending, was));
                }
                // It is another coordinator's now. With a lease that is not ours, nothing may be called.
                Err(Failed::Stale) if matches!(event, Event::Due { .. }) => {
                    self.slots.remove(&slot, &mut held);
                    return Err(RequestError::Contended);
                }
                Err(Failed::Stale) => known = Known::Nothing,
                Err(Failed::Journal(error)) => {
                    self.slots.remove(&slot, &mut held);
                    return Err(error.into());
                }
            }
            self.slots.remove(&slot, &mut held);
        }
        Err(RequestError::Contended)
    }

    /// Loads the slot, and decides what follows from the event; `None` if the slot is out of date. `sent` is what
    /// a client says that the transaction is.
    async fn decide(
        &self,
        gid: &Gid,
        held: &mut Held,
        event: &Event,
        known: &Known,
        sent: Option<&Definition>,
    ) -> Result<Option<Transition>, RequestError> {
        let opening = match event {
            Event::Prepare => Some(Opening::Prepare),
            Event::Submit => Some(Opening::Submit),
            _ => None,
        };
        // Another coordinator has prepared it: read it. An attempt to create it would cost a commit.
        if let (Held::Empty, Known::Definition(definition), Some(Opening::Submit)) = (&*held, known, opening)
            && self.store.is_shared()
            && pattern::of(definition.trans_type).is_prepared_first(definition)
            && let Some(row) = self.store.load(gid.as_str()).await?
        {
            *held = self.loaded(&row)?;
        }
        // Other coordinators may have changed its status in the meantime, and no write would show it. The write of a new
        // branch does: it is refused if they have, also if they have added the same branch.
        let may_differ = match (event, &*held) {
            (Event::Prepare, _) => true,
            (Event::RegisterBranch { branch_id, .. }, Held::Loaded(loaded)) => {
                loaded.definition.branches.iter().any(|branch| branch.branch_id == *branch_id)
            }
            _ => false,
        };
        let running = matches!(&*held, Held::Loaded(loaded) if loaded.state.is_running());
        match (&*held, known, opening) {
            (Held::Gone, _, _) => return Ok(None),
            (Held::Empty | Held::Loaded(_), Known::Row(row), _) if !running => *held = self.loaded(row)?,
            (Held::Loaded(_), _, _) if may_differ && !running && self.store.is_shared() => {
                *held = self.load(gid).await?;
            }
            // Insert first: most gids are new, and the store reports a duplicate.
            (Held::Empty, Known::Definition(definition), Some(opening)) => {
                let first = create(definition, opening, self.clock.now());
                *held = Held::Loaded(Box::new(Loaded::new(definition.clone(), first.state.clone(), false)));
                return Ok(Some(first));
            }
            (Held::Empty, _, _) => *held = self.load(gid).await?,
            (Held::Loaded(_), _, _) => {}
        }
        if matches!(event, Event::Abort { .. }) {
            self.interrupt(gid, held).await?;
        }
        let Held::Loaded(loaded) = &mut *held else { return Ok(None) };
        if let Event::Due { until } = event
            && !loaded.state.is_running()
        {
            // The store made us the owner when we took the transaction.
            loaded.state.holder = Holder::Us;
            loaded.state.due = *until;
            loaded.was_due = true;
        }
        // It would be told that its branches are called, and others are.
        if sent.is_some_and(|sent| is_another(&loaded.definition, sent)) {
            return Err(NotAllowed::Another.into());
        }
        match step(&loaded.definition, &loaded.state, event.clone(), self.clock.now()) {
            Ok(next) => Ok(Some(next)),
            Err(EngineError::NotAllowed(refused)) => Err(refused.into()),
            Err(error @ EngineError::Impossible { .. }) => Err(RequestError::Impossible(error)),
        }
    }

    /// Ends the run of another coordinator before the transaction is turned back, if the way back depends on how far the run
    /// has got: from then on nothing more is called by it, and the row shows all that was.
    async fn interrupt(&self, gid: &Gid, held: &mut Held) -> Result<(), RequestError> {
        for _ in 0..ATTEMPTS {
            let Held::Loaded(loaded) = &*held else { return Ok(()) };
            let is_held = loaded.state.status == Status::Submitted && matches!(loaded.state.holder, Holder::Other(_));
            if !is_held || !pattern::of(loaded.definition.trans_type).saves_progress() {
                return Ok(());
            }
            self.end_lease(loaded).await?;
            *held = self.load(gid).await?;
        }
        Err(RequestError::Contended)
    }

    async fn load(&self, gid: &Gid) -> Result<Held, RequestError> {
        let row = self.store.load(gid.as_str()).await?.ok_or_else(|| RequestError::NotFound(gid.clone()))?;
        Ok(self.loaded(&row)?)
    }

    fn loaded(&self, row: &Row) -> Result<Held, CorruptRow> {
        let (definition, state) = row.decode(&self.settings.defaults, &self.owner, self.clock.now())?;
        let history = calls::history(&definition);
        // Nothing else writes this column for our patterns.
        let was_parked = !row.result.is_empty();
        let rounds = state.rounds(&definition);
        let loaded = Loaded::new(Arc::new(definition), state, true);
        Ok(Held::Loaded(Box::new(Loaded { history, was_parked, rounds, ..loaded })))
    }

    /// The facts in a row, for operators.
    pub(crate) fn facts(&self, row: &Row) -> Facts {
        Facts::of(row, &self.settings.defaults, self.clock.now())
    }

    /// Makes transactions due now that are due later than after `timeout`.
    pub(crate) async fn reset_due(&self, timeout: Duration, limit: u32) -> Result<ResetDue, StoreError> {
        let now = self.clock.now();
        let done = self.store.reset_due(now, now.after(timeout), limit).await?;
        self.schedule.due_at(now);
        Ok(done)
    }

    /// Checks that this process can do its work.
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        if self.stopping.is_cancelled() {
            return Err(StoreError::Unavailable("the coordinator is stopping".to_owned()));
        }
        self.store.probe().await
    }

    /// Returns once no run of a transaction is under way here.
    #[cfg(feature = "testing")]
    pub(crate) async fn run_has_ended(&self, gid: &Gid) {
        while self.slots.has(gid) {
            let slot = self.slots.get(gid);
            let mut held = slot.lock().await;
            let is_running = matches!(&*held, Held::Loaded(loaded) if loaded.state.is_running());
            self.slots.release(&slot, &mut held);
            drop(held);
            if !is_running {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How many transactions are in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.slots.len()
    }
}

fn event_of(opening: Opening) -> Event {
    match opening {
        Opening::Prepare => Event::Prepare,
        Opening::Submit => Event::Submit,
    }
}

/// The end of the run if it has ended, or else where to wait for it.
fn wait_for(loaded: &mut Loaded, wait: bool) -> Ending {
    if wait && loaded.state.is_running() {
        let (end, run) = oneshot::channel();
        loaded.waiters.push(end);
        Ending::Here(run)
    } else if !loaded.state.status.is_final() && matches!(loaded.state.holder, Holder::Other(_)) {
        Ending::Elsewhere
    } else {
        Ending::Known(end_so_far(&loaded.state))
    }
}

/// How the last run of a transaction ended, as far as its state shows.
fn end_so_far(state: &State) -> Ended {
    let end = match state.status {
        Status::Prepared | Status::Submitted => RunEnd::Ongoing,
        Status::Aborting => RunEnd::RollingBack,
        Status::Succeed => RunEnd::Succeed,
        Status::Failed => RunEnd::Failed,
    };
    Ended { end, reason: state.rollback_reason.clone() }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::collections::BTreeMap;

    use branchwire_protocol::{TransType, TransactionOptions};
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::engine::{Protocol, Timing};
    use crate::store::Take;
    use crate::store::sqlite::SqliteStore;
    use crate::transport::{Call, CallError, Response};

    #[derive(Debug)]
    struct Nobody;

    impl Transport for Nobody {
        fn call(&self, _: Call) -> BoxFuture<'static, Result<Response, CallError>> {
            panic!("a coordinator that stops calls nobody")
        }
    }

    fn prepared(gid: &Gid, now: Time) -> Definition {
        Definition {
            gid: gid.clone(),
            trans_type: TransType::Msg,
            protocol: Protocol::Http,
            created: now,
            query_prepared: "http://bank-a/prepared".to_owned(),
            branches: Vec::new(),
            concurrent: false,
            predecessors: Vec::new(),
            timing: Timing::new(&TransactionOptions::default(), 0, &Settings::default().defaults),
            headers: BTreeMap::new(),
            options: "{}".to_owned(),
            custom_data: String::new(),
            ext_data: String::new(),
        }
    }

    #[tokio::test]
    async fn a_prepared_message_taken_while_the_coordinator_stops_is_given_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("coordinator.db");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file, None).await.expect("a store"));
        let (metrics, clock) = (Arc::new(Metrics::new()), Clock::manual(Time::from_millis(0)));
        let (journal, _) = Journal::start(store.clone(), metrics.clone(), CancellationToken::new());
        let settings = Settings { runs_max: 1, idle_max: 1, in_memory_max: 1, ..Settings::default() };
        let core = Core::new(store.clone(), journal, Arc::new(Nobody), clock.clone(), metrics, settings);
        let gid = Gid::random();
        core.open(prepared(&gid, clock.now()), Opening::Prepare).await.expect("prepared");

        clock.advance(Duration::from_mins(1));
        let until = clock.now().after(core.settings.defaults.lease());
        let take = Take { now: clock.now(), until, owner: core.owner.clone(), limit: 1 };
        let row = store.take_due(&take).await.expect("a store").rows.remove(0);
        core.stop(Duration::ZERO).await;
        let due = tokio::time::timeout(Duration::from_secs(10), core.clone().due(row, until));
        due.await.expect("it comes to an end");
        let row = store.load(gid.as_str()).await.expect("a store").expect("a row");
        assert_eq!((row.status.as_str(), row.owner.as_str()), ("prepared", ""), "due for whoever comes next");
    }
}
