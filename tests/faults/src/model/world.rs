//! The world: its state, and what can happen in it.

use std::collections::BTreeSet;

use branchwire::protocol::{Answer, Status};
use branchwire_coordinator::engine::Event;

use super::calls::{self, Act};
use super::client::{Client, CommitEnd, Decision};
use super::coordinator::{Done, Service, Target};
use super::{Bug, Limits, Message};

/// What a client asks of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// Record it.
    Prepare,
    /// Carry it out.
    Submit,
    /// Give it up.
    Abort,
    /// What is its status?
    Query,
}

/// A response to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Response {
    /// Accepted.
    Accepted(Request),
    /// Refused: 409.
    Refused(Request),
    /// Its status.
    Stands(Option<Status>),
}

/// A packet that was sent, between a client and the coordinators; it stays as theirs do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Packet {
    /// From a client, to whichever coordinator.
    Request(usize, Request),
    /// To a client.
    Response(usize, Response),
}

/// Why the barrier row of the local transaction is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// The local transaction of this client has committed.
    Msg(usize),
    /// Query-prepared was first.
    Rollback,
}

/// A branch's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct BranchDb {
    /// Its barrier row.
    pub(super) row: bool,
    /// How often its effect was applied.
    pub(super) applied: u8,
}

impl BranchDb {
    /// A branch's barrier: row and effect in one transaction; `skips_its_row`: it does not find its own row.
    pub(super) fn apply(&mut self, skips_its_row: bool) -> Answer {
        if !self.row || skips_its_row {
            *self = Self { row: true, applied: (self.applied + 1).min(2) };
        }
        Answer::Success
    }
}

/// What coordinators have acknowledged so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Acknowledged {
    /// A prepare.
    pub prepare: bool,
    /// A submit.
    pub submit: bool,
    /// An abort.
    pub abort: bool,
}

/// A state of the world.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that can happen once")]
pub struct World {
    /// The coordinators and their store.
    pub(super) service: Service,
    /// The clients' processes.
    pub(super) clients: Vec<Client>,
    /// Bank A: the barrier row of the message's local transaction, durable.
    pub(super) barrier: Option<Reason>,
    /// Bank A: whose open transaction holds the place of that row.
    pub(super) lock: Option<usize>,
    /// The databases of the branches.
    pub(super) branches: Vec<BranchDb>,
    /// All that was ever sent between clients and coordinators.
    pub(super) network: BTreeSet<Packet>,
    /// What was acknowledged.
    pub(super) acknowledged: Acknowledged,
    /// Whether the coordinators may still forget the message.
    may_forget: bool,
    /// Whether they have.
    pub(super) forgotten: bool,
    /// Whether an administrator may still end the message.
    may_stop: bool,
    /// Whether one has.
    pub(super) stopped: bool,
    /// How much may still go wrong.
    faults: u8,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A request reaches a coordinator.
    Hears(usize, usize, Request),
    /// A response reaches a client.
    Answered(usize, Response),
    /// Something happens at the coordinators.
    Acts(Act),
    /// A client's next step of its own.
    Steps(usize, Decision),
    /// A client waits no longer for an answer.
    GivesUp(usize),
    /// A client dies.
    ClientDies(usize),
    /// The coordinators remove the message, which ended long ago. Requests of its clients may still be on their way.
    Forgets,
    /// An administrator ends the prepared message.
    Stops,
}

