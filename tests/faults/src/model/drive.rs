//! Liveness: from any state, once the faults are over, a plain course of events leads to the end.

use branchwire::protocol::Status;

use super::client::{Client, CommitEnd, Decision, Outcome};
use super::world::{Action, Packet, Reason, World};
use super::{Message, NOW};

/// More rounds than any course needs.
const ROUNDS_MAX: usize = 40;

/// Whether everything ends, and ends correctly.
pub(super) fn ends_well(model: &Message, world: &World) -> bool {
    let mut world = world.clone();
    // Packets in flight get lost; only packets sent from now on arrive.
    world.network.clear();
    for client in 0..world.clients.len() {
        finish_client(model, &mut world, client);
    }
    for _ in 0..ROUNDS_MAX {
        if world.row.as_ref().is_none_or(|row| row.state.status.is_final()) {
            return is_well(&world);
        }
        round(model, &mut world);
    }
    false
}

/// The coordinators do their due work, or else time passes.
fn round(model: &Message, world: &mut World) {
    let mut acted = false;
    for name in 0..world.coordinators.len() {
        if world.coordinators[name].queued.is_some() {
            world.act(model, Action::Flushes(name));
        }
        if world.coordinators[name].taken {
            world.act(model, Action::TakesUp(name));
            acted = true;
        }
        let open: Vec<_> = world.coordinators[name].open.iter().copied().collect();
        for target in open {
            acted = true;
            if !world.network.contains(&Packet::Call(target, Some(name))) {
                // Its packet was lost before the faults were over.
                world.times_out(model, name, target);
                continue;
            }
            world.act(model, Action::Serves(target, Some(name)));
            let mut answers = Vec::new();
            world.actions(&mut answers);
            let answer = answers
                .into_iter()
                .find(|action| matches!(action, Action::Returns(n, t, _) if (*n, *t) == (name, target)));
            if let Some(answer) = answer {
                world.act(model, answer);
            }
        }
    }
    if acted {
        return;
    }
    if world.row.as_ref().is_some_and(|row| row.state.due <= NOW) {
        world.act(model, Action::Takes(0));
    } else if world.row.as_ref().is_some_and(super::coordinator::Row::is_for_later) {
        world.time_comes();
    }
}

/// A client that lives goes on to its end, each of its requests answered by the first coordinator.
fn finish_client(model: &Message, world: &mut World, client: usize) {
    for _ in 0..ROUNDS_MAX {
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

fn is_well(world: &World) -> bool {
    let applied = world.branches.iter().map(|branch| branch.applied);
    let unknown_told = world.clients.iter().all(|client| !matches!(client, Client::Done(Outcome::Stopped)));
    let status = world.status();
    let well = match world.barrier {
        Some(Reason::Msg(_)) => status == Some(Status::Succeed) && applied.eq(world.branches.iter().map(|_| 1)),
        // Nothing was recorded: nothing happened.
        Some(Reason::Rollback) | None => {
            matches!(status, None | Some(Status::Failed)) && applied.eq(world.branches.iter().map(|_| 0))
        }
    };
    // A failed message leaves no way for its local transaction to commit later.
    let closed = status != Some(Status::Failed) || world.barrier == Some(Reason::Rollback);
    well && closed && unknown_told
}
