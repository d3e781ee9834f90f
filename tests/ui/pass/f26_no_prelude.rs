//! F26: generated code needs nothing from a prelude.
#![no_implicit_prelude]

#[derive(::core::clone::Clone, ::branchwire::Database)]
pub struct Bank(::sqlx::SqlitePool);

#[::branchwire::service("/bank")]
pub mod bank {
    use ::branchwire::{BranchContext, Gid, Prepared, Retry, Tx, msg_branch, query_prepared};
    use ::core::result::Result::{self, Ok};

    use super::Bank;

    #[msg_branch]
    pub async fn put(_: &mut Tx<Bank>, _: BranchContext, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[cfg(test)]
    #[msg_branch]
    pub async fn conditional(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    pub fn asked(db: Bank);

    #[query_prepared]
    pub async fn decided(_: &Bank, _: Gid) -> Result<Prepared, Retry> {
        Ok(Prepared::Ongoing)
    }

    #[branch]
    pub use super::alone;
}

#[::branchwire::msg_branch("/alone")]
pub async fn alone(_: &mut ::branchwire::Tx<Bank>, _: i64) -> ::core::result::Result<(), ::branchwire::Retry> {
    ::core::result::Result::Ok(())
}

#[::branchwire::service("/contract", remote)]
pub mod contract {
    use ::branchwire::msg_branch;

    #[msg_branch]
    pub fn ping(req: i64);
}

#[::branchwire::service(implements = contract)]
pub mod host {
    use ::branchwire::{Retry, Tx, msg_branch, query_prepared};
    use ::core::result::Result::{self, Ok};

    use super::Bank;

    #[msg_branch]
    pub async fn ping(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    pub fn asked(db: Bank);
}

#[::core::prelude::v1::test]
fn f26_literals_and_services_compile() {
    let _ = ::branchwire::gid!("a");
    let _ = ::branchwire::url!("http://bank-b:8080");
    let _ = |db: Bank| -> ::axum::Router { ::branchwire::services![bank, host].with_state(db) };
}
