// A payload with a field of another type.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[msg_branch]
pub async fn trans_in(_tx: &mut Tx<Bank>, _req: Transfer) -> Result<(), Retry> {
    Ok(())
}

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let trans_in = branchwire::at::<trans_in>("http://bank-b:8080")?;
    client.msg(trans_in.with(&Transfer { amount: "30" })).submit().await?;
    Ok(())
}

fn main() {}
