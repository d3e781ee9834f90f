// A query-prepared is given as a branch of a message.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[branchwire::service("/api/bank-a")]
pub mod bank_a {
    use super::*;

    #[query_prepared]
    pub fn transfer_prepared(db: BankA);
}

fn send(client: Client, bank_a: bank_a::Remote) {
    let _ = client.msg(bank_a.transfer_prepared());
}

fn main() {}
