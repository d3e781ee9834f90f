//! One run: commands become writes and calls, and answers become events.

use std::sync::Arc;

use branchwire_protocol::{Answer, LOCAL_BRANCH, Op};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::core::{Core, Failed, PendingCalls};
use super::slot::{Ended, Held, Loaded};
use crate::engine::{
    BranchOp, CallResult, Command, Definition, Event, Holder, LastAnswer, REASON_CHARS_MAX, RunEnd, State, Time,
    Transition, step,
};
use crate::store::{BranchChange, Change, Write, WriteOutcome, calls};
use crate::transport::{Call, CallError, Response};

impl Core {
    /// Performs a transition's commands up to its calls, and then replaces the state. The caller makes the calls.
    pub(super) async fn perform(&self, loaded: &mut Loaded, next: Transition) -> Result<Vec<Command>, Failed> {
        let Transition { state, appended, commands } = next;
        let newly_done = newly_done(&loaded.state, &state);
        loaded.unsaved.extend(&newly_done);
        let mut calls = Vec::new();
        let mut ends = Vec::new();
        for command in commands {
            match command {
                Command::Save => self.save(loaded, &state, &appended).await?,
                Command::Record if self.settings.branch_progress_sync => self.save(loaded, &state, &appended).await?,
                Command::Record => {
                    let change = self.change(loaded, &state, &newly_done);
                    // If the queue is full this progress is not written; the end of the run writes it again.
                    drop(self.journal.push(Write::Change(change)));
                }
                Command::Ask | Command::Call(_) => calls.push(command),
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

    async fn save(&self, loaded: &mut Loaded, state: &State, appended: &[BranchOp]) -> Result<(), Failed> {
        let write = if loaded.stored {
            let mut change = self.change(loaded, state, &loaded.unsaved);
            change.appended = appended.to_vec();
            // Once a run, and only if a call did not succeed at the first attempt.
            change.ext_data = if state.is_running() { None } else { calls::ext_data(&loaded.definition, state) };
            Write::Change(change)
        } else {
            let owner = self.owner_of(&state.holder).to_owned();
            Write::Create { definition: loaded.definition.clone(), state: state.clone(), owner }
        };
        match self.journal.write(write).await.map_err(Failed::Journal)? {
            WriteOutcome::Applied => {
                loaded.stored = true;
                loaded.unsaved.clear();
                self.metrics.reached(state.status);
                if !state.status.is_final() {
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
            self.save(loaded, &state, &[]).await?;
            loaded.state = state;
        }
        Ok(())
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
                calls.extend(commands.drain(..).map(|command| self.call(&definition, command, lease)));
            }
            let event = match calls.next().await {
                Some(event) => event,
                None if commands.is_empty() => return,
                // The call was delayed, and is now given up.
                None => {
                    commands.clear();
                    Event::Stop
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
            match self.perform(loaded, next).await {
                Ok(next) => {
                    commands.extend(next);
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
    async fn call(&self, definition: &Arc<Definition>, command: Command, lease: Time) -> Event {
        let (call, branch) = match command {
            Command::Call(index) => (Call::branch(definition, index), Some(index)),
            Command::Ask | Command::Save | Command::Record | Command::Accept | Command::Report(_) => {
                (Call::query_prepared(definition), None)
            }
        };
        let start = tokio::time::Instant::now();
        let response = match call {
            Ok(mut call) => {
                // Another coordinator may take the transaction when the lease ends, so a late call is not made.
                let room = self.clock.now().until(lease).saturating_sub(definition.timing.lease_min());
                call.turn_timeout = call.turn_timeout.min(room);
                self.transport.call(call).await
            }
            Err(error) => Err(error),
        };
        let result = result_of(&response);
        if let CallResult::Made(last) = result {
            self.metrics.call_seconds.observe(start.elapsed().as_secs_f64());
            self.metrics.calls(last.answer).inc();
        }
        log(definition, branch, result, response.as_ref().err());
        match branch {
            Some(branch) => Event::Answered { branch, result, said: said(&response) },
            None => Event::Asked(result),
        }
    }
}

/// What a branch said with a refusal, as far as a row has room for it.
fn said(response: &Result<Response, CallError>) -> String {
    match response {
        Ok(response) if response.answer() == Answer::Failure => {
            String::from_utf8_lossy(&response.body).chars().filter(|c| *c != '\0').take(REASON_CHARS_MAX).collect()
        }
        Ok(_) | Err(_) => String::new(),
    }
}

fn result_of(response: &Result<Response, CallError>) -> CallResult {
    match response {
        Ok(response) => CallResult::Made(LastAnswer { answer: response.answer(), http_status: Some(response.status) }),
        Err(CallError::NoResponse(_)) => CallResult::Made(LastAnswer { answer: Answer::Unknown, http_status: None }),
        Err(CallError::NotMade(_)) => CallResult::NotMade,
    }
}

fn log(definition: &Definition, branch: Option<usize>, result: CallResult, error: Option<&CallError>) {
    let gid = definition.gid.as_str();
    let (branch_id, op, url) = branch
        .map(|index| &definition.branches[index])
        .map_or((LOCAL_BRANCH, Op::Msg.as_str(), definition.query_prepared.as_str()), |branch| {
            (branch.branch_id.as_str(), branch.op.as_str(), branch.url.as_str())
        });
    let error = error.map(tracing::field::display);
    match result {
        CallResult::Made(LastAnswer { answer: Answer::Success, .. }) => {
            tracing::debug!(gid, branch_id, op, "done");
        }
        CallResult::Made(LastAnswer { answer, http_status }) => {
            let (host, path) = host_and_path(url);
            tracing::info!(gid, branch_id, op, host, path, http_status, ?answer, error, "to be called again");
        }
        CallResult::NotMade => {
            let (host, path) = host_and_path(url);
            tracing::info!(gid, branch_id, op, host, path, error, "to be called later");
        }
    }
}

/// Where a call goes, for the log: without the query, in which a client may have put anything.
fn host_and_path(url: &str) -> (String, String) {
    url::Url::parse(url).map_or_else(
        |_| (String::new(), String::new()),
        |url| (url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(), url.path().to_owned()),
    )
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
