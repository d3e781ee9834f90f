//! Branchwire comes by another crate, which re-exports it.

mod kit {
    pub mod transactions {
        pub use branchwire::*;
    }
}

use kit::transactions::prelude::*;
use kit::transactions::service;

#[derive(Clone, Database)]
#[database(crate = crate::pass::re_exported::kit::transactions)]
pub struct Bank(sqlx::SqlitePool);

#[service("/bank", crate = crate::pass::re_exported::kit::transactions)]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[msg_branch("/alone", crate = crate::pass::re_exported::kit::transactions)]
async fn alone(_: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

#[test]
fn it_is_served() {
    let _ = bank::router().branch::<alone>() as axum::Router<Bank>;
}
