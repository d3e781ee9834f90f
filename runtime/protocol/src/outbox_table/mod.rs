//! The outbox table as SQL, for the services that create it and for administrators.

use std::fmt::Write;

/// The outbox table of one kind of database, as SQL.
///
/// `<user>` in it stands for the user of a service. Its columns:
///
/// | column | meaning |
/// |---|---|
/// | `gid` | the name of the transaction |
/// | `state` | `waiting`: it is to be sent. `sent`: the coordinator has it. `aside`: the coordinator does not take it. `rolled_back`: its local transaction has not committed, and never will |
/// | `body` | the transaction as the coordinator takes it; empty once it is sent |
/// | `created_ms` | when it was written, in milliseconds since 1970 |
/// | `due_ms` | `waiting`: when it is sent, unless its owner has sent it before. Otherwise: since when the state holds |
/// | `owner` | the process that is sending it |
/// | `refusals` | how often the coordinator did not take it |
/// | `reason` | why it is aside |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxTable {
    /// Its name, as statements have it.
    pub name: &'static str,
    /// Creates it, if it does not exist.
    pub create: &'static str,
    /// The rights of a service's user, or what takes their place.
    pub grant: &'static str,
    /// The right to remove old rows as well.
    pub grant_removal: &'static str,
    /// Removes the rows that were sent more than a month ago.
    pub remove_old: &'static str,
}

impl OutboxTable {
    /// On PostgreSQL:
    /// ```sql
    #[doc = include_str!("postgres.sql")]
    /// ```
    pub const POSTGRES: Self = Self {
        name: "dtm_barrier.branchwire_outbox",
        create: include_str!("postgres.sql"),
        grant: "GRANT SELECT, INSERT, UPDATE ON dtm_barrier.branchwire_outbox TO <user>",
        grant_removal: "GRANT DELETE ON dtm_barrier.branchwire_outbox TO <user>",
        remove_old: "DELETE FROM dtm_barrier.branchwire_outbox WHERE state IN ('sent', 'rolled_back') \
                     AND due_ms < extract(epoch FROM now() - interval '30 days') * 1000",
    };

    /// On MySQL and MariaDB, in the service's own database:
    /// ```sql
    #[doc = include_str!("mysql.sql")]
    /// ```
    pub const MYSQL: Self = Self {
        name: "branchwire_outbox",
        create: include_str!("mysql.sql"),
        grant: "GRANT SELECT, INSERT, UPDATE ON branchwire_outbox TO <user>",
        grant_removal: "GRANT DELETE ON branchwire_outbox TO <user>",
        remove_old: "DELETE FROM branchwire_outbox WHERE state IN ('sent', 'rolled_back') \
                     AND due_ms < UNIX_TIMESTAMP(NOW() - INTERVAL 30 DAY) * 1000",
    };

    /// On SQLite:
    /// ```sql
    #[doc = include_str!("sqlite.sql")]
    /// ```
    pub const SQLITE: Self = Self {
        name: "branchwire_outbox",
        create: include_str!("sqlite.sql"),
        grant: "make the file and its directory writable for this process",
        grant_removal: "make the file and its directory writable for this process",
        remove_old: "DELETE FROM branchwire_outbox WHERE state IN ('sent', 'rolled_back') \
                     AND due_ms < unixepoch('now', '-30 days') * 1000",
    };

    /// A script for an administrator: the table, the rights of `user`, and, as comments, what removes old rows.
    ///
    /// `user` is written as it stands, so it must be a name as SQL has it. Without one, the rights are comments.
    pub fn script(&self, user: Option<&str>) -> String {
        let mut script = format!(
            "-- The outbox table of Branchwire's services: run this in the service's own database, once for each.\n{}",
            self.create
        );
        let mut add = |line: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = writeln!(script, "{line}");
        };
        if self.grant.starts_with("GRANT") {
            match user {
                Some(user) => add(format_args!("\n{};", self.grant.replace("<user>", user))),
                None => add(format_args!("\n-- {};", self.grant)),
            }
            add(format_args!("-- {};", self.grant_removal.replace("<user>", user.unwrap_or("<user>"))));
        }
        add(format_args!("-- {};", self.remove_old));
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_the_user_in_each_right_and_only_comments_remain_open() {
        for table in [OutboxTable::POSTGRES, OutboxTable::MYSQL, OutboxTable::SQLITE] {
            let script = table.script(Some("shop"));
            assert!(script.contains(table.create) && script.contains(table.remove_old), "{script}");
            assert!(!script.contains("<user>"), "{script}");
            let open = table.script(None);
            assert!(open.lines().filter(|line| line.contains("<user>")).all(|line| line.starts_with("-- ")), "{open}");
        }
    }
}
