//! Finds the outcome of a gid that was used before.

use crate::Prepared;
use crate::barrier::{self, BarrierDb};
use crate::client::{Client, ClientError};
use crate::protocol::{Gid, Standing, Transaction};

/// The outcome of an earlier call with this gid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Used {
    /// It has committed, or was submitted.
    Done {
        /// Whether every branch is known to be applied.
        finished: bool,
    },
    /// It has committed, and an administrator has ended it at the coordinator since.
    Stopped,
    /// It has not committed, and never will.
    GivenUp,
    /// It was another message.
    Another,
    /// Neither the barrier row nor the coordinator shows it.
    Unknown,
    /// No earlier call is known.
    Not,
}

/// The reason for the look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The barrier has a row of this gid.
    RowMet,
    /// The coordinator has refused to prepare it.
    PrepareRefused,
    /// The coordinator did not prepare it for another reason: it may be out of reach.
    NotPrepared,
}

impl Occasion {
    pub(super) fn of(error: &ClientError) -> Self {
        if matches!(error, ClientError::Refused { .. }) { Self::PrepareRefused } else { Self::NotPrepared }
    }
}

/// Finds the outcome of an earlier call with this gid.
///
/// The barrier row decides: it is durable, and read from the primary. Without it, the coordinator's status decides. What that
/// shows as given up is given up by a barrier row before it is told: a local transaction may still be open, since an
/// administrator can end a prepared message at any time.
pub(super) async fn look_up<B: BarrierDb>(
    client: &Client,
    db: &B,
    gid: &Gid,
    sent: &Transaction,
    occasion: Occasion,
) -> Used {
    let row = barrier::decided(db, gid).await;
    if let Err(error) = &row {
        tracing::info!(%gid, error = error as &dyn std::error::Error, "the barrier row cannot be read");
    }
    let row = row.map_err(|_| RowUnreadable);
    match (row, occasion) {
        (Ok(Some(Prepared::RolledBack)), _) => return Used::GivenUp,
        (Ok(None) | Err(RowUnreadable), Occasion::NotPrepared) => return Used::Not,
        _ => {}
    }
    let standing = client.query(gid).await.map_or(Standing::Unclear, |answer| answer.standing_of(sent));
    match (row, decide(row, standing, occasion)) {
        (Ok(None), Used::GivenUp) => give_up(db, gid).await,
        (_, used) => used,
    }
}

/// Makes sure that no local transaction of this gid can commit any more.
async fn give_up<B: BarrierDb>(db: &B, gid: &Gid) -> Used {
    match barrier::query_prepared(db, gid).await {
        Ok(Prepared::RolledBack) => Used::GivenUp,
        // It has committed since the row was looked for, and the coordinator has ended it before.
        Ok(Prepared::Committed) => Used::Stopped,
        Ok(Prepared::Ongoing) => Used::Unknown,
        Err(error) => {
            tracing::info!(%gid, error = &error as &dyn std::error::Error, "it is not known whether it was given up");
            Used::Unknown
        }
    }
}

/// The database did not tell whether there is a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowUnreadable;

#[expect(clippy::match_same_arms, reason = "a table: each row has its own reason")]
fn decide(row: Result<Option<Prepared>, RowUnreadable>, standing: Standing, occasion: Occasion) -> Used {
    match (row, standing) {
        (Ok(Some(Prepared::RolledBack)), _) => Used::GivenUp,
        (_, Standing::Another) => Used::Another,
        (_, Standing::Succeeded) => Used::Done { finished: true },
        (_, Standing::InProgress) => Used::Done { finished: false },
        // The local transaction has committed, but a person has ended the message at the coordinator.
        (Ok(Some(Prepared::Committed)), Standing::Failed { .. }) => Used::Stopped,
        // The coordinator calls the branches later: it has accepted the prepare, even if its status does not show that
        // now.
        (Ok(Some(Prepared::Committed)), Standing::Prepared | Standing::NotRecorded | Standing::Unclear) => {
            Used::Done { finished: false }
        }
        (_, Standing::Failed { called: true }) => Used::Stopped,
        (Ok(None), Standing::Failed { called: false }) => Used::GivenUp,
        // The unreadable row may show a commit.
        (Err(RowUnreadable), Standing::Failed { called: false }) => Used::Unknown,
        (_, Standing::Prepared | Standing::NotRecorded) if occasion == Occasion::PrepareRefused => Used::Not,
        (Ok(None | Some(Prepared::Ongoing)) | Err(RowUnreadable), _) => Used::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_barrier_row_decides_and_where_it_does_not_tell_the_coordinators_status_does() {
        use Occasion::{PrepareRefused, RowMet};
        let committed = Ok(Some(Prepared::Committed));
        let given_up = Ok(Some(Prepared::RolledBack));
        let unreadable = Err(RowUnreadable);
        for (row, standing, occasion, expected) in [
            (committed, Standing::Prepared, RowMet, Used::Done { finished: false }),
            (committed, Standing::InProgress, RowMet, Used::Done { finished: false }),
            (committed, Standing::Succeeded, PrepareRefused, Used::Done { finished: true }),
            (committed, Standing::NotRecorded, RowMet, Used::Done { finished: false }),
            (committed, Standing::Unclear, RowMet, Used::Done { finished: false }),
            (committed, Standing::Failed { called: false }, PrepareRefused, Used::Stopped),
            (committed, Standing::Another, RowMet, Used::Another),
            (given_up, Standing::Succeeded, RowMet, Used::GivenUp),
            (Ok(None), Standing::Succeeded, PrepareRefused, Used::Done { finished: true }),
            (Ok(None), Standing::InProgress, PrepareRefused, Used::Done { finished: false }),
            (Ok(None), Standing::Failed { called: false }, PrepareRefused, Used::GivenUp),
            (Ok(None), Standing::Failed { called: true }, PrepareRefused, Used::Stopped),
            (Ok(None), Standing::Prepared, PrepareRefused, Used::Not),
            (Ok(None), Standing::NotRecorded, PrepareRefused, Used::Not),
            (Ok(None), Standing::Unclear, PrepareRefused, Used::Unknown),
            (unreadable, Standing::Succeeded, RowMet, Used::Done { finished: true }),
            (unreadable, Standing::Failed { called: false }, RowMet, Used::Unknown),
            (unreadable, Standing::Prepared, RowMet, Used::Unknown),
            (unreadable, Standing::Unclear, PrepareRefused, Used::Unknown),
        ] {
            assert_eq!(decide(row, standing, occasion), expected, "{row:?} {standing:?} {occasion:?}");
        }
    }
}
