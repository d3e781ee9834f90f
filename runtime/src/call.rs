//! One attempt to apply a branch: the barrier, the business behind it, the commit.

use futures_core::future::BoxFuture;

use crate::barrier::{self, BarrierDb, BarrierKey, BarrierTx, Entry};
use crate::outcome::{BranchError, Reply, Retry};
use crate::{CommitError, Fault};

/// An annotated function with the arguments of one call, waiting for its transaction.
pub type Business<T> = Box<dyn for<'t> FnOnce(&'t mut T) -> BoxFuture<'t, Result<(), BranchError>> + Send>;

/// Why an attempt did not end in an answer.
#[derive(Debug)]
pub enum Trouble {
    /// The whole transaction may be tried again.
    Passing(Retry),
    /// It would end the same way now.
    Lasting(Retry),
}

impl Trouble {
    fn new(fault: Option<Fault>, reason: impl Into<Retry>) -> Self {
        if fault.is_some_and(Fault::is_passing) { Self::Passing(reason.into()) } else { Self::Lasting(reason.into()) }
    }

    fn database<B: BarrierDb>(error: sqlx::Error) -> Self {
        Self::new(Some(B::fault(&error)), error)
    }
}

/// Applies a branch, unless it was applied before.
///
/// # Errors
/// [`Trouble`]: it is rolled back, or the barrier row tells the next attempt that it was not.
pub async fn apply<B: BarrierDb>(db: &B, key: &BarrierKey, business: Business<B::Tx>) -> Result<Reply, Trouble> {
    let (mut tx, entry) = barrier::enter(db, key).await.map_err(Trouble::database::<B>)?;
    match entry {
        Entry::Run => {}
        Entry::NothingToUndo => return commit::<B>(tx).await,
        Entry::Repeat => {
            barrier::leave_repeat(tx, db, key).await.map_err(Trouble::database::<B>)?;
            return Ok(Reply::Success);
        }
    }
    match business(&mut tx).await {
        Ok(()) => commit::<B>(tx).await,
        Err(error) => {
            let fault = tx.fault();
            tx.rollback().await;
            match error {
                BranchError::Retry(retry) => Err(Trouble::new(fault, retry)),
                // A lost connection or a deadlock is no reason to refuse for good, whatever was made of its error.
                BranchError::Refused(reason) if fault.is_some_and(Fault::is_passing) => {
                    Err(Trouble::Passing(Retry::new(reason)))
                }
                BranchError::Refused(reason) => {
                    tracing::info!(reason = &*reason as &dyn std::error::Error, "refused");
                    Ok(Reply::Refused)
                }
            }
        }
    }
}

async fn commit<B: BarrierDb>(tx: B::Tx) -> Result<Reply, Trouble> {
    tx.commit().await.map(|()| Reply::Success).map_err(|error| {
        let fault = match &error {
            CommitError::Failed(fault) => *fault,
            CommitError::Refused(source) => B::fault(source),
            // The barrier row knows, and the next attempt asks it.
            CommitError::Unknown(_) => Fault::Lost,
        };
        Trouble::new(Some(fault), error)
    })
}
