//! Errors on their way out of a branch.

use branchwire::OrRefuse;
use branchwire::prelude::*;

/// The accounts.
#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

/// Of any standard error `?` makes a retry; of a boxed one, and of a text, `or_retry` does.
///
/// # Errors
/// Each of them.
#[msg_branch]
pub async fn trans_in(tx: &mut Tx<Bank>, amount: String) -> Result<(), Retry> {
    let amount: i64 = amount.parse()?;
    boxed(amount).or_retry()?;
    text(amount).or_retry()?;
    sqlx::query("UPDATE user_account SET balance = balance + ?").bind(amount).execute(&mut *tx).await?;
    may_refuse(Some(amount)).or_retry()?;
    Ok(())
}

fn boxed(amount: i64) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if amount < 0 { Err("negative".into()) } else { Ok(()) }
}

fn text(amount: i64) -> Result<(), &'static str> {
    if amount < 0 { Err("negative") } else { Ok(()) }
}

fn may_refuse(amount: Option<i64>) -> Result<i64, String> {
    let checked = || -> Result<i64, BranchError> {
        let amount = amount.or_refuse("no amount")?;
        i32::try_from(amount).or_refuse("too much")?;
        Ok(amount)
    };
    checked().map_err(|error| error.to_string())
}
