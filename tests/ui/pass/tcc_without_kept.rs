//! A TCC whose confirm and cancel need only the payload, as counters do.

use branchwire::prelude::*;
use branchwire::tcc::CallError;
use branchwire::{TccAddress, TccBranch};
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct Sum {
    pub cents: i64,
}

#[branchwire::service("/api/bank")]
pub mod bank {
    use super::*;

    /// Sets the money aside; the caller is told how much is left.
    #[tcc_try]
    pub async fn freeze(tx: &mut Tx<Bank>, req: Sum) -> Result<i64, BranchError> {
        let sql = "UPDATE account SET free = free - $1, frozen = frozen + $1 WHERE free >= $1 RETURNING free";
        let left = sqlx::query_scalar(sql).bind(req.cents).fetch_optional(&mut *tx).await?;
        left.or_refuse("not enough money")
    }

    #[tcc_confirm(of = freeze)]
    pub async fn pay(tx: &mut Tx<Bank>, req: Sum) -> Result<(), Retry> {
        sqlx::query("UPDATE account SET frozen = frozen - $1").bind(req.cents).execute(&mut *tx).await?;
        Ok(())
    }

    #[tcc_cancel(of = freeze)]
    pub async fn thaw(tx: &mut Tx<Bank>, req: Sum) -> Result<(), Retry> {
        let sql = "UPDATE account SET frozen = frozen - $1, free = free + $1";
        sqlx::query(sql).bind(req.cents).execute(&mut *tx).await?;
        Ok(())
    }
}

/// Outside of a service.
pub mod tries {
    use super::*;

    #[tcc_try]
    pub async fn hold(_: &mut Tx<Bank>, _: i64) -> Result<i64, BranchError> {
        Ok(1)
    }
}

#[tcc_confirm(of = tries::hold)]
pub async fn take(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
    Ok(())
}

#[tcc_cancel(of = tries::hold)]
pub async fn release(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
    Ok(())
}

async fn pay(client: &Client, bank: &bank::Remote, hold: &TccAddress<i64, i64>) -> Option<i64> {
    let foreign = TccBranch::url("http://x/try", "http://x/confirm", "http://x/cancel", &1).ok()?;
    let paid = client.tcc().run(async |tcc| {
        tcc.call(foreign).await?;
        let sum = tcc.call(hold.with(&3)).await?;
        let left = tcc.call(bank.freeze(&Sum { cents: sum })).await?;
        Ok::<_, CallError>(left)
    });
    match paid.await {
        Ok(TccDone::Confirmed { value, .. }) => Some(value),
        Ok(TccDone::Unknown { value, .. }) => value,
        Ok(TccDone::Repeated { .. } | TccDone::Stopped { .. }) | Err(_) => None,
    }
}

#[tokio::test]
async fn nothing_is_paid_without_a_coordinator() {
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let (bank, hold) = (bank::at("http://bank").unwrap(), branchwire::at::<tries::hold>("http://bank").unwrap());
    assert_eq!(pay(&client, &bank, &hold).await, None);
    let _: axum::Router<Bank> = bank::router().branch::<tries::hold>().branch::<take>().branch::<release>();
}
