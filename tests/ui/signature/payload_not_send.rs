// A payload that stays on its thread.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
    #[serde(skip)]
    pub cache: std::rc::Rc<i64>,
}

#[msg_branch]
pub async fn trans_in(_tx: &mut Tx<Bank>, _req: Transfer) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
