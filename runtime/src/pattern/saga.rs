//! The saga: steps that may refuse, each with a compensation.
//!
//! All actions succeed, or every one that may have been applied is compensated. Between the two, others see what was
//! applied so far: a saga has no isolation. DTM's word is saga. The attributes, with an example:
//! [`saga_action`](macro@crate::saga_action).
//!
//! ```
//! # use branchwire::prelude::*;
//! # #[derive(Clone, Database)] pub struct Db(sqlx::SqlitePool);
//! # macro_rules! service { ($base:literal $name:ident $action:ident) => {
//! #     #[branchwire::service($base)] pub mod $name { use super::*;
//! #         #[saga_action] pub async fn $action(_: &mut Tx<Db>, _: i64) -> Result<(), BranchError> { Ok(()) }
//! #         #[saga_compensate(of = $action)] pub async fn undo(_: &mut Tx<Db>, _: i64) -> Result<(), Retry> { Ok(()) } } } }
//! # service!("/hotel" hotel book);
//! # service!("/airline" airline book);
//! # service!("/bank" bank charge);
//! # #[branchwire::service("/mail")] pub mod mail { use super::*;
//! #     #[msg_branch] pub async fn send_voucher(_: &mut Tx<Db>, _: i64) -> Result<(), Retry> { Ok(()) } }
//! # async fn example(client: Client, hotel: hotel::Remote, airline: airline::Remote, bank: bank::Remote, mail: mail::Remote,
//! #     (room, seat, price, guest): (i64, i64, i64, i64)) -> Result<&'static str, SagaNotDone> {
//! let done = client
//!     .saga(hotel.book(&room))
//!     .and(airline.book(&seat)) // at once with it
//!     .then(bank.charge(&price)) // after both
//!     .finally(mail.send_voucher(&guest)) // after all: it cannot refuse
//!     .run()
//!     .await?; // an error: nothing remains applied, or it is being undone
//! Ok(match done {
//!     SagaDone::Succeeded { .. } => "booked",
//!     // `client.outcome(&gid)` waits for the end.
//!     SagaDone::Running { .. } | SagaDone::Unknown { .. } => "not decided yet",
//! })
//! # }
//! # fn main() {}
//! ```
//!
//! A compensation must succeed in the end, and may come long after its action. So write it as a change that can be applied
//! at any time (add back what was taken), and not as a return to an old value. It does not run for an action that was not
//! applied: its barrier knows that. More of that, what others see meanwhile, semantic locks, and which pattern fits:
//! [`patterns`](crate::patterns).

use std::time::Duration;

use super::NotStarted;
use super::options::{Options, Ready, shared_options, whole_seconds};
use crate::branch::{MsgBranch, SagaStep};
use crate::client::{Client, ClientError};
use crate::protocol::{Gid, Standing, Status, Step, TOPIC_PREFIX, TransType, Transaction, TransactionRecord};

/// The longest `custom_data` that a coordinator stores, in characters.
const CUSTOM_DATA_CHARS_MAX: usize = 1_024;

/// A saga before it is sent: at least one step, and its options.
///
/// Made by [`Client::saga`]; sent once, by [`run`](Self::run) or [`submit`](Self::submit).
///
/// Its steps are in stages: the steps of a stage run at once, after all steps of the stage before. On the way back the
/// stages are undone in reverse.
///
/// Durations are sent in whole seconds, rounded up.
#[derive(Debug)]
#[must_use = "a saga does nothing until it is sent: `.run()` or `.submit()`"]
pub struct Saga {
    client: Client,
    /// None of them is empty.
    stages: Vec<Vec<SagaStep>>,
    finally: Vec<MsgBranch>,
    options: Options,
}

/// The list of steps is empty: such a saga would do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a saga needs at least one step")]
pub struct NoSteps;

/// The result of a sent saga. Do not send it again under another gid: it has been decided, or may have been.
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it says whether the saga has ended"]
pub enum SagaDone {
    /// Every action is applied.
    Succeeded {
        /// The saga's gid.
        gid: Gid,
    },
    /// The coordinator has it, and it has not ended: [`Client::outcome`](crate::protocol::client::Client::outcome) waits
    /// for that.
    Running {
        /// The saga's gid.
        gid: Gid,
    },
    /// It is unknown whether the coordinator has it: [`Client::outcome`](crate::protocol::client::Client::outcome) tells,
    /// or the same saga again under the same gid.
    Unknown {
        /// The saga's gid.
        gid: Gid,
    },
}

