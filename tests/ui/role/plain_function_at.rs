// The address of a function without a role is asked for.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

async fn debit(_: &mut Tx<BankA>) -> Result<(), Retry> {
    Ok(())
}

fn send() {
    let _ = branchwire::at::<debit>("http://bank-a:8080");
}

fn main() {}
