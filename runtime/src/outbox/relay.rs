//! The relay: it sends what a sender has not sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::notes::Note;
use super::shared::Shared;
use super::submit::{Taken, submit};
use crate::barrier::SWEEP_AGE_MIN;
use crate::barrier::outbox::Claimed;
use crate::barrier::outbox_db::OutboxDb;
use crate::client::Client;
use crate::database::in_time;
use crate::protocol::{Gid, Transaction};

/// The age after which a row is put aside, and not sent: 6 days.
///
/// Less than the week for which a coordinator of ours keeps finished transactions by default, and 2 days less than the age
/// at which a branch's barrier row may be removed: those are for the coordinator, to call the branches.
pub const RESEND_AGE_MAX: Duration = Duration::from_hours(6 * 24);

const _: () = assert!(RESEND_AGE_MAX.as_secs() + 2 * 86_400 <= SWEEP_AGE_MIN.as_secs(), "barrier rows outlive the row");

/// How many messages it sends at once. That is all that it holds in memory.
pub(super) const IN_FLIGHT_MAX: usize = 32;

/// How long a row is a relay's. Longer than a submit takes; after that another relay sends it.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// How often it looks for rows that other processes have left.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// The first pause while the coordinator, or the database, is away; it doubles.
pub(super) const AWAY_MIN: Duration = Duration::from_millis(100);

/// The longest of these pauses.
const AWAY_MAX: Duration = Duration::from_secs(5);

/// The first pause after the coordinator did not take a message; it doubles.
const REFUSED_MIN: Duration = Duration::from_secs(1);

/// The longest of these pauses.
const REFUSED_MAX: Duration = Duration::from_mins(5);

/// After so many refusals a message is put aside: they take some half an hour.
const REFUSALS_MAX: u32 = 14;

/// How one message has fared.
enum Fate {
    /// It is settled, one way or the other.
    Noted,
    /// The coordinator was away.
    Away,
}

/// Sends what is due, until `stop` says so; then lets what is on its way arrive.
pub(super) async fn run<B: OutboxDb>(db: B, client: Client, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut on_the_way = FuturesUnordered::new();
    let mut away = Backoff::default();
    let mut broken = Backoff::default();
    loop {
        let free = IN_FLIGHT_MAX - on_the_way.len();
        if shared.away.load(Ordering::SeqCst) && away.until.is_none() {
            // A sender has found it away.
            away.next();
        }
        // While the coordinator is away, one message at a time finds out whether it is back.
        let wanted = match shared.away.load(Ordering::SeqCst) {
            true if on_the_way.is_empty() && away.is_over() => 1,
            true => 0,
            false => free,
        };
        let mut wait = if broken.is_over() { LOOK } else { broken.left() };
        if shared.away.load(Ordering::SeqCst) {
            wait = away.left().clamp(Duration::from_millis(1), LOOK);
        }
        if wanted > 0 && broken.is_over() {
            match in_time(db.claim(&shared.owner, LEASE, u32::try_from(wanted).unwrap_or(1))).await {
                Ok(claim) => {
                    broken.reset();
                    if claim.rows.is_empty() {
                        // Nothing waits that could show whether the coordinator is back: the next sender tries.
                        shared.away.store(false, Ordering::SeqCst);
                        away.reset();
                    }
                    wait = if claim.rows.len() == wanted { Duration::ZERO } else { claim.next_due.unwrap_or(LOOK) };
                    wait = wait.min(LOOK);
                    on_the_way.extend(claim.rows.into_iter().map(|row| send(&client, &shared, row)));
                }
                Err(error) => {
                    wait = broken.next();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the database did not say which messages are to be sent; asking again later"
                    );
                }
            }
        }
        if on_the_way.len() == IN_FLIGHT_MAX {
            wait = LOOK;
        } else if wait.is_zero() {
            wait = Duration::from_millis(1);
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(fate) = on_the_way.next(), if !on_the_way.is_empty() => note(&fate, &shared, &mut away),
            () = shared.woken.notified() => {}
            () = sleep(wait) => {}
        }
    }
    while let Some(fate) = on_the_way.next().await {
        note(&fate, &shared, &mut away);
    }
}

fn note(fate: &Fate, shared: &Shared, away: &mut Backoff) {
    match fate {
        Fate::Noted => {
            away.reset();
            if shared.away.swap(false, Ordering::SeqCst) {
                tracing::info!("the coordinator is back: what waits in the outbox is sent");
            }
        }
        Fate::Away => {
            shared.away.store(true, Ordering::SeqCst);
            // Many were on their way at once, and all find it away: that is one pause.
            if away.is_over() {
                away.next();
            }
        }
    }
}

async fn send(client: &Client, shared: &Shared, row: Claimed) -> Fate {
    let Ok(gid) = Gid::new(&*row.gid) else {
        tracing::error!(gid = row.gid, "the outbox has a row whose gid is none");
        return Fate::Noted;
    };
    if row.age > RESEND_AGE_MAX {
        let why =
            format!("older than {RESEND_AGE_MAX:?}: the branches may have forgotten that it was carried out before");
        return aside(shared, gid, why).await;
    }
    let mut transaction: Transaction = match serde_json::from_str(&row.body) {
        Ok(transaction) => transaction,
        Err(error) => return aside(shared, gid, format!("its body cannot be read: {error}")).await,
    };
    // Nobody waits for the result any more.
    transaction.options.wait_result = false;
    match submit(client, &transaction).await {
        Taken::Yes { .. } => {
            shared.relayed.fetch_add(1, Ordering::Relaxed);
            shared.note(Note::Sent(gid)).await;
            Fate::Noted
        }
        Taken::Never(reason) => aside(shared, gid, reason).await,
        Taken::NotNow(error) if row.refusals + 1 >= REFUSALS_MAX => aside(shared, gid, error.to_string()).await,
        Taken::NotNow(error) => {
            let pause = REFUSED_MIN.saturating_mul(1 << row.refusals.min(16)).min(REFUSED_MAX);
            tracing::warn!(%gid, error = &error as &dyn std::error::Error, ?pause,
                "the coordinator did not take a message of the outbox; sending it again later");
            shared.note(Note::Refused(gid, pause)).await;
            Fate::Noted
        }
        Taken::Away(error) => {
            tracing::info!(%gid, error = &error as &dyn std::error::Error, "the coordinator is away; its messages wait");
            shared.note(Note::Waits(gid)).await;
            Fate::Away
        }
    }
}

async fn aside(shared: &Shared, gid: Gid, reason: String) -> Fate {
    shared.put_aside(gid, reason).await;
    Fate::Noted
}

/// Pauses that grow.
#[derive(Debug, Default)]
struct Backoff {
    pause: Option<Duration>,
    until: Option<Instant>,
}

impl Backoff {
    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Begins the next pause; how long it is.
    fn next(&mut self) -> Duration {
        let pause = self.pause.map_or(AWAY_MIN, |pause| (pause * 2).min(AWAY_MAX));
        self.pause = Some(pause);
        self.until = Some(Instant::now() + pause);
        pause
    }

    fn left(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}
