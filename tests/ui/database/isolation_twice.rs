// An isolation level given twice.

use branchwire::prelude::*;

#[derive(Clone, Database)]
#[database(isolation = "serializable", isolation = "read committed")]
pub struct Bank(sqlx::SqlitePool);

fn main() {}
