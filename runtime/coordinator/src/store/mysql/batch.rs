//! A batch of writes as one text of many statements with the COMMIT. That is one round trip, and the database holds no
//! lock while it waits for a coordinator that may have stopped; but for a statement that fails, until the ROLLBACK.

use std::collections::HashSet;

use sqlx::MySqlConnection;

use super::transaction::Transaction;
use super::{change, error, insert, together};
use crate::store::{Write, WriteOutcome};

/// Executes the writes; they are committed when it returns. If they are `in_doubt`, that is if an earlier attempt may
/// have executed them, a row that already has the new values counts as changed.
pub(super) async fn execute(
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<WriteOutcome>, sqlx::Error> {
    let mut there = HashSet::new();
    // Mostly all writes hold.
    let mut is_together = !in_doubt && together::suits(writes);
    loop {
        let done = if is_together {
            let all = together::execute(&there, connection, time_zone_s, writes).await;
            all.map(|()| writes.iter().map(|write| outcome(!insert::is_there(write, &there))).collect())
        } else {
            one_by_one(&there, connection, time_zone_s, writes, in_doubt).await
        };
        let Err(sqlx::Error::Database(reason)) = &done else { return done };
        let is_duplicate = reason.is_unique_violation();
        let is_refused = is_together && error::number(reason.as_ref()) == together::REFUSED;
        if !is_duplicate && !is_refused {
            return done;
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
        // Look for existing gids only after a duplicate key: most gids are new. `INSERT IGNORE` would also cut texts
        // that are too long, and `INSERT ... SELECT` locks the whole table.
        if is_duplicate && there.is_empty() {
            there = insert::that_are_there(connection, time_zone_s, writes).await?;
            if !there.is_empty() {
                continue;
            }
        }
        if !is_together {
            return done;
        }
        is_together = false;
    }
}

/// Executes each change by a statement of its own, and creates all but the gids in `there`.
async fn one_by_one(
    there: &HashSet<String>,
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
    in_doubt: bool,
) -> Result<Vec<WriteOutcome>, sqlx::Error> {
    let mut transaction = Transaction::begin(connection, time_zone_s);
    insert::transactions(&mut transaction, writes, there).await?;
    insert::branches(&mut transaction, &insert::of_created(writes, there)).await?;
    let mut places = Vec::with_capacity(writes.len());
    for write in writes {
        places.push(transaction.next());
        let script = &mut transaction.script;
        match write {
            Write::Create { .. } => {}
            Write::Change(change) => {
                change::update(script, change, in_doubt);
                change::of_gids(script, &[change.gid.as_str()]);
                insert::append(script, change);
            }
            Write::Park { gid, reason } => change::park(script, gid, reason),
        }
        transaction.send_if_long().await?;
    }
    change::branches(&mut transaction, writes).await?;
    let changed = transaction.commit().await?;
    let outcomes = writes.iter().zip(places).map(|(write, place)| match write {
        Write::Create { .. } => outcome(!insert::is_there(write, there)),
        Write::Change(change) => outcome(changed[place] > 0 && insert::appended(&changed[place..], change)),
        Write::Park { .. } => outcome(changed[place] > 0),
    });
    Ok(outcomes.collect())
}

fn outcome(is_applied: bool) -> WriteOutcome {
    if is_applied { WriteOutcome::Applied } else { WriteOutcome::Conflict }
}
