//! The model check: the coordinator's real engine, in a small world, through every order of events.
//!
//! The engine is the real one, called as the runner calls it. The world around it is a model: a network that loses,
//! doubles and reorders, a client that runs `do_and_submit`, the bank's barrier row, branches, a store with one row,
//! and processes that die and come back. Stateright visits each state of it that can be reached within [`Limits`].
//!
//! Time is "due" or "not due": after each step the moments in a state are rounded to one of the two. What a database does
//! to keep a barrier row apart is not modelled; that is tested on the databases.

mod calls;
mod client;
mod coordinator;
mod course;
mod drive;
pub mod outbox;
pub mod pairs;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use branchwire::protocol::{BranchId, Gid, Op, Status, TransType, TransactionOptions};
use branchwire_coordinator::engine::{BranchOp, Defaults, Definition, Protocol, Time, Timing};
use bytes::Bytes;
use stateright::{Checker, HasDiscoveries, Model, Property};

pub use calls::Act;
pub use coordinator::Target;
pub use world::{Action, World};

use self::client::{Client, Outcome};
use self::coordinator::{Flaw, Rules};
use self::course::WithMessage;
use self::world::Reason;

/// The one moment that the model knows as the present.
const NOW: Time = Time::from_millis(1_000_000_000);

/// The moment that stands for everything after the present; far enough for any lease.
fn later() -> Time {
    NOW.after(Duration::from_hours(1))
}

/// What is to be explored: how large the world is, and how much may go wrong in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The branches of the message.
    pub branches: usize,
    /// Whether they are called at once.
    pub concurrent: bool,
    /// Coordinators that share the store.
    pub coordinators: usize,
    /// Clients that send the message, all under one gid.
    pub clients: usize,
    /// Whether the coordinators forget the message once it has ended, as they do at the end of their retention.
    pub forgets: bool,
    /// Whether an administrator may end the message while it is prepared, whatever its local transaction does.
    pub stops: bool,
    /// How often something goes wrong: a process dies, a call or a commit has no clear answer, a branch refuses.
    ///
    /// Packets are lost, doubled and reordered without limit in any case.
    pub faults: u8,
}

impl Limits {
    /// No limit: all of the world is visited.
    pub const ANY: u8 = u8::MAX;

    /// One client, one coordinator, and any number of faults.
    pub const fn small(branches: usize) -> Self {
        let (concurrent, forgets, stops) = (false, false, false);
        Self { branches, concurrent, coordinators: 1, clients: 1, forgets, stops, faults: Self::ANY }
    }
}

/// A seeded bug: a check that does not find it proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The coordinator acknowledges, and calls branches, before the row is durable.
    AcknowledgeBeforeDurable,
    /// Query-prepared answers "not committed" without leaving its barrier row.
    QueryPreparedLeavesNoRow,
    /// For the coordinator a query-prepared with an unknown answer counts as a no.
    UnknownIsFailure,
    /// The coordinator's restart forgets due transactions.
    RestartDropsDue,
    /// The branch's barrier never finds its own row.
    BranchSkipsItsRow,
    /// The client aborts a refused message without leaving the barrier row.
    AbortLeavesNoRow,
    /// The store changes a row without checking its owner and status.
    WriteWithoutCondition,
    /// A client whose gid was given up earlier is told that it has committed earlier.
    GiveUpToldAsRepetition,
    /// A client is told that its gid was given up because the coordinator shows it as failed: its barrier has no row.
    GiveUpWithoutRow,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AcknowledgeBeforeDurable,
        Self::QueryPreparedLeavesNoRow,
        Self::UnknownIsFailure,
        Self::RestartDropsDue,
        Self::BranchSkipsItsRow,
        Self::AbortLeavesNoRow,
        Self::WriteWithoutCondition,
        Self::GiveUpToldAsRepetition,
        Self::GiveUpWithoutRow,
    ];

    /// Whether it is one of the coordinators or their store.
    const fn flaw(self) -> Option<Flaw> {
        match self {
            Self::AcknowledgeBeforeDurable => Some(Flaw::AcknowledgesBeforeDurable),
            Self::UnknownIsFailure => Some(Flaw::UnknownIsNo),
            Self::RestartDropsDue => Some(Flaw::RestartDropsDue),
            Self::WriteWithoutCondition => Some(Flaw::WritesWithoutCondition),
            _ => None,
        }
    }

    /// A world in which it can be found.
    pub const fn limits(self) -> Limits {
        let small = Limits::small(1);
        match self {
            Self::AbortLeavesNoRow => Limits { clients: 2, ..small },
            Self::GiveUpWithoutRow => Limits { clients: 2, stops: true, faults: 1, ..small },
            Self::WriteWithoutCondition => Limits { coordinators: 2, ..small },
            _ => small,
        }
    }
}

/// What an exploration found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// The properties that do not hold, each with the actions that lead there.
    pub broken: Vec<(&'static str, String)>,
    /// States that the world should reach but did not: the limits are too small for a result.
    pub never: Vec<&'static str>,
}

/// Explores all of the world within `limits`, with `bug` in it if there is one.
pub fn explore(limits: Limits, bug: Option<Bug>, threads: usize) -> Report {
    check(Message::new(limits, bug), bug.is_some(), threads)
}

