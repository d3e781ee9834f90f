//! The numbers of attempts.

use crate::engine::{Command, State};

/// These calls, each with the number of its attempt, from 1.
pub(super) fn numbered(state: &State, calls: Vec<Command>) -> Vec<(Command, u32)> {
    let number = |call: Command| {
        let made = match call {
            Command::Call(index) => state.branches.get(index).map(|branch| branch.calls),
            _ => Some(state.question),
        };
        (call, made.map_or(0, |made| made.attempts).saturating_add(1))
    };
    calls.into_iter().map(number).collect()
}
