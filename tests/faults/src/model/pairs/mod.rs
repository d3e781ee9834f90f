//! Sagas and TCCs in a small world: a transaction whose branches have two halves.
//!
//! Of a saga the coordinator calls the actions, and their compensations if one is refused or the client aborts. Of a TCC the
//! client registers branches and calls their tries, and the coordinator confirms or cancels; the client may die, be slow, or
//! come after the timeout, which here may come at any moment.

mod drive;
mod world;

use std::collections::BTreeMap;

use branchwire::protocol::{BranchId, Gid, Op, Status, TransType, TransactionOptions};
use branchwire_coordinator::engine::{BranchOp, Defaults, Definition, Protocol, Time, Timing};
use bytes::Bytes;
use stateright::{Model, Property};

pub use world::{Action, World};

use self::world::{Client, Mark, Outcome};
use super::coordinator::{Flaw, Rules};
use super::{Limits, Report, check, course};

/// Which of the two patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Actions and compensations.
    Saga,
    /// Tries, confirms and cancels.
    Tcc,
}

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A second submit ends a TCC, whatever is confirmed.
    SecondSubmitEnds,
    /// A branch that another coordinator registers while this one turns the TCC back is not cancelled.
    LateRegistrationLeaks,
    /// A saga's action is called before the success of the one before is durable.
    ProgressIsNotDurable,
    /// A confirm does not look for its try, and the client submits after a try that failed.
    ConfirmWithoutTry,
    /// Compensations are called before the direction is durable.
    UndoneBeforeTheDirectionIsDurable,
    /// A timeout is recorded although a submit was accepted meanwhile.
    TimeoutOverSubmit,
    /// A compensation that comes before its action leaves no mark.
    NullCompensationLeavesNoMark,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::SecondSubmitEnds,
        Self::LateRegistrationLeaks,
        Self::ProgressIsNotDurable,
        Self::ConfirmWithoutTry,
        Self::UndoneBeforeTheDirectionIsDurable,
        Self::TimeoutOverSubmit,
        Self::NullCompensationLeavesNoMark,
    ];

    /// A world in which it can be found.
    pub const fn world(self) -> (Pattern, Limits) {
        let few = Limits { faults: 2, ..Limits::small(1) };
        match self {
            Self::SecondSubmitEnds | Self::ConfirmWithoutTry => (Pattern::Tcc, few),
            Self::LateRegistrationLeaks | Self::TimeoutOverSubmit => (Pattern::Tcc, Limits { coordinators: 2, ..few }),
            Self::ProgressIsNotDurable => (Pattern::Saga, Limits { branches: 2, ..few }),
            Self::UndoneBeforeTheDirectionIsDurable | Self::NullCompensationLeavesNoMark => (Pattern::Saga, few),
        }
    }

    /// Whether it is one of the coordinators or their store.
    const fn flaw(self) -> Option<Flaw> {
        match self {
            Self::SecondSubmitEnds => Some(Flaw::SecondSubmitEnds),
            Self::LateRegistrationLeaks => Some(Flaw::BranchesAreReadBefore),
            Self::ProgressIsNotDurable => Some(Flaw::ProgressIsNotDurable),
            Self::UndoneBeforeTheDirectionIsDurable => Some(Flaw::DirectionIsNotDurable),
            Self::TimeoutOverSubmit => Some(Flaw::TimesOutWhateverTheStatus),
            Self::ConfirmWithoutTry | Self::NullCompensationLeavesNoMark => None,
        }
    }
}

/// Explores all of the world of a saga or a TCC within `limits` (there is one client), with `bug` in it if there is one.
pub fn explore(pattern: Pattern, limits: Limits, bug: Option<Bug>, threads: usize) -> Report {
    check(Pairs::new(pattern, limits, bug), bug.is_some(), threads)
}

/// One saga or TCC, in a world with all these faults.
#[derive(Debug)]
pub struct Pairs {
    pattern: Pattern,
    limits: Limits,
    bug: Option<Bug>,
    rules: Rules,
}

