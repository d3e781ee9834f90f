//! The coordinator's process: the engine itself, driven as the runner drives it.

use std::collections::BTreeSet;

use branchwire::protocol::{Answer, Status};
use branchwire_coordinator::engine::{
    Calls, Command, Definition, EngineError, Event, Holder, Opening, Run, State, Time, Transition, create, step,
};

use super::calls::Packet;
use super::{NOW, later};

/// Whom a coordinator calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Query-prepared.
    QueryPrepared,
    /// A row, by its place.
    Branch(usize),
}

/// What does not change: the transaction, and the seeded bug of the coordinators and their store.
#[derive(Debug)]
pub(super) struct Rules {
    /// The transaction by the number of its rows; more rows may be added to it.
    pub(super) definitions: Vec<Definition>,
    pub(super) flaw: Option<Flaw>,
}

/// A seeded bug of the coordinators or their store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Acknowledges, and calls branches, before the row is durable.
    AcknowledgesBeforeDurable,
    /// A query-prepared with an unknown answer counts as a no.
    UnknownIsNo,
    /// A restart forgets due transactions.
    RestartDropsDue,
    /// The store changes rows without checking their owner and status.
    WritesWithoutCondition,
    /// The progress of a saga's actions is not durable before the next action is called.
    ProgressIsNotDurable,
    /// Compensations and cancels are called before the direction is durable.
    DirectionIsNotDurable,
    /// The branches are read before the decision, and not after it.
    BranchesAreReadBefore,
    /// A timeout is written whatever the status has become meanwhile.
    TimesOutWhateverTheStatus,
    /// A second submit ends the transaction.
    SecondSubmitEnds,
}

impl Rules {
    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn of(&self, state: &State) -> &Definition {
        let rows = state.branches.len();
        self.definitions.iter().find(|definition| definition.branches.len() == rows).expect("a known number of rows")
    }

    /// The transaction as it is created.
    fn created(&self) -> &Definition {
        self.definitions.first().expect("a transaction")
    }
}

/// The coordinators, their store, and their calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Service {
    /// The processes.
    pub(super) coordinators: Vec<Coordinator>,
    /// The store's row, durable.
    pub(super) row: Option<Row>,
    /// The calls that were sent, and the answers to them.
    pub(super) network: BTreeSet<Packet>,
    /// Whether the engine reported an impossible event.
    pub(super) impossible: bool,
}

/// The store's row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// The state of the transaction; a row has no run.
    pub(super) state: State,
    /// Which coordinator holds it.
    owner: Option<usize>,
}

/// A conditional change of the row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Change {
    from: (Status, Option<usize>),
    pub(super) to: Row,
}

/// A process. All of this is lost when it dies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Coordinator {
    /// The transaction, if it is in memory.
    pub(super) memory: Option<State>,
    /// The calls whose answers are awaited.
    pub(super) open: BTreeSet<Target>,
    /// Writes in the journal for which nobody waits.
    pub(super) queued: Option<Change>,
    /// Whether the store has given it the transaction, and it has not acted on that yet.
    pub(super) taken: bool,
}

impl Coordinator {
    /// Whether it does nothing, and remembers nothing.
    fn is_at_rest(&self) -> bool {
        self.memory.as_ref().is_none_or(|state| state.status.is_final())
            && self.open.is_empty()
            && self.queued.is_none()
            && !self.taken
    }

    fn forget(&mut self) {
        self.memory = None;
        self.open.clear();
    }
}

impl Row {
    pub(super) fn is_due(&self) -> bool {
        !self.state.status.is_final() && self.state.due <= NOW
    }

    pub(super) fn is_for_later(&self) -> bool {
        !self.state.status.is_final() && self.state.due > NOW && self.state.due < Time::MAX
    }

    /// The row of a state, as coordinator `name` writes it.
    fn of(state: &State, name: usize) -> Self {
        let owner = owner_of(&state.holder, name);
        Self { state: State { run: Run::Idle, holder: Holder::Nobody, ..state.clone() }, owner }
    }

    /// The state in the row, as coordinator `name` reads it.
    fn state(&self, name: usize) -> State {
        let holder = match self.owner {
            None => Holder::Nobody,
            Some(owner) if owner == name => Holder::Us,
            Some(owner) => Holder::Other(owner.to_string()),
        };
        State { holder, ..self.state.clone() }
    }
}

fn owner_of(holder: &Holder, name: usize) -> Option<usize> {
    match holder {
        Holder::Nobody => None,
        Holder::Us => Some(name),
        Holder::Other(owner) => owner.parse().ok(),
    }
}

/// Rounds the moments to "due" and "not due".
fn rounded(rules: &Rules, mut state: State) -> State {
    state.due = if state.due <= NOW { NOW } else { later() };
    state.interval = rules.created().timing.retry_interval;
    state.ended = state.ended.map(|_| NOW);
    // Only for operators; no decision depends on them.
    state.question = Calls::default();
    for branch in &mut state.branches {
        branch.finished = branch.finished.map(|_| NOW);
        branch.calls = Calls::default();
    }
    state
}

