// A database has no field.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank;

fn main() {}
