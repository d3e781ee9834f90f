//! A submit that finds out its own outcome.

use super::response::GidWas;
use super::{Client, ClientError};
use crate::{Gid, Standing, Transaction};

/// The outcome of a submit. Exhaustive: each case is handled differently.
#[derive(Debug)]
#[must_use = "it says whether the coordinator has the transaction"]
pub enum Submit {
    /// The coordinator has it.
    Acknowledged {
        /// Whether it is known to have ended already.
        finished: bool,
        /// Whether it says that it had it before, so that this request was not needed. A DTM server does not say that.
        known: bool,
    },
    /// The coordinator had it before and has carried it out: this request was not needed.
    Repeated,
    /// It was given up before, and nothing was called.
    GivenUp,
    /// An administrator has stopped it after it had been submitted: a part of it may have been applied.
    Stopped,
    /// The coordinator has another transaction under this gid.
    Another,
    /// The coordinator does not have it, and will not get it from this request.
    NotTaken(ClientError),
    /// It is unknown whether the coordinator has it.
    Unknown(ClientError),
}

impl Client {
    /// Submits; if the response does not tell the outcome, queries the transaction's status.
    ///
    /// Also after a clear no: a proxy may have repeated the request, and the no is then that of the second coordinator.
    pub async fn submit_or_query(&self, transaction: &Transaction) -> Submit {
        let error = match self.open("submit", transaction).await {
            Ok(was) => {
                let (finished, known) = (transaction.options.wait_result, was == GidWas::Known);
                return Submit::Acknowledged { finished, known };
            }
            Err(ClientError::Ongoing) => return Submit::Acknowledged { finished: false, known: false },
            Err(ClientError::OtherTransaction { .. }) => return Submit::Another,
            Err(error @ ClientError::NotSent(_)) => return Submit::NotTaken(error),
            Err(error) => error,
        };
        let answer = match Gid::new(&*transaction.gid) {
            Ok(gid) => self.query(&gid).await.ok(),
            Err(_) => None,
        };
        let Some(answer) = answer else {
            return if error.nothing_happened() { Submit::NotTaken(error) } else { Submit::Unknown(error) };
        };
        match answer.standing_of(transaction) {
            Standing::Succeeded if matches!(error, ClientError::Refused { .. }) => Submit::Repeated,
            Standing::Succeeded => Submit::Acknowledged { finished: true, known: false },
            Standing::InProgress => Submit::Acknowledged { finished: false, known: false },
            Standing::Failed { called: false } => Submit::GivenUp,
            Standing::Failed { called: true } => Submit::Stopped,
            Standing::Another => Submit::Another,
            Standing::Prepared | Standing::NotRecorded if !error.may_still_arrive() => Submit::NotTaken(error),
            Standing::Prepared | Standing::NotRecorded | Standing::Unclear => Submit::Unknown(error),
        }
    }
}
