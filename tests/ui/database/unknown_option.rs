// A database has an option that does not exist.

use branchwire::prelude::*;

#[derive(Clone, Database)]
#[database(isolatoin = "serializable")]
pub struct Bank(sqlx::SqlitePool);

fn main() {}
