//! One run: commands become writes and calls, and answers become events.

use std::sync::Arc;

use branchwire_protocol::{Answer, LOCAL_BRANCH, Op};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::attempts::numbered;
use super::core::{Core, Failed, PendingCalls, RequestError};
use super::slot::{Ended, Held, Loaded};
use crate::engine::{
    BranchOp, CallResult, Command, Definition, Event, Holder, LastAnswer, REASON_CHARS_MAX, RunEnd, State, Time,
    Transition, step,
};
use crate::facts;
use crate::store::ext_data::word;
use crate::store::history::{Made, SAID_CHARS_MAX};
use crate::store::{BranchChange, Change, JournalError, Urgency, Write, WriteOutcome, calls};
use crate::traces::CallSpan;
use crate::transport::{Call, CallError, Response, host_and_path};

impl Core {
    /// Performs a transition's commands up to its calls, and then replaces the state. The caller makes the calls.
    pub(super) async fn perform(&self, loaded: &mut Loaded, next: Transition) -> Result<Vec<Command>, Failed> {
        let calls = self.perform_once(loaded, next).await?;
        if !calls.contains(&Command::Read) {
            return Ok(calls);
        }
        // The decision is durable, whatever happens to its first run. Without one it is due when the lease ends.
        match self.read_again(loaded).await {
            Ok(next) => Ok(self.perform_once(loaded, next).await.unwrap_or_else(|error| {
                tracing::warn!(gid = loaded.definition.gid.as_str(), ?error, "a decided transaction is run later");
                Vec::new()
            })),
            Err(error) => {
                tracing::warn!(gid = loaded.definition.gid.as_str(), %error, "a decided transaction is run later");
                Ok(Vec::new())
            }
        }
    }

    /// Begins the run of a transaction that was just decided, with all branches that were registered before.
    async fn read_again(&self, loaded: &mut Loaded) -> Result<Transition, RequestError> {
        let until = loaded.state.due;
        let gid = &loaded.definition.gid;
        if self.store.is_shared() {
            let row = self.store.load(gid.as_str()).await?.ok_or_else(|| RequestError::NotFound(gid.clone()))?;
            let (definition, state) = row.decode(&self.settings.defaults, &self.owner, self.clock.now())?;
            if (state.status, &state.holder) != (loaded.state.status, &Holder::Us) {
                return Err(RequestError::Contended);
            }
            (loaded.definition, loaded.state) = (Arc::new(definition), state);
        }
        step(&loaded.definition, &loaded.state, Event::Due { until }, self.clock.now())
            .map_err(RequestError::Impossible)
    }

    async fn perform_once(&self, loaded: &mut Loaded, next: Transition) -> Result<Vec<Command>, Failed> {
        let Transition { state, appended, commands } = next;
        let is_followed = commands.iter().any(|command| matches!(command, Command::Call(_)));
        let urgency = urgency(loaded, &commands);
        let newly_done = newly_done(&loaded.state, &state);
        loaded.unsaved.extend(&newly_done);
        if state.status != loaded.state.status {
            loaded.history.reached(state.status, self.clock.now());
        }
        let mut calls = Vec::new();
        let mut ends = Vec::new();
        for command in commands {
            match command {
                Command::Save => self.save(loaded, &state, &appended, urgency).await?,
                Command::Record if self.settings.branch_progress_sync => {
                    self.save(loaded, &state, &appended, Urgency::AtOnce).await?;
                }
                // The answers of calls that were made at once share a write: that of what follows them.
                Command::Record if !is_followed => {}
                Command::Record => {
                    let change = self.change(loaded, &state, &loaded.unsaved);
                    // If the queue is full this progress is not written; the end of the run writes it again.
                    drop(self.journal.push(Write::Change(change), Urgency::Whenever));
                }
                Command::Ask | Command::Call(_) | Command::Read => calls.push(command),
                Command::Report(end) => ends.push(end),
                // The return of this function is the acknowledgement.
                Command::Accept => {}
            }
        }
        loaded.state = state;
        if !appended.is_empty() {
            Arc::make_mut(&mut loaded.definition).branches.extend(appended);
        }
        for end in ends {
            report(loaded, end);
        }
        if !calls.is_empty() {
            self.renew_if_short(loaded).await?;
        }
        Ok(calls)
    }

    async fn save(
        &self,
        loaded: &mut Loaded,
        state: &State,
        appended: &[BranchOp],
        urgency: Urgency,
    ) -> Result<(), Failed> {
        let write = if loaded.stored {
            let mut change = self.change(loaded, state, &loaded.unsaved);
            change.appended = appended.to_vec();
            // Once a run, and only if a call did not succeed at the first attempt.
            change.ext_data =
                if state.is_running() { None } else { calls::ext_data(&loaded.definition, state, &loaded.history) };
            Write::Change(change)
        } else {
            let owner = self.owner_of(&state.holder).to_owned();
            Write::Create { definition: loaded.definition.clone(), state: state.clone(), owner }
        };
        match self.journal.write(write, urgency).await.map_err(Failed::Journal)? {
            WriteOutcome::Applied => {
                loaded.stored = true;
                loaded.unsaved.clear();
                self.metrics.reached(state.status);
                if state.status.is_final() {
                    self.over(loaded, state);
                } else {
                    self.watch_unasked(loaded, state);
                    self.schedule.due_at(state.due);
                }
                Ok(())
            }
            WriteOutcome::Conflict => Err(Failed::Stale),
        }
    }

