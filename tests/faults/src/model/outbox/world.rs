//! The world of an outbox: its state, and what can happen in it.

use std::collections::BTreeSet;

use branchwire::Prepared;
use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use branchwire_coordinator::engine::Event;

use super::super::Limits;
use super::super::calls::{self, Act};
use super::super::coordinator::{Done, Service, Target};
use super::super::world::BranchDb;
use super::{Bug, Outbox};

/// Who submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// A sender, after its commit.
    Sender(usize),
    /// A relay.
    Relay(usize),
}

/// A packet that was sent. As in the world of a message, it stays as long as it can matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Packet {
    /// To whichever coordinator; nobody's, if the party no longer waits for the response.
    Submit(Option<Party>),
    /// Whether it was accepted.
    Submitted(Party, bool),
    /// To whichever coordinator: what is its status?
    Query(Party),
    /// Its status.
    Stands(Party, Option<Status>),
}

/// A sender's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// Nothing was done yet.
    Starts,
    /// Its transaction is open, with the row in it.
    InTransaction,
    /// Its COMMIT has no answer; it asks its own database.
    Doubts,
    /// Committed; about to submit.
    Submits,
    /// Waits for the response to its submit.
    AwaitsSubmit,
    /// Waits for the status, since the submit had no clear response.
    Queries,
    /// `send_with` has returned.
    Done(Outcome),
    /// The process is gone.
    Dead,
}

/// What `send_with` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// Rolled back; nothing was written.
    RolledBack,
    /// Committed and submitted.
    Submitted,
    /// Committed; it will be sent.
    Committed,
    /// An earlier call with this gid has committed.
    Repeated,
    /// Committed earlier, and aside.
    Stopped,
    /// The gid was given up earlier.
    GivenUp,
    /// Not known.
    Unknown,
}

/// What a relay is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Relay {
    /// Nothing.
    Idle,
    /// It has taken the row, and waits for the response to its submit.
    AwaitsSubmit,
    /// It waits for the status, since the submit had no clear response.
    Queries,
}

/// A next step of a sender of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next thing.
    GoOn,
    /// The business says no.
    RollBack,
    /// The business says yes, and it commits.
    Commit,
    /// The database refuses the commit.
    CommitRefused,
    /// The COMMIT is on its way, and its answer is lost.
    CommitUnheard,
    /// Its question to its own database has an effect, and the answer is lost.
    AskUnheard,
    /// It answers its caller at the commit, before its submit. (Without `at_commit`, or without a place for a submit that
    /// nobody waits for, it does not.)
    Answer,
}

impl Step {
    const fn is_fault(self) -> bool {
        matches!(self, Self::CommitRefused | Self::CommitUnheard | Self::AskUnheard)
    }
}

/// The outbox row, durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct OutboxRow {
    state: OutboxState,
    /// Whether it is its sender's, or a relay's, for a time.
    leased: bool,
}

/// A transaction that is open, with the row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Open {
    sender: usize,
    /// Its COMMIT is on its way, whatever becomes of the sender.
    commits: bool,
}

/// How old the row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Age {
    /// It may be sent.
    Young,
    /// Too old to be sent.
    Old,
    /// So old that the barrier rows of its branches are removed.
    Swept,
}

/// A state of the world.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub(super) service: Service,
    pub(super) senders: Vec<Sender>,
    pub(super) relays: Vec<Relay>,
    row: Option<OutboxRow>,
    open: Option<Open>,
    /// Which senders' transactions have committed.
    pub(super) commits: Vec<bool>,
    /// Which senders' callers were told that it has committed before its submit.
    pub(super) answered: Vec<bool>,
    pub(super) branches: Vec<BranchDb>,
    network: BTreeSet<Packet>,
    /// Whether a process knows of an acknowledgement, and has not noted it in the row yet.
    pub(super) to_note: bool,
    pub(super) age: Age,
    /// Whether the coordinators have forgotten it, after it had ended.
    pub(super) forgotten: bool,
    /// Whether a COMMIT had no answer.
    pub(super) doubted: bool,
    /// How much may still go wrong.
    faults: u8,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A submit reaches a coordinator.
    Hears(usize, Option<Party>),
    /// The response to a submit reaches the party.
    Answered(Party, bool),
    /// A question for the status is answered.
    Asked(Party),
    /// The status reaches the party.
    Told(Party, Option<Status>),
    /// Something happens at the coordinators.
    Acts(Act),
    /// A sender's next step of its own.
    Steps(usize, Step),
    /// A COMMIT that was on its way reaches the database.
    CommitArrives,
    /// It does not.
    CommitIsLost,
    /// A relay takes the row, to send it.
    Claims(usize),
    /// A lease ends, or the row is put back.
    LeaseEnds,
    /// A sender or a relay waits no longer for a response.
    GivesUp(Party),
    /// A sender dies, or a relay, which is started again.
    PartyDies(Party),
    /// The acknowledgement is noted in the row.
    Notes,
    /// The process that was to note it dies.
    NoteIsLost,
    /// The coordinators remove the message, which ended long ago.
    Forgets,
    /// Days pass: the row is now too old to be sent.
    Ages,
    /// Two more days pass: the barrier rows of the branches are removed, and no packet lives so long.
    Sweeps,
}

