// A closure returns an async block, instead of being async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: Bank);

async fn debit(_: &mut Tx<Bank>) -> Result<(), std::io::Error> {
    Ok(())
}

pub async fn send(client: Client, bank: Bank) -> Result<(), Box<dyn std::error::Error>> {
    let prepared = branchwire::at::<transfer_prepared>("http://bank-a:8080")?;
    let message = client.msg(branchwire::MsgBranch::topic("transfers", &30));
    message.do_and_submit(prepared, &bank, |tx| async move { debit(tx).await }).await?;
    Ok(())
}

fn main() {}
