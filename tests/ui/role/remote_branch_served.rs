// A branch that others host is put into a router.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/api/bank-c", remote)]
pub mod bank_c {
    use super::*;

    #[msg_branch]
    pub fn trans_in(req: TransferIn);
}

fn router() -> axum::Router<BankA> {
    axum::Router::new().branch::<bank_c::trans_in>()
}

fn main() {}
