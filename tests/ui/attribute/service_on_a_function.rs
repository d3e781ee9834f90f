// A service is a function.

#[branchwire::service("/api/bank-b")]
pub fn bank_b() {}

fn main() {}
