//! The sender's side: the row, and the first submit.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::Instrument as _;

use super::Outbox;
use super::notes::Note;
use super::shared::cut;
use super::submit::{Taken, submit};
use crate::Prepared;
use crate::barrier::QueryPreparedError;
use crate::barrier::outbox::{OutboxRecord, OutboxRow, OutboxState};
use crate::barrier::outbox_db::{OutboxDb, decide};
use crate::client::Client;
use crate::database::Wait;
use crate::protocol::{Gid, Transaction};

/// How long the row is its sender's. After that a relay sends it: longer than a business and a submit take, mostly, and if
/// they take longer it is sent twice, which is harmless.
const SENDER_LEASE: Duration = Duration::from_secs(15);

/// What became of the first submit.
pub(crate) enum HandedOver {
    /// The coordinator has it.
    Submitted {
        /// Whether it is known to have ended already.
        finished: bool,
    },
    /// The relay sends it.
    Queued,
    /// The coordinator never takes it.
    Stuck,
}

impl<B: OutboxDb> Outbox<B> {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the coordinator is away, and a relay finds out when it is back. Without a relay each sender has to try.
    fn leaves_it_to_the_relay(&self) -> bool {
        self.inner.shared.away.load(Ordering::SeqCst) && !self.has_stopped()
    }

    /// Whether there is no relay any more.
    fn has_stopped(&self) -> bool {
        *self.inner.stop_relay.borrow()
    }

    /// Begins the local transaction with its row; whether the row is new.
    pub(crate) async fn begin(&self, gid: &Gid, body: &str) -> Result<(B::Tx, bool), sqlx::Error> {
        let shared = &self.inner.shared;
        let lease = if self.leaves_it_to_the_relay() { Duration::ZERO } else { SENDER_LEASE };
        let row = OutboxRow {
            gid: gid.as_str(),
            state: OutboxState::Waiting,
            body,
            owner: &shared.owner,
            due_in_ms: i64::try_from(lease.as_millis()).unwrap_or(0),
        };
        self.db.begin_with_message(Wait::Default, row).await
    }

    /// The row that an earlier call with this gid has left.
    pub(crate) async fn found(&self, gid: &Gid) -> Result<Option<OutboxRecord>, sqlx::Error> {
        self.db.durable_message(gid).await
    }

    /// Whether the local transaction has committed, where its COMMIT did not tell.
    pub(crate) async fn decide(&self, gid: &Gid) -> Result<Prepared, QueryPreparedError> {
        decide(&self.db, gid).await
    }

    /// Submits a message whose local transaction has committed; with [`at_commit`](Self::at_commit) nobody waits for that.
    pub(crate) async fn hand_over(&self, gid: &Gid, mut transaction: Transaction) -> HandedOver {
        if self.is_at_commit
            && let Some(place) = self.inner.shared.meanwhile()
        {
            transaction.options.wait_result = false;
            let (outbox, gid) = (self.clone(), gid.clone());
            let submit = async move {
                outbox.submit(&gid, &transaction).await;
                drop(place);
            };
            tokio::spawn(submit.in_current_span());
            return HandedOver::Queued;
        }
        self.submit(gid, &transaction).await
    }

    async fn submit(&self, gid: &Gid, transaction: &Transaction) -> HandedOver {
        let shared = &self.inner.shared;
        if self.leaves_it_to_the_relay() {
            shared.note_now(Note::Waits(gid.clone()));
            shared.woken.notify_one();
            return HandedOver::Queued;
        }
        let taken = submit(&self.client, transaction).await;
        if self.has_stopped() {
            shared.away.store(matches!(taken, Taken::Away(_)), Ordering::SeqCst);
        }
        match taken {
            Taken::Yes { finished } => {
                shared.sent.fetch_add(1, Ordering::Relaxed);
                shared.note_now(Note::Sent(gid.clone()));
                HandedOver::Submitted { finished }
            }
            Taken::Never(reason) => {
                shared.count_aside(gid, &reason);
                shared.note_now(Note::Aside(gid.clone(), cut(&reason)));
                HandedOver::Stuck
            }
            Taken::NotNow(error) => {
                tracing::warn!(%gid, error = &error as &dyn std::error::Error, "not submitted; the relay sends it again");
                HandedOver::Queued
            }
            Taken::Away(error) => {
                tracing::info!(%gid, error = &error as &dyn std::error::Error, "the coordinator is away: the message waits");
                shared.note_now(Note::Waits(gid.clone()));
                shared.away.store(true, Ordering::SeqCst);
                shared.woken.notify_one();
                HandedOver::Queued
            }
        }
    }
}
