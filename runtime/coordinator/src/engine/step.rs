//! The table: what follows from each event in each status, for any pattern.

use std::collections::BTreeSet;

use branchwire_protocol::{BranchId, Status};

use super::pattern::{self, Next, Overdue, Permission, Request, Rows, Verdict};
use super::{
    BRANCHES_MAX, BranchOp, BranchState, CallResult, Command, Definition, Direction, EngineError, Event, NotAllowed,
    Opening, Run, RunEnd, Setback, State, Time, Transition,
};

/// The first transition of a transaction that is not recorded yet.
///
/// The first command is [`Command::Save`], which must fail if the gid exists already.
pub fn create(definition: &Definition, opening: Opening, now: Time) -> Transition {
    let mut state = State::new(definition, Time::MAX);
    state.due = overdue_at(definition, &state).unwrap_or(Time::MAX);
    match opening {
        Opening::Prepare => Transition::new(state, vec![Command::Save, Command::Accept]),
        Opening::Submit => submit(definition, state, now),
    }
}

/// What follows from `event` for a transaction in `state`.
///
/// # Errors
/// [`EngineError::NotAllowed`] if the status does not allow what a client asks for; [`EngineError::Impossible`] if the
/// event cannot happen in this status. Nothing has changed then.
#[expect(clippy::match_same_arms, reason = "a table: each event with its reasons, in one place")]
pub fn step(definition: &Definition, state: &State, event: Event, now: Time) -> Result<Transition, EngineError> {
    let status = state.status;
    let impossible = EngineError::Impossible { status, event: event.name() };
    let allows = |request| pattern::of(definition.trans_type).allows(definition, state, request);
    let state = state.clone();
    Ok(match (event, status) {
        // The requests of clients: the pattern says in which status they make sense.
        (Event::Prepare, status) => match allows(Request::Prepare) {
            Permission::Act | Permission::Acknowledge => accept(state),
            Permission::Refuse => return Err(NotAllowed::Prepare(status).into()),
        },
        (Event::Submit, status) => match allows(Request::Submit) {
            Permission::Act => submit(definition, state, now),
            Permission::Acknowledge => accept(state),
            Permission::Refuse => return Err(NotAllowed::Submit(status).into()),
        },
        (Event::Abort { reason }, status) => match allows(Request::Abort) {
            Permission::Act => roll_back(definition, state, &reason, &[Command::Save, Command::Accept], now),
            Permission::Acknowledge => accept(state),
            Permission::Refuse => return Err(NotAllowed::Abort(definition.trans_type, status).into()),
        },
        (Event::RegisterBranch { rows, .. }, _) if !are_of_pattern(definition, &rows) => {
            return Err(NotAllowed::NotOfPattern(definition.trans_type).into());
        }
        (Event::RegisterBranch { branch_id, rows }, _)
            if !rows.iter().all(|row| definition.protocol.can_call(&row.url, &row.payload)) =>
        {
            return Err(NotAllowed::NoParameters(branch_id).into());
        }
        (Event::RegisterBranch { branch_id, rows }, _) => match allows(Request::RegisterBranch) {
            Permission::Act => register(definition, state, &branch_id, rows)?,
            Permission::Acknowledge => accept(state),
            Permission::Refuse => return Err(NotAllowed::Register(definition.gid.clone()).into()),
        },

        (Event::ForceStop, Status::Prepared | Status::Submitted | Status::Aborting) => force_stop(state, now),
        (Event::ForceStop, Status::Succeed | Status::Failed) => return Err(NotAllowed::ForceStop(status).into()),

        (Event::ResetNextCronTime, Status::Prepared | Status::Submitted | Status::Aborting) => due_now(state, now),
        (Event::ResetNextCronTime, Status::Succeed | Status::Failed) => accept(state),

        (Event::Due { until }, Status::Prepared | Status::Submitted | Status::Aborting) => {
            due(definition, state, until, now).ok_or(impossible)?
        }
        // It has ended after we took it from the store.
        (Event::Due { .. }, Status::Succeed | Status::Failed) => nothing(state),

        (Event::Asked(result), Status::Prepared) => asked(definition, state, result, now),
        // Submitted, aborted or stopped while query-prepared was in flight: the answer no longer matters.
        (Event::Asked(_), Status::Submitted | Status::Aborting | Status::Succeed | Status::Failed) => nothing(state),

        (Event::Answered { branch, result, said }, Status::Submitted | Status::Aborting) => {
            answered(definition, state, (branch, result, &said), now)
        }
        // Stopped while the call was in flight.
        (Event::Answered { .. }, Status::Failed) => nothing(state),
        // No branch is called before a decision, and success comes only after the last answer.
        (Event::Answered { .. }, Status::Prepared | Status::Succeed) => return Err(impossible),

        (Event::Stop, Status::Prepared | Status::Submitted | Status::Aborting) => stop(state, now),
        (Event::Stop, Status::Succeed | Status::Failed) => nothing(state),
    })
}

