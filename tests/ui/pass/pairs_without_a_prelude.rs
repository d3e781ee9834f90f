//! Pairs that need nothing from a prelude, neither Rust's nor Branchwire's.
#![no_implicit_prelude]

#[derive(::core::clone::Clone, ::branchwire::Database)]
pub struct Hotel(::sqlx::SqlitePool);

#[::branchwire::service("/hotel")]
pub mod hotel {
    use ::branchwire::{
        BranchContext, BranchError, Kept, Retry, Tx, saga_action, saga_compensate, tcc_cancel, tcc_confirm, tcc_try,
    };
    use ::core::result::Result::{self, Ok};

    use super::Hotel;

    #[saga_action]
    pub async fn book(_: &mut Tx<Hotel>, _: BranchContext, room: i64) -> Result<i64, BranchError> {
        Ok(room)
    }

    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Hotel>, _: i64, Kept(_): Kept<i64>) -> Result<(), Retry> {
        Ok(())
    }

    #[saga_action(nothing_to_undo)]
    pub async fn check(_: &mut Tx<Hotel>) -> Result<(), BranchError> {
        Ok(())
    }

    #[tcc_try]
    pub async fn hold(_: &mut Tx<Hotel>, room: i64) -> Result<i64, BranchError> {
        Ok(room)
    }

    #[tcc_confirm(of = hold)]
    pub async fn take(_: &mut Tx<Hotel>, _: i64, _: Kept<i64>) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub async fn release(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[::branchwire::saga_action]
pub async fn charge(_: &mut ::branchwire::Tx<Hotel>, _: i64) -> ::core::result::Result<i64, ::branchwire::BranchError> {
    ::core::result::Result::Ok(1)
}

#[::branchwire::saga_compensate(of = charge)]
pub async fn refund(
    _: &mut ::branchwire::Tx<Hotel>,
    _: i64,
    _: ::branchwire::Kept<i64>,
) -> ::core::result::Result<(), ::branchwire::Retry> {
    ::core::result::Result::Ok(())
}

#[::branchwire::service("/airline", remote)]
pub mod contract {
    use ::branchwire::{tcc_cancel, tcc_confirm, tcc_try};

    #[tcc_try]
    pub fn hold(flight: i64) -> i64;

    #[tcc_confirm(of = hold)]
    pub fn take(flight: i64);

    #[tcc_cancel(of = hold)]
    pub fn release(flight: i64);
}

#[::branchwire::service(implements = contract)]
pub mod airline {
    use ::branchwire::{BranchError, Retry, Tx, tcc_cancel, tcc_confirm, tcc_try};
    use ::core::result::Result::{self, Ok};

    use super::Hotel;

    #[tcc_try]
    pub async fn hold(_: &mut Tx<Hotel>, _: i64) -> Result<i64, BranchError> {
        Ok(1)
    }

    #[tcc_confirm(of = hold)]
    pub async fn take(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub async fn release(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[::core::prelude::v1::test]
fn they_are_served() {
    let _ = |db: Hotel| -> ::axum::Router { ::branchwire::services![hotel, airline].with_state(db) };
}
