//! The barrier on PostgreSQL.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres, Row};

use super::dialect::{BarrierDialect, Batch};
use super::named::Named;
use super::row::{BarrierRow, is_plain};
use crate::database::{Driver, Inserted, Isolation, Wait, WeakSetting};
use crate::protocol::BarrierTable;

/// The insert, with these values.
macro_rules! insert {
    ($values:literal) => {
        concat!(
            "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES (",
            $values,
            ") ON CONFLICT ON CONSTRAINT uniq_barrier DO NOTHING"
        )
    };
}

/// The insert, for texts.
const INSERT: Named = Named {
    name: "branchwire_barrier_1",
    prepare: concat!("PREPARE branchwire_barrier_1 AS ", insert!("$1, $2, $3, $4, $5, $6")),
};

impl BarrierDialect for Postgres {
    /// One text for both saves a round trip. Only of plain names, so that nothing has to be escaped. Where a session does not
    /// keep statements, the server reads and plans the insert anew. With bounded waits it takes two round trips: older
    /// servers measure the timeout of statements from the begin of the text.
    async fn begin_with(
        conn: &mut PgConnection,
        isolation: Isolation,
        wait: Wait,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> Result<Inserted, sqlx::Error> {
        let begin = Self::begin(isolation, wait);
        let BarrierRow { trans_type, gid, branch_id, op, barrier_id, reason } = row;
        let names = [trans_type, gid, branch_id, op, barrier_id, reason];
        if wait == Wait::Bounded || !names.into_iter().all(is_plain) {
            Self::run(conn, begin).await?;
            return Self::insert(conn, row, cached).await;
        }
        if cached {
            let row = format!("'{trans_type}', '{gid}', '{branch_id}', '{op}', '{barrier_id}', '{reason}'");
            if let Some(rows) = INSERT.begin_with(conn, begin, &row).await? {
                return Ok((rows == 1).into());
            }
        }
        let text = format!(
            concat!("{}; ", insert!("'{}', '{}', '{}', '{}', '{}', '{}'")),
            begin, trans_type, gid, branch_id, op, barrier_id, reason
        );
        // The begin has affected no row.
        Ok((conn.execute(AssertSqlSafe(text)).await?.rows_affected() == 1).into())
    }

    async fn insert(conn: &mut PgConnection, row: BarrierRow<'_>, cached: bool) -> Result<Inserted, sqlx::Error> {
        let inserted = sqlx::query(insert!("$1, $2, $3, $4, $5, $6"))
            .bind(row.trans_type)
            .bind(row.gid)
            .bind(row.branch_id)
            .bind(row.op)
            .bind(row.barrier_id)
            .bind(row.reason)
            .persistent(cached)
            .execute(conn)
            .await?;
        Ok((inserted.rows_affected() == 1).into())
    }

    async fn durable_reason(
        conn: &mut PgConnection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> Result<Option<String>, sqlx::Error> {
        // PostgreSQL shows a commit only after its log record is on disk.
        if cached {
            return Self::reason(conn, row, cached).await;
        }
        // A statement that is not kept takes two round trips, and a pooler keeps the session for both only within a
        // transaction. Dropped half-way, or after an error, the session rolls back.
        let mut tx = conn.begin().await?;
        let reason = Self::reason(&mut tx, row, cached).await?;
        tx.commit().await?;
        Ok(reason)
    }

    async fn reason(conn: &mut PgConnection, row: BarrierRow<'_>, cached: bool) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT reason FROM dtm_barrier.barrier WHERE gid = $1 AND branch_id = $2 AND op = $3 AND barrier_id = $4",
        )
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .persistent(cached)
        .fetch_optional(conn)
        .await
    }

    async fn keep(conn: &mut PgConnection, row: BarrierRow<'_>, data: &[u8], cached: bool) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO dtm_barrier.branchwire_kept (gid, branch_id, data) VALUES ($1, $2, $3)")
            .bind(row.gid)
            .bind(row.branch_id)
            .bind(data)
            .persistent(cached)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn kept(conn: &mut PgConnection, row: BarrierRow<'_>, cached: bool) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT data FROM dtm_barrier.branchwire_kept WHERE gid = $1 AND branch_id = $2")
            .bind(row.gid)
            .bind(row.branch_id)
            .persistent(cached)
            .fetch_optional(conn)
            .await
    }

    async fn change_reason(conn: &mut PgConnection, row: BarrierRow<'_>, to: &str) -> Result<bool, sqlx::Error> {
        // In a transaction, for poolers: see `durable_reason`.
        let mut tx = conn.begin().await?;
        let changed = sqlx::query(
            "UPDATE dtm_barrier.barrier SET reason = $1 \
             WHERE gid = $2 AND branch_id = $3 AND op = $4 AND barrier_id = $5 AND reason = $6",
        )
        .bind(to)
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .bind(row.reason)
        .persistent(false)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(changed.rows_affected() == 1)
    }

    async fn create_table(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        // Two creations at once collide even with IF NOT EXISTS, so they take turns.
        conn.execute("BEGIN; SELECT pg_advisory_xact_lock(7813574231146352)").await?;
        conn.execute(BarrierTable::POSTGRES.create).await?;
        conn.execute("COMMIT").await.map(drop)
    }

    async fn table_settings(conn: &mut PgConnection) -> Result<Vec<WeakSetting>, sqlx::Error> {
        // As one plain query, which every pooler passes on whole.
        let unlogged = sqlx::raw_sql(
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'dtm_barrier' AND c.relname IN ('barrier', 'branchwire_kept', 'branchwire_outbox') \
             AND c.relkind = 'r' AND c.relpersistence = 'u' ORDER BY 1",
        )
        .fetch_all(conn)
        .await?;
        let advice = "`ALTER TABLE .. SET LOGGED`: a crash of the server empties an unlogged table";
        let weak = |row: &PgRow| {
            Ok(WeakSetting::new("UNLOGGED", format!("dtm_barrier.{}", row.try_get::<String, _>(0)?), advice))
        };
        unlogged.iter().map(weak).collect()
    }

    type Place = i64;

    async fn look(
        conn: &mut PgConnection,
        after: &i64,
        older_than_s: i64,
        rows: u32,
    ) -> Result<Option<Batch<i64>>, sqlx::Error> {
        // As one plain query, which every pooler passes on whole. Its arguments are numbers.
        let row = sqlx::raw_sql(AssertSqlSafe(format!(
            "SELECT max(id), count(*) FILTER (WHERE create_time < now() - {older_than_s} * interval '1 second') \
             FROM (SELECT id, create_time FROM dtm_barrier.barrier WHERE id > {after} ORDER BY id LIMIT {rows}) AS batch"
        )))
        .fetch_one(conn)
        .await?;
        // Ids and times grow together, except for moments: after a whole batch of young rows all rows are young.
        Ok(match (row.try_get(0)?, row.try_get::<i64, _>(1)?) {
            (None, _) | (_, 0) => None,
            (Some(to), _) => Some(Batch { to, has_old: true }),
        })
    }

    async fn remove(
        conn: &mut PgConnection,
        after: &i64,
        to: &i64,
        older_than_s: i64,
        cached: bool,
    ) -> Result<u64, sqlx::Error> {
        // First what was kept: the barrier rows say what is old.
        sqlx::query(
            "DELETE FROM dtm_barrier.branchwire_kept AS kept USING dtm_barrier.barrier AS barrier \
             WHERE kept.gid = barrier.gid AND kept.branch_id = barrier.branch_id \
             AND id > $1 AND id <= $2 AND create_time < now() - $3 * interval '1 second'",
        )
        .bind(after)
        .bind(to)
        .bind(older_than_s)
        .persistent(cached)
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "DELETE FROM dtm_barrier.barrier \
             WHERE id > $1 AND id <= $2 AND create_time < now() - $3 * interval '1 second'",
        )
        .bind(after)
        .bind(to)
        .bind(older_than_s)
        .persistent(cached)
        .execute(conn)
        .await
        .map(|removed| removed.rows_affected())
    }

    const TABLE: BarrierTable = BarrierTable::POSTGRES;
    const DATABASE: &'static str = "postgres";
}