/// The result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Accepted,
    Refused,
    /// Not carried out, and nobody is told.
    Nothing,
}

impl Service {
    pub(super) fn new(coordinators: usize) -> Self {
        let coordinators = vec![Coordinator::default(); coordinators];
        Self { coordinators, row: None, network: BTreeSet::new(), impossible: false }
    }

    /// Whether no coordinator has anything to do.
    pub(super) fn is_at_rest(&self) -> bool {
        self.coordinators.iter().all(Coordinator::is_at_rest)
    }

    /// The end of the retention.
    pub(super) fn forgets(&mut self) {
        self.row = None;
        self.coordinators.iter_mut().for_each(Coordinator::forget);
    }

    /// The durable status.
    pub(super) fn status(&self) -> Option<Status> {
        self.row.as_ref().map(|row| row.state.status)
    }

    /// An answer, or the end of the wait for one, reaches the coordinator that called.
    pub(super) fn returns(&mut self, rules: &Rules, name: usize, target: Target, answer: Answer) {
        self.coordinators[name].open.remove(&target);
        let answer = match (target, answer) {
            (Target::QueryPrepared, Answer::Unknown) if rules.has(Flaw::UnknownIsNo) => Answer::Failure,
            (_, answer) => answer,
        };
        let event = match target {
            Target::QueryPrepared => Event::Asked(answer.into()),
            Target::Branch(branch) => Event::Answered { branch, result: answer.into(), said: String::new() },
        };
        self.event(rules, name, &event);
    }

    /// The store gives the transaction to a coordinator: durable, before it acts on that.
    pub(super) fn take(&mut self, name: usize) {
        if let Some(row) = &mut self.row {
            row.owner = Some(name);
            row.state.due = later();
            self.coordinators[name].taken = true;
        }
    }

    /// A coordinator acts on what it took.
    pub(super) fn take_up(&mut self, rules: &Rules, name: usize) {
        self.coordinators[name].taken = false;
        self.event(rules, name, &Event::Due { until: later() });
    }

    /// A process dies. It comes back at once: a longer absence is a slower network.
    pub(super) fn dies(&mut self, rules: &Rules, name: usize) {
        self.coordinators[name] = Coordinator::default();
        // One that has the store for itself gives back what it held; among several the lease has to end.
        if self.coordinators.len() == 1
            && let Some(row) = &mut self.row
        {
            if rules.has(Flaw::RestartDropsDue) {
                row.state.due = Time::MAX;
            } else if row.owner.take().is_some() {
                row.state.due = NOW;
            }
        }
    }

    /// All that was for later is due.
    pub(super) fn time_comes(&mut self) {
        if let Some(row) = &mut self.row {
            row.state.due = NOW;
        }
        for coordinator in &mut self.coordinators {
            if let Some(state) = &mut coordinator.memory {
                state.due = NOW;
            }
            if let Some(change) = &mut coordinator.queued {
                change.to.state.due = NOW;
            }
        }
    }

    /// The waiting writes of the journal are done; if the row has changed since, only the done branches count.
    pub(super) fn flush(&mut self, rules: &Rules, name: usize) {
        if let Some(change) = self.coordinators[name].queued.take() {
            let branches = change.to.state.branches.clone();
            self.write(rules, change);
            if let Some(row) = &mut self.row {
                for (branch, written) in row.state.branches.iter_mut().zip(branches) {
                    if written.is_done() {
                        *branch = written;
                    }
                }
            }
        }
    }

    /// Whether the row had the expected status and owner. Rows that others have added stay.
    fn write(&mut self, rules: &Rules, mut change: Change) -> bool {
        let Some(row) = &mut self.row else { return false };
        let times_out = change.from.0 == Status::Prepared && change.to.state.status == Status::Aborting;
        let applies = (row.state.status, row.owner) == change.from
            || rules.has(Flaw::WritesWithoutCondition)
            || (times_out && rules.has(Flaw::TimesOutWhateverTheStatus));
        if applies {
            let known = change.to.state.branches.len();
            change.to.state.branches.extend(row.state.branches.iter().skip(known));
            *row = change.to;
        }
        applies
    }

