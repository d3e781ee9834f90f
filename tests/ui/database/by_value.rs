// A database by value.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[query_prepared]
pub fn transfer_prepared(db: Bank);

pub async fn send(client: Client, bank: Bank) -> Result<(), Box<dyn std::error::Error>> {
    let prepared = branchwire::at::<transfer_prepared>("http://bank-a:8080")?;
    client.msg(branchwire::MsgBranch::topic("transfers", &30)).do_and_submit(prepared, bank, debit).await?;
    Ok(())
}

async fn debit(_: &mut Tx<Bank>) -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {}
