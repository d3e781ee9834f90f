// A role stands on a trait.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub trait TransIn {}

fn main() {}
