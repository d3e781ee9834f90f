// A database is generic.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank<T>(sqlx::Pool<T>)
where
    T: sqlx::Database;

fn main() {}
