//! The table: every status with every event, for the two-phase message.

use std::collections::BTreeSet;

use branchwire_protocol::{Answer, Status};

use super::{
    Command, Definition, EngineError, Event, Holder, Opening, Refusal, Run, RunEnd, Setback, State, Step, Time,
};

/// The first step of a transaction that is not recorded yet.
///
/// The first command is [`Command::Save`], which must fail if the gid exists already.
pub fn create(definition: &Definition, opening: Opening, now: Time) -> Step {
    let state = State::new(definition);
    match opening {
        Opening::Prepare => Step { state, commands: vec![Command::Save, Command::Accept] },
        Opening::Submit => submit(definition, state, now),
    }
}

/// What follows from `event` for a transaction in `state`.
///
/// # Errors
/// [`EngineError::Refused`] if the status does not allow what a client asks for; [`EngineError::Impossible`] if the
/// event cannot happen in this status. Nothing has changed then.
#[expect(clippy::match_same_arms, reason = "a table: each event with its reasons, in one place")]
pub fn step(definition: &Definition, state: &State, event: Event, now: Time) -> Result<Step, EngineError> {
    let status = state.status;
    let impossible = EngineError::Impossible { status, event: event.name() };
    let state = state.clone();
    Ok(match (status, event) {
        (Status::Prepared, Event::Prepare) => accept(state),
        (Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed, Event::Prepare) => {
            return Err(Refusal::Prepare(status).into());
        }

        (Status::Prepared, Event::Submit) => submit(definition, state, now),
        (Status::Submitted, Event::Submit) => submit_again(definition, state, now),
        (Status::Aborting | Status::Succeed | Status::Failed, Event::Submit) => {
            return Err(Refusal::Submit(status).into());
        }

        (Status::Prepared, Event::Abort { reason }) => {
            let mut step = fail(state, now);
            step.state.rollback_reason = reason;
            step
        }
        (Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed, Event::Abort { .. }) => {
            return Err(Refusal::Abort(definition.trans_type, status).into());
        }

        (Status::Prepared | Status::Submitted | Status::Aborting, Event::ForceStop) => fail(state, now),
        (Status::Succeed | Status::Failed, Event::ForceStop) => return Err(Refusal::ForceStop(status).into()),

        (Status::Prepared | Status::Submitted | Status::Aborting, Event::ResetNextCronTime) => due_now(state, now),
        (Status::Succeed | Status::Failed, Event::ResetNextCronTime) => accept(state),

        (Status::Prepared, Event::Due { until }) => ask(definition, state, until, now),
        (Status::Submitted, Event::Due { until }) => resume(definition, state, until, now),
        // Ended between the store's giving it to us and now.
        (Status::Succeed | Status::Failed, Event::Due { .. }) => nothing(state),

        (Status::Prepared, Event::Asked(answer)) => asked(definition, state, answer, now),
        // Submitted, aborted or stopped while the question was under way: the answer has no meaning any more.
        (Status::Submitted | Status::Succeed | Status::Failed, Event::Asked(_)) => nothing(state),

        (Status::Submitted, Event::Answered { branch, answer }) => answered(definition, state, branch, answer, now),
        // Stopped while the call was under way.
        (Status::Failed, Event::Answered { .. }) => nothing(state),

        (Status::Prepared | Status::Submitted, Event::Stop) => stop(state, now),
        (Status::Succeed | Status::Failed, Event::Stop) => nothing(state),

        // A message is never rolled back; before it is submitted and after it succeeded no branch is called.
        (Status::Aborting, Event::Due { .. } | Event::Asked(_) | Event::Answered { .. } | Event::Stop)
        | (Status::Prepared | Status::Succeed, Event::Answered { .. }) => return Err(impossible),
    })
}

fn nothing(state: State) -> Step {
    Step { state, commands: Vec::new() }
}

fn accept(state: State) -> Step {
    Step { state, commands: vec![Command::Accept] }
}

/// `prepared` -> `submitted`, and on to its branches.
fn submit(definition: &Definition, mut state: State, now: Time) -> Step {
    state.status = Status::Submitted;
    let mut commands = vec![Command::Save, Command::Accept];
    commands.append(&mut start(definition, &mut state, now));
    Step { state, commands }
}

/// A repeated submit runs the message again, unless a run is under way or its delay is not over.
fn submit_again(definition: &Definition, state: State, now: Time) -> Step {
    let held = matches!(state.holder, Holder::Other(_)) && now < state.due;
    if state.is_running() || held || now < definition.not_before() {
        accept(state)
    } else {
        submit(definition, state, now)
    }
}

/// Starts a run under a new lease; the caller saves. Gives the calls to make then: none if it is not time yet, or if
/// all is done already.
fn start(definition: &Definition, state: &mut State, now: Time) -> Vec<Command> {
    if now < definition.not_before() {
        state.wait(definition.not_before());
        return Vec::new();
    }
    state.hold(now.after(definition.timing.lease()));
    state.run = Run::Calling { open: BTreeSet::new(), setback: None };
    let calls = next_calls(definition, state, now);
    if calls.is_empty() {
        state.end(Status::Succeed, now);
    }
    calls
}

