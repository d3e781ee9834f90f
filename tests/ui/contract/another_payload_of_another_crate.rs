// A host takes another payload than `TransferIn`, which its contract in another crate names.

use branchwire::prelude::*;
use branchwire_ui_renamed::notary;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service(implements = notary)]
pub mod hosted {
    use super::*;

    #[msg_branch]
    pub async fn attest(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn seal(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

fn main() {}
