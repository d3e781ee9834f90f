//! The outcome of each pattern, told apart to the last variant, with the names of the prelude only.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Orders(sqlx::SqlitePool);

pub enum Refused {
    NoMoney,
    Call(CallError),
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

fn answer_not_done(not_done: &NotDone<Refused>) -> &'static str {
    match not_done {
        NotDone::RolledBack(Refused::NoMoney) => "no",
        NotDone::RolledBack(Refused::Call(CallError::Refused { .. })) => "a branch says no",
        NotDone::RolledBack(Refused::Call(_)) => "a branch says nothing",
        NotDone::GivenUp { .. } | NotDone::OtherMessage { .. } => "another gid",
        NotDone::InProgress { .. } => "at work",
        NotDone::NotStarted(NotStarted::Database(_)) => "the database is away",
        NotDone::NotStarted(_) => "the coordinator is away",
        NotDone::NotCommitted(CommitError::EndedEarly(_)) => "look at the business",
        NotDone::NotCommitted(_) => "again later",
    }
}

pub fn answer_msg(result: &Result<Done<()>, NotDone<Refused>>) -> &'static str {
    match result {
        Ok(Done::Submitted { .. } | Done::Committed { .. } | Done::Repeated { .. }) => "yes",
        Ok(Done::Unknown { .. }) => "not known yet",
        Ok(Done::Stopped { .. } | Done::EndedEarly { .. }) => "a person has to look",
        Err(not_done) => answer_not_done(not_done),
    }
}

pub fn answer_saga(result: &Result<SagaDone, SagaNotDone>) -> &'static str {
    match result {
        Ok(SagaDone::Succeeded { .. }) => "yes",
        Ok(SagaDone::Running { .. } | SagaDone::Unknown { .. }) => "not known yet",
        Err(SagaNotDone::RollingBack { .. } | SagaNotDone::RolledBack { .. }) => "no",
        Err(SagaNotDone::GivenUp { .. } | SagaNotDone::OtherTransaction { .. }) => "another gid",
        Err(SagaNotDone::NotStarted(_)) => "again later",
    }
}

pub fn answer_tcc(result: &Result<TccDone<()>, TccNotDone<Refused>>) -> &'static str {
    match result {
        Ok(TccDone::Confirmed { .. } | TccDone::Repeated { .. }) => "yes",
        Ok(TccDone::Unknown { .. }) => "not known yet",
        Ok(TccDone::Stopped { .. }) => "a person has to look",
        Err(TccNotDone::Cancelled { why: Refused::NoMoney | Refused::Call(CallError::Refused { .. }), .. }) => "no",
        Err(TccNotDone::GivenUp { .. } | TccNotDone::OtherTransaction { .. }) => "another gid",
        Err(
            TccNotDone::Cancelled { .. }
            | TccNotDone::CallFailed { .. }
            | TccNotDone::TimedOut { .. }
            | TccNotDone::NotStarted(_),
        ) => "again later",
    }
}

pub fn answer_outbox(result: &Result<SagaSent<()>, NotDone<Refused>>) -> &'static str {
    match result {
        Ok(SagaSent::Submitted { .. } | SagaSent::Committed { .. } | SagaSent::Repeated { .. }) => "yes",
        Ok(SagaSent::Unknown { .. }) => "not known yet",
        Ok(SagaSent::Stuck { .. } | SagaSent::EndedEarly { .. }) => "a person has to look",
        Err(not_done) => answer_not_done(not_done),
    }
}

pub fn answer_later(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "yes",
        _ => "no",
    }
}

pub async fn send(outbox: &Outbox<Orders>, client: &Client, to: branchwire::MsgBranch) -> &'static str {
    let sent = client.msg(to).send_with(outbox, async |_| Err::<(), _>(Refused::NoMoney));
    answer_msg(&sent.await)
}
