// A role on a `use`.

use branchwire::prelude::*;

#[msg_branch]
pub use std::vec::Vec as List;

fn main() {}
