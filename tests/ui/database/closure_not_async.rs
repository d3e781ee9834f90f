// A local transaction by a closure that is not async.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: Bank);

pub async fn send(client: Client, bank: Bank) -> Result<(), Box<dyn std::error::Error>> {
    let prepared = branchwire::at::<transfer_prepared>("http://bank-a:8080")?;
    client.msg(branchwire::MsgBranch::topic("transfers", &30)).do_and_submit(prepared, &bank, |tx| Ok(())).await?;
    Ok(())
}

fn main() {}
