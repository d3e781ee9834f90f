//! The reads that are the same on every database. Each dialect selects its columns under the same names, as text,
//! numbers, and times in milliseconds since the Unix epoch.

use super::{Attention, OVERDUE_AFTER, PARKED_AFTER};
use crate::engine::Time;

/// What differs between databases.
pub(super) struct Words {
    /// `SELECT ... FROM trans_global`, with the columns of [`Row`](super::Row).
    pub(super) global: &'static str,
    /// `SELECT ... FROM trans_branch_op`, with the columns of [`BranchRow`](super::BranchRow).
    pub(super) branches: &'static str,
    /// `SELECT ... FROM kv`, with the columns of [`KvRow`](super::KvRow).
    pub(super) kv: &'static str,
    /// The SQL before and after a number that makes it a column's time, and the milliseconds in the number's unit.
    pub(super) moment: (&'static str, &'static str, i64),
    /// `create_time` and `next_cron_time` in milliseconds.
    pub(super) created_ms: &'static str,
    pub(super) due_ms: &'static str,
    /// The database's clock in milliseconds; `None`: the coordinator's clock counts.
    pub(super) now_ms: Option<&'static str>,
    /// SQL condition for the rows that have not ended, in the words of a partial index: without them the planner does not use
    /// that index.
    pub(super) unfinished: &'static str,
}

/// By how much the clocks of coordinators may differ where a time is looked up as a range of ids, in milliseconds.
pub(super) const SKEW_MS_MAX: i64 = 10 * 60 * 1_000;

/// SQL condition for the rows with a call that did not succeed at its first attempt. A quote inside of a JSON text would
/// have a backslash before it.
pub(super) const RETRIED: &str = r#"ext_data LIKE '%"calls":{%'"#;

/// SQL condition for the prepared messages that were due once, and have no address to ask: each run only puts off the next
/// one. Patterns are compared by an expression, which is in no index.
const NOBODY_TO_ASK: &str = "status = 'prepared' AND query_prepared = '' AND coalesce(trans_type, '') = 'msg' \
                             AND update_time > create_time";

impl Words {
    /// The query of [`Store::unfinished`](super::Store::unfinished), of the rows that `ours` allows. It groups by an
    /// expression: a planner could otherwise group by the index of patterns, which has all finished ones.
    pub(super) fn unfinished(&self, ours: &str, now: Time) -> String {
        let now = self.now(now);
        let created = self.created_ms;
        let parked = self.parked(&now);
        let overdue = self.overdue(&now);
        let count = |condition: &str| format!("count(CASE WHEN {condition} THEN 1 END)");
        format!(
            "SELECT coalesce(trans_type, '') AS trans_type, count(*) AS total, {} AS parked, {} AS prepared, {} AS retried, {} AS overdue, \
             coalesce({now} - min(CASE WHEN NOT ({parked}) THEN {created} END), 0) AS oldest_ms \
             FROM trans_global WHERE {} AND {ours} GROUP BY 1",
            count(&parked),
            count(&format!("status = 'prepared' AND NOT ({parked})")),
            count(&format!("{RETRIED} AND NOT ({parked})")),
            count(&format!("{overdue} AND NOT ({parked})")),
            self.unfinished,
        )
    }

    /// The query of [`Store::leases`](super::Store::leases).
    #[cfg_attr(not(feature = "console"), allow(dead_code, reason = "for a page of the console"))]
    pub(super) fn leases(&self, now: Time) -> String {
        let (now, due, unfinished) = (self.now(now), self.due_ms, self.unfinished);
        format!(
            "SELECT owner, count(*) AS transactions, min({due}) - {now} AS first_ms, max({due}) - {now} AS last_ms \
             FROM trans_global WHERE {unfinished} AND owner <> '' \
             GROUP BY owner ORDER BY owner"
        )
    }