impl World {
    /// Before anything has happened.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            service: Service::new(limits.coordinators),
            clients: vec![Client::Starts; limits.clients],
            barrier: None,
            lock: None,
            branches: vec![BranchDb::default(); limits.branches],
            network: BTreeSet::new(),
            acknowledged: Acknowledged::default(),
            may_forget: limits.forgets,
            forgotten: false,
            may_stop: limits.stops,
            stopped: false,
            faults: limits.faults,
        }
    }

    /// The durable status of the message.
    pub(super) fn status(&self) -> Option<Status> {
        self.service.status()
    }

    /// Whether the branches are called until they have succeeded, or have succeeded before the coordinators forgot it.
    pub(super) fn is_carried_out(&self) -> bool {
        matches!(self.status(), Some(Status::Submitted | Status::Succeed))
            || self.forgotten && self.branches.iter().all(|branch| branch.applied == 1)
    }

    /// Whether it was this client's that has.
    pub(super) fn committed_by(&self, client: usize) -> bool {
        self.barrier == Some(Reason::Msg(client))
    }

    /// What can happen now.
    pub(super) fn actions(&self, actions: &mut Vec<Action>) {
        let faults = self.faults > 0;
        let coordinators = 0..self.service.coordinators.len();
        for packet in &self.network {
            match *packet {
                Packet::Request(client, request) => {
                    actions.extend(coordinators.clone().map(|name| Action::Hears(name, client, request)));
                }
                Packet::Response(client, response) => {
                    if self.clients[client].waits_for(response) {
                        actions.push(Action::Answered(client, response));
                    }
                }
            }
        }
        for (name, client) in self.clients.iter().enumerate() {
            let free = self.lock.is_none();
            actions.extend(client.decisions(free, faults).into_iter().map(|next| Action::Steps(name, next)));
            if faults && client.is_waiting() {
                actions.push(Action::GivesUp(name));
            }
            if faults && client.is_alive() {
                actions.push(Action::ClientDies(name));
            }
        }
        let happens = |act: &Act| match act {
            // Its answer is the database's.
            Act::Declines(target, ..) => faults && *target != Target::QueryPrepared,
            act => faults || !act.is_fault(),
        };
        actions.extend(self.service.acts().into_iter().filter(happens).map(Action::Acts));
        if self.may_forget && self.status().is_some_and(Status::is_final) && self.service.is_at_rest() {
            actions.push(Action::Forgets);
        }
        if self.may_stop && self.status() == Some(Status::Prepared) {
            actions.push(Action::Stops);
        }
    }

    /// Lets it happen.
    pub(super) fn act(&mut self, model: &Message, action: Action) {
        match action {
            Action::Hears(name, client, request) => self.hears(model, name, client, request),
            Action::Answered(client, Response::Refused(Request::Submit)) => {
                self.asks(client, Request::Query, Client::Queries);
            }
            Action::Answered(client, Response::Refused(Request::Prepare)) => self.looks_up(model, client, true),
            Action::Answered(client, Response::Stands(Some(Status::Failed)))
                if self.clients[client] == Client::LooksUp && !model.has(Bug::GiveUpWithoutRow) =>
            {
                self.gives_up_the_gid(model, client);
            }
            Action::Answered(client, response) => self.clients[client].hears(response),
            Action::Acts(act) => {
                if act.is_fault() {
                    self.fault();
                }
                calls::happen(self, model, act);
            }
            Action::Steps(client, decision) => {
                if decision.is_unclear() {
                    self.fault();
                }
                self.steps(model, client, decision);
            }
            Action::GivesUp(client) => {
                self.fault();
                self.gives_up(model, client);
            }
            Action::ClientDies(client) => {
                self.fault();
                self.client_dies(client);
            }
            Action::Forgets => {
                self.service.forgets();
                // What was acknowledged has ended.
                self.acknowledged = Acknowledged::default();
                (self.may_forget, self.forgotten) = (false, true);
            }
            Action::Stops => {
                let abort = Event::Abort { reason: String::new() };
                self.stopped = self.service.event(&model.rules, 0, &abort) == Done::Accepted;
                self.may_stop = !self.stopped;
            }
        }
        self.tidy(model);
    }

    /// Removes packets that can make no difference any more, so that equivalent worlds are equal.
    fn tidy(&mut self, model: &Message) {
        let Self { service, clients, barrier, branches, network, .. } = self;
        service.tidy(|target| match target {
            Target::QueryPrepared => barrier.is_none(),
            Target::Branch(index) => !branches[index].row || model.has(Bug::BranchSkipsItsRow),
        });
        network.retain(|packet| match *packet {
            Packet::Response(client, response) => clients[client].waits_for(response),
            Packet::Request(..) => true,
        });
    }

    fn fault(&mut self) {
        if self.faults != Limits::ANY {
            self.faults -= 1;
        }
    }

    /// A request reaches a coordinator.
    fn hears(&mut self, model: &Message, name: usize, client: usize, request: Request) {
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
        let response = match self.service.event(&model.rules, name, &event) {
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

    /// A client's process is gone, and with it its open transaction.
    pub(super) fn client_dies(&mut self, client: usize) {
        self.clients[client] = Client::Dead;
        self.lock = self.lock.filter(|holder| *holder != client);
    }

    /// Bank A answers whether the local transaction has committed.
    pub(super) fn query_prepared(&mut self, model: &Message) -> Answer {
        match (self.lock, self.barrier) {
            // The insert waits for the open transaction, for longer than the question may take.
            (Some(_), _) => Answer::Ongoing,
            (None, Some(Reason::Msg(_))) => Answer::Success,
            (None, Some(Reason::Rollback)) => Answer::Failure,
            (None, None) => {
                if !model.has(Bug::QueryPreparedLeavesNoRow) {
                    self.barrier = Some(Reason::Rollback);
                }
                Answer::Failure
            }
        }
    }

    /// What a client does of its own.
    pub(super) fn steps(&mut self, model: &Message, client: usize, decision: Decision) {
        match (self.clients[client], decision) {
            (Client::Starts, _) => self.asks(client, Request::Prepare, Client::Prepares),
            (Client::Begins, _) => {
                if self.barrier.is_some() {
                    self.looks_up(model, client, false);
                } else {
                    self.lock = Some(client);
                    self.clients[client] = Client::InTransaction;
                }
            }
            (Client::InTransaction, Decision::Commit(end)) => {
                self.lock = None;
                if end.is_committed() {
                    self.barrier = Some(Reason::Msg(client));
                }
                self.clients[client] = match end {
                    CommitEnd::Committed => Client::Submits,
                    CommitEnd::CommittedUnheard | CommitEnd::LostUnheard => Client::Doubts { committed: None },
                    CommitEnd::Refused => Client::Doubts { committed: Some(false) },
                };
            }
            (Client::InTransaction, _) => {
                self.lock = None;
                self.clients[client] = Client::Doubts { committed: Some(false) };
            }
            (Client::Doubts { committed }, decision) => self.resolves(model, client, committed, decision),
            (Client::Submits, _) => self.asks(client, Request::Submit, Client::AwaitsSubmit),
            (other, decision) => unreachable!("{other:?} does not do {decision:?}"),
        }
    }

    /// The client asks its own database for the outcome of the transaction.
    fn resolves(&mut self, model: &Message, client: usize, committed: Option<bool>, decision: Decision) {
        use super::Outcome;
        let known_not = committed == Some(false);
        let answer = if known_not && model.has(Bug::AbortLeavesNoRow) {
            Answer::Failure
        } else {
            match decision {
                Decision::AskUnheard => {
                    self.query_prepared(model);
                    Answer::Unknown
                }
                _ => self.query_prepared(model),
            }
        };
        self.clients[client] = match answer {
            Answer::Success if !known_not => return self.asks(client, Request::Submit, Client::AwaitsSubmit),
            Answer::Failure => {
                self.network.insert(Packet::Request(client, Request::Abort));
                Client::Done(Outcome::RolledBack)
            }
            _ if known_not => Client::Done(Outcome::RolledBack),
            _ => Client::Done(Outcome::Unknown),
        };
    }

    /// What became of a gid that was used before: the barrier row decides, or else the coordinator's status.
    fn looks_up(&mut self, model: &Message, client: usize, prepare_refused: bool) {
        use super::Outcome;
        let outcome = match self.barrier {
            Some(Reason::Msg(_)) => Outcome::Repeated,
            Some(Reason::Rollback) if model.has(Bug::GiveUpToldAsRepetition) => Outcome::Repeated,
            Some(Reason::Rollback) => Outcome::GivenUp,
            None if prepare_refused => return self.asks(client, Request::Query, Client::LooksUp),
            None => Outcome::NotStarted,
        };
        self.clients[client] = Client::Done(outcome);
    }

    /// The coordinators show it as failed, and there was no barrier row: before that is told, a row is left.
    fn gives_up_the_gid(&mut self, model: &Message, client: usize) {
        use super::Outcome;
        self.clients[client] = Client::Done(match self.query_prepared(model) {
            Answer::Failure => Outcome::GivenUp,
            Answer::Success => Outcome::Stopped,
            Answer::Ongoing | Answer::Unknown => Outcome::Unknown,
        });
    }

    /// A client waits no longer.
    pub(super) fn gives_up(&mut self, model: &Message, client: usize) {
        match self.clients[client] {
            Client::Prepares => self.looks_up(model, client, false),
            Client::LooksUp => self.clients[client] = Client::Done(super::Outcome::Unknown),
            Client::AwaitsSubmit => self.asks(client, Request::Query, Client::Queries),
            _ => self.clients[client] = Client::Done(super::Outcome::Committed),
        }
    }

    fn asks(&mut self, client: usize, request: Request, then: Client) {
        self.network.insert(Packet::Request(client, request));
        self.clients[client] = then;
    }
}