impl SagaDone {
    /// The saga's gid.
    pub const fn gid(&self) -> &Gid {
        match self {
            Self::Succeeded { gid } | Self::Running { gid } | Self::Unknown { gid } => gid,
        }
    }
}

/// Why a saga did not succeed: nothing of it remains applied, or it is being undone.
///
/// Whether the same gid may be tried again is in [`may_retry_same_gid`](Self::may_retry_same_gid):
///
/// | variant | the same gid again? |
/// |---|---|
/// | [`NotStarted`](Self::NotStarted) | Yes. A payload that cannot be sent has to change first |
/// | [`RollingBack`](Self::RollingBack), [`RolledBack`](Self::RolledBack), [`GivenUp`](Self::GivenUp) | No: it is used up, and the result is `GivenUp` from now on |
/// | [`OtherTransaction`](Self::OtherTransaction) | No: it belongs to another transaction |
///
/// If the same order may be tried again later, make its gid from the order and the attempt: [`Saga::gid`].
///
/// Exhaustive: each caller has to handle every case, also a new one.
#[derive(Debug, thiserror::Error)]
pub enum SagaNotDone {
    /// It was not begun: no action was called. The same gid may be tried again.
    #[error("the saga was not started")]
    NotStarted(#[source] NotStarted),
    /// It was decided to undo it, and that has not ended: [`Client::outcome`](crate::protocol::client::Client::outcome)
    /// waits for that. The gid is used up.
    #[error("the saga {gid} is being rolled back: {reason}")]
    RollingBack {
        /// The saga's gid.
        gid: Gid,
        /// Why, in the coordinator's words, with the address that refused. A reason that the action gave stays in its
        /// service's log: it is in no response. For people, not for programs.
        reason: String,
    },
    /// Every action that may have been applied is compensated. The gid is used up.
    ///
    /// If an administrator has stopped the saga by force, something may remain.
    #[error("the saga {gid} was rolled back: {reason}")]
    RolledBack {
        /// The saga's gid.
        gid: Gid,
        /// Why, in the coordinator's words, with the address that refused. A reason that the action gave stays in its
        /// service's log: it is in no response. For people, not for programs.
        reason: String,
    },
    /// This saga was sent earlier under this gid, and was rolled back then, or is being rolled back. This call has changed
    /// nothing. The gid is used up.
    #[error("the saga {gid} was rolled back earlier: use another gid")]
    GivenUp {
        /// The gid.
        gid: Gid,
        /// Whether every action that may have been applied is known to be compensated. If not,
        /// [`Client::outcome`](crate::protocol::client::Client::outcome) waits for that.
        finished: bool,
    },
    /// Another transaction than this saga was sent under this gid earlier. Not begun; the gid belongs to that one.
    #[error("the gid {gid} belongs to another transaction")]
    OtherTransaction {
        /// The gid.
        gid: Gid,
    },
}

impl SagaNotDone {
    /// Whether the same gid may be tried again. If not, it is used up, and another attempt needs another gid.
    pub const fn may_retry_same_gid(&self) -> bool {
        match self {
            Self::NotStarted(_) => true,
            Self::RollingBack { .. }
            | Self::RolledBack { .. }
            | Self::GivenUp { .. }
            | Self::OtherTransaction { .. } => false,
        }
    }
}

impl Client {
    /// A saga that begins with this step; others run [at once with it](Saga::and) or [after it](Saga::then).
    pub fn saga<R>(&self, first: SagaStep<R>) -> Saga {
        Saga::new(self, vec![vec![first.untyped()]])
    }

    /// A saga of a computed list of steps, one after another.
    ///
    /// # Errors
    /// [`NoSteps`] if there are none.
    pub fn saga_all<R>(&self, steps: impl IntoIterator<Item = SagaStep<R>>) -> Result<Saga, NoSteps> {
        let stages: Vec<_> = steps.into_iter().map(|step| vec![step.untyped()]).collect();
        if stages.is_empty() { Err(NoSteps) } else { Ok(Saga::new(self, stages)) }
    }
}

impl Saga {
    fn new(client: &Client, stages: Vec<Vec<SagaStep>>) -> Self {
        Self { client: client.clone(), stages, finally: Vec::new(), options: Options::default() }
    }

    /// Adds a step to the present stage: it runs at once with the one before it.
    pub fn and<R>(self, step: SagaStep<R>) -> Self {
        self.and_all([step])
    }

