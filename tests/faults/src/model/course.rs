//! From any state of a world, once the faults are over, a plain course of events leads to the end; and the properties that
//! several worlds have.

use branchwire::protocol::Answer;
use stateright::{Model, Property};

use super::coordinator::{Row, Rules, Service, Target};

/// More rounds than any course needs.
const ROUNDS_MAX: usize = 60;

/// A world around coordinators.
pub(super) trait Around: Clone {
    /// What is explored.
    type Model;

    /// What does not change.
    fn rules(model: &Self::Model) -> &Rules;

    /// The coordinators.
    fn service(&self) -> &Service;

    /// The coordinators, to be changed.
    fn service_mut(&mut self) -> &mut Service;

    /// Whom a coordinator calls does what it is asked.
    fn serve(&mut self, model: &Self::Model, target: Target) -> Answer;

    /// Packets in flight get lost, and everybody but the coordinators ends what was begun.
    fn settles(&mut self, model: &Self::Model);

    /// Somebody else than a coordinator does due work; whether that has to come first.
    fn others_act(&mut self, _model: &Self::Model) -> bool {
        false
    }

    /// Whether nothing is left to do.
    fn has_ended(&self) -> bool;

    /// Whether it has ended as it should.
    fn is_well(&self, model: &Self::Model) -> bool;
}

/// A world with one message in it.
pub(super) trait WithMessage: Around {
    /// Whether its local transaction has committed.
    fn committed(&self) -> bool;

    /// How often each branch was applied.
    fn applied(&self) -> impl Iterator<Item = u8>;
}

/// What holds in every world.
pub(super) fn properties<M: Model<State: Around<Model = M>>>() -> Vec<Property<M>> {
    vec![
        Property::always("nothing happens that the engine calls impossible", |_, world: &M::State| {
            !world.service().impossible
        }),
        Property::always("once the faults are over, it ends: done everywhere or nowhere", ends_well),
    ]
}

/// What holds in every world with a message.
pub(super) fn properties_of_a_message<M: Model<State: WithMessage<Model = M>>>() -> Vec<Property<M>> {
    let mut of_a_message = vec![
        Property::always("a branch's effect applies at most once", |_, world: &M::State| {
            world.applied().all(|times| times <= 1)
        }),
        Property::always("no branch is applied of what has not committed", |_, world: &M::State| {
            world.committed() || world.applied().all(|times| times == 0)
        }),
    ];
    of_a_message.extend(properties());
    of_a_message
}

/// Whether everything ends, and ends well.
fn ends_well<W: Around>(model: &W::Model, world: &W) -> bool {
    let mut world = world.clone();
    world.settles(model);
    for _ in 0..ROUNDS_MAX {
        if world.has_ended() {
            return world.is_well(model);
        }
        round(model, &mut world);
    }
    false
}

/// The coordinators do their due work, or else somebody else does, or else time passes.
fn round<W: Around>(model: &W::Model, world: &mut W) {
    let rules = W::rules(model);
    let mut acted = false;
    for name in 0..world.service().coordinators.len() {
        world.service_mut().flush(rules, name);
        if world.service().coordinators[name].taken {
            world.service_mut().take_up(rules, name);
            acted = true;
        }
        let open: Vec<Target> = world.service().coordinators[name].open.iter().copied().collect();
        for target in open {
            acted = true;
            // Its packet may have been lost before the faults were over.
            let is_called = world.service().is_called(target, name);
            let answer = if is_called { world.serve(model, target) } else { Answer::Unknown };
            world.service_mut().returns(rules, name, target, answer);
        }
    }
    if acted || world.others_act(model) {
        return;
    }
    let service = world.service_mut();
    if service.row.as_ref().is_some_and(Row::is_due) {
        service.take(0);
    } else if service.row.as_ref().is_some_and(Row::is_for_later) {
        service.time_comes();
    }
}
