// A closure does not say which error it has.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn ping(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/api/bank-a")]
pub mod bank_a {
    use super::*;

    #[query_prepared]
    pub fn transfer_prepared(db: BankA);
}

async fn send(client: Client, db: BankA, bank_a: bank_a::Remote, bank_b: bank_b::Remote) {
    let message = client.msg(bank_b.ping());
    let _ = message.do_and_submit(bank_a.transfer_prepared(), &db, async |_| Ok(())).await;
}

fn main() {}
