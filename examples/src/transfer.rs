//! The requests and responses between the banks and their customers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use branchwire::{Done, Gid, NotDone};
use serde::{Deserialize, Serialize};

/// The request to bank B: credit an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransferIn {
    /// Whose account.
    pub user_id: i64,
    /// In cents.
    pub amount: i64,
}

/// A customer's request to bank A: move money from an account of its own to one at bank B.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transfer {
    /// The order's own name: the same order sent twice moves the money once.
    pub order: String,
    /// Whose account at bank A.
    pub from: i64,
    /// Whose account at bank B.
    pub to: i64,
    /// In cents.
    pub amount: i64,
}

/// How often one order can be refused.
const ATTEMPTS_MAX: u32 = 100;

impl Transfer {
    /// The gids under which this order may be made, one after another.
    ///
    /// A gid under which it was refused is used up, and the customer may have paid in since: then the next one is tried.
    /// A repeated order tries the same gids in the same order, and finds the one under which it was made.
    pub fn gids(&self) -> impl Iterator<Item = Gid> {
        (1..=ATTEMPTS_MAX).map_while(|attempt| Gid::new(format!("{}-{attempt}", self.order)).ok())
    }
}

/// Why an account is not debited.
#[derive(Debug, thiserror::Error)]
pub enum DebitError {
    /// No such account, or not enough money in it.
    #[error("not enough money")]
    NotEnoughMoney,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Bank A's response to its customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "transfer", rename_all = "snake_case")]
pub enum Receipt {
    /// The money has left the account here and will arrive there.
    Done,
    /// It is being found out whether it has left; look again later.
    Pending,
    /// This order has changed nothing, and will not.
    Refused {
        /// In words.
        reason: String,
    },
}

/// Tells the customer what is true.
pub fn receipt(result: Result<Done<()>, NotDone<DebitError>>) -> Response {
    let (status, receipt) = match result {
        Ok(Done::Submitted { .. } | Done::Committed { .. } | Done::Repeated { .. }) => (StatusCode::OK, Receipt::Done),
        Ok(Done::Unknown { .. } | Done::Stopped { .. } | Done::EndedEarly { .. }) | Err(NotDone::InProgress { .. }) => {
            (StatusCode::ACCEPTED, Receipt::Pending)
        }
        Err(NotDone::RolledBack(DebitError::NotEnoughMoney)) => refused("not enough money"),
        Err(NotDone::OtherMessage { .. }) => refused("there was another order of this name"),
        Err(NotDone::GivenUp { .. }) => refused("this order was refused before"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no transfer");
            (StatusCode::SERVICE_UNAVAILABLE, Receipt::Refused { reason: "try again later".to_owned() })
        }
    };
    (status, Json(receipt)).into_response()
}

/// Tells the customer of an order that none of its gids is left for.
pub fn receipt_of_no_gid() -> Response {
    let (status, receipt) = refused("the name of this order is none, or it was refused too often");
    (status, Json(receipt)).into_response()
}

fn refused(reason: &str) -> (StatusCode, Receipt) {
    (StatusCode::CONFLICT, Receipt::Refused { reason: reason.to_owned() })
}
