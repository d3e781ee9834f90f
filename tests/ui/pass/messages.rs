//! Messages in all their forms.

use std::error::Error;
use std::time::Duration;

use branchwire::msg::NoBranches;
use branchwire::prelude::*;
use branchwire::{MsgBranch, QueryPrepared};

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Does nothing.
///
/// # Errors
/// None.
#[msg_branch]
pub async fn trans_in(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
    Ok(())
}

/// Asks the barrier.
#[query_prepared]
pub fn transfer_prepared(db: Bank);

async fn debit(tx: &mut Tx<Bank>, amount: i64) -> Result<i64, sqlx::Error> {
    sqlx::query("UPDATE user_account SET balance = balance - ?").bind(amount).execute(&mut *tx).await?;
    Ok(amount)
}

/// With a function of its own for the local transaction.
///
/// # Errors
/// Nothing has happened.
pub async fn transfer(client: &Client, bank: &Bank, asked: QueryPrepared<Bank>) -> Result<Done<i64>, Box<dyn Error>> {
    let to = branchwire::at::<trans_in>("http://bank-b:8080")?;
    let done = client
        .msg(to.with(&30))
        .add(to.with(&20))
        .add(MsgBranch::topic("transfers", &30))
        .add(MsgBranch::url("http://bank-c/in?fast=1", &[1, 2])?)
        .gid(Gid::new("transfer-1")?)
        .delay(Duration::from_secs(1))
        .wait_result()
        .do_and_submit(asked, bank, async |tx| debit(tx, 30).await)
        .await?;
    Ok(done)
}

/// With all of it in a closure.
///
/// # Errors
/// Nothing has happened.
pub async fn inline(client: &Client, bank: &Bank, asked: QueryPrepared<Bank>) -> Result<Gid, Box<dyn Error>> {
    let user = 1;
    let done = client
        .msg(branchwire::at::<trans_in>("http://bank-b:8080")?.with(&30))
        .do_and_submit(asked, bank, async |tx| {
            sqlx::query("UPDATE user_account SET balance = balance - 30 WHERE user_id = ?")
                .bind(user)
                .execute(&mut *tx)
                .await?;
            Ok::<_, sqlx::Error>(())
        })
        .await?;
    match done {
        Done::Submitted { gid, .. }
        | Done::Committed { gid, .. }
        | Done::Repeated { gid, .. }
        | Done::Stopped { gid, .. }
        | Done::EndedEarly { gid }
        | Done::Unknown { gid } => Ok(gid),
    }
}

/// Without a local transaction, to a list.
///
/// # Errors
/// If the list is empty, or nothing has happened.
pub async fn spread(client: &Client, amounts: &[i64]) -> Result<(), Box<dyn Error>> {
    let to = branchwire::at::<trans_in>("http://bank-b:8080")?;
    let message: Result<_, NoBranches> = client.msg_all(amounts.iter().map(|amount| to.with(amount)));
    let _ = message?.concurrent().submit().await?;
    Ok(())
}
