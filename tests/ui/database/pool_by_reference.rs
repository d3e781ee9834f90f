// A database that borrows its pool.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(&'static sqlx::SqlitePool);

fn main() {}
