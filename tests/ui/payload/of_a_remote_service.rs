// A branch of a remote service is given another payload.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[derive(Serialize, Deserialize)]
pub struct Refund {
    pub reason: String,
}

#[branchwire::service("/api/bank-c", remote)]
pub mod bank_c {
    use super::*;

    #[msg_branch]
    pub fn trans_in(req: TransferIn);
}

fn send(bank_c: bank_c::Remote) {
    let _ = bank_c.trans_in(&Refund { reason: String::new() });
}

fn main() {}
