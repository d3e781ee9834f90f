// A database is not Clone.

use branchwire::prelude::*;

#[derive(Database)]
pub struct Bank(sqlx::SqlitePool);

fn main() {}
