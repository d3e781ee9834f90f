// A branch that others host has no extractors, so nothing else than its payload.

#[branchwire::service("/bank-b", remote)]
pub mod bank_b {
    use branchwire::prelude::*;

    #[msg_branch(no_payload)]
    pub fn trans_in(req: i64);
}

fn main() {}
