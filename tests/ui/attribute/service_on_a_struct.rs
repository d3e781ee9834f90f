// A service is a struct.

#[branchwire::service("/api/bank-b")]
pub struct BankB;

fn main() {}
