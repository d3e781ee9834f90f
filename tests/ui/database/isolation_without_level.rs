// An isolation level without a level.

use branchwire::prelude::*;

#[derive(Clone, Database)]
#[database(isolation)]
pub struct Bank(sqlx::SqlitePool);

fn main() {}
