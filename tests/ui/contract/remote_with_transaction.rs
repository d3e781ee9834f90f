// A remote branch with a transaction.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b", remote)]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub fn trans_in(tx: &mut Tx<Bank>, req: Transfer);
}

fn main() {}
