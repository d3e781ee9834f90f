// A service on an impl.

pub struct BankB;

#[branchwire::service("/api/bank-b")]
impl BankB {
    pub fn fee() -> i64 {
        1
    }
}

fn main() {}
