//! DTM's barrier table as SQL, for the services that create it and for administrators.

use std::fmt::Write;

use crate::outbox_table::OutboxTable;

/// The barrier table of one kind of database, and the table beside it of what first halves have returned, as SQL.
///
/// `<user>` in it stands for the user of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierTable {
    /// Creates both, if they do not exist.
    pub create: &'static str,
    /// The rights of a service's user, or what takes their place.
    pub grant: &'static str,
    /// The right to remove old rows as well.
    pub grant_removal: &'static str,
    /// Removes the rows that are older than a month.
    pub remove_old: &'static str,
    /// The outbox table, which is beside it.
    pub outbox: OutboxTable,
}

impl BarrierTable {
    /// On PostgreSQL:
    /// ```sql
    #[doc = include_str!("postgres.sql")]
    /// ```
    pub const POSTGRES: Self = Self {
        create: include_str!("postgres.sql"),
        grant: "GRANT USAGE ON SCHEMA dtm_barrier TO <user>; GRANT SELECT, INSERT, UPDATE ON dtm_barrier.barrier TO <user>; \
             GRANT SELECT, INSERT ON dtm_barrier.branchwire_kept TO <user>; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA dtm_barrier TO <user>",
        grant_removal: "GRANT DELETE ON dtm_barrier.barrier TO <user>; GRANT SELECT, DELETE ON dtm_barrier.branchwire_kept TO <user>",
        remove_old: "DELETE FROM dtm_barrier.branchwire_kept AS kept USING dtm_barrier.barrier AS barrier \
             WHERE kept.gid = barrier.gid AND kept.branch_id = barrier.branch_id \
             AND barrier.create_time < now() - interval '30 days'; \
             DELETE FROM dtm_barrier.barrier WHERE create_time < now() - interval '30 days'",
        outbox: OutboxTable::POSTGRES,
    };

    /// On MySQL and MariaDB:
    /// ```sql
    #[doc = include_str!("mysql.sql")]
    /// ```
    pub const MYSQL: Self = Self {
        // utf8mb4_bin: two gids are equal only if their bytes are.
        create: include_str!("mysql.sql"),
        grant: "GRANT SELECT, INSERT, UPDATE ON dtm_barrier.barrier TO <user>; \
             GRANT SELECT, INSERT ON dtm_barrier.branchwire_kept TO <user>",
        grant_removal: "GRANT DELETE ON dtm_barrier.barrier TO <user>; GRANT SELECT, DELETE ON dtm_barrier.branchwire_kept TO <user>",
        // DATETIME has no zone, and services in other languages may write another one.
        remove_old: "DELETE kept FROM dtm_barrier.branchwire_kept AS kept JOIN dtm_barrier.barrier AS barrier \
             ON kept.gid = CONVERT(barrier.gid USING utf8mb4) COLLATE utf8mb4_bin \
             AND kept.branch_id = CONVERT(barrier.branch_id USING utf8mb4) COLLATE utf8mb4_bin \
             WHERE barrier.create_time < NOW() - INTERVAL 30 DAY - INTERVAL 14 HOUR; \
             DELETE FROM dtm_barrier.barrier WHERE create_time < NOW() - INTERVAL 30 DAY - INTERVAL 14 HOUR",
        outbox: OutboxTable::MYSQL,
    };

    /// On SQLite:
    /// ```sql
    #[doc = include_str!("sqlite.sql")]
    /// ```
    pub const SQLITE: Self = Self {
        // WITHOUT ROWID: one tree instead of two, so each commit writes one page less.
        create: include_str!("sqlite.sql"),
        grant: "make the file and its directory writable for this process",
        grant_removal: "make the file and its directory writable for this process",
        remove_old: "DELETE FROM branchwire_kept WHERE (gid, branch_id) IN \
             (SELECT gid, branch_id FROM dtm_barrier_barrier WHERE create_time < datetime('now', '-30 days')); \
             DELETE FROM dtm_barrier_barrier WHERE create_time < datetime('now', '-30 days')",
        outbox: OutboxTable::SQLITE,
    };

    /// A script for an administrator: the table and the outbox table, the rights of `user`, and, as comments, what removes old rows.
    ///
    /// `user` is written as it stands, so it must be a name as SQL has it. Without one, the rights are comments.
    pub fn script(&self, user: Option<&str>) -> String {
        let mut script = format!(
            "-- The barrier table of Branchwire's services, which is DTM's, and what first halves of pairs have returned: once for \
             each of their databases.\n{}",
            self.create
        );
        let mut add = |line: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = writeln!(script, "{line}");
        };
        let is_sql = self.grant.starts_with("GRANT");
        match user.filter(|_| is_sql) {
            Some(user) => {
                add(format_args!("\n-- What a service does with it."));
                statements(self.grant).for_each(|grant| add(format_args!("{};", grant.replace("<user>", user))));
            }
            None if is_sql => {
                add(format_args!("\n-- The rights of a service's user."));
                statements(self.grant).for_each(|grant| add(format_args!("-- {grant};")));
            }
            None => add(format_args!("\n-- Rights: {}.", self.grant)),
        }
        add(format_args!(
            "\n-- Old rows. A service that keeps a `barrier::Sweeper` removes them itself, and needs more rights; or run the\n-- \
             DELETEs below now and then. A row must outlive its message and every repetition of its gid: never less \
             than 8\n-- days, a month for most."
        ));
        if is_sql {
            statements(self.grant_removal)
                .for_each(|grant| add(format_args!("-- {};", grant.replace("<user>", user.unwrap_or("<user>")))));
        }
        add(format_args!("-- {};\n", self.remove_old));
        script.push_str(&self.outbox.script(user));
        script
    }
}

fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_the_user_in_each_right_and_only_comments_remain_open() {
        for table in [BarrierTable::POSTGRES, BarrierTable::MYSQL, BarrierTable::SQLITE] {
            let script = table.script(Some("shop"));
            assert!(script.contains(table.create) && script.contains(table.remove_old), "{script}");
            assert!(!script.contains("<user>"), "{script}");
            let open = table.script(None);
            assert!(open.lines().filter(|line| line.contains("<user>")).all(|line| line.starts_with("-- ")), "{open}");
        }
        assert!(BarrierTable::POSTGRES.script(Some("shop")).contains("\nGRANT USAGE ON SCHEMA dtm_barrier TO shop;\n"));
    }
}