/// Visits all of a model's states; those of one with a seeded bug until it is found.
fn check<M>(model: M, has_bug: bool, threads: usize) -> Report
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + std::fmt::Debug + std::hash::Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static,
{
    let checker = model.checker().threads(threads);
    // Of a world without mistakes everything is visited.
    let finish = if has_bug { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
    let checker = checker.finish_when(finish).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let (mut broken, mut never) = (Vec::new(), Vec::new());
    for property in checker.model().properties() {
        match (property.expectation, discoveries.get(property.name)) {
            (stateright::Expectation::Always, Some(path)) => {
                let actions: Vec<_> = path.clone().into_actions().iter().map(|action| format!("{action:?}")).collect();
                broken.push((property.name, actions.join("\n")));
            }
            (stateright::Expectation::Sometimes, None) => never.push(property.name),
            _ => {}
        }
    }
    Report { states: checker.unique_state_count(), steps: checker.state_count(), broken, never }
}

/// A message with so many branches.
fn message(limits: &Limits, query_prepared: &str) -> Definition {
    let branch = |number: usize| BranchOp {
        branch_id: BranchId::new(format!("{number:02}")).expect("two digits"),
        op: Op::Action,
        url: "http://bank-b/in".to_owned(),
        payload: Bytes::new(),
    };
    Definition {
        gid: Gid::new("g").expect("a letter"),
        trans_type: TransType::Msg,
        protocol: Protocol::Http,
        created: NOW,
        query_prepared: query_prepared.to_owned(),
        branches: (1..=limits.branches).map(branch).collect(),
        concurrent: limits.concurrent,
        predecessors: Vec::new(),
        timing: Timing::new(&TransactionOptions::default(), 0, &Defaults::default()),
        headers: BTreeMap::new(),
        options: String::new(),
        custom_data: String::new(),
        ext_data: String::new(),
    }
}

/// One message, in a world with all these faults.
#[derive(Debug)]
pub struct Message {
    limits: Limits,
    bug: Option<Bug>,
    rules: Rules,
}

impl Message {
    fn new(limits: Limits, bug: Option<Bug>) -> Self {
        let definition = message(&limits, "http://bank-a/prepared");
        Self { limits, bug, rules: Rules { definitions: vec![definition], flaw: bug.and_then(Bug::flaw) } }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

impl Model for Message {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.limits)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.act(self, action);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = course::properties_of_a_message();
        properties.extend([
            Property::<Self>::always("what succeeds is applied, and what fails has not committed", |_, world| {
                match world.status() {
                    Some(Status::Succeed) => world.branches.iter().all(|branch| branch.applied == 1),
                    Some(Status::Failed) => !world.committed() || world.stopped,
                    _ => true,
                }
            }),
            Property::<Self>::always("what is acknowledged is durable", |_, world| {
                let durable = |status| world.status() == Some(status);
                let submitted = durable(Status::Submitted) || durable(Status::Succeed);
                (!world.acknowledged.submit || submitted)
                    && (!world.acknowledged.prepare || world.service.row.is_some())
                    && (!world.acknowledged.abort || durable(Status::Failed))
            }),
            Property::<Self>::always("no answer that a client got turns out false", |_, world| {
                // Two clients with one gid send one message: "committed" is true for both, whichever of them has
                // committed.
                world.clients.iter().enumerate().all(|(name, client)| match client {
                    Client::Done(Outcome::Submitted) => world.committed() && world.is_carried_out(),
                    Client::Done(Outcome::Committed | Outcome::Repeated) => world.committed(),
                    // Not by another client either, now or later.
                    Client::Done(Outcome::GivenUp) => !world.committed(),
                    Client::Done(Outcome::Stopped) => world.stopped && world.committed(),
                    Client::Done(Outcome::NotStarted | Outcome::RolledBack) => !world.committed_by(name),
                    _ => true,
                })
            }),
            Property::<Self>::sometimes("a message succeeds", |_, world| world.status() == Some(Status::Succeed)),
            Property::<Self>::sometimes("a message fails by its query-prepared", |_, world| {
                world.status() == Some(Status::Failed)
                    && world.barrier == Some(Reason::Rollback)
                    && !world.acknowledged.abort
            }),
            Property::<Self>::sometimes("a commit that was never submitted is carried out", |_, world| {
                world.status() == Some(Status::Succeed) && !world.acknowledged.submit
            }),
            Property::<Self>::sometimes("a client is told that its gid was given up", |_, world| {
                world.clients.contains(&Client::Done(Outcome::GivenUp))
            }),
        ]);
        if self.limits.clients > 1 && self.limits.stops {
            properties.push(Property::<Self>::sometimes(
                "an administrator ends a message whose local transaction is open, and another client is told that it is given up",
                |_, world| world.stopped && world.clients.contains(&Client::Done(Outcome::GivenUp)),
            ));
            properties.push(Property::<Self>::sometimes(
                "a client is told that its message has committed and was stopped",
                |_, world| world.clients.contains(&Client::Done(Outcome::Stopped)),
            ));
            properties.push(Property::<Self>::sometimes(
                "a local transaction is open after its message was stopped",
                |_, world| world.stopped && world.lock.is_some(),
            ));
        }
        if self.limits.clients > 1 && self.limits.forgets {
            properties.push(Property::<Self>::sometimes(
                "a client repeats what has committed, after the coordinators have forgotten it",
                |_, world| world.forgotten && world.clients.contains(&Client::Done(Outcome::Repeated)),
            ));
            properties.push(Property::<Self>::sometimes(
                "a client repeats what was given up, after the coordinators have forgotten it",
                |_, world| world.forgotten && world.clients.contains(&Client::Done(Outcome::GivenUp)),
            ));
        }
        if self.limits.clients > 1 {
            properties.push(Property::<Self>::sometimes(
                "a client repeats what has committed, and one died",
                |_, world| {
                    world.clients.contains(&Client::Done(Outcome::Repeated)) && world.clients.contains(&Client::Dead)
                },
            ));
        }
        properties
    }
}
