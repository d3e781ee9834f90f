//! What happens at the coordinators, and between them and those whom they call: the same in each world.

use branchwire::protocol::Answer;

use super::coordinator::{Row, Service, Target};
use super::course::Around;

/// Something that happens at the coordinators, or to one of their calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A call reaches its target, which does what it is asked.
    Serves(Target, Option<usize>),
    /// A call reaches its target, which refuses or works on it still.
    Declines(Target, usize, Answer),
    /// An answer reaches the coordinator.
    Returns(usize, Target, Answer),
    /// A coordinator waits no longer for an answer.
    TimesOut(usize, Target),
    /// The journal's queue reaches the disk.
    Flushes(usize),
    /// What waits becomes due.
    TimeComes,
    /// A coordinator takes the due row from the store.
    Takes(usize),
    /// It acts on what it took.
    TakesUp(usize),
    /// A coordinator dies, and is started again.
    Dies(usize),
}

impl Act {
    /// Whether something goes wrong in it.
    pub(super) const fn is_fault(self) -> bool {
        matches!(self, Self::Declines(..) | Self::TimesOut(..) | Self::Dies(_))
    }
}

/// A packet that was sent. It stays in the network as long as it can matter: never delivered is lost, delivered again is
/// doubled, and there is no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Packet {
    /// A coordinator's call; nobody's, if the coordinator no longer waits for the answer.
    Call(Target, Option<usize>),
    /// The answer to the call that this coordinator waits for, by its place in `ANSWERS`: an `Answer` has no order.
    Answer(Target, usize, usize),
}

const ANSWERS: [Answer; 3] = [Answer::Success, Answer::Failure, Answer::Ongoing];

/// Lets it happen.
pub(super) fn happen<W: Around>(world: &mut W, model: &W::Model, act: Act) {
    let rules = W::rules(model);
    match act {
        Act::Serves(target, caller) => {
            let answer = world.serve(model, target);
            if let Some(name) = caller {
                world.service_mut().answers(target, name, answer);
            }
        }
        Act::Declines(target, name, answer) => world.service_mut().answers(target, name, answer),
        Act::Returns(name, target, answer) => world.service_mut().returns(rules, name, target, answer),
        Act::TimesOut(name, target) => world.service_mut().returns(rules, name, target, Answer::Unknown),
        Act::Flushes(name) => world.service_mut().flush(rules, name),
        Act::TimeComes => world.service_mut().time_comes(),
        Act::Takes(name) => world.service_mut().take(name),
        Act::TakesUp(name) => world.service_mut().take_up(rules, name),
        Act::Dies(name) => world.service_mut().dies(rules, name),
    }
}

impl Service {
    /// What can happen here now.
    pub(super) fn acts(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for packet in &self.network {
            match *packet {
                Packet::Call(target, caller) => {
                    acts.push(Act::Serves(target, caller));
                    if let Some(name) = caller {
                        let declines = [Answer::Failure, Answer::Ongoing];
                        acts.extend(declines.map(|answer| Act::Declines(target, name, answer)));
                    }
                }
                Packet::Answer(target, name, answer) => acts.push(Act::Returns(name, target, ANSWERS[answer])),
            }
        }
        for (name, coordinator) in self.coordinators.iter().enumerate() {
            acts.extend(coordinator.open.iter().map(|target| Act::TimesOut(name, *target)));
            if coordinator.queued.is_some() {
                acts.push(Act::Flushes(name));
            }
            if coordinator.taken {
                acts.push(Act::TakesUp(name));
            } else if self.row.as_ref().is_some_and(Row::is_due) {
                acts.push(Act::Takes(name));
            }
            acts.push(Act::Dies(name));
        }
        if self.row.as_ref().is_some_and(Row::is_for_later) {
            acts.push(Act::TimeComes);
        }
        acts
    }

    fn answers(&mut self, target: Target, name: usize, answer: Answer) {
        let place = ANSWERS.iter().position(|known| *known == answer).expect("an unclear answer is none");
        self.network.insert(Packet::Answer(target, name, place));
    }

    /// Whether the call that this coordinator waits for is on its way.
    pub(super) fn is_called(&self, target: Target, name: usize) -> bool {
        self.network.contains(&Packet::Call(target, Some(name)))
    }

    /// Removes packets that can make no difference any more, so that equivalent worlds are equal. `matters`: whether a call
    /// can still have an effect.
    pub(super) fn tidy(&mut self, matters: impl Fn(Target) -> bool) {
        let awaited = |target, name: usize| self.coordinators[name].open.contains(&target);
        let packets = std::mem::take(&mut self.network).into_iter().filter_map(|packet| match packet {
            Packet::Answer(target, name, _) => awaited(target, name).then_some(packet),
            Packet::Call(target, Some(name)) if awaited(target, name) => Some(packet),
            // Its answer counts no more, but its effect does.
            Packet::Call(target, _) => matters(target).then_some(Packet::Call(target, None)),
        });
        self.network = packets.collect();
    }
}