fn nothing(state: State) -> Transition {
    Transition::new(state, Vec::new())
}

fn accept(state: State) -> Transition {
    Transition::new(state, vec![Command::Accept])
}

/// `prepared` -> `submitted`; then its branches are called.
fn submit(definition: &Definition, mut state: State, now: Time) -> Transition {
    state.turn_forward(definition);
    let mut commands = vec![Command::Save, Command::Accept];
    commands.extend(begin(definition, &mut state, now).unwrap_or_default());
    Transition::new(state, commands)
}

/// Adds a branch. The same branch again is acknowledged; a different one with the same id is refused.
fn register(
    definition: &Definition,
    mut state: State,
    branch_id: &BranchId,
    rows: Vec<BranchOp>,
) -> Result<Transition, NotAllowed> {
    let known: Vec<_> = definition.branches.iter().filter(|branch| branch.branch_id == *branch_id).collect();
    if !known.is_empty() {
        let same = known.len() == rows.len() && known.into_iter().zip(&rows).all(|(known, row)| known.is_same(row));
        return if same { Ok(accept(state)) } else { Err(NotAllowed::RegisteredOtherwise(branch_id.clone())) };
    }
    if definition.branches.len() >= BRANCHES_MAX * rows.len() {
        return Err(NotAllowed::TooMany(BRANCHES_MAX));
    }
    state.branches.extend(rows.iter().map(|_| BranchState::new()));
    Ok(Transition { state, appended: rows, commands: vec![Command::Save, Command::Accept] })
}

/// Whether the pattern has branches with these ops that are registered.
fn are_of_pattern(definition: &Definition, rows: &[BranchOp]) -> bool {
    match pattern::of(definition.trans_type).rows() {
        Rows::Registered(ops) => rows.iter().map(|row| &row.op).eq(&ops),
        Rows::Steps | Rows::Pairs => false,
    }
}

/// Turns the transaction back, and begins the calls to undo; ends it if the pattern has none. The commands in `first`
/// make this durable before.
fn roll_back(definition: &Definition, mut state: State, reason: &str, first: &[Command], now: Time) -> Transition {
    state.turn_back(definition, reason);
    let mut commands = first.to_vec();
    let calls = if matches!(state.run, Run::Calling { .. }) {
        // The run goes on, now to undo.
        advance(definition, &mut state, now)
    } else {
        state.run = Run::Idle;
        begin(definition, &mut state, now)
    };
    let calls = calls.unwrap_or_else(|| {
        // The pattern undoes nothing: no branch was called in this status.
        state.end(Status::Failed, now);
        Vec::new()
    });
    let end = if state.status.is_final() { RunEnd::Failed } else { RunEnd::RollingBack };
    commands.push(Command::Report(end));
    commands.extend(calls);
    Transition::new(state, commands)
}

