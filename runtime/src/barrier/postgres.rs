//! The barrier on PostgreSQL.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres, Row};

use super::dialect::{BarrierDialect, Batch};
use super::row::BarrierRow;
use crate::protocol::BarrierTable;

impl BarrierDialect for Postgres {
    async fn insert(conn: &mut PgConnection, row: BarrierRow<'_>, cached: bool) -> Result<bool, sqlx::Error> {
        let inserted = sqlx::query(
            "INSERT INTO dtm_barrier.barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT ON CONSTRAINT uniq_barrier DO NOTHING",
        )
        .bind(row.trans_type)
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .bind(row.reason)
        .persistent(cached)
        .execute(conn)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn durable_reason(
        conn: &mut PgConnection,
        row: BarrierRow<'_>,
        cached: bool,
    ) -> Result<Option<String>, sqlx::Error> {
        // PostgreSQL shows a commit only after its log record is on disk.
        let select = sqlx::query_scalar(
            "SELECT reason FROM dtm_barrier.barrier WHERE gid = $1 AND branch_id = $2 AND op = $3 AND barrier_id = $4",
        )
        .bind(row.gid)
        .bind(row.branch_id)
        .bind(row.op)
        .bind(row.barrier_id)
        .persistent(cached);
        if cached {
            return select.fetch_optional(conn).await;
        }
        // A statement that is not kept takes two round trips, and a pooler keeps the session for both only within a
        // transaction. Dropped half-way, or after an error, the session rolls back.
        let mut tx = conn.begin().await?;
        let reason = select.fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        Ok(reason)
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
