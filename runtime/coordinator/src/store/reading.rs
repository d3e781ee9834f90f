//! What is read alike on every database, once each dialect has named its columns alike: text, numbers, and times in
//! milliseconds since the Unix epoch.

/// What differs between databases.
pub(super) struct Words {
    /// `SELECT ... FROM trans_global`, with the columns of [`Row`](super::Row).
    pub(super) global: &'static str,
    /// `SELECT ... FROM trans_branch_op`, with the columns of [`BranchRow`](super::BranchRow).
    pub(super) branches: &'static str,
    /// `SELECT ... FROM kv`, with the columns of [`KvRow`](super::KvRow).
    pub(super) kv: &'static str,
    /// What makes a column's value of a number, before and after it, and how many milliseconds its unit has.
    pub(super) moment: (&'static str, &'static str, i64),
}

/// The functions that read, for one database: `list`, `kv_get` and `kv_scan`, over `const WORDS: Words`.
macro_rules! readings {
    ($database:ty, $row:ty) => {
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
            // A status said once more, in the words of a partial index: without them it is not found.
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
            let rows = query.build().fetch_all(readers).await?.iter().map(global).collect::<Result<Vec<_>, _>>()?;
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
            let branches = query.build().fetch_all(readers).await?.iter().map(branch).collect::<Result<Vec<_>, _>>()?;
            Ok($crate::store::join_branches(rows, branches))
        }

        pub(super) async fn kv_get(
            readers: &sqlx::Pool<$database>,
            cat: &str,
            k: &str,
        ) -> Result<Option<$crate::store::KvRow>, sqlx::Error> {
            let mut query = sqlx::QueryBuilder::<$database>::new(WORDS.kv);
            query.push(" WHERE cat = ").push_bind(cat).push(" AND k = ").push_bind(k);
            query.build().fetch_optional(readers).await?.as_ref().map(kv).transpose()
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
            query.build().fetch_all(readers).await?.iter().map(kv).collect()
        }

        fn global(row: &$row) -> Result<$crate::store::Row, sqlx::Error> {
            use sqlx::Row as _;
            Ok($crate::store::Row {
                id: row.try_get("id")?,
                gid: row.try_get("gid")?,
                trans_type: row.try_get("trans_type")?,
                status: row.try_get("status")?,
                query_prepared: row.try_get("query_prepared")?,
                protocol: row.try_get("protocol")?,
                create_time: row.try_get("create_time")?,
                update_time: row.try_get("update_time")?,
                finish_time: row.try_get("finish_time")?,
                rollback_time: row.try_get("rollback_time")?,
                options: row.try_get("options")?,
                custom_data: row.try_get("custom_data")?,
                next_cron_interval_ms: row.try_get("next_cron_interval")?,
                next_cron_time: row.try_get("next_cron_time")?,
                owner: row.try_get("owner")?,
                ext_data: row.try_get("ext_data")?,
                result: row.try_get("result")?,
                rollback_reason: row.try_get("rollback_reason")?,
                branches: Vec::new(),
                now: row.try_get("read_at")?,
            })
        }

        fn branch(row: &$row) -> Result<$crate::store::BranchRow, sqlx::Error> {
            use sqlx::Row as _;
            Ok($crate::store::BranchRow {
                id: row.try_get("id")?,
                gid: row.try_get("gid")?,
                branch_id: row.try_get("branch_id")?,
                op: row.try_get("op")?,
                url: row.try_get("url")?,
                bin_data: row.try_get("bin_data")?,
                status: row.try_get("status")?,
                finish_time: row.try_get("finish_time")?,
                rollback_time: row.try_get("rollback_time")?,
                create_time: row.try_get("create_time")?,
                update_time: row.try_get("update_time")?,
            })
        }

        fn kv(row: &$row) -> Result<$crate::store::KvRow, sqlx::Error> {
            use sqlx::Row as _;
            Ok($crate::store::KvRow {
                id: row.try_get("id")?,
                cat: row.try_get("cat")?,
                k: row.try_get("k")?,
                v: row.try_get("v")?,
                version: row.try_get("version")?,
                create_time: row.try_get("create_time")?,
                update_time: row.try_get("update_time")?,
            })
        }
    };
}

pub(super) use readings;