/// Begins the first run after a decision, under a new lease; the caller adds the save. Returns the calls to make after
/// it; `None` if the pattern does not use this status.
fn begin(definition: &Definition, state: &mut State, now: Time) -> Option<Vec<Command>> {
    state.hold(now.after(definition.timing.lease()));
    match pattern::of(definition.trans_type).rows() {
        Rows::Registered(_) => Some(vec![Command::Read]),
        Rows::Steps | Rows::Pairs => advance(definition, state, now),
    }
}

/// Goes on under the present lease: makes the next calls beside those in flight, waits, or ends the transaction. `None` if
/// the pattern does not use this status.
fn advance(definition: &Definition, state: &mut State, now: Time) -> Option<Vec<Command>> {
    loop {
        match pattern::of(definition.trans_type).next(definition, state, now) {
            Next::Never => return None,
            Next::NotBefore(time) => {
                state.wait(time);
                return Some(Vec::new());
            }
            Next::Done => {
                let end = if state.direction() == Some(Direction::Back) { Status::Failed } else { Status::Succeed };
                state.end(end, now);
                return Some(Vec::new());
            }
            Next::Calls(mut calls) => {
                // An op without an address counts as done, and others may follow from it.
                let without_address: Vec<_> =
                    calls.extract_if(.., |index| definition.branches[*index].url.is_empty()).collect();
                if !without_address.is_empty() {
                    for index in without_address {
                        state.branches[index].end(Status::Succeed, now);
                    }
                    continue;
                }
                if let Run::Calling { called, .. } = &state.run {
                    calls.retain(|index| !called.contains(index));
                }
                return Some(call(state, calls));
            }
        }
    }
}

/// Adds these calls to those in flight.
fn call(state: &mut State, calls: Vec<usize>) -> Vec<Command> {
    if calls.is_empty() {
        return Vec::new();
    }
    if !matches!(state.run, Run::Calling { .. }) {
        let none = BTreeSet::new;
        state.run = Run::Calling { open: none(), late: none(), called: none(), setback: None };
    }
    if let Run::Calling { open, called, .. } = &mut state.run {
        open.extend(&calls);
        called.extend(&calls);
    }
    calls.into_iter().map(Command::Call).collect()
}

/// Begins the run of a transaction that was taken from the store. `None` if the pattern does not use its status.
fn due(definition: &Definition, mut state: State, until: Time, now: Time) -> Option<Transition> {
    state.hold(until);
    if state.is_running() {
        return Some(nothing(state));
    }
    if let Some(reason) = timed_out(definition, &state, now) {
        return Some(roll_back(definition, state, &reason, &[Command::Save], now));
    }
    match (state.status, pattern::of(definition.trans_type).overdue(definition, &state)) {
        (Status::Prepared, Overdue::Ask(_)) => Some(ask(definition, state, until, now)),
        (Status::Prepared, Overdue::Abort(_) | Overdue::Wait) => {
            let time = overdue_at(definition, &state).unwrap_or(Time::MAX);
            state.wait(time);
            Some(Transition::new(state, vec![Command::Save]))
        }
        (_, Overdue::Ask(_) | Overdue::Abort(_) | Overdue::Wait) => resume(definition, state, until, now),
    }
}

/// Goes on with the calls of a transaction that was taken from the store.
fn resume(definition: &Definition, mut state: State, until: Time, now: Time) -> Option<Transition> {
    let calls = advance(definition, &mut state, now)?;
    let mut commands = Vec::new();
    // The lease from taking it is durable. Only another lease, or a wait, needs another commit.
    if calls.is_empty() || renews(definition, &mut state, until, now) {
        commands.push(Command::Save);
    }
    commands.extend(calls);
    Some(Transition::new(state, commands))
}

/// Takes a new lease if the present one, which ends at `until`, leaves no room for a call; returns whether it did.
fn renews(definition: &Definition, state: &mut State, until: Time, now: Time) -> bool {
    let is_short = now.until(until) <= definition.timing.lease_min();
    if is_short {
        state.hold(now.after(definition.timing.lease()));
    }
    is_short
}

