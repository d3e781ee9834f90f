// A query-prepared names no database.

use branchwire::prelude::*;

#[query_prepared]
pub fn transfer_prepared();

fn main() {}
