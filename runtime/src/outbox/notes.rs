//! What is written about rows after they were sent: in batches, off the sender's way.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::barrier::outbox::PutBack;
use crate::barrier::outbox_db::OutboxDb;
use crate::database::in_time;
use crate::protocol::Gid;

/// How many notes may wait. A row whose note is lost is sent again after its lease, which is harmless.
pub(super) const NOTES_MAX: usize = 8192;

/// How many rows one statement marks.
const BATCH: usize = 256;

/// How long a note waits for others.
const GATHER: Duration = Duration::from_millis(50);

/// The pause after an error of the database.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a batch is written before it is left to the leases.
const ATTEMPTS_MAX: u32 = 3;

/// What is to be written about a row.
#[derive(Debug)]
pub(super) enum Note {
    /// The coordinator has it.
    Sent(Gid),
    /// It was not sent: it is due again at once.
    Waits(Gid),
    /// The coordinator did not take it: it is due again after this time.
    Refused(Gid, Duration),
    /// The coordinator never takes it.
    Aside(Gid, String),
}

/// Writes notes until their senders are gone, or until `stop` says so and none is left.
pub(super) async fn write<B: OutboxDb>(
    db: B,
    owner: String,
    mut notes: mpsc::Receiver<Note>,
    mut stop: watch::Receiver<bool>,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop), if !notes.is_closed() => {
                notes.close();
                continue;
            }
            received = notes.recv_many(&mut batch, BATCH) => if received == 0 { return },
        }
        if batch.len() < BATCH && !notes.is_closed() {
            sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(note) = notes.try_recv()
            {
                batch.push(note);
            }
        }
        for attempt in 1..=ATTEMPTS_MAX {
            let Err(error) = in_time(write_batch(&db, &owner, &batch)).await else { break };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                attempt,
                "the database did not note which messages were sent; some may be sent again, which is harmless"
            );
            sleep(PAUSE).await;
        }
        batch.clear();
    }
}

async fn write_batch<B: OutboxDb>(db: &B, owner: &str, batch: &[Note]) -> Result<(), sqlx::Error> {
    let (mut sent, mut waits) = (Vec::new(), Vec::new());
    for note in batch {
        match note {
            Note::Sent(gid) => sent.push(gid.to_string()),
            Note::Waits(gid) => waits.push(gid.to_string()),
            Note::Refused(gid, after) => {
                let how = PutBack { after: *after, refused: true };
                db.put_back(&[gid.to_string()], owner, how).await?;
            }
            Note::Aside(gid, reason) => db.set_aside(gid.as_str(), reason).await?,
        }
    }
    // In one order everywhere: two batches then never wait for each other in a circle.
    sent.sort_unstable();
    waits.sort_unstable();
    if !sent.is_empty() {
        db.mark_sent(&sent).await?;
    }
    if !waits.is_empty() {
        db.put_back(&waits, owner, PutBack { after: Duration::ZERO, refused: false }).await?;
    }
    Ok(())
}
