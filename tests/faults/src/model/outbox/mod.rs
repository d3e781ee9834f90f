//! A message that is sent by an outbox, in a small world: its row, its senders, the relays.
//!
//! Senders run `send_with`, all under one gid; each may answer its caller before its submit, as with `at_commit`. Relays take the row by lease, submit, and note what they were told. The
//! coordinators are those of the other worlds. Days may pass here as well: the coordinators forget a message that has ended, the
//! row grows too old to be sent, and the barrier rows of the branches are removed.
//!
//! Two things are taken for granted. No packet, and no process between two steps, is as slow as the two days between the
//! last submit and the removal of barrier rows. And a gid is not used again after its row was removed.

mod drive;
mod world;

use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use stateright::{Model, Property};

pub use world::{Action, World};

use self::world::{Age, Outcome, Relay, Sender};
use super::coordinator::Rules;
use super::course::WithMessage;
use super::{Limits, Report, check, course, message};

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A relay marks the row as sent when it takes it.
    MarkedBeforeAcknowledged,
    /// A lease does not end: what a dead process has taken stays with it.
    LeaseNeverEnds,
    /// A relay takes the row of a transaction that is still open.
    SentFromOpenTransaction,
    /// A row is removed when it is sent, although its gid may be used again.
    RemovedWhenSent,
    /// A relay sends a row however old it is.
    SentAtAnyAge,
    /// A sender answers its caller once its COMMIT is on its way, before it knows whether it has committed.
    AnsweredBeforeCommit,
    /// A sender that has answered at its commit marks the row as sent: its submit is about to be made.
    MarkedWhenAnswered,
    /// A sender whose gid was given up earlier is told that it has committed earlier.
    GiveUpToldAsRepetition,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::MarkedBeforeAcknowledged,
        Self::LeaseNeverEnds,
        Self::SentFromOpenTransaction,
        Self::RemovedWhenSent,
        Self::SentAtAnyAge,
        Self::AnsweredBeforeCommit,
        Self::MarkedWhenAnswered,
        Self::GiveUpToldAsRepetition,
    ];

    /// A world in which it can be found.
    pub const fn limits(self) -> Limits {
        let few = Limits { faults: 2, ..Limits::small(1) };
        match self {
            Self::RemovedWhenSent | Self::GiveUpToldAsRepetition => Limits { clients: 2, ..few },
            Self::SentAtAnyAge => Limits { forgets: true, ..few },
            _ => few,
        }
    }
}

/// Explores all of the world within `limits`, with so many relays; its clients are senders. With `bug` in it if there is one.
pub fn explore(limits: Limits, relays: usize, bug: Option<Bug>, threads: usize) -> Report {
    let rules = Rules { definitions: vec![message(&limits, "")], flaw: None };
    check(Outbox { limits, relays, bug, rules }, bug.is_some(), threads)
}

/// One message of an outbox, in a world with all these faults.
#[derive(Debug)]
pub struct Outbox {
    limits: Limits,
    relays: usize,
    bug: Option<Bug>,
    rules: Rules,
}

