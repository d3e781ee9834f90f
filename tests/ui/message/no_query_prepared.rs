// A local transaction that nobody can ask about.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

pub async fn send(client: Client, bank: Bank) -> Result<(), Box<dyn std::error::Error>> {
    client.msg(branchwire::MsgBranch::topic("transfers", &30)).do_and_submit(&bank, debit).await?;
    Ok(())
}

async fn debit(_: &mut Tx<Bank>) -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {}
