// An isolation level does not exist.

use branchwire::prelude::*;

#[derive(Clone, Database)]
#[database(isolation = "strict")]
pub struct Bank(sqlx::SqlitePool);

fn main() {}