    /// SQL condition for the rows that need this attention. It is about unfinished rows, and as text about no other.
    pub(super) fn needs(&self, attention: Attention, ours: &str, now: Time) -> String {
        let now = self.now(now);
        let parked = self.parked(&now);
        let condition = match attention {
            Attention::Unfinished => "TRUE".to_owned(),
            Attention::Parked => parked,
            Attention::Overdue => format!("({}) AND NOT ({parked})", self.overdue(&now)),
            Attention::Retried => format!("{RETRIED} AND NOT ({parked})"),
        };
        format!(" AND {} AND {ours} AND ({condition})", self.unfinished)
    }

    fn now(&self, now: Time) -> String {
        self.now_ms.map_or_else(|| now.as_millis().to_string(), str::to_owned)
    }

    /// SQL condition for the unfinished rows that are put aside.
    pub(super) fn parked(&self, now: &str) -> String {
        format!("coalesce(result, '') <> '' AND {} > {now} + {}", self.due_ms, PARKED_AFTER.as_millis())
    }

    /// SQL condition for the unfinished rows that should have ended.
    pub(super) fn overdue(&self, now: &str) -> String {
        let after = OVERDUE_AFTER.as_millis();
        let (created, due) = (self.created_ms, self.due_ms);
        format!("{created} < {now} - {after} AND ({RETRIED} OR {due} < {now} - {after} OR {NOBODY_TO_ASK})")
    }
}

