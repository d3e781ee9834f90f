// A business that is to be repeated, and moves something at its first run.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: Bank);

async fn debit(_: &mut Tx<Bank>, _: String) -> Result<(), Retry> {
    Ok(())
}

pub async fn send(client: Client, bank: Bank, order: String) -> Result<(), Box<dyn std::error::Error>> {
    let prepared = branchwire::at::<transfer_prepared>("http://bank-a:8080")?;
    let message = client.msg(branchwire::MsgBranch::topic("transfers", &30));
    message.do_and_submit_with_retries(prepared, &bank, async |tx| debit(tx, order).await).await?;
    Ok(())
}

fn main() {}
