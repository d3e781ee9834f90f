//! The world of a saga or a TCC: its state, and what can happen in it.

use std::collections::BTreeSet;

use branchwire::protocol::{Answer, Status};
use branchwire_coordinator::engine::Event;

use super::super::Limits;
use super::super::calls::{self, Act};
use super::super::coordinator::{Done, Service, Target};
use super::{Bug, Pairs, Pattern};

/// What the client asks of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// Record it.
    Prepare,
    /// Add this branch.
    Register(usize),
    /// Carry it out.
    Submit,
    /// Roll it back.
    Abort,
}

/// A packet that was sent. As in the world of a message, it stays as long as it can matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Packet {
    /// From the client, to whichever coordinator.
    Request(Request),
    /// To the client: whether it was accepted.
    Response(Request, bool),
    /// The client calls the try of a branch.
    Try(usize),
    /// The answer of a try: whether it was done.
    Tried(usize, bool),
}

/// The mark of a first half, an action or a try, in its service's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Mark {
    /// None yet.
    #[default]
    None,
    /// It was applied.
    Applied,
    /// Its second half, to undo, came first: it never will be applied.
    Blocked,
}

/// A service's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct BranchDb {
    /// Its action or try.
    pub(super) first: Mark,
    /// Whether it was compensated or cancelled.
    pub(super) undo: bool,
    /// Whether the first half was applied only after that.
    late: bool,
    /// Whether it was confirmed.
    pub(super) confirm: bool,
}

impl BranchDb {
    /// Whether its first half is applied, and not undone.
    pub(super) fn stands(self) -> bool {
        self.first == Mark::Applied && (!self.undo || self.late)
    }
}

/// The client's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// Nothing was sent yet.
    Starts,
    /// Waits for the response to this.
    Awaits(Request),
    /// Waits for the answer of this branch's try.
    Tries(usize),
    /// It has returned.
    Done(Outcome),
    /// The process is gone.
    Dead,
}

/// What the client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// Nothing that matters: it was not begun.
    NotStarted,
    /// It was submitted.
    Submitted,
    /// It was rolled back, or is being rolled back.
    Undone,
    /// Not known.
    Unknown,
}

/// What coordinators have acknowledged so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Acknowledged {
    pub(super) submit: bool,
    pub(super) abort: bool,
}

/// A state of the world.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub(super) service: Service,
    pub(super) client: Client,
    pub(super) branches: Vec<BranchDb>,
    network: BTreeSet<Packet>,
    pub(super) acknowledged: Acknowledged,
    /// How much may still go wrong.
    faults: u8,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A request reaches a coordinator.
    Hears(usize, Request),
    /// A response reaches the client.
    Answered(Request, bool),
    /// A try reaches its service, which does it.
    IsTried(usize),
    /// A try reaches its service, which refuses.
    TryIsRefused(usize),
    /// The answer of a try reaches the client.
    Tried(usize, bool),
    /// Something happens at the coordinators.
    Acts(Act),
    /// The client begins; or it changes its mind about a submitted saga.
    Steps,
    /// The client waits no longer.
    GivesUp,
    /// The client dies.
    ClientDies,
}