impl Action {
    /// Whether something goes wrong in it.
    const fn is_fault(self) -> bool {
        match self {
            Self::Steps(_, step) => step.is_fault(),
            Self::Acts(act) => act.is_fault(),
            Self::GivesUp(_) | Self::PartyDies(_) | Self::NoteIsLost => true,
            _ => false,
        }
    }
}

impl World {
    /// Before anything has happened.
    pub(super) fn new(limits: &Limits, relays: usize) -> Self {
        Self {
            service: Service::new(limits.coordinators),
            senders: vec![Sender::Starts; limits.clients],
            relays: vec![Relay::Idle; relays],
            row: None,
            open: None,
            commits: vec![false; limits.clients],
            answered: vec![false; limits.clients],
            branches: vec![BranchDb::default(); limits.branches],
            network: BTreeSet::new(),
            to_note: false,
            age: Age::Young,
            forgotten: false,
            doubted: false,
            faults: limits.faults,
        }
    }

    /// The durable status of the message.
    pub(super) fn status(&self) -> Option<Status> {
        self.service.status()
    }

    /// Whether the row is there, in this state.
    pub(super) fn row_is(&self, state: OutboxState) -> bool {
        self.row.is_some_and(|row| row.state == state)
    }

    /// Whether the branches are called until they have succeeded, or have succeeded before the coordinators forgot it.
    pub(super) fn is_carried_out(&self) -> bool {
        matches!(self.status(), Some(Status::Submitted | Status::Succeed))
            || self.forgotten && self.branches.iter().all(|branch| branch.applied == 1)
    }

    /// All packets in flight get lost.
    pub(super) fn lose_packets(&mut self) {
        self.network.clear();
        self.service.network.clear();
    }

    /// Whether a party waits for a response, and its request is on its way.
    pub(super) fn has_asked(&self, party: Party) -> Option<Action> {
        if self.network.contains(&Packet::Submit(Some(party))) {
            Some(Action::Hears(0, Some(party)))
        } else {
            self.network.contains(&Packet::Query(party)).then_some(Action::Asked(party))
        }
    }

    /// The response that is on its way to a party.
    pub(super) fn response_to(&self, party: Party) -> Option<Action> {
        self.network.iter().find_map(|packet| match *packet {
            Packet::Submitted(to, accepted) if to == party => Some(Action::Answered(to, accepted)),
            Packet::Stands(to, status) if to == party => Some(Action::Told(to, status)),
            _ => None,
        })
    }

    /// Whether a party waits for the response to its submit.
    fn awaits_submit(&self, party: Party) -> bool {
        match party {
            Party::Sender(sender) => self.senders[sender] == Sender::AwaitsSubmit,
            Party::Relay(relay) => self.relays[relay] == Relay::AwaitsSubmit,
        }
    }

    /// Whether a party waits for the status.
    fn queries(&self, party: Party) -> bool {
        match party {
            Party::Sender(sender) => self.senders[sender] == Sender::Queries,
            Party::Relay(relay) => self.relays[relay] == Relay::Queries,
        }
    }

    /// Whether a party waits for a coordinator.
    pub(super) fn waits(&self, party: Party) -> bool {
        self.awaits_submit(party) || self.queries(party)
    }

    /// All senders and relays.
    pub(super) fn parties(&self) -> impl Iterator<Item = Party> + use<> {
        (0..self.senders.len()).map(Party::Sender).chain((0..self.relays.len()).map(Party::Relay))
    }

