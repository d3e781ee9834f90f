//! Why the barrier cannot work on a database that only speaks the protocol of PostgreSQL or MySQL.
//!
//! The coordinator's store gives other reasons: other statements fail there.

use crate::protocol::LookAlike;

/// What does not work there.
pub(crate) const fn reason(found: LookAlike) -> &'static str {
    match found {
        LookAlike::CockroachDb => {
            "errors at its commit leave open whether it has committed, and the barrier was not tried with them"
        }
        LookAlike::YugabyteDb => "it ignores `lock_timeout`, so query-prepared cannot answer in time",
        LookAlike::AuroraDsql => "it has no savepoints, by which the barrier checks each commit",
        LookAlike::TiDb => "it refuses `LOCK IN SHARE MODE`, so every repeated call of a branch would fail",
        LookAlike::Vitess | LookAlike::PlanetScale => {
            "the barrier's table is in another keyspace than the business's rows, and the two commit apart: branches \
             would not apply exactly once"
        }
    }
}
