//! The statements that read.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool};

use crate::engine::Time;
use crate::store::{BranchRow, Filter, KvRow, Row, join_branches};

pub(super) async fn next_due(readers: &SqlitePool) -> Result<Option<Time>, sqlx::Error> {
    let due: Option<i64> = sqlx::query_scalar(
        "SELECT min(next_cron_time) FROM trans_global WHERE status IN ('prepared', 'aborting', 'submitted')",
    )
    .fetch_one(readers)
    .await?;
    Ok(due.map(Time::from_millis).filter(|due| *due < Time::MAX))
}

pub(super) async fn load(readers: &SqlitePool, gid: &str) -> Result<Option<Row>, sqlx::Error> {
    let filter = Filter { gid: gid.to_owned(), limit: 1, ..Filter::default() };
    Ok(list(readers, &filter).await?.pop())
}

pub(super) async fn list(readers: &SqlitePool, filter: &Filter) -> Result<Vec<Row>, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM trans_global WHERE 1 = 1");
    if !filter.gid.is_empty() {
        query.push(" AND gid = ").push_bind(filter.gid.as_str());
    }
    if !filter.status.is_empty() {
        query.push(" AND status = ").push_bind(filter.status.as_str());
        // Said once more in the words of a partial index, without which SQLite does not find it.
        match filter.status.as_str() {
            "failed" => query.push(" AND status = 'failed'"),
            "succeed" => &mut query,
            _ => query.push(" AND status IN ('prepared', 'aborting', 'submitted')"),
        };
    }
    if !filter.trans_type.is_empty() {
        query.push(" AND trans_type = ").push_bind(filter.trans_type.as_str());
    }
    if let Some(from) = filter.created_from {
        query.push(" AND create_time >= ").push_bind(from.as_millis());
    }
    if let Some(to) = filter.created_to {
        query.push(" AND create_time <= ").push_bind(to.as_millis());
    }
    if let Some(position) = filter.position {
        query.push(" AND id < ").push_bind(position);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
    let rows = query.build().fetch_all(readers).await?.iter().map(global).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM trans_branch_op WHERE gid IN (");
    let mut gids = query.separated(", ");
    for row in &rows {
        gids.push_bind(row.gid.as_str());
    }
    query.push(")");
    let branches = query.build().fetch_all(readers).await?.iter().map(branch).collect::<Result<Vec<_>, _>>()?;
    Ok(join_branches(rows, branches))
}

fn global(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    Ok(Row {
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
    })
}

fn branch(row: &SqliteRow) -> Result<BranchRow, sqlx::Error> {
    Ok(BranchRow {
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

pub(super) async fn kv_get(readers: &SqlitePool, cat: &str, k: &str) -> Result<Option<KvRow>, sqlx::Error> {
    let row = sqlx::query("SELECT * FROM kv WHERE cat = ? AND k = ?").bind(cat).bind(k).fetch_optional(readers).await?;
    row.as_ref().map(kv).transpose()
}

pub(super) async fn kv_scan(
    readers: &SqlitePool,
    cat: &str,
    position: i64,
    limit: u32,
) -> Result<Vec<KvRow>, sqlx::Error> {
    sqlx::query("SELECT * FROM kv WHERE cat = ? AND id < ? ORDER BY id DESC LIMIT ?")
        .bind(cat)
        .bind(position)
        .bind(limit)
        .fetch_all(readers)
        .await?
        .iter()
        .map(kv)
        .collect()
}

fn kv(row: &SqliteRow) -> Result<KvRow, sqlx::Error> {
    Ok(KvRow {
        id: row.try_get("id")?,
        cat: row.try_get("cat")?,
        k: row.try_get("k")?,
        v: row.try_get("v")?,
        version: row.try_get("version")?,
        create_time: row.try_get("create_time")?,
        update_time: row.try_get("update_time")?,
    })
}
