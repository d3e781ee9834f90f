//! Why a store cannot use a database that only speaks the protocol of PostgreSQL or MySQL.

use branchwire_protocol::LookAlike;

/// The error text that refuses it.
pub(super) fn refusal(found: LookAlike) -> String {
    format!("it is {}, which is not supported: {}", found.name(), reason(found))
}

const fn reason(found: LookAlike) -> &'static str {
    match found {
        LookAlike::CockroachDb => {
            "it refuses statements that change one table several times, as those that write many transactions do"
        }
        LookAlike::YugabyteDb => {
            "its indexes are hashed, so what is due would be found by reading the whole table, and it ignores \
             `lock_timeout`"
        }
        LookAlike::AuroraDsql => {
            "it has no savepoints, no identity columns as DTM's tables have them, and one level of isolation"
        }
        LookAlike::TiDb => "its locks are not InnoDB's, and its settings for durability are constants that say nothing",
        LookAlike::Vitess | LookAlike::PlanetScale => {
            "transactions over several keyspaces or shards commit part by part, and a part can be lost"
        }
    }
}