impl Pairs {
    fn new(pattern: Pattern, limits: Limits, bug: Option<Bug>) -> Self {
        let (trans_type, ops) = match pattern {
            Pattern::Saga => (TransType::Saga, [Op::Compensate, Op::Action]),
            Pattern::Tcc => (TransType::Tcc, [Op::Cancel, Op::Confirm]),
        };
        let rows = (1..=limits.branches).flat_map(|number| {
            ops.clone().map(|op| BranchOp {
                branch_id: BranchId::new(format!("{number:02}")).expect("two digits"),
                url: format!("http://bank/{op}"),
                op,
                payload: Bytes::new(),
            })
        });
        let rows: Vec<_> = rows.collect();
        let with = |branches: usize| Definition {
            gid: Gid::new("g").expect("a letter"),
            trans_type,
            protocol: Protocol::Http,
            // So long ago that a timeout may come at any moment.
            created: Time::from_millis(0),
            query_prepared: String::new(),
            branches: rows[..2 * branches].to_vec(),
            concurrent: false,
            predecessors: (0..branches).map(|step| step.checked_sub(1).into_iter().collect()).collect(),
            timing: Timing::new(&TransactionOptions::default(), 0, &Defaults::default()),
            headers: BTreeMap::new(),
            options: String::new(),
            custom_data: String::new(),
            ext_data: String::new(),
        };
        let definitions = match pattern {
            Pattern::Saga => vec![with(limits.branches)],
            Pattern::Tcc => (0..=limits.branches).map(with).collect(),
        };
        Self { pattern, limits, bug, rules: Rules { definitions, flaw: bug.and_then(Bug::flaw) } }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

impl Model for Pairs {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.limits)]
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
        let mut properties = course::properties();
        properties.extend([
            Property::<Self>::always("nothing is undone or confirmed before the direction is durable", |_, world| {
                let (undone, confirmed) = (world.any(|branch| branch.undo), world.any(|branch| branch.confirm));
                (!undone || matches!(world.status(), Some(Status::Aborting | Status::Failed)))
                    && (!confirmed || matches!(world.status(), Some(Status::Submitted | Status::Succeed)))
            }),
            Property::<Self>::always("no confirm without its try", |_, world| {
                !world.any(|branch| branch.confirm && branch.first != Mark::Applied)
            }),
            Property::<Self>::always("what succeeds is done, all of it, and what fails is undone", drive::is_true),
            Property::<Self>::always("a step is undone after those that came after it", |model, world| {
                let steps = || world.branches.iter().enumerate();
                model.pattern == Pattern::Tcc
                    || !steps()
                        .any(|(step, branch)| branch.undo && steps().any(|(after, b)| after > step && b.stands()))
            }),
            Property::<Self>::always("what is acknowledged is durable", |model, world| {
                let status = world.status();
                let submitted = match model.pattern {
                    Pattern::Saga => status.is_some(),
                    Pattern::Tcc => matches!(status, Some(Status::Submitted | Status::Succeed)),
                };
                (!world.acknowledged.submit || submitted)
                    && (!world.acknowledged.abort || matches!(status, Some(Status::Aborting | Status::Failed)))
            }),
            Property::<Self>::always("no answer that the client got turns out false", |model, world| {
                match (model.pattern, world.client) {
                    (Pattern::Tcc, Client::Done(Outcome::Submitted)) => {
                        matches!(world.status(), Some(Status::Submitted | Status::Succeed))
                    }
                    (_, Client::Done(Outcome::Submitted)) => world.status().is_some(),
                    (_, Client::Done(Outcome::Undone)) => {
                        !matches!(world.status(), Some(Status::Submitted | Status::Succeed))
                    }
                    _ => true,
                }
            }),
            Property::<Self>::sometimes("it succeeds", |_, world| world.status() == Some(Status::Succeed)),
            Property::<Self>::sometimes("it fails, and something was undone", |_, world| {
                world.status() == Some(Status::Failed)
                    && world.any(|branch| branch.undo && branch.first == Mark::Applied)
            }),
            Property::<Self>::sometimes("something is undone that was never done", |_, world| {
                world.any(|branch| branch.first == Mark::Blocked)
            }),
        ]);
        if self.pattern == Pattern::Tcc {
            properties.push(Property::<Self>::sometimes("a TCC times out", |_, world| {
                world.status() == Some(Status::Failed) && !world.acknowledged.abort
            }));
        }
        properties
    }
}
