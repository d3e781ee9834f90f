//! A service in a crate of the edition 2021 that knows Branchwire by another name, and allows itself nothing.
#![deny(warnings, missing_docs, clippy::pedantic)]
#![forbid(unsafe_code)]

// The programs say `branchwire`, what the attributes write for them says `transactions`, as the manifest does.
#[cfg(test)]
extern crate transactions as branchwire;
// And one of them hosts what this crate declares.
#[cfg(test)]
extern crate self as branchwire_ui_renamed;

#[cfg(test)]
#[path = "../pass/mod.rs"]
mod pass;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use transactions::prelude::*;

/// The bank's database.
#[derive(Clone, Database)]
pub struct Bank(pub sqlx::SqlitePool);

/// What a transfer carries.
#[derive(Debug, Serialize, Deserialize)]
pub struct TransferIn {
    /// In cents.
    pub amount: i64,
}

/// What a notary hosts.
#[transactions::service("/notary", remote)]
pub mod notary {
    use super::TransferIn;
    use transactions::msg_branch;

    /// Attests a transfer.
    #[msg_branch]
    pub fn attest(req: TransferIn);

    /// Seals all.
    #[msg_branch]
    pub fn seal();
}

/// What passengers wish.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wish {
    /// Its number.
    pub flight: i64,
}

/// What an airline hosts: all functions of each pair.
#[transactions::service("/airline", remote)]
pub mod airline {
    use super::Wish;
    use transactions::prelude::*;

    /// Books a seat, and says which.
    #[saga_action]
    pub fn book(wish: Wish) -> i64;

    /// Gives it back.
    #[saga_compensate(of = book)]
    pub fn cancel(wish: Wish);

    /// Holds a seat.
    #[tcc_try]
    pub fn hold(wish: Wish);

    /// Takes it.
    #[tcc_confirm(of = hold)]
    pub fn take(wish: Wish);

    /// Lets it go.
    #[tcc_cancel(of = hold)]
    pub fn release(wish: Wish);
}

/// What the bank hosts.
#[transactions::service("/bank")]
pub mod bank {
    use super::{Bank, Gid, Prepared, Retry, State, TransferIn, Tx, msg_branch, query_prepared};

    /// Credits an account.
    ///
    /// # Errors
    /// Those of the database.
    #[msg_branch]
    pub async fn trans_in(tx: &mut Tx<Bank>, State(_): State<Bank>, req: TransferIn) -> Result<(), Retry> {
        sqlx::query("UPDATE account SET balance = balance + ?").bind(req.amount).execute(&mut *tx).await?;
        Ok(())
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    #[msg_branch]
    pub async fn ping(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    /// Has a transfer committed?
    #[query_prepared]
    pub fn transfer_prepared(db: Bank);

    /// Is an order paid?
    ///
    /// # Errors
    /// None.
    #[query_prepared]
    pub async fn order_paid(_: &Bank, _: Gid) -> Result<Prepared, Retry> {
        Ok(Prepared::Ongoing)
    }

    #[branch]
    pub use crate::elsewhere::refund;
}

/// Branches that a service collects.
pub mod elsewhere {
    use super::{Bank, Retry, Tx, msg_branch};

    /// Gives back.
    ///
    /// # Errors
    /// None.
    #[msg_branch]
    pub async fn refund(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

/// What a notary of ours hosts.
#[transactions::service(implements = notary)]
pub mod own_notary {
    use super::{Bank, Retry, TransferIn, Tx, msg_branch, query_prepared};

    /// Attests a transfer.
    ///
    /// # Errors
    /// None.
    #[msg_branch]
    pub async fn attest(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    /// Seals all.
    ///
    /// # Errors
    /// None.
    #[msg_branch]
    pub async fn seal(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    /// Has it committed?
    #[query_prepared]
    pub fn asked(db: Bank);
}

/// The routes of all.
pub fn app(bank: Bank) -> axum::Router {
    transactions::services![bank, own_notary].with_state(bank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_addressed() {
        let bank = bank::at(transactions::url!("http://bank")).unwrap();
        let _ = (bank.trans_in(&TransferIn { amount: 1 }), bank.transfer_prepared(), bank.refund(&1));
        let _ = own_notary::at("http://notary").unwrap().asked();
        let _ = transactions::gid!("renamed");
    }
}