    /// Renews the lease if it has no room for a call any more: the store may have been slow.
    async fn renew_if_short(&self, loaded: &mut Loaded) -> Result<(), Failed> {
        let timing = loaded.definition.timing;
        while self.clock.now().until(loaded.state.due) <= timing.lease_min() {
            let state = State { due: self.clock.now().after(timing.lease()), ..loaded.state.clone() };
            self.save(loaded, &state, &[], Urgency::AtOnce).await?;
            loaded.state = state;
        }
        Ok(())
    }

    /// Gives back the lease of the coordinator that holds the transaction, unless it has moved on.
    pub(super) async fn end_lease(&self, loaded: &Loaded) -> Result<(), JournalError> {
        let state = State { holder: Holder::Nobody, due: self.clock.now(), ..loaded.state.clone() };
        self.journal.write(Write::Change(self.change(loaded, &state, &[])), Urgency::AtOnce).await.map(drop)
    }

    fn change(&self, loaded: &Loaded, state: &State, done: &[usize]) -> Change {
        let definition = &loaded.definition;
        Change {
            gid: definition.gid.clone(),
            from: loaded.state.status,
            from_owner: self.owner_of(&loaded.state.holder).to_owned(),
            status: state.status,
            owner: self.owner_of(&state.holder).to_owned(),
            interval_ms: i64::try_from(state.interval.as_millis()).unwrap_or(i64::MAX),
            due: state.due,
            ended: state.ended,
            rollback_reason: state.rollback_reason.clone(),
            at: self.clock.now(),
            branches: done.iter().map(|index| branch_change(definition, state, *index)).collect(),
            appended: Vec::new(),
            ext_data: None,
        }
    }

    fn owner_of<'a>(&'a self, holder: &'a Holder) -> &'a str {
        match holder {
            Holder::Nobody => "",
            Holder::Us => &self.owner,
            Holder::Other(owner) => owner,
        }
    }

    /// Makes the calls, and those that follow from the answers, until the run has ended.
    pub(super) async fn drive(self: Arc<Self>, calls: PendingCalls) {
        let PendingCalls { slot, definition, mut commands, mut lease } = calls;
        let mut calls = FuturesUnordered::new();
        loop {
            let stopping = self.stopping.is_cancelled();
            if !stopping {
                let calling =
                    commands.drain(..).map(|(command, attempt)| self.call(&definition, command, attempt, lease));
                calls.extend(calling);
            }
            let (event, made) = match calls.next().await {
                Some(ended) => ended,
                None if commands.is_empty() => return,
                // The call was delayed, and is now given up.
                None => {
                    commands.clear();
                    (Event::Stop, None)
                }
            };
            let mut held = slot.lock().await;
            // Another coordinator took the transaction, or a request ended it: the remaining answers have no effect.
            let Held::Loaded(loaded) = &mut *held else { return };
            let gid = definition.gid.as_str();
            let next = match step(&loaded.definition, &loaded.state, event, self.clock.now()) {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(gid, %error, "a run ends in error");
                    return self.slots.remove(&slot, &mut held);
                }
            };
            if let Some(made) = made {
                self.watch(&definition, &next.state, &made);
                loaded.history.push(made);
            }
            match self.perform(loaded, next).await {
                Ok(next) => {
                    commands.extend(numbered(&loaded.state, next));
                    lease = loaded.state.due;
                }
                Err(error) => {
                    // The present owner goes on; if that is still us, it is due again when the lease ends.
                    tracing::warn!(gid, ?error, "a run lost its transaction");
                    return self.slots.remove(&slot, &mut held);
                }
            }
            self.slots.release(&slot, &mut held);
        }
    }

    /// Makes one call, if it gets its turn while the lease has room for it.
    async fn call(
        &self,
        definition: &Arc<Definition>,
        command: Command,
        attempt: u32,
        lease: Time,
    ) -> (Event, Option<Made>) {
        let (call, branch) = match command {
            Command::Call(index) => (Call::branch(definition, index), Some(index)),
            Command::Ask | Command::Read | Command::Save | Command::Record | Command::Accept | Command::Report(_) => {
                (Call::query_prepared(definition), None)
            }
        };
        let (at, start) = (self.clock.now(), tokio::time::Instant::now());
        let mut span = None;
        let response = match call {
            Ok(mut call) => {
                span = Some(self.settings.traces.call(definition, branch, attempt, &mut call));
                // Another coordinator may take the transaction when the lease ends, so a late call is not made.
                let room = self.clock.now().until(lease).saturating_sub(definition.timing.lease_min());
                call.turn_timeout = call.turn_timeout.min(room);
                self.transport.call(call).await
            }
            Err(error) => Err(error),
        };
        let url = facts::address(definition, branch);
        let response = response.map(|response| (response.answer(definition, url), response));
        let result = result_of(&response);
        let made = match result {
            CallResult::Made(last) => {
                let took = start.elapsed();
                self.metrics.called(last.answer, took);
                Some(Made { branch, at, took, last, said: beginning(&response) })
            }
            CallResult::NotMade => None,
        };
        if let Some(span) = span {
            end(span, result);
        }
        log(definition, branch, result, response.as_ref().err());
        let event = match branch {
            Some(branch) => Event::Answered { branch, result, said: said(&response) },
            None => Event::Asked(result),
        };
        (event, made)
    }
}

