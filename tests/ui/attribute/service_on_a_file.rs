// A service is a module in a file of its own.

#[branchwire::service("/api/bank-b")]
mod in_a_file;

fn main() {}
