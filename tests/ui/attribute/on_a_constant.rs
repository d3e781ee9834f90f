// A role stands on a constant.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
pub const TRANS_IN: i64 = 1;

fn main() {}