    /// One event, from the look at the state to the durable change and the calls that follow.
    pub(super) fn event(&mut self, rules: &Rules, name: usize, event: &Event) -> Done {
        if matches!(event, Event::Submit)
            && rules.has(Flaw::SecondSubmitEnds)
            && self.status() == Some(Status::Submitted)
        {
            if let Some(row) = &mut self.row {
                row.state.status = Status::Succeed;
            }
            return Done::Accepted;
        }
        // At most twice: with the state in memory, and with the state in the store.
        for _ in 0..2 {
            let Some((before, decided)) = self.decide(rules, name, event) else { return Done::Nothing };
            let next = match decided {
                Ok(next) => next,
                Err(EngineError::NotAllowed(_)) => return Done::Refused,
                Err(EngineError::Impossible { .. }) => {
                    self.impossible = true;
                    return Done::Nothing;
                }
            };
            if let Some(done) = self.perform(rules, name, before.as_ref(), next) {
                return done;
            }
            self.coordinators[name].forget();
            // A run that lost its transaction ends; requests are decided again.
            if matches!(event, Event::Due { .. } | Event::Asked(_) | Event::Answered { .. }) {
                return Done::Nothing;
            }
        }
        Done::Nothing
    }

    /// The state in memory, or else in the store, and what follows.
    fn decide(
        &mut self,
        rules: &Rules,
        name: usize,
        event: &Event,
    ) -> Option<(Option<State>, Result<Transition, EngineError>)> {
        let memory = &mut self.coordinators[name].memory;
        // Another coordinator may have carried on with it; who prepares again or adds a branch wants to know.
        if matches!(event, Event::Prepare | Event::RegisterBranch { .. }) {
            memory.take_if(|state| !state.is_running());
        }
        if memory.is_none() {
            let Some(row) = &self.row else {
                let opening = match event {
                    Event::Prepare => Opening::Prepare,
                    Event::Submit => Opening::Submit,
                    _ => return None,
                };
                return Some((None, Ok(create(rules.created(), opening, NOW))));
            };
            // An answer to a run that this process no longer knows.
            if matches!(event, Event::Asked(_) | Event::Answered { .. }) {
                return None;
            }
            *memory = Some(row.state(name));
        }
        let state = memory.as_mut()?;
        if let Event::Due { until } = event
            && !state.is_running()
        {
            state.holder = Holder::Us;
            state.due = *until;
        }
        Some((Some(state.clone()), step(rules.of(state), state, event.clone(), NOW)))
    }

    /// Performs the commands in their order; `None` if the row did not have the expected status and owner.
    fn perform(&mut self, rules: &Rules, name: usize, before: Option<&State>, next: Transition) -> Option<Done> {
        let state = rounded(rules, next.state);
        let mut done = Done::Nothing;
        let mut calls = Vec::new();
        let mut reads = false;
        for command in next.commands {
            match command {
                Command::Save | Command::Record => {
                    let Some(before) = before else {
                        self.row = Some(Row::of(&state, name));
                        continue;
                    };
                    let from = (before.status, owner_of(&before.holder, name));
                    let change = Change { from, to: Row::of(&state, name) };
                    if command == Command::Record || is_late(rules, before, &state) {
                        // A later write contains everything of an earlier one.
                        self.coordinators[name].queued = Some(change);
                        continue;
                    }
                    self.flush(rules, name);
                    if !self.write(rules, change) {
                        return None;
                    }
                }
                Command::Accept => done = Done::Accepted,
                Command::Ask => calls.push(Target::QueryPrepared),
                Command::Call(index) => calls.push(Target::Branch(index)),
                Command::Read => reads = true,
                Command::Report(_) => {}
            }
        }
        // A waiting transaction is read again when it is due; a prepared one stays, since its submit is expected.
        let keep = reads || state.is_running() || state.status == Status::Prepared;
        let coordinator = &mut self.coordinators[name];
        coordinator.memory = keep.then_some(state);
        if coordinator.memory.as_ref().is_none_or(|state| !state.is_running()) {
            coordinator.open.clear();
        }
        coordinator.open.extend(&calls);
        self.network.extend(calls.into_iter().map(|target| Packet::Call(target, Some(name))));
        if reads {
            self.begins(rules, name);
        }
        Some(done)
    }

    /// A decided transaction is run, with all branches that were registered before.
    fn begins(&mut self, rules: &Rules, name: usize) {
        if let (Some(row), false) = (&self.row, rules.has(Flaw::BranchesAreReadBefore)) {
            self.coordinators[name].memory = Some(row.state(name));
        }
        let decided = self.decide(rules, name, &Event::Due { until: later() });
        if let Some((before, Ok(next))) = decided
            && self.perform(rules, name, before.as_ref(), next).is_none()
        {
            self.coordinators[name].forget();
        }
    }
}

/// Whether a change that must be durable first is not, by a seeded bug.
fn is_late(rules: &Rules, before: &State, after: &State) -> bool {
    let turns = before.status != Status::Aborting && after.status == Status::Aborting;
    let goes_on = before.status == Status::Submitted && after.status == Status::Submitted && after.is_running();
    match rules.flaw {
        Some(Flaw::AcknowledgesBeforeDurable) => true,
        Some(Flaw::DirectionIsNotDurable) => turns,
        Some(Flaw::ProgressIsNotDurable) => goes_on,
        _ => false,
    }
}
