//! How a message of an outbox ends, once the faults are over.

use branchwire::protocol::{Answer, Status};
use branchwire::simulation::OutboxState;

use super::super::coordinator::{Rules, Service, Target};
use super::super::course::{Around, WithMessage};
use super::world::{Action, Age, Party, Relay, Sender, Step, World, branch_of};
use super::{Bug, Outbox};

impl Around for World {
    type Model = Outbox;

    fn rules(model: &Outbox) -> &Rules {
        &model.rules
    }

    fn service(&self) -> &Service {
        &self.service
    }

    fn service_mut(&mut self) -> &mut Service {
        &mut self.service
    }

    fn serve(&mut self, _: &Outbox, target: Target) -> Answer {
        self.branches[branch_of(target)].apply(false)
    }

    fn settles(&mut self, model: &Outbox) {
        self.lose_packets();
        for sender in 0..self.senders.len() {
            finish(model, self, sender);
        }
        // A COMMIT that was on its way.
        self.commit_arrives();
        for relay in (0..self.relays.len()).map(Party::Relay) {
            while self.waits(relay) {
                self.gives_up(relay);
            }
        }
    }

    /// The first relay does what is due.
    fn others_act(&mut self, model: &Outbox) -> bool {
        if self.to_note {
            self.act(model, Action::Notes);
        } else if self.relays[0] != Relay::Idle {
            answer(model, self, Party::Relay(0));
        } else if self.row_is(OutboxState::Waiting) {
            if !model.has(Bug::LeaseNeverEnds) {
                self.act(model, Action::LeaseEnds);
            }
            let mut possible = Vec::new();
            self.actions(model, &mut possible);
            if possible.contains(&Action::Claims(0)) {
                self.act(model, Action::Claims(0));
            }
        } else {
            return false;
        }
        true
    }

    fn has_ended(&self) -> bool {
        !self.row_is(OutboxState::Waiting) && self.status().is_none_or(Status::is_final)
    }

    fn is_well(&self, _: &Outbox) -> bool {
        let everywhere = self.applied().all(|times| times == 1);
        let nowhere = self.applied().all(|times| times == 0);
        let status = self.status();
        if !self.committed() {
            return nowhere && status.is_none();
        }
        if self.row_is(OutboxState::Aside) {
            // A person has to look: nothing is half-way, at least.
            return self.age != Age::Young && (everywhere || nowhere && status.is_none());
        }
        everywhere && matches!(status, None | Some(Status::Succeed))
    }
}

impl WithMessage for World {
    fn committed(&self) -> bool {
        self.commits.contains(&true)
    }

    fn applied(&self) -> impl Iterator<Item = u8> {
        self.branches.iter().map(|branch| branch.applied)
    }
}

/// A sender that lives goes on to its end.
fn finish(model: &Outbox, world: &mut World, sender: usize) {
    loop {
        match world.senders[sender] {
            Sender::Starts | Sender::Done(_) | Sender::Dead => return,
            Sender::InTransaction => world.steps(model, sender, Step::Commit),
            Sender::Doubts | Sender::Submits => world.steps(model, sender, Step::GoOn),
            Sender::AwaitsSubmit | Sender::Queries => answer(model, world, Party::Sender(sender)),
        }
    }
}

/// A party gets its response from the first coordinator, or waits no longer for one that was lost.
fn answer(model: &Outbox, world: &mut World, party: Party) {
    if let Some(heard) = world.has_asked(party) {
        world.act(model, heard);
        if let Some(response) = world.response_to(party) {
            return world.act(model, response);
        }
    }
    world.gives_up(party);
}
