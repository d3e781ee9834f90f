//! Databases that speak the protocol of PostgreSQL or MySQL but behave differently.

/// A database that services and coordinators refuse by its name, each for reasons of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LookAlike {
    /// It speaks PostgreSQL's protocol.
    CockroachDb,
    /// It speaks PostgreSQL's protocol.
    YugabyteDb,
    /// It speaks PostgreSQL's protocol.
    AuroraDsql,
    /// It speaks MySQL's protocol.
    TiDb,
    /// It speaks MySQL's protocol.
    Vitess,
    /// Vitess as a service.
    PlanetScale,
}

/// A text by which each one is recognized, in lower case: in `version()`, in MySQL's `@@version_comment`, or in its host's name.
const KNOWN: [(&str, LookAlike); 6] = [
    ("cockroachdb", LookAlike::CockroachDb),
    ("-yb-", LookAlike::YugabyteDb),
    ("dsql", LookAlike::AuroraDsql),
    ("tidb", LookAlike::TiDb),
    ("vitess", LookAlike::Vitess),
    ("planetscale", LookAlike::PlanetScale),
];

impl LookAlike {
    /// The look-alike that one of these texts names; `None` for PostgreSQL, MySQL, MariaDB and their managed forms.
    pub fn recognize(texts: &[&str]) -> Option<Self> {
        let texts: Vec<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        let named = |word: &str| texts.iter().any(|text| text.contains(word));
        KNOWN.iter().find(|(word, _)| named(word)).map(|(_, look_alike)| *look_alike)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CockroachDb => "CockroachDB",
            Self::YugabyteDb => "YugabyteDB",
            Self::AuroraDsql => "Aurora DSQL",
            Self::TiDb => "TiDB",
            Self::Vitess => "Vitess",
            Self::PlanetScale => "PlanetScale (Vitess)",
        }
    }
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
            assert_eq!(LookAlike::recognize(&texts).map(LookAlike::name), Some(name), "{texts:?}");
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
            assert_eq!(LookAlike::recognize(&texts), None, "{texts:?}");
        }
    }
}