fn ask(definition: &Definition, mut state: State, until: Time, now: Time) -> Transition {
    if definition.query_prepared.is_empty() {
        // There is no query-prepared address, and neither outcome may be assumed. It waits for a submit, an abort, or
        // an administrator.
        state.double_interval();
        wait_interval(definition, &mut state, now);
        return Transition::new(state, vec![Command::Save]);
    }
    let mut commands = Vec::new();
    if renews(definition, &mut state, until, now) {
        commands.push(Command::Save);
    }
    state.run = Run::Asking;
    commands.push(Command::Ask);
    Transition::new(state, commands)
}

/// When a transaction in this state is overdue, if its pattern says so.
fn overdue_at(definition: &Definition, state: &State) -> Option<Time> {
    match pattern::of(definition.trans_type).overdue(definition, state) {
        Overdue::Ask(after) | Overdue::Abort(after) => Some(definition.created.after(after)),
        Overdue::Wait => None,
    }
}

/// The reason for a rollback, if the transaction is overdue and its pattern then rolls back; in DTM's words.
fn timed_out(definition: &Definition, state: &State, now: Time) -> Option<String> {
    match pattern::of(definition.trans_type).overdue(definition, state) {
        Overdue::Abort(after) if definition.created.after(after) <= now => {
            Some(format!("Timeout after {} seconds", after.as_secs()))
        }
        Overdue::Abort(_) | Overdue::Ask(_) | Overdue::Wait => None,
    }
}

/// Ends the run without a decision; the next one begins after the interval, or when it becomes overdue.
fn wait_interval(definition: &Definition, state: &mut State, now: Time) {
    let due = now.after(state.interval);
    let overdue = overdue_at(definition, state).filter(|time| now < *time);
    state.wait(overdue.map_or(due, |time| due.min(time)));
}

/// Query-prepared has answered, or could not be asked.
fn asked(definition: &Definition, mut state: State, result: CallResult, now: Time) -> Transition {
    let pattern = pattern::of(definition.trans_type);
    let verdict = match result {
        CallResult::NotMade => Verdict::Setback(Setback::NotCalled),
        CallResult::Made(last) => {
            state.question.note(last);
            pattern.verdict(definition, &state, &pattern.question(definition).op, last.answer)
        }
    };
    match verdict {
        Verdict::Done => {
            state.turn_forward(definition);
            state.run = Run::Idle;
            let mut commands = vec![Command::Save];
            commands.extend(begin(definition, &mut state, now).unwrap_or_default());
            return Transition::new(state, commands);
        }
        Verdict::RollBack => return roll_back(definition, state, "", &[Command::Save], now),
        Verdict::GiveUp(reason) => return roll_back(definition, state, &reason, &[Command::Save], now),
        Verdict::Setback(Setback::NotCalled) => {}
        Verdict::Setback(Setback::Ongoing) => state.interval = definition.timing.retry_interval,
        Verdict::Setback(Setback::Refused | Setback::Unknown) => state.double_interval(),
    }
    wait_interval(definition, &mut state, now);
    Transition::new(state, vec![Command::Save])
}