/// The functions that read, for one database: `list`, `kv_get` and `kv_scan`, over `const WORDS: Words`.
macro_rules! readings {
    ($database:ty) => {
        pub(super) async fn list(
            readers: &sqlx::Pool<$database>,
            filter: &$crate::store::Filter,
            ours: &str,
        ) -> Result<Vec<$crate::store::Row>, sqlx::Error> {
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.global);
            query.push(" WHERE 1 = 1");
            // Where few have the status, the index of patterns would be the wrong one: an expression is not in it.
            let few = filter.attention.is_some() || !matches!(filter.status.as_str(), "" | "succeed");
            let pattern = if few { "coalesce(trans_type, '')" } else { "trans_type" };
            for (column, text) in [("gid", &filter.gid), ("status", &filter.status), (pattern, &filter.trans_type)] {
                if !text.is_empty() {
                    query.push(" AND ").push(column).push(" = ").push_bind(text.as_str());
                }
            }
            // Repeats the status in the words of a partial index: without them the planner does not use that index.
            match filter.status.as_str() {
                "" | "succeed" => &mut query,
                "failed" => query.push(" AND status = 'failed'"),
                _ => query.push(" AND ").push(WORDS.unfinished),
            };
            let (before, after, unit) = WORDS.moment;
            for (comparison, of_ids, time, skew) in [
                (">=", " AND id >= ", filter.created_from, -$crate::store::reading::SKEW_MS_MAX),
                ("<=", " AND id < ", filter.created_to, $crate::store::reading::SKEW_MS_MAX),
            ] {
                let Some(time) = time else { continue };
                query.push(" AND create_time ").push(comparison).push(before);
                query.push_bind(time.as_millis() / unit).push(after);
                if filter.attention.is_none() {
                    let bound = first_after(readers, time.as_millis().saturating_add(skew)).await?;
                    query.push(of_ids).push_bind(bound);
                }
            }
            // Few are unfinished. A sum keeps the planner from the order of the ids, in which it would meet all the finished.
            let id = if filter.attention.is_some() { "id + 0" } else { "id" };
            if let Some((attention, now)) = filter.attention {
                query.push(WORDS.needs(attention, ours, now));
            }
            if let Some(position) = filter.position {
                query.push(" AND ").push(id).push(" < ").push_bind(position);
            }
            query.push(" ORDER BY ").push(id).push(" DESC LIMIT ").push_bind(i64::from(filter.limit));
            // A plan for any value would be wrong for a rare one.
            let plan_is_kept = !filter.gid.is_empty();
            with_branches(readers, query, plan_is_kept).await
        }

        /// The smallest id of a transaction that was created after this time, as far as ids grow with the time.
        async fn first_after(readers: &sqlx::Pool<$database>, millis: i64) -> Result<i64, sqlx::Error> {
            // Both in one query of the table would read all of its ids on SQLite.
            let ends: (Option<i64>, Option<i64>) =
                sqlx::query_as("SELECT (SELECT min(id) FROM trans_global), (SELECT max(id) FROM trans_global)")
                    .fetch_one(readers)
                    .await?;
            let (Some(mut low), Some(last)) = ends else { return Ok(0) };
            let mut high = last.saturating_add(1);
            while low < high {
                let middle = low + (high - low) / 2;
                let mut query = sqlx::QueryBuilder::<$database>::new("SELECT id, ");
                query.push(WORDS.created_ms).push(" FROM trans_global WHERE id >= ").push_bind(middle);
                query.push(" ORDER BY id LIMIT 1");
                let row: Option<(i64, Option<i64>)> = query.build_query_as().fetch_optional(readers).await?;
                match row {
                    Some((id, created)) if id < high && created.is_none_or(|created| created <= millis) => low = id + 1,
                    Some(_) | None => high = middle,
                }
            }
            Ok(low)
        }

        /// How many transactions are unfinished, for each pattern.
        pub(super) async fn unfinished(
            readers: &sqlx::Pool<$database>,
            ours: &str,
            now: $crate::engine::Time,
        ) -> Result<Vec<$crate::store::Unfinished>, sqlx::Error> {
            let sql = sqlx::AssertSqlSafe(WORDS.unfinished(ours, now));
            sqlx::query_as(sql).fetch_all(readers).await
        }

        /// The leases, for each coordinator that has one.
        #[cfg_attr(not(feature = "console"), allow(dead_code, reason = "for a page of the console"))]
        pub(super) async fn leases(
            readers: &sqlx::Pool<$database>,
            now: $crate::engine::Time,
        ) -> Result<Vec<$crate::store::Leases>, sqlx::Error> {
            sqlx::query_as(sqlx::AssertSqlSafe(WORDS.leases(now))).fetch_all(readers).await
        }

        /// The rows of these gids, oldest first, with their branches.
        pub(super) async fn load_all(
            readers: &sqlx::Pool<$database>,
            gids: &[String],
        ) -> Result<Vec<$crate::store::Row>, sqlx::Error> {
            if gids.is_empty() {
                return Ok(Vec::new());
            }
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.global);
            query.push(" WHERE gid IN (");
            let mut separated = query.separated(", ");
            for gid in gids {
                separated.push_bind(gid.as_str());
            }
            query.push(") ORDER BY id");
            with_branches(readers, query, true).await
        }

        async fn with_branches(
            readers: &sqlx::Pool<$database>,
            mut query: sqlx::QueryBuilder<$database>,
            plan_is_kept: bool,
        ) -> Result<Vec<$crate::store::Row>, sqlx::Error> {
            let query = query.build_query_as().persistent(plan_is_kept);
            let rows: Vec<$crate::store::Row> = query.fetch_all(readers).await?;
            if rows.is_empty() {
                return Ok(rows);
            }
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.branches);
            query.push(" WHERE gid IN (");
            let mut gids = query.separated(", ");
            for row in &rows {
                gids.push_bind(row.gid.as_str());
            }
            query.push(")");
            Ok($crate::store::join_branches(rows, query.build_query_as().fetch_all(readers).await?))
        }

        pub(super) async fn kv_get(
            readers: &sqlx::Pool<$database>,
            cat: &str,
            k: &str,
        ) -> Result<Option<$crate::store::KvRow>, sqlx::Error> {
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.kv);
            query.push(" WHERE cat = ").push_bind(cat).push(" AND k = ").push_bind(k);
            query.build_query_as().fetch_optional(readers).await
        }

        pub(super) async fn kv_scan(
            readers: &sqlx::Pool<$database>,
            cat: &str,
            position: i64,
            limit: u32,
        ) -> Result<Vec<$crate::store::KvRow>, sqlx::Error> {
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.kv);
            query.push(" WHERE cat = ").push_bind(cat).push(" AND id < ").push_bind(position);
            query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
            query.build_query_as().fetch_all(readers).await
        }
    };
}

pub(super) use readings;
