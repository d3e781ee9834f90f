//! F25: a program may forbid lints, and rustc then refuses each `allow` of them.
#![forbid(
    dead_code,
    deprecated,
    let_underscore_drop,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
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

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use branchwire::prelude::*;

#[derive(Clone, Debug, Database)]
pub(crate) struct Bank(sqlx::SqlitePool);

#[derive(Debug)]
pub(crate) struct Tenant;

impl<State: Sync> FromRequestParts<State> for Tenant {
    type Rejection = ();

    async fn from_request_parts(_: &mut Parts, _: &State) -> Result<Self, ()> {
        std::future::ready(Ok(Self)).await
    }
}

#[branchwire::service("/bank")]
mod bank {
    use super::*;

    #[msg_branch]
    pub(crate) async fn put(_: &mut Tx<Bank>, _: BranchContext, _: String) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub(crate) async fn of_a_tenant(_: &mut Tx<Bank>, _: Tenant, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[cfg(test)]
    #[msg_branch]
    pub(crate) async fn conditional(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    pub(crate) fn asked(db: Bank);

    #[query_prepared]
    pub(crate) async fn decided(_: &Bank, _: Gid) -> Result<Prepared, Retry> {
        Ok(Prepared::Ongoing)
    }

    #[branch]
    pub(crate) use super::alone;
}

#[msg_branch("/alone")]
pub(crate) async fn alone(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
    Ok(())
}

#[branchwire::service("/contract", remote)]
mod contract {
    use branchwire::prelude::*;

    #[msg_branch]
    pub(crate) fn ping(req: i64);
}

#[branchwire::service(implements = contract)]
mod host {
    use super::*;

    #[msg_branch]
    pub(crate) async fn ping(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn f25_they_are_served() {
    let serve = |db: Bank| -> axum::Router { branchwire::services![bank, host].with_state(db) };
    assert!(size_of_val(&serve) == 0);
}
