// A branch that is not given its payload, nor called.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_tx: &mut Tx<Bank>, _req: Transfer) -> Result<(), Retry> {
        Ok(())
    }
}

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let bank_b = bank_b::at("http://bank-b:8080")?;
    client.msg(bank_b.trans_in).submit().await?;
    Ok(())
}

fn main() {}
