// An address in a string as query-prepared.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn bonus(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

pub async fn send(client: Client, bank: Bank) -> Result<(), Box<dyn std::error::Error>> {
    let bonus = branchwire::at::<bonus>("http://bank-b:8080")?;
    client.msg(bonus).do_and_submit("http://bank-a:8080/transfer-prepared", &bank, debit).await?;
    Ok(())
}

async fn debit(_: &mut Tx<Bank>) -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {}
