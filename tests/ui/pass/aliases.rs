//! Types under other names.

use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Another name.
pub type Accounts = Bank;
/// Another name.
pub type Outcome<T = ()> = Result<T, Retry>;
/// Another name.
pub type Name = Gid;

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch]
pub async fn trans_in(_: &mut Tx<Accounts>) -> Outcome {
    Ok(())
}

/// Asks the barrier.
#[query_prepared]
pub fn transfer_prepared(db: Accounts);

/// Decides.
///
/// # Errors
/// None.
#[query_prepared]
pub async fn transfer_decided(_: &Accounts, _: Name) -> Outcome<Prepared> {
    Ok(Prepared::Ongoing)
}

/// The routes.
pub fn router(bank: Bank) -> axum::Router {
    axum::Router::new().branch::<trans_in>().branch::<transfer_prepared>().branch::<transfer_decided>().with_state(bank)
}
