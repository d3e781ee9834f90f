//! A submit that finds out what became of it.

use super::{Client, ClientError};
use crate::{Gid, Status, Transaction};

/// What became of a submit.
#[derive(Debug)]
#[must_use = "it says whether the coordinator has the transaction"]
pub enum Submit {
    /// The coordinator has it.
    Acknowledged {
        /// Whether it has ended already. Known only with `wait_result`.
        finished: bool,
    },
    /// It has ended as `failed`.
    Ended,
    /// The coordinator does not have it.
    NotTaken(ClientError),
    /// Whether the coordinator has it is not known.
    Unknown(ClientError),
}

impl Client {
    /// Submits; where the response does not tell what became of it, the transaction's status does.
    pub async fn submit_or_query(&self, transaction: &Transaction) -> Submit {
        let error = match self.submit(transaction).await {
            Ok(()) => return Submit::Acknowledged { finished: transaction.options.wait_result },
            Err(ClientError::Ongoing) => return Submit::Acknowledged { finished: false },
            Err(error @ ClientError::NotSent(_)) => return Submit::NotTaken(error),
            Err(error) => error,
        };
        let Ok(gid) = Gid::new(&*transaction.gid) else { return Submit::Unknown(error) };
        match self.query(&gid).await.map(|answer| answer.transaction.map(|record| record.status.parse())) {
            Ok(Some(Ok(Status::Succeed))) => Submit::Acknowledged { finished: transaction.options.wait_result },
            Ok(Some(Ok(Status::Submitted | Status::Aborting))) => Submit::Acknowledged { finished: false },
            Ok(Some(Ok(Status::Failed))) => Submit::Ended,
            Ok(Some(Ok(Status::Prepared)) | None) if !error.may_still_be_done() => Submit::NotTaken(error),
            _ => Submit::Unknown(error),
        }
    }
}
