//! Databases that speak the protocol of PostgreSQL or MySQL but behave differently.

/// A database that a store cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LookAlike {
    /// Its name.
    pub(super) name: &'static str,
    /// What does not work there.
    reason: &'static str,
}

impl LookAlike {
    /// The error text that refuses it.
    pub(super) fn refusal(self) -> String {
        format!("it is {}, which is not supported: {}", self.name, self.reason)
    }
}

/// A text by which each one is recognized, in lower case: in `version()`, in MySQL's `@@version_comment`, or in its
/// host's name.
const KNOWN: [(&str, LookAlike); 6] = [
    (
        "cockroachdb",
        LookAlike {
            name: "CockroachDB",
            reason: "it refuses statements that change one table several times, as those that write many transactions do",
        },
    ),
    (
        "-yb-",
        LookAlike {
            name: "YugabyteDB",
            reason: "its indexes are hashed, so what is due would be found by reading the whole table, and it ignores \
                     `lock_timeout`",
        },
    ),
    (
        "dsql",
        LookAlike {
            name: "Aurora DSQL",
            reason: "it has no savepoints, no identity columns as DTM's tables have them, and one level of isolation",
        },
    ),
    (
        "tidb",
        LookAlike {
            name: "TiDB",
            reason: "its locks are not InnoDB's, and its settings for durability are constants that say nothing",
        },
    ),
    (
        "vitess",
        LookAlike {
            name: "Vitess",
            reason: "transactions over several keyspaces or shards commit part by part, and a part can be lost",
        },
    ),
    (
        "planetscale",
        LookAlike {
            name: "PlanetScale (Vitess)",
            reason: "transactions over several keyspaces or shards commit part by part, and a part can be lost",
        },
    ),
];

/// The look-alike that one of these texts names; `None` for PostgreSQL, MySQL, MariaDB and their managed forms.
pub(super) fn recognize(texts: &[&str]) -> Option<LookAlike> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
    let speaks = |word: &str| texts.iter().any(|text| text.contains(word));
    KNOWN.iter().find(|(word, _)| speaks(word)).map(|(_, look_alike)| *look_alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_recognized_by_their_own_words() {
        for (texts, name) in [
            (
                vec![
                    "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15 21:28:29, go1.22.2 X:nocoverageredesign)",
                ],
                "CockroachDB",
            ),
            (
                vec!["PostgreSQL 11.2-YB-2.20.1.3-b0 on x86_64-pc-linux-gnu, compiled by clang version 16.0.6, 64-bit"],
                "YugabyteDB",
            ),
            (vec!["PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu"], "YugabyteDB"),
            (vec!["PostgreSQL 16", "abcd.dsql.us-east-1.on.aws"], "Aurora DSQL"),
            (vec!["8.0.11-TiDB-v8.5.6", "TiDB Server (Apache License 2.0) Community Edition"], "TiDB"),
            (vec!["5.7.25-TiDB-v7.1.0"], "TiDB"),
            (vec!["8.0.30-Vitess", "Version: 19.0.0 (Git revision  branch '')"], "Vitess"),
            (vec!["8.0.21", "aws.connect.psdb.cloud", "PlanetScale"], "PlanetScale (Vitess)"),
        ] {
            let found = recognize(&texts);
            assert_eq!(found.map(|found| found.name), Some(name), "{texts:?}");
            assert!(found.unwrap().refusal().contains(name));
        }
    }

    #[test]
    fn the_databases_themselves_are_no_look_alikes() {
        for texts in [
            vec![
                "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit",
            ],
            vec![
                "PostgreSQL 16.1 on aarch64-unknown-linux-gnu, compiled by gcc, 64-bit",
                "db.cluster-x.us-east-1.rds.amazonaws.com",
            ],
            vec!["EnterpriseDB Advanced Server 15"],
            vec!["8.0.36", "MySQL Community Server - GPL"],
            vec!["8.0.mysql_aurora.3.05.2", "MySQL Community Server (GPL)"],
            vec!["10.11.19-MariaDB-0+deb12u1-log", "Debian 12"],
            vec!["8.0.35-27", "Percona Server (GPL), Release 27, Revision 2f8eeab"],
            vec!["8.0.35-27.1", "Percona XtraDB Cluster (GPL), Release rel27"],
        ] {
            assert_eq!(recognize(&texts), None, "{texts:?}");
        }
    }
}