/// A branch has answered, or could not be called.
fn answered(
    definition: &Definition,
    mut state: State,
    (branch, result, said): (usize, CallResult, &str),
    now: Time,
) -> Transition {
    let Run::Calling { open, late, .. } = &mut state.run else { return nothing(state) };
    if !open.remove(&branch) {
        return nothing(state);
    }
    let is_late = late.remove(&branch);
    let row = &definition.branches[branch];
    let pattern = pattern::of(definition.trans_type);
    let verdict = match result {
        CallResult::NotMade => Verdict::Setback(Setback::NotCalled),
        CallResult::Made(last) => {
            state.branches[branch].calls.note(last);
            pattern.verdict(definition, &state, &row.op, last.answer)
        }
    };
    let mut turned_by = None;
    match verdict {
        Verdict::Done if is_late && !pattern.records_late(definition, branch) => {}
        Verdict::Done => {
            state.branches[branch].end(Status::Succeed, now);
            state.interval = definition.timing.retry_interval;
        }
        Verdict::RollBack => {
            state.branches[branch].end(Status::Failed, now);
            // In DTM's words.
            turned_by = Some(format!("url:{} return failed: {said} FAILURE", row.url));
        }
        Verdict::GiveUp(reason) => turned_by = Some(reason),
        Verdict::Setback(_) if is_late => {}
        Verdict::Setback(this) => {
            if let Run::Calling { setback, .. } = &mut state.run {
                *setback = (*setback).max(Some(this));
            }
        }
    }
    let turned_by = turned_by.or_else(|| timed_out(definition, &state, now)).filter(|_| !is_late);
    if let Some(reason) = &turned_by {
        state.turn_back(definition, reason);
    }
    go_on(definition, state, turned_by.is_some(), now)
}

/// After an answer: the next calls, the wait for those in flight, a pause, or the end.
fn go_on(definition: &Definition, mut state: State, turned: bool, now: Time) -> Transition {
    let calls = advance(definition, &mut state, now).unwrap_or_default();
    let (in_flight, setback) = match &state.run {
        Run::Calling { open, setback, .. } => (!open.is_empty(), *setback),
        Run::Idle | Run::Asking => (false, None),
    };
    if let (false, Some(setback)) = (in_flight, setback) {
        return pause(definition, state, setback, now);
    }
    if !in_flight {
        let end = match state.status {
            Status::Succeed => RunEnd::Succeed,
            Status::Failed => RunEnd::Failed,
            Status::Aborting => RunEnd::RollingBack,
            Status::Prepared | Status::Submitted => RunEnd::Ongoing,
        };
        return Transition::new(state, vec![Command::Save, Command::Report(end)]);
    }
    let mut save = turned;
    if !calls.is_empty() {
        let forward = state.direction() == Some(Direction::Forward);
        save |= forward && pattern::of(definition.trans_type).saves_progress();
        let until = state.due;
        save |= renews(definition, &mut state, until, now);
    }
    let mut commands = vec![if save { Command::Save } else { Command::Record }];
    commands.extend(calls);
    Transition::new(state, commands)
}

/// Ends the run before the transaction is finished.
fn pause(definition: &Definition, mut state: State, setback: Setback, now: Time) -> Transition {
    let end = match setback {
        Setback::NotCalled | Setback::Ongoing | Setback::Refused => RunEnd::Ongoing,
        Setback::Unknown => pattern::of(definition.trans_type).unclear(),
    };
    match setback {
        Setback::NotCalled | Setback::Ongoing => {}
        Setback::Refused | Setback::Unknown => state.double_interval(),
    }
    let end = if state.direction() == Some(Direction::Back) { RunEnd::RollingBack } else { end };
    wait_interval(definition, &mut state, now);
    Transition::new(state, vec![Command::Save, Command::Report(end)])
}

fn force_stop(mut state: State, now: Time) -> Transition {
    state.end(Status::Failed, now);
    Transition::new(state, vec![Command::Save, Command::Accept, Command::Report(RunEnd::Failed)])
}

/// Makes it due now, unless it is running.
fn due_now(mut state: State, now: Time) -> Transition {
    if state.is_running() {
        return accept(state);
    }
    state.wait(now);
    Transition::new(state, vec![Command::Save, Command::Accept])
}

/// Gives up the lease, so that the next process need not wait for its end.
fn stop(mut state: State, now: Time) -> Transition {
    if !state.is_running() {
        return nothing(state);
    }
    state.wait(now);
    Transition::new(state, vec![Command::Save, Command::Report(RunEnd::Unknown)])
}