/// The branches to call next, marked as open: one, or all if they run at once. Empty if none is left.
fn next_calls(definition: &Definition, state: &mut State, now: Time) -> Vec<Command> {
    let mut calls = Vec::new();
    let mut called = BTreeSet::new();
    for (index, (branch, branch_state)) in definition.branches.iter().zip(&mut state.branches).enumerate() {
        if branch_state.is_done() {
            continue;
        }
        if branch.url.is_empty() {
            branch_state.succeed(now);
            continue;
        }
        called.insert(index);
        calls.push(Command::Call(index));
        if !definition.concurrent {
            break;
        }
    }
    if let Run::Calling { open, .. } = &mut state.run {
        *open = called;
    }
    calls
}

/// Goes on with a submitted message that the store gave to us.
fn resume(definition: &Definition, mut state: State, until: Time, now: Time) -> Step {
    state.hold(until);
    if state.is_running() {
        return nothing(state);
    }
    let calls = start(definition, &mut state, now);
    let mut commands = Vec::new();
    // What was taken is durable already, with a lease of the store's; only what differs needs another commit.
    if calls.is_empty() || !covers(definition, until, now) {
        commands.push(Command::Save);
    } else {
        state.due = until;
    }
    commands.extend(calls);
    Step { state, commands }
}

/// Whether a lease that ends at `until` leaves room for a call.
fn covers(definition: &Definition, until: Time, now: Time) -> bool {
    now.until(until) > definition.timing.lease_min()
}

fn ask(definition: &Definition, mut state: State, until: Time, now: Time) -> Step {
    state.hold(until);
    if state.is_running() {
        return nothing(state);
    }
    let mut commands = Vec::new();
    if definition.query_prepared.is_empty() {
        // Nobody to ask: neither outcome may be assumed. It stays prepared, for a submit, an abort, or an administrator.
        state.double_interval();
        let due = now.after(state.interval);
        state.wait(due);
        commands.push(Command::Save);
        return Step { state, commands };
    }
    if !covers(definition, until, now) {
        state.hold(now.after(definition.timing.lease()));
        commands.push(Command::Save);
    }
    state.run = Run::Asking;
    commands.push(Command::Ask);
    Step { state, commands }
}

fn asked(definition: &Definition, mut state: State, answer: Answer, now: Time) -> Step {
    match answer {
        Answer::Success => {
            state.status = Status::Submitted;
            state.interval = definition.timing.retry_interval;
            let mut commands = vec![Command::Save];
            commands.append(&mut start(definition, &mut state, now));
            return Step { state, commands };
        }
        Answer::Failure => {
            state.end(Status::Failed, now);
            return Step { state, commands: vec![Command::Save, Command::Report(RunEnd::Failed)] };
        }
        Answer::Ongoing => state.interval = definition.timing.retry_interval,
        Answer::Unknown => state.double_interval(),
    }
    let due = now.after(state.interval);
    state.wait(due);
    Step { state, commands: vec![Command::Save] }
}

fn answered(definition: &Definition, mut state: State, branch: usize, answer: Answer, now: Time) -> Step {
    let Run::Calling { open, setback } = &mut state.run else { return nothing(state) };
    if !open.remove(&branch) {
        return nothing(state);
    }
    let all_answered = open.is_empty();
    match answer {
        Answer::Success => {
            state.branches[branch].succeed(now);
            state.interval = definition.timing.retry_interval;
        }
        Answer::Ongoing => *setback = (*setback).max(Some(Setback::Ongoing)),
        // A message's branch must succeed in the end.
        Answer::Failure => *setback = (*setback).max(Some(Setback::Refused)),
        Answer::Unknown => *setback = (*setback).max(Some(Setback::Unknown)),
    }
    let setback = *setback;
    match (all_answered, setback) {
        (false, _) => Step { state, commands: vec![Command::Record] },
        (true, Some(setback)) => pause(state, setback, now),
        (true, None) => go_on(definition, state, now),
    }
}

/// The run ends with something left to do.
fn pause(mut state: State, setback: Setback, now: Time) -> Step {
    let end = match setback {
        Setback::Ongoing => RunEnd::Ongoing,
        Setback::Refused => {
            state.double_interval();
            RunEnd::Ongoing
        }
        Setback::Unknown => {
            state.double_interval();
            RunEnd::Unknown
        }
    };
    let due = now.after(state.interval);
    state.wait(due);
    Step { state, commands: vec![Command::Save, Command::Report(end)] }
}

/// All that was called is done: the next branch, or the end.
fn go_on(definition: &Definition, mut state: State, now: Time) -> Step {
    let calls = next_calls(definition, &mut state, now);
    if calls.is_empty() {
        state.end(Status::Succeed, now);
        return Step { state, commands: vec![Command::Save, Command::Report(RunEnd::Succeed)] };
    }
    let mut commands = if covers(definition, state.due, now) {
        vec![Command::Record]
    } else {
        state.hold(now.after(definition.timing.lease()));
        vec![Command::Save]
    };
    commands.extend(calls);
    Step { state, commands }
}

fn fail(mut state: State, now: Time) -> Step {
    state.end(Status::Failed, now);
    Step { state, commands: vec![Command::Save, Command::Accept, Command::Report(RunEnd::Failed)] }
}

/// Makes it due; what is running is on its way already.
fn due_now(mut state: State, now: Time) -> Step {
    if state.is_running() {
        return accept(state);
    }
    state.wait(now);
    Step { state, commands: vec![Command::Save, Command::Accept] }
}

/// Gives the lease back, so that the next process need not wait for its end.
fn stop(mut state: State, now: Time) -> Step {
    if !state.is_running() {
        return nothing(state);
    }
    state.wait(now);
    Step { state, commands: vec![Command::Save, Command::Report(RunEnd::Unknown)] }
}