    /// [Adds](Self::and) each of these to the present stage; an [`Option`] is one or none.
    pub fn and_all<R>(mut self, steps: impl IntoIterator<Item = SagaStep<R>>) -> Self {
        let steps = steps.into_iter().map(SagaStep::untyped);
        match self.stages.last_mut() {
            Some(stage) => stage.extend(steps),
            None => self.stages.extend([steps.collect()]),
        }
        self
    }

    /// Adds a stage of one step: it runs after all steps before it have succeeded.
    pub fn then<R>(self, step: SagaStep<R>) -> Self {
        self.then_each([step])
    }

    /// [Adds](Self::then) a stage for each of these, one after another; an [`Option`] is one or none.
    pub fn then_each<R>(mut self, steps: impl IntoIterator<Item = SagaStep<R>>) -> Self {
        self.stages.extend(steps.into_iter().map(|step| vec![step.untyped()]));
        self
    }

    /// Adds a branch that is called once all steps have succeeded. It cannot refuse, as a message's branch cannot: so
    /// nothing undoes it.
    ///
    /// Several of them run at once. Under a DTM server [`roll_back_after`](Self::roll_back_after) still counts while they
    /// run: one that was applied stays while the steps are undone.
    pub fn finally(mut self, branch: MsgBranch) -> Self {
        self.finally.push(branch);
        self
    }

    shared_options!();

    /// The age at which an unfinished saga is rolled back. Default: none, it goes on until an action refuses.
    pub fn roll_back_after(mut self, timeout: Duration) -> Self {
        self.options.wire.timeout_to_fail = whole_seconds(timeout);
        self
    }

    /// How many calls of actions may give no clear answer, in all; one more rolls the saga back. Default: any number. At
    /// least 1, since 0 stands for the default.
    pub fn retry_limit(mut self, limit: u32) -> Self {
        self.options.wire.retry_limit = i64::from(limit.max(1));
        self
    }

    /// Sends the saga, and waits for one run over its steps.
    ///
    /// If its future is dropped half-way, the coordinator goes on.
    ///
    /// With a [`gid`](Self::gid) under which this saga was sent before, the result is how far that one is, and no step is applied
    /// twice. The gid of a saga that was rolled back is used up: [`SagaNotDone::GivenUp`].
    ///
    /// # Errors
    /// [`SagaNotDone`]: nothing of the saga remains applied, or it is being undone.
    pub async fn run(mut self) -> Result<SagaDone, SagaNotDone> {
        self.options.wire.wait_result = true;
        self.submit().await
    }

    /// Sends the saga, and returns once the coordinator has recorded it. Under a gid that was used before: as [`run`](Self::run).
    ///
    /// # Errors
    /// [`SagaNotDone`]: nothing of the saga remains applied, or it is being undone.
    pub async fn submit(self) -> Result<SagaDone, SagaNotDone> {
        let ready = self.into_transaction().map_err(SagaNotDone::NotStarted)?;
        let earlier = ready.earlier().await;
        let Ready { client, gid, transaction, .. } = ready;
        if let Some(earlier) = earlier {
            if earlier.standing_of(&transaction) == Standing::Another {
                return Err(SagaNotDone::OtherTransaction { gid });
            }
            if let Some(finished) = earlier.transaction.as_ref().and_then(is_undone) {
                return Err(SagaNotDone::GivenUp { gid, finished });
            }
        }
        let error = match client.submit(&transaction).await {
            Ok(()) if transaction.options.wait_result => return Ok(SagaDone::Succeeded { gid }),
            Ok(()) | Err(ClientError::Ongoing) => return Ok(SagaDone::Running { gid }),
            Err(ClientError::OtherTransaction { .. }) => return Err(SagaNotDone::OtherTransaction { gid }),
            Err(error @ ClientError::NotSent(_)) => {
                return Err(SagaNotDone::NotStarted(NotStarted::Coordinator(error)));
            }
            Err(error) => error,
        };
        standing(&client, gid, &transaction, error).await
    }

