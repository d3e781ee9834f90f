// A host lacks a branch of a contract in another crate.

use branchwire::prelude::*;
use branchwire_ui_renamed::{TransferIn, notary};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service(implements = notary)]
pub mod hosted {
    use super::*;

    #[msg_branch]
    pub async fn attest(_: &mut Tx<Bank>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
