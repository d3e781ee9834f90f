//! The statements that read.

use sqlx::{Sqlite, SqlitePool};

use crate::engine::Time;
use crate::store::Sweep;
use crate::store::reading::{Words, readings};

const WORDS: Words = Words {
    global: "SELECT *, NULL AS read_at FROM trans_global",
    branches: "SELECT *, position AS id FROM trans_branch_op",
    kv: "SELECT * FROM kv",
    moment: ("", "", 1),
    created_ms: "create_time",
    due_ms: "next_cron_time",
    now_ms: None,
    unfinished: "status NOT IN ('succeed', 'failed')",
};

readings!(Sqlite);

pub(super) async fn next_due(readers: &SqlitePool) -> Result<Option<Time>, sqlx::Error> {
    let due: Option<i64> =
        sqlx::query_scalar("SELECT min(next_cron_time) FROM trans_global WHERE status NOT IN ('succeed', 'failed')")
            .fetch_one(readers)
            .await?;
    Ok(due.map(Time::from_millis).filter(|due| *due < Time::MAX))
}

/// Rows by id, each with the times of its creation and its end.
pub(super) async fn by_id(readers: &SqlitePool, sweep: &Sweep) -> Result<Vec<(i64, i64, Option<i64>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, create_time, CASE WHEN status IN ('succeed', 'failed') \
         THEN coalesce(finish_time, rollback_time, update_time) END FROM trans_global WHERE id > ? ORDER BY id LIMIT ?",
    )
    .bind(sweep.after_id)
    .bind(sweep.limit)
    .fetch_all(readers)
    .await
}
