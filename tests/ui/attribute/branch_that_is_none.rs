// `#[branch]` stands on something that is no branch.

mod refunds {
    pub struct Refund;
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    #[branch]
    pub use super::refunds::Refund;
}

fn main() {}
