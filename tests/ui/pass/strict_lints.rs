//! Lints that nobody has to turn on, and some do.

#![deny(
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    missing_copy_implementations,
    missing_debug_implementations,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![deny(clippy::nursery)]
#![allow(clippy::redundant_pub_crate, reason = "rustc's `unreachable_pub` asks for the opposite")]

use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Debug, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>, _: BranchContext, amount: i64) -> Result<(), Retry> {
    drop(amount.to_string());
    Ok(())
}

/// Asks the barrier.
#[query_prepared]
pub fn transfer_prepared(db: Bank);

/// Decides.
///
/// # Errors
/// None.
#[query_prepared]
pub async fn decided(_: &Bank, gid: Gid) -> Result<Prepared, Retry> {
    drop(gid);
    Ok(Prepared::Ongoing)
}

mod hidden {
    use super::{Bank, Retry, Tx, msg_branch, query_prepared};

    #[msg_branch]
    pub(crate) async fn trans_out(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    pub(super) fn asked(db: Bank);
}

/// The routes.
pub fn router(bank: Bank) -> axum::Router {
    axum::Router::new().branch::<hidden::trans_out>().branch::<hidden::asked>().with_state(bank)
}