    /// The saga in the coordinator's form.
    pub(super) fn into_transaction(self) -> Result<Ready, NotStarted> {
        let Self { client, stages, finally, mut options } = self;
        let limit = client.payload_limit();
        let (mut steps, mut payloads) = (Vec::new(), Vec::new());
        let sizes = stages.iter().map(Vec::len).chain([finally.len()]).filter(|size| *size > 0);
        let custom_data = order(&sizes.collect::<Vec<_>>());
        for (number, step) in (1..).zip(stages.into_iter().flatten()) {
            let (action, compensate, payload) =
                step.into_parts(limit).map_err(|source| NotStarted::Payload { number, source })?;
            steps.push(Step { action, compensate, ..Step::default() });
            payloads.push(payload);
        }
        for (number, branch) in (steps.len() + 1..).zip(finally) {
            if branch.action.starts_with(TOPIC_PREFIX) {
                return Err(NotStarted::Topic { number });
            }
            steps.push(Step { action: branch.action.clone(), ..Step::default() });
            payloads.push(branch.into_payload(limit).map_err(|source| NotStarted::Payload { number, source })?);
        }
        if custom_data.len() > CUSTOM_DATA_CHARS_MAX {
            return Err(NotStarted::TooManyAtOnce);
        }
        options.wire.concurrent = !custom_data.is_empty();
        let parts = Transaction { steps: Some(steps), payloads: Some(payloads), custom_data, ..Transaction::default() };
        options.ready(client, TransType::Saga, parts)
    }
}

/// The order of steps in stages of these sizes, in DTM's form: for each step the indexes of those before it. Empty if they
/// run one after another, which is a coordinator's default.
fn order(stages: &[usize]) -> String {
    if stages.iter().all(|size| *size == 1) {
        return String::new();
    }
    let (mut orders, mut before) = (serde_json::Map::new(), 0..0);
    for size in stages {
        let stage = before.end..before.end + size;
        if !before.is_empty() {
            let before: Vec<usize> = before.collect();
            orders.extend(stage.clone().map(|step| (step.to_string(), before.clone().into())));
        }
        before = stage;
    }
    serde_json::json!({ "concurrent": true, "orders": orders }).to_string()
}

/// Whether a saga is rolled back; `None` if it is not, and is not being rolled back.
fn is_undone(record: &TransactionRecord) -> Option<bool> {
    match record.status.parse() {
        Ok(Status::Failed) => Some(true),
        Ok(Status::Aborting) => Some(false),
        Ok(Status::Prepared | Status::Submitted | Status::Succeed) | Err(_) => None,
    }
}

/// What became of a saga whose submit ended with this error: its status at the coordinator decides. Also after a clear no: a
/// proxy may have repeated the request, and the no is then that of the second coordinator.
async fn standing(
    client: &Client,
    gid: Gid,
    transaction: &Transaction,
    error: ClientError,
) -> Result<SagaDone, SagaNotDone> {
    let answer = client.query(&gid).await;
    let record = match answer {
        Ok(answer) if answer.standing_of(transaction) == Standing::Another => {
            return Err(SagaNotDone::OtherTransaction { gid });
        }
        Ok(answer) => answer.transaction,
        Err(_) if error.nothing_happened() => {
            return Err(SagaNotDone::NotStarted(NotStarted::Coordinator(error)));
        }
        Err(asked) => {
            tracing::warn!(%gid, error = &error as &dyn std::error::Error, asked = &asked as &dyn std::error::Error,
                "it is not known whether the saga was submitted");
            return Ok(SagaDone::Unknown { gid });
        }
    };
    let Some(record) = record else {
        return if error.may_still_arrive() {
            Ok(SagaDone::Unknown { gid })
        } else {
            Err(SagaNotDone::NotStarted(NotStarted::Coordinator(error)))
        };
    };
    // It was decided before this submit came.
    if let (ClientError::Refused { known: true, .. }, Some(finished)) = (&error, is_undone(&record)) {
        return Err(SagaNotDone::GivenUp { gid, finished });
    }
    match record.status.parse() {
        Ok(Status::Succeed) => Ok(SagaDone::Succeeded { gid }),
        Ok(Status::Submitted) => Ok(SagaDone::Running { gid }),
        Ok(Status::Aborting) => Err(SagaNotDone::RollingBack { gid, reason: record.rollback_reason }),
        Ok(Status::Failed) => Err(SagaNotDone::RolledBack { gid, reason: record.rollback_reason }),
        Ok(Status::Prepared) | Err(_) => Ok(SagaDone::Unknown { gid }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_stages_is_in_dtms_form() {
        for (stages, expected) in [
            (&[1, 1, 1][..], ""),
            (&[2, 1], r#"{"concurrent":true,"orders":{"2":[0,1]}}"#),
            (&[1, 2, 1], r#"{"concurrent":true,"orders":{"1":[0],"2":[0],"3":[1,2]}}"#),
            (&[3], r#"{"concurrent":true,"orders":{}}"#),
        ] {
            assert_eq!(order(stages), expected, "{stages:?}");
        }
    }
}
