// An isolation level is misspelt.

use branchwire::prelude::*;

#[derive(Clone, Database)]
#[database(isolation = "serialisable")]
pub struct Bank(sqlx::SqlitePool);

fn main() {}
