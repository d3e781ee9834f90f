//! What the senders and the relay of one outbox share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use super::notes::Note;
use crate::protocol::Gid;

/// How many messages may be submitted at once whose senders do not wait for it.
pub(super) const MEANWHILE_MAX: u32 = 64;

/// What senders and the relay share.
pub(super) struct Shared {
    /// The name of this outbox in the rows that it is sending.
    pub(super) owner: String,
    notes: mpsc::Sender<Note>,
    /// The places for submits that nobody waits for; closed once the outbox has stopped.
    meanwhile: Arc<Semaphore>,
    /// Wakes the relay.
    pub(super) woken: Notify,
    /// Whether the coordinator was away when it was called last. Senders then leave their messages to the relay, and none
    /// of their callers waits for a timeout.
    pub(super) away: AtomicBool,
    /// How many messages senders have sent themselves.
    pub(super) sent: AtomicU64,
    /// How many the relay has sent.
    pub(super) relayed: AtomicU64,
    /// How many were put aside.
    pub(super) put_aside: AtomicU64,
}

impl Shared {
    pub(super) fn new(notes: mpsc::Sender<Note>) -> Self {
        Self {
            owner: Gid::random().to_string(),
            notes,
            meanwhile: Arc::new(Semaphore::new(MEANWHILE_MAX as usize)),
            woken: Notify::new(),
            away: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            relayed: AtomicU64::new(0),
            put_aside: AtomicU64::new(0),
        }
    }

    /// A place for a submit that nobody waits for, until it is dropped; `None` if there is none.
    pub(super) fn meanwhile(&self) -> Option<OwnedSemaphorePermit> {
        self.meanwhile.clone().try_acquire_owned().ok()
    }

    /// Returns when the last of these submits has ended; there are no more.
    pub(super) async fn no_more_meanwhile(&self) {
        let _ = self.meanwhile.acquire_many(MEANWHILE_MAX).await;
        self.meanwhile.close();
    }

    /// Leaves a note; waits if many wait.
    pub(super) async fn note(&self, note: Note) {
        // Without a receiver the outbox has stopped: the row is sent again after its lease.
        let _ = self.notes.send(note).await;
    }

    /// Leaves a note from a sender, who does not wait: if there is no room, the row is sent again after its lease.
    pub(super) fn note_now(&self, note: Note) {
        let _ = self.notes.try_send(note);
    }

    pub(super) fn count_aside(&self, gid: &Gid, reason: &str) {
        self.put_aside.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%gid, reason, "the coordinator does not take a message of the outbox: it is put aside");
    }

    pub(super) async fn put_aside(&self, gid: Gid, reason: String) {
        self.count_aside(&gid, &reason);
        self.note(Note::Aside(gid, cut(&reason))).await;
    }
}

/// As much of a reason as a row has room for.
pub(super) fn cut(reason: &str) -> String {
    reason.chars().filter(|character| !character.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_does_not_wait_for_a_place_in_the_queue_of_notes() {
        let (notes, mut received) = mpsc::channel(2);
        let shared = Shared::new(notes);
        for _ in 0..3 {
            shared.note_now(Note::Sent(Gid::random()));
        }
        let waiting = std::iter::from_fn(|| received.try_recv().ok()).count();
        assert_eq!(waiting, 2, "the third row is sent again after its lease");
    }
}
