//! Databases that speak PostgreSQL's or MySQL's protocol and are something else.
//!
//! The coordinator's store has a list of its own: other statements fail there, so it gives other reasons.

/// What does not work on Vitess.
const VITESS: &str = "the barrier's table is in another keyspace than the business's rows, and the two commit apart: branches \
     would not apply exactly once";

/// What each one says of itself, in lower case: in `version()`, in MySQL's `@@version_comment`, or by its host's name. Then
/// its name, and what does not work there.
const KNOWN: [(&str, &str, &str); 6] = [
    (
        "cockroachdb",
        "CockroachDB",
        "errors at its commit leave open whether it has committed, and the barrier was not tried with them",
    ),
    ("-yb-", "YugabyteDB", "it ignores `lock_timeout`, so query-prepared cannot answer in time"),
    ("dsql", "Aurora DSQL", "it has no savepoints, by which the barrier checks each commit"),
    ("tidb", "TiDB", "it refuses `LOCK IN SHARE MODE`, so every repeated call of a branch would fail"),
    ("vitess", "Vitess", VITESS),
    ("planetscale", "PlanetScale (Vitess)", VITESS),
];

/// The name and the reason of the look-alike that speaks in one of these texts; `None` for PostgreSQL, MySQL, MariaDB and their managed forms.
pub(super) fn recognize(texts: &[&str]) -> Option<(&'static str, &'static str)> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
    let speaks = |word: &str| texts.iter().any(|text| text.contains(word));
    KNOWN.iter().find(|(word, ..)| speaks(word)).map(|&(_, name, reason)| (name, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_recognized_by_their_own_words() {
        for (texts, name) in [
            (vec!["CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15 21:28:29, go1.22.2)"], "CockroachDB"),
            (
                vec!["PostgreSQL 11.2-YB-2.20.1.3-b0 on x86_64-pc-linux-gnu, compiled by clang version 16.0.6"],
                "YugabyteDB",
            ),
            (vec!["PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu"], "YugabyteDB"),
            (vec!["PostgreSQL 16", "abcd.dsql.us-east-1.on.aws"], "Aurora DSQL"),
            (vec!["8.0.11-TiDB-v8.5.6", "TiDB Server (Apache License 2.0) Community Edition"], "TiDB"),
            (vec!["5.7.25-TiDB-v7.1.0"], "TiDB"),
            (vec!["8.0.30-Vitess", "Version: 19.0.0 (Git revision  branch '')"], "Vitess"),
            (vec!["8.0.21", "aws.connect.psdb.cloud", "PlanetScale"], "PlanetScale (Vitess)"),
        ] {
            assert_eq!(recognize(&texts).map(|(name, _)| name), Some(name), "{texts:?}");
        }
    }

    #[test]
    fn the_databases_themselves_are_no_look_alikes() {
        for texts in [
            vec![
                "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0",
            ],
            vec!["PostgreSQL 16.1 on aarch64-unknown-linux-gnu", "db.cluster-x.us-east-1.rds.amazonaws.com"],
            vec!["EnterpriseDB Advanced Server 15"],
            vec!["8.0.36", "MySQL Community Server - GPL"],
            vec!["8.0.mysql_aurora.3.05.2", "MySQL Community Server (GPL)"],
            vec!["10.11.19-MariaDB-0+deb12u1-log", "Debian 12"],
            vec!["8.0.35-27.1", "Percona XtraDB Cluster (GPL), Release rel27"],
        ] {
            assert_eq!(recognize(&texts), None, "{texts:?}");
        }
    }
}
