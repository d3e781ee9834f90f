// A query-prepared is named, and not called.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[query_prepared]
    pub fn transfer_prepared(db: Bank);
}

async fn debit(_: &mut Tx<Bank>) -> Result<(), std::io::Error> {
    Ok(())
}

pub async fn send(client: Client, db: Bank) -> Result<(), Box<dyn std::error::Error>> {
    let bank = bank::at("http://bank-a:8080")?;
    let message = client.msg(branchwire::MsgBranch::topic("transfers", &30));
    message.do_and_submit(bank.transfer_prepared, &db, debit).await?;
    Ok(())
}

fn main() {}
