// An option of a service is misspelt.

use branchwire::prelude::*;

#[branchwire::service("/api/bank-b", remot)]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub fn trans_in(amount: i64);

    #[msg_branch]
    pub fn ping();
}

fn main() {}