impl Outbox {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

impl Model for Outbox {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.limits, self.relays)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(self, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.act(self, action);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = course::properties_of_a_message();
        properties.extend([
            Property::<Self>::always("one gid commits once", |_, world| {
                world.commits.iter().filter(|committed| **committed).count() <= 1
            }),
            Property::<Self>::always("what is marked as sent is carried out", |_, world| {
                !world.row_is(OutboxState::Sent) || world.is_carried_out()
            }),
            Property::<Self>::always("only what is too old is put aside", |_, world| {
                !world.row_is(OutboxState::Aside) || world.age != Age::Young
            }),
            Property::<Self>::always("no answer that a sender got turns out false", |_, world| {
                let waits = world.row_is(OutboxState::Waiting) || world.row_is(OutboxState::Aside);
                world.senders.iter().zip(&world.commits).all(|(sender, has_committed)| match sender {
                    Sender::Done(Outcome::Submitted) => world.committed() && world.is_carried_out(),
                    Sender::Done(Outcome::Committed) => world.committed() && (waits || world.is_carried_out()),
                    Sender::Done(Outcome::Repeated) => world.committed(),
                    Sender::Done(Outcome::Stopped) => world.row_is(OutboxState::Aside),
                    // Not by another sender either, now or later.
                    Sender::Done(Outcome::GivenUp) => !world.committed(),
                    Sender::Done(Outcome::RolledBack) => !has_committed,
                    _ => true,
                })
            }),
            Property::<Self>::always(
                "what was answered at the commit has committed, and will be carried out",
                |_, world| {
                    let waits = world.row_is(OutboxState::Waiting) || world.row_is(OutboxState::Aside);
                    // By whichever sender: two that send one gid send one message.
                    !world.answered.contains(&true) || world.committed() && (waits || world.is_carried_out())
                },
            ),
            Property::<Self>::sometimes("what a dead sender has answered at its commit is carried out", |_, world| {
                let died = |(sender, answered): (&Sender, &bool)| *sender == Sender::Dead && *answered;
                world.senders.iter().zip(&world.answered).any(died) && world.status() == Some(Status::Succeed)
            }),
            Property::<Self>::sometimes(
                "a sender that heard nothing of its commit answers once it knows",
                |_, world| world.doubted && world.answered.contains(&true),
            ),
            Property::<Self>::sometimes("what a dead sender has committed is carried out", |_, world| {
                let died = |(sender, committed): (&Sender, &bool)| *sender == Sender::Dead && *committed;
                world.senders.iter().zip(&world.commits).any(died) && world.status() == Some(Status::Succeed)
            }),
            Property::<Self>::sometimes("a sender in doubt finds that it has not committed", |_, world| {
                world.row_is(OutboxState::RolledBack) && world.senders.contains(&Sender::Done(Outcome::RolledBack))
            }),
            Property::<Self>::sometimes("a sender that heard nothing of its commit has submitted", |_, world| {
                world.doubted && world.senders.contains(&Sender::Done(Outcome::Submitted))
            }),
        ]);
        if self.relays > 1 {
            properties.push(Property::<Self>::sometimes("two relays send it at once", |_, world| {
                world.relays.iter().filter(|relay| **relay != Relay::Idle).count() > 1
            }));
        }
        if self.limits.clients > 1 {
            properties.push(Property::<Self>::sometimes("a sender repeats what was sent", |_, world| {
                world.row_is(OutboxState::Sent) && world.senders.contains(&Sender::Done(Outcome::Repeated))
            }));
            properties.push(Property::<Self>::sometimes(
                "a sender repeats what was answered at its commit",
                |_, world| {
                    world.answered.contains(&true)
                        && world.row_is(OutboxState::Waiting)
                        && world.senders.contains(&Sender::Done(Outcome::Repeated))
                },
            ));
            properties.push(Property::<Self>::sometimes("a sender is told that its gid was given up", |_, world| {
                world.senders.contains(&Sender::Done(Outcome::GivenUp))
            }));
        }
        if self.limits.forgets {
            properties.push(Property::<Self>::sometimes(
                "what has ended is submitted again, after the coordinators have forgotten it",
                |_, world| world.forgotten && world.status().is_some() && world.committed(),
            ));
            properties.push(Property::<Self>::sometimes(
                "what was carried out is put aside, since its acknowledgement was lost for too long",
                |_, world| world.row_is(OutboxState::Aside) && world.is_carried_out(),
            ));
            properties.push(Property::<Self>::sometimes("what was never sent is put aside", |_, world| {
                world.row_is(OutboxState::Aside) && !world.is_carried_out()
            }));
            properties.push(Property::<Self>::sometimes("the barrier rows are removed before the row", |_, world| {
                world.age == Age::Swept && world.row_is(OutboxState::Aside)
            }));
        }
        properties
    }
}
