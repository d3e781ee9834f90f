//! Pairs in a program that forbids lints: rustc then refuses each `allow` of them.
#![forbid(
    dead_code,
    let_underscore_drop,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    private_bounds,
    private_interfaces,
    single_use_lifetimes,
    trivial_casts,
    unnameable_types,
    unreachable_code,
    unreachable_pub,
    unsafe_code,
    unused_imports,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    unused_variables
)]
#![forbid(let_underscore, nonstandard_style, rust_2018_idioms, unused)]
#![forbid(clippy::missing_errors_doc, clippy::needless_pass_by_value, clippy::unused_async)]

use branchwire::prelude::*;

#[derive(Clone, Debug, Database)]
pub(crate) struct Hotel(sqlx::SqlitePool);

#[branchwire::service("/hotel")]
mod hotel {
    use super::*;

    #[saga_action]
    pub(crate) async fn book(_: &mut Tx<Hotel>, _: BranchContext, room: i64) -> Result<i64, BranchError> {
        Ok(room)
    }

    #[saga_compensate(of = book)]
    pub(crate) async fn cancel(_: &mut Tx<Hotel>, _: i64, Kept(_): Kept<i64>) -> Result<(), Retry> {
        Ok(())
    }

    #[saga_action(nothing_to_undo)]
    pub(crate) async fn check(_: &mut Tx<Hotel>) -> Result<(), BranchError> {
        Ok(())
    }

    #[tcc_try]
    pub(crate) async fn hold(_: &mut Tx<Hotel>, room: i64) -> Result<i64, BranchError> {
        Ok(room)
    }

    #[tcc_confirm(of = hold)]
    pub(crate) async fn take(_: &mut Tx<Hotel>, _: i64, _: Kept<i64>) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub(crate) async fn release(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/airline", remote)]
mod contract {
    use branchwire::prelude::*;

    #[saga_action]
    pub(crate) fn sell(flight: i64) -> String;

    #[saga_compensate(of = sell)]
    pub(crate) fn take_back(flight: i64);
}

#[branchwire::service(implements = contract)]
mod airline {
    use super::*;

    #[saga_action]
    pub(crate) async fn sell(_: &mut Tx<Hotel>, _: i64) -> Result<String, BranchError> {
        Ok(String::new())
    }

    #[saga_compensate(of = sell)]
    pub(crate) async fn take_back(_: &mut Tx<Hotel>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn they_are_served() {
    let serve = |db: Hotel| -> axum::Router { branchwire::services![hotel, airline].with_state(db) };
    assert!(size_of_val(&serve) == 0);
}
