//! The coordinator's process: the engine itself, driven as the runner drives it.

use std::collections::BTreeSet;

use branchwire::protocol::{Answer, Status};
use branchwire_coordinator::engine::{
    Calls, Command, EngineError, Event, Holder, Opening, Run, State, Time, Transition, create, step,
};

use super::world::{Packet, Request, Response, Target, World};
use super::{Bug, Message, NOW, later};

/// The store's row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// The state of the message; a row has no run.
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
    /// The message, if it is in memory.
    pub(super) memory: Option<State>,
    /// The calls whose answers are awaited.
    pub(super) open: BTreeSet<Target>,
    /// Writes in the journal for which nobody waits.
    pub(super) queued: Option<Change>,
    /// Whether the store has given it the message, and it has not acted on that yet.
    pub(super) taken: bool,
}

impl Coordinator {
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
fn rounded(model: &Message, mut state: State) -> State {
    state.due = if state.due <= NOW { NOW } else { later() };
    state.interval = model.definition.timing.retry_interval;
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
enum Done {
    Accepted,
    Refused,
    /// Not carried out, and nobody is told.
    Nothing,
}

impl World {
    /// A request reaches a coordinator.
    pub(super) fn hears(&mut self, model: &Message, name: usize, client: usize, request: Request) {
        let event = match request {
            Request::Prepare => Event::Prepare,
            Request::Submit => Event::Submit,
            Request::Abort => Event::Abort { reason: String::new() },
            Request::Query => {
                let stands = Response::Stands(self.status());
                self.network.insert(Packet::Response(client, stands));
                return;
            }
        };
        let response = match self.event(model, name, &event) {
            Done::Accepted => Response::Accepted(request),
            Done::Refused => Response::Refused(request),
            Done::Nothing => return,
        };
        if matches!(response, Response::Accepted(_)) {
            match request {
                Request::Prepare => self.acknowledged.prepare = true,
                Request::Submit => self.acknowledged.submit = true,
                Request::Abort => self.acknowledged.abort = true,
                Request::Query => {}
            }
        }
        self.network.insert(Packet::Response(client, response));
    }

    /// An answer, or the end of the wait for one, reaches the coordinator that called.
    pub(super) fn returns(&mut self, model: &Message, name: usize, target: Target, answer: Answer) {
        self.coordinators[name].open.remove(&target);
        let event = match target {
            Target::QueryPrepared => Event::Asked(answer.into()),
            Target::Branch(branch) => Event::Answered { branch, result: answer.into(), said: String::new() },
        };
        self.event(model, name, &event);
    }

    /// The store gives the message to a coordinator: durable, before it acts on that.
    pub(super) fn take(&mut self, name: usize) {
        if let Some(row) = &mut self.row {
            row.owner = Some(name);
            row.state.due = later();
            self.coordinators[name].taken = true;
        }
    }

    /// A coordinator acts on what it took.
    pub(super) fn take_up(&mut self, model: &Message, name: usize) {
        self.coordinators[name].taken = false;
        self.event(model, name, &Event::Due { until: later() });
    }

    /// A process dies. It comes back at once: a longer absence is a slower network.
    pub(super) fn coordinator_dies(&mut self, model: &Message, name: usize) {
        self.coordinators[name] = Coordinator::default();
        // One that has the store for itself gives back what it held; among several the lease has to end.
        if self.coordinators.len() == 1
            && let Some(row) = &mut self.row
        {
            if model.has(Bug::RestartDropsDue) {
                row.state.due = Time::MAX;
            } else if row.owner.take().is_some() {
                row.state.due = NOW;
            }
        }
    }

    /// The waiting writes of the journal are done; if the row has changed since, only the done branches count.
    pub(super) fn flush(&mut self, model: &Message, name: usize) {
        if let Some(change) = self.coordinators[name].queued.take() {
            let branches = change.to.state.branches.clone();
            self.write(model, change);
            if let Some(row) = &mut self.row {
                for (branch, written) in row.state.branches.iter_mut().zip(branches) {
                    if written.is_done() {
                        *branch = written;
                    }
                }
            }
        }
    }

    /// Whether the row had the expected status and owner.
    fn write(&mut self, model: &Message, change: Change) -> bool {
        let stands = self.row.as_ref().map(|row| (row.state.status, row.owner));
        let applies = stands == Some(change.from) || model.has(Bug::WriteWithoutCondition);
        if applies {
            self.row = Some(change.to);
        }
        applies
    }

    /// One event, from the look at the state to the durable change, and then the calls.
    fn event(&mut self, model: &Message, name: usize, event: &Event) -> Done {
        // At most twice: with the state in memory, and with the state in the store.
        for _ in 0..2 {
            let Some((before, decided)) = self.decide(model, name, event) else { return Done::Nothing };
            let next = match decided {
                Ok(next) => next,
                Err(EngineError::NotAllowed(_)) => return Done::Refused,
                Err(EngineError::Impossible { .. }) => {
                    self.impossible = true;
                    return Done::Nothing;
                }
            };
            if let Some(done) = self.perform(model, name, before.as_ref(), next) {
                return done;
            }
            self.coordinators[name].forget();
            // A run that lost its message ends; requests and what is due are decided again.
            if matches!(event, Event::Asked(_) | Event::Answered { .. }) {
                return Done::Nothing;
            }
        }
        Done::Nothing
    }

    /// The state in memory, or else in the store, and what follows.
    fn decide(
        &mut self,
        model: &Message,
        name: usize,
        event: &Event,
    ) -> Option<(Option<State>, Result<Transition, EngineError>)> {
        let memory = &mut self.coordinators[name].memory;
        // Another coordinator may have carried on with it; who prepares again wants to know.
        if matches!(event, Event::Prepare) {
            memory.take_if(|state| !state.is_running());
        }
        if memory.is_none() {
            let Some(row) = &self.row else {
                let opening = match event {
                    Event::Prepare => Opening::Prepare,
                    Event::Submit => Opening::Submit,
                    _ => return None,
                };
                return Some((None, Ok(create(&model.definition, opening, NOW))));
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
        Some((Some(state.clone()), step(&model.definition, state, event.clone(), NOW)))
    }

    /// Performs the commands in their order; `None` if the row did not have the expected status and owner.
    fn perform(&mut self, model: &Message, name: usize, before: Option<&State>, next: Transition) -> Option<Done> {
        let state = rounded(model, next.state);
        let mut done = Done::Nothing;
        for command in next.commands {
            match command {
                Command::Save | Command::Record => {
                    let Some(before) = before else {
                        self.row = Some(Row::of(&state, name));
                        continue;
                    };
                    let from = (before.status, owner_of(&before.holder, name));
                    let change = Change { from, to: Row::of(&state, name) };
                    if command == Command::Record || model.has(Bug::AcknowledgeBeforeDurable) {
                        // A later write contains everything of an earlier one.
                        self.coordinators[name].queued = Some(change);
                        continue;
                    }
                    self.flush(model, name);
                    if !self.write(model, change) {
                        return None;
                    }
                }
                Command::Accept => done = Done::Accepted,
                Command::Ask => self.call(name, Target::QueryPrepared),
                Command::Call(index) => self.call(name, Target::Branch(index)),
                Command::Report(_) => {}
            }
        }
        // A waiting message is read again when it is due; a prepared one stays, since its submit is expected.
        let keep = state.is_running() || state.status == Status::Prepared;
        let coordinator = &mut self.coordinators[name];
        coordinator.memory = keep.then_some(state);
        if coordinator.memory.as_ref().is_none_or(|state| !state.is_running()) {
            coordinator.open.clear();
        }
        Some(done)
    }

    fn call(&mut self, name: usize, target: Target) {
        self.coordinators[name].open.insert(target);
        self.network.insert(Packet::Call(target, Some(name)));
    }
}
