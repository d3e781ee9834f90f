// An enum is derived to be a database.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub enum Bank {
    One(sqlx::SqlitePool),
}

fn main() {}
