//! The outbox on MySQL and MariaDB.

use sqlx::error::DatabaseError;
use sqlx::{MySql, MySqlConnection, QueryBuilder};

use super::{Claimed, OutboxRecord, OutboxRow, OutboxRows, OutboxState, ms};
use crate::database::mysql::number;
use crate::protocol::OutboxTable;

/// The present time in milliseconds since 1970.
macro_rules! now {
    () => {
        "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    };
}

/// A text, and after it a list of gids in brackets.
fn with_list(sql: &'static str, gids: &[String]) -> QueryBuilder<MySql> {
    let mut query = QueryBuilder::new(sql);
    let mut list = query.separated(", ");
    for gid in gids {
        list.push_bind(gid.clone());
    }
    query.push(")");
    query
}

impl OutboxRows for MySql {
    async fn insert_message(conn: &mut MySqlConnection, row: OutboxRow<'_>, _: bool) -> Result<bool, sqlx::Error> {
        // A plain INSERT, as the barrier's. The table is ours: its one unique key is the gid, compared byte for byte.
        let inserted = sqlx::query(concat!(
            "INSERT INTO branchwire_outbox (gid, state, `body`, created_ms, due_ms, owner) VALUES (?, ?, ?, ",
            now!(),
            ", ",
            now!(),
            " + ?, ?)"
        ))
        .bind(row.gid)
        .bind(row.state.as_str())
        .bind(row.body)
        .bind(row.due_in_ms)
        .bind(row.owner)
        .execute(conn)
        .await;
        match inserted {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if number(error.as_ref()) == 1062 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// InnoDB shows a commit before its log is on disk, and a COMMIT that wrote nothing does not wait for the log. So this
    /// writes.
    async fn message(conn: &mut MySqlConnection, gid: &str, _: bool) -> Result<Option<OutboxRecord>, sqlx::Error> {
        sqlx::query("UPDATE branchwire_outbox SET seen = 1 - seen WHERE gid = ?").bind(gid).execute(&mut *conn).await?;
        let row: Option<(String, String)> = sqlx::query_as("SELECT state, `body` FROM branchwire_outbox WHERE gid = ?")
            .bind(gid)
            .fetch_optional(conn)
            .await?;
        row.map(|(state, body)| Ok(OutboxRecord { state: OutboxState::read(&state)?, body })).transpose()
    }

    /// Looks without locks first, and then takes the rows one by one by their key: a locking look over the index would wait
    /// for senders that are at work.
    async fn claim(
        conn: &mut MySqlConnection,
        owner: &str,
        lease_ms: i64,
        rows: u32,
        _: bool,
    ) -> Result<Vec<Claimed>, sqlx::Error> {
        let due: Vec<(String,)> = sqlx::query_as(concat!(
            "SELECT gid FROM branchwire_outbox WHERE state = 'waiting' AND due_ms <= ",
            now!(),
            " ORDER BY due_ms LIMIT ?"
        ))
        .bind(rows)
        .fetch_all(&mut *conn)
        .await?;
        let mut claimed = Vec::new();
        for (gid,) in due {
            let taken = sqlx::query(concat!(
                "UPDATE branchwire_outbox SET seen = 1 - seen, owner = ?, due_ms = ",
                now!(),
                " + ? WHERE gid = ? AND state = 'waiting' AND due_ms <= ",
                now!()
            ))
            .bind(owner)
            .bind(lease_ms)
            .bind(&gid)
            .execute(&mut *conn)
            .await?;
            if taken.rows_affected() == 1 {
                claimed.push(gid);
            }
        }
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, String, i32, i64)> = with_list(
            concat!("SELECT gid, `body`, refusals, ", now!(), " - created_ms FROM branchwire_outbox WHERE gid IN ("),
            &claimed,
        )
        .build_query_as()
        .persistent(false)
        .fetch_all(conn)
        .await?;
        let claimed = |(gid, body, refusals, age): (_, _, i32, _)| Claimed {
            gid,
            body,
            refusals: refusals.unsigned_abs(),
            age: ms(age),
        };
        Ok(rows.into_iter().map(claimed).collect())
    }

    async fn next_due_ms(conn: &mut MySqlConnection, _: bool) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(concat!("SELECT MIN(due_ms) - ", now!(), " FROM branchwire_outbox WHERE state = 'waiting'"))
            .fetch_one(conn)
            .await
    }

    async fn mark_sent(conn: &mut MySqlConnection, gids: &[String], _: bool) -> Result<(), sqlx::Error> {
        with_list(
            concat!(
                "UPDATE branchwire_outbox SET state = 'sent', `body` = '', due_ms = ",
                now!(),
                " WHERE state = 'waiting' AND gid IN ("
            ),
            gids,
        )
        .build()
        .persistent(false)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn put_back(
        conn: &mut MySqlConnection,
        gids: &[String],
        owner: &str,
        after_ms: i64,
        refusals: i32,
        _: bool,
    ) -> Result<(), sqlx::Error> {
        let mut query = QueryBuilder::new(concat!("UPDATE branchwire_outbox SET due_ms = ", now!(), " + "));
        query.push_bind(after_ms).push(", refusals = refusals + ").push_bind(refusals);
        query.push(" WHERE state = 'waiting' AND owner = ").push_bind(owner.to_owned()).push(" AND gid IN (");
        let mut list = query.separated(", ");
        for gid in gids {
            list.push_bind(gid.clone());
        }
        query.push(")");
        query.build().persistent(false).execute(conn).await.map(drop)
    }

    async fn set_aside(conn: &mut MySqlConnection, gid: &str, reason: &str, _: bool) -> Result<(), sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE branchwire_outbox SET state = 'aside', reason = ?, due_ms = ",
            now!(),
            " WHERE gid = ? AND state = 'waiting'"
        ))
        .bind(reason)
        .bind(gid)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn retry_stuck(conn: &mut MySqlConnection, _: bool) -> Result<u64, sqlx::Error> {
        sqlx::query(concat!(
            "UPDATE branchwire_outbox SET state = 'waiting', refusals = 0, reason = '', due_ms = ",
            now!(),
            ", created_ms = ",
            now!(),
            " WHERE state = 'aside'"
        ))
        .execute(conn)
        .await
        .map(|changed| changed.rows_affected())
    }

    async fn stuck(conn: &mut MySqlConnection, rows: u32, _: bool) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
        sqlx::query_as(concat!(
            "SELECT gid, reason, ",
            now!(),
            " - created_ms FROM branchwire_outbox WHERE state = 'aside' ORDER BY due_ms LIMIT ?"
        ))
        .bind(rows)
        .fetch_all(conn)
        .await
    }

    async fn counts(conn: &mut MySqlConnection, _: bool) -> Result<(i64, Option<i64>, i64), sqlx::Error> {
        sqlx::query_as(concat!(
            "SELECT CAST(COALESCE(SUM(state = 'waiting'), 0) AS SIGNED), ",
            now!(),
            " - MIN(IF(state = 'waiting', created_ms, NULL)), CAST(COALESCE(SUM(state = 'aside'), 0) AS SIGNED) ",
            "FROM branchwire_outbox WHERE state IN ('waiting', 'aside')"
        ))
        .fetch_one(conn)
        .await
    }

    async fn remove_messages(
        conn: &mut MySqlConnection,
        older_than_s: i64,
        rows: u32,
        _: bool,
    ) -> Result<u64, sqlx::Error> {
        let mut removed = 0;
        for state in [OutboxState::Sent, OutboxState::RolledBack] {
            removed += sqlx::query(concat!(
                "DELETE FROM branchwire_outbox WHERE state = ? AND due_ms < ",
                now!(),
                " - ? * 1000 ORDER BY due_ms LIMIT ?"
            ))
            .bind(state.as_str())
            .bind(older_than_s)
            .bind(rows)
            .execute(&mut *conn)
            .await?
            .rows_affected();
        }
        Ok(removed)
    }

    fn has_no_place(error: &(dyn DatabaseError + 'static)) -> bool {
        // no database selected
        number(error) == 1046
    }

    async fn create_outbox(conn: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(OutboxTable::MYSQL.create).execute(conn).await.map(drop)
    }
}
