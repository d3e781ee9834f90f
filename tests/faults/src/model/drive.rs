//! How a message ends, once the faults are over.

use branchwire::protocol::{Answer, Status};

use super::client::{Client, CommitEnd, Decision, Outcome};
use super::coordinator::{Rules, Service, Target};
use super::course::{Around, WithMessage};
use super::world::{Action, Packet, Reason, World};
use super::{Bug, Message};

/// More steps than any client needs.
const STEPS_MAX: usize = 40;

impl Around for World {
    type Model = Message;

    fn rules(model: &Message) -> &Rules {
        &model.rules
    }

    fn service(&self) -> &Service {
        &self.service
    }

    fn service_mut(&mut self) -> &mut Service {
        &mut self.service
    }

    fn serve(&mut self, model: &Message, target: Target) -> Answer {
        match target {
            Target::QueryPrepared => self.query_prepared(model),
            Target::Branch(index) => self.branches[index].apply(model.has(Bug::BranchSkipsItsRow)),
        }
    }

    fn settles(&mut self, model: &Message) {
        self.network.clear();
        self.service.network.clear();
        for client in 0..self.clients.len() {
            finish(model, self, client);
        }
    }

    fn has_ended(&self) -> bool {
        self.status().is_none_or(Status::is_final)
    }

    fn is_well(&self, _: &Message) -> bool {
        let unknown_told =
            self.stopped || self.clients.iter().all(|client| !matches!(client, Client::Done(Outcome::Stopped)));
        let status = self.status();
        let well = match self.barrier {
            // A person has to look.
            Some(Reason::Msg(_)) if self.stopped && status == Some(Status::Failed) => {
                return self.applied().all(|times| times == 0);
            }
            Some(Reason::Msg(_)) => {
                let ended = status == Some(Status::Succeed) || self.forgotten && status.is_none();
                ended && self.applied().all(|times| times == 1)
            }
            // Nothing was recorded: nothing happened.
            Some(Reason::Rollback) | None => {
                matches!(status, None | Some(Status::Failed)) && self.applied().all(|times| times == 0)
            }
        };
        // A failed message leaves no way for its local transaction to commit later.
        let closed = status != Some(Status::Failed) || self.barrier == Some(Reason::Rollback) || self.stopped;
        well && closed && unknown_told
    }
}

impl WithMessage for World {
    fn committed(&self) -> bool {
        matches!(self.barrier, Some(Reason::Msg(_)))
    }

    fn applied(&self) -> impl Iterator<Item = u8> {
        self.branches.iter().map(|branch| branch.applied)
    }
}

/// A client that lives goes on to its end, each of its requests answered by the first coordinator.
fn finish(model: &Message, world: &mut World, client: usize) {
    for _ in 0..STEPS_MAX {
        let decision = match world.clients[client] {
            Client::Starts | Client::Done(_) | Client::Dead => return,
            Client::Begins if world.lock.is_some() => return,
            Client::InTransaction => Decision::Commit(CommitEnd::Committed),
            Client::Begins | Client::Doubts { .. } | Client::Submits => Decision::GoOn,
            Client::Prepares | Client::AwaitsSubmit | Client::Queries | Client::LooksUp => {
                let request = world.clients[client].request();
                if world.network.contains(&Packet::Request(client, request)) {
                    world.act(model, Action::Hears(0, client, request));
                    let mut answers = Vec::new();
                    world.actions(&mut answers);
                    let answer =
                        answers.into_iter().find(|action| matches!(action, Action::Answered(c, _) if *c == client));
                    if let Some(answer) = answer {
                        world.act(model, answer);
                        continue;
                    }
                }
                world.gives_up(model, client);
                continue;
            }
        };
        world.steps(model, client, decision);
    }
}
