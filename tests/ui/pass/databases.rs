//! Databases of every form.

use branchwire::Isolation;
use branchwire::prelude::*;

/// A tuple.
#[derive(Clone, Database)]
pub struct Tuple(pub sqlx::SqlitePool);

/// A field.
#[derive(Clone, Debug, Database)]
pub struct Field {
    pool: sqlx::SqlitePool,
}

/// Without a short name.
#[derive(Clone, Database)]
#[database(isolation = "repeatable read")]
pub struct Long(sqlx::Pool<sqlx::Sqlite>);

/// With its level as SQL writes it.
#[derive(Clone, Database)]
#[database(isolation = "READ COMMITTED")]
pub struct Level(sqlx::SqlitePool);

/// Another name of a pool.
pub type Pool = sqlx::SqlitePool;

/// By that name.
#[derive(Clone, Database)]
pub struct Named(Pool);

/// A pool by a macro.
macro_rules! database {
    ($name:ident, $pool:ty) => {
        #[doc = "Written by a macro."]
        #[derive(Clone, Database)]
        pub struct $name(#[doc = "The pool."] pub $pool);
    };
}

database!(Written, sqlx::SqlitePool);

/// By hand.
#[derive(Clone)]
pub struct ByHand(sqlx::SqlitePool);

impl branchwire::Database for ByHand {
    type Driver = sqlx::Sqlite;

    fn pool(&self) -> &sqlx::SqlitePool {
        &self.0
    }
}

/// Its level.
pub const LEVELS: [Isolation; 3] = [Long::ISOLATION, Level::ISOLATION, ByHand::ISOLATION];

#[test]
fn a_database_has_the_level_that_it_was_given() {
    assert_eq!(LEVELS, [Isolation::RepeatableRead, Isolation::ReadCommitted, Isolation::ReadCommitted]);
}
