// A remote branch less visible than its service.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b", remote)]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    fn trans_in(req: Transfer);
}

fn main() {}
