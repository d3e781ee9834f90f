// A router is asked of a service that others host.

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

fn app() -> axum::Router<BankA> {
    bank_c::router()
}

fn main() {}
