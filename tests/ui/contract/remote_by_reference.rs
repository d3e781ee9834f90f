// A branch of a remote service takes its payload by reference.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b", remote)]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub fn trans_in(req: &TransferIn);
}

fn main() {}
