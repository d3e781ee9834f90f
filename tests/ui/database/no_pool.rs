// A database's field is no pool.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(String);

fn main() {}