impl World {
    /// Before anything has happened.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            service: Service::new(limits.coordinators),
            client: Client::Starts,
            branches: vec![BranchDb::default(); limits.branches],
            network: BTreeSet::new(),
            acknowledged: Acknowledged::default(),
            faults: limits.faults,
        }
    }

    /// The durable status.
    pub(super) fn status(&self) -> Option<Status> {
        self.service.status()
    }

    /// Whether this holds for one of the branches.
    pub(super) fn any(&self, holds: impl Fn(&BranchDb) -> bool) -> bool {
        self.branches.iter().any(holds)
    }

    /// All packets in flight get lost.
    pub(super) fn lose_packets(&mut self) {
        self.network.clear();
        self.service.network.clear();
    }

    /// What can happen now.
    pub(super) fn actions(&self, model: &Pairs, actions: &mut Vec<Action>) {
        let faults = self.faults > 0;
        for packet in &self.network {
            match *packet {
                Packet::Request(request) => {
                    actions.extend((0..self.service.coordinators.len()).map(|name| Action::Hears(name, request)));
                }
                Packet::Response(request, accepted) => actions.push(Action::Answered(request, accepted)),
                Packet::Try(branch) => {
                    actions.push(Action::IsTried(branch));
                    if faults && self.branches[branch].first == Mark::None {
                        actions.push(Action::TryIsRefused(branch));
                    }
                }
                Packet::Tried(branch, done) => actions.push(Action::Tried(branch, done)),
            }
        }
        let changes_its_mind = model.pattern == Pattern::Saga && self.client == Client::Done(Outcome::Submitted);
        if self.client == Client::Starts || (faults && changes_its_mind) {
            actions.push(Action::Steps);
        }
        if faults && matches!(self.client, Client::Awaits(_) | Client::Tries(_)) {
            actions.extend([Action::GivesUp, Action::ClientDies]);
        }
        let happens = |act: &Act| match act {
            // A service that has applied an action does not refuse it later.
            Act::Declines(target, _, Answer::Failure) => faults && self.mark_of(model, *target) != Some(Mark::Applied),
            act => faults || !act.is_fault(),
        };
        actions.extend(self.service.acts().into_iter().filter(happens).map(Action::Acts));
    }

    /// Lets it happen.
    pub(super) fn act(&mut self, model: &Pairs, action: Action) {
        let is_fault = match action {
            Action::Acts(act) => act.is_fault(),
            Action::TryIsRefused(_) | Action::GivesUp | Action::ClientDies => true,
            Action::Steps => self.client != Client::Starts,
            _ => false,
        };
        if is_fault && self.faults != Limits::ANY {
            self.faults -= 1;
        }
        match action {
            Action::Hears(name, request) => self.hears(model, name, request),
            Action::Answered(request, accepted) => self.answered(model, request, accepted),
            Action::IsTried(branch) => {
                let done = self.does_first(branch);
                self.network.insert(Packet::Tried(branch, done));
            }
            Action::TryIsRefused(branch) => drop(self.network.insert(Packet::Tried(branch, false))),
            Action::Tried(branch, done) => self.tried(model, branch, done),
            Action::Acts(act) => calls::happen(self, model, act),
            Action::Steps if self.client == Client::Starts => self.asks(match model.pattern {
                Pattern::Saga => Request::Submit,
                Pattern::Tcc => Request::Prepare,
            }),
            Action::Steps => self.asks(Request::Abort),
            Action::GivesUp => self.gives_up(model),
            Action::ClientDies => self.client = Client::Dead,
        }
        self.tidy(model);
    }

    /// Removes packets that can make no difference any more, so that equivalent worlds are equal.
    fn tidy(&mut self, model: &Pairs) {
        let Self { service, client, branches, network, .. } = self;
        service.tidy(|target| matters(model, branches, target));
        network.retain(|packet| match *packet {
            Packet::Response(request, _) => *client == Client::Awaits(request),
            Packet::Tried(branch, _) => *client == Client::Tries(branch),
            Packet::Try(branch) => *client == Client::Tries(branch) || branches[branch].first == Mark::None,
            Packet::Request(_) => true,
        });
    }

    fn hears(&mut self, model: &Pairs, name: usize, request: Request) {
        let event = match request {
            Request::Prepare => Event::Prepare,
            Request::Register(branch) => {
                let all = &model.rules.definitions.last().expect("a transaction").branches;
                let rows = all[2 * branch..2 * branch + 2].to_vec();
                Event::RegisterBranch { branch_id: rows[0].branch_id.clone(), rows }
            }
            Request::Submit => Event::Submit,
            Request::Abort => Event::Abort { reason: String::new() },
        };
        let accepted = match self.service.event(&model.rules, name, &event) {
            Done::Accepted => true,
            Done::Refused => false,
            Done::Nothing => return,
        };
        self.acknowledged.submit |= accepted && request == Request::Submit;
        self.acknowledged.abort |= accepted && request == Request::Abort;
        self.network.insert(Packet::Response(request, accepted));
    }

    /// The client gets a response.
    fn answered(&mut self, model: &Pairs, request: Request, accepted: bool) {
        match (request, accepted) {
            (Request::Prepare, true) => self.asks(Request::Register(0)),
            (Request::Prepare, false) => self.client = Client::Done(Outcome::NotStarted),
            (Request::Register(branch), true) => {
                self.network.insert(Packet::Try(branch));
                self.client = Client::Tries(branch);
            }
            (Request::Register(_), false) => self.asks(Request::Abort),
            (Request::Submit, true) => self.client = Client::Done(Outcome::Submitted),
            // It was cancelled before; or this is the answer to a copy of the submit that came after the end. The client asks.
            (Request::Submit, false) => {
                let is_undone = matches!(self.status(), Some(Status::Aborting | Status::Failed));
                self.client = Client::Done(if is_undone { Outcome::Undone } else { Outcome::Submitted });
            }
            (Request::Abort, true) => self.client = Client::Done(Outcome::Undone),
            (Request::Abort, false) if model.pattern == Pattern::Tcc => self.client = Client::Done(Outcome::Undone),
            (Request::Abort, false) => self.client = Client::Done(Outcome::Unknown),
        }
    }

    /// The client gets the answer of a try. It submits only if all were done.
    fn tried(&mut self, model: &Pairs, branch: usize, done: bool) {
        if !done && !model.has(Bug::ConfirmWithoutTry) {
            self.asks(Request::Abort);
        } else if branch + 1 < self.branches.len() {
            self.asks(Request::Register(branch + 1));
        } else {
            self.asks(Request::Submit);
        }
    }

    /// The client waits no longer.
    pub(super) fn gives_up(&mut self, model: &Pairs) {
        match self.client {
            Client::Tries(branch) => self.tried(model, branch, false),
            Client::Awaits(Request::Register(_)) => self.asks(Request::Abort),
            Client::Awaits(Request::Prepare) => self.client = Client::Done(Outcome::NotStarted),
            // It never submits now, so it is cancelled at the latest by its timeout.
            Client::Awaits(Request::Abort) if model.pattern == Pattern::Tcc => {
                self.client = Client::Done(Outcome::Undone);
            }
            Client::Awaits(Request::Submit | Request::Abort) => self.client = Client::Done(Outcome::Unknown),
            Client::Starts | Client::Done(_) | Client::Dead => {}
        }
    }

    fn asks(&mut self, request: Request) {
        self.network.insert(Packet::Request(request));
        self.client = Client::Awaits(request);
    }

    /// The mark of the action that is called; `None` if no action is.
    fn mark_of(&self, model: &Pairs, target: Target) -> Option<Mark> {
        let (branch, is_second) = row_of(target);
        (is_second && model.pattern == Pattern::Saga).then(|| self.branches[branch].first)
    }

    /// A first half, behind its barrier: whether it is done.
    pub(super) fn does_first(&mut self, branch: usize) -> bool {
        let branch = &mut self.branches[branch];
        if branch.first == Mark::None {
            branch.first = Mark::Applied;
            branch.late = branch.undo;
        }
        branch.first == Mark::Applied
    }
}

/// The branch of a row, and whether the row is its second one.
pub(super) fn row_of(target: Target) -> (usize, bool) {
    match target {
        Target::Branch(row) => (row / 2, row % 2 == 1),
        Target::QueryPrepared => unreachable!("only messages have one"),
    }
}

/// Whether a call can still have an effect.
fn matters(model: &Pairs, branches: &[BranchDb], target: Target) -> bool {
    let (branch, is_second) = row_of(target);
    let branch = branches[branch];
    match (is_second, model.pattern) {
        (false, _) => !branch.undo,
        (true, Pattern::Saga) => branch.first == Mark::None,
        (true, Pattern::Tcc) => !branch.confirm,
    }
}
