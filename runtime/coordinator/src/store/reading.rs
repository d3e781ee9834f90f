//! The reads that are the same on every database. Each dialect selects its columns under the same names, as text,
//! numbers, and times in milliseconds since the Unix epoch.

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
}

/// The functions that read, for one database: `list`, `kv_get` and `kv_scan`, over `const WORDS: Words`.
macro_rules! readings {
    ($database:ty) => {
        pub(super) async fn list(
            readers: &sqlx::Pool<$database>,
            filter: &$crate::store::Filter,
        ) -> Result<Vec<$crate::store::Row>, sqlx::Error> {
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.global);
            query.push(" WHERE 1 = 1");
            for (column, text) in [("gid", &filter.gid), ("status", &filter.status), ("trans_type", &filter.trans_type)]
            {
                if !text.is_empty() {
                    query.push(" AND ").push(column).push(" = ").push_bind(text.as_str());
                }
            }
            // Repeats the status in the words of a partial index: without them the planner does not use that index.
            match filter.status.as_str() {
                "" | "succeed" => &mut query,
                "failed" => query.push(" AND status = 'failed'"),
                _ => query.push(" AND status IN ('prepared', 'aborting', 'submitted')"),
            };
            let (before, after, unit) = WORDS.moment;
            for (comparison, time) in [(">=", filter.created_from), ("<=", filter.created_to)] {
                if let Some(time) = time {
                    query.push(" AND create_time ").push(comparison).push(before);
                    query.push_bind(time.as_millis() / unit).push(after);
                }
            }
            if let Some(position) = filter.position {
                query.push(" AND id < ").push_bind(position);
            }
            query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.limit));
            with_branches(readers, query).await
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
            with_branches(readers, query).await
        }

        async fn with_branches(
            readers: &sqlx::Pool<$database>,
            mut query: sqlx::QueryBuilder<$database>,
        ) -> Result<Vec<$crate::store::Row>, sqlx::Error> {
            let rows: Vec<$crate::store::Row> = query.build_query_as().fetch_all(readers).await?;
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
