// A service on a trait.

#[branchwire::service("/api/bank-b")]
pub trait BankB {
    fn fee() -> i64;
}

fn main() {}
