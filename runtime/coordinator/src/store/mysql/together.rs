//! A batch in few statements: its writes succeed together, or nothing is written.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::MySqlConnection;

use super::change;
use super::insert;
use super::script::Script;
use super::transaction::Transaction;
use crate::store::Write;

/// The number of the error by which a change that does not hold ends the execution: a value out of range. No other
/// statement of ours calculates with numbers that large.
pub(super) const REFUSED: u16 = 1690;

/// From how many changes on some are mostly alike. With fewer, the checks cost more than is saved.
const CHANGES_MIN: usize = 3;

/// Whether the batch may hold as a whole, and gains by it.
pub(super) fn suits(writes: &[Write]) -> bool {
    let mut changes = 0;
    let mut appends = false;
    for write in writes {
        match write {
            Write::Create { .. } => {}
            Write::Change(change) => {
                changes += 1;
                appends |= !change.appended.is_empty();
            }
            Write::Park { .. } => return false,
        }
    }
    changes >= CHANGES_MIN || (appends && writes.len() > 1)
}

/// Executes creations and changes, except the creation of the gids in `there`. Changes that are alike share a
/// statement, which costs the database much less than one for each. They are committed when it returns.
///
/// # Errors
/// [`REFUSED`] if one of the changes does not hold, or a duplicate key: that of a gid, or of an appended branch. Nothing is
/// committed then.
pub(super) async fn execute(
    there: &HashSet<String>,
    connection: &mut MySqlConnection,
    time_zone_s: i32,
    writes: &[Write],
) -> Result<(), sqlx::Error> {
    let mut transaction = Transaction::begin(connection, time_zone_s);
    insert::transactions(&mut transaction, writes, there).await?;
    for ((_, update), gids) in alike(writes, time_zone_s) {
        for gids in gids.chunks(change::ROWS_MAX) {
            transaction.script.add(&update);
            change::of_gids(&mut transaction.script, gids);
            all_changed(&mut transaction.script, gids.len());
            transaction.send_if_long().await?;
        }
    }
    // With the locks on the rows of their transactions, so that no other coordinator can add the same branch meanwhile.
    let mut branches = insert::of_created(writes, there);
    branches.extend(insert::of_changed(writes));
    insert::branches(&mut transaction, &branches).await?;
    change::branches(&mut transaction, writes).await?;
    transaction.commit().await.map(drop)
}

/// The gids of the changes that are alike: their statements are the same up to the gid. A second change of one gid is
/// never alike with the first, and comes after it.
fn alike(writes: &[Write], time_zone_s: i32) -> BTreeMap<(usize, Script), Vec<&str>> {
    let mut changes_of = HashMap::new();
    let mut alike: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for write in writes {
        let Write::Change(change) = write else { continue };
        let mut update = Script::new(time_zone_s);
        change::update(&mut update, change, false);
        let gid = change.gid.as_str();
        let earlier: &mut usize = changes_of.entry(gid).or_default();
        alike.entry((*earlier, update)).or_default().push(gid);
        *earlier += 1;
    }
    alike
}

/// Ends the execution with an error if the statement just before changed fewer rows: the COMMIT is then not reached.
fn all_changed(script: &mut Script, rows: usize) {
    // No number is greater than `~0`. (`DO` would not report the error.)
    script.sql("SET @missing = ~0 + (").int(i64::try_from(rows).unwrap_or(i64::MAX)).sql(" - ROW_COUNT())").end();
}