    /// The possible next steps of a sender of its own.
    fn steps_of(&self, sender: usize) -> &'static [Step] {
        let is_free = self.open.is_none();
        match self.senders[sender] {
            // The insert of the row waits for an open transaction.
            Sender::Starts if !is_free => &[],
            Sender::InTransaction => &[Step::Commit, Step::RollBack, Step::CommitRefused, Step::CommitUnheard],
            Sender::Doubts if is_free && self.row.is_none() => &[Step::GoOn, Step::AskUnheard],
            Sender::Submits if !self.answered[sender] => &[Step::GoOn, Step::Answer],
            Sender::Starts | Sender::Submits | Sender::Doubts => &[Step::GoOn],
            Sender::AwaitsSubmit | Sender::Queries | Sender::Done(_) | Sender::Dead => &[],
        }
    }

    /// What can happen now.
    pub(super) fn actions(&self, model: &Outbox, actions: &mut Vec<Action>) {
        self.packets_arrive(actions);
        self.parties_act(model, actions);
        actions.extend(self.service.acts().into_iter().map(Action::Acts));
        if model.limits.forgets {
            self.days_pass(actions);
        }
        if self.faults == 0 {
            actions.retain(|action| !action.is_fault());
        }
    }

    fn packets_arrive(&self, actions: &mut Vec<Action>) {
        for packet in &self.network {
            match *packet {
                Packet::Submit(party) => {
                    actions.extend((0..self.service.coordinators.len()).map(|name| Action::Hears(name, party)));
                }
                Packet::Submitted(party, accepted) => actions.push(Action::Answered(party, accepted)),
                Packet::Query(party) => actions.push(Action::Asked(party)),
                Packet::Stands(party, status) => actions.push(Action::Told(party, status)),
            }
        }
    }

    fn parties_act(&self, model: &Outbox, actions: &mut Vec<Action>) {
        for (sender, state) in self.senders.iter().enumerate() {
            actions.extend(self.steps_of(sender).iter().map(|step| Action::Steps(sender, *step)));
            if model.has(Bug::AnsweredBeforeCommit) && *state == Sender::Doubts {
                actions.push(Action::Steps(sender, Step::Answer));
            }
            if !matches!(state, Sender::Starts | Sender::Done(_) | Sender::Dead) {
                actions.push(Action::PartyDies(Party::Sender(sender)));
            }
        }
        actions.extend(self.parties().filter(|party| self.waits(*party)).map(Action::GivesUp));
        if self.open.is_some_and(|open| open.commits) {
            actions.extend([Action::CommitArrives, Action::CommitIsLost]);
        }
        let waits = self.row.is_some_and(|row| row.state == OutboxState::Waiting && !row.leased);
        let sees_open = model.has(Bug::SentFromOpenTransaction) && self.open.is_some() && self.row.is_none();
        for (relay, state) in self.relays.iter().enumerate() {
            if *state != Relay::Idle {
                actions.push(Action::PartyDies(Party::Relay(relay)));
            } else if waits || sees_open {
                actions.push(Action::Claims(relay));
            }
        }
        if self.row.is_some_and(|row| row.leased) && !model.has(Bug::LeaseNeverEnds) {
            actions.push(Action::LeaseEnds);
        }
        if self.to_note {
            actions.extend([Action::Notes, Action::NoteIsLost]);
        }
    }

    fn days_pass(&self, actions: &mut Vec<Action>) {
        let has_ended = self.status().is_none_or(Status::is_final) && self.service.is_at_rest();
        if has_ended && self.status().is_some() {
            actions.push(Action::Forgets);
        }
        if self.age == Age::Young && self.row_is(OutboxState::Waiting) {
            actions.push(Action::Ages);
        }
        let is_between_steps = |sender: &Sender| !matches!(sender, Sender::Starts | Sender::Done(_) | Sender::Dead);
        let at_rest = !self.senders.iter().any(is_between_steps)
            && self.relays.iter().all(|relay| *relay == Relay::Idle)
            && !self.to_note
            && self.open.is_none();
        if self.age == Age::Old && has_ended && at_rest {
            actions.push(Action::Sweeps);
        }
    }

    /// Lets it happen.
    pub(super) fn act(&mut self, model: &Outbox, action: Action) {
        if action.is_fault() && self.faults != Limits::ANY {
            self.faults -= 1;
        }
        match action {
            Action::Hears(name, party) => self.hears(model, name, party),
            Action::Answered(party, true) => self.is_acknowledged(party),
            Action::Answered(party, false) => self.asks(party),
            Action::Asked(party) => drop(self.network.insert(Packet::Stands(party, self.status()))),
            Action::Told(party, status) => self.is_told(party, status),
            Action::Acts(act) => calls::happen(self, model, act),
            Action::Steps(sender, Step::Answer) => self.answers(model, sender),
            Action::Steps(sender, step) => self.steps(model, sender, step),
            Action::CommitArrives => self.commit_arrives(),
            Action::CommitIsLost => self.open = None,
            Action::Claims(relay) => self.claims(model, relay),
            Action::LeaseEnds => self.row = self.row.map(|row| OutboxRow { leased: false, ..row }),
            Action::GivesUp(party) => self.gives_up(party),
            Action::PartyDies(party) => self.dies(party),
            Action::Notes => self.notes(model),
            Action::NoteIsLost => self.to_note = false,
            Action::Forgets => {
                self.service.forgets();
                self.forgotten = true;
            }
            Action::Ages => self.age = Age::Old,
            Action::Sweeps => {
                self.age = Age::Swept;
                self.lose_packets();
                self.branches.iter_mut().for_each(|branch| branch.row = false);
            }
        }
        self.tidy();
    }

    /// Removes packets that can make no difference any more, so that equivalent worlds are equal.
    fn tidy(&mut self) {
        let Self { service, branches, .. } = self;
        service.tidy(|target| !branches[branch_of(target)].row);
        let packets = std::mem::take(&mut self.network).into_iter().filter_map(|packet| match packet {
            // Its response counts no more, but its effect does.
            Packet::Submit(Some(party)) if !self.awaits_submit(party) => Some(Packet::Submit(None)),
            Packet::Submit(_) => Some(packet),
            Packet::Submitted(party, _) => self.awaits_submit(party).then_some(packet),
            Packet::Query(party) | Packet::Stands(party, _) => self.queries(party).then_some(packet),
        });
        let packets: BTreeSet<_> = packets.collect();
        self.network = packets;
    }

    /// A submit reaches a coordinator.
    fn hears(&mut self, model: &Outbox, name: usize, party: Option<Party>) {
        let accepted = match self.service.event(&model.rules, name, &Event::Submit) {
            Done::Accepted => true,
            Done::Refused => false,
            Done::Nothing => return,
        };
        self.network.extend(party.map(|party| Packet::Submitted(party, accepted)));
    }

    /// A party is told that the coordinators have it.
    fn is_acknowledged(&mut self, party: Party) {
        self.to_note = true;
        match party {
            Party::Sender(sender) => self.senders[sender] = Sender::Done(Outcome::Submitted),
            Party::Relay(relay) => self.relays[relay] = Relay::Idle,
        }
    }

    /// A party asks for the status, since it has no clear response.
    fn asks(&mut self, party: Party) {
        self.network.insert(Packet::Query(party));
        match party {
            Party::Sender(sender) => self.senders[sender] = Sender::Queries,
            Party::Relay(relay) => self.relays[relay] = Relay::Queries,
        }
    }

    fn is_told(&mut self, party: Party, status: Option<Status>) {
        match status {
            Some(Status::Succeed | Status::Submitted | Status::Aborting) => self.is_acknowledged(party),
            Some(Status::Failed) => {
                self.row = self.row.map(|_| OutboxRow { state: OutboxState::Aside, leased: false });
                self.leaves(party);
            }
            Some(Status::Prepared) | None => self.leaves(party),
        }
    }

    /// A party waits no longer.
    pub(super) fn gives_up(&mut self, party: Party) {
        if self.awaits_submit(party) { self.asks(party) } else { self.leaves(party) }
    }

    /// A party leaves the row to whoever takes it next.
    fn leaves(&mut self, party: Party) {
        match party {
            Party::Sender(sender) => self.senders[sender] = Sender::Done(Outcome::Committed),
            Party::Relay(relay) => self.relays[relay] = Relay::Idle,
        }
    }

    fn dies(&mut self, party: Party) {
        match party {
            Party::Sender(sender) => {
                self.senders[sender] = Sender::Dead;
                self.open = self.open.filter(|open| open.sender != sender || open.commits);
            }
            Party::Relay(relay) => self.relays[relay] = Relay::Idle,
        }
    }

    /// What a sender does of its own.
    pub(super) fn steps(&mut self, model: &Outbox, sender: usize, step: Step) {
        self.senders[sender] = match (self.senders[sender], step) {
            (Sender::Starts, _) => match self.row.map(|row| row.state) {
                Some(OutboxState::Waiting | OutboxState::Sent) => Sender::Done(Outcome::Repeated),
                Some(OutboxState::Aside) => Sender::Done(Outcome::Stopped),
                Some(OutboxState::RolledBack) if model.has(Bug::GiveUpToldAsRepetition) => {
                    Sender::Done(Outcome::Repeated)
                }
                Some(OutboxState::RolledBack) => Sender::Done(Outcome::GivenUp),
                None => {
                    self.open = Some(Open { sender, commits: false });
                    Sender::InTransaction
                }
            },
            (Sender::InTransaction, Step::Commit) => {
                self.commit_arrives();
                Sender::Submits
            }
            (Sender::InTransaction, Step::CommitUnheard) => {
                self.open = Some(Open { sender, commits: true });
                self.doubted = true;
                Sender::Doubts
            }
            // Nothing was written, and nobody else knows of this gid.
            (Sender::InTransaction, _) => {
                self.open = None;
                Sender::Done(Outcome::RolledBack)
            }
            (Sender::Doubts, step) => match self.decides() {
                _ if step == Step::AskUnheard => Sender::Done(Outcome::Unknown),
                Prepared::Committed => Sender::Submits,
                Prepared::RolledBack => Sender::Done(Outcome::RolledBack),
                Prepared::Ongoing => Sender::Done(Outcome::Unknown),
            },
            (Sender::Submits, _) => {
                self.network.insert(Packet::Submit(Some(Party::Sender(sender))));
                Sender::AwaitsSubmit
            }
            (other, step) => unreachable!("{other:?} does not do {step:?}"),
        };
    }

    /// A sender of `at_commit` tells its caller that it has committed; its submit is still to come.
    fn answers(&mut self, model: &Outbox, sender: usize) {
        self.answered[sender] = true;
        if model.has(Bug::MarkedWhenAnswered) {
            self.row = self.row.map(|_| OutboxRow { state: OutboxState::Sent, leased: false });
        }
    }

    /// The sender's database says whether its transaction has committed; one that has not never will.
    fn decides(&mut self) -> Prepared {
        if self.open.is_some() {
            return Prepared::Ongoing;
        }
        let row = self.row.get_or_insert(OutboxRow { state: OutboxState::RolledBack, leased: false });
        row.state.decides()
    }

    /// The open transaction commits, with its row.
    pub(super) fn commit_arrives(&mut self) {
        if let Some(open) = self.open.take() {
            self.row = Some(OutboxRow { state: OutboxState::Waiting, leased: true });
            self.commits[open.sender] = true;
        }
    }

    /// A relay takes the row, and submits; or it puts the row aside.
    fn claims(&mut self, model: &Outbox, relay: usize) {
        if self.age != Age::Young && !model.has(Bug::SentAtAnyAge) {
            self.row = Some(OutboxRow { state: OutboxState::Aside, leased: false });
            return;
        }
        if let Some(row) = &mut self.row {
            row.leased = true;
            if model.has(Bug::MarkedBeforeAcknowledged) {
                *row = OutboxRow { state: OutboxState::Sent, leased: false };
            }
        }
        self.relays[relay] = Relay::AwaitsSubmit;
        self.network.insert(Packet::Submit(Some(Party::Relay(relay))));
    }

    /// The acknowledgement is noted.
    fn notes(&mut self, model: &Outbox) {
        self.to_note = false;
        if self.row_is(OutboxState::Waiting) {
            let sent = OutboxRow { state: OutboxState::Sent, leased: false };
            self.row = (!model.has(Bug::RemovedWhenSent)).then_some(sent);
        }
    }
}

/// The branch that is called.
pub(super) fn branch_of(target: Target) -> usize {
    match target {
        Target::Branch(index) => index,
        Target::QueryPrepared => unreachable!("a message of an outbox has none"),
    }
}
