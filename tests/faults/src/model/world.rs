//! The world: its state, and what can happen in it.

use std::collections::BTreeSet;

use branchwire::protocol::{Answer, Status};

use super::client::{Client, CommitEnd, Decision};
use super::coordinator::{Coordinator, Row};
use super::{Bug, Limits, Message, NOW};

/// Whom a coordinator calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Query-prepared.
    QueryPrepared,
    /// A branch, by its place.
    Branch(usize),
}

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

/// A packet that was sent. It stays in the network as long as it can matter: never delivered is lost, delivered again is
/// doubled, and there is no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Packet {
    /// From a client, to whichever coordinator.
    Request(usize, Request),
    /// To a client.
    Response(usize, Response),
    /// A coordinator's call; nobody's, if the coordinator no longer waits for the answer.
    Call(Target, Option<usize>),
    /// The answer to the call that this coordinator waits for. (`Answer` as a number: it has no order.)
    Answer(Target, usize, u8),
}

const ANSWERS: [Answer; 3] = [Answer::Success, Answer::Failure, Answer::Ongoing];

impl Packet {
    fn answer(target: Target, name: usize, answer: Answer) -> Self {
        let answer = ANSWERS.iter().position(|a| *a == answer).expect("an unclear answer is none");
        Self::Answer(target, name, u8::try_from(answer).expect("one of three"))
    }
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
    row: bool,
    /// How often its effect was applied.
    pub applied: u8,
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
pub struct World {
    /// The processes of the coordinator.
    pub(super) coordinators: Vec<Coordinator>,
    /// The store's row, durable.
    pub(super) row: Option<Row>,
    /// The clients' processes.
    pub(super) clients: Vec<Client>,
    /// Bank A: the barrier row of the message's local transaction, durable.
    pub(super) barrier: Option<Reason>,
    /// Bank A: whose open transaction holds the place of that row.
    pub(super) lock: Option<usize>,
    /// The databases of the branches.
    pub(super) branches: Vec<BranchDb>,
    /// All that was ever sent.
    pub(super) network: BTreeSet<Packet>,
    /// What was acknowledged.
    pub(super) acknowledged: Acknowledged,
    /// Whether the engine reported an impossible event.
    pub(super) impossible: bool,
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
    /// A call reaches its target, which does what it is asked.
    Serves(Target, Option<usize>),
    /// A call reaches a branch, which refuses or works on it still.
    Declines(Target, usize, Answer),
    /// An answer reaches the coordinator.
    Returns(usize, Target, Answer),
    /// A coordinator waits no longer for an answer.
    TimesOut(usize, Target),
    /// A client's next step of its own.
    Steps(usize, Decision),
    /// A client waits no longer for an answer.
    GivesUp(usize),
    /// A client dies.
    ClientDies(usize),
    /// The journal's queue reaches the disk.
    Flushes(usize),
    /// Waiting messages become due.
    TimeComes,
    /// A coordinator takes the due row from the store.
    Takes(usize),
    /// It runs the message that it took.
    TakesUp(usize),
    /// A coordinator dies, and is started again.
    Dies(usize),
}

impl World {
    /// Before anything has happened.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            coordinators: vec![Coordinator::default(); limits.coordinators],
            row: None,
            clients: vec![Client::Starts; limits.clients],
            barrier: None,
            lock: None,
            branches: vec![BranchDb::default(); limits.branches],
            network: BTreeSet::new(),
            acknowledged: Acknowledged::default(),
            impossible: false,
            faults: limits.faults,
        }
    }

    /// The durable status of the message.
    pub(super) fn status(&self) -> Option<Status> {
        self.row.as_ref().map(|row| row.state.status)
    }

    /// Whether the local transaction has committed.
    pub(super) fn committed(&self) -> bool {
        matches!(self.barrier, Some(Reason::Msg(_)))
    }

    /// Whether it was this client's that has.
    pub(super) fn committed_by(&self, client: usize) -> bool {
        self.barrier == Some(Reason::Msg(client))
    }

    /// What can happen now.
    pub(super) fn actions(&self, actions: &mut Vec<Action>) {
        let faults = self.faults > 0;
        let coordinators = 0..self.coordinators.len();
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
                Packet::Call(target, caller) => {
                    actions.push(Action::Serves(target, caller));
                    if let Some(name) = caller
                        && faults
                        && target != Target::QueryPrepared
                    {
                        let declines = [Answer::Failure, Answer::Ongoing];
                        actions.extend(declines.map(|answer| Action::Declines(target, name, answer)));
                    }
                }
                Packet::Answer(target, name, answer) => {
                    actions.push(Action::Returns(name, target, ANSWERS[usize::from(answer)]));
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
        for (name, coordinator) in self.coordinators.iter().enumerate() {
            if faults {
                actions.extend(coordinator.open.iter().map(|target| Action::TimesOut(name, *target)));
            }
            if coordinator.queued.is_some() {
                actions.push(Action::Flushes(name));
            }
            if coordinator.taken {
                actions.push(Action::TakesUp(name));
            } else if self.row.as_ref().is_some_and(Row::is_due) {
                actions.push(Action::Takes(name));
            }
            if faults {
                actions.push(Action::Dies(name));
            }
        }
        if self.row.as_ref().is_some_and(Row::is_for_later) {
            actions.push(Action::TimeComes);
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
            Action::Answered(client, response) => self.clients[client].hears(response),
            Action::Serves(target, caller) => {
                let answer = match target {
                    Target::QueryPrepared => self.query_prepared(model),
                    Target::Branch(index) => self.apply(model, index),
                };
                if let Some(name) = caller {
                    self.network.insert(Packet::answer(target, name, answer));
                }
            }
            Action::Declines(target, name, answer) => {
                self.fault();
                self.network.insert(Packet::answer(target, name, answer));
            }
            Action::Returns(name, target, answer) => self.returns(model, name, target, answer),
            Action::TimesOut(name, target) => {
                self.fault();
                self.times_out(model, name, target);
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
            Action::Flushes(name) => self.flush(model, name),
            Action::TimeComes => self.time_comes(),
            Action::Takes(name) => self.take(name),
            Action::TakesUp(name) => self.take_up(model, name),
            Action::Dies(name) => {
                self.fault();
                self.coordinator_dies(model, name);
            }
        }
        self.tidy(model);
    }

    /// Removes packets that can make no difference any more, so that equivalent worlds are equal.
    fn tidy(&mut self, model: &Message) {
        let Self { coordinators, clients, barrier, branches, network, .. } = self;
        let awaited = |target, name: usize| coordinators[name].open.contains(&target);
        let applied = |target| match target {
            Target::QueryPrepared => barrier.is_some(),
            Target::Branch(index) => branches[index].row && !model.has(Bug::BranchSkipsItsRow),
        };
        let packets = std::mem::take(network).into_iter().filter_map(|packet| match packet {
            Packet::Response(client, response) => clients[client].waits_for(response).then_some(packet),
            Packet::Answer(target, name, _) => awaited(target, name).then_some(packet),
            Packet::Call(target, Some(name)) if awaited(target, name) => Some(packet),
            // Its answer counts no more, but its effect does.
            Packet::Call(target, _) => (!applied(target)).then_some(Packet::Call(target, None)),
            Packet::Request(..) => Some(packet),
        });
        *network = packets.collect();
    }

    fn fault(&mut self) {
        if self.faults != Limits::ANY {
            self.faults -= 1;
        }
    }

    /// A coordinator waits no longer.
    pub(super) fn times_out(&mut self, model: &Message, name: usize, target: Target) {
        let is_question = target == Target::QueryPrepared;
        let wrong = is_question && model.has(Bug::UnknownIsFailure);
        self.returns(model, name, target, if wrong { Answer::Failure } else { Answer::Unknown });
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

    /// A branch's barrier: row and effect in one transaction.
    fn apply(&mut self, model: &Message, index: usize) -> Answer {
        let branch = &mut self.branches[index];
        if !branch.row || model.has(Bug::BranchSkipsItsRow) {
            *branch = BranchDb { row: true, applied: (branch.applied + 1).min(2) };
        }
        Answer::Success
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
