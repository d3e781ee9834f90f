// `#[branch]` stands outside of a service.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

mod refunds {
    use super::*;

    #[msg_branch]
    pub async fn refund(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branch]
pub use refunds::refund;

fn main() {}
