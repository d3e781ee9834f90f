//! The end of a TCC: the decision is told until it is known that the coordinator has it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::protocol::{Gid, Op, QueryAnswer, Status, Transaction};

/// The first wait before a repetition; it doubles each time.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// How long a decision is told at least while the coordinator does not answer.
const TELL_MIN: Duration = Duration::from_secs(5);

/// How long a task of its own tells the coordinator to cancel, if the caller has gone away.
const ABANDONED_MAX: Duration = Duration::from_secs(10);

/// What the coordinator has recorded once it was told a decision. Another call under the same gid may have decided otherwise,
/// and the coordinator cancels by itself after its time.
pub(super) enum Ended {
    /// Every branch is confirmed, or will be.
    Confirmed { finished: bool },
    /// Every branch is cancelled, or will be.
    Cancelled { finished: bool },
    /// A person has ended it at the coordinator: nothing is called any more, and some branches are not cancelled.
    Stopped,
    /// The coordinator does not say.
    Unknown,
}

/// Has every branch cancelled if it is dropped: the caller was, before it has decided.
pub(super) struct Undecided(Option<(Client, Gid, Transaction)>);

impl Undecided {
    pub(super) fn new(client: &Client, gid: &Gid, transaction: &Transaction) -> Self {
        Self(Some((client.clone(), gid.clone(), transaction.clone())))
    }

    /// The caller has decided, and goes on itself.
    pub(super) fn decided(mut self) {
        self.0 = None;
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        let Some((client, gid, transaction)) = self.0.take() else { return };
        // Elsewhere nobody could tell: the coordinator cancels after its time.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let told = cancel(&client, &gid, transaction, "the caller went away");
            if timeout(ABANDONED_MAX, told).await.is_err() {
                tracing::info!(%gid, "an abandoned TCC is cancelled later: the coordinator does not answer");
            }
        });
    }
}

/// Has every branch confirmed; tells it until `until`, and at least [`TELL_MIN`].
///
/// It is submitted again only where the coordinator shows it as prepared: a DTM server takes a second submit for the end.
pub(super) async fn confirm(client: &Client, gid: &Gid, mut transaction: Transaction, until: Instant) -> Ended {
    transaction.options.wait_result = true;
    let until = until.max(Instant::now() + TELL_MIN);
    let (mut wait, mut submit) = (WAIT_MIN, true);
    loop {
        if submit {
            match client.submit(&transaction).await {
                Ok(()) => return Ended::Confirmed { finished: true },
                Err(error) => {
                    tracing::warn!(%gid, error = &error as &dyn std::error::Error, "a TCC's submit was not acknowledged as done");
                }
            }
        }
        let answer = client.query(gid).await.ok();
        if let Some(ended) = answer.as_ref().and_then(ended) {
            return ended;
        }
        submit = answer.as_ref().and_then(status) == Some(Status::Prepared);
        if Instant::now() + wait >= until {
            return Ended::Unknown;
        }
        sleep(wait).await;
        wait *= 2;
    }
}

/// Has every branch cancelled. If the coordinator is not told, it cancels by itself after its time.
pub(super) async fn cancel(client: &Client, gid: &Gid, mut transaction: Transaction, reason: &str) -> Ended {
    transaction.options.wait_result = true;
    reason.clone_into(&mut transaction.rollback_reason);
    let until = Instant::now() + TELL_MIN;
    let mut wait = WAIT_MIN;
    loop {
        if let Err(error) = client.abort(&transaction).await {
            tracing::warn!(%gid, error = &error as &dyn std::error::Error, "a TCC's abort was not acknowledged as done");
        }
        if let Some(ended) = client.query(gid).await.ok().as_ref().and_then(ended) {
            return ended;
        }
        if Instant::now() + wait >= until {
            return Ended::Unknown;
        }
        sleep(wait).await;
        wait *= 2;
    }
}

/// The status that an answer of the coordinator shows.
fn status(answer: &QueryAnswer) -> Option<Status> {
    answer.transaction.as_ref()?.status.parse().ok()
}

/// How a TCC has ended, or will, by an answer of the coordinator; `None` if that is not decided, or not shown.
pub(super) fn ended(answer: &QueryAnswer) -> Option<Ended> {
    // Only a person ends a TCC before every branch is cancelled.
    let is_stopped = || {
        let done = Status::Succeed.as_str();
        answer.branches.iter().any(|branch| branch.op == Op::Cancel.as_str() && branch.status != done)
    };
    Some(match status(answer)? {
        Status::Prepared => return None,
        Status::Submitted => Ended::Confirmed { finished: false },
        Status::Succeed => Ended::Confirmed { finished: true },
        Status::Aborting => Ended::Cancelled { finished: false },
        Status::Failed if is_stopped() => Ended::Stopped,
        Status::Failed => Ended::Cancelled { finished: true },
    })
}