/// What a branch said with a refusal, as far as a row has room for it.
fn said(response: &Result<(Answer, Response), CallError>) -> String {
    match response {
        Ok((Answer::Failure, response)) => {
            String::from_utf8_lossy(&response.body).chars().filter(|c| *c != '\0').take(REASON_CHARS_MAX).collect()
        }
        Ok(_) | Err(_) => String::new(),
    }
}

/// The beginning of a response, or why there was none: for operators.
fn beginning(response: &Result<(Answer, Response), CallError>) -> String {
    // A character has at most four bytes.
    let text = match response {
        Ok((_, response)) => String::from_utf8_lossy(&response.body[..response.body.len().min(4 * SAID_CHARS_MAX)]),
        Err(error) => error.to_string().into(),
    };
    text.chars().filter(|c| *c != '\0').take(SAID_CHARS_MAX).collect()
}

fn result_of(response: &Result<(Answer, Response), CallError>) -> CallResult {
    match response {
        Ok((answer, response)) => CallResult::Made(LastAnswer { answer: *answer, http_status: Some(response.status) }),
        Err(CallError::NoResponse(_)) => CallResult::Made(LastAnswer { answer: Answer::Unknown, http_status: None }),
        Err(CallError::NotMade(_)) => CallResult::NotMade,
    }
}

fn end(span: CallSpan, result: CallResult) {
    match result {
        CallResult::Made(LastAnswer { answer, http_status }) => span.end(word(answer), http_status),
        CallResult::NotMade => span.end("not made", None),
    }
}

fn log(definition: &Definition, branch: Option<usize>, result: CallResult, error: Option<&CallError>) {
    let gid = definition.gid.as_str();
    let url = facts::address(definition, branch);
    let (branch_id, op) = branch
        .map(|index| &definition.branches[index])
        .map_or((LOCAL_BRANCH, Op::Msg.as_str()), |branch| (branch.branch_id.as_str(), branch.op.as_str()));
    let error = error.map(tracing::field::display);
    match result {
        CallResult::Made(LastAnswer { answer: Answer::Success, .. }) => {
            tracing::debug!(gid, branch_id, op, "done");
        }
        CallResult::Made(LastAnswer { answer, http_status }) => {
            let (host, path) = host_and_path(url);
            // What follows from it depends on the pattern: a saga's action that refuses is not called again.
            let text = match answer {
                Answer::Failure => "refused",
                Answer::Ongoing => "not done yet",
                Answer::Success | Answer::Unknown => "no clear answer",
            };
            let trans_type = definition.trans_type.as_str();
            tracing::info!(gid, trans_type, branch_id, op, host, path, http_status, error, "{text}");
        }
        CallResult::NotMade => {
            let (host, path) = host_and_path(url);
            tracing::info!(gid, branch_id, op, host, path, error, "to be called later");
        }
    }
}

/// Whether somebody waits for what these commands write: a client, the calls that follow, or whoever looks for due transactions.
/// One that was due is written at once: made due once more by hand, it is read again as long as the row does not show its end, and
/// then called again.
fn urgency(loaded: &Loaded, commands: &[Command]) -> Urgency {
    let is_awaited = |command: &Command| match command {
        Command::Accept | Command::Ask | Command::Call(_) | Command::Read => true,
        Command::Report(_) => !loaded.waiters.is_empty(),
        Command::Save | Command::Record => false,
    };
    if loaded.was_due || commands.iter().any(is_awaited) { Urgency::AtOnce } else { Urgency::Whenever }
}

/// Reports to the waiting clients; some may have disconnected.
fn report(loaded: &mut Loaded, end: RunEnd) {
    for waiter in loaded.waiters.drain(..) {
        let _ = waiter.send(Ended { end, reason: loaded.state.rollback_reason.clone() });
    }
}

fn newly_done(before: &State, after: &State) -> Vec<usize> {
    let pairs = before.branches.iter().zip(&after.branches).enumerate();
    pairs.filter(|(_, (before, after))| before.status != after.status).map(|(index, _)| index).collect()
}

fn branch_change(definition: &Definition, state: &State, index: usize) -> BranchChange {
    let (branch, branch_state) = (&definition.branches[index], &state.branches[index]);
    BranchChange {
        branch_id: branch.branch_id.clone(),
        op: branch.op.clone(),
        status: branch_state.status,
        at: branch_state.finished.unwrap_or(Time::from_millis(0)),
    }
}
