// A branch of a remote service is generic.

use branchwire::prelude::*;

#[branchwire::service("/api/bank-b", remote)]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub fn trans_in<P>(req: P);
}

fn main() {}
