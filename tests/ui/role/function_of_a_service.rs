// An ordinary function of a service as its branch.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    pub fn fee() -> i64 {
        1
    }

    #[msg_branch]
    pub async fn bonus(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let bank_b = bank_b::at("http://bank-b:8080")?;
    client.msg(bank_b.fee()).submit().await?;
    Ok(())
}

fn main() {}
